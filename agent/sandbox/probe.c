/* probe.c — the system calls that no process of kedge may make, tried: a list that was never tried is a hope. Each try is made in
 * a child, under a copy of the very program that is loaded a moment later, in which only the verdict "end the process" is
 * replaced by an errno that no such call gives; so every decision of the program is seen, and the audit log is not
 * filled at each start. One more child has the program as it is, and dies of it. Nothing is changed by a call that would
 * be let through: its arguments are nothing. Called by seccomp.c. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sandbox/sandbox_in.h"

#define REFUSED    ENOTNAM
#define NOT_LOADED 125

static const struct probe {
	const char *name;
	long call, a, b, c;
} probes[] = {
	{ "execve", SYS_execve, 0, 0, 0 },
	{ "execveat", SYS_execveat, -1, 0, 0 },
	{ "clone", SYS_clone, SIGCHLD, 0, 0 },
	{ "ptrace", SYS_ptrace, 0, 0, 0 },
	{ "process_vm_writev", SYS_process_vm_writev, 0, 0, 0 },
	{ "kill", SYS_kill, 0, 0, 0 },
	{ "pidfd_send_signal", SYS_pidfd_send_signal, -1, 0, 0 },
	{ "socket(AF_PACKET)", SYS_socket, AF_PACKET, SOCK_RAW, 0 },
	{ "socket(AF_NETLINK)", SYS_socket, AF_NETLINK, SOCK_RAW, 0 },
	{ "listen", SYS_listen, -1, 0, 0 },
	{ "mmap(PROT_EXEC)", SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC },
	{ "mprotect(PROT_EXEC)", SYS_mprotect, 0, 0, PROT_READ | PROT_EXEC },
	{ "setuid", SYS_setuid, 0, 0, 0 },
	{ "capset", SYS_capset, 0, 0, 0 },
	{ "unshare", SYS_unshare, 0, 0, 0 },
	{ "setns", SYS_setns, -1, 0, 0 },
	{ "mount", SYS_mount, 0, 0, 0 },
	{ "bpf", SYS_bpf, -1, 0, 0 },
	{ "perf_event_open", SYS_perf_event_open, 0, 0, 0 },
	{ "keyctl", SYS_keyctl, -1, 0, 0 },
	{ "io_uring_setup", SYS_io_uring_setup, 0, 0, 0 },
	{ "init_module", SYS_init_module, 0, 0, 0 },
	{ "open_by_handle_at", SYS_open_by_handle_at, -1, 0, 0 },
	{ "prctl(PR_SET_DUMPABLE)", SYS_prctl, PR_SET_DUMPABLE, 0, 0 },
	{ "prlimit64", SYS_prlimit64, 0, 0, 1 },
};
#define PROBES (sizeof probes / sizeof probes[0])

int filter_install(const struct sock_filter *program, size_t n)
{
	const struct sock_fprog p = { .len = (unsigned short)n,
		.filter = (struct sock_filter *)(uintptr_t)program };

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &p);
}

/* An explicit rule of the lists may refuse more gently. */
static bool refused(const struct probe *p)
{
	long got = syscall(p->call, p->a, p->b, p->c, 0, 0, 0);

	if (got == 0 && p->call == SYS_clone)
		_exit(0); /* the child that must not be */
	return got == -1 && (errno == REFUSED || errno == EACCES || errno == EAFNOSUPPORT);
}

/* In a child. The exit status is the number of probes that were refused, up to the first that was not. */
static void __attribute__((noreturn)) try_all(const struct sock_filter *program, size_t n)
{
	struct sock_filter *copy = calloc(n, sizeof *copy);
	int i = 0;

	if (copy)
		memcpy(copy, program, n * sizeof *copy);
	for (size_t k = 0; copy && k < n; k++)
		if (copy[k].code == (BPF_RET | BPF_K) &&
		        (copy[k].k == SECCOMP_RET_KILL_PROCESS || copy[k].k == (SECCOMP_RET_ERRNO | EPERM)))
			copy[k].k = SECCOMP_RET_ERRNO | REFUSED;
	if (!copy || filter_install(copy, n))
		_exit(NOT_LOADED);
	while (i < (int)PROBES && refused(&probes[i]))
		i++;
	_exit(i);
}

static void __attribute__((noreturn)) try_one(const struct sock_filter *program, size_t n)
{
	if (filter_install(program, n))
		_exit(NOT_LOADED);
	syscall(probes[0].call, 0, 0, 0);
	_exit(0);
}

/* The wait status of a child that runs BODY; -1 with errno. An event loop's handler must not hear of it: it would collect
 * children with calls that are on no list. */
static int in_child(
        void (*body)(const struct sock_filter *, size_t), const struct sock_filter *program, size_t n)
{
	const struct sigaction quiet = { .sa_handler = SIG_DFL };
	struct sigaction before;
	int status = -1;

	if (sigaction(SIGCHLD, &quiet, &before))
		return -1;
	pid_t pid = fork();
	if (pid == 0)
		body(program, n);
	if (pid > 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	int err = errno;
	sigaction(SIGCHLD, &before, NULL);
	errno = err;
	return status;
}

static int failed(struct fault *f, int status)
{
	if (status < 0)
		return fault_set(f, KE_SYSTEM, "self-test", NULL, "fork: %s", strerror(errno));
	return fault_set(f, KE_SYSTEM, "self-test", NULL, "a child under the filter ended with status 0x%x",
	        (unsigned)status);
}

int probe_calls(
        const struct sock_filter *program, size_t n, bool kills, char *text, size_t size, struct fault *f)
{
	int status = in_child(try_all, program, n);

	if (status < 0 || !WIFEXITED(status) || WEXITSTATUS(status) > (int)PROBES)
		return failed(f, status);
	if (WEXITSTATUS(status) < (int)PROBES)
		return fault_set(f, KE_FORBIDDEN, "self-test", NULL, "seccomp lets %s through",
		        probes[WEXITSTATUS(status)].name);
	if (!kills) {
		snprintf(text, size, "%zu calls refused", PROBES);
		return KE_OK;
	}
	status = in_child(try_one, program, n);
	if (status < 0)
		return failed(f, status);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
		return fault_set(f, KE_FORBIDDEN, "self-test", NULL,
		        "seccomp does not end a process that calls %s", probes[0].name);
	snprintf(text, size, "%zu calls refused, %s SIGSYS", PROBES, probes[0].name);
	return KE_OK;
}
