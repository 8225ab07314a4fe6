/* conn.h — one connection: its phases, its one request at a time, its deadline. Internal to server-stub/http. */
#ifndef KEDGE_HTTP_CONN_H
#define KEDGE_HTTP_CONN_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buf.h"
#include "server-stub/http/addrs.h"
#include "server-stub/http/loop.h"
#include "server-stub/http/request.h"
#include "server-stub/http/stream.h"

/* Each phase has one absolute deadline, set when it is entered. */
enum phase {
	PHASE_HANDSHAKE,
	PHASE_HEAD,  /* reading a head, or idle before one */
	PHASE_BODY,  /* reading a body */
	PHASE_RUN,   /* the handler runs, or the request is deferred */
	PHASE_PARK,  /* parked */
	PHASE_WRITE, /* sending the answer */
	PHASE_DRAIN, /* the last answer is out: reading on, so that the client is not reset before it sees it */
};

/* A request with the memory that its strings lie in. */
struct exchange {
	struct http_request req;
	struct http_match match;
	const char *params[HTTP_PARAMS_MAX]; /* NUL-terminated copies */
	bool timed;                          /* it came to its handler, and was not parked */
	int64_t began;                       /* then: clock_boot_ms() */
	char data[];                         /* the head, then the parameters */
};

struct conn {
	struct loop *loop;
	struct conn *prev, *next; /* loop->conns */
	uint32_t slot;
	enum phase phase;
	struct stream stream;
	ev_io io;
	ev_timer timer;
	struct http_peer peer;
	struct addr_key address;

	char *in; /* received and not yet used; NULL while idle */
	size_t in_len, in_room;
	struct http_scan scan;
	bool idle; /* PHASE_HEAD: no byte of the next request yet */

	struct exchange *exchange;
	char *body;
	size_t body_len, body_have;
	bool close; /* after the answer */

	struct buf out;
	size_t out_at;
	size_t drained;

	bool deferred;
	uint64_t serial; /* of the ticket, while deferred */

	/* parking.c */
	char *key; /* NULL: watches nothing */
	uint32_t key_hash;
	struct conn *watch_prev, *watch_next;
	bool woken;
	bool in_ready;
	struct conn *ready_next;
	http_wake_fn *wake;
	void *wake_arg;
};

/* Take over FD (closed on errors too) from ADDRESS, which was counted by addrs_enter(). The connection belongs to the
 * loop. */
void conn_new(struct loop *loop, int fd, const struct addr_key *key, const char *address);
/* Close and forget at once; a parked request gets HTTP_GONE. */
void conn_free(struct conn *c);
/* Go on until the connection has to wait, or is gone: C may be freed afterwards. */
void conn_run(struct conn *c);
/* A handler or continuation has returned: answer 500 if it did nothing, and go on. C may be freed afterwards. */
void conn_handled(struct conn *c);
/* The server stops: drop what is idle, end what is parked, close the rest after its answer. C may be freed. */
void conn_stop(struct conn *c);
/* The answer of the present request; sends nothing yet (conn_run() does). Ignored when there is one already. */
void conn_answer(struct conn *c, int status, const char *type, const void *body, size_t len,
        const struct http_field *fields);
/* The same with a problem document, and DETAIL (may be NULL); FIELDS may be NULL. */
void conn_problem(struct conn *c, int status, const char *detail, const struct http_field *fields);
/* The ticket, if one is out, is not valid any more. */
void conn_undefer(struct conn *c);
void conn_deadline(struct conn *c, unsigned ms);

#endif
