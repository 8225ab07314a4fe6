/* gunzip.h — gzip bodies, with a ceiling on what they become. */
#ifndef KEDGE_SERVER_API_GUNZIP_H
#define KEDGE_SERVER_API_GUNZIP_H

#include "proto/buf.h"

/* Append what the one gzip member DATA holds to OUT. KE_TOOBIG: more than OUT may hold, noticed before it is made;
 * KE_SYNTAX: no gzip, cut, or followed by other bytes; KE_NOMEM. */
int gunzip(const void *data, size_t len, struct buf *out);

#endif
