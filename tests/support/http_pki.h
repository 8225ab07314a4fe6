/* http_pki.h — keys and certificates made in memory, and TLS contexts for both ends. For tests that speak TLS to
 * server-stub/http inside one process. */
#ifndef KEDGE_TEST_HTTP_PKI_H
#define KEDGE_TEST_HTTP_PKI_H

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct pki_pair {
	EVP_PKEY *key;
	X509 *cert;
};

static inline void pki_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

/* A certificate for NAME, valid from one hour ago until SECONDS from now, signed by CA (NULL: a CA of its own). SAN may be
 * NULL. */
static inline struct pki_pair pki_make(
        const char *name, const char *san, const struct pki_pair *ca, long seconds)
{
	static long serial = 1;
	struct pki_pair p = { EVP_EC_gen("P-256"), X509_new() };

	assert_true(p.key && p.cert);
	X509_set_version(p.cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(p.cert), serial++);
	X509_gmtime_adj(X509_getm_notBefore(p.cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(p.cert), seconds);
	X509_set_pubkey(p.cert, p.key);
	X509_NAME *subject = X509_get_subject_name(p.cert);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(p.cert, ca ? X509_get_subject_name(ca->cert) : subject);
	pki_extension(p.cert, ca ? ca->cert : p.cert, NID_basic_constraints,
	        ca ? "critical,CA:FALSE" : "critical,CA:TRUE");
	if (san)
		pki_extension(p.cert, ca ? ca->cert : p.cert, NID_subject_alt_name, san);
	assert_true(X509_sign(p.cert, ca ? ca->key : p.key, EVP_sha256()) > 0);
	return p;
}

static inline void pki_free(struct pki_pair *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
	memset(p, 0, sizeof *p);
}

static inline void pki_digest(const X509 *cert, unsigned char digest[32])
{
	unsigned len = 0;

	assert_int_equal(X509_digest(cert, EVP_sha256(), digest, &len), 1);
	assert_int_equal(len, 32);
}

static inline SSL_CTX *pki_ctx(const SSL_METHOD *method, const struct pki_pair *own)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	assert_non_null(ctx);
	if (own) {
		assert_int_equal(SSL_CTX_use_certificate(ctx, own->cert), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(ctx, own->key), 1);
	}
	return ctx;
}

static inline void pki_trust(SSL_CTX *ctx, const struct pki_pair *ca)
{
	assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca->cert), 1);
}

#endif
