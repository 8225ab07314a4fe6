/* child.c — fork, become somebody else, execute. What fails between fork and execve comes back through a pipe that
 * execve closes, so that "cannot execute" is told by the one who asked, with its reason. */
#include "agent/supervisor/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sandbox/sandbox.h"

static const char *const kept_names[] = { "JOURNAL_STREAM", "KEDGE_SECCOMP", "LANG", "TZ", "ASAN_OPTIONS" };
#define KEPT (sizeof kept_names / sizeof kept_names[0])

/* libcurl's Kerberos and RTMP halves bring GnuTLS, which would otherwise start itself in every process that maps it: a
 * megabyte, for nothing that the agent calls. */
static char no_gnutls[] = "GNUTLS_NO_IMPLICIT_INIT=1";

/* "NAME=VALUE" of what is kept, and what is added; the strings are the process's own. */
static void bare_environment(char *env[KEPT + 2])
{
	size_t n = 0;

	env[n++] = no_gnutls;
	for (char **e = environ; *e; e++)
		for (size_t i = 0; i < KEPT && n < KEPT + 1; i++) {
			size_t len = strlen(kept_names[i]);
			if (strncmp(*e, kept_names[i], len) == 0 && (*e)[len] == '=')
				env[n++] = *e;
		}
	env[n] = NULL;
}

static void signals_reset(void)
{
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int child_become(const struct child *c, pid_t parent, struct fault *f)
{
	signals_reset();
	umask(077);
	/* Also what somebody left open for us. */
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC))
		return fault_set(f, KE_SYSTEM, c->path, NULL, "close_range: %s", strerror(errno));
	for (size_t i = 0; i < CHILD_MAX_FDS; i++)
		if (c->fds[i] >= 0 && fcntl(c->fds[i], F_SETFD, 0))
			return fault_set(
			        f, KE_SYSTEM, c->path, NULL, "descriptor %d: %s", c->fds[i], strerror(errno));
	int rc = sandbox_become(c->uid, c->gid, c->keep_caps, f);
	/* After the change of user, which clears it. The parent may be gone by now. */
	if (!rc && (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) || getppid() != parent))
		rc = fault_set(f, KE_CLOSED, c->path, NULL, "the supervisor ended meanwhile");
	return rc;
}

/* In the child; does not return. */
static void __attribute__((noreturn)) child_main(const struct child *c, pid_t parent, int report)
{
	char *env[KEPT + 2];
	struct fault f = { 0 };

	bare_environment(env);
	if (child_become(c, parent, &f) == KE_OK) {
		execve(c->path, c->argv, env);
		int err = errno;
		fault_set(&f, err_from_errno(err), c->path, "install it beside kedge-agent",
		        "cannot execute: %s", strerror(err));
	}
	ssize_t n = write(report, &f, sizeof f);
	_exit(n == (ssize_t)sizeof f ? 127 : 126);
}

int child_start(const struct child *c, pid_t *ret_pid, struct fault *f)
{
	struct fault said;
	pid_t parent = getpid();
	int report[2];

	if (pipe2(report, O_CLOEXEC))
		return fault_set(f, KE_SYSTEM, c->path, NULL, "pipe: %s", strerror(errno));
	pid_t pid = fork();
	if (pid == 0)
		child_main(c, parent, report[1]);
	int err = errno;
	close(report[1]);
	if (pid < 0) {
		close(report[0]);
		return fault_set(f, KE_SYSTEM, c->path, NULL, "fork: %s", strerror(err));
	}
	ssize_t n;
	do {
		n = read(report[0], &said, sizeof said);
	} while (n < 0 && errno == EINTR);
	close(report[0]);
	if (n == 0) { /* execve closed it */
		*ret_pid = pid;
		return KE_OK;
	}
	waitpid(pid, NULL, 0);
	if (n != (ssize_t)sizeof said)
		return fault_set(f, KE_SYSTEM, c->path, NULL, "its process died before it began");
	if (f)
		*f = said;
	return said.code;
}

int child_bin_dir(char path[PATH_MAX], struct fault *f)
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (n < 0)
		return fault_set(f, KE_SYSTEM, "/proc/self/exe", NULL, "%s", strerror(errno));
	path[n] = '\0';
	char *slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
	return KE_OK;
}
