/* cert.c — certificates as bytes, files and lists, and the facts read from them. Refuses oversize, trailing bytes and
 * PEM blocks of another kind: a private key in a certificate file is a mistake worth telling. */
#include "certs/cert.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certs/ossl.h"
#include "proto/fileio.h"

int cert_from_der(const void *der, size_t len, X509 **ret, struct fault *f)
{
	const unsigned char *at = der;

	if (len > CERT_DER_MAX)
		return fault_set(
		        f, KE_TOOBIG, NULL, NULL, "a certificate of more than %d bytes", CERT_DER_MAX);
	X509 *cert = d2i_X509(NULL, &at, (long)len);
	if (!cert)
		return ossl_fault(f, KE_SYNTAX, NULL, "not a certificate");
	if (at != (const unsigned char *)der + len) {
		X509_free(cert);
		return fault_set(f, KE_SYNTAX, NULL, NULL, "bytes after the certificate");
	}
	*ret = cert;
	return KE_OK;
}

int cert_to_der(const X509 *cert, unsigned char **ret, size_t *ret_len, struct fault *f)
{
	int len = i2d_X509(cert, NULL);
	unsigned char *der = len > 0 ? malloc((size_t)len) : NULL;

	if (!der)
		return ossl_fault(f, KE_NOMEM, NULL, "cannot encode the certificate");
	unsigned char *at = der;
	len = i2d_X509(cert, &at);
	*ret = der;
	*ret_len = (size_t)len;
	return KE_OK;
}

/* One PEM block of BIO onto LIST. 1: taken, 0: no more, negative: error. */
static int pem_block(BIO *bio, STACK_OF(X509) * list, struct fault *f)
{
	char *name = NULL, *header = NULL;
	unsigned char *data = NULL;
	long len = 0;
	X509 *cert = NULL;
	int rc;

	ERR_clear_error();
	if (!PEM_read_bio(bio, &name, &header, &data, &len)) {
		if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
			ERR_clear_error();
			return 0;
		}
		return ossl_fault(f, KE_SYNTAX, NULL, "broken PEM");
	}
	if (strcmp(name, PEM_STRING_X509) != 0 && strcmp(name, PEM_STRING_X509_OLD) != 0)
		rc = fault_set(
		        f, KE_SYNTAX, NULL, NULL, "holds a PEM block '%.40s' beside certificates", name);
	else if (sk_X509_num(list) >= CERT_LIST_MAX)
		rc = fault_set(f, KE_TOOBIG, NULL, NULL, "more than %d certificates", CERT_LIST_MAX);
	else
		rc = cert_from_der(data, (size_t)len, &cert, f);
	if (!rc && !sk_X509_push(list, cert)) {
		X509_free(cert);
		rc = fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	}
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_clear_free(data, (size_t)len);
	return rc ? rc : 1;
}

int cert_list_from_pem(const char *pem, size_t len, struct stack_st_X509 **ret, struct fault *f)
{
	if (len > CERT_FILE_MAX)
		return fault_set(
		        f, KE_TOOBIG, NULL, NULL, "more than %d bytes of certificates", CERT_FILE_MAX);
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	STACK_OF(X509) *list = sk_X509_new_null();
	int rc = bio && list ? 1 : fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");

	while (rc == 1)
		rc = pem_block(bio, list, f);
	if (rc == 0 && sk_X509_num(list) == 0)
		rc = fault_set(f, KE_SYNTAX, NULL, NULL, "no certificate in PEM form");
	BIO_free(bio);
	if (rc) {
		cert_list_free(list);
		return rc;
	}
	*ret = list;
	return KE_OK;
}

int cert_list_load(const char *path, struct stack_st_X509 **ret, struct fault *f)
{
	char *pem;
	size_t len;
	int rc = file_read(path, CERT_FILE_MAX, &pem, &len, f);

	if (rc)
		return rc;
	rc = cert_list_from_pem(pem, len, ret, f);
	if (rc)
		fault_at(f, "%s", path);
	file_free(pem);
	return rc;
}

int cert_list_to_pem(const struct stack_st_X509 *list, char **ret, size_t *ret_len, struct fault *f)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text = NULL;
	bool good = bio != NULL;

	for (int i = 0; good && i < sk_X509_num(list); i++)
		good = PEM_write_bio_X509(bio, sk_X509_value(list, i));
	long len = good ? BIO_get_mem_data(bio, &data) : 0;
	if (good)
		text = malloc((size_t)len + 1);
	if (text) {
		memcpy(text, data, (size_t)len);
		text[len] = '\0';
		*ret = text;
		*ret_len = (size_t)len;
	}
	BIO_free(bio);
	return text ? KE_OK : ossl_fault(f, KE_NOMEM, NULL, "cannot encode certificates");
}

int cert_list_save(const char *path, const struct stack_st_X509 *list, struct fault *f)
{
	char *pem;
	size_t len;
	int rc = cert_list_to_pem(list, &pem, &len, f);

	if (rc)
		return rc;
	rc = file_replace(path, pem, len, 0644, FILE_DURABLE, f);
	free(pem);
	return rc;
}

int cert_load(const char *path, X509 **ret, struct fault *f)
{
	STACK_OF(X509) * list;
	int rc = cert_list_load(path, &list, f);

	if (rc)
		return rc;
	if (sk_X509_num(list) == 1)
		*ret = sk_X509_shift(list);
	else
		rc = fault_set(f, KE_SCHEMA, path, NULL, "holds %d certificates where one is expected",
		        sk_X509_num(list));
	cert_list_free(list);
	return rc;
}

int cert_save(const char *path, X509 *cert, struct fault *f)
{
	STACK_OF(X509) * list;
	int rc = cert_list_of(cert, NULL, &list);

	if (rc)
		return fault_set(f, rc, path, NULL, "%s", "");
	rc = cert_list_save(path, list, f);
	cert_list_free(list);
	return rc;
}

int cert_list_of(X509 *cert, X509 *ca, struct stack_st_X509 **ret)
{
	STACK_OF(X509) *list = sk_X509_new_null();

	if (!list || !X509_add_cert(list, cert, X509_ADD_FLAG_UP_REF) ||
	        (ca && !X509_add_cert(list, ca, X509_ADD_FLAG_UP_REF))) {
		cert_list_free(list);
		ERR_clear_error();
		return KE_NOMEM;
	}
	*ret = list;
	return KE_OK;
}

X509 *cert_list_at(const struct stack_st_X509 *list, size_t i)
{
	return i < CERT_LIST_MAX ? sk_X509_value(list, (int)i) : NULL;
}

void cert_free(X509 *cert)
{
	X509_free(cert);
}

void cert_list_free(struct stack_st_X509 *list)
{
	sk_X509_pop_free(list, X509_free);
}

int cert_fingerprint(const X509 *cert, unsigned char digest[SHA256_LEN])
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);

	if (len <= 0)
		return ossl_fault(NULL, KE_NOMEM, NULL, "");
	sha256(der, (size_t)len, digest);
	OPENSSL_free(der);
	return KE_OK;
}

int cert_spki(const X509 *cert, unsigned char digest[SHA256_LEN])
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

	if (len <= 0)
		return ossl_fault(NULL, KE_KEY, NULL, "");
	sha256(der, (size_t)len, digest);
	OPENSSL_free(der);
	return KE_OK;
}

static int asn1_seconds(const ASN1_TIME *t, int64_t *ret)
{
	struct tm tm;

	if (!t || !ASN1_TIME_to_tm(t, &tm))
		return ossl_fault(NULL, KE_SYNTAX, NULL, "");
	*ret = timegm(&tm);
	return KE_OK;
}

int cert_validity(const X509 *cert, int64_t *ret_not_before, int64_t *ret_not_after)
{
	int64_t from = 0, to = 0;

	if (asn1_seconds(X509_get0_notBefore(cert), &from) || asn1_seconds(X509_get0_notAfter(cert), &to))
		return KE_SYNTAX;
	*ret_not_before = from;
	*ret_not_after = to;
	return KE_OK;
}

bool cert_is_ca(X509 *cert)
{
	return X509_check_ca(cert) == 1;
}

const char *cert_subject(const X509 *cert, char text[CERT_NAME_ROOM])
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;

	text[0] = '\0';
	/* ONELINE escapes control characters and everything outside ASCII. */
	if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_ONELINE) >= 0) {
		long len = BIO_get_mem_data(bio, &data);
		size_t n = len < CERT_NAME_ROOM ? (size_t)len : CERT_NAME_ROOM - 1;
		memcpy(text, data, n);
		text[n] = '\0';
	}
	BIO_free(bio);
	ERR_clear_error();
	return text;
}

int cert_identity(const X509 *cert, struct identity *ret, struct fault *f)
{
	int crit = 0;
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, &crit, NULL);
	int rc;

	if (!names) { /* absent (-1), twice (-2), or malformed */
		ERR_clear_error();
		return fault_set(f, KE_NAME, NULL, NULL, "the certificate has no readable alternative name");
	}
	const GENERAL_NAME *name = sk_GENERAL_NAME_num(names) == 1 ? sk_GENERAL_NAME_value(names, 0) : NULL;
	if (!name || name->type != GEN_URI)
		rc = fault_set(
		        f, KE_NAME, NULL, NULL, "the certificate's alternative name is not exactly one URI");
	else
		rc = identity_parse((const char *)ASN1_STRING_get0_data(name->d.uniformResourceIdentifier),
		        (size_t)ASN1_STRING_length(name->d.uniformResourceIdentifier), ret, f);
	GENERAL_NAMES_free(names);
	return rc;
}
