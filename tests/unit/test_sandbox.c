/* The sandbox in real processes: each case is a child that locks the door and then tries it. What a child does after the
 * lock is told by its exit status or by the signal that ends it. Needs root for users and capabilities. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sandbox/sandbox.h"
#include "agent/sandbox/sandbox_in.h"

#define KEEPER_UID 64101
#define OTHER_UID  64102
#define NET_ADMIN  SANDBOX_CAP(CAP_NET_ADMIN)

static char dir[] = "/tmp/kedge-sandbox-XXXXXX";

/* Run CASE in a child; its exit status, or -SIGNAL. No sanitizer may look at leaks there: it would fork. */
static int in_child(int (*body)(const void *arg), const void *arg)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(body(arg));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static bool is_root(void)
{
	return geteuid() == 0;
}

static const char *at(const char *name)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static int lock_as(enum sandbox_role role, struct sandbox_report *r)
{
	char rw[128], ro[128];
	snprintf(rw, sizeof rw, "%s/rw", dir);
	snprintf(ro, sizeof ro, "%s/ro", dir);
	const struct sandbox_path paths[] = { { rw, SANDBOX_READ_WRITE }, { ro, SANDBOX_READ },
		{ "/proc/sys", SANDBOX_READ }, { "/no/such/path", SANDBOX_READ } };
	const struct sandbox_rules rules = { .role = role, .paths = paths, .n = 4 };
	struct fault f = { 0 };

	if (sandbox_lock(&rules, r, &f) == 0)
		return 0;
	fprintf(stderr, "sandbox_lock: %s: %s\n", f.where, f.what);
	return -1;
}

/* ---- becoming somebody else ---- */

static int errno_of_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

#define NOT_ROOT_ANY_MORE 10

static int becomes_keeper(const void *arg)
{
	struct fault f = { 0 };
	uint64_t caps = 0;

	(void)arg;
	if (sandbox_become(KEEPER_UID, KEEPER_UID, NET_ADMIN, &f)) {
		fprintf(stderr, "%s: %s\n", f.where, f.what);
		return 1;
	}
	if (getuid() != KEEPER_UID || getgid() != KEEPER_UID || getgroups(0, NULL) != 0)
		return 2;
	if (caps_effective(&caps) || caps != NET_ADMIN)
		return 3;
	if (setresuid(0, 0, 0) == 0 || setgid(0) == 0)
		return 4;
	for (unsigned cap = 0; cap < 41; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 && cap != CAP_NET_ADMIN)
			return 5;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 6;
	if (errno_of_open("/proc/sys/kernel/core_pattern", O_WRONLY) != EACCES)
		return 7;
	if (errno_of_open("/etc/shadow", O_RDONLY) != EACCES)
		return 8;
	return NOT_ROOT_ANY_MORE;
}

static void the_keeper_has_one_capability(void **state)
{
	(void)state;
	if (!is_root())
		skip();
	assert_int_equal(in_child(becomes_keeper, NULL), NOT_ROOT_ANY_MORE);
}

static int executes_with_caps(const void *arg)
{
	struct fault f;

	if (sandbox_become(KEEPER_UID, KEEPER_UID, *(const uint64_t *)arg, &f))
		return 99;
	execl("/bin/sh", "sh", "-c",
	        "c=$(sed -n 's/^CapEff:[ \t]*//p;' /proc/self/status); b=$(sed -n 's/^CapBnd:[ \t]*//p' "
	        "/proc/self/status);"
	        "[ \"$c\" = \"$b\" ] || exit 98; [ \"$c\" = 0000000000001000 ] && exit 12; "
	        "[ \"$c\" = 0000000000000000 ] && exit 13; exit 97",
	        (char *)NULL);
	return 96;
}

static void capabilities_survive_execve_and_nothing_else_does(void **state)
{
	(void)state;
	const uint64_t one = NET_ADMIN, none = 0;

	if (!is_root())
		skip();
	assert_int_equal(in_child(executes_with_caps, &one), 12);
	assert_int_equal(in_child(executes_with_caps, &none), 13);
}

static int root_without_capabilities(const void *arg)
{
	struct fault f;
	uint64_t caps = 1;

	(void)arg;
	if (sandbox_become(0, 0, NET_ADMIN, &f) || getuid() != 0 || caps_effective(&caps) ||
	        caps != NET_ADMIN)
		return 1;
	/* What makes Landlock a condition of the full profile: uid 0 opens it without any capability. */
	int naked = errno_of_open("/proc/sys/kernel/core_pattern", O_WRONLY);
	struct sandbox_report r;
	if (lock_as(SANDBOX_KEEPER, &r))
		return 2;
	if (r.landlock && errno_of_open("/proc/sys/kernel/core_pattern", O_WRONLY) != EACCES)
		return 3;
	return naked == 0 ? 20 : naked == EACCES || naked == EROFS ? 21 : 4;
}

static void uid_0_is_held_by_landlock(void **state)
{
	(void)state;
	if (!is_root() || landlock_abi() == 0)
		skip();
	int got = in_child(root_without_capabilities, NULL);
	assert_true(got == 20 || got == 21);
}

static int becomes_without_root(const void *arg)
{
	struct fault f = { 0 };

	(void)arg;
	if (setresuid(OTHER_UID, OTHER_UID, OTHER_UID))
		return 1;
	return sandbox_become(KEEPER_UID, KEEPER_UID, 0, &f) == KE_ACCES && f.todo[0] ? 30 : 2;
}

static void becoming_needs_root(void **state)
{
	(void)state;
	if (!is_root())
		skip();
	assert_int_equal(in_child(becomes_without_root, NULL), 30);
}

/* ---- Landlock ---- */

static int tries_paths(const void *arg)
{
	struct sandbox_report r;
	char from[256], to[256];

	(void)arg;
	if (lock_as(SANDBOX_COURIER, &r))
		return 1;
	if (errno_of_open(at("rw/file"), O_RDWR) || errno_of_open(at("ro/file"), O_RDONLY))
		return 2;
	if (errno_of_open(at("ro/file"), O_WRONLY) != EACCES ||
	        errno_of_open(at("other"), O_RDONLY) != EACCES)
		return 3;
	if (errno_of_open("/etc/hostname", O_RDONLY) != EACCES)
		return 4;
	int fd = open(at("rw/made"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || close(fd))
		return 5;
	snprintf(from, sizeof from, "%s", at("rw/made"));
	snprintf(to, sizeof to, "%s", at("rw/moved"));
	if (rename(from, to) || unlink(to) || mkdir(at("rw/d"), 0700) || rmdir(at("rw/d")) == 0)
		return 6; /* directories are never removed */
	if (open(at("ro/made"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != EACCES)
		return 7;
	if (symlink("/etc/shadow", at("rw/link")) == 0)
		return 8;
	return 40;
}

static void only_the_named_paths_are_there(void **state)
{
	(void)state;
	if (landlock_abi() == 0)
		skip();
	setenv("KEDGE_SECCOMP", "errno", 1); /* symlink() is not on the list either */
	assert_int_equal(in_child(tries_paths, NULL), 40);
	unsetenv("KEDGE_SECCOMP");
}

/* ---- seccomp ---- */

struct attempt {
	enum sandbox_role role;
	int (*body)(void);
	int want; /* exit status, or -SIGSYS */
	const char *remark;
};

static int a_execve(void)
{
	char *const argv[] = { NULL };

	execve("/bin/true", argv, argv);
	return 50 + (errno == EACCES);
}

static int a_fork(void)
{
	return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) < 0 ? 1 : 2;
}

static int a_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, 0, 0) ? 1 : 2;
}

static int a_kill(void)
{
	return kill(getppid(), 0) ? 1 : 2;
}

static int a_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0) ? 1 : 2;
}

static int a_mount(void)
{
	return (int)syscall(SYS_umount2, "/nowhere", 0) ? 1 : 2;
}

static int a_setuid(void)
{
	return setuid(0) ? 1 : 2;
}

static int a_chmod(void)
{
	return chmod("/tmp", 0777) ? 1 : 2;
}

static int a_executable_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC) ? 1 : 2;
}

static int a_executable_map(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? 1
	                                                                                                 : 60;
}

static int socket_of(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 ? 60 : errno;
}

static int a_inet(void)
{
	return socket_of(AF_INET);
}

static int a_unix(void)
{
	return socket_of(AF_UNIX);
}

static int a_netlink(void)
{
	return socket_of(AF_NETLINK);
}

static int a_packet(void)
{
	return socket_of(AF_PACKET);
}

static int a_limit(void)
{
	return (int)syscall(SYS_prlimit64, 0, 7, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", NULL) ? 1 : 2;
}

/* What both do all day. */
static int a_usual_day(void)
{
	struct stat st;
	char buf[16];
	int fd = memfd_create("x", MFD_ALLOW_SEALING | MFD_CLOEXEC), pair[2] = { -1, -1 };

	if (fd < 0 || write(fd, "abc", 3) != 3 || pread(fd, buf, 3, 0) != 3 || pwrite(fd, "d", 1, 0) != 1)
		return 1;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) || fstat(fd, &st) || close(fd))
		return 2;
	if (pipe2(pair, O_CLOEXEC) || write(pair[1], "x", 1) != 1 || read(pair[0], buf, 1) != 1)
		return 3;
	void *p = malloc(8 << 20);
	if (!p)
		return 4;
	free(p);
	time_t now = time(NULL);
	return now > 0 && getpid() > 0 && stat("/proc/sys", &st) == 0 ? 70 : 5;
}

static int makes_attempt(const void *arg)
{
	const struct attempt *a = arg;
	struct sandbox_report r;

	return lock_as(a->role, &r) ? 99 : a->body();
}

static const struct attempt attempts[] = {
	{ SANDBOX_KEEPER, a_usual_day, 70, "files, memory, time" },
	{ SANDBOX_COURIER, a_usual_day, 70, "the same" },
	{ SANDBOX_KEEPER, a_execve, -SIGSYS, "no program" },
	{ SANDBOX_COURIER, a_execve, -SIGSYS, "" },
	{ SANDBOX_KEEPER, a_fork, -SIGSYS, "no process" },
	{ SANDBOX_COURIER, a_fork, -SIGSYS, "threads yes, processes no" },
	{ SANDBOX_KEEPER, a_ptrace, -SIGSYS, "" },
	{ SANDBOX_COURIER, a_ptrace, -SIGSYS, "" },
	{ SANDBOX_KEEPER, a_kill, -SIGSYS, "no signals to others" },
	{ SANDBOX_COURIER, a_kill, -SIGSYS, "" },
	{ SANDBOX_KEEPER, a_bpf, -SIGSYS, "" },
	{ SANDBOX_COURIER, a_bpf, -SIGSYS, "" },
	{ SANDBOX_KEEPER, a_mount, -SIGSYS, "" },
	{ SANDBOX_COURIER, a_setuid, -SIGSYS, "" },
	{ SANDBOX_KEEPER, a_chmod, -SIGSYS, "modes are set on descriptors only" },
	{ SANDBOX_KEEPER, a_executable_memory, -SIGSYS, "written memory is never run" },
	{ SANDBOX_COURIER, a_executable_memory, -SIGSYS, "" },
	{ SANDBOX_KEEPER, a_executable_map, -SIGSYS, "the keeper loads nothing" },
	{ SANDBOX_COURIER, a_executable_map, 60, "name service modules are loaded late" },
	{ SANDBOX_KEEPER, a_limit, -SIGSYS, "limits are read only" },
	{ SANDBOX_KEEPER, a_inet, EACCES, "no socket of any family" },
	{ SANDBOX_KEEPER, a_unix, EACCES, "" },
	{ SANDBOX_KEEPER, a_netlink, EACCES, "opened before the lock, or never" },
	{ SANDBOX_COURIER, a_inet, 60, "its work" },
	{ SANDBOX_COURIER, a_unix, 60, "name service" },
	{ SANDBOX_COURIER, a_netlink, EAFNOSUPPORT, "getaddrinfo() does without" },
	{ SANDBOX_COURIER, a_packet, -SIGSYS, "raw frames" },
};

static void forbidden_calls_end_the_process(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
		int got = in_child(makes_attempt, &attempts[i]);
		if (got != attempts[i].want)
			fail_msg("row %zu (%s): %d, not %d", i, attempts[i].remark, got, attempts[i].want);
	}
}

static void the_test_modes_are_softer(void **state)
{
	(void)state;
	const struct attempt a = { SANDBOX_KEEPER, a_kill, 1, "" };
	const struct attempt lenient = { SANDBOX_KEEPER, a_kill, 2, "" };

	setenv("KEDGE_SECCOMP", "errno", 1);
	assert_int_equal(in_child(makes_attempt, &a), 1);
	setenv("KEDGE_SECCOMP", "log", 1);
	assert_int_equal(in_child(makes_attempt, &lenient), landlock_abi() >= 6 ? 1 : 2);
	setenv("KEDGE_SECCOMP", "kill", 1);
	assert_int_equal(in_child(makes_attempt, &a), -SIGSYS);
	unsetenv("KEDGE_SECCOMP");
}

/* ---- the report ---- */

static int reports(const void *arg)
{
	const char *mode = arg;
	struct sandbox_report r;
	struct fault f;

	if (sandbox_become(KEEPER_UID, KEEPER_UID, NET_ADMIN, &f) || lock_as(SANDBOX_KEEPER, &r))
		return 1;
	bool hard = strcmp(mode, "kill") == 0;
	if (r.uid != KEEPER_UID || strcmp(r.cap_eff, "0000000000001000") != 0 || r.no_new_privs != 1 ||
	        r.seccomp != 2 || r.pid != getpid())
		return 2;
	if (r.partial != (!hard || r.landlock < SANDBOX_LANDLOCK_FULL))
		return 3;
	if (hard && strcmp(r.selftest, "core_pattern EACCES, socket EACCES") != 0)
		return 4;
	if (!hard && !strstr(r.selftest, "not tried"))
		return 5;
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 80 : 6;
}

static void the_report_tells_what_is_in_force(void **state)
{
	(void)state;
	if (!is_root())
		skip();
	assert_int_equal(in_child(reports, "kill"), 80);
	setenv("KEDGE_SECCOMP", "log", 1);
	assert_int_equal(in_child(reports, "log"), 80);
	unsetenv("KEDGE_SECCOMP");
}

static int strict_with_log(const void *arg)
{
	const struct sandbox_rules rules = { .role = SANDBOX_KEEPER, .strict = true };
	struct sandbox_report r;
	struct fault f = { 0 };

	(void)arg;
	return sandbox_lock(&rules, &r, &f) == KE_UNSUPPORTED && f.todo[0] ? 90 : 1;
}

static void strict_refuses_half_a_sandbox(void **state)
{
	(void)state;
	setenv("KEDGE_SECCOMP", "log", 1);
	assert_int_equal(in_child(strict_with_log, NULL), 90);
	unsetenv("KEDGE_SECCOMP");
}

static int selftest_unlocked(const void *arg)
{
	char text[64];
	struct fault f = { 0 };

	(void)arg;
	return sandbox_selftest(SANDBOX_KEEPER, text, sizeof text, &f) == KE_FORBIDDEN && f.what[0] ? 91 : 1;
}

static void the_selftest_notices_an_open_door(void **state)
{
	(void)state;
	assert_int_equal(in_child(selftest_unlocked, NULL), 91);
}

static void too_many_paths_are_refused(void **state)
{
	(void)state;
	static const struct sandbox_path paths[SANDBOX_MAX_PATHS + 1];
	const struct sandbox_rules rules = { .paths = paths, .n = SANDBOX_MAX_PATHS + 1 };
	struct sandbox_report r;
	struct fault f;

	assert_int_equal(sandbox_lock(&rules, &r, &f), KE_USAGE);
}

static int make_dir(void **state)
{
	(void)state;
	static const char *const dirs[] = { "rw", "ro" };
	static const char *const files[] = { "rw/file", "ro/file", "other" };

	if (!mkdtemp(dir) || chmod(dir, 0755))
		return -1;
	for (size_t i = 0; i < 2; i++)
		if (mkdir(at(dirs[i]), 0755))
			return -1;
	for (size_t i = 0; i < 3; i++) {
		int fd = open(at(files[i]), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0 || close(fd))
			return -1;
	}
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	static const char *const files[] = { "rw/file", "ro/file", "other" };
	static const char *const dirs[] = { "rw/d", "rw", "ro" };

	for (size_t i = 0; i < 3; i++)
		unlink(at(files[i]));
	for (size_t i = 0; i < 3; i++)
		rmdir(at(dirs[i]));
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_keeper_has_one_capability),
		cmocka_unit_test(capabilities_survive_execve_and_nothing_else_does),
		cmocka_unit_test(uid_0_is_held_by_landlock),
		cmocka_unit_test(becoming_needs_root),
		cmocka_unit_test(only_the_named_paths_are_there),
		cmocka_unit_test(forbidden_calls_end_the_process),
		cmocka_unit_test(the_test_modes_are_softer),
		cmocka_unit_test(the_report_tells_what_is_in_force),
		cmocka_unit_test(strict_refuses_half_a_sandbox),
		cmocka_unit_test(the_selftest_notices_an_open_door),
		cmocka_unit_test(too_many_paths_are_refused),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
