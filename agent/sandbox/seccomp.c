/* seccomp.c — the system calls that each role may make, as one table. Whatever is not in it ends the process. A call that a
 * library makes out of habit and does without (terminal questions, clone3, a netlink socket of getaddrinfo) gets an
 * errno instead. A narrow rule is never followed by a wide one for the same call: the narrow one would mean nothing. */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/sandbox/sandbox_in.h"

#define K    (1U << SANDBOX_KEEPER)
#define C    (1U << SANDBOX_COURIER)
#define BOTH (K | C)

static const struct plain {
	int call;
	unsigned roles;
} plain[] = {
	/* memory */
	{ SCMP_SYS(brk), BOTH },
	{ SCMP_SYS(munmap), BOTH },
	{ SCMP_SYS(mremap), BOTH },
	{ SCMP_SYS(madvise), BOTH },
	{ SCMP_SYS(memfd_create), BOTH },
	/* open descriptors */
	{ SCMP_SYS(read), BOTH },
	{ SCMP_SYS(write), BOTH },
	{ SCMP_SYS(readv), BOTH },
	{ SCMP_SYS(writev), BOTH },
	{ SCMP_SYS(pread64), BOTH },
	{ SCMP_SYS(pwrite64), BOTH },
	{ SCMP_SYS(lseek), BOTH },
	{ SCMP_SYS(close), BOTH },
	{ SCMP_SYS(dup), BOTH },
	{ SCMP_SYS(fcntl), BOTH },
	{ SCMP_SYS(flock), BOTH },
	{ SCMP_SYS(fsync), BOTH },
	{ SCMP_SYS(fdatasync), BOTH },
	{ SCMP_SYS(ftruncate), BOTH },
	{ SCMP_SYS(fallocate), K },
	{ SCMP_SYS(fstat), BOTH },
	{ SCMP_SYS(fstatfs), BOTH },
	{ SCMP_SYS(fchmod), BOTH },
	{ SCMP_SYS(getdents64), BOTH },
	/* paths; which ones is Landlock's business */
	{ SCMP_SYS(openat), BOTH },
	{ SCMP_SYS(openat2), K },
	{ SCMP_SYS(newfstatat), BOTH },
	{ SCMP_SYS(stat), BOTH },
	{ SCMP_SYS(lstat), BOTH },
	{ SCMP_SYS(statx), BOTH },
	{ SCMP_SYS(statfs), BOTH },
	{ SCMP_SYS(access), BOTH },
	{ SCMP_SYS(faccessat), BOTH },
	{ SCMP_SYS(faccessat2), BOTH },
	{ SCMP_SYS(readlink), BOTH },
	{ SCMP_SYS(readlinkat), BOTH },
	{ SCMP_SYS(rename), BOTH },
	{ SCMP_SYS(renameat), BOTH },
	{ SCMP_SYS(renameat2), BOTH },
	{ SCMP_SYS(unlink), BOTH },
	{ SCMP_SYS(unlinkat), BOTH },
	{ SCMP_SYS(mkdir), BOTH },
	{ SCMP_SYS(mkdirat), BOTH },
	{ SCMP_SYS(umask), BOTH },
	{ SCMP_SYS(getcwd), BOTH },
	/* waiting */
	{ SCMP_SYS(poll), BOTH },
	{ SCMP_SYS(ppoll), BOTH },
	{ SCMP_SYS(select), BOTH },
	{ SCMP_SYS(pselect6), BOTH },
	{ SCMP_SYS(epoll_create1), BOTH },
	{ SCMP_SYS(epoll_ctl), BOTH },
	{ SCMP_SYS(epoll_wait), BOTH },
	{ SCMP_SYS(epoll_pwait), BOTH },
	{ SCMP_SYS(epoll_pwait2), BOTH },
	{ SCMP_SYS(eventfd2), BOTH },
	{ SCMP_SYS(signalfd4), BOTH },
	{ SCMP_SYS(timerfd_create), BOTH },
	{ SCMP_SYS(timerfd_settime), BOTH },
	{ SCMP_SYS(timerfd_gettime), BOTH },
	{ SCMP_SYS(pipe2), BOTH },
	{ SCMP_SYS(futex), BOTH },
	{ SCMP_SYS(restart_syscall), BOTH },
	/* time, chance, self */
	{ SCMP_SYS(clock_gettime), BOTH },
	{ SCMP_SYS(clock_getres), BOTH },
	{ SCMP_SYS(clock_nanosleep), BOTH },
	{ SCMP_SYS(nanosleep), BOTH },
	{ SCMP_SYS(gettimeofday), BOTH },
	{ SCMP_SYS(time), BOTH },
	{ SCMP_SYS(getrandom), BOTH },
	{ SCMP_SYS(uname), BOTH },
	{ SCMP_SYS(sysinfo), BOTH },
	{ SCMP_SYS(getpid), BOTH },
	{ SCMP_SYS(gettid), BOTH },
	{ SCMP_SYS(getppid), BOTH },
	{ SCMP_SYS(getuid), BOTH },
	{ SCMP_SYS(geteuid), BOTH },
	{ SCMP_SYS(getgid), BOTH },
	{ SCMP_SYS(getegid), BOTH },
	{ SCMP_SYS(capget), BOTH },
	{ SCMP_SYS(getrlimit), BOTH },
	{ SCMP_SYS(getrusage), BOTH },
	{ SCMP_SYS(sched_yield), BOTH },
	{ SCMP_SYS(sched_getaffinity), BOTH },
	{ SCMP_SYS(rt_sigaction), BOTH },
	{ SCMP_SYS(rt_sigprocmask), BOTH },
	{ SCMP_SYS(rt_sigreturn), BOTH },
	{ SCMP_SYS(rt_sigpending), BOTH },
	{ SCMP_SYS(rt_sigtimedwait), BOTH },
	{ SCMP_SYS(sigaltstack), BOTH },
	{ SCMP_SYS(set_robust_list), BOTH },
	{ SCMP_SYS(rseq), BOTH },
	{ SCMP_SYS(exit), BOTH },
	{ SCMP_SYS(exit_group), BOTH },
	/* sockets that exist already */
	{ SCMP_SYS(sendmsg), BOTH },
	{ SCMP_SYS(recvmsg), BOTH },
	{ SCMP_SYS(sendto), BOTH },
	{ SCMP_SYS(recvfrom), BOTH },
	{ SCMP_SYS(getsockopt), BOTH },
	{ SCMP_SYS(getsockname), BOTH },
	{ SCMP_SYS(shutdown), BOTH },
	{ SCMP_SYS(accept4), K },
	/* new ones */
	{ SCMP_SYS(connect), C },
	{ SCMP_SYS(bind), C },
	{ SCMP_SYS(setsockopt), C },
	{ SCMP_SYS(getpeername), C },
	{ SCMP_SYS(sendmmsg), C },
	{ SCMP_SYS(recvmmsg), C },
};

#define ALLOW SCMP_ACT_ALLOW

/* Rules that look at one argument, and errnos for what is tried and not missed. */
static const struct narrow {
	unsigned roles;
	uint32_t action;
	int call;
	unsigned args;
	struct scmp_arg_cmp arg;
} narrow[] = {
	/* No memory that is written and run; the courier's name service may load its modules. */
	{ BOTH, ALLOW, SCMP_SYS(mprotect), 1, { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 } },
	{ K, ALLOW, SCMP_SYS(mmap), 1, { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 } },
	{ C, ALLOW, SCMP_SYS(mmap), 1, { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, 0 } },
	{ C, ALLOW, SCMP_SYS(mmap), 1, { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_WRITE } },
	{ C, ALLOW, SCMP_SYS(mmap), 1, { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC } },
	/* Limits are read, never set. */
	{ BOTH, ALLOW, SCMP_SYS(prlimit64), 1, { 2, SCMP_CMP_EQ, 0, 0 } },
	{ BOTH, ALLOW, SCMP_SYS(prctl), 1, { 0, SCMP_CMP_EQ, PR_SET_NAME, 0 } },
	{ BOTH, ALLOW, SCMP_SYS(prctl), 1, { 0, SCMP_CMP_EQ, PR_GET_NO_NEW_PRIVS, 0 } },
	{ BOTH, ALLOW, SCMP_SYS(prctl), 1, { 0, SCMP_CMP_EQ, PR_GET_SECCOMP, 0 } },
	{ BOTH, ALLOW, SCMP_SYS(prctl), 1, { 0, SCMP_CMP_EQ, PR_GET_DUMPABLE, 0 } },
	/* stdio asks whether it writes to a terminal. */
	{ K, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 0, { 0 } },
	{ C, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 1, { 1, SCMP_CMP_EQ, 0x5401 /* TCGETS */, 0 } },
	/* The DNS resolver asks how long an answer is. */
	{ C, ALLOW, SCMP_SYS(ioctl), 1, { 1, SCMP_CMP_EQ, FIONREAD, 0 } },
	/* The self-test asks for one and must live. */
	{ K, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 0, { 0 } },
	{ C, ALLOW, SCMP_SYS(socket), 1, { 0, SCMP_CMP_EQ, AF_INET, 0 } },
	{ C, ALLOW, SCMP_SYS(socket), 1, { 0, SCMP_CMP_EQ, AF_INET6, 0 } },
	{ C, ALLOW, SCMP_SYS(socket), 1, { 0, SCMP_CMP_EQ, AF_UNIX, 0 } },
	/* getaddrinfo() lists addresses through it, and assumes both families when it may not. */
	{ C, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, { 0, SCMP_CMP_EQ, AF_NETLINK, 0 } },
	/* curl wakes itself through a pair. */
	{ C, ALLOW, SCMP_SYS(socketpair), 1, { 0, SCMP_CMP_EQ, AF_UNIX, 0 } },
	/* libcurl looks names up in a thread. clone3's flags cannot be seen: libc then falls back to clone. */
	{ C, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, { 0 } },
	{ C, ALLOW, SCMP_SYS(clone), 1, { 0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD } },
};

static int failed(struct fault *f, const char *what, int rc)
{
	return fault_set(f, KE_SYSTEM, "seccomp", NULL, "%s: %s", what, strerror(-rc));
}

/* A process aborts by a signal to itself, and to nobody else. */
static int own_signals(scmp_filter_ctx ctx)
{
	return seccomp_rule_add(
	        ctx, ALLOW, SCMP_SYS(tgkill), 1, SCMP_CMP(0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
}

static int fill(scmp_filter_ctx ctx, enum sandbox_role role)
{
	unsigned me = 1U << role;
	int rc = own_signals(ctx);

	for (size_t i = 0; !rc && i < sizeof plain / sizeof plain[0]; i++)
		if (plain[i].roles & me)
			rc = seccomp_rule_add(ctx, ALLOW, plain[i].call, 0);
	for (size_t i = 0; !rc && i < sizeof narrow / sizeof narrow[0]; i++)
		if (narrow[i].roles & me)
			rc = seccomp_rule_add_array(
			        ctx, narrow[i].action, narrow[i].call, narrow[i].args, &narrow[i].arg);
	return rc;
}

static uint32_t default_action(bool *ret_confined)
{
	const char *mode = getenv("KEDGE_SECCOMP");

	*ret_confined = true;
	if (mode && strcmp(mode, "errno") == 0)
		return SCMP_ACT_ERRNO(EPERM);
	if (mode && strcmp(mode, "log") == 0) {
		*ret_confined = false;
		return SCMP_ACT_LOG;
	}
	return SCMP_ACT_KILL_PROCESS;
}

int seccomp_lock(enum sandbox_role role, bool *ret_confined, struct fault *f)
{
	bool confined;
	uint32_t action = default_action(&confined);

	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0 && errno == EINVAL)
		return fault_set(f, KE_UNSUPPORTED, "seccomp", NULL, "this kernel has none");
	scmp_filter_ctx ctx = seccomp_init(action);
	if (!ctx)
		return fault_set(f, KE_NOMEM, "seccomp", NULL, "%s", "");
	/* Threads that exist already are bound as well; a foreign architecture's numbers end the process. */
	int rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!rc)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!rc)
		rc = fill(ctx, role);
	if (rc)
		rc = failed(f, "cannot make the filter", rc);
	else if ((rc = seccomp_load(ctx)) != 0)
		rc = failed(f, "cannot load the filter", rc);
	seccomp_release(ctx);
	if (!rc)
		*ret_confined = confined;
	return rc;
}
