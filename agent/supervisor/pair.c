/* pair.c — the command lines of the two, the socket between them, and what their ends are called in the log. */
#include "agent/supervisor/pair.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sandbox/sandbox.h"
#include "agent/supervisor/child.h"

#define ARG(text) ((char *)(uintptr_t)(text)) /* execve() wants them so and writes nothing */

static int program(const struct pair_start *how, const char *name, char path[PATH_MAX], struct fault *f)
{
	if (snprintf(path, PATH_MAX, "%s/%s", how->bin_dir, name) < PATH_MAX)
		return KE_OK;
	return fault_set(f, KE_TOOBIG, how->bin_dir, NULL, "is too long a path");
}

static int keeper_start(const struct pair_start *how, int ipc, pid_t *ret, struct fault *f)
{
	char path[PATH_MAX], ipc_text[12], control[12], events[12], links[12], ring[12], desk[12], me[12];
	size_t n = 9;
	bool full = how->config->full_profile;
	int rc = program(how, "kedge-keeper", path, f);

	if (rc)
		return rc;
	snprintf(ipc_text, sizeof ipc_text, "%d", ipc);
	snprintf(control, sizeof control, "%d", how->control_fd);
	snprintf(events, sizeof events, "%d", how->fanotify_fd);
	snprintf(links, sizeof links, "%d", how->links_fd);
	snprintf(ring, sizeof ring, "%d", how->bpf_ring_fd);
	snprintf(desk, sizeof desk, "%d", how->bpf_desk_fd);
	snprintf(me, sizeof me, "%d", (int)getpid());
	char *argv[20] = { ARG("kedge-keeper"), ARG("--config"), ARG(how->config_path), ARG("--ipc"),
		ipc_text, ARG("--control"), control, ARG("--supervisor-pid"), me };
	if (how->fanotify_fd >= 0) {
		argv[n++] = ARG("--fanotify");
		argv[n++] = events;
	}
	if (how->bpf_ring_fd >= 0) {
		argv[n++] = ARG("--bpf-ring");
		argv[n++] = ring;
		argv[n++] = ARG("--bpf-desk");
		argv[n++] = desk;
	}
	if (how->links_fd >= 0) {
		argv[n++] = ARG("--links");
		argv[n++] = links;
	}
	if (how->require_sandbox)
		argv[n] = ARG("--require-sandbox");
	const struct child c = { .path = path,
		.argv = argv,
		.uid = full ? 0 : how->config->keeper_uid,
		.gid = full ? 0 : how->config->keeper_gid,
		.keep_caps = SANDBOX_CAP(CAP_NET_ADMIN),
		.fds = { ipc, how->control_fd, how->fanotify_fd, how->links_fd, how->bpf_ring_fd,
		        how->bpf_desk_fd } };
	return child_start(&c, ret, f);
}

static int courier_start(const struct pair_start *how, int ipc, pid_t *ret, struct fault *f)
{
	char path[PATH_MAX], ipc_text[12];
	int rc = program(how, "kedge-courier", path, f);

	if (rc)
		return rc;
	snprintf(ipc_text, sizeof ipc_text, "%d", ipc);
	char *argv[] = { ARG("kedge-courier"), ARG("--config"), ARG(how->config_path), ARG("--ipc"), ipc_text,
		how->require_sandbox ? ARG("--require-sandbox") : NULL, NULL };
	const struct child c = { .path = path,
		.argv = argv,
		.uid = how->config->courier_uid,
		.gid = how->config->courier_gid,
		.fds = { ipc, -1, -1, -1, -1, -1 } };
	return child_start(&c, ret, f);
}

int pair_start(const struct pair_start *how, struct pair *ret, struct fault *f)
{
	struct pair p = { 0 };
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
		return fault_set(f, KE_SYSTEM, "socketpair", NULL, "%s", strerror(errno));
	int rc = keeper_start(how, ends[0], &p.keeper, f);
	if (!rc)
		rc = courier_start(how, ends[1], &p.courier, f);
	close(ends[0]);
	close(ends[1]);
	if (rc && p.keeper) {
		kill(p.keeper, SIGKILL); /* it was just born and holds nothing */
		waitpid(p.keeper, NULL, 0);
	}
	if (!rc)
		*ret = p;
	return rc;
}

void pair_signal(const struct pair *p, int signal)
{
	if (p->keeper)
		kill(p->keeper, signal);
	if (p->courier)
		kill(p->courier, signal);
}

static void tell_end(const char *name, pid_t pid, int status)
{
	if (WIFSIGNALED(status))
		log_warning("process ended name=%s pid=%d signal=%s", name, (int)pid,
		        sigabbrev_np(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		log_warning("process ended name=%s pid=%d status=%d", name, (int)pid, WEXITSTATUS(status));
	else
		log_info("process ended name=%s pid=%d status=0", name, (int)pid);
}

void pair_reap(struct pair *p)
{
	pid_t *const pids[] = { &p->keeper, &p->courier };
	static const char *const names[] = { "kedge-keeper", "kedge-courier" };
	int status;

	for (size_t i = 0; i < 2; i++)
		if (*pids[i] && waitpid(*pids[i], &status, WNOHANG) == *pids[i]) {
			tell_end(names[i], *pids[i], status);
			if (WIFEXITED(status) && WEXITSTATUS(status) == SANDBOX_EXIT_UNCONFINED)
				p->unconfined = true;
			*pids[i] = 0;
		}
}
