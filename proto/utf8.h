/* utf8.h — is this UTF-8? Asked by the JSON reader and writer, and by whoever prints what the world wrote. */
#ifndef KEDGE_PROTO_UTF8_H
#define KEDGE_PROTO_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the valid sequence at P (N >= 1 bytes left), or 0: overlong forms, surrogates, and values above U+10FFFF
 * are invalid (RFC 3629). */
size_t utf8_length(const unsigned char *p, size_t n);
/* Is all of TEXT valid? */
bool utf8_valid(const char *text, size_t len);

#endif
