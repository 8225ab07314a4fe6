/* bare_watch — the floor of seeing a write: wait for an event and print the key's name, nothing else. What the agent takes
 * beyond this (who was it, what does the key hold, is that wanted, a log line) is its own doing.
 *
 *	bare_watch bpf DIRECTORY-OF-A-CONTROL-GROUP
 *	bare_watch fanotify */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/bpf/load.h"
#include "agent/watch/bpf.h"
#include "agent/watch/fanotify.h"
#include "proto/clock.h"

static void say(const char *name)
{
	char line[512];
	int n = snprintf(line, sizeof line, "%s\n", name);

	if (write(STDOUT_FILENO, line, (size_t)n) != n)
		_exit(1);
}

static int fail(const struct fault *f)
{
	char line[1024];

	fprintf(stderr, "bare_watch: %s\n", fault_line(f, line, sizeof line));
	return 1;
}

static int watch_bpf(const char *group)
{
	const struct load_options o = { .locks = false };
	struct bpf_loaded l = BPF_LOADED_NONE;
	struct bpf_event events[16];
	struct bpf_reader *r;
	struct fault f = { 0 };
	int64_t resume;
	size_t n;

	if (load_program(group, &o, &l, NULL, &f) || bpf_reader_open(l.ring_fd, l.desk_fd, &r, &f))
		return fail(&f);
	struct pollfd p = { .fd = l.ring_fd, .events = POLLIN };
	while (poll(&p, 1, -1) > 0) {
		bpf_reader_read(r, clock_boot_ms(&clock_system), events, 16, &n, &resume);
		for (size_t i = 0; i < n; i++)
			say(events[i].name);
	}
	return 0;
}

static int watch_fanotify(void)
{
	struct fanotify_event events[16];
	struct fanotify_marks *m;
	struct fault f = { 0 };
	int64_t resume;
	size_t n;
	int root = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0 || fanotify_marks_open("/proc/sys", &m, &f) || fanotify_marks_add(m, "net", true, &f))
		return fail(&f);
	struct fanotify_source s = FANOTIFY_SOURCE(fanotify_marks_fd(m), root);
	struct pollfd p = { .fd = s.fd, .events = POLLIN };
	while (poll(&p, 1, -1) > 0) {
		fanotify_source_read(&s, clock_boot_ms(&clock_system), events, 16, &n, &resume);
		for (size_t i = 0; i < n; i++)
			say(events[i].name.path);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "bpf") == 0)
		return watch_bpf(argv[2]);
	if (argc == 2 && strcmp(argv[1], "fanotify") == 0)
		return watch_fanotify();
	fprintf(stderr, "bare_watch bpf DIRECTORY | bare_watch fanotify\n");
	return 1;
}
