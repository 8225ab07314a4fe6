/* Keys and signatures. An input that begins with 0, 1 or 2 is a signature by one of three fixed keys; with a dash, a PEM
 * text; anything else a key object, and behind the first NUL byte a signature by it. No crash, and what verifies with a
 * fixed key does so over the signed text and over no other.
 *
 * libcrypto takes a millisecond for a PEM text and a tenth of that for a signature, and is not what is tested here. Under
 * libFuzzer it is asked about the fixed keys once, and about one PEM text and one signature of REAL_ONE_IN; it is as if
 * it refused the others. Which ones depends on the bytes alone. A replay of the corpus asks it about everything. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>
#include <openssl/bio.h>
#include <openssl/evp.h>

#include "proto/pubkey.h"
#include "proto/strict.h"

#ifdef KEDGE_FUZZ
#define REAL_ONE_IN 16
#else
#define REAL_ONE_IN 1
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ed25519, P-256, RSA of 2048 bits. Their private halves signed "data" for the corpus and are gone. */
static const char *const fixed_text[] = {
	"{\"keytype\": \"ed25519\", \"scheme\": \"ed25519\", \"keyval\": {\"public\": \"ba757cb1471e82ee9"
	"75e874dbce316f7d017d3dec4ed6a361888c15a366512a0\"}}",
	"{\"keytype\": \"ecdsa\", \"scheme\": \"ecdsa-sha2-nistp256\", \"keyval\": {\"public\": \"-----BE"
	"GIN PUBLIC KEY-----\\n"
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEi+tTbsIQSdejH8DpKh4AKIhy4Wjv\\n"
	"rgEHBiYxZlM3q1MwWV0rcHtcsG6JJjfLz7xsfH9ZauN3g6CYHOutTJxZbw==\\n"
	"-----END PUBLIC KEY-----\\n"
	"\"}}",
	"{\"keytype\": \"rsa\", \"scheme\": \"rsassa-pss-sha256\", \"keyval\": {\"public\": \"-----BEGIN "
	"PUBLIC KEY-----\\n"
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAs04MePHajajAAWfhQIwy\\n"
	"/azc0jUa+79r2RW54a7c+Iro/RKl8fZXQlW63V1a74KC1s8oQN9Jkl40kQO5hP2C\\n"
	"gCppA3PdYp8E/SVMxxhu+9MG4U4MOTPUI3zM8pokiJ2UcsQxQA0g/b9sXCKKCxjG\\n"
	"z3R8vBxTR5ae+9O+Js6WcmbSEQcZGSaJuPrMpkJT8Kze+mKr3BtQc2UIj0hEytEk\\n"
	"jM6e3/HorhIUqOQYc18wwID5uqono2s8iJ/OgsFX4FHGOskX5ayb/rxr7pqjslhG\\n"
	"XlXKDBdRMqkTcIMoLIWJfAVD8HGYk9y6FUt1xuiVcefhRbPszNY5oq66md0FtO+Y\\n"
	"cQIDAQAB\\n"
	"-----END PUBLIC KEY-----\\n"
	"\"}}",
};

static struct {
	char *text; /* the PEM text of a fixed key */
	size_t len;
	EVP_PKEY *pkey;
} known[3];
static size_t n_known;
static bool learning, asking; /* keep the next key; ask libcrypto whatever the bytes are */

static bool is_real(const void *data, size_t len)
{
	uint32_t hash = 2166136261U; /* FNV-1a */

	for (const unsigned char *p = data; len; p++, len--)
		hash = (hash ^ *p) * 16777619U;
	return (hash ^ hash >> 16) % REAL_ONE_IN == 0;
}

EVP_PKEY *__real_PEM_read_bio_PUBKEY(BIO *bio, EVP_PKEY **ret, pem_password_cb *ask, void *ctx);
EVP_PKEY *__wrap_PEM_read_bio_PUBKEY(BIO *bio, EVP_PKEY **ret, pem_password_cb *ask, void *ctx);
int __real_EVP_DigestVerify(
        EVP_MD_CTX *ctx, const unsigned char *sig, size_t sig_len, const unsigned char *data, size_t len);
int __wrap_EVP_DigestVerify(
        EVP_MD_CTX *ctx, const unsigned char *sig, size_t sig_len, const unsigned char *data, size_t len);

EVP_PKEY *__wrap_PEM_read_bio_PUBKEY(BIO *bio, EVP_PKEY **ret, pem_password_cb *ask, void *ctx)
{
	char *text;
	size_t len = (size_t)BIO_get_mem_data(bio, &text);

	for (size_t i = 0; i < n_known; i++)
		if (known[i].len == len && memcmp(known[i].text, text, len) == 0)
			return EVP_PKEY_up_ref(known[i].pkey) == 1 ? known[i].pkey : NULL;
	if (!learning)
		return asking || is_real(text, len) ? __real_PEM_read_bio_PUBKEY(bio, ret, ask, ctx) : NULL;
	known[n_known].text = malloc(len);
	known[n_known].len = len;
	if (!known[n_known].text)
		abort();
	memcpy(known[n_known].text, text, len);
	known[n_known].pkey = __real_PEM_read_bio_PUBKEY(bio, ret, ask, ctx);
	if (!known[n_known].pkey || EVP_PKEY_up_ref(known[n_known].pkey) != 1)
		abort();
	return known[n_known++].pkey;
}

int __wrap_EVP_DigestVerify(
        EVP_MD_CTX *ctx, const unsigned char *sig, size_t sig_len, const unsigned char *data, size_t len)
{
	return is_real(sig, sig_len) ? __real_EVP_DigestVerify(ctx, sig, sig_len, data, len) : 0;
}

static const struct pubkey *fixed_key(size_t i)
{
	static struct pubkey *keys[3];

	learning = true;
	if (!keys[i] && pubkey_load(fixed_text[i], strlen(fixed_text[i]), &keys[i], NULL))
		abort();
	learning = false;
	return keys[i];
}

static void signature_by_fixed(const struct pubkey *key, const uint8_t *sig, size_t len)
{
	if (pubkey_verify(key, "data", 4, sig, len) == 0 &&
	        (pubkey_verify(key, "date", 4, sig, len) != KE_SIGNATURE ||
	                pubkey_verify(key, "data", 3, sig, len) != KE_SIGNATURE))
		abort();
}

/* A PEM text that is taken makes a key object that is taken. */
static void pem(const char *text, size_t len)
{
	struct cJSON *tree;
	struct pubkey *key;

	if (pubkey_from_pem(text, len, &tree, NULL))
		return;
	struct place at = place_root(tree);
	asking = true;
	if (pubkey_parse(&at, &key, NULL) || !pubkey_usable(key))
		abort();
	asking = false;
	pubkey_free(key);
	cJSON_Delete(tree);
}

static void object(const char *text, size_t len, const uint8_t *sig, size_t sig_len)
{
	struct cJSON *tree;
	struct pubkey *key;

	if (strict_parse(text, len, &strict_limits_default, &tree, NULL))
		return;
	struct place at = place_root(tree);
	if (pubkey_parse(&at, &key, NULL) == 0) {
		bool usable = pubkey_usable(key);
		int rc = pubkey_verify(key, "data", 4, sig, sig_len);
		if (usable != (pubkey_reason(key)[0] == '\0') || usable != pubkey_same(key, key) ||
		        (usable ? rc != KE_OK && rc != KE_SIGNATURE : rc != KE_KEY))
			abort();
		for (size_t i = 0; i < 3; i++)
			if (pubkey_same(key, fixed_key(i)) != pubkey_same(fixed_key(i), key))
				abort();
		pubkey_free(key);
	}
	cJSON_Delete(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < 3; i++)
		fixed_key(i);
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t len = nul ? (size_t)(nul - data) : size;

	if (size && data[0] >= '0' && data[0] <= '2')
		signature_by_fixed(fixed_key(data[0] - '0'), data + 1, size - 1);
	else if (size && data[0] == '-')
		pem((const char *)data, size);
	else
		object((const char *)data, len, nul ? nul + 1 : data, nul ? size - len - 1 : size);
	return 0;
}
