/* control.c — root's local commands. The socket was made by the supervisor; every connection must be uid 0's, asks one
 * question in one frame, with a sealed document where the question needs one, gets one answer, and is closed. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/ipc/seal.h"
#include "agent/keeper/keeper.h"
#include "agent/keeper/wish.h"
#include "proto/jsonw.h"
#include "proto/log.h"

#define PATIENCE_MS 1000

/* What is in force in one of the two, or null before it told. */
static void confinement(struct jsonw *w, const char *name, const struct sandbox_report *r)
{
	char caps[17];

	if (!r->pid) {
		jsonw_null(w, name);
		return;
	}
	snprintf(caps, sizeof caps, "%016llx", (unsigned long long)r->caps);
	jsonw_object(w, name);
	jsonw_int(w, "uid", (int64_t)r->uid);
	jsonw_string(w, "capabilities", caps);
	jsonw_int(w, "landlock", r->landlock);
	jsonw_bool(w, "seccomp", r->seccomp == 2);
	jsonw_string(w, "missing", r->missing);
	jsonw_string(w, "selftest", r->selftest);
	jsonw_object_end(w);
}

static void status_answer(struct keeper *k, struct buf *out)
{
	struct buf body = BUF_INIT(RECORD_MAX_BYTES);
	struct jsonw w = JSONW_INIT(out, 0);

	journalist_status_body(k, &body);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_daemon", 1);
	jsonw_string(&w, "host", k->config->host);
	jsonw_string(&w, "server", k->config->server);
	jsonw_object(&w, "confinement");
	confinement(&w, "keeper", &k->confined);
	confinement(&w, "courier", &k->courier_confined);
	jsonw_object_end(&w);
	jsonw_raw(&w, "status", buf_text(&body), body.len);
	jsonw_object_end(&w);
	buf_free(&body);
}

/* The wish in the descriptor PAYLOAD of the process PEER. */
static int wish_grant(struct keeper *k, int payload, pid_t peer, struct buf *out, struct fault *f)
{
	char *text;
	size_t len;

	if (payload < 0)
		return fault_set(f, KE_PROTO, NULL, NULL, "the question came without its document");
	int rc = seal_copy(payload, WISH_MAX_BYTES, &text, &len, f);
	if (rc)
		return rc;
	rc = overrule_ask(k, text, len, peer, out, f);
	free(text);
	return rc;
}

/* The answer to ASK in OUT; its exit code. */
static int answer(struct keeper *k, const struct frame *ask, int payload, pid_t peer, struct buf *out)
{
	struct fault f = { 0 };
	char line[1024];

	switch ((enum ask)ask->a) {
	case ASK_STATUS:
		status_answer(k, out);
		return out->rc ? 1 : 0;
	case ASK_RETRY:
		if (!enforce_retry(k, &f))
			return 0;
		buf_str(out, fault_line(&f, line, sizeof line));
		return 1;
	case ASK_WISH:
		if (!(f.code = wish_grant(k, payload, peer, out, &f)))
			return out->rc ? 1 : 0;
		buf_str(out, fault_line(&f, line, sizeof line));
		return 1;
	default:
		buf_str(out, "the daemon does not answer this; stop it first");
		return 1;
	}
}

static void serve(struct keeper *k, int fd, pid_t peer)
{
	struct buf out = BUF_INIT(2 * RECORD_MAX_BYTES);
	struct frame ask, reply = frame_make(FRAME_ANSWER, 0);
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int payload = -1, answer_fd = -1;

	/* Root's own tools speak at once; whoever does not is not waited for. */
	if (poll(&ready, 1, PATIENCE_MS) != 1 || frame_receive(fd, &ask, &payload) || ask.type != FRAME_ASK)
		goto out;
	reply.id = ask.id;
	reply.a = answer(k, &ask, payload, peer, &out);
	if (!seal_make("answer", buf_text(&out), out.len, &answer_fd, NULL))
		frame_send(fd, &reply, answer_fd);
out:
	if (payload >= 0)
		close(payload);
	if (answer_fd >= 0)
		close(answer_fd);
	buf_free(&out);
}

static void control_ready(struct ev_loop *loop, ev_io *w, int revents)
{
	struct keeper *k = w->data;
	struct ucred peer = { 0 };
	socklen_t len = sizeof peer;
	(void)loop;
	(void)revents;

	int fd = accept4(k->control, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) || peer.uid != 0)
		log_warning("agent.sock: uid %u may not ask", (unsigned)peer.uid);
	else
		serve(k, fd, peer.pid);
	close(fd);
}

void control_start(struct keeper *k, int fd)
{
	k->control = fd;
	if (fd < 0)
		return;
	ev_io_init(&k->control_io, control_ready, fd, EV_READ);
	k->control_io.data = k;
	ev_io_start(k->loop, &k->control_io);
}
