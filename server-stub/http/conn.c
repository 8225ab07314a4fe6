/* conn.c — the life of a connection: handshake, requests one after the other, farewell.
 *
 * A small state machine: conn_run() does the present phase's step again and again until it has to wait for the
 * descriptor, for a deadline, or for somebody's answer. Answers never do I/O themselves, so nothing here is entered
 * twice. Deadlines belong to phases and are absolute: bytes that trickle in do not extend them. A client that goes
 * away while others work on its request is noticed at once, because the descriptor stays watched for reading (a FIN, a
 * reset and a close_notify all make it readable). Called by listener.c (new) and loop.c (messages).
 */
#include "server-stub/http/conn.h"

#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server-stub/http/answer.h"
#include "server-stub/http/exchange.h"
#include "server-stub/http/parking.h"
#include "server-stub/http/problem.h"

#define INPUT_FIRST 4096          /* bytes of input room at first, and allowed while a request is open */
#define TURN_CALLS  64            /* reads and writes of one connection before the others have their turn */
#define ANSWER_MAX  (256ul << 20) /* bytes of one answer */

enum step { STEP_AGAIN, STEP_WAIT, STEP_CLOSE };

static const struct http_limits *limits_of(const struct conn *c)
{
	return &c->loop->server->config.limits;
}

void conn_deadline(struct conn *c, unsigned ms)
{
	ev_timer_stop(c->loop->ev, &c->timer);
	ev_timer_set(&c->timer, ms / 1000.0, 0.0);
	ev_timer_start(c->loop->ev, &c->timer);
}

/* Watch for EVENTS only. */
static void watch(struct conn *c, int events)
{
	if (ev_is_active(&c->io) && (c->io.events & (EV_READ | EV_WRITE)) == events)
		return;
	ev_io_stop(c->loop->ev, &c->io);
	ev_io_set(&c->io, c->stream.fd, events);
	ev_io_start(c->loop->ev, &c->io);
}

void conn_undefer(struct conn *c)
{
	if (!c->deferred)
		return;
	c->deferred = false;
	c->serial = 0;
	count(c->loop->server, COUNT_DEFERRED, -1);
	ev_timer_stop(c->loop->ev, &c->timer);
}

static void handshake_over(struct conn *c)
{
	addrs_handshaken(c->loop->server->addrs, &c->address);
	c->loop->n_handshakes--;
	loop_settle(c->loop);
}

/* ---- answers ---- */

static void time_count(const struct conn *c)
{
	const struct exchange *x = c->exchange;
	struct http_server *server = c->loop->server;

	if (x && x->timed)
		latencies_count(server->latencies, (size_t)(x->match.route - server->config.routes),
		        clock_boot_ms(server->clock) - x->began);
}

void conn_answer(struct conn *c, int status, const char *type, const void *body, size_t len,
        const struct http_field *fields)
{
	struct http_server *server = c->loop->server;
	const struct http_head *head = c->exchange ? &c->exchange->req.head : NULL;

	if (c->phase == PHASE_WRITE || c->phase == PHASE_DRAIN || c->phase == PHASE_PARK)
		return;
	conn_undefer(c);
	c->close = c->close || c->loop->stopping || (head && head->close);
	struct http_answer answer = { .status = status,
		.type = type,
		.body = body,
		.len = len,
		.fields = fields,
		.head = head && head->method == HTTP_HEAD,
		.close = c->close,
		.date = clock_wall(server->clock) };
	buf_clear(&c->out); /* a 100 Continue that is not out yet need not be sent any more */
	c->out_at = 0;
	if (http_answer_write(&c->out, &answer) == KE_VALUE) {
		/* The handler's mistake: a field that would have ended the head early. */
		answer = (struct http_answer){ .status = 500, .close = true, .date = answer.date };
		status = 500;
		c->close = true;
		http_answer_write(&c->out, &answer);
	}
	count(server, COUNT_STATUS + (enum counter)(status / 100 % 6), 1);
	time_count(c);
	c->phase = PHASE_WRITE;
	conn_deadline(c, limits_of(c)->write_ms);
}

void conn_problem(struct conn *c, int status, const char *detail, const struct http_field *fields)
{
	struct buf json = BUF_INIT(HTTP_PROBLEM_MAX);

	if (http_problem_write(&json, status, NULL, NULL, detail) == KE_OK)
		conn_answer(c, status, HTTP_PROBLEM_TYPE, buf_text(&json), json.len, fields);
	else
		conn_answer(c, status, NULL, NULL, 0, fields);
	buf_free(&json);
}

/* ---- steps ---- */

static enum step step_of(ssize_t n)
{
	return n > 0 ? STEP_AGAIN : n == STREAM_WAIT ? STEP_WAIT : STEP_CLOSE;
}

/* Read on for a moment, so that the client sees the alert ("certificate expired") and not a reset. */
static enum step handshake_failed(struct conn *c)
{
	count(c->loop->server, COUNT_HANDSHAKES_FAILED, 1);
	handshake_over(c);
	stream_finish(&c->stream);
	c->phase = PHASE_DRAIN;
	conn_deadline(c, limits_of(c)->drain_ms);
	return STEP_AGAIN;
}

static enum step run_handshake(struct conn *c)
{
	struct http_server *server = c->loop->server;
	int rc = stream_handshake(&c->stream);

	if (rc == STREAM_WAIT)
		return STEP_WAIT;
	if (rc == STREAM_GONE || (c->stream.ssl && http_peer_copy(c->stream.ssl, &c->peer)))
		return handshake_failed(c);
	count(server, COUNT_HANDSHAKES_DONE, 1);
	if (c->peer.resumed)
		count(server, COUNT_HANDSHAKES_RESUMED, 1);
	handshake_over(c);
	c->phase = PHASE_HEAD;
	conn_deadline(c, limits_of(c)->headers_ms);
	return STEP_AGAIN;
}

/* Read into the input; at most up to MAX bytes are held. A full input is no reason to read: STEP_CLOSE. */
static enum step input_fill(struct conn *c, size_t max)
{
	if (c->in_len >= max)
		return STEP_CLOSE;
	if (c->in_len == c->in_room) {
		size_t room = c->in_room ? c->in_room * 2 : INPUT_FIRST;
		char *in = realloc(c->in, room);
		if (!in)
			return STEP_CLOSE;
		c->in = in;
		c->in_room = room;
	}
	size_t room = (c->in_room < max ? c->in_room : max) - c->in_len;
	ssize_t n = stream_read(&c->stream, c->in + c->in_len, room);
	if (n > 0) {
		c->in_len += (size_t)n;
		count(c->loop->server, COUNT_BYTES_IN, n);
	}
	return step_of(n);
}

/* Idle connections hold no input memory. */
static void input_release(struct conn *c)
{
	if (c->in_len == 0) {
		free(c->in);
		c->in = NULL;
		c->in_room = 0;
	}
}

static enum step run_head(struct conn *c)
{
	size_t size;
	int rc = c->in_len ? http_head_scan(&c->scan, c->in, c->in_len, &size) : 0;

	if (rc == 1)
		return exchange_begin(c, size) ? STEP_AGAIN : STEP_CLOSE;
	if (rc < 0) {
		c->close = true;
		conn_problem(c, -rc, NULL, NULL);
		return STEP_AGAIN;
	}
	enum step step = input_fill(c, HTTP_HEAD_MAX);
	if (step == STEP_AGAIN && c->idle) {
		c->idle = false;
		conn_deadline(c, limits_of(c)->headers_ms);
	}
	input_release(c);
	return step;
}

/* Send what is in c->out. STEP_AGAIN: all is sent. */
static enum step output_flush(struct conn *c)
{
	while (c->out_at < c->out.len) {
		ssize_t n = stream_write(&c->stream, c->out.data + c->out_at, c->out.len - c->out_at);
		if (n <= 0)
			return step_of(n);
		c->out_at += (size_t)n;
		count(c->loop->server, COUNT_BYTES_OUT, n);
	}
	buf_free(&c->out);
	c->out = BUF_INIT(ANSWER_MAX);
	c->out_at = 0;
	return STEP_AGAIN;
}

static enum step run_body(struct conn *c)
{
	enum step step = output_flush(c); /* 100 Continue */

	if (step != STEP_AGAIN)
		return step;
	if (c->body_have < c->body_len) {
		ssize_t n = stream_read(&c->stream, c->body + c->body_have, c->body_len - c->body_have);
		if (n <= 0)
			return step_of(n);
		c->body_have += (size_t)n;
		count(c->loop->server, COUNT_BYTES_IN, n);
	}
	if (c->body_have == c->body_len)
		exchange_dispatch(c);
	return STEP_AGAIN;
}

/* Somebody else has the request. Reading on shows at once when the client is gone; a little of a pipelined next
 * request may come, more ends the connection. */
static enum step run_wait(struct conn *c)
{
	enum step step = input_fill(c, INPUT_FIRST);

	if (step == STEP_CLOSE)
		count(c->loop->server, COUNT_VANISHED, 1);
	input_release(c);
	return step;
}

static enum step run_write(struct conn *c)
{
	const struct http_limits *limits = limits_of(c);

	if (c->out.rc)
		return STEP_CLOSE;
	enum step step = output_flush(c);
	if (step != STEP_AGAIN)
		return step;
	parking_forget(c);
	exchange_end(c);
	if (c->close || c->loop->stopping) {
		stream_finish(&c->stream);
		c->phase = PHASE_DRAIN;
		conn_deadline(c, limits->drain_ms);
		return STEP_AGAIN;
	}
	c->phase = PHASE_HEAD;
	c->idle = c->in_len == 0;
	conn_deadline(c, c->idle ? limits->idle_ms : limits->headers_ms);
	return STEP_AGAIN;
}

static enum step run_drain(struct conn *c)
{
	size_t max = limits_of(c)->drain_bytes;

	if (c->drained >= max)
		return STEP_CLOSE;
	ssize_t n = stream_discard(&c->stream, max - c->drained);
	c->drained += n > 0 ? (size_t)n : 0;
	return step_of(n);
}

void conn_run(struct conn *c)
{
	static enum step (*const steps[])(struct conn *) = {
		[PHASE_HANDSHAKE] = run_handshake,
		[PHASE_HEAD] = run_head,
		[PHASE_BODY] = run_body,
		[PHASE_RUN] = run_wait,
		[PHASE_PARK] = run_wait,
		[PHASE_WRITE] = run_write,
		[PHASE_DRAIN] = run_drain,
	};
	enum step step;

	c->stream.budget = TURN_CALLS;
	do
		step = steps[c->phase](c);
	while (step == STEP_AGAIN);
	if (step == STEP_CLOSE)
		conn_free(c);
	else
		watch(c, c->stream.want_write ? EV_WRITE : EV_READ);
}

void conn_handled(struct conn *c)
{
	if (c->phase == PHASE_RUN && !c->deferred)
		conn_problem(c, 500, NULL, NULL);
	conn_run(c);
}

/* ---- events ---- */

static void on_io(struct ev_loop *ev, ev_io *w, int events)
{
	(void)ev;
	(void)events;
	conn_run(w->data);
}

/* Say goodbye in the right way and close at once. */
static void conn_finish(struct conn *c)
{
	stream_finish(&c->stream);
	conn_free(c);
}

static void on_deadline(struct ev_loop *ev, ev_timer *w, int events)
{
	struct conn *c = w->data;
	bool idle = c->phase == PHASE_HEAD && c->idle;

	(void)ev;
	(void)events;
	if (c->phase == PHASE_PARK) {
		parking_end(c, HTTP_WAIT_OVER);
		return;
	}
	if (idle) {
		conn_finish(c);
		return;
	}
	if (c->phase != PHASE_DRAIN)
		count(c->loop->server, COUNT_TIMEOUTS, 1);
	switch (c->phase) {
	case PHASE_HEAD:
	case PHASE_BODY:
		c->close = true;
		conn_problem(c, 408, NULL, NULL);
		conn_run(c);
		break;
	case PHASE_RUN:
		conn_problem(c, 503, "the request was not answered in time", NULL);
		conn_run(c);
		break;
	default:
		conn_free(c);
	}
}

void conn_stop(struct conn *c)
{
	switch (c->phase) {
	case PHASE_HANDSHAKE:
		conn_free(c);
		break;
	case PHASE_HEAD:
		if (c->in_len == 0)
			conn_finish(c);
		break;
	case PHASE_PARK:
		parking_end(c, HTTP_WAIT_OVER);
		break;
	default:
		break; /* run_write() closes when it is done */
	}
}

/* ---- life ---- */

static SSL *ssl_new(struct http_server *server, int fd)
{
	pthread_mutex_lock(&server->tls_lock);
	SSL *ssl = SSL_new(server->tls);
	pthread_mutex_unlock(&server->tls_lock);
	if (ssl && !SSL_set_fd(ssl, fd)) {
		SSL_free(ssl);
		ssl = NULL;
	}
	return ssl;
}

void conn_new(struct loop *loop, int fd, const struct addr_key *key, const char *address)
{
	struct http_server *server = loop->server;
	struct conn *c = calloc(1, sizeof *c);

	if (!c || (server->tls && !(c->stream.ssl = ssl_new(server, fd))) ||
	        loop_slot_take(loop, c, &c->slot)) {
		if (c)
			SSL_free(c->stream.ssl);
		free(c);
		close(fd);
		addrs_leave(server->addrs, key, true);
		count(server, COUNT_REFUSED, 1);
		return;
	}
	c->loop = loop;
	c->stream.fd = fd;
	c->address = *key;
	c->out = BUF_INIT(ANSWER_MAX);
	snprintf(c->peer.address, sizeof c->peer.address, "%s", address);
	ev_io_init(&c->io, on_io, fd, EV_READ);
	ev_timer_init(&c->timer, on_deadline, 0.0, 0.0);
	c->io.data = c->timer.data = c;
	c->next = loop->conns;
	if (c->next)
		c->next->prev = c;
	loop->conns = c;
	loop->n_conns++;
	loop->n_handshakes++;
	count(server, COUNT_ACCEPTED, 1);
	count(server, COUNT_CONNS, 1);
	conn_deadline(c, server->config.limits.handshake_ms);
	conn_run(c);
}

void conn_free(struct conn *c)
{
	struct loop *loop = c->loop;
	bool handshaking = c->phase == PHASE_HANDSHAKE;

	if (c->phase == PHASE_PARK)
		parking_end(c, HTTP_GONE);
	conn_undefer(c);
	parking_forget(c);
	ev_io_stop(loop->ev, &c->io);
	ev_timer_stop(loop->ev, &c->timer);
	stream_close(&c->stream);
	exchange_end(c);
	buf_free(&c->out);
	free(c->in);
	if (c->prev)
		c->prev->next = c->next;
	else
		loop->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	loop_slot_give(loop, c->slot);
	loop->n_conns--;
	if (handshaking) {
		loop->n_handshakes--;
		count(loop->server, COUNT_HANDSHAKES_FAILED, 1);
	}
	count(loop->server, COUNT_CONNS, -1);
	addrs_leave(loop->server->addrs, &c->address, handshaking);
	free(c);
	loop_settle(loop);
}
