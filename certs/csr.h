/* csr.h — certificate requests (PKCS#10), made and judged.
 *
 * From a request only the public key is taken, after the proof that its sender holds the private one. Subject,
 * alternative names and every requested extension are ignored: who somebody is, the token or the certificate he came
 * with says.
 */
#ifndef KEDGE_CERTS_CSR_H
#define KEDGE_CERTS_CSR_H

#include <stddef.h>

#include <openssl/types.h>

#include "certs/hostid.h"
#include "proto/codec.h"
#include "proto/err.h"

#define CSR_MAX 16384 /* bytes of a request in any encoding */

struct csr {
	EVP_PKEY *key;                  /* owned */
	unsigned char spki[SHA256_LEN]; /* of that key: "has another host this key?" */
	char common_name
	        [HOSTID_ROOM]; /* for people; "" unless it follows the grammar of hostid.h. Never an identity */
};

/* A request for KEY (a pair) with subject CN=COMMON_NAME, in DER; free() it. */
int csr_make(EVP_PKEY *key, const char *common_name, unsigned char **ret, size_t *ret_len, struct fault *f);
/* The same as EST wants it in a body of type application/pkcs10: base64 in lines of 64, NUL-terminated. */
int csr_make_base64(EVP_PKEY *key, const char *common_name, char **ret, size_t *ret_len, struct fault *f);
/* The same as PEM. */
int csr_make_pem(EVP_PKEY *key, const char *common_name, char **ret, size_t *ret_len, struct fault *f);

/* Judge LEN bytes that somebody sent: DER, base64 with or without line ends, or PEM. Errors: KE_TOOBIG, KE_SYNTAX
 * (not one request and nothing else), KE_KEY (key.h's rules), KE_SIGNATURE (no proof of possession, or a digest older
 * than SHA-256). On success csr_free() *RET. */
int csr_parse(const void *data, size_t len, struct csr *ret, struct fault *f);
/* Free what C owns; C itself is the caller's. */
void csr_free(struct csr *c);

#endif
