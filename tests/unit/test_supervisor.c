/* The supervisor with children of the test's own: shell scripts named kedge-keeper and kedge-courier in a temporary
 * directory, which write down how they were called. Real users, real signals, a network namespace of its own. Needs
 * root. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sandbox/sandbox.h"
#include "agent/supervisor/dirs.h"
#include "agent/supervisor/supervisor.h"
#include "proto/buf.h"
#include "proto/fileio.h"
#include "proto/log.h"

#define KEEPER   64111
#define COURIER  64112
#define STRANGER 64113
#define PATIENCE 15000 /* ms */

static char dir[64];
static bool require_sandbox;
static pid_t running; /* a test that fails leaves none behind */

static const char *at(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static const char *at(const char *fmt, ...)
{
	static char paths[8][256];
	static unsigned turn;
	char *path = paths[turn++ % 8];
	va_list ap;
	int n = snprintf(path, 256, "%s/", dir);

	va_start(ap, fmt);
	vsnprintf(path + n, 256 - (size_t)n, fmt, ap);
	va_end(ap);
	return path;
}

static void put(const char *path, const char *text, mode_t mode)
{
	struct fault f = { 0 };

	if (file_replace(path, text, strlen(text), mode, FILE_VOLATILE, &f))
		fail_msg("%s: %s", f.where, f.what);
}

/* The script NAME: notes its start in DIR/log/NAME (a line of its pid, uid, groups, capabilities, arguments), then BODY. */
static void put_script(const char *name, const char *body)
{
	struct buf b = BUF_INIT(4096);

	buf_fmt(&b,
	        "#!/bin/sh\numask 0\n"
	        "caps=$(sed -n 's/^CapEff:[ \t]*//p' /proc/self/status)\n"
	        "fds=$(ls /proc/self/fd | tr '\\n' ' ')\n"
	        "echo \"pid=$$ uid=$(id -u) groups=$(id -G) caps=$caps fds=$fds env=$(env | wc -l) $*\" "
	        ">>%s/log/%s\n"
	        "%s\n",
	        dir, name, body);
	put(at("bin/%s", name), buf_text(&b), 0755);
	buf_free(&b);
}

#define SLEEPS "trap 'exit 0' TERM; while :; do sleep 0.05; done"

static void put_config(const char *extra)
{
	struct buf b = BUF_INIT(4096);

	buf_fmt(&b,
	        "[agent]\nhost = web1\nfleet = test\nserver = https://127.0.0.1:1\nevents = fanotify\n%s"
	        "[users]\nkeeper = %d\ncourier = %d\n[paths]\nrun = %s/run\nstate = %s/state\n",
	        extra, KEEPER, COURIER, dir, dir);
	put(at("agent.conf"), buf_text(&b), 0644);
	buf_free(&b);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/kedge-supervisor-XXXXXX");
	if (!mkdtemp(dir) || chmod(dir, 0755) || mkdir(at("bin"), 0755) || mkdir(at("log"), 0777) ||
	        chmod(at("log"), 0777))
		return -1;
	put_config("");
	put_script("kedge-keeper", SLEEPS);
	put_script("kedge-courier", SLEEPS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (running > 0 && waitpid(running, NULL, WNOHANG) == 0) {
		kill(running, SIGKILL);
		waitpid(running, NULL, 0);
	}
	running = 0;
	pid_t pid = fork();
	if (pid == 0)
		execlp("rm", "rm", "-r", dir, (char *)NULL);
	waitpid(pid, NULL, 0);
	return 0;
}

static pid_t supervisor_start(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid) {
		running = pid;
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	struct supervisor_options so = SUPERVISOR_DEFAULTS;
	struct fault f = { 0 };
	char line[1024];
	so.config = at("agent.conf");
	so.bin_dir = at("bin");
	so.require_sandbox = require_sandbox;
	so.times =
	        (struct restart_times){ .first_ms = 200, .max_ms = 800, .healthy_ms = 60000, .end_ms = 1000 };
	int log = open(at("stderr"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0 || dup2(log, STDERR_FILENO) < 0 || unshare(CLONE_NEWNET))
		_exit(99);
	log_open("kedge-agent", LOG_LEVEL_INFO);
	int rc = supervisor_run(&so, &f);
	if (rc)
		log_error("%s", fault_line(&f, line, sizeof line));
	_exit(rc == 0 ? 0 : rc == KE_BUSY ? 75 : rc == KE_UNSUPPORTED ? 8 : 1);
}

static int ended(pid_t pid)
{
	int status = 0;

	for (int ms = 0; ms < PATIENCE; ms += 10) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
		usleep(10000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	fail_msg("the supervisor did not end");
	return -1;
}

/* The text of a file, or "". */
static char *text_of(const char *path)
{
	char *text = NULL;
	size_t len;

	return file_read(path, 65536, &text, &len, NULL) ? strdup("") : text;
}

static unsigned lines_of(const char *name)
{
	char *text = text_of(at("log/%s", name));
	unsigned n = 0;

	for (const char *p = text; *p; p++)
		n += *p == '\n';
	free(text);
	return n;
}

static void wait_lines(const char *name, unsigned n)
{
	for (int ms = 0; ms < PATIENCE && lines_of(name) < n; ms += 10)
		usleep(10000);
	if (lines_of(name) < n) {
		char *said = text_of(at("stderr"));
		fail_msg("%s was started %u times, not %u: %s", name, lines_of(name), n, said);
	}
}

/* The pid in the last line of NAME's log. */
static pid_t last_pid(const char *name)
{
	char *text = text_of(at("log/%s", name)), *p = text, *last = text;

	while ((p = strstr(p, "pid="))) {
		last = p;
		p += 4;
	}
	pid_t pid = (pid_t)strtol(last + 4, NULL, 10);
	free(text);
	assert_true(pid > 1);
	return pid;
}

static bool gone(pid_t pid)
{
	for (int ms = 0; ms < PATIENCE; ms += 10) {
		if (kill(pid, 0))
			return true;
		usleep(10000);
	}
	return false;
}

static void says(const char *path, const char *words)
{
	char *text = text_of(path);

	if (!strstr(text, words))
		fail_msg("%s lacks '%s': %s", path, words, text);
	free(text);
}

/* ---- */

static void both_run_as_users_of_their_own(void **state)
{
	(void)state;
	struct stat st;
	pid_t pid = supervisor_start();

	wait_lines("kedge-keeper", 1);
	wait_lines("kedge-courier", 1);
	says(at("log/kedge-keeper"), "uid=64111 groups=64111 caps=0000000000001000");
	says(at("log/kedge-keeper"), "--config");
	says(at("log/kedge-keeper"), "--supervisor-pid");
	says(at("log/kedge-courier"), "uid=64112 groups=64112 caps=0000000000000000");
	says(at("log/kedge-courier"), "--ipc");
	assert_int_equal(stat(at("run"), &st), 0);
	assert_true(st.st_uid == KEEPER && (st.st_mode & 07777) == 0755);
	assert_int_equal(stat(at("state"), &st), 0);
	assert_true(st.st_uid == 0 && (st.st_mode & 07777) == 0755);
	assert_int_equal(stat(at("state/keeper"), &st), 0);
	assert_true(st.st_uid == KEEPER && (st.st_mode & 07777) == 0700);
	assert_int_equal(stat(at("state/courier"), &st), 0);
	assert_true(st.st_uid == COURIER && (st.st_mode & 07777) == 0700);
	assert_int_equal(stat(at("run/agent.sock"), &st), 0);
	assert_true(S_ISSOCK(st.st_mode) && st.st_uid == 0 && (st.st_mode & 07777) == 0600);
	kill(pid, SIGTERM);
	assert_int_equal(ended(pid), 0);
	assert_true(gone(last_pid("kedge-keeper")) && gone(last_pid("kedge-courier")));
	assert_int_equal(access(at("run/agent.sock"), F_OK), -1);
}

/* The number of descriptors that a child has beside 0, 1, 2 and the one that `ls` opens. */
static unsigned descriptors(const char *name)
{
	char *text = text_of(at("log/%s", name)), *p = strstr(text, "fds="), *end = strstr(text, " env=");
	unsigned n = 0;

	assert_true(p && end);
	for (p += 4; p < end; p++)
		n += *p == ' ';
	free(text);
	return n - 4;
}

static void descriptors_and_environment_are_few(void **state)
{
	(void)state;
	setenv("LD_PRELOAD_OF_SOMEBODY", "x", 1);
	setenv("HTTPS_PROXY", "http://127.0.0.1:1", 1);
	setenv("TZ", "UTC", 1);
	pid_t pid = supervisor_start();
	unsetenv("LD_PRELOAD_OF_SOMEBODY");
	unsetenv("HTTPS_PROXY");

	wait_lines("kedge-keeper", 1);
	wait_lines("kedge-courier", 1);
	kill(pid, SIGTERM);
	assert_int_equal(ended(pid), 0);
	char *text = text_of(at("log/kedge-keeper"));
	unsigned events = strstr(text, "--fanotify") ? 1 : 0;
	free(text);
	says(at("log/kedge-keeper"), "--links");
	assert_int_equal(descriptors("kedge-keeper"), 3 + events); /* ipc, control, links */
	assert_int_equal(descriptors("kedge-courier"), 1);         /* ipc */
	text = text_of(at("log/kedge-courier"));
	const char *env = strstr(text, "env=");
	/* TZ, LANG and ASAN_OPTIONS at most, and the shell's own PWD, OLDPWD, SHLVL, _ */
	assert_in_range(strtol(env + 4, NULL, 10), 1, 7);
	free(text);
}

static void both_are_started_again_when_one_dies(void **state)
{
	(void)state;
	static const char *const victims[] = { "kedge-courier", "kedge-keeper" };
	pid_t pid = supervisor_start();

	for (unsigned i = 0; i < 2; i++) {
		wait_lines("kedge-keeper", i + 1);
		wait_lines("kedge-courier", i + 1);
		pid_t keeper = last_pid("kedge-keeper"), courier = last_pid("kedge-courier");
		kill(last_pid(victims[i]), SIGKILL);
		wait_lines("kedge-keeper", i + 2);
		wait_lines("kedge-courier", i + 2);
		assert_true(gone(keeper) && gone(courier));
	}
	kill(pid, SIGTERM);
	assert_int_equal(ended(pid), 0);
	says(at("stderr"), "process ended name=kedge-courier");
	says(at("stderr"), "signal=KILL");
}

static void pauses_grow_while_a_child_dies_at_once(void **state)
{
	(void)state;
	put_script("kedge-courier", "exit 3");
	pid_t pid = supervisor_start();

	/* 200, 400, 800, 800 ms of pauses: about 1.4 s until the fourth start, and no fifth before 2.2 s. */
	int64_t start = clock_boot_ms(&clock_system);
	wait_lines("kedge-courier", 4);
	assert_true(clock_boot_ms(&clock_system) - start >= 1300);
	kill(pid, SIGTERM);
	assert_int_equal(ended(pid), 0);
	says(at("stderr"), "name=kedge-courier pid=");
	says(at("stderr"), "status=3");
}

static void who_refuses_to_run_unconfined_ends_all(void **state)
{
	(void)state;
	put_script("kedge-courier", "exit 8");
	put_config("require_sandbox = yes\n");
	char lacks[192];
	bool here = !sandbox_lacks(SANDBOX_KEEPER, lacks, sizeof lacks) &&
	            !sandbox_lacks(SANDBOX_COURIER, lacks, sizeof lacks);
	pid_t pid = supervisor_start();

	assert_int_equal(ended(pid), 8);
	says(at("stderr"), here ? "less confinement than is required was in force" : lacks);
	assert_int_equal(lines_of("kedge-courier"), here ? 1 : 0);
}

static void both_are_told_what_is_required(void **state)
{
	(void)state;
	char lacks[192];

	if (sandbox_lacks(SANDBOX_COURIER, lacks, sizeof lacks))
		skip();
	require_sandbox = true;
	pid_t pid = supervisor_start();
	require_sandbox = false;
	wait_lines("kedge-keeper", 1);
	wait_lines("kedge-courier", 1);
	says(at("log/kedge-keeper"), "--require-sandbox");
	says(at("log/kedge-courier"), "--require-sandbox");
	kill(pid, SIGTERM);
	assert_int_equal(ended(pid), 0);
}

static void a_missing_program_is_said_and_waited_for(void **state)
{
	(void)state;
	unlink(at("bin/kedge-courier"));
	pid_t pid = supervisor_start();

	for (int ms = 0; ms < PATIENCE; ms += 10) {
		char *said = text_of(at("stderr"));
		bool there = strstr(said, "cannot execute") != NULL;
		free(said);
		if (there)
			break;
		usleep(10000);
	}
	says(at("stderr"),
	        "kedge-courier: cannot execute: No such file or directory; install it beside kedge-agent");
	put_script("kedge-courier", SLEEPS);
	wait_lines("kedge-courier", 1);
	kill(pid, SIGTERM);
	assert_int_equal(ended(pid), 0);
}

static void who_ignores_sigterm_is_killed(void **state)
{
	(void)state;
	put_script("kedge-keeper", "trap '' TERM; while :; do sleep 0.05; done");
	pid_t pid = supervisor_start();

	wait_lines("kedge-keeper", 1);
	usleep(100000);
	int64_t start = clock_boot_ms(&clock_system);
	kill(pid, SIGTERM);
	assert_int_equal(ended(pid), 0);
	assert_in_range(clock_boot_ms(&clock_system) - start, 900, 4000);
	assert_true(gone(last_pid("kedge-keeper")));
}

static void a_second_one_is_refused(void **state)
{
	(void)state;
	pid_t pid = supervisor_start();

	wait_lines("kedge-courier", 1);
	pid_t second = supervisor_start();
	assert_int_equal(ended(second), 75);
	running = pid;
	says(at("stderr"), "another kedge-agent run is at work here; stop it first");
	assert_int_equal(access(at("run/agent.sock"), F_OK), 0); /* the first one's is left alone */
	kill(pid, SIGTERM);
	assert_int_equal(ended(pid), 0);
	assert_int_equal(lines_of("kedge-courier"), 1);
}

static void children_end_with_a_killed_supervisor(void **state)
{
	(void)state;
	pid_t pid = supervisor_start();

	wait_lines("kedge-keeper", 1);
	wait_lines("kedge-courier", 1);
	usleep(100000);
	kill(pid, SIGKILL);
	assert_int_equal(ended(pid), -SIGKILL);
	assert_true(gone(last_pid("kedge-keeper")) && gone(last_pid("kedge-courier")));
	/* and its socket is no obstacle */
	pid = supervisor_start();
	wait_lines("kedge-keeper", 2);
	kill(pid, SIGTERM);
	assert_int_equal(ended(pid), 0);
}

static void sighup_restarts_with_the_new_configuration(void **state)
{
	(void)state;
	pid_t pid = supervisor_start();

	wait_lines("kedge-courier", 1);
	usleep(100000);
	put(at("agent.conf"), "nonsense\n", 0644);
	kill(pid, SIGHUP);
	for (int ms = 0; ms < 1000 && lines_of("kedge-courier") < 2; ms += 10)
		usleep(10000);
	assert_int_equal(lines_of("kedge-courier"), 1);
	says(at("stderr"), "the old configuration stays in use");
	put_config("profile = full\n");
	kill(pid, SIGHUP);
	wait_lines("kedge-courier", 2);
	wait_lines("kedge-keeper", 2);
	says(at("log/kedge-keeper"), "uid=0 groups=0 caps=0000000000001000");
	kill(pid, SIGTERM);
	assert_int_equal(ended(pid), 0);
}

static void the_service_manager_is_told(void **state)
{
	(void)state;
	struct sockaddr_un me = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = 10 };
	char got[64];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(me.sun_path, sizeof me.sun_path, "%s/notify", dir);
	assert_int_equal(bind(fd, (const struct sockaddr *)&me, sizeof me), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setenv("NOTIFY_SOCKET", me.sun_path, 1);
	pid_t pid = supervisor_start();
	unsetenv("NOTIFY_SOCKET");
	ssize_t n = recv(fd, got, sizeof got, 0);
	assert_int_equal(n, 7);
	assert_memory_equal(got, "READY=1", 7);
	kill(pid, SIGTERM);
	assert_int_equal(ended(pid), 0);
	n = recv(fd, got, sizeof got, 0);
	assert_int_equal(n, 10);
	assert_memory_equal(got, "STOPPING=1", 10);
	close(fd);
}

/* ---- directories ---- */

static struct agent_config *config(const char *extra)
{
	struct agent_config *c = NULL;
	struct fault f = { 0 };

	put_config(extra);
	if (agent_config_read(at("agent.conf"), &c, &f))
		fail_msg("%s: %s", f.where, f.what);
	return c;
}

static uid_t owner(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_uid;
}

static void what_root_left_is_handed_over(void **state)
{
	(void)state;
	struct agent_config *c = config("");
	struct fault f;

	mkdir(at("run"), 0700);
	mkdir(at("run/below"), 0700);
	put(at("run/lock"), "", 0600);
	put(at("run/below/journal"), "", 0600);
	put(at("secret"), "", 0600);
	put(at("run/strangers"), "", 0600);
	assert_int_equal(chown(at("run/strangers"), STRANGER, STRANGER), 0);
	assert_int_equal(symlink(at("secret"), at("run/link")), 0);
	assert_int_equal(link(at("secret"), at("run/hard")), 0);
	assert_int_equal(dirs_make(c, &f), 0);
	assert_int_equal(owner(at("run")), KEEPER);
	assert_int_equal(owner(at("run/lock")), KEEPER);
	assert_int_equal(owner(at("run/below/journal")), KEEPER);
	assert_int_equal(owner(at("secret")), 0);               /* neither through a link */
	assert_int_equal(owner(at("run/hard")), 0);             /* nor under a second name */
	assert_int_equal(owner(at("run/strangers")), STRANGER); /* nor from a third user */
	agent_config_free(c);
}

static void a_profile_can_change(void **state)
{
	(void)state;
	struct agent_config *net = config(""), *full = config("profile = full\n");
	struct fault f;

	assert_int_equal(dirs_make(net, &f), 0);
	put(at("state/keeper/floor"), "", 0600);
	assert_int_equal(chown(at("state/keeper/floor"), KEEPER, KEEPER), 0);
	assert_int_equal(dirs_make(full, &f), 0);
	assert_int_equal(owner(at("state/keeper")), 0);
	assert_int_equal(owner(at("state/keeper/floor")), 0);
	assert_int_equal(dirs_make(net, &f), 0);
	assert_int_equal(owner(at("state/keeper/floor")), KEEPER);
	agent_config_free(net);
	agent_config_free(full);
}

static void a_strangers_directory_is_not_taken(void **state)
{
	(void)state;
	struct agent_config *c = config("");
	struct fault f;

	mkdir(at("state"), 0755);
	mkdir(at("state/courier"), 0755);
	assert_int_equal(chown(at("state/courier"), STRANGER, STRANGER), 0);
	assert_int_equal(dirs_make(c, &f), KE_ACCES);
	assert_non_null(strstr(f.todo, "chown -R"));
	assert_int_equal(rmdir(at("state/courier")), 0);
	assert_int_equal(symlink("/etc", at("state/courier")), 0);
	assert_int_not_equal(dirs_make(c, &f), 0); /* nor is a link followed */
	assert_int_equal(owner("/etc"), 0);
	agent_config_free(c);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest rooted[] = {
		IN_DIR(both_run_as_users_of_their_own),
		IN_DIR(descriptors_and_environment_are_few),
		IN_DIR(both_are_started_again_when_one_dies),
		IN_DIR(pauses_grow_while_a_child_dies_at_once),
		IN_DIR(who_refuses_to_run_unconfined_ends_all),
		IN_DIR(both_are_told_what_is_required),
		IN_DIR(a_missing_program_is_said_and_waited_for),
		IN_DIR(who_ignores_sigterm_is_killed),
		IN_DIR(a_second_one_is_refused),
		IN_DIR(children_end_with_a_killed_supervisor),
		IN_DIR(sighup_restarts_with_the_new_configuration),
		IN_DIR(the_service_manager_is_told),
		IN_DIR(what_root_left_is_handed_over),
		IN_DIR(a_profile_can_change),
		IN_DIR(a_strangers_directory_is_not_taken),
	};
	const struct CMUnitTest anybody[] = {};
	int failed = cmocka_run_group_tests(anybody, NULL, NULL);

	if (geteuid() == 0)
		failed += cmocka_run_group_tests(rooted, NULL, NULL);
	return failed;
}
