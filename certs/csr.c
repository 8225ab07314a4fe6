/* csr.c — certificate requests. What a stranger sends is judged here and nowhere else: encoding, size, key, proof of
 * possession. Names and extensions of a request are not even looked at, except a common name for people to read. Called
 * by the courier (make), the server's EST route and the operator's signer (parse). */
#include "certs/csr.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "certs/key.h"
#include "certs/ossl.h"
#include "proto/buf.h"

#define PEM_BEGIN "-----BEGIN CERTIFICATE REQUEST-----\n"
#define PEM_END   "-----END CERTIFICATE REQUEST-----\n"

static bool csr_fill(X509_REQ *req, EVP_PKEY *key, const char *common_name)
{
	const EVP_MD *md = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();

	return X509_REQ_set_version(req, X509_REQ_VERSION_1) &&
	       X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(req), NID_commonName, MBSTRING_UTF8,
	               (const unsigned char *)common_name, -1, -1, 0) &&
	       X509_REQ_set_pubkey(req, key) && X509_REQ_sign(req, key, md) > 0;
}

int csr_make(EVP_PKEY *key, const char *common_name, unsigned char **ret, size_t *ret_len, struct fault *f)
{
	int rc = hostid_check("common name", common_name, f);

	if (!rc)
		rc = key_check(key, f);
	if (rc)
		return rc;
	X509_REQ *req = X509_REQ_new();
	unsigned char *der = NULL;
	int len = req && csr_fill(req, key, common_name) ? i2d_X509_REQ(req, NULL) : 0;
	if (len > 0)
		der = malloc((size_t)len);
	if (der) {
		unsigned char *at = der;
		*ret_len = (size_t)i2d_X509_REQ(req, &at);
		*ret = der;
	}
	X509_REQ_free(req);
	return der ? KE_OK : ossl_fault(f, KE_KEY, NULL, "cannot make the certificate request");
}

/* Base64 in lines of 64 between HEAD and TAIL. */
static int csr_make_text(EVP_PKEY *key, const char *common_name, const char *head, const char *tail,
        char **ret, size_t *ret_len, struct fault *f)
{
	unsigned char *der;
	size_t der_len;
	int rc = csr_make(key, common_name, &der, &der_len, f);

	if (rc)
		return rc;
	char *text = malloc(BASE64_ROOM(der_len));
	struct buf out = BUF_INIT(2 * CSR_MAX);
	buf_str(&out, head);
	if (text)
		base64_encode(der, der_len, text);
	size_t len = text ? strlen(text) : 0;
	for (size_t at = 0; at < len; at += 64) {
		buf_bytes(&out, text + at, len - at < 64 ? len - at : 64);
		buf_char(&out, '\n');
	}
	buf_str(&out, tail);
	rc = text ? buf_take(&out, ret, ret_len) : KE_NOMEM;
	if (rc) {
		buf_free(&out);
		rc = fault_set(f, rc, NULL, NULL, "%s", "");
	}
	free(text);
	free(der);
	return rc;
}

int csr_make_base64(EVP_PKEY *key, const char *common_name, char **ret, size_t *ret_len, struct fault *f)
{
	return csr_make_text(key, common_name, "", "", ret, ret_len, f);
}

int csr_make_pem(EVP_PKEY *key, const char *common_name, char **ret, size_t *ret_len, struct fault *f)
{
	return csr_make_text(key, common_name, PEM_BEGIN, PEM_END, ret, ret_len, f);
}

/* Where the base64 of TEXT lies: between PEM lines when it has them, else all of it. false: half a PEM. */
static bool csr_armour(const char *text, size_t len, const char **ret, size_t *ret_len)
{
	static const struct {
		const char *begin, *end;
	} forms[] = {
		{ "-----BEGIN CERTIFICATE REQUEST-----", "-----END CERTIFICATE REQUEST-----" },
		{ "-----BEGIN NEW CERTIFICATE REQUEST-----", "-----END NEW CERTIFICATE REQUEST-----" },
	};

	*ret = text;
	*ret_len = len;
	if (!memchr(text, '-', len))
		return true;
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		const char *begin = memmem(text, len, forms[i].begin, strlen(forms[i].begin));
		if (!begin)
			continue;
		begin += strlen(forms[i].begin);
		const char *end =
		        memmem(begin, (size_t)(text + len - begin), forms[i].end, strlen(forms[i].end));
		*ret = begin;
		*ret_len = end ? (size_t)(end - begin) : 0;
		return end != NULL;
	}
	return false;
}

/* DATA as DER in an allocated buffer, whichever of the three encodings it has. */
static int csr_to_der(const char *data, size_t len, unsigned char **ret, size_t *ret_len, struct fault *f)
{
	const char *body;
	size_t body_len, kept = 0;
	unsigned char *der = malloc(len + 1);
	char *packed = malloc(len + 1);
	int rc = der && packed ? KE_OK : fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");

	if (!rc && len && data[0] == 0x30) { /* a SEQUENCE, so DER: its base64 begins with 'M' */
		memcpy(der, data, len);
		*ret_len = len;
	} else if (!rc) {
		bool good = csr_armour(data, len, &body, &body_len);
		for (size_t i = 0; good && i < body_len; i++)
			if (!memchr(" \t\r\n", body[i], 4))
				packed[kept++] = body[i];
		if (!good || kept == 0 || !base64_decode(packed, kept, der, ret_len))
			rc = fault_set(f, KE_SYNTAX, NULL, "send PKCS#10 as base64, PEM or DER",
			        "not a certificate request");
	}
	free(packed);
	if (rc)
		free(der);
	else
		*ret = der;
	return rc;
}

/* The proof of possession, by a signature algorithm of today. */
static int csr_prove(X509_REQ *req, EVP_PKEY *key, struct fault *f)
{
	switch (X509_REQ_get_signature_nid(req)) {
	case NID_ecdsa_with_SHA256:
	case NID_ecdsa_with_SHA384:
	case NID_ecdsa_with_SHA512:
	case NID_sha256WithRSAEncryption:
	case NID_sha384WithRSAEncryption:
	case NID_sha512WithRSAEncryption:
	case NID_ED25519:
		break;
	default:
		return fault_set(f, KE_SIGNATURE, NULL, "sign it with SHA-256 or better",
		        "the request is signed with %s, which is not accepted",
		        OBJ_nid2ln(X509_REQ_get_signature_nid(req)));
	}
	if (X509_REQ_verify(req, key) != 1) {
		ERR_clear_error();
		return fault_set(f, KE_SIGNATURE, NULL, NULL,
		        "the request is not signed by the key in it (no proof of possession)");
	}
	return KE_OK;
}

/* The common name when it is one and follows the grammar; "" else. */
static void csr_common_name(X509_REQ *req, char out[HOSTID_ROOM])
{
	const X509_NAME *subject = X509_REQ_get_subject_name(req);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	out[0] = '\0';
	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return;
	const ASN1_STRING *text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	const char *data = (const char *)ASN1_STRING_get0_data(text);
	size_t len = (size_t)ASN1_STRING_length(text);
	if (hostid_valid(data, len)) {
		memcpy(out, data, len);
		out[len] = '\0';
	}
}

static int csr_judge(const unsigned char *der, size_t len, struct csr *ret, struct fault *f)
{
	const unsigned char *at = der;
	struct csr c = { 0 };
	X509_REQ *req = d2i_X509_REQ(NULL, &at, (long)len);
	int rc;

	if (!req)
		return ossl_fault(f, KE_SYNTAX, NULL, "not a certificate request");
	if (at != der + len) {
		rc = fault_set(f, KE_SYNTAX, NULL, NULL, "bytes after the certificate request");
		goto out;
	}
	c.key = X509_REQ_get_pubkey(req);
	if (!c.key) {
		rc = ossl_fault(f, KE_KEY, NULL, "the request's public key cannot be read");
		goto out;
	}
	rc = key_check(c.key, f);
	if (!rc)
		rc = csr_prove(req, c.key, f);
	if (!rc && key_spki(c.key, c.spki))
		rc = fault_set(f, KE_KEY, NULL, NULL, "the request's public key cannot be encoded");
	if (!rc)
		csr_common_name(req, c.common_name);
out:
	X509_REQ_free(req);
	if (rc)
		csr_free(&c);
	else
		*ret = c;
	return rc;
}

int csr_parse(const void *data, size_t len, struct csr *ret, struct fault *f)
{
	unsigned char *der;
	size_t der_len;

	if (len > CSR_MAX)
		return fault_set(
		        f, KE_TOOBIG, NULL, NULL, "a certificate request of more than %d bytes", CSR_MAX);
	int rc = csr_to_der(data, len, &der, &der_len, f);
	if (rc)
		return rc;
	rc = csr_judge(der, der_len, ret, f);
	free(der);
	return rc;
}

void csr_free(struct csr *c)
{
	EVP_PKEY_free(c->key);
	*c = (struct csr){ 0 };
}
