/* Certificates of people: requested here, signed there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "certs/cert.h"
#include "certs/operator.h"

#define NOW INT64_C(1795550000)

static void request_and_sign(void **state)
{
	(void)state;
	char dir[] = "/tmp/kedge-op-XXXXXX", path[64], *pem = NULL;
	size_t len = 0;
	EVP_PKEY *key;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/ann.key", dir);
	assert_int_equal(operator_request("Ann", path, NULL, &pem, &len, NULL), KE_NAME);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(operator_request("ann", path, "secret", &pem, &len, NULL), 0);
	assert_int_equal(key_load(path, "secret", &key, NULL), 0);
	char *again = NULL;
	assert_int_equal(operator_request("ann", path, NULL, &again, &len, NULL), KE_EXIST);
	assert_null(again);

	static const struct {
		enum profile_kind ca;
		const char *fleet, *name;
		int rc;
		const char *remark;
	} rows[] = {
		{ PROFILE_OPERATOR_CA, "north", NULL, KE_OK, "the name of the request" },
		{ PROFILE_OPERATOR_CA, "north", "ann", KE_OK, "the same name given" },
		{ PROFILE_OPERATOR_CA, "north", "bob", KE_MISMATCH, "another name given" },
		{ PROFILE_OPERATOR_CA, "North", "ann", KE_NAME, "no fleet" },
		{ PROFILE_HOST_CA, "north", "ann", KE_FORBIDDEN, "the wrong CA" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct ca *ca;
		X509 *cert = NULL;
		struct identity id;
		assert_int_equal(ca_make(rows[i].ca, "north", KEY_P256, NOW, 0, &ca, NULL), 0);
		if (operator_sign(ca, pem, strlen(pem), rows[i].fleet, rows[i].name, NOW, 0, &cert, NULL) !=
		        rows[i].rc)
			fail_msg("%s", rows[i].remark);
		if (cert) {
			unsigned char a[SHA256_LEN], b[SHA256_LEN];
			assert_int_equal(cert_identity(cert, &id, NULL), 0);
			assert_int_equal(id.kind, IDENTITY_OPERATOR);
			assert_string_equal(id.name, "ann");
			assert_int_equal(key_spki(key, a) | cert_spki(cert, b), 0);
			assert_memory_equal(a, b, sizeof a);
		}
		cert_free(cert);
		ca_free(ca);
	}
	free(pem);
	key_free(key);
	unlink(path);
	rmdir(dir);
}

/* A request without a usable name can be signed when the signer gives one, and not otherwise. */
static void nameless_requests(void **state)
{
	(void)state;
	struct ca *ca;
	EVP_PKEY *key;
	X509 *cert = NULL;
	static const char nameless[] = "-----BEGIN CERTIFICATE REQUEST-----\n"
	                               "MIHNMHUCAQAwEzERMA8GA1UECgwIU29tZSBPbmUwWTATBgcqhkjOPQIBBggqhkjO\n"
	                               "PQMBBwNCAATtIW3tWouoXx972fl8noVv3PSWaE6hUNob/LtYKrkVUmh0ClNoXb5Q\n"
	                               "8wzrIb52RKi3g/n/hzH/393I0C+9kWEKoAAwCgYIKoZIzj0EAwIDSAAwRQIgc5rn\n"
	                               "KS1ddgSnQgBitLeHm2aRjeOOQK5dgmx98GCUcjICIQDAIRCTRTkPa0NxGg9FPJjA\n"
	                               "+JwXZpE5zahvEmdF/HqbQw==\n"
	                               "-----END CERTIFICATE REQUEST-----\n";
	assert_int_equal(key_make(KEY_P256, &key, NULL), 0);
	assert_int_equal(ca_make(PROFILE_OPERATOR_CA, "north", KEY_P256, NOW, 0, &ca, NULL), 0);
	assert_int_equal(operator_sign(ca, nameless, sizeof nameless - 1, "north", NULL, NOW, 0, &cert, NULL),
	        KE_NAME);
	assert_null(cert);
	assert_int_equal(
	        operator_sign(ca, nameless, sizeof nameless - 1, "north", "ann", NOW, 0, &cert, NULL), 0);
	cert_free(cert);
	key_free(key);
	ca_free(ca);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_and_sign),
		cmocka_unit_test(nameless_requests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
