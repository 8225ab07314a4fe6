/* The lists of system calls in real processes: each case is a child that locks the door and makes a call; its exit status, or the
 * signal that ends it, tells what became of it. What must not be, what libraries need on ways that are seldom gone
 * (docs/confinement.md names these tests), and the tries before a filter is loaded. */
#include "tests/support/sandbox_child.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

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

static int ready[2]; /* a pipe */

/* A wait that was stopped and continued. */
static int is_stopped(void)
{
	struct pollfd none = { .fd = -1 };

	if (write(ready[1], "", 1) != 1)
		return 2;
	return poll(&none, 1, 1500) == 0 ? 70 : 1;
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

static pthread_barrier_t together;

static void *allocates(void *arg)
{
	char *blocks[64];

	for (size_t i = 0; i < 64; i++)
		blocks[i] = calloc(1, 64 << 10);
	pthread_barrier_wait(&together);
	for (size_t i = 0; i < 64; i++)
		free(blocks[i]);
	return arg;
}

/* As libcurl's for names: each has an arena of its own that grows and shrinks, its stack is given back, and when there are many
 * libc asks how many processors there are. */
static int has_threads(void)
{
	pthread_t threads[24];
	void *ret = NULL;

	pthread_barrier_init(&together, NULL, 24);
	for (int i = 0; i < 24; i++)
		if (pthread_create(&threads[i], NULL, allocates, threads))
			return 1;
	for (int i = 0; i < 24; i++)
		if (pthread_join(threads[i], &ret) || ret != threads)
			return 2;
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

/* Of one role a test, so that docs/confinement.md can name it. */
static void all_live(const struct attempt *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int got = in_child(makes_attempt, &rows[i]);
		if (got != rows[i].want)
			fail_msg("row %zu (%s): %d, not %d", i, rows[i].remark, got, rows[i].want);
	}
}

static void what_the_keepers_libraries_do_now_and_then(void **state)
{
	(void)state;
	static const struct attempt rows[] = {
		{ SANDBOX_KEEPER, grows, 70, "mremap" },
		{ SANDBOX_KEEPER, aborts, -SIGABRT,
		        "rt_sigprocmask, getpid, gettid, tgkill: the log tells ABRT" },
		{ SANDBOX_KEEPER, asks_the_kernel, 70, "clock_gettime, gettimeofday, time" },
		{ SANDBOX_KEEPER, sorts, 70, "sysinfo" },
	};

	all_live(rows, sizeof rows / sizeof rows[0]);
}

static void what_the_couriers_libraries_do_now_and_then(void **state)
{
	(void)state;
	static const struct attempt rows[] = {
		{ SANDBOX_COURIER, grows, 70, "mremap" },
		{ SANDBOX_COURIER, aborts, -SIGABRT, "" },
		{ SANDBOX_COURIER, asks_the_kernel, 70, "" },
		{ SANDBOX_COURIER, has_threads, 70,
		        "clone3, clone, mprotect, madvise, rseq, exit, sched_getaffinity" },
		{ SANDBOX_COURIER, a_executable_map, 1, "mmap(PROT_EXEC) fails softly" },
	};

	all_live(rows, sizeof rows / sizeof rows[0]);
}

/* Stopped in the middle of its wait, and continued. */
static int waits_for(const struct attempt *a)
{
	char byte;
	int status;

	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(makes_attempt(a));
	close(ready[1]); /* a child that dies before ends the read */
	assert_int_equal(read(ready[0], &byte, 1), 1);
	usleep(300000); /* it is waiting by now */
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(ready[0]);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void the_keepers_wait_goes_on_after_a_stop(void **state)
{
	const struct attempt keeper = { SANDBOX_KEEPER, is_stopped, 70, "" };

	(void)state;
	assert_int_equal(waits_for(&keeper), 70);
}

static void the_couriers_wait_goes_on_after_a_stop(void **state)
{
	const struct attempt courier = { SANDBOX_COURIER, is_stopped, 70, "" };

	(void)state;
	assert_int_equal(waits_for(&courier), 70);
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

#ifdef __SANITIZE_ADDRESS__
	skip(); /* the sanitizer itself makes more calls than these filters allow */
#endif
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int got = in_child(tries_filter, &rows[i]);
		if (got != 95)
			fail_msg("row %zu: %d", i, got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forbidden_calls_end_the_process),
		cmocka_unit_test(what_the_keepers_libraries_do_now_and_then),
		cmocka_unit_test(what_the_couriers_libraries_do_now_and_then),
		cmocka_unit_test(the_keepers_wait_goes_on_after_a_stop),
		cmocka_unit_test(the_couriers_wait_goes_on_after_a_stop),
		cmocka_unit_test(the_test_modes_are_softer),
		cmocka_unit_test(a_filter_that_lets_something_through_is_noticed),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
