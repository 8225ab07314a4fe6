/* digest.h — SHA-2 of libcrypto, for what is hashed often or is large: it uses the processor's own instructions where there
 * are any. Programs that do not link libcrypto have sha256() in proto/codec.h.
 */
#ifndef KEDGE_PROTO_DIGEST_H
#define KEDGE_PROTO_DIGEST_H

#include <stddef.h>

#include "proto/codec.h"

/* The digest of LEN bytes of DATA into RET. KE_NOMEM, the only thing that can be the trouble; RET is undefined then. */
int digest_sha256(const void *data, size_t len, unsigned char ret[SHA256_LEN]);
int digest_sha512(const void *data, size_t len, unsigned char ret[SHA512_LEN]);

#endif
