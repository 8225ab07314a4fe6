/* est.c — PKCS#7 "certs-only" messages in base64, the envelope of EST answers. On the way in only what such a message may
 * hold is taken. Called by the server's EST route (encode) and by the courier (decode). */
#include "certs/est.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "certs/key.h"
#include "certs/ossl.h"
#include "proto/buf.h"

/* An empty certs-only message: SignedData without content and signers. */
static PKCS7 *certs_only_new(void)
{
	PKCS7 *p7 = PKCS7_new();

	if (p7 && PKCS7_set_type(p7, NID_pkcs7_signed) && PKCS7_content_new(p7, NID_pkcs7_data) &&
	        PKCS7_set_detached(p7, 1))
		return p7;
	PKCS7_free(p7);
	return NULL;
}

static int body_wrap(const unsigned char *der, size_t len, char **ret, size_t *ret_len)
{
	struct buf out = BUF_INIT(2 * EST_BODY_MAX);
	char *text = malloc(BASE64_ROOM(len));

	if (!text)
		return KE_NOMEM;
	base64_encode(der, len, text);
	size_t total = strlen(text);
	for (size_t at = 0; at < total; at += 64) {
		buf_bytes(&out, text + at, total - at < 64 ? total - at : 64);
		buf_char(&out, '\n');
	}
	free(text);
	return buf_take(&out, ret, ret_len);
}

int est_certs_encode(const struct stack_st_X509 *list, char **ret, size_t *ret_len, struct fault *f)
{
	PKCS7 *p7 = certs_only_new();
	unsigned char *der = NULL;
	bool good = p7 != NULL;

	for (int i = 0; good && i < sk_X509_num(list); i++)
		good = PKCS7_add_certificate(p7, sk_X509_value(list, i));
	int len = good ? i2d_PKCS7(p7, &der) : 0;
	int rc = len > 0 ? body_wrap(der, (size_t)len, ret, ret_len) : KE_NOMEM;
	if (rc)
		ossl_fault(f, rc, NULL, "cannot encode the certificates");
	OPENSSL_free(der);
	PKCS7_free(p7);
	return rc;
}

static int body_to_der(const char *body, size_t len, unsigned char *der, size_t *ret_len, struct fault *f)
{
	char *packed = malloc(len + 1);
	size_t kept = 0;

	if (!packed)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	for (size_t i = 0; i < len; i++)
		if (!memchr(" \t\r\n", body[i], 4))
			packed[kept++] = body[i];
	bool good = kept && base64_decode(packed, kept, der, ret_len);
	free(packed);
	return good ? KE_OK : fault_set(f, KE_SYNTAX, NULL, NULL, "the answer is not base64");
}

/* References to the certificates of P7, which must hold nothing else. */
static int certs_only_take(PKCS7 *p7, struct stack_st_X509 **ret, struct fault *f)
{
	PKCS7_SIGNED *sign = PKCS7_type_is_signed(p7) ? p7->d.sign : NULL;
	int count = sign ? sk_X509_num(sign->cert) : -1;

	if (count < 1 || sk_PKCS7_SIGNER_INFO_num(sign->signer_info) > 0 || sk_X509_CRL_num(sign->crl) > 0)
		return fault_set(
		        f, KE_SYNTAX, NULL, NULL, "the answer is not a list of certificates (certs-only)");
	if (count > CERT_LIST_MAX)
		return fault_set(f, KE_TOOBIG, NULL, NULL, "the answer holds %d certificates", count);
	for (int i = 0; i < count; i++)
		if (i2d_X509(sk_X509_value(sign->cert, i), NULL) > CERT_DER_MAX)
			return fault_set(f, KE_TOOBIG, NULL, NULL, "a certificate of more than %d bytes",
			        CERT_DER_MAX);
	STACK_OF(X509) *list = X509_chain_up_ref(sign->cert);
	if (!list)
		return ossl_fault(f, KE_NOMEM, NULL, "cannot keep the certificates");
	*ret = list;
	return KE_OK;
}

int est_certs_decode(const char *body, size_t len, struct stack_st_X509 **ret, struct fault *f)
{
	if (len > EST_BODY_MAX)
		return fault_set(f, KE_TOOBIG, NULL, NULL, "an answer of more than %d bytes", EST_BODY_MAX);
	unsigned char *der = malloc(len + 1);
	size_t der_len = 0;
	int rc =
	        der ? body_to_der(body, len, der, &der_len, f) : fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");

	if (rc) {
		free(der);
		return rc;
	}
	const unsigned char *at = der;
	PKCS7 *p7 = d2i_PKCS7(NULL, &at, (long)der_len);
	if (!p7)
		rc = ossl_fault(f, KE_SYNTAX, NULL, "the answer is not PKCS#7");
	else if (at != der + der_len)
		rc = fault_set(f, KE_SYNTAX, NULL, NULL, "bytes after the answer");
	else
		rc = certs_only_take(p7, ret, f);
	PKCS7_free(p7);
	free(der);
	return rc;
}

int est_cert_for(const struct stack_st_X509 *list, const EVP_PKEY *key, X509 **ret, struct fault *f)
{
	for (int i = 0; i < sk_X509_num(list); i++) {
		X509 *cert = sk_X509_value(list, i);
		const EVP_PKEY *its = X509_get0_pubkey(cert);
		if (its && key_same(its, key)) {
			if (!X509_up_ref(cert))
				return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
			*ret = cert;
			return KE_OK;
		}
	}
	ERR_clear_error();
	return fault_set(
	        f, KE_MISMATCH, NULL, NULL, "the answer holds no certificate for the key of the request");
}
