/* ossl.h — OpenSSL's error queue as a struct fault. For the files of this folder only. */
#ifndef KEDGE_CERTS_OSSL_H
#define KEDGE_CERTS_OSSL_H

#include "proto/err.h"

/* Fill F with CODE, WHAT and the words of the newest queued error, and empty the queue. Returns CODE, or KE_NOMEM when
 * memory was the reason. */
int ossl_fault(struct fault *f, int code, const char *where, const char *what);

#endif
