/* value.h — a sysctl value and its canonical form.
 *
 * The kernel's own text is no good for comparing: it takes 010 as 8, prints vectors with tabs, zero-pads hex words,
 * merges port lists. A value is therefore parsed by the type that the knowledge base gives the key and rewritten
 * in one canonical text; two values are equal when their canonical texts are. The same functions judge what a
 * policy asks for (strict: decimal only) and what the kernel gave back (lenient: tabs, trailing newline).
 */
#ifndef KEDGE_POLICIES_VALUE_H
#define KEDGE_POLICIES_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

enum value_type {
	VALUE_TEXT,   /* anything printable: compared after trimming and folding runs of blanks */
	VALUE_INT,    /* one integer */
	VALUE_VECTOR, /* a fixed number of integers: tcp_rmem, tcp_mem */
	VALUE_RANGE,  /* two integers, low <= high: ip_local_port_range */
	VALUE_PORTS,  /* port list, compared as a set: ip_local_reserved_ports */
	VALUE_WORD,   /* one word of at most MAX bytes: tcp_congestion_control */
	VALUE_WORDS,  /* a set of words */
	VALUE_HEX,    /* hexadecimal 32-bit words joined by ',' or '-': rps masks, tcp_fastopen_key */
};

/* What the kernel makes of a number that it does not keep as written. value_wanted() does the same, so that the
 * wanted text equals what will be read back. */
enum value_rounding {
	VALUE_AS_IS,
	VALUE_UP_POW2, /* next power of two: rps_sock_flow_entries */
	VALUE_UP_512,  /* next multiple of 512: nf_conntrack_buckets (4 KiB pages) */
};

/* Which number of a key means "no limit", and so more than any other (bound.h). */
enum value_unlimited {
	VALUE_UNLIMITED_NONE,
	VALUE_UNLIMITED_NEGATIVE, /* every negative one: tcp_max_tw_buckets */
	VALUE_UNLIMITED_ZERO,     /* 0: nf_conntrack_max */
};

#define VALUE_MAX_ELEMENTS 8
#define VALUE_MAX_LEN      65536 /* canonical text; port lists are the long ones */

/* What a key's values look like; bounds apply to each element (for VALUE_WORD, max bounds the length). */
struct value_shape {
	enum value_type type;
	unsigned char count; /* VALUE_VECTOR: elements; else 0 */
	enum value_rounding rounding;
	enum value_unlimited unlimited;
	bool has_min, has_max;
	int64_t min, max;
};

/* What a policy or a file asks for -> canonical text, newly allocated in *RET (free()). Strict: decimal integers
 * without leading zeros, exactly the right number of elements (blanks or tabs between them), bounds checked, no
 * comments, no control characters. Empty is a value only for port lists (the kernel takes an empty write for none).
 * Errors: KE_VALUE, KE_RANGE, KE_TOOBIG, KE_NOMEM; the fault says what is allowed. */
int value_wanted(const struct value_shape *shape, const char *text, size_t len, char **ret, struct fault *f);
/* What the kernel printed -> canonical text, newly allocated in *RET (free()). Bounds are not applied. A text that
 * does not fit the shape is kept as folded text, so that comparing it with a wanted value says "differs". */
int value_observed(const struct value_shape *shape, const char *text, size_t len, char **ret);
/* The shape of a key that the knowledge base does not know: text. */
extern const struct value_shape value_shape_text;

#endif
