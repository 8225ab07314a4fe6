/* fanotify: paths, and real writers in a network namespace of the test's own: what is reported is what the test started.
 * Needs root; everything that writes sysctls runs in a child with fresh namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/watch/drift.h"
#include "proto/clock.h"
#include "proto/fileio.h"

#define FIN "/proc/sys/net/ipv4/tcp_fin_timeout"

static void paths(void **state)
{
	(void)state;
	static const struct {
		const char *text, *name; /* NULL: none */
	} rows[] = {
		{ "/proc/sys/net/ipv4/ip_forward", "net/ipv4/ip_forward" },
		{ "/sys/net/ipv4/ip_forward", "net/ipv4/ip_forward" },
		{ "/proc/sys/net/ipv4/conf/eth0.100/rp_filter", "net/ipv4/conf/eth0.100/rp_filter" },
		{ "/proc/sys/net/ipv4/conf/eth0/rp_filter (deleted)", NULL },
		{ "/proc/sys/net", NULL },
		{ "/proc/1234/comm", NULL },
		{ "/proc/sys/", NULL },
		{ "/etc/passwd", NULL },
		{ "", NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct name n;
		bool ok = fanotify_path_name(rows[i].text, &n);
		if (ok != (rows[i].name != NULL) || (ok && strcmp(n.path, rows[i].name) != 0))
			fail_msg("%s", rows[i].text);
	}
}

/* ---- in a namespace of our own ---- */

#define CHECK(cond)                                                                                          \
	do {                                                                                                 \
		if (!(cond)) {                                                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                           \
			_exit(1);                                                                            \
		}                                                                                            \
	} while (0)

struct world {
	struct fanotify_marks *marks;
	struct fanotify_source source;
	struct fanotify_event events[64];
	size_t n;
	int64_t resume;
};

static void world_open(struct world *w)
{
	struct fault f = { 0 };
	int root_fd = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK(root_fd >= 0);
	CHECK(fanotify_marks_open("/proc/sys", &w->marks, &f) == 0);
	CHECK(fanotify_marks_add(w->marks, "net", true, &f) == 0);
	w->source = FANOTIFY_SOURCE(fanotify_marks_fd(w->marks), root_fd);
}

static unsigned wait_events(struct world *w)
{
	struct pollfd p = { .fd = w->source.fd, .events = POLLIN };
	w->n = 0;
	if (poll(&p, 1, 2000) != 1)
		return 0;
	return fanotify_source_read(
	        &w->source, clock_boot_ms(&clock_system), w->events, 64, &w->n, &w->resume);
}

/* Run ARGV; its pid. */
static pid_t start(const char *const *argv)
{
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);
		dup2(null, 1);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return pid;
}

static void write_value(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(pwrite(fd, text, strlen(text), 0) == (ssize_t)strlen(text));
	close(fd);
}

static size_t open_files(void)
{
	size_t n = 0;
	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* `sysctl -w`, held back by a stop at its exit so that it can be identified for certain. */
static void sysctl_is_attributed(struct world *w)
{
	/* The shell writes and then sleeps, so that it is there when it is looked at. */
	static const char *const argv[] = { "sh", "-c",
		"sysctl -qw net.ipv4.tcp_fin_timeout=41; exec sleep 5", NULL };
	static const char *const direct[] = { "bash", "-c", "printf 42 >" FIN "; sleep 5; :", NULL };
	struct writer_options o = { .proc_fd = -1 };
	struct writer who;
	char *own;
	size_t len, before = open_files();
	char cgroup[WRITER_CGROUP_ROOM];

	pid_t shell = start(argv);
	unsigned news = wait_events(w);
	CHECK(!(news & (FANOTIFY_DEAD | FANOTIFY_FLOODED)));
	CHECK(w->n == 1 && w->events[0].ours && w->events[0].pid > 0 && w->events[0].pid != shell);
	CHECK(strcmp(w->events[0].name.path, "net/ipv4/tcp_fin_timeout") == 0);
	kill(shell, SIGKILL);
	waitpid(shell, NULL, 0);
	/* That sysctl has been reaped by its shell or has not; it is named, or said to be gone, never another one. */
	writer_identify(&o, w->events[0].pid, &who);
	CHECK(who.state == WRITER_GONE || strcmp(who.comm, "sysctl") == 0);

	shell = start(direct);
	wait_events(w);
	CHECK(w->n == 1 && w->events[0].pid == shell && w->events[0].ours);
	o.event_ms = clock_boot_ms(&clock_system);
	writer_identify(&o, w->events[0].pid, &who);
	CHECK(who.state == WRITER_KNOWN && strcmp(who.comm, "bash") == 0);
	CHECK(who.chain[0].pid == getpid());
	CHECK(strncmp(who.cmdline, "bash", who.word_len) == 0 && who.word_len == 4);
	CHECK(file_read("/proc/self/cgroup", 4096, &own, &len, NULL) == 0);
	writer_parse_cgroup(own, len, cgroup);
	file_free(own);
	CHECK(strcmp(who.cgroup, cgroup) == 0);
	CHECK(file_read("/proc/self/loginuid", 64, &own, &len, NULL) == 0);
	unsigned long login = strtoul(own, NULL, 10);
	file_free(own);
	CHECK(who.loginuid == (login == UINT32_MAX ? -1 : (int64_t)login));
	kill(shell, SIGKILL);
	waitpid(shell, NULL, 0);
	CHECK(open_files() == before); /* event descriptors are closed */
}

static void exits_at_once(struct world *w)
{
	struct writer_options o = { .proc_fd = -1 };
	struct writer who;
	pid_t pid = fork();
	if (pid == 0) {
		write_value(FIN, "43");
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	wait_events(w);
	CHECK(w->n == 1 && w->events[0].pid == pid);
	writer_identify(&o, pid, &who);
	CHECK(who.state == WRITER_GONE && who.pid == pid);
}

/* Another namespace's value is written through our mount: seen, and told apart. */
static void other_namespace(struct world *w)
{
	int go[2];
	char c;
	CHECK(pipe2(go, O_CLOEXEC) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		CHECK(unshare(CLONE_NEWNET) == 0);
		write_value(FIN, "55");
		CHECK(read(go[0], &c, 1) == 1); /* keep the namespace until the event was read */
		_exit(0);
	}
	struct pollfd p = { .fd = w->source.fd, .events = POLLIN };
	int got = poll(&p, 1, 500);
	/* Directory marks are ours alone: the other namespace's net directories are other inodes. Nothing may come, or
	 * something that is not ours. */
	if (got == 1) {
		wait_events(w);
		for (size_t i = 0; i < w->n; i++)
			CHECK(!w->events[i].ours);
	}
	CHECK(write(go[1], "g", 1) == 1);
	waitpid(pid, NULL, 0);
	close(go[0]);
	close(go[1]);
}

/* A write through a procfs of its own raises no event; the poll finds it, and nobody is named. */
static void found_by_poll(struct world *w)
{
	struct procsys *ps;
	struct poller *p;
	const struct poll_row *rows;
	size_t n;
	struct drift_list l;
	struct contest *contest;
	struct fault f;
	struct poll_want want = { .name = { "net/ipv4/tcp_fin_timeout" },
		.wanted = "50",
		.mode = SETTING_ENFORCE,
		.policy = "web",
		.version = 1 };

	want.knob = knowledge_find(&want.name);
	write_value(FIN, "50");
	wait_events(w);
	CHECK(procsys_open("/proc/sys", PROCSYS_KERNEL, &ps, &f) == 0 && poller_new(ps, 0, &p) == 0);
	CHECK(poller_set(p, &want, 1) == 0 && poller_run(p, &rows, &n) == 0 && !rows[0].differs);
	pid_t pid = fork();
	if (pid == 0) {
		/* A new pid namespace is what makes a new procfs. */
		CHECK(unshare(CLONE_NEWNS | CLONE_NEWPID) == 0);
		pid_t inner = fork();
		if (inner == 0) {
			char dir[] = "/tmp/kedge-proc-XXXXXX", path[128];
			CHECK(mkdtemp(dir) && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
			CHECK(mount("proc", dir, "proc", 0, NULL) == 0);
			snprintf(path, sizeof path, "%s/sys/net/ipv4/tcp_fin_timeout", dir);
			write_value(path, "99");
			CHECK(umount(dir) == 0 && rmdir(dir) == 0);
			_exit(0);
		}
		int st;
		waitpid(inner, &st, 0);
		_exit(WIFEXITED(st) ? WEXITSTATUS(st) : 1);
	}
	int st;
	waitpid(pid, &st, 0);
	CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 0);
	struct pollfd pf = { .fd = w->source.fd, .events = POLLIN };
	CHECK(poll(&pf, 1, 200) == 0); /* deaf, as measured */
	CHECK(poller_run(p, &rows, &n) == 0 && rows[0].changed && strcmp(rows[0].observed, "99") == 0);
	CHECK(contest_new(&contest) == 0);
	CHECK(drift_judge(rows, n, NULL, 0, contest, 1790000000, &l) == 0 && l.n == 1);
	CHECK(l.rows[0].source == DRIFT_POLL && l.rows[0].writer.state == WRITER_UNKNOWN);
	CHECK(strcmp(l.rows[0].old, "50") == 0 && strcmp(l.rows[0].new_value, "99") == 0);
	drift_list_clear(&l);
	contest_free(contest);
	poller_free(p);
	procsys_close(ps);
}

/* More events than the budget: it says so, stops, and goes on a second later. */
static void flood(struct world *w)
{
	static const char *const keys[] = { "tcp_fin_timeout", "tcp_syn_retries", "tcp_retries2",
		"tcp_keepalive_time" };
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 100; i++) {
			pid_t one = fork(); /* events of one process merge */
			if (one == 0) {
				for (int k = 0; k < 4; k++) {
					char path[128];
					snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", keys[k]);
					write_value(path, "5");
				}
				_exit(0);
			}
			waitpid(one, NULL, 0);
		}
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	int64_t now = 100000;
	size_t total = 0;
	unsigned news;
	w->source.second_ms = INT64_MIN;
	do {
		news = fanotify_source_read(&w->source, now, w->events, 64, &w->n, &w->resume);
		total += w->n;
	} while (news & FANOTIFY_MORE);
	CHECK(news & FANOTIFY_FLOODED && news & FANOTIFY_POLL_NOW);
	CHECK(total <= FANOTIFY_BUDGET && total > FANOTIFY_BUDGET / 2);
	CHECK(w->source.flooded && w->resume == now + 1000);
	news = fanotify_source_read(&w->source, now + 500, w->events, 64, &w->n, &w->resume);
	CHECK(news & FANOTIFY_FLOODED && w->n == 0);
	for (now += 1000;; now += 1000) { /* the rest was kept */
		size_t some = 0;
		do {
			news = fanotify_source_read(&w->source, now, w->events, 64, &w->n, &w->resume);
			some += w->n;
		} while (news & FANOTIFY_MORE);
		total += some;
		if (!(news & FANOTIFY_FLOODED))
			break;
	}
	CHECK(total > FANOTIFY_BUDGET && total <= 400);
	fanotify_source_read(&w->source, now + 1000, w->events, 64, &w->n, &w->resume);
	CHECK(!w->source.flooded);
}

/* An interface comes: its directories are marked by a second call; it goes: its pins go. */
static void interfaces(struct world *w)
{
	static const char *const add[] = { "ip", "link", "add", "kedge0", "type", "veth", "peer", "name",
		"kedge1", NULL };
	static const char *const del[] = { "ip", "link", "del", "kedge0", NULL };
	size_t before = fanotify_marks_count(w->marks);
	struct fault f;
	int st;

	waitpid(start(add), &st, 0);
	if (!WIFEXITED(st) || WEXITSTATUS(st))
		return; /* no such device in this kernel */
	CHECK(fanotify_marks_add(w->marks, "net", true, &f) == 0);
	CHECK(fanotify_marks_count(w->marks) > before);
	write_value("/proc/sys/net/ipv4/conf/kedge0/rp_filter", "2");
	wait_events(w);
	CHECK(w->n == 1 && strcmp(w->events[0].name.path, "net/ipv4/conf/kedge0/rp_filter") == 0 &&
	        w->events[0].ours);
	waitpid(start(del), &st, 0);
	CHECK(fanotify_marks_add(w->marks, "net", true, &f) == 0);
	CHECK(fanotify_marks_count(w->marks) == before);
	CHECK(fanotify_marks_add(w->marks, "net", true, &f) == 0);
	CHECK(fanotify_marks_count(w->marks) == before); /* marked already */
	CHECK(fanotify_marks_add(w->marks, "net/../kernel", false, &f) == KE_NAME);
	CHECK(fanotify_marks_add(w->marks, "net/nothing", false, &f) == KE_NOENT);
}

/* The poller's open descriptor of a key outlives its interface: it must say so, and find the next one of that name. */
static void interface_comes_back(struct world *w)
{
	static const char *const add[] = { "ip", "link", "add", "kedge0", "type", "veth", "peer", "name",
		"kedge1", NULL };
	static const char *const del[] = { "ip", "link", "del", "kedge0", NULL };
	struct poll_want want = {
		.name = { "net/ipv4/conf/kedge0/rp_filter" }, .wanted = "2", .policy = "web"
	};
	const struct poll_row *rows;
	struct procsys *ps;
	struct poller *p;
	struct fault f;
	size_t n;
	int st;

	(void)w;
	want.knob = knowledge_find(&want.name);
	CHECK(procsys_open("/proc/sys", PROCSYS_KERNEL, &ps, &f) == 0 && poller_new(ps, 0, &p) == 0);
	CHECK(poller_set(p, &want, 1) == 0 && poller_run(p, &rows, &n) == 0 && rows[0].err == ENOENT);
	waitpid(start(add), &st, 0);
	if (WIFEXITED(st) && !WEXITSTATUS(st)) {
		write_value("/proc/sys/net/ipv4/conf/kedge0/rp_filter", "2");
		CHECK(poller_run(p, &rows, &n) == 0 && !rows[0].err && !rows[0].differs);
		size_t before = open_files();
		waitpid(start(del), &st, 0);
		CHECK(poller_run(p, &rows, &n) == 0 && rows[0].err == ENOENT && !rows[0].observed);
		waitpid(start(add), &st, 0);
		write_value("/proc/sys/net/ipv4/conf/kedge0/rp_filter", "1");
		CHECK(poller_run(p, &rows, &n) == 0 && !rows[0].err && rows[0].differs && !rows[0].before);
		CHECK(open_files() == before);
	}
	poller_free(p);
	procsys_close(ps);
}

/* The keeper: inherited descriptor, other uid, no capability. */
static void reader_without_rights(struct world *w)
{
	static const char *const argv[] = { "sysctl", "-qw", "net.ipv4.tcp_fin_timeout=44", NULL };
	pid_t keeper = fork();
	if (keeper == 0) {
		CHECK(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
		wait_events(w);
		CHECK(w->n == 1 && w->events[0].ours && w->events[0].pid > 0);
		CHECK(strcmp(w->events[0].name.path, "net/ipv4/tcp_fin_timeout") == 0);
		_exit(0);
	}
	int st;
	waitpid(start(argv), &st, 0);
	CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 0);
	waitpid(keeper, &st, 0);
	CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 0);
}

static void in_a_namespace(void (*what)(struct world *))
{
	if (getuid() != 0)
		skip();
	pid_t pid = fork();
	if (pid == 0) {
		struct world w = { 0 };
		CHECK(unshare(CLONE_NEWNET) == 0);
		world_open(&w);
		what(&w);
		close(w.source.root_fd);
		fanotify_marks_close(w.marks);
		_exit(0);
	}
	int st;
	waitpid(pid, &st, 0);
	assert_true(WIFEXITED(st));
	assert_int_equal(WEXITSTATUS(st), 0);
}

#define IN_NS(name)                                                                                          \
	static void ns_##name(void **state)                                                                  \
	{                                                                                                    \
		(void)state;                                                                                 \
		in_a_namespace(name);                                                                        \
	}
IN_NS(sysctl_is_attributed)
IN_NS(exits_at_once)
IN_NS(other_namespace)
IN_NS(found_by_poll)
IN_NS(flood)
IN_NS(interfaces)
IN_NS(interface_comes_back)
IN_NS(reader_without_rights)

static void useless_descriptor(void **state)
{
	(void)state;
	struct fanotify_event e[4];
	size_t n = 9;
	int64_t resume;
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	struct fanotify_source s = FANOTIFY_SOURCE(fds[0], -1);
	assert_int_equal(fanotify_source_read(&s, 0, e, 4, &n, &resume), 0); /* nothing there */
	assert_int_equal(n, 0);
	char rubbish[24] = { 24 };
	assert_int_equal(write(fds[1], rubbish, sizeof rubbish), sizeof rubbish);
	assert_true(fanotify_source_read(&s, 0, e, 4, &n, &resume) & FANOTIFY_DEAD);
	close(fds[1]);
	assert_true(fanotify_source_read(&s, 0, e, 4, &n, &resume) & FANOTIFY_DEAD);
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(useless_descriptor),
		cmocka_unit_test(ns_sysctl_is_attributed),
		cmocka_unit_test(ns_exits_at_once),
		cmocka_unit_test(ns_other_namespace),
		cmocka_unit_test(ns_found_by_poll),
		cmocka_unit_test(ns_flood),
		cmocka_unit_test(ns_interfaces),
		cmocka_unit_test(ns_interface_comes_back),
		cmocka_unit_test(ns_reader_without_rights),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
