/* name.h — a sysctl key's name.
 *
 * A name is an array of segments. It is held as the path below /proc/sys, segments joined by '/', because no
 * segment can contain a '/': "net/ipv4/conf/eth0.100/rp_filter" says exactly which five segments are meant. The
 * text forms that people write (dots, slashes, '.' and '/' swapped as in sysctl.d(5)) are parsed once, at the
 * edge, and everything behind the edge compares and opens this one form.
 *
 * Refused lexically, since openat2(RESOLVE_BENEATH) from /proc/sys still opens net/../kernel/core_pattern: empty
 * segments, ".", "..", control characters, blanks, bytes above 0x7e, names over NAME_MAX_LEN bytes, one segment only.
 */
#ifndef KEDGE_POLICIES_NAME_H
#define KEDGE_POLICIES_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/err.h"

#define NAME_MAX_LEN      255
#define NAME_MAX_SEGMENTS 12

struct name {
	char path[NAME_MAX_LEN + 1]; /* segments joined by '/', no leading or trailing '/', NUL-terminated */
};

/* Parse a text form. The first separator in TEXT decides, as in sysctl.d(5): if it is '.', every '.' separates and
 * every '/' stands for a dot inside a segment; if it is '/', the other way round. A leading "/proc/sys/" or '/' is
 * not accepted. TEXT need not be NUL-terminated. Errors: KE_NAME with a fault that quotes the text. */
int name_parse(const char *text, size_t len, struct name *ret, struct fault *f);
/* Dotted form into BUF (at least NAME_MAX_LEN + 1 bytes); dots inside segments are written '/'. Returns BUF. */
const char *name_dotted(const struct name *n, char *buf, size_t size);
/* <0, 0, >0 by bytes of the path form. */
int name_cmp(const struct name *a, const struct name *b);
/* The I-th segment (0-based): pointer into N and its length; false when there is none. */
bool name_segment(const struct name *n, unsigned i, const char **ret_seg, size_t *ret_len);
unsigned name_segments(const struct name *n);
/* Does N match PATTERN? A pattern is a name whose segments may be "*" (any one segment) or, as the last one, "**"
 * (any rest of one or more segments). name_parse() accepts both as segments. */
bool name_match(const struct name *pattern, const struct name *n);
/* Does a setting for PATTERN mean N? As name_match(), but below "conf" and "neigh" a "*" stands for interfaces only: "all" and
 * "default" must be named. */
bool name_covers(const struct name *pattern, const struct name *n);
/* The same as name_match() on two texts in path form (segments joined by '/'). */
bool name_match_path(const char *pattern, const char *path);
/* True if a segment of N is a wildcard. */
bool name_is_pattern(const struct name *n);

#endif
