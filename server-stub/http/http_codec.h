/* http_codec.h — HTTP/1.1 request heads, strictly, and nothing else.
 *
 * Pure functions over memory: no sockets, no allocation. What our clients never send is refused, so that no two
 * parsers between a client and us can understand one request differently: bare LF or CR, folded lines, white space
 * before a colon, empty names, control bytes, more than one Content-Length, Host, Authorization, Content-Type or
 * Expect, any Transfer-Encoding, absolute-form targets, versions other than 1.0 and 1.1. Paths are decoded once,
 * here, and an ambiguous one is refused (%2f, %00, "..", ".", "//", bytes that are not UTF-8 after decoding).
 */
#ifndef KEDGE_HTTP_CODEC_H
#define KEDGE_HTTP_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX   (16 * 1024) /* request line + fields + empty line; more: 431 */
#define HTTP_FIELDS_MAX 64          /* header fields of one request; more: 431 */
#define HTTP_TARGET_MAX 2048        /* bytes of the request target; more: 414 */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_METHODS };

/* One header field. Requests: the name in lower case, the value without surrounding white space. */
struct http_field {
	const char *name;
	const char *value;
};

/* A parsed head. All strings are NUL-terminated and lie in the memory that was given to http_head_parse(). */
struct http_head {
	enum http_method method;
	bool http10;          /* HTTP/1.0: no keep-alive, no 100 Continue */
	bool close;           /* the client asked for Connection: close, or speaks 1.0 */
	bool expect_continue; /* Expect: 100-continue */
	const char *path;  /* decoded, begins with '/', no empty or dot segment except one empty at the end */
	const char *query; /* as sent, without '?'; "" when there is none */
	uint64_t content_length; /* 0 when not given */
	unsigned n_fields;
	struct http_field fields[HTTP_FIELDS_MAX];
};

/* How far a growing buffer has been looked at; begin with all zero. */
struct http_scan {
	size_t at;      /* bytes seen */
	size_t line;    /* where the present line begins */
	unsigned lines; /* complete lines seen */
};

/* Look for the end of a head in the first LEN bytes of DATA, which hold what SCAN saw before plus what came since.
 * Returns 1 and the head's size, empty line included, in *RET_SIZE; 0 when more bytes are needed; or the negative
 * HTTP status with which to refuse (-400, -414, -431), as early as the bytes allow it. Empty lines before the
 * request line are not skipped: they are refused. */
int http_head_scan(struct http_scan *scan, const char *data, size_t len, size_t *ret_size);

/* Parse a complete head of SIZE bytes, as found by http_head_scan(). DATA is written to (names become lower case,
 * terminators are set, the path is decoded in place) and must outlive RET. Returns 0, or the negative HTTP status
 * with which to refuse: -400, -414, -417, -431, -501, -505. *RET is undefined then. */
int http_head_parse(char *data, size_t size, struct http_head *ret);

/* The value of the field NAME (lower case), the first if there are several; NULL when there is none. */
const char *http_head_field(const struct http_head *head, const char *name);

/* "GET"; never NULL. */
const char *http_method_name(enum http_method method);

/* Decode the parameter NAME of QUERY (application/x-www-form-urlencoded) into TEXT of SIZE bytes. Returns the length,
 * or KE_NOENT (not there), KE_DUPLICATE (there twice), KE_SYNTAX (bad escape, NUL, not UTF-8), KE_TOOBIG. */
int http_query_get(const char *query, const char *name, char *text, size_t size);

#endif
