/* est.h — the body of EST answers (RFC 7030 sections 4.1.3 and 4.2.3): certificates in a PKCS#7 "certs-only" message,
 * base64 in lines. Content type application/pkcs7-mime; smime-type=certs-only. */
#ifndef KEDGE_CERTS_EST_H
#define KEDGE_CERTS_EST_H

#include <stddef.h>

#include "certs/cert.h"

#define EST_BODY_MAX 131072

/* LIST as such a body, NUL-terminated; free() it. */
int est_certs_encode(const struct stack_st_X509 *list, char **ret, size_t *ret_len, struct fault *f);
/* The certificates of a body of at most EST_BODY_MAX bytes, at least one, at most CERT_LIST_MAX; the order of the
 * message. Signers, lists of revoked certificates and trailing bytes are refused. cert_list_free() *RET. */
int est_certs_decode(const char *body, size_t len, struct stack_st_X509 **ret, struct fault *f);
/* Of LIST, the certificate for KEY: that is what a simpleenroll answer promises. KE_MISMATCH when there is none. The
 * result is a reference of its own. */
int est_cert_for(const struct stack_st_X509 *list, const EVP_PKEY *key, X509 **ret, struct fault *f);

#endif
