/* Bodies of EST answers: there and back, as the openssl command writes them, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "certs/est.h"
#include "certs/issue.h"
#include "proto/codec.h"

#define NOW INT64_C(1795550000)

static void there_and_back(void **state)
{
	(void)state;
	struct ca *one, *two;
	STACK_OF(X509) * list, *back;
	char *body;
	size_t len;
	assert_int_equal(ca_make(PROFILE_SERVER_CA, "north", KEY_P256, NOW, 0, &one, NULL), 0);
	assert_int_equal(ca_make(PROFILE_HOST_CA, "north", KEY_RSA2048, NOW, 0, &two, NULL), 0);
	assert_int_equal(cert_list_of(ca_cert(one), ca_cert(two), &list), 0);
	assert_int_equal(est_certs_encode(list, &body, &len, NULL), 0);
	assert_int_equal(strlen(body), len);
	assert_int_equal(est_certs_decode(body, len, &back, NULL), 0);
	assert_int_equal(sk_X509_num(back), 2);
	X509 *mine = NULL, *none = NULL;
	assert_int_equal(est_cert_for(back, X509_get0_pubkey(ca_cert(two)), &mine, NULL), 0);
	assert_int_equal(X509_cmp(mine, ca_cert(two)), 0);
	EVP_PKEY *stranger;
	assert_int_equal(key_make(KEY_P256, &stranger, NULL), 0);
	assert_int_equal(est_cert_for(back, stranger, &none, NULL), KE_MISMATCH);
	assert_null(none);
	key_free(stranger);
	cert_free(mine);
	cert_list_free(back);
	back = NULL;
	/* Every cut is noticed; so is a byte too many. */
	for (size_t cut = 0; cut + 1 < len; cut += 7)
		assert_int_not_equal(est_certs_decode(body, cut, &back, NULL), 0);
	assert_null(back);
	free(body);
	cert_list_free(list);
	ca_free(one);
	ca_free(two);
}

static int decode_p7(PKCS7 *p7, size_t extra)
{
	unsigned char *der = NULL;
	STACK_OF(X509) *list = NULL;
	int n = i2d_PKCS7(p7, &der);
	unsigned char *copy = calloc(1, (size_t)n + extra);
	char *text = malloc(BASE64_ROOM((size_t)n + extra));
	memcpy(copy, der, (size_t)n);
	base64_encode(copy, (size_t)n + extra, text);
	int rc = est_certs_decode(text, strlen(text), &list, NULL);
	cert_list_free(list);
	free(text);
	free(copy);
	OPENSSL_free(der);
	PKCS7_free(p7);
	return rc;
}

static PKCS7 *certs_only(X509 *cert)
{
	PKCS7 *p7 = PKCS7_new();
	PKCS7_set_type(p7, NID_pkcs7_signed);
	PKCS7_content_new(p7, NID_pkcs7_data);
	if (cert)
		PKCS7_add_certificate(p7, cert);
	return p7;
}

static void only_certificates_are_taken(void **state)
{
	(void)state;
	struct ca *ca;
	assert_int_equal(ca_make(PROFILE_SERVER_CA, "north", KEY_P256, NOW, 0, &ca, NULL), 0);
	assert_int_equal(decode_p7(certs_only(ca_cert(ca)), 0), 0);
	assert_int_equal(decode_p7(certs_only(ca_cert(ca)), 1), KE_SYNTAX); /* a byte behind it */
	assert_int_equal(decode_p7(certs_only(NULL), 0), KE_SYNTAX);        /* none at all */
	PKCS7 *data = PKCS7_new();
	PKCS7_set_type(data, NID_pkcs7_data);
	assert_int_equal(decode_p7(data, 0), KE_SYNTAX); /* not signed-data */
	PKCS7 *crl = certs_only(ca_cert(ca));
	X509_CRL *list = X509_CRL_new();
	EVP_PKEY *key;
	assert_int_equal(key_make(KEY_P256, &key, NULL), 0);
	ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)NOW);
	X509_CRL_set1_lastUpdate(list, t);
	X509_CRL_sign(list, key, EVP_sha256());
	PKCS7_add_crl(crl, list);
	X509_CRL_free(list);
	ASN1_TIME_free(t);
	key_free(key);
	assert_int_equal(decode_p7(crl, 0), KE_SYNTAX); /* a revocation list beside it */
	STACK_OF(X509) *none = NULL;
	static const char *const texts[] = { "", "\n", "hello", "MIIB", "-----BEGIN PKCS7-----" };
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_int_equal(est_certs_decode(texts[i], strlen(texts[i]), &none, NULL), KE_SYNTAX);
	assert_null(none);
	ca_free(ca);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(only_certificates_are_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
