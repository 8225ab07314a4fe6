/* daemon.c — the local end of agent.sock. What comes back is bytes from our own daemon, but they are read as strictly as any
 * others: frame, seals, length. Called by the local commands that concern a running agent. */
#include "agent/local/daemon.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/ipc/seal.h"

#define PATIENCE_MS 3000 /* the keeper may be in the middle of a plan */

static int daemon_connect(const char *run_dir, int *ret_fd, struct fault *f)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int n = snprintf(at.sun_path, sizeof at.sun_path, "%s/agent.sock", run_dir);

	if (n < 0 || n >= (int)sizeof at.sun_path)
		return fault_set(f, KE_NOENT, run_dir, NULL, "no daemon can listen at so long a path");
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fault_set(f, err_from_errno(errno), "socket", NULL, "%s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&at, sizeof at)) {
		int err = errno;
		close(fd);
		/* A socket that nobody listens on was left by a supervisor that was killed. */
		return fault_set(f,
		        err == ECONNREFUSED || err == ENOENT ? KE_NOENT
		        : err == EAGAIN                      ? KE_TIMEOUT
		                                             : err_from_errno(err),
		        at.sun_path, NULL, "%s", strerror(err));
	}
	*ret_fd = fd;
	return KE_OK;
}

static int answer_take(int fd, struct buf *out, int *ret_code, struct fault *f)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct frame fr;
	char *text;
	size_t len;
	int payload = -1;

	if (poll(&ready, 1, PATIENCE_MS) != 1)
		return fault_set(f, KE_TIMEOUT, "agent.sock", "look at its log",
		        "the daemon does not answer within %d s", PATIENCE_MS / 1000);
	int rc = frame_receive(fd, &fr, &payload);
	if (!rc && (fr.type != FRAME_ANSWER || payload < 0))
		rc = KE_PROTO;
	if (rc)
		fault_set(f, rc, "agent.sock", NULL, "the daemon answered nothing usable: %s", err_text(rc));
	else
		rc = seal_copy(payload, DAEMON_MAX_ANSWER, &text, &len, f);
	if (payload >= 0)
		close(payload);
	if (rc)
		return rc;
	buf_bytes(out, text, len);
	free(text);
	*ret_code = fr.a == 0 ? 0 : 1;
	return out->rc ? fault_set(f, out->rc, NULL, NULL, "%s", err_text(out->rc)) : KE_OK;
}

static int ask_run(
        const char *run_dir, enum ask what, int payload, struct buf *out, int *ret_code, struct fault *f)
{
	struct frame ask = frame_make(FRAME_ASK, 1);
	int fd = -1, rc = daemon_connect(run_dir, &fd, f);

	if (rc)
		return rc;
	ask.a = (int64_t)what;
	rc = frame_send(fd, &ask, payload);
	if (rc)
		fault_set(f, rc, "agent.sock", NULL, "%s", err_text(rc));
	else
		rc = answer_take(fd, out, ret_code, f);
	close(fd);
	return rc;
}

int daemon_ask(const char *run_dir, enum ask what, struct buf *out, int *ret_code, struct fault *f)
{
	return ask_run(run_dir, what, -1, out, ret_code, f);
}

int daemon_ask_with(const char *run_dir, enum ask what, const char *document, size_t len, struct buf *out,
        int *ret_code, struct fault *f)
{
	int payload, rc = seal_make("question", document, len, &payload, f);

	if (rc)
		return rc;
	rc = ask_run(run_dir, what, payload, out, ret_code, f);
	close(payload);
	return rc;
}
