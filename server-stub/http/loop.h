/* loop.h — the inside of the server: one libev loop a thread, the queue by which other threads reach it, and the
 * table by which tickets find their connection. Nothing outside server-stub/http includes this.
 *
 * Everything in a struct loop belongs to its thread, except the queue (lock) and what is constant after the start.
 */
#ifndef KEDGE_HTTP_LOOP_H
#define KEDGE_HTTP_LOOP_H

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server-stub/http/addrs.h"
#include "server-stub/http/latency.h"
#include "server-stub/http/server.h"

#define LOOP_THREADS_MAX  64
#define LOOP_WATCH_BUCKET 4096

struct conn;

enum counter {
	COUNT_ACCEPTED,
	COUNT_REFUSED,
	COUNT_HANDSHAKES_DONE,
	COUNT_HANDSHAKES_RESUMED,
	COUNT_HANDSHAKES_FAILED,
	COUNT_TIMEOUTS,
	COUNT_STATUS, /* ... COUNT_STATUS + 5: by status class */
	COUNT_UNAUTHORISED = COUNT_STATUS + 6,
	COUNT_VANISHED,
	COUNT_BYTES_IN,
	COUNT_BYTES_OUT,
	COUNT_CONNS,
	COUNT_PARKED,
	COUNT_DEFERRED,
	COUNTERS,
};

/* An answer that was given in another thread; see msg_reply(). */
struct reply {
	int status;
	const char *type;
	const char *body;
	size_t len;
	const struct http_field *fields;
};

enum msg_kind { MSG_REPLY, MSG_RESUME, MSG_WAKE, MSG_DROP, MSG_STOP };

struct msg {
	struct msg *next;
	enum msg_kind kind;
	struct http_ticket ticket; /* REPLY, RESUME */
	struct reply reply;        /* REPLY: everything points into data */
	http_resume_fn *fn;        /* RESUME */
	void *arg;
	unsigned ms; /* STOP */
	char data[]; /* REPLY: copies; WAKE: the key; DROP: the fingerprint */
};

struct loop {
	struct http_server *server;
	uint32_t index;
	struct ev_loop *ev;
	pthread_t thread;
	bool started;
	bool stopping;
	ev_async news;        /* the queue or the ready list has something */
	ev_timer stop_timer;  /* the end of patience after MSG_STOP */
	struct msg *stop_msg; /* made at the start, so that stopping needs no memory */

	/* listener.c */
	int listen_fd;
	int spare_fd; /* given up for a moment when descriptors run out */
	ev_io listener;
	ev_timer rest; /* accepting failed for want of resources: not at once again */
	unsigned max_conns;
	unsigned max_handshakes;

	/* connections */
	struct conn *conns; /* all of them */
	unsigned n_conns;
	unsigned n_handshakes;
	struct conn **slots;
	uint32_t n_slots;
	uint32_t *free_slots; /* room for n_slots */
	uint32_t n_free;
	uint64_t serial;                          /* of the last ticket given */
	struct conn *watchers[LOOP_WATCH_BUCKET]; /* by hash of their key */
	struct conn *ready;                       /* parked and woken, first in first out */
	struct conn **ready_tail;

	pthread_mutex_t lock; /* guards the three below */
	struct msg *queue;
	struct msg **queue_tail;
	bool closed; /* nobody reads the queue any more */
};

struct http_server {
	struct http_config config;
	const struct clock *clock;
	struct addrs *addrs;
	uint16_t port;
	pthread_mutex_t tls_lock;
	SSL_CTX *tls; /* owned reference; NULL: plain */
	atomic_uint_fast64_t counters[COUNTERS];
	struct latencies *latencies; /* a row for each of config.routes */
	unsigned n_loops;
	struct loop *loops;
};

static inline void count(struct http_server *server, enum counter counter, int64_t n)
{
	atomic_fetch_add_explicit(&server->counters[counter], (uint64_t)n, memory_order_relaxed);
}

static inline uint64_t count_get(struct http_server *server, enum counter counter)
{
	return atomic_load_explicit(&server->counters[counter], memory_order_relaxed);
}

/* Make LOOP ready to run (its listener is opened by listener.c). KE_SYSTEM, KE_NOMEM. */
int loop_init(struct loop *loop, struct http_server *server, uint32_t index);
int loop_start(struct loop *loop);
/* After MSG_STOP: wait for the thread and refuse further messages. */
void loop_join(struct loop *loop);
void loop_free(struct loop *loop);

/* A place in the slot table. KE_NOMEM. */
int loop_slot_take(struct loop *loop, struct conn *c, uint32_t *ret);
void loop_slot_give(struct loop *loop, uint32_t slot);
/* The connection count fell, or the loop stops: look again whether to accept and whether to end. */
void loop_settle(struct loop *loop);

/* A message with SIZE bytes of data; NULL: out of memory. */
struct msg *msg_new(enum msg_kind kind, size_t size);
/* Hand MSG over. false: the loop has ended; MSG is still the caller's. */
bool loop_post(struct loop *loop, struct msg *msg);

#endif
