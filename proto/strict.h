/* strict.h — the door through which JSON text becomes data.
 *
 * cJSON reads leniently (duplicate names, 1.0, 01, NUL cut-offs, invalid UTF-8, trailing text), and where a signature
 * covers bytes every leniency is a way to make two readers see two documents. This pass checks the bytes first:
 * RFC 8259 grammar, valid UTF-8 without NUL, no duplicate names, integers within +-(2^53-1) written without fraction,
 * exponent, leading zero or -0, bounded size, depth and nodes, nothing after the value. Only then does cJSON build a tree.
 */
#ifndef KEDGE_PROTO_STRICT_H
#define KEDGE_PROTO_STRICT_H

#include <stddef.h>

#include "proto/err.h"

struct cJSON;

struct strict_limits {
	size_t max_bytes;
	size_t max_nodes;   /* values and member names together */
	unsigned max_depth; /* nested arrays and objects; at most 64 */
};

/* Good for policies, reports and configuration: 4 MiB, 200,000 nodes, depth 32. */
extern const struct strict_limits strict_limits_default;

#define STRICT_INT_MAX 9007199254740991LL /* 2^53 - 1 */

/* Check LEN bytes of TEXT. Errors: KE_TOOBIG, KE_SYNTAX, KE_DUPLICATE, KE_RANGE, KE_NOMEM; fault.where is
 * "line L, column C" (columns in bytes). Time is O(n log n) whatever the input. */
int strict_check(const char *text, size_t len, const struct strict_limits *limits, struct fault *f);
/* The same, then the tree; cJSON_Delete() it. Every number's valuedouble is an exact integer. */
int strict_parse(const char *text, size_t len, const struct strict_limits *limits, struct cJSON **ret,
        struct fault *f);

#endif
