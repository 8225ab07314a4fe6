/* answer.h — writes one HTTP/1.1 response: status line, fields and body in one buffer, so that it leaves as one TLS
 * record and one segment. */
#ifndef KEDGE_HTTP_ANSWER_H
#define KEDGE_HTTP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buf.h"
#include "server-stub/http/http_codec.h"

struct http_answer {
	int status;       /* 200..599 */
	const char *type; /* Content-Type; NULL: no such field */
	const void *body; /* LEN bytes; not sent for 204, 304 and HEAD */
	size_t len;
	const struct http_field *fields; /* further fields, ended by a NULL name; NULL: none */
	bool head;                       /* answers a HEAD request */
	bool close;                      /* say Connection: close */
	int64_t date;                    /* seconds since 1970, for Date */
};

/* Append the response to OUT. Fields whose name is not a token, or whose value holds a control byte, are refused:
 * KE_VALUE, and nothing is appended. Otherwise out->rc. */
int http_answer_write(struct buf *out, const struct http_answer *answer);

/* The reason phrase; "Unknown" for a status that is not in the list. */
const char *http_status_text(int status);

#endif
