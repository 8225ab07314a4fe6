/* Public keys: which texts are keys, what they verify, and when two of them are one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cJSON.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "proto/pubkey.h"
#include "proto/signkey.h"
#include "proto/strict.h"
#include "proto/tree.h"

#define ED_PUBLIC "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define P256_PEM                                                                                             \
	"-----BEGIN PUBLIC KEY-----\\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\\n"   \
	"6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\\n-----END PUBLIC KEY-----\\n"

static struct pubkey *parse(const char *text)
{
	struct cJSON *tree;
	struct pubkey *key = NULL;
	assert_int_equal(strict_parse(text, strlen(text), &strict_limits_default, &tree, NULL), 0);
	struct place at = place_root(tree);
	int rc = pubkey_parse(&at, &key, NULL);
	cJSON_Delete(tree);
	assert_true(rc == 0 || key == NULL);
	return key;
}

static char *key_text(const char *keytype, const char *scheme, const char *public)
{
	struct buf out = BUF_INIT(8192);
	struct jsonw w = JSONW_INIT(&out, 0);
	char *text;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "keytype", keytype);
	jsonw_string(&w, "scheme", scheme);
	jsonw_object(&w, "keyval");
	jsonw_string(&w, "public", public);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	assert_int_equal(buf_take(&out, &text, NULL), 0);
	return text;
}

static const struct {
	const char *text;
	enum { REFUSED, UNUSABLE, USABLE } want;
	const char *remark;
} texts[] = {
	{ "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"" ED_PUBLIC "\"}}",
	        USABLE, "ed25519" },
	{ "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"" ED_PUBLIC
	  "\"},\"x\":1}",
	        USABLE, "unknown members are carried" },
	{ "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"d75a\"}}", UNUSABLE,
	        "too short" },
	{ "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"" ED_PUBLIC "00\"}}",
	        UNUSABLE, "too long" },
	{ "{\"keytype\":\"ed25519\",\"scheme\":\"rsassa-pss-sha256\",\"keyval\":{\"public\":\"" ED_PUBLIC
	  "\"}}",
	        UNUSABLE, "scheme of another key type" },
	{ "{\"keytype\":\"post-quantum\",\"scheme\":\"new\",\"keyval\":{\"public\":\"00\"}}", UNUSABLE,
	        "unknown type is tolerated" },
	{ "{\"keytype\":\"sigstore-oidc\",\"scheme\":\"Fulcio\",\"keyval\":{\"identity\":\"a@b\"}}", UNUSABLE,
	        "no public text" },
	{ "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":7}}", UNUSABLE,
	        "public is a number" },
	{ "{\"keytype\":\"rsa\",\"scheme\":\"rsassa-pss-sha256\",\"keyval\":{\"public\":\"" P256_PEM "\"}}",
	        UNUSABLE, "a curve key under the name rsa" },
	{ "{\"keytype\":\"ecdsa\",\"scheme\":\"ecdsa-sha2-nistp256\",\"keyval\":{\"public\":\"04ab\"}}",
	        UNUSABLE, "a hexadecimal point" },
	{ "{\"keytype\":\"ecdsa\",\"scheme\":\"ecdsa-sha2-nistp384\",\"keyval\":{\"public\":\"x\"}}",
	        UNUSABLE, "P-384 is not in the specification" },
	{ "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\"}", REFUSED, "keyval is missing" },
	{ "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":\"" ED_PUBLIC "\"}", REFUSED,
	        "keyval is a string" },
	{ "{\"keytype\":1,\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"00\"}}", REFUSED,
	        "type is a number" },
	{ "{\"keytype\":\"ed25519\",\"keyval\":{\"public\":\"00\"}}", REFUSED, "scheme is missing" },
	{ "[]", REFUSED, "an array" },
};

static void texts_become_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct pubkey *key = parse(texts[i].text);
		int got = !key ? REFUSED : pubkey_usable(key) ? USABLE : UNUSABLE;
		if (got != (int)texts[i].want)
			fail_msg("%s: got %d", texts[i].remark, got);
		if (got == UNUSABLE) {
			assert_true(pubkey_reason(key)[0] != 0);
			assert_int_equal(pubkey_verify(key, "x", 1, (const unsigned char *)"y", 1), KE_KEY);
			assert_false(pubkey_same(key, key));
		}
		pubkey_free(key);
	}
}

static void id_covers_the_whole_object(void **state)
{
	(void)state;
	/* Computed with: printf '%s' CANONICAL | sha256sum */
	struct pubkey *key = parse(texts[0].text), *more = parse(texts[1].text);
	assert_string_equal(
	        pubkey_id(key), "74c181c7ad8a0855d4b55e44d2ba87aabdddb196832571f15f92fece332e4916");
	assert_string_not_equal(pubkey_id(key), pubkey_id(more));
	/* The advisory: one key under two ids is one key. */
	assert_true(pubkey_same(key, more));
	pubkey_free(key);
	pubkey_free(more);
}

static char *pem_of(EVP_PKEY *pkey)
{
	char *data;
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
	long n = BIO_get_mem_data(bio, &data);
	char *text = strndup(data, (size_t)n);
	BIO_free(bio);
	return text;
}

static struct pubkey *key_of(EVP_PKEY *pkey, const char *keytype, const char *scheme)
{
	char *pem = pem_of(pkey), *text = key_text(keytype, scheme, pem);
	struct pubkey *key = parse(text);
	free(pem);
	free(text);
	assert_non_null(key);
	return key;
}

static void spellings_of_one_curve_key_are_one_key(void **state)
{
	(void)state;
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	struct pubkey *a = key_of(pkey, "ecdsa", "ecdsa-sha2-nistp256");
	struct pubkey *alias = key_of(pkey, "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256");
	struct pubkey *b = key_of(other, "ecdsa", "ecdsa-sha2-nistp256");
	assert_int_equal(EVP_PKEY_set_utf8_string_param(
	                         pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"),
	        1);
	struct pubkey *compressed = key_of(pkey, "ecdsa", "ecdsa-sha2-nistp256");
	assert_string_not_equal(pubkey_id(a), pubkey_id(alias));
	assert_string_not_equal(pubkey_id(a), pubkey_id(compressed));
	assert_true(pubkey_same(a, alias));
	assert_true(pubkey_same(a, compressed));
	assert_false(pubkey_same(a, b));
	pubkey_free(a);
	pubkey_free(b);
	pubkey_free(alias);
	pubkey_free(compressed);
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(other);
}

static void other_curves_and_small_keys_are_unusable(void **state)
{
	(void)state;
	EVP_PKEY *p384 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	EVP_PKEY *rsa1024 = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	EVP_PKEY *rsa2048 = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	struct pubkey *key = key_of(p384, "ecdsa", "ecdsa-sha2-nistp256");
	assert_false(pubkey_usable(key));
	pubkey_free(key);
	key = key_of(rsa1024, "rsa", "rsassa-pss-sha256");
	assert_false(pubkey_usable(key));
	pubkey_free(key);
	key = key_of(rsa2048, "rsa", "rsassa-pss-sha256");
	assert_true(pubkey_usable(key));
	pubkey_free(key);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(rsa1024);
	EVP_PKEY_free(rsa2048);
}

static void der_has_no_tail(void **state)
{
	(void)state;
	struct signkey *key;
	struct buf sig = BUF_INIT(256);
	assert_int_equal(signkey_generate(SIGNKEY_ECDSA, &key, NULL), 0);
	assert_int_equal(signkey_sign(key, "abc", 3, &sig, NULL), 0);
	const struct pubkey *pub = signkey_pubkey(key);
	assert_int_equal(pubkey_verify(pub, "abc", 3, (unsigned char *)sig.data, sig.len), 0);
	buf_char(&sig, '\0');
	assert_int_equal(pubkey_verify(pub, "abc", 3, (unsigned char *)sig.data, sig.len), KE_SIGNATURE);
	/* The same behind the sequence's own length: an integer more inside it. */
	sig.len--;
	buf_bytes(&sig, "\x02\x01\x00", 3);
	sig.data[1] = (char)(sig.data[1] + 3);
	assert_int_equal(pubkey_verify(pub, "abc", 3, (unsigned char *)sig.data, sig.len), KE_SIGNATURE);
	/* A long-form length is BER, not DER. */
	sig.len -= 3;
	struct buf ber = BUF_INIT(256);
	buf_bytes(&ber, "\x30\x81", 2);
	buf_char(&ber, (char)(sig.data[1] - 3));
	buf_bytes(&ber, sig.data + 2, sig.len - 2);
	assert_int_equal(pubkey_verify(pub, "abc", 3, (unsigned char *)ber.data, ber.len), KE_SIGNATURE);
	assert_int_equal(pubkey_verify(pub, "abc", 3, (const unsigned char *)"", 0), KE_SIGNATURE);
	buf_free(&ber);
	buf_free(&sig);
	signkey_free(key);
}

/* An RSA signature with PADDING and SALT by PKEY over "abc". */
static void rsa_sign(EVP_PKEY *pkey, int padding, int salt, unsigned char *sig, size_t *len)
{
	EVP_PKEY_CTX *pctx;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestSignInit(ctx, &pctx, EVP_sha256(), NULL, pkey), 1);
	assert_true(EVP_PKEY_CTX_set_rsa_padding(pctx, padding) > 0);
	if (padding == RSA_PKCS1_PSS_PADDING)
		assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salt) > 0);
	assert_int_equal(EVP_DigestSign(ctx, sig, len, (const unsigned char *)"abc", 3), 1);
	EVP_MD_CTX_free(ctx);
}

static void rsa_is_pss_with_any_salt(void **state)
{
	(void)state;
	static const struct {
		int padding, salt, want;
	} rows[] = {
		{ RSA_PKCS1_PSS_PADDING, 32, KE_OK },
		{ RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_MAX, KE_OK },
		{ RSA_PKCS1_PADDING, 0, KE_SIGNATURE },
	};
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	struct pubkey *key = key_of(pkey, "rsa", "rsassa-pss-sha256");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		unsigned char sig[256];
		size_t len = sizeof sig;
		rsa_sign(pkey, rows[i].padding, rows[i].salt, sig, &len);
		assert_int_equal(pubkey_verify(key, "abc", 3, sig, len), rows[i].want);
		assert_int_equal(pubkey_verify(key, "abd", 3, sig, len), KE_SIGNATURE);
	}
	pubkey_free(key);
	EVP_PKEY_free(pkey);
}

static void pem_becomes_a_key_object(void **state)
{
	(void)state;
	struct fault f;
	struct cJSON *tree = NULL;
	EVP_PKEY *p384 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	char *pem = pem_of(p384);
	assert_int_equal(pubkey_from_pem(pem, strlen(pem), &tree, &f), KE_KEY);
	assert_non_null(strstr(f.what, "P-256"));
	assert_int_equal(pubkey_from_pem("x", 1, &tree, &f), KE_KEY);
	assert_null(tree);
	free(pem);
	EVP_PKEY_free(p384);
	static const char ed[] =
	        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
	        "-----END PUBLIC KEY-----\n";
	assert_int_equal(pubkey_from_pem(ed, sizeof ed - 1, &tree, NULL), 0);
	char id[KEYID_ROOM];
	assert_int_equal(canon_sha256_hex(tree, id), 0);
	assert_string_equal(id, "74c181c7ad8a0855d4b55e44d2ba87aabdddb196832571f15f92fece332e4916");
	cJSON_Delete(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_become_keys),
		cmocka_unit_test(id_covers_the_whole_object),
		cmocka_unit_test(spellings_of_one_curve_key_are_one_key),
		cmocka_unit_test(other_curves_and_small_keys_are_unusable),
		cmocka_unit_test(der_has_no_tail),
		cmocka_unit_test(rsa_is_pss_with_any_salt),
		cmocka_unit_test(pem_becomes_a_key_object),
	};
	/* As the keeper starts: all of this must work without what that leaves out. */
	if (pubkey_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
