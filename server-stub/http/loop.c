/* loop.c — the thread of a loop.
 *
 * Other threads reach a connection only by a message: they append to the queue and wake the loop (libev's async
 * watcher, an eventfd); the loop finds the connection by its slot and compares the ticket's serial, which is never
 * used twice, so that an answer to a request that is gone cannot reach its successor. Called by server.c (life) and
 * request.c (messages).
 */
#include "server-stub/http/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "server-stub/http/conn.h"
#include "server-stub/http/listener.h"
#include "server-stub/http/parking.h"

struct msg *msg_new(enum msg_kind kind, size_t size)
{
	size_t room;

	if (__builtin_add_overflow(sizeof(struct msg), size, &room))
		return NULL;
	struct msg *msg = malloc(room);
	if (msg) {
		memset(msg, 0, sizeof *msg);
		msg->kind = kind;
	}
	return msg;
}

bool loop_post(struct loop *loop, struct msg *msg)
{
	bool open;

	msg->next = NULL;
	pthread_mutex_lock(&loop->lock);
	open = !loop->closed;
	if (open) {
		*loop->queue_tail = msg;
		loop->queue_tail = &msg->next;
		ev_async_send(loop->ev, &loop->news);
	}
	pthread_mutex_unlock(&loop->lock);
	return open;
}

static struct msg *queue_take(struct loop *loop, bool close)
{
	pthread_mutex_lock(&loop->lock);
	struct msg *all = loop->queue;
	loop->queue = NULL;
	loop->queue_tail = &loop->queue;
	loop->closed = loop->closed || close;
	pthread_mutex_unlock(&loop->lock);
	return all;
}

/* The deferred request that TICKET names, or NULL. */
static struct conn *ticket_find(struct loop *loop, struct http_ticket ticket)
{
	struct conn *c = ticket.slot < loop->n_slots ? loop->slots[ticket.slot] : NULL;

	return c && c->deferred && c->serial == ticket.serial ? c : NULL;
}

static void resume(struct loop *loop, const struct msg *msg)
{
	struct conn *c = ticket_find(loop, msg->ticket);

	if (!c) {
		msg->fn(NULL, msg->arg);
		return;
	}
	conn_undefer(c);
	msg->fn(&c->exchange->req, msg->arg);
	conn_handled(c);
}

static void reply(struct loop *loop, const struct msg *msg)
{
	struct conn *c = ticket_find(loop, msg->ticket);
	const struct reply *r = &msg->reply;

	if (!c)
		return;
	conn_answer(c, r->status, r->type, r->body, r->len, r->fields);
	conn_run(c);
}

static void drop(struct loop *loop, const unsigned char *fingerprint)
{
	for (struct conn *c = loop->conns, *next; c; c = next) {
		next = c->next;
		if (c->peer.present && memcmp(c->peer.cert_sha256, fingerprint, SHA256_LEN) == 0)
			conn_free(c);
	}
}

static void stop(struct loop *loop, unsigned ms)
{
	loop->stopping = true;
	listener_close(loop);
	for (struct conn *c = loop->conns, *next; c; c = next) {
		next = c->next;
		conn_stop(c);
	}
	ev_timer_set(&loop->stop_timer, ms / 1000.0, 0.0);
	ev_timer_start(loop->ev, &loop->stop_timer);
}

static void message(struct loop *loop, struct msg *msg)
{
	switch (msg->kind) {
	case MSG_REPLY:
		reply(loop, msg);
		break;
	case MSG_RESUME:
		resume(loop, msg);
		break;
	case MSG_WAKE:
		parking_wake(loop, msg->data);
		break;
	case MSG_DROP:
		drop(loop, (const unsigned char *)msg->data);
		break;
	case MSG_STOP:
		stop(loop, msg->ms);
		break;
	}
}

static void on_news(struct ev_loop *ev, ev_async *w, int events)
{
	struct loop *loop = w->data;

	(void)ev;
	(void)events;
	for (struct msg *msg = queue_take(loop, false), *next; msg; msg = next) {
		next = msg->next;
		message(loop, msg);
		free(msg);
	}
	parking_run_ready(loop);
	loop_settle(loop);
}

static void on_stop_timer(struct ev_loop *ev, ev_timer *w, int events)
{
	struct loop *loop = w->data;

	(void)ev;
	(void)events;
	while (loop->conns)
		conn_free(loop->conns);
	loop_settle(loop);
}

void loop_settle(struct loop *loop)
{
	if (!loop->stopping)
		listener_settle(loop);
	else if (loop->n_conns == 0)
		ev_break(loop->ev, EVBREAK_ALL);
}

int loop_slot_take(struct loop *loop, struct conn *c, uint32_t *ret)
{
	if (loop->n_free == 0) {
		uint32_t more = loop->n_slots ? loop->n_slots : 64;
		uint32_t n = loop->n_slots + more;
		struct conn **slots = realloc(loop->slots, n * sizeof *slots);
		if (!slots)
			return KE_NOMEM;
		loop->slots = slots;
		uint32_t *list = realloc(loop->free_slots, n * sizeof *list);
		if (!list)
			return KE_NOMEM;
		loop->free_slots = list;
		for (uint32_t i = n; i-- > loop->n_slots;) {
			slots[i] = NULL;
			list[loop->n_free++] = i;
		}
		loop->n_slots = n;
	}
	*ret = loop->free_slots[--loop->n_free];
	loop->slots[*ret] = c;
	return KE_OK;
}

void loop_slot_give(struct loop *loop, uint32_t slot)
{
	loop->slots[slot] = NULL;
	loop->free_slots[loop->n_free++] = slot;
}

int loop_init(struct loop *loop, struct http_server *server, uint32_t index)
{
	loop->server = server;
	loop->index = index;
	loop->listen_fd = -1;
	loop->spare_fd = -1;
	loop->queue_tail = &loop->queue;
	loop->ready_tail = &loop->ready;
	pthread_mutex_init(&loop->lock, NULL);
	loop->stop_msg = msg_new(MSG_STOP, 0);
	if (!loop->stop_msg)
		return KE_NOMEM;
	loop->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (!loop->ev)
		return KE_SYSTEM;
	ev_async_init(&loop->news, on_news);
	loop->news.data = loop;
	ev_async_start(loop->ev, &loop->news);
	ev_timer_init(&loop->stop_timer, on_stop_timer, 0.0, 0.0);
	loop->stop_timer.data = loop;
	return KE_OK;
}

static void *loop_main(void *arg)
{
	struct loop *loop = arg;

	ev_run(loop->ev, 0);
	return NULL;
}

int loop_start(struct loop *loop)
{
	sigset_t all, before;

	/* Signals are the main thread's business; and SIGPIPE, which OpenSSL's writes can raise, nobody's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = pthread_create(&loop->thread, NULL, loop_main, loop);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	loop->started = err == 0;
	return err_from_errno(err);
}

void loop_join(struct loop *loop)
{
	if (loop->started)
		pthread_join(loop->thread, NULL);
	loop->started = false;
	if (!loop->ev)
		return;
	/* Whatever came too late; a resumption must still be told, to free what it carries. */
	for (struct msg *msg = queue_take(loop, true), *next; msg; msg = next) {
		next = msg->next;
		if (msg->kind == MSG_RESUME)
			msg->fn(NULL, msg->arg);
		free(msg);
	}
}

void loop_free(struct loop *loop)
{
	if (!loop->server)
		return;
	while (loop->conns)
		conn_free(loop->conns);
	if (loop->ev) {
		listener_close(loop);
		ev_async_stop(loop->ev, &loop->news);
		ev_timer_stop(loop->ev, &loop->stop_timer);
		ev_loop_destroy(loop->ev);
	}
	free(loop->stop_msg);
	free(loop->slots);
	free(loop->free_slots);
	pthread_mutex_destroy(&loop->lock);
}
