/* issue.c — signs certificates. The judgement (may this CA sign that, are key, names and dates in order) comes first, then
 * the words of the certificate as data, then one function that writes and signs them. Called by the server's EST route
 * with the host CA, by the operator's signer, and by kedge-devca. */
#include "certs/issue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certs/cert.h"
#include "certs/ossl.h"
#include "proto/buf.h"

struct ca {
	enum profile_kind kind;
	X509 *cert;
	EVP_PKEY *key;
};

static bool cert_serial(X509 *cert)
{
	unsigned char bytes[16];
	BIGNUM *bn = NULL;

	if (RAND_bytes(bytes, sizeof bytes) != 1)
		return false;
	bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40); /* positive, and always 16 bytes */
	bn = BN_bin2bn(bytes, sizeof bytes, NULL);
	bool good = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert));
	BN_free(bn);
	return good;
}

static bool cert_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	if (!value)
		return true;
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&ctx);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	bool good = ext && X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	return good;
}

static bool cert_name_part(X509 *cert, int nid, const char *text)
{
	return !text || X509_NAME_add_entry_by_NID(X509_get_subject_name(cert), nid, MBSTRING_UTF8,
	                        (const unsigned char *)text, -1, -1, 0);
}

static bool cert_write(X509 *cert, const struct issue_raw *w, X509 *issuer, EVP_PKEY *sign_key)
{
	const EVP_MD *md = EVP_PKEY_get_base_id(sign_key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();

	return X509_set_version(cert, X509_VERSION_3) && cert_serial(cert) &&
	       ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)w->not_before) &&
	       ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)w->not_after) &&
	       cert_name_part(cert, NID_organizationName, w->organization) &&
	       cert_name_part(cert, NID_commonName, w->common_name) &&
	       X509_set_issuer_name(cert, X509_get_subject_name(issuer)) &&
	       cert_extension(cert, issuer, NID_basic_constraints, w->basic_constraints) &&
	       cert_extension(cert, issuer, NID_key_usage, w->key_usage) &&
	       cert_extension(cert, issuer, NID_ext_key_usage, w->ext_key_usage) &&
	       cert_extension(cert, issuer, NID_subject_key_identifier, "hash") &&
	       (issuer == cert ||
	               cert_extension(cert, issuer, NID_authority_key_identifier, "keyid:always")) &&
	       cert_extension(cert, issuer, NID_subject_alt_name, w->alt_names) &&
	       X509_sign(cert, sign_key, md) > 0;
}

int issue_raw(const struct issue_raw *what, X509 *issuer, EVP_PKEY *sign_key, X509 **ret, struct fault *f)
{
	X509 *cert = X509_new();
	/* A copy of the public part: X509_set_pubkey() wants a key that is not const, to count a reference. */
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(what->key, &der);
	const unsigned char *at = der;
	EVP_PKEY *pub = len > 0 ? d2i_PUBKEY(NULL, &at, len) : NULL;
	bool good = cert && pub && X509_set_pubkey(cert, pub) &&
	            cert_write(cert, what, issuer ? issuer : cert, sign_key);

	EVP_PKEY_free(pub);
	OPENSSL_free(der);
	if (!good) {
		X509_free(cert);
		return ossl_fault(f, KE_KEY, NULL, "cannot make the certificate");
	}
	*ret = cert;
	return KE_OK;
}

int issue_raw_by(const struct ca *ca, const struct issue_raw *what, X509 **ret, struct fault *f)
{
	return issue_raw(what, ca->cert, ca->key, ret, f);
}

static int ca_new(enum profile_kind kind, X509 *cert, EVP_PKEY *key, struct ca **ret, struct fault *f)
{
	struct ca *ca = malloc(sizeof *ca);

	if (!ca)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	*ca = (struct ca){ .kind = kind, .cert = cert, .key = key };
	*ret = ca;
	return KE_OK;
}

int ca_make(enum profile_kind kind, const char *fleet, enum key_type type, int64_t now, int64_t lifetime,
        struct ca **ret, struct fault *f)
{
	const struct profile *p = profile_get(kind);
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	char name[64];

	if (!p->is_ca)
		return fault_set(f, KE_VALUE, NULL, NULL, "a %s is no CA", p->title);
	int rc = hostid_check("fleet name", fleet, f);
	if (!rc)
		rc = profile_lifetime(kind, lifetime, &lifetime, f);
	if (!rc)
		rc = key_make(type, &key, f);
	if (rc)
		return rc;
	snprintf(name, sizeof name, "kedge %s", p->title);
	struct issue_raw what = { .common_name = name,
		.organization = fleet,
		.key = key,
		.not_before = now - PROFILE_BACKDATE,
		.not_after = now + lifetime,
		.basic_constraints = "critical,CA:TRUE,pathlen:0",
		.key_usage = p->key_usage };
	rc = issue_raw(&what, NULL, key, &cert, f);
	if (!rc)
		rc = ca_new(kind, cert, key, ret, f);
	if (rc) {
		X509_free(cert);
		key_free(key);
	}
	return rc;
}

int ca_load(enum profile_kind kind, const char *cert_path, const char *key_path, const char *passphrase,
        struct ca **ret, struct fault *f)
{
	STACK_OF(X509) *list = NULL;
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	int rc = cert_list_load(cert_path, &list, f);

	if (rc)
		return rc;
	cert = sk_X509_shift(list);
	cert_list_free(list);
	rc = profile_check(kind, cert, f);
	if (rc)
		fault_at(f, "%s", cert_path);
	else
		rc = key_load(key_path, passphrase, &key, f);
	if (!rc && X509_check_private_key(cert, key) != 1) {
		ERR_clear_error();
		rc = fault_set(
		        f, KE_MISMATCH, key_path, NULL, "not the key of the certificate in %s", cert_path);
	}
	if (!rc)
		rc = ca_new(kind, cert, key, ret, f);
	if (rc) {
		X509_free(cert);
		key_free(key);
	}
	return rc;
}

int ca_save(const struct ca *ca, const char *cert_path, const char *key_path, const char *passphrase,
        struct fault *f)
{
	int rc = key_save(key_path, ca->key, passphrase, f);

	return rc ? rc : cert_save(cert_path, ca->cert, f);
}

X509 *ca_cert(const struct ca *ca)
{
	return ca->cert;
}

enum profile_kind ca_kind(const struct ca *ca)
{
	return ca->kind;
}

void ca_free(struct ca *ca)
{
	if (!ca)
		return;
	X509_free(ca->cert);
	EVP_PKEY_free(ca->key);
	free(ca);
}

/* May CA sign WHAT, and until when? */
static int issue_judge(const struct ca *ca, const struct issue *what, int64_t *ret_until, struct fault *f)
{
	const struct profile *p = profile_get(what->kind);
	int64_t from = 0, until = 0, lifetime = 0;

	if (p->is_ca || p->issuer != ca->kind)
		return fault_set(f, KE_FORBIDDEN, NULL, NULL, "a %s does not sign a %s certificate",
		        profile_get(ca->kind)->title, p->title);
	if (cert_validity(ca->cert, &from, &until))
		return fault_set(f, KE_SYNTAX, NULL, NULL, "the CA's certificate has no readable dates");
	if (what->now < from || what->now >= until)
		return fault_set(f, KE_EXPIRED, NULL, "make a new CA, or set the clock right",
		        "the %s is not valid now", profile_get(ca->kind)->title);
	int rc = profile_lifetime(what->kind, what->lifetime, &lifetime, f);
	if (!rc)
		rc = key_check(what->key, f);
	if (!rc && p->subject == IDENTITY_NONE)
		rc = profile_names_check(&what->names, f);
	if (!rc && p->subject != IDENTITY_NONE) {
		struct identity copy;
		rc = identity_make(what->id.kind, what->id.fleet, what->id.name, &copy, f);
		if (!rc && what->id.kind != p->subject)
			rc = fault_set(f, KE_FORBIDDEN, NULL, NULL, "a %s certificate does not name %s %s",
			        p->title, identity_kind_name(what->id.kind), what->id.name);
	}
	if (!rc)
		*ret_until = until - what->now < lifetime ? until : what->now + lifetime;
	return rc;
}

/* The alternative names in OpenSSL's notation. All parts were checked: no comma, no colon but in addresses. */
static void issue_alt_names(const struct issue *what, struct buf *out)
{
	char uri[IDENTITY_ROOM];

	if (what->kind != PROFILE_SERVER) {
		buf_fmt(out, "URI:%s", identity_format(&what->id, uri));
		return;
	}
	for (size_t i = 0; i < what->names.dns_count; i++)
		buf_fmt(out, "%sDNS:%s", out->len ? "," : "", what->names.dns[i]);
	for (size_t i = 0; i < what->names.ip_count; i++)
		buf_fmt(out, "%sIP:%s", out->len ? "," : "", what->names.ip[i]);
}

/* The common name is for people only; RFC 5280 allows it 64 characters. */
static const char *issue_common_name(const struct issue *what)
{
	if (what->kind != PROFILE_SERVER)
		return what->id.name;
	const char *name = what->names.dns_count ? what->names.dns[0] : what->names.ip[0];
	return strlen(name) <= 64 ? name : "kedge server";
}

int issue_cert(const struct ca *ca, const struct issue *what, X509 **ret, struct fault *f)
{
	const struct profile *p = profile_get(what->kind);
	struct buf names = BUF_INIT(16384);
	int64_t until = 0, ca_from = 0, ca_until = 0;
	int rc = issue_judge(ca, what, &until, f);

	if (rc)
		return rc;
	cert_validity(ca->cert, &ca_from, &ca_until);
	issue_alt_names(what, &names);
	int64_t from = what->now - PROFILE_BACKDATE;
	struct issue_raw raw = { .common_name = issue_common_name(what),
		.organization = what->kind == PROFILE_SERVER ? NULL : what->id.fleet,
		.key = what->key,
		.not_before = from < ca_from ? ca_from : from,
		.not_after = until,
		.basic_constraints = "critical,CA:FALSE",
		.key_usage = p->key_usage,
		.ext_key_usage = p->ext_key_usage,
		.alt_names = buf_text(&names) };
	rc = names.rc ? fault_set(f, names.rc, NULL, NULL, "%s", "") : issue_raw_by(ca, &raw, ret, f);
	buf_free(&names);
	return rc;
}
