/* The supervisor and its loader: programs of the test's own that answer wrongly or not at all, and the real one, as root of a
 * cgroup namespace of the test's own. Needs root. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/bpf/cgroup2.h"
#include "agent/supervisor/bpf_source.h"
#include "agent/watch/bpf.h"
#include "proto/fileio.h"

static char dir[] = "/tmp/kedge-source-XXXXXX";
static struct agent_config config;

static int set_up(void **state)
{
	(void)state;
	memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
	return mkdtemp(dir) && chmod(dir, 0755) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	char path[128];
	snprintf(path, sizeof path, "%s/kedge-bpf-loader", dir);
	unlink(path);
	return rmdir(dir);
}

static void put_loader(const char *script)
{
	char path[128];
	struct fault f;

	snprintf(path, sizeof path, "%s/kedge-bpf-loader", dir);
	if (file_replace(path, script, strlen(script), 0755, FILE_VOLATILE, &f))
		fail_msg("%s: %s", f.where, f.what);
}

static void bad_loaders(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *script; /* NULL: none */
		int code;
	} rows[] = {
		{ "not installed", NULL, KE_NOENT },
		{ "ends without a word", "#!/bin/sh\nexit 0\n", KE_PROTO },
		{ "half a message", "#!/bin/sh\nprintf abc >&$2\n", KE_PROTO },
		{ "says nothing, ever", "#!/bin/sh\nexec sleep 60\n", KE_TIMEOUT },
	};
	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bpf_source s = BPF_SOURCE_NONE;
		struct fault f = { 0 };
		if (rows[i].script)
			put_loader(rows[i].script);
		int rc = bpf_source_open(dir, &config, &s, NULL, &f);
		if (rc != rows[i].code || s.link_fd >= 0)
			fail_msg("%s: %d %s", rows[i].remark, rc, f.what);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* collected */
		assert_int_equal(errno, ECHILD);
	}
}

#define CHECK(cond)                                                                                          \
	do {                                                                                                 \
		if (!(cond)) {                                                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                           \
			_exit(1);                                                                            \
		}                                                                                            \
	} while (0)

static void write_key(const char *text)
{
	int fd = open("/proc/sys/net/ipv4/tcp_fin_timeout", O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0 && pwrite(fd, text, strlen(text), 0) == (ssize_t)strlen(text));
	close(fd);
}

static unsigned events_of(struct bpf_reader *r)
{
	struct bpf_event events[16];
	int64_t resume;
	size_t n;

	CHECK(bpf_reader_read(r, 1, events, 16, &n, &resume) == 0);
	return (unsigned)n;
}

/* As root of the cgroup namespace: the program is attached there, seen as a part, and gone with the descriptors. */
static void real_one(const char *mount_point)
{
	struct bpf_source s = BPF_SOURCE_NONE;
	struct fault f = { 0 }, note = { 0 };
	struct bpf_reader *r;

	CHECK(unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWCGROUP) == 0);
	CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(umount2(mount_point, MNT_DETACH) == 0 && mount("none", mount_point, "cgroup2", 0, NULL) == 0);
	if (bpf_source_open(KEDGE_BIN_DIR, &config, &s, &note, &f)) {
		fprintf(stderr, "%s: %s\n", f.where, f.what);
		_exit(1);
	}
	CHECK(!s.whole && s.kernel && !s.locks && !note.code && strcmp(s.where, mount_point) == 0);
	CHECK(fcntl(s.link_fd, F_GETFD) & FD_CLOEXEC && fcntl(s.ring_fd, F_GETFD) & FD_CLOEXEC);
	CHECK(bpf_reader_open(s.ring_fd, s.desk_fd, &r, &f) == 0);
	CHECK(bpf_reader_desk(r)->kernel && !bpf_reader_desk(r)->whole && bpf_reader_desk(r)->initial);
	write_key("41");
	CHECK(events_of(r) == 1);
	bpf_source_close(&s);
	CHECK(s.link_fd < 0 && s.ring_fd < 0);
	write_key("42");
	CHECK(events_of(r) == 0);
	bpf_reader_close(r);
}

static void the_real_loader(void **state)
{
	(void)state;
	char group[PATH_MAX + 64], procs[sizeof group + 16];
	struct cgroup2 c;
	struct fault f;
	int status;

	if (geteuid() != 0 || cgroup2_find(&c, &f) != 0) {
		print_message("no root, or no cgroup2\n");
		skip();
	}
	snprintf(group, sizeof group, "%s/kedge-test-source.%d", c.path, (int)getpid());
	snprintf(procs, sizeof procs, "%s/cgroup.procs", group);
	if (mkdir(group, 0755))
		skip();
	pid_t pid = fork();
	if (pid == 0) {
		int fd = open(procs, O_WRONLY | O_CLOEXEC);
		CHECK(fd >= 0 && dprintf(fd, "0") == 1);
		close(fd);
		real_one(c.path);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (int i = 0; i < 100 && rmdir(group); i++)
		usleep(20000);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(bad_loaders, set_up, tear_down),
		cmocka_unit_test(the_real_loader) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
