/* request.h — what a handler sees of a request, and the ways to answer it.
 *
 * Handlers run in a loop's thread and must not block. They answer at once, hand the request to another thread and let
 * that one answer later by a ticket, or park it until there is news for a key. No other thread ever holds a pointer
 * to a request or a connection; tickets and keys cross threads, and a ticket whose request is gone is harmless.
 *
 *     handler ──▶ http_reply                                        answered at once
 *             ──▶ http_defer ─ ticket ─▶ thread ─▶ http_reply_later answered by another thread
 *             ──▶ http_defer ─ ticket ─▶ thread ─▶ http_resume      back in the loop: reply, park or defer again
 *             ──▶ http_park ◀─ http_wake(key) ─ thread              long poll
 */
#ifndef KEDGE_HTTP_REQUEST_H
#define KEDGE_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server-stub/http/http_codec.h"
#include "server-stub/http/routes.h"
#include "server-stub/http/tls_peer.h"

struct http_server;
struct conn;

/* Valid inside the handler and, for parked and resumed requests, inside the continuation; not between them. */
struct http_request {
	void *app; /* http_config.app */
	struct http_server *server;
	const struct http_peer *peer;
	struct http_identity who; /* nobody on HTTP_AUTH_ANY and HTTP_AUTH_TOKEN routes */
	const struct http_route *route;
	const char *path;      /* decoded */
	struct http_head head; /* method, query, fields */
	const char *body;      /* body_len bytes and a NUL that is not counted; NULL once taken or parked */
	size_t body_len;
	struct conn *conn; /* the server's own business */
};

/* The route's parameter NAME; NULL when the pattern has none of that name. */
const char *http_param(const struct http_request *req, const char *name);
/* The header field NAME (lower case); NULL when absent. */
const char *http_field_get(const struct http_request *req, const char *name);
/* The query parameter NAME, decoded, into TEXT: its length or a negative code, as http_query_get(). */
int http_query(const struct http_request *req, const char *name, char *text, size_t size);
/* Take the body over: allocated (free()), followed by a NUL; NULL when there is none. For deferrals. */
char *http_body_take(struct http_request *req, size_t *ret_len);
/* Does the request's If-None-Match hold ETAG (quotes included), or "*"? Answer 304 then. */
bool http_etag_matches(const struct http_request *req, const char *etag);

/* Answer now. TYPE may be NULL (no body); BODY is copied; HEADERS is ended by a NULL name, or NULL. */
void http_reply(struct http_request *req, int status, const char *type, const void *body, size_t len,
        const struct http_field *headers);
/* Close the connection after the answer; call it before http_reply(). */
void http_close_after(struct http_request *req);

/* Names a deferred request across threads. Copy it freely. */
struct http_ticket {
	uint32_t loop;
	uint32_t slot;
	uint64_t serial;
};

/* Answer later: the request stays open, at most limits.run_ms (then 503). Under pressure (limits.deferred requests
 * are out already) the request is answered with 503 and Retry-After here, and false is returned: *RET is untouched and
 * nothing more is to be done. */
bool http_defer(struct http_request *req, struct http_ticket *ret);
/* Answer a deferred request from any thread. Everything is copied. Harmless when the request is gone. KE_NOMEM. */
int http_reply_later(struct http_server *server, struct http_ticket ticket, int status, const char *type,
        const void *body, size_t len, const struct http_field *headers);
/* Continue a deferred request in its loop: FN(req, arg) is called there exactly once and must answer like a handler.
 * When the request is gone FN(NULL, arg) is called, to free ARG (in the caller's thread when the server has stopped).
 * KE_NOMEM: not called. */
typedef void http_resume_fn(struct http_request *req, void *arg);
int http_resume(struct http_server *server, struct http_ticket ticket, http_resume_fn *fn, void *arg);

enum http_wake {
	HTTP_WOKEN,     /* there is news for the key */
	HTTP_WAIT_OVER, /* the time is up, or the server stops: answer 204 or 304 */
	HTTP_GONE,      /* the client is gone: free ARG, REQ cannot be answered */
};
/* Must answer, park again or defer, except after HTTP_GONE. */
typedef void http_wake_fn(struct http_request *req, enum http_wake why, void *arg);

/* Note that news for KEY concern this request, without parking it yet. News that come between here and http_park() are
 * not lost: http_park() then wakes at once. Watch, then look at the state, then park. One key a request: a second
 * call replaces the first. KE_NOMEM, KE_TOOBIG (more than 255 bytes). */
int http_watch(struct http_request *req, const char *key);
/* Park the request until http_wake(KEY) or WAIT_MS have passed; FN is then called in the loop, exactly once. KEY may
 * be NULL after http_watch(). The body is freed. On errors (KE_NOMEM, KE_TOOBIG) FN will not be called and the request
 * is still the caller's to answer. */
int http_park(struct http_request *req, const char *key, unsigned wait_ms, http_wake_fn *fn, void *arg);
/* There is news for KEY: wake what is parked on it, on every loop. Any thread. KE_NOMEM. */
int http_wake(struct http_server *server, const char *key);

#endif
