/* Private keys: what is signed verifies, what is saved loads again, what is wrong is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cJSON.h>

#include "proto/signkey.h"

static const enum signkey_type types[] = { SIGNKEY_ED25519, SIGNKEY_ECDSA, SIGNKEY_RSA };

static void every_kind_signs_and_survives_a_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		struct signkey *key, *again;
		struct pubkey *pub;
		struct buf pem = BUF_INIT(SIGNKEY_PEM_MAX), sig = BUF_INIT(4096), text = BUF_INIT(8192);
		assert_int_equal(signkey_generate(types[i], &key, NULL), 0);
		assert_int_equal(signkey_kind(key), types[i]);
		assert_int_equal(signkey_save(key, NULL, &pem, NULL), 0);
		assert_non_null(strstr(buf_text(&pem), "BEGIN PRIVATE KEY"));
		assert_int_equal(signkey_load(buf_text(&pem), pem.len, NULL, &again, NULL), 0);
		assert_string_equal(signkey_id(key), signkey_id(again));
		assert_int_equal(signkey_sign(again, "hello", 5, &sig, NULL), 0);
		const unsigned char *bytes = (const unsigned char *)buf_text(&sig);
		assert_int_equal(pubkey_verify(signkey_pubkey(key), "hello", 5, bytes, sig.len), 0);
		assert_int_equal(
		        pubkey_verify(signkey_pubkey(key), "hellp", 5, bytes, sig.len), KE_SIGNATURE);
		/* The written key object is the same key with the same id. */
		assert_int_equal(signkey_public_text(key, &text), 0);
		assert_int_equal(pubkey_load(buf_text(&text), text.len, &pub, NULL), 0);
		assert_string_equal(pubkey_id(pub), signkey_id(key));
		assert_true(pubkey_same(pub, signkey_pubkey(key)));
		pubkey_free(pub);
		signkey_wipe(&pem);
		buf_free(&sig);
		buf_free(&text);
		signkey_free(key);
		signkey_free(again);
	}
}

static void passphrase_guards_the_file(void **state)
{
	(void)state;
	struct signkey *key, *again = NULL;
	struct buf pem = BUF_INIT(SIGNKEY_PEM_MAX);
	struct fault f;
	assert_int_equal(signkey_generate(SIGNKEY_ED25519, &key, NULL), 0);
	assert_int_equal(signkey_save(key, "correct horse", &pem, NULL), 0);
	assert_non_null(strstr(buf_text(&pem), "BEGIN ENCRYPTED PRIVATE KEY"));
	assert_int_equal(signkey_load(buf_text(&pem), pem.len, NULL, &again, &f), KE_KEY);
	assert_string_equal(f.what, "the key is encrypted");
	assert_int_equal(signkey_load(buf_text(&pem), pem.len, "wrong", &again, &f), KE_KEY);
	assert_string_equal(f.what, "the key cannot be decrypted");
	assert_null(again);
	assert_int_equal(signkey_load(buf_text(&pem), pem.len, "correct horse", &again, NULL), 0);
	assert_string_equal(signkey_id(key), signkey_id(again));
	signkey_wipe(&pem);
	assert_null(pem.data);
	signkey_free(key);
	signkey_free(again);
}

static void seed_gives_the_known_key(void **state)
{
	(void)state;
	/* RFC 8032, section 7.1, test 1: this secret, this public key, this signature of the empty message. */
	static const unsigned char seed[32] = { 0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84,
		0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70,
		0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60 };
	static const unsigned char start[4] = { 0xe5, 0x56, 0x43, 0x00 };
	struct signkey *key;
	struct buf sig = BUF_INIT(64), text = BUF_INIT(512);
	assert_int_equal(signkey_from_seed(seed, &key, NULL), 0);
	assert_int_equal(signkey_sign(key, "", 0, &sig, NULL), 0);
	assert_int_equal(sig.len, 64);
	assert_memory_equal(sig.data, start, 4);
	assert_int_equal(signkey_public_text(key, &text), 0);
	assert_string_equal(buf_text(&text),
	        "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":"
	        "\"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\"}}");
	buf_free(&sig);
	buf_free(&text);
	signkey_free(key);
}

static const struct {
	const char *pem, *remark;
} bad_files[] = {
	{ "", "empty" },
	{ "not a key", "text" },
	{ "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "garbage inside" },
	{ "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
	  "-----END PUBLIC KEY-----\n",
	        "a public key" },
	{ "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIHBhc3N3b3JkcGFzc3dvcmRwYXNzd29yZHBhc3N3b3Jk\n"
	  "-----END PRIVATE KEY-----\n",
	        "an X25519 key does not sign" },
};

static void other_files_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_files / sizeof bad_files[0]; i++) {
		struct signkey *key = NULL;
		struct fault f = { 0 };
		int rc = signkey_load(bad_files[i].pem, strlen(bad_files[i].pem), "x", &key, &f);
		if (rc != KE_KEY || key || !f.what[0])
			fail_msg("%s: %s", bad_files[i].remark, err_text(rc));
	}
	char *large = calloc(1, SIGNKEY_PEM_MAX + 1);
	struct signkey *key = NULL;
	assert_int_equal(signkey_load(large, SIGNKEY_PEM_MAX + 1, NULL, &key, NULL), KE_TOOBIG);
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_signs_and_survives_a_file),
		cmocka_unit_test(passphrase_guards_the_file),
		cmocka_unit_test(seed_gives_the_known_key),
		cmocka_unit_test(other_files_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
