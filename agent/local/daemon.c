/* daemon.c — one question, one answer, over agent.sock. The answer is copied once and believed: the socket is root's. */
#include "agent/local/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/ipc/seal.h"

#define ANSWER_MAX (1U << 20)
#define PATIENCE_S 30

static int failed(const char *path, struct fault *f)
{
	int err = errno;

	/* A socket that nobody listens on was left by a daemon that is gone. */
	if (err == ENOENT || err == ECONNREFUSED)
		return fault_set(f, KE_NOENT, path, NULL, "no daemon runs here");
	return fault_set(f, err_from_errno(err), path, NULL, "%s", strerror(err));
}

static int daemon_connect(const char *run_dir, int *ret_fd, struct fault *f)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int n = snprintf(at.sun_path, sizeof at.sun_path, "%s/agent.sock", run_dir);

	if (n < 0 || n >= (int)sizeof at.sun_path)
		return fault_set(f, KE_TOOBIG, run_dir, NULL, "is too long for a socket");
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return failed(at.sun_path, f);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) ||
	        connect(fd, (const struct sockaddr *)&at, sizeof at)) {
		int rc = failed(at.sun_path, f);
		close(fd);
		return rc;
	}
	*ret_fd = fd;
	return KE_OK;
}

static int answer_take(int fd, int *ret_code, char **ret_text, struct fault *f)
{
	struct frame fr;
	int payload = -1, rc = frame_receive(fd, &fr, &payload);
	size_t len;

	if (rc == KE_BUSY)
		return fault_set(f, KE_TIMEOUT, "agent.sock", NULL, "no answer within %d s", PATIENCE_S);
	if (rc)
		return fault_set(f, rc, "agent.sock", NULL, "%s", err_text(rc));
	if (fr.type != FRAME_ANSWER || payload < 0)
		rc = fault_set(f, KE_PROTO, "agent.sock", NULL, "that is no answer");
	else
		rc = seal_copy(payload, ANSWER_MAX, ret_text, &len, f);
	if (payload >= 0)
		close(payload);
	if (!rc)
		*ret_code = (int)fr.a;
	return rc;
}

int daemon_ask(const char *run_dir, enum ask what, int *ret_code, char **ret_text, struct fault *f)
{
	struct frame fr = frame_make(FRAME_ASK, 1);
	int fd = -1, rc = daemon_connect(run_dir, &fd, f);

	if (rc)
		return rc;
	fr.a = what;
	if ((rc = frame_send(fd, &fr, -1)))
		fault_set(f, rc, "agent.sock", NULL, "%s", err_text(rc));
	else
		rc = answer_take(fd, ret_code, ret_text, f);
	close(fd);
	return rc;
}
