/* bpf_source.c — the loader is a program of its own so that nothing that lives on can make bpf(2) calls: it gets three
 * capabilities and a socket, sends one message with three descriptors, and is gone. A loader that says nothing in time is
 * killed. Called by the supervisor before it starts the pair. */
#include "agent/supervisor/bpf_source.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sandbox/sandbox.h"
#include "agent/supervisor/child.h"
#include "agent/watch/bpf_event.h"

#define ARG(text) ((char *)(uintptr_t)(text)) /* execve() wants them so and writes nothing */

static int failed(struct fault *f, const char *what)
{
	return fault_set(f, KE_SYSTEM, "kedge-bpf-loader", NULL, "%s: %s", what, strerror(errno));
}

static int loader_start(
        const char *bin_dir, const struct agent_config *c, int fd, pid_t *ret, struct fault *f)
{
	char path[PATH_MAX], number[12];
	char *argv[5 + 2 * CONFIG_MAX_EXEMPT] = { ARG("kedge-bpf-loader"), ARG("--socket"), number };
	size_t n = 3;

	snprintf(number, sizeof number, "%d", fd);
	if (snprintf(path, sizeof path, "%s/kedge-bpf-loader", bin_dir) >= (int)sizeof path)
		return fault_set(f, KE_TOOBIG, bin_dir, NULL, "is too long a path");
	if (c->lock)
		argv[n++] = ARG("--lock");
	for (size_t i = 0; c->lock && i < c->n_exempt; i++) {
		argv[n++] = ARG("--exempt");
		argv[n++] = c->exempt[i];
	}
	const struct child child = { .path = path,
		.argv = argv,
		.keep_caps = SANDBOX_CAP(CAP_BPF) | SANDBOX_CAP(CAP_PERFMON) | SANDBOX_CAP(CAP_NET_ADMIN),
		.fds = { fd, -1, -1, -1, -1, -1 } };
	return child_start(&child, ret, f);
}

/* The message, and its descriptors into *RET. */
static int take_message(int fd, struct bpf_answer *a, struct bpf_source *ret, struct fault *f)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(3 * sizeof(int))];
	} control;
	struct iovec v = { .iov_base = a, .iov_len = sizeof *a };
	struct msghdr m = { .msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof control.room };
	int fds[3];

	ssize_t got = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (got < 0)
		return failed(f, "recvmsg");
	const struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	        c->cmsg_len == CMSG_LEN(sizeof fds)) {
		memcpy(fds, CMSG_DATA(c), sizeof fds);
		ret->link_fd = fds[0];
		ret->ring_fd = fds[1];
		ret->desk_fd = fds[2];
	}
	if (got != (ssize_t)sizeof *a || (!a->code && ret->link_fd < 0) || a->code > 0)
		return fault_set(f, KE_PROTO, "kedge-bpf-loader", "install programs of one version",
		        "ended without an answer");
	a->text[sizeof a->text - 1] = a->where[sizeof a->where - 1] = '\0';
	return KE_OK;
}

static int take_answer(int fd, struct bpf_source *ret, struct fault *note, struct fault *f)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct bpf_answer a = { .code = 0 };
	int n;

	do {
		n = poll(&p, 1, BPF_SOURCE_PATIENCE);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return failed(f, "poll");
	if (!n)
		return fault_set(f, KE_TIMEOUT, "kedge-bpf-loader", NULL, "does not answer");
	int rc = take_message(fd, &a, ret, f);
	if (rc)
		return rc;
	if (a.code)
		return fault_set(f, a.code, NULL, NULL, "%s", a.text);
	ret->whole = a.whole;
	ret->kernel = a.kernel;
	ret->locks = a.locks;
	memcpy(ret->where, a.where, sizeof ret->where);
	if (a.text[0])
		fault_set(note, KE_UNSUPPORTED, NULL, NULL, "%s", a.text);
	return KE_OK;
}

int bpf_source_open(const char *bin_dir, const struct agent_config *c, struct bpf_source *ret,
        struct fault *note, struct fault *f)
{
	struct bpf_source s = BPF_SOURCE_NONE;
	pid_t pid = 0;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return failed(f, "socketpair");
	int rc = loader_start(bin_dir, c, ends[1], &pid, f);
	close(ends[1]);
	if (!rc) {
		rc = take_answer(ends[0], &s, note, f);
		if (rc)
			kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close(ends[0]);
	if (rc)
		bpf_source_close(&s);
	else
		*ret = s;
	return rc;
}

void bpf_source_close(struct bpf_source *s)
{
	int *const fds[] = { &s->link_fd, &s->ring_fd, &s->desk_fd };

	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}
