/* gzip.h — one body, compressed. */
#ifndef KEDGE_AGENT_COURIER_GZIP_H
#define KEDGE_AGENT_COURIER_GZIP_H

#include <stddef.h>

#define GZIP_WORTH 1024 /* smaller bodies go as they are */

/* LEN bytes as a gzip member; *RET is allocated (free()). KE_NOMEM, KE_TOOBIG (over 4 GiB). */
int gzip_make(const void *data, size_t len, unsigned char **ret, size_t *ret_len);

#endif
