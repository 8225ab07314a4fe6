/* CAs and what they sign: who may sign what, for how long, and the files they are kept in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/x509v3.h>

#include "certs/cert.h"
#include "certs/issue.h"

#define NOW INT64_C(1795550000)
#define DAY INT64_C(86400)

static const char *const dns[] = { "localhost", "kedge.example" }, *const ip[] = { "127.0.0.1", "::1" };

/* Every CA, asked for every kind of certificate, with every kind of identity. */
static void a_ca_signs_its_own_kind_only(void **state)
{
	(void)state;
	EVP_PKEY *key;
	assert_int_equal(key_make(KEY_P256, &key, NULL), 0);
	for (int k = PROFILE_SERVER_CA; k <= PROFILE_OPERATOR_CA; k++) {
		struct ca *ca;
		assert_int_equal(ca_make((enum profile_kind)k, "north", KEY_P256, NOW, 0, &ca, NULL), 0);
		for (int kind = 0; kind < PROFILE_COUNT; kind++)
			for (int who = IDENTITY_NONE; who <= IDENTITY_OPERATOR; who++) {
				const struct profile *p = profile_get((enum profile_kind)kind);
				struct issue what = { .kind = (enum profile_kind)kind,
					.key = key,
					.now = NOW,
					.id = { (enum identity_kind)who, "north", "web-1" },
					.names = { dns, 2, ip, 2 } };
				X509 *cert = NULL;
				int rc = issue_cert(ca, &what, &cert, NULL);
				bool good = !p->is_ca && (int)p->issuer == k &&
				            (kind == PROFILE_SERVER || (int)p->subject == who);
				if ((rc == 0) != good)
					fail_msg("%s signs %s for %d: %d",
					        profile_get((enum profile_kind)k)->name, p->name, who, rc);
				cert_free(cert);
			}
		ca_free(ca);
	}
	key_free(key);
}

static void dates_are_kept_within_the_ca(void **state)
{
	(void)state;
	struct ca *ca;
	EVP_PKEY *key;
	assert_int_equal(key_make(KEY_P256, &key, NULL), 0);
	assert_int_equal(ca_make(PROFILE_HOST_CA, "north", KEY_P256, NOW, 100 * DAY, &ca, NULL), 0);
	const struct {
		int64_t now, lifetime;
		int rc;
		int64_t from, to;
		const char *remark;
	} rows[] = {
		{ NOW + DAY, 0, KE_OK, NOW + DAY - 300, NOW + 31 * DAY, "default" },
		{ NOW + DAY, 3600, KE_OK, NOW + DAY - 300, NOW + DAY + 3600, "an hour" },
		{ NOW, 3600, KE_OK, NOW - 300, NOW + 3600, "as old as the CA" },
		{ NOW - 200, 3600, KE_OK, NOW - 300, NOW + 3400, "not before the CA" },
		{ NOW + 99 * DAY, 0, KE_OK, NOW + 99 * DAY - 300, NOW + 100 * DAY, "cut at the CA's end" },
		{ NOW + 100 * DAY, 0, KE_EXPIRED, 0, 0, "the CA's last second" },
		{ NOW + 101 * DAY, 0, KE_EXPIRED, 0, 0, "the CA is past" },
		{ NOW - DAY, 0, KE_EXPIRED, 0, 0, "the CA is not yet valid" },
		{ NOW, 30, KE_RANGE, 0, 0, "too short" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct issue what = { .kind = PROFILE_HOST,
			.key = key,
			.now = rows[i].now,
			.lifetime = rows[i].lifetime,
			.id = { IDENTITY_HOST, "north", "web-1" } };
		X509 *cert = NULL;
		int64_t from = 0, to = 0;
		if (issue_cert(ca, &what, &cert, NULL) != rows[i].rc)
			fail_msg("%s", rows[i].remark);
		if (!cert)
			continue;
		assert_int_equal(cert_validity(cert, &from, &to), 0);
		assert_int_equal(from, rows[i].from);
		assert_int_equal(to, rows[i].to);
		cert_free(cert);
	}
	key_free(key);
	ca_free(ca);
}

static void names_and_serials(void **state)
{
	(void)state;
	struct ca *ca;
	EVP_PKEY *key;
	X509 *a, *b;
	struct identity id;
	assert_int_equal(key_make(KEY_ED25519, &key, NULL), 0);
	assert_int_equal(ca_make(PROFILE_HOST_CA, "north", KEY_P384, NOW, 0, &ca, NULL), 0);
	struct issue what = {
		.kind = PROFILE_HOST, .key = key, .now = NOW, .id = { IDENTITY_HOST, "north", "web-1" }
	};
	assert_int_equal(issue_cert(ca, &what, &a, NULL), 0);
	assert_int_equal(issue_cert(ca, &what, &b, NULL), 0);
	assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(a), X509_get0_serialNumber(b)), 0);
	assert_int_equal(ASN1_STRING_length(X509_get0_serialNumber(a)), 16);
	assert_int_equal(cert_identity(a, &id, NULL), 0);
	assert_int_equal(id.kind, IDENTITY_HOST);
	assert_string_equal(id.name, "web-1");
	assert_int_equal(X509_verify(a, X509_get0_pubkey(ca_cert(ca))), 1);
	/* RFC 5280 section 4.2.1.1: the authority key identifier is the CA's subject key identifier. */
	assert_int_equal(
	        ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(a), X509_get0_subject_key_id(ca_cert(ca))),
	        0);
	assert_int_equal(X509_get_key_usage(a), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_get_key_usage(ca_cert(ca)), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	assert_int_equal(X509_get_pathlen(ca_cert(ca)), 0);
	what.id.name[0] = 'W'; /* a name that nobody checked */
	X509 *none = NULL;
	assert_int_equal(issue_cert(ca, &what, &none, NULL), KE_NAME);
	assert_null(none);
	cert_free(a);
	cert_free(b);
	key_free(key);
	ca_free(ca);
}

static void a_server_has_all_its_names(void **state)
{
	(void)state;
	struct ca *ca;
	EVP_PKEY *key;
	X509 *cert;
	assert_int_equal(key_make(KEY_P256, &key, NULL), 0);
	assert_int_equal(ca_make(PROFILE_SERVER_CA, "north", KEY_P256, NOW, 0, &ca, NULL), 0);
	struct issue what = { .kind = PROFILE_SERVER, .key = key, .now = NOW, .names = { dns, 2, ip, 2 } };
	assert_int_equal(issue_cert(ca, &what, &cert, NULL), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(X509_check_host(cert, dns[i], 0, 0, NULL), 1);
		assert_int_equal(X509_check_ip_asc(cert, ip[i], 0), 1);
	}
	assert_int_equal(X509_check_host(cert, "other", 0, 0, NULL), 0);
	struct identity id;
	assert_int_equal(cert_identity(cert, &id, NULL), KE_NAME);
	cert_free(cert);
	key_free(key);
	ca_free(ca);
}

static void spoil(const char *path, const char *text)
{
	FILE *fp = fopen(path, "w");
	assert_non_null(fp);
	fputs(text, fp);
	fclose(fp);
}

static void files_are_loaded_with_care(void **state)
{
	(void)state;
	char dir[] = "/tmp/kedge-issue-XXXXXX", crt[64], key[64], crt2[64], key2[64];
	struct ca *ca, *two, *back = NULL;
	struct stat st;
	assert_non_null(mkdtemp(dir));
	snprintf(crt, sizeof crt, "%s/ca.crt", dir);
	snprintf(key, sizeof key, "%s/ca.key", dir);
	snprintf(crt2, sizeof crt2, "%s/two.crt", dir);
	snprintf(key2, sizeof key2, "%s/two.key", dir);
	assert_int_equal(ca_make(PROFILE_OPERATOR_CA, "north", KEY_P256, NOW, 0, &ca, NULL), 0);
	assert_int_equal(ca_make(PROFILE_OPERATOR_CA, "north", KEY_P256, NOW, 0, &two, NULL), 0);
	assert_int_equal(ca_save(ca, crt, key, "open sesame", NULL), 0);
	assert_int_equal(ca_save(two, crt2, key2, NULL, NULL), 0);
	assert_int_equal(stat(key, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(ca_load(PROFILE_OPERATOR_CA, crt, key, "open sesame", &back, NULL), 0);
	assert_int_equal(X509_cmp(ca_cert(ca), ca_cert(back)), 0);
	ca_free(back);
	back = NULL;
	struct fault f;
	assert_int_equal(ca_load(PROFILE_OPERATOR_CA, crt, key, NULL, &back, &f), KE_KEY);
	assert_non_null(strstr(f.what, "no passphrase"));
	assert_int_equal(ca_load(PROFILE_OPERATOR_CA, crt, key, "wrong", &back, &f), KE_KEY);
	assert_int_equal(ca_load(PROFILE_OPERATOR_CA, crt, key2, NULL, &back, &f), KE_MISMATCH);
	static const mode_t loose[] = { 0640, 0604, 0660, 0644, 0610 };
	for (size_t i = 0; i < sizeof loose / sizeof loose[0]; i++) {
		assert_int_equal(chmod(key2, loose[i]), 0);
		assert_int_equal(ca_load(PROFILE_OPERATOR_CA, crt2, key2, NULL, &back, &f), KE_ACCES);
		assert_non_null(strstr(f.todo, "chmod 600"));
	}
	assert_int_equal(chmod(key2, 0400), 0);
	assert_int_equal(ca_load(PROFILE_OPERATOR_CA, crt2, key2, NULL, &back, NULL), 0);
	ca_free(back);
	back = NULL;
	assert_int_equal(
	        ca_load(PROFILE_OPERATOR_CA, crt2, dir, NULL, &back, NULL), KE_ACCES); /* a directory */
	spoil(key2, "not a key\n");
	assert_int_equal(ca_load(PROFILE_OPERATOR_CA, crt2, key2, NULL, &back, NULL), KE_KEY);
	assert_int_equal(
	        ca_load(PROFILE_OPERATOR_CA, key, key, NULL, &back, NULL), KE_SYNTAX); /* no certificate */
	spoil(crt2, "");
	assert_int_equal(ca_load(PROFILE_OPERATOR_CA, crt2, key, NULL, &back, NULL), KE_SYNTAX);
	unlink(crt2);
	assert_int_equal(ca_load(PROFILE_OPERATOR_CA, crt2, key, NULL, &back, NULL), KE_NOENT);
	assert_null(back);
	unlink(crt);
	unlink(key);
	unlink(key2);
	rmdir(dir);
	ca_free(ca);
	ca_free(two);
}

static void a_leaf_is_no_ca(void **state)
{
	(void)state;
	struct ca *ca = NULL;
	assert_int_equal(ca_make(PROFILE_HOST, "north", KEY_P256, NOW, 0, &ca, NULL), KE_VALUE);
	assert_int_equal(ca_make(PROFILE_HOST_CA, "North", KEY_P256, NOW, 0, &ca, NULL), KE_NAME);
	assert_null(ca);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ca_signs_its_own_kind_only),
		cmocka_unit_test(dates_are_kept_within_the_ca),
		cmocka_unit_test(names_and_serials),
		cmocka_unit_test(a_server_has_all_its_names),
		cmocka_unit_test(files_are_loaded_with_care),
		cmocka_unit_test(a_leaf_is_no_ca),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
