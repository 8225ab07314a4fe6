/* Writers: the kernel's texts, odd names, and real processes: their login uid, cgroup, name, command line and parents
 * as the test knows them from elsewhere; processes that are gone; an unprivileged reader. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/watch/writer.h"
#include "proto/clock.h"
#include "proto/fileio.h"

#define REST " S 12 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 2 3\n"

static void stat_texts(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *text, *comm; /* NULL: refused */
		pid_t ppid;
		uint64_t start;
	} rows[] = {
		{ "plain", "77 (sysctl)" REST, "sysctl", 12, 4711 },
		{ "a name like a line", "77 (a) S 1 (b)" REST, "a) S 1 (b", 12, 4711 },
		{ "no name", "77 ()" REST, "", 12, 4711 },
		{ "cut before the start time", "77 (x) S 12 1 1 0", NULL, 0, 0 },
		{ "no parentheses", "77 x S 12", NULL, 0, 0 },
		{ "turned around", "77 )x( S", NULL, 0, 0 },
		{ "empty", "", NULL, 0, 0 },
		{ "negative parent", "77 (x) S -5 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 1\n", NULL,
		        0, 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char comm[WRITER_COMM_ROOM] = "-";
		pid_t ppid = 0;
		uint64_t start = 0;
		bool ok = writer_parse_stat(rows[i].text, strlen(rows[i].text), comm, &ppid, &start);
		if (ok != (rows[i].comm != NULL) ||
		        (ok && (strcmp(comm, rows[i].comm) || ppid != rows[i].ppid ||
		                       start != rows[i].start)))
			fail_msg("%s: %d '%s' %d", rows[i].remark, ok, comm, (int)ppid);
	}
}

static void cgroup_texts(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *text, *cgroup;
	} rows[] = {
		{ "unified", "0::/system.slice/ssh.service\n", "/system.slice/ssh.service" },
		{ "hybrid", "12:cpu,cpuacct:/a/very/long/path/of/another\n0::/user.slice\n", "/user.slice" },
		{ "only the old ones", "2:cpu:/\n1:name=systemd:/system.slice/x\n0::/\n", "/system.slice/x" },
		{ "the root", "0::/\n", "/" },
		{ "a colon in the name", "0::/a:b\n", "/a:b" },
		{ "no newline", "0::/a", "/a" },
		{ "rubbish", "abc\n:\n", "" },
		{ "empty", "", "" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char cgroup[WRITER_CGROUP_ROOM] = "-";
		writer_parse_cgroup(rows[i].text, strlen(rows[i].text), cgroup);
		if (strcmp(cgroup, rows[i].cgroup) != 0)
			fail_msg("%s: '%s'", rows[i].remark, cgroup);
	}
	char longer[1000], cgroup[WRITER_CGROUP_ROOM];
	memset(longer, 'x', sizeof longer);
	memcpy(longer, "0::/", 4);
	writer_parse_cgroup(longer, sizeof longer, cgroup);
	assert_int_equal(strlen(cgroup), WRITER_CGROUP_ROOM - 1);
}

static void uid_texts(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t uid;
	} rows[] = { { "Name:\tx\nUid:\t1000\t0\t0\t0\n", 1000 }, { "Name:\tx\nUid:\t0\t0\t0\t0\n", 0 },
		{ "Name:\tUid:\t7\n", -1 }, { "x\nUid:\t99999999999\t0\n", -1 }, { "x\nUid:\t", -1 },
		{ "", -1 } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(writer_parse_uid(rows[i].text, strlen(rows[i].text)), rows[i].uid);
}

/* What `cat FILE` of our own /proc says. */
static void own_file(const char *name, char *text, size_t size)
{
	char path[64], *data;
	size_t len;
	snprintf(path, sizeof path, "/proc/self/%s", name);
	assert_int_equal(file_read(path, size - 1, &data, &len, NULL), 0);
	memcpy(text, data, len + 1);
	file_free(data);
}

static pid_t child_named(const char *name)
{
	int ready[2];
	char c;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_NAME, name);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void check_child(const struct writer *w, pid_t pid)
{
	char text[4096], cgroup[WRITER_CGROUP_ROOM];
	assert_int_equal(w->state, WRITER_KNOWN);
	assert_int_equal(w->pid, pid);
	assert_string_equal(w->comm, "wr) iter");
	own_file("loginuid", text, sizeof text);
	unsigned long login = strtoul(text, NULL, 10);
	assert_int_equal(w->loginuid, login == UINT32_MAX ? -1 : (int64_t)login);
	own_file("cgroup", text, sizeof text);
	writer_parse_cgroup(text, strlen(text), cgroup);
	assert_string_equal(w->cgroup, cgroup);
	assert_int_equal(w->uid, getuid());
	own_file("cmdline", text, sizeof text);
	assert_int_equal(w->word_len, strlen(text));
	assert_memory_equal(w->cmdline, text, w->word_len);
	own_file("comm", text, sizeof text);
	text[strcspn(text, "\n")] = '\0';
	assert_true(w->n_chain >= 1);
	assert_string_equal(w->chain[0].comm, text);
}

static void a_real_process(void **state)
{
	(void)state;
	struct writer w;
	pid_t pid = child_named("wr) iter"), us = getpid();
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct writer_options by_fd = { .proc_fd = proc, .event_ms = clock_boot_ms(&clock_system) + 50 };
	struct writer_options by_path = { .proc_fd = -1 };

	writer_identify(&by_path, pid, &w);
	check_child(&w, pid);
	assert_int_equal(w.chain[0].pid, us);
	writer_identify(&by_fd, pid, &w);
	check_child(&w, pid);
	close(proc);

	by_path.own = &pid;
	by_path.n_own = 1;
	writer_identify(&by_path, pid, &w);
	assert_int_equal(w.state, WRITER_OURSELVES);
	by_path.n_own = 0;
	by_path.event_ms = 1000; /* an event of a second after boot: this cannot be its writer */
	writer_identify(&by_path, pid, &w);
	assert_int_equal(w.state, WRITER_GONE);
	assert_string_equal(w.comm, "");
	by_path.event_ms = 0;
	end_child(pid);
	writer_identify(&by_path, pid, &w);
	assert_int_equal(w.state, WRITER_GONE);
	assert_int_equal(w.pid, pid);
	writer_identify(&by_path, 0, &w);
	assert_int_equal(w.state, WRITER_UNKNOWN);
}

/* Not reaped yet: its memory is gone, its name is not. */
static void a_zombie(void **state)
{
	(void)state;
	struct writer_options o = { .proc_fd = -1 };
	struct writer w;
	siginfo_t info;
	pid_t pid = child_named("zombie");
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	writer_identify(&o, pid, &w);
	assert_int_equal(w.state, WRITER_KNOWN);
	assert_string_equal(w.comm, "zombie");
	assert_int_equal(w.word_len, 0);
	waitpid(pid, NULL, 0);
}

/* As nobody, without capabilities, about a process of root: all but nothing is hidden from it. */
static void at_a_glance(void **state)
{
	(void)state;
	const pid_t own[] = { getpid() };
	const struct writer_options o = { .proc_fd = -1 }, ours = { .proc_fd = -1, .own = own, .n_own = 1 };
	struct writer w;
	int status, ready[2], hold[2];

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(hold), 0); /* it reads there, and nothing comes */
	pid_t pid = fork();
	if (pid == 0) {
		dup2(hold[0], 0);
		dup2(ready[1], 1);
		execl("/bin/sh", "sh", "-c", "echo; read x; :", (char *)NULL);
		_exit(127);
	}
	char c;
	assert_int_equal(read(ready[0], &c, 1), 1);
	writer_glance(&o, pid, "sh", &w);
	assert_int_equal(w.state, WRITER_KNOWN);
	assert_string_equal(w.cmdline, "sh -c echo; read x; :");
	assert_int_equal(w.word_len, 2);
	/* Another program than the one that wrote: nothing of it is taken. */
	writer_glance(&o, pid, "sysctl", &w);
	assert_int_equal(w.state, WRITER_GONE);
	assert_int_equal(w.pid, pid);
	assert_string_equal(w.cmdline, "");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	writer_glance(&o, pid, "sh", &w);
	assert_int_equal(w.state, WRITER_GONE);
	writer_glance(&ours, getpid(), "x", &w);
	assert_int_equal(w.state, WRITER_OURSELVES);
	writer_glance(&o, 0, "x", &w);
	assert_int_equal(w.state, WRITER_UNKNOWN);
	close(ready[0]);
	close(ready[1]);
	close(hold[0]);
	close(hold[1]);
}

static void unprivileged(void **state)
{
	(void)state;
	if (getuid() != 0)
		skip();
	pid_t pid = child_named("wr) iter");
	pid_t reader = fork();
	if (reader == 0) {
		struct writer_options o = { .proc_fd = -1 };
		struct writer w;
		if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
			_exit(9);
		writer_identify(&o, pid, &w);
		_exit(w.state == WRITER_KNOWN && !strcmp(w.comm, "wr) iter") && w.cgroup[0] && w.uid == 0 &&
		                        w.word_len && w.n_chain
		                ? 0
		                : 1);
	}
	int status;
	waitpid(reader, &status, 0);
	end_child(pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_texts),
		cmocka_unit_test(cgroup_texts),
		cmocka_unit_test(uid_texts),
		cmocka_unit_test(a_real_process),
		cmocka_unit_test(a_zombie),
		cmocka_unit_test(at_a_glance),
		cmocka_unit_test(unprivileged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
