/* operator.h — how a person gets a certificate: `kedge operator request` on his machine, `kedge operator sign` where
 * the operator CA is kept, off line. The request goes by hand, so the signer sees and confirms the name. */
#ifndef KEDGE_CERTS_OPERATOR_H
#define KEDGE_CERTS_OPERATOR_H

#include <stddef.h>
#include <stdint.h>

#include "certs/csr.h"
#include "certs/issue.h"

/* Make a key in KEY_PATH (0600, encrypted with PASSPHRASE unless NULL; KE_EXIST when there is one already) and a
 * request for operator NAME as PEM; free() it. */
int operator_request(const char *name, const char *key_path, const char *passphrase, char **ret_pem,
        size_t *ret_len, struct fault *f);
/* Sign the request REQUEST (any encoding csr.h reads) for operator NAME of FLEET. NAME NULL: the name the request asks
 * for; when both are there and differ, KE_MISMATCH. LIFETIME in seconds, 0 for the profile's. cert_free() *RET. */
int operator_sign(const struct ca *ca, const void *request, size_t len, const char *fleet, const char *name,
        int64_t now, int64_t lifetime, X509 **ret, struct fault *f);

#endif
