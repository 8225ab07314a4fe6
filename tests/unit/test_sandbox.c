/* The sandbox in real processes: each case is a child that locks the door and then tries it. What a child does after the
 * lock is told by its exit status or by the signal that ends it. Needs root for users and capabilities. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
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
static uint16_t open_port = 53; /* the courier's */

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
	struct sandbox_rules rules = {
		.role = role, .paths = paths, .n = 4, .ports = &open_port, .n_ports = 1, .uid = getuid()
	};
	struct fault f = { 0 };

	caps_effective(&rules.caps);

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
	if (lock_as(SANDBOX_KEEPER, &r))
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

static int a_raw_socket(void)
{
	return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP) < 0 ? errno : 60;
}

static int a_signal_by_descriptor(void)
{
	return fcntl(STDERR_FILENO, F_SETOWN, getppid()) ? 1 : 2;
}

static int a_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) ? 1 : 2;
}

static int a_thread_in_a_namespace(void)
{
	return syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_NEWUSER, 0, 0, 0, 0) < 0
	               ? 1
	               : 2;
}

static int a_terminal_ioctl(void)
{
	return (int)syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x") ? 1 : 2;
}

static int a_listen(void)
{
	return (int)syscall(SYS_listen, 0, 1) ? 1 : 2;
}

/* What both do all day. */
static int a_usual_day(void)
{
	struct stat st;
	char buf[16];
	int fd = memfd_create("x", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	if (fd < 0 || write(fd, "abc", 3) != 3 || pread(fd, buf, 3, 0) != 3)
		return 1;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) || fstat(fd, &st) || close(fd))
		return 2;
	void *p = malloc(8 << 20);
	if (!p)
		return 4;
	free(p);
	time_t now = time(NULL);
	return now > 0 && getpid() > 0 && stat("/proc/sys", &st) == 0 ? 70 : 5;
}

/* ---- what libraries do on ways that are seldom gone ---- */

/* A large block grows in its place. */
static int grows(void)
{
	char *p = malloc(1 << 20);

	for (size_t n = 2 << 20; p && n <= 64 << 20; n *= 2)
		p = realloc(p, n);
	return p ? 70 : 1;
}

static int aborts(void)
{
	abort();
}

/* A wait that was stopped and continued. */
static int is_stopped(void)
{
	struct pollfd none = { .fd = -1 };

	return poll(&none, 1, 600) == 0 ? 70 : 1;
}

/* Where the clock source is none that the vDSO can read. */
static int asks_the_kernel(void)
{
	struct timespec ts;
	struct timeval tv;

	return syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &ts) == 0 &&
	                       syscall(SYS_gettimeofday, &tv, NULL) == 0
#ifdef SYS_time
	                       && syscall(SYS_time, NULL) > 0
#endif
	               ? 70
	               : 1;
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* libc asks how much memory there is before it sorts much. */
static int sorts(void)
{
	static int numbers[4096];

	for (int i = 0; i < 4096; i++)
		numbers[i] = i * 7919 % 4096;
	qsort(numbers, 4096, sizeof numbers[0], by_number);
	return numbers[0] == 0 && numbers[4095] == 4095 ? 70 : 1;
}

static void *allocates(void *arg)
{
	char *blocks[64];

	for (size_t i = 0; i < 64; i++)
		if (!(blocks[i] = calloc(1, 64 << 10)))
			return NULL;
	for (size_t i = 0; i < 64; i++)
		free(blocks[i]);
	return arg;
}

/* As libcurl's for a name: an arena of its own grows, shrinks, and the stack is given back. */
static int has_threads(void)
{
	pthread_t threads[8];
	void *ret = NULL;

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 8; i++)
			if (pthread_create(&threads[i], NULL, allocates, threads))
				return 1;
		for (int i = 0; i < 8; i++)
			if (pthread_join(threads[i], &ret) || ret != threads)
				return 2;
	}
	return 70;
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
	{ SANDBOX_COURIER, a_executable_map, 1, "a name service that comes later is not loaded" },
	{ SANDBOX_KEEPER, a_limit, -SIGSYS, "limits are read only" },
	{ SANDBOX_KEEPER, a_inet, EACCES, "no socket of any family" },
	{ SANDBOX_KEEPER, a_unix, EACCES, "" },
	{ SANDBOX_KEEPER, a_netlink, EACCES, "opened before the lock, or never" },
	{ SANDBOX_COURIER, a_inet, 60, "its work" },
	{ SANDBOX_COURIER, a_unix, EAFNOSUPPORT, "no bus, no daemon of this host" },
	{ SANDBOX_COURIER, a_raw_socket, -SIGSYS, "TCP and UDP" },
	{ SANDBOX_COURIER, a_netlink, EAFNOSUPPORT, "getaddrinfo() does without" },
	{ SANDBOX_COURIER, a_packet, -SIGSYS, "raw frames" },
	{ SANDBOX_KEEPER, a_signal_by_descriptor, -SIGSYS, "signals to others, by the back door" },
	{ SANDBOX_COURIER, a_signal_by_descriptor, -SIGSYS, "" },
	{ SANDBOX_KEEPER, a_dumpable, -SIGSYS, "not traceable for ever" },
	{ SANDBOX_COURIER, a_dumpable, -SIGSYS, "" },
	{ SANDBOX_KEEPER, has_threads, -SIGSYS, "the keeper has one thread" },
	{ SANDBOX_COURIER, a_thread_in_a_namespace, -SIGSYS, "threads of this process only" },
	{ SANDBOX_KEEPER, a_terminal_ioctl, -SIGSYS, "no ioctl" },
	{ SANDBOX_COURIER, a_terminal_ioctl, -SIGSYS, "" },
	{ SANDBOX_COURIER, a_listen, -SIGSYS, "nobody connects to the courier" },
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

static const struct attempt rare[] = {
	{ SANDBOX_KEEPER, grows, 70, "mremap" },
	{ SANDBOX_COURIER, grows, 70, "" },
	{ SANDBOX_KEEPER, aborts, -SIGABRT, "rt_sigprocmask, getpid, gettid, tgkill: the log tells ABRT" },
	{ SANDBOX_COURIER, aborts, -SIGABRT, "" },
	{ SANDBOX_KEEPER, asks_the_kernel, 70, "clock_gettime, gettimeofday, time" },
	{ SANDBOX_COURIER, asks_the_kernel, 70, "" },
	{ SANDBOX_KEEPER, sorts, 70, "sysinfo" },
	{ SANDBOX_COURIER, has_threads, 70, "clone3, clone, mprotect, madvise, rseq, set_robust_list, exit" },
};

static void what_libraries_do_now_and_then_is_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rare / sizeof rare[0]; i++) {
		int got = in_child(makes_attempt, &rare[i]);
		if (got != rare[i].want)
			fail_msg("row %zu (%s): %d, not %d", i, rare[i].remark, got, rare[i].want);
	}
}

/* Stopped in the middle of its wait, and continued. */
static int waits_for(const struct attempt *a)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(makes_attempt(a));
	usleep(250000);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	usleep(50000);
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void a_wait_goes_on_after_a_stop(void **state)
{
	(void)state;
	const struct attempt keeper = { SANDBOX_KEEPER, is_stopped, 70, "" };
	const struct attempt courier = { SANDBOX_COURIER, is_stopped, 70, "" };

	assert_int_equal(waits_for(&keeper), 70);
	assert_int_equal(waits_for(&courier), 70);
}

/* ---- ports ---- */

static int errno_of_connect(uint16_t port)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) }
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc = connect(fd, (const struct sockaddr *)&to, sizeof to), err = errno;

	close(fd);
	return rc ? err : 0;
}

static int connects(const void *arg)
{
	const uint16_t *ports = arg;
	struct sandbox_report r;

	open_port = ports[0];
	if (errno_of_connect(ports[0]) || errno_of_connect(ports[1]))
		return 1; /* without a sandbox both answer */
	if (lock_as(SANDBOX_COURIER, &r) || r.missing[0])
		return 2;
	if (errno_of_connect(ports[0]))
		return 3;
	return errno_of_connect(ports[1]) == EACCES ? 45 : 4;
}

static int listener(uint16_t *ret_port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (const struct sockaddr *)&at, sizeof at) || listen(fd, 8) ||
	        getsockname(fd, (struct sockaddr *)&at, &len))
		fail_msg("no listener: %s", strerror(errno));
	*ret_port = ntohs(at.sin_port);
	return fd;
}

static void the_courier_reaches_its_ports_and_no_others(void **state)
{
	(void)state;
	uint16_t ports[2];

	if (landlock_abi() < SANDBOX_LANDLOCK_PORTS)
		skip();
	int a = listener(&ports[0]), b = listener(&ports[1]);
	assert_int_equal(in_child(connects, ports), 45);
	close(a);
	close(b);
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
	if (r.uid != KEEPER_UID || r.caps != NET_ADMIN || r.no_new_privs != 1 || r.seccomp != 2 ||
	        r.refuses != hard || r.pid != getpid())
		return 2;
	if ((r.missing[0] == '\0') != (hard && r.landlock >= SANDBOX_LANDLOCK_FULL))
		return 3;
	if (hard && r.landlock &&
	        strcmp(r.selftest, "core_pattern EACCES, shadow EACCES, null EACCES, socket EACCES; 25 calls "
	                           "refused, execve SIGSYS") != 0)
		return 4;
	if (!hard && !strstr(r.selftest, "not tried"))
		return 5;
	return syscall(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0) == 2 ? 80 : 6;
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

static int locks_strictly(const void *arg)
{
	struct sandbox_rules rules = { .role = SANDBOX_KEEPER, .uid = getuid(), .strict = true };
	const char *lacks = arg;
	struct sandbox_report r;
	struct fault f = { 0 };

	caps_effective(&rules.caps);
	if (strcmp(lacks, "its user") == 0)
		rules.uid++;
	if (strcmp(lacks, "its capabilities") == 0)
		rules.caps ^= NET_ADMIN;
	int rc = sandbox_lock(&rules, &r, &f);
	if (!*lacks)
		return rc == 0 ? 90 : 2;
	return rc == KE_UNSUPPORTED && f.todo[0] && strstr(f.what, lacks) ? 90 : 1;
}

static void strict_refuses_half_a_sandbox(void **state)
{
	(void)state;
	if (landlock_abi() >= SANDBOX_LANDLOCK_FULL)
		assert_int_equal(in_child(locks_strictly, ""), 90);
	assert_int_equal(in_child(locks_strictly, "its user"), 90);
	assert_int_equal(in_child(locks_strictly, "its capabilities"), 90);
	setenv("KEDGE_SECCOMP", "log", 1);
	assert_int_equal(in_child(locks_strictly, "seccomp that refuses"), 90);
	unsetenv("KEDGE_SECCOMP");
}

static void what_is_missing_has_its_words(void **state)
{
	(void)state;
	static const struct {
		enum sandbox_role role;
		struct sandbox_report is;
		const char *want, *remark;
	} rows[] = {
		{ SANDBOX_KEEPER,
		        { .uid = 7,
		                .caps = 16,
		                .no_new_privs = 1,
		                .seccomp = 2,
		                .refuses = true,
		                .landlock = 3 },
		        "", "full" },
		{ SANDBOX_COURIER,
		        { .uid = 7,
		                .caps = 16,
		                .no_new_privs = 1,
		                .seccomp = 2,
		                .refuses = true,
		                .landlock = 3 },
		        "Landlock ABI 4 (this kernel has ABI 3)", "the courier's ports" },
		{ SANDBOX_COURIER,
		        { .uid = 7,
		                .caps = 16,
		                .no_new_privs = 1,
		                .seccomp = 2,
		                .refuses = true,
		                .landlock = 4 },
		        "", "" },
		{ SANDBOX_KEEPER,
		        { .uid = 7,
		                .caps = 16,
		                .no_new_privs = 1,
		                .seccomp = 2,
		                .refuses = true,
		                .landlock = 2 },
		        "Landlock ABI 3 (this kernel has ABI 2)", "as Linux 6.1" },
		{ SANDBOX_KEEPER, { .uid = 7, .caps = 16, .no_new_privs = 1 },
		        "Landlock (this kernel has none, or it is not switched on), seccomp (this kernel has "
		        "none)",
		        "two things" },
		{ SANDBOX_KEEPER, { .uid = 7, .caps = 16, .no_new_privs = 1, .seccomp = 2, .landlock = 6 },
		        "seccomp that refuses ($KEDGE_SECCOMP is log)", "" },
		{ SANDBOX_KEEPER,
		        { .uid = 0,
		                .caps = 255,
		                .no_new_privs = 1,
		                .seccomp = 2,
		                .refuses = true,
		                .landlock = 6 },
		        "its user (uid 0, not 7), its capabilities (ff, not 10)", "started by hand" },
		{ SANDBOX_KEEPER, { .uid = 7, .caps = 16, .seccomp = 2, .refuses = true, .landlock = 6 },
		        "no_new_privs", "" },
	};
	char text[192], few[16];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct sandbox_rules rules = { .role = rows[i].role, .uid = 7, .caps = 16 };
		size_t n = missing_tell(&rules, &rows[i].is, text, sizeof text);
		if (strcmp(text, rows[i].want) != 0 || n != strlen(text))
			fail_msg("row %zu (%s): '%s', not '%s'", i, rows[i].remark, text, rows[i].want);
		assert_true(missing_tell(&rules, &rows[i].is, few, sizeof few) < sizeof few);
	}
}

struct unlocked {
	enum sandbox_role role;
	struct sandbox_report is;
	const char *foreign, *notices;
};

static int selftest_unlocked(const void *arg)
{
	const struct unlocked *u = arg;
	const struct sandbox_rules rules = { .role = u->role, .foreign = u->foreign };
	char text[128];
	struct fault f = { 0 };

	/* As somebody who may not write the files of root, so that only the row's own door is open. */
	if (setresuid(KEEPER_UID, KEEPER_UID, KEEPER_UID))
		return 92;
	return sandbox_selftest(&rules, &u->is, text, sizeof text, &f) == KE_FORBIDDEN &&
	                       strstr(f.what, u->notices)
	               ? 91
	               : 1;
}

static int selftest_as_root(const void *arg)
{
	const struct sandbox_rules rules = { .role = SANDBOX_KEEPER };
	const struct sandbox_report is = { 0 };
	char text[128];
	struct fault f = { 0 };

	(void)arg;
	return sandbox_selftest(&rules, &is, text, sizeof text, &f) == KE_FORBIDDEN ? 91 : 1;
}

static void the_selftest_notices_an_open_door(void **state)
{
	(void)state;
	const struct unlocked rows[] = {
		{ SANDBOX_KEEPER, { .landlock = 0 }, NULL, "inet socket" },
		{ SANDBOX_KEEPER, { .landlock = 3 }, NULL, "/dev/null" },
		{ SANDBOX_COURIER, { .landlock = 0 }, dir, dir },
		{ SANDBOX_COURIER, { .landlock = 3 }, "/no/such/directory", "/dev/null" },
	};

	if (!is_root())
		skip();
	assert_int_equal(in_child(selftest_as_root, NULL), 91);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (in_child(selftest_unlocked, &rows[i]) != 91)
			fail_msg("row %zu: not noticed", i);
}

/* ---- the tries before a filter is loaded ---- */

struct filter {
	const struct sock_filter *program;
	size_t n;
	bool kills;
	const char *notices; /* NULL: all is refused */
};

static int tries_filter(const void *arg)
{
	const struct filter *t = arg;
	char text[64] = "";
	struct fault f = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return 1;
	int rc = probe_calls(t->program, t->n, t->kills, text, sizeof text, &f);
	if (!t->notices)
		return rc == 0 && strstr(text, "25 calls refused") ? 95 : 2;
	return rc == KE_FORBIDDEN && strstr(f.what, t->notices) ? 95 : 3;
}

#define LOAD_NR      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define END(verdict) BPF_STMT(BPF_RET | BPF_K, verdict)

static void a_filter_that_lets_something_through_is_noticed(void **state)
{
	(void)state;
	static const struct sock_filter allows[] = { END(SECCOMP_RET_ALLOW) };
	/* The child must be able to end. */
	static const struct sock_filter but_bpf[] = { LOAD_NR,
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1), END(SECCOMP_RET_ALLOW),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1), END(SECCOMP_RET_ALLOW),
		END(SECCOMP_RET_KILL_PROCESS) };
	static const struct sock_filter kills[] = { LOAD_NR,
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1), END(SECCOMP_RET_ALLOW),
		END(SECCOMP_RET_KILL_PROCESS) };
	static const struct sock_filter soft[] = { LOAD_NR,
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1), END(SECCOMP_RET_ALLOW),
		END(SECCOMP_RET_ERRNO | EPERM) };
	static const struct filter rows[] = {
		{ allows, 1, true, "execve" },
		{ but_bpf, 6, true, "lets bpf through" },
		{ kills, 4, true, NULL },
		{ soft, 4, false, NULL },
		{ soft, 4, true, "does not end a process" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int got = in_child(tries_filter, &rows[i]);
		if (got != 95)
			fail_msg("row %zu: %d", i, got);
	}
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
		cmocka_unit_test(what_libraries_do_now_and_then_is_there),
		cmocka_unit_test(a_wait_goes_on_after_a_stop),
		cmocka_unit_test(the_courier_reaches_its_ports_and_no_others),
		cmocka_unit_test(the_test_modes_are_softer),
		cmocka_unit_test(the_report_tells_what_is_in_force),
		cmocka_unit_test(strict_refuses_half_a_sandbox),
		cmocka_unit_test(what_is_missing_has_its_words),
		cmocka_unit_test(the_selftest_notices_an_open_door),
		cmocka_unit_test(a_filter_that_lets_something_through_is_noticed),
		cmocka_unit_test(too_many_paths_are_refused),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
