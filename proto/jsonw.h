/* jsonw.h — writes JSON text.
 *
 * Straight-line code: commas and indentation are the writer's business, errors stick in the buffer. Names and strings
 * must be UTF-8; bytes that are not, and NUL, are written as U+FFFD, so that what comes from the kernel or a log can always be
 * told. With indent 0 the text has no white space at all.
 */
#ifndef KEDGE_PROTO_JSONW_H
#define KEDGE_PROTO_JSONW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buf.h"

#define JSONW_MAX_DEPTH 32

struct jsonw {
	struct buf *out;
	unsigned indent; /* spaces a level; 0: compact */
	unsigned depth;
	bool some[JSONW_MAX_DEPTH]; /* has the level a member already? */
};

#define JSONW_INIT(OUT, INDENT) ((struct jsonw){ .out = (OUT), .indent = (INDENT) })

/* NAME is the member's name inside an object, NULL inside an array and at the root. */
void jsonw_object(struct jsonw *w, const char *name);
void jsonw_array(struct jsonw *w, const char *name);
/* Close the innermost object or array. */
void jsonw_object_end(struct jsonw *w);
void jsonw_array_end(struct jsonw *w);
void jsonw_string(struct jsonw *w, const char *name, const char *value);
void jsonw_string_n(struct jsonw *w, const char *name, const char *value, size_t len);
/* Nothing when VALUE is NULL. */
void jsonw_opt_string(struct jsonw *w, const char *name, const char *value);
/* A VALUE beyond +-(2^53-1) is written too, but strict_check() refuses it: for our own readers write a string. */
void jsonw_int(struct jsonw *w, const char *name, int64_t value);
void jsonw_bool(struct jsonw *w, const char *name, bool value);
void jsonw_null(struct jsonw *w, const char *name);
/* LEN bytes as hex. */
void jsonw_hex(struct jsonw *w, const char *name, const void *data, size_t len);
/* RFC 3339, UTC. */
void jsonw_time(struct jsonw *w, const char *name, int64_t seconds);
/* JSON text that is known to be well-formed, as it stands. */
void jsonw_raw(struct jsonw *w, const char *name, const char *json, size_t len);

#endif
