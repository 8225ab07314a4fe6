/* target.h — request targets (RFC 9112 section 3.2.1, origin form only): the path decoded once, the query as sent. */
#ifndef KEDGE_HTTP_TARGET_H
#define KEDGE_HTTP_TARGET_H

#include <stdbool.h>

/* Split and decode TARGET (NUL-terminated) in place. false: not origin form, a byte that RFC 3986 does not allow
 * there, a bad escape, or an ambiguous path (%2f, control bytes, "..", ".", "//", not UTF-8). */
bool target_decode(char *target, const char **ret_path, const char **ret_query);

#endif
