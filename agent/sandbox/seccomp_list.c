/* seccomp_list.c — the system calls that each role may make, and with which arguments where some would widen its rights.
 * Whatever is not here ends the process. Each row is needed: docs/confinement.md says by whom and names the test that
 * fails without it, tests/system/014-seccomp-list keeps the two tables together, scripts/seccomp-needed takes the rows away
 * one by one. A call that a library makes out of habit and does without gets an errno instead. A narrow rule is never
 * followed by a wide one for the same call: the narrow one would mean nothing. Read by seccomp.c. */
#include "agent/sandbox/seccomp_list.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "agent/sandbox/sandbox.h"

#define K         (1U << SANDBOX_KEEPER)
#define C         (1U << SANDBOX_COURIER)
#define BOTH      (K | C)

#define ALLOW     SCMP_ACT_ALLOW
#define FAIL(err) SCMP_ACT_ERRNO(err)

/* Argument N is VALUE; of argument N, the bits in MASK are VALUE. */
#define IS(n, value)                                                                                         \
	{                                                                                                    \
		n, SCMP_CMP_EQ, value, 0                                                                     \
	}
#define BITS(n, mask, value)                                                                                 \
	{                                                                                                    \
		n, SCMP_CMP_MASKED_EQ, mask, value                                                           \
	}

/* A thread of this process, in no new namespace, traced by nobody. */
#define CLONE_ASKED                                                                                          \
	(CLONE_THREAD | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |        \
	        CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE | CLONE_VFORK)
#define SOCKET_TYPE 0xf /* without SOCK_CLOEXEC and SOCK_NONBLOCK */

/* clang-format off: one row a line, in columns */
const struct seccomp_rule seccomp_list[] = {
	/* memory; none is ever made executable */
	{ BOTH, ALLOW, SCMP_SYS(brk), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(mmap), 1, { BITS(2, PROT_EXEC, 0) } },
	{ BOTH, ALLOW, SCMP_SYS(munmap), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(mremap), 0, { { 0 } } },
	{ C, ALLOW, SCMP_SYS(mprotect), 1, { BITS(2, PROT_EXEC, 0) } },
	{ BOTH, ALLOW, SCMP_SYS(madvise), 1, { IS(2, MADV_DONTNEED) } },
	{ BOTH, ALLOW, SCMP_SYS(memfd_create), 0, { { 0 } } },
	/* open descriptors; fcntl never changes who gets a signal */
	{ BOTH, ALLOW, SCMP_SYS(read), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(write), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(pread64), 0, { { 0 } } },
	{ K, ALLOW, SCMP_SYS(pwrite64), 0, { { 0 } } },
	{ C, ALLOW, SCMP_SYS(lseek), 0, { { 0 } } },
	{ K, ALLOW, SCMP_SYS(ftruncate), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(close), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(fcntl), 1, { IS(1, F_GETFL) } },
	{ BOTH, ALLOW, SCMP_SYS(fcntl), 1, { IS(1, F_SETFD) } },
	{ C, ALLOW, SCMP_SYS(fcntl), 1, { IS(1, F_SETFL) } },
	{ BOTH, ALLOW, SCMP_SYS(fcntl), 1, { IS(1, F_ADD_SEALS) } },
	{ BOTH, ALLOW, SCMP_SYS(fcntl), 1, { IS(1, F_GET_SEALS) } },
	{ K, ALLOW, SCMP_SYS(flock), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(fsync), 0, { { 0 } } },
	{ K, ALLOW, SCMP_SYS(fdatasync), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(fchmod), 0, { { 0 } } },
	{ K, ALLOW, SCMP_SYS(getdents64), 0, { { 0 } } },
	/* paths; which ones is Landlock's business */
	{ BOTH, ALLOW, SCMP_SYS(openat), 0, { { 0 } } },
	{ K, ALLOW, SCMP_SYS(openat2), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(newfstatat), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(access), 0, { { 0 } } },
	{ K, ALLOW, SCMP_SYS(readlinkat), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(rename), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(renameat), 0, { { 0 } } },
	{ K, ALLOW, SCMP_SYS(unlink), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(unlinkat), 0, { { 0 } } },
	{ K, ALLOW, SCMP_SYS(mkdir), 0, { { 0 } } },
	/* waiting */
	{ BOTH, ALLOW, SCMP_SYS(poll), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(epoll_ctl), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(epoll_wait), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(futex), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(restart_syscall), 0, { { 0 } } },
	/* time, chance, self; the clocks only where the vDSO cannot read them */
	{ BOTH, ALLOW, SCMP_SYS(clock_gettime), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(gettimeofday), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(time), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(getrandom), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(uname), 0, { { 0 } } },
	{ K, ALLOW, SCMP_SYS(sysinfo), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(getpid), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(gettid), 0, { { 0 } } },
	{ C, ALLOW, SCMP_SYS(geteuid), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(prctl), 1, { IS(0, PR_GET_SECCOMP) } },
	{ BOTH, ALLOW, SCMP_SYS(rt_sigaction), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(rt_sigprocmask), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(rt_sigreturn), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(exit_group), 0, { { 0 } } },
	/* sockets that exist already */
	{ BOTH, ALLOW, SCMP_SYS(sendmsg), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(recvmsg), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(sendto), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(getsockopt), 0, { { 0 } } },
	{ K, ALLOW, SCMP_SYS(accept4), 0, { { 0 } } },
	/* new ones: the courier's, inet, to the ports that Landlock knows */
	{ C, ALLOW, SCMP_SYS(socket), 2, { IS(0, AF_INET), BITS(1, SOCKET_TYPE, SOCK_STREAM) } },
	{ C, ALLOW, SCMP_SYS(socket), 2, { IS(0, AF_INET), BITS(1, SOCKET_TYPE, SOCK_DGRAM) } },
	{ C, ALLOW, SCMP_SYS(socket), 2, { IS(0, AF_INET6), BITS(1, SOCKET_TYPE, SOCK_STREAM) } },
	{ C, ALLOW, SCMP_SYS(socket), 2, { IS(0, AF_INET6), BITS(1, SOCKET_TYPE, SOCK_DGRAM) } },
	/* getaddrinfo() asks for nscd, and for the host's addresses; it does without both. */
	{ C, FAIL(EAFNOSUPPORT), SCMP_SYS(socket), 1, { IS(0, AF_UNIX) } },
	{ C, FAIL(EAFNOSUPPORT), SCMP_SYS(socket), 1, { IS(0, AF_NETLINK) } },
	/* The self-test asks for one and must live. */
	{ K, FAIL(EACCES), SCMP_SYS(socket), 0, { { 0 } } },
	/* libcurl wakes itself through a pair. */
	{ C, ALLOW, SCMP_SYS(socketpair), 1, { IS(0, AF_UNIX) } },
	{ C, ALLOW, SCMP_SYS(connect), 0, { { 0 } } },
	{ C, ALLOW, SCMP_SYS(setsockopt), 2, { IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY) } },
	{ C, ALLOW, SCMP_SYS(setsockopt), 2, { IS(1, IPPROTO_IP), IS(2, IP_RECVERR) } },
	{ C, ALLOW, SCMP_SYS(setsockopt), 2, { IS(1, IPPROTO_IPV6), IS(2, IPV6_RECVERR) } },
	{ C, ALLOW, SCMP_SYS(getsockname), 0, { { 0 } } },
	{ C, ALLOW, SCMP_SYS(getpeername), 0, { { 0 } } },
	{ C, ALLOW, SCMP_SYS(recvfrom), 0, { { 0 } } },
	{ C, ALLOW, SCMP_SYS(sendmmsg), 0, { { 0 } } },
	/* The DNS resolver asks how long an answer is, and asks again by TCP where it is too long for a datagram. */
	{ C, ALLOW, SCMP_SYS(writev), 0, { { 0 } } },
	{ C, ALLOW, SCMP_SYS(ioctl), 1, { IS(1, FIONREAD) } },
	/* libcurl looks names up in a thread. clone3's flags cannot be seen: libc then falls back to clone. */
	{ C, FAIL(ENOSYS), SCMP_SYS(clone3), 0, { { 0 } } },
	{ C, ALLOW, SCMP_SYS(clone), 1, { BITS(0, CLONE_ASKED, CLONE_THREAD) } },
	{ C, ALLOW, SCMP_SYS(set_robust_list), 0, { { 0 } } },
	{ C, ALLOW, SCMP_SYS(rseq), 0, { { 0 } } },
	{ C, ALLOW, SCMP_SYS(sched_getaffinity), 0, { { 0 } } },
	{ C, ALLOW, SCMP_SYS(exit), 0, { { 0 } } },
	/* A name service that is configured while the courier runs is not loaded: it is not there until the next start. */
	{ C, FAIL(EACCES), SCMP_SYS(mmap), 1, { BITS(2, PROT_EXEC, PROT_EXEC) } },
#ifdef __SANITIZE_ADDRESS__
	/* Not in what is shipped: the sanitizer's own calls. */
	{ K, ALLOW, SCMP_SYS(mprotect), 1, { BITS(2, PROT_EXEC, 0) } },
	{ BOTH, ALLOW, SCMP_SYS(madvise), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(sigaltstack), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(sched_yield), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(readlink), 0, { { 0 } } },
	{ BOTH, ALLOW, SCMP_SYS(prlimit64), 1, { IS(2, 0) } },
	{ C, ALLOW, SCMP_SYS(prctl), 1, { IS(0, PR_SET_NAME) } },
#endif
};
/* clang-format on */
const size_t seccomp_list_len = sizeof seccomp_list / sizeof seccomp_list[0];
