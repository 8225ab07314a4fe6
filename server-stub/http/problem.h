/* problem.h — errors as RFC 9457 application/problem+json. */
#ifndef KEDGE_HTTP_PROBLEM_H
#define KEDGE_HTTP_PROBLEM_H

#include "proto/buf.h"
#include "server-stub/http/request.h"

/* Room for any problem document that problem_write() makes. */
#define HTTP_PROBLEM_MAX  (12 * 1024)
#define HTTP_PROBLEM_TYPE "application/problem+json"

/* {"type","title","status","detail"} into OUT. TYPE is a URI reference or NULL ("about:blank"); TITLE NULL: the
 * status's reason phrase; DETAIL NULL: left out. Each text is cut at 512 bytes. Returns out->rc. */
int http_problem_write(struct buf *out, int status, const char *type, const char *title, const char *detail);

/* Answer REQ with a problem. */
void http_problem(
        struct http_request *req, int status, const char *type, const char *title, const char *detail);
/* The same from another thread; see http_reply_later(). */
int http_problem_later(struct http_server *server, struct http_ticket ticket, int status, const char *type,
        const char *title, const char *detail);
/* 429 or 503 with Retry-After: SECONDS. */
void http_problem_busy(struct http_request *req, int status, unsigned seconds, const char *detail);
int http_problem_busy_later(struct http_server *server, struct http_ticket ticket, int status,
        unsigned seconds, const char *detail);

#endif
