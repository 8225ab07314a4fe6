/* pubkey.c — TUF key objects and the verification of one signature, with libcrypto.
 *
 * Which algorithm runs is decided by the pair (keytype, scheme) and then checked against the key that the text really
 * holds, so that an RSA key under the name ecdsa, or a key on another curve, is unusable. Called by the role parsers;
 * thresholds are counted in envelope.c. */
#include "proto/pubkey.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "proto/codec.h"
#include "proto/digest.h"
#include "proto/strict.h"
#include "proto/wire.h"

#define ED25519_PUBLIC_LEN 32
#define RSA_BITS_MIN       2048
#define RSA_BITS_MAX       16384

enum scheme { SCHEME_NONE, SCHEME_ED25519, SCHEME_ECDSA, SCHEME_RSA_PSS };

struct pubkey {
	char id[KEYID_ROOM];
	enum scheme scheme;
	EVP_PKEY *pkey; /* NULL: unusable */
	const char *reason;
};

static const struct {
	const char *keytype, *scheme;
	enum scheme value;
} schemes[] = {
	{ "ed25519", "ed25519", SCHEME_ED25519 },
	{ "ecdsa", "ecdsa-sha2-nistp256", SCHEME_ECDSA },
	{ "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", SCHEME_ECDSA },
	{ "rsa", "rsassa-pss-sha256", SCHEME_RSA_PSS },
};

int pubkey_init(void)
{
	const uint64_t lean = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ADD_ALL_CIPHERS |
	                      OPENSSL_INIT_NO_ADD_ALL_DIGESTS | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS;

	return OPENSSL_init_crypto(lean, NULL) == 1 ? KE_OK : KE_NOMEM;
}

static enum scheme scheme_find(const char *keytype, const char *scheme)
{
	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
		if (strcmp(schemes[i].keytype, keytype) == 0 && strcmp(schemes[i].scheme, scheme) == 0)
			return schemes[i].value;
	return SCHEME_NONE;
}

/* A PEM text asks for no passphrase, ever: without this libcrypto would ask the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
	(void)buf, (void)size, (void)writing, (void)ctx;
	return -1;
}

/* Did libcrypto run out of memory since the error queue was empty? Empties it. Then its answers say nothing about the
 * key or the signature. */
static bool crypto_nomem(void)
{
	bool nomem = false;

	for (unsigned long e; (e = ERR_get_error());)
		nomem |= ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE;
	return nomem;
}

static EVP_PKEY *pem_read(const char *text, size_t len)
{
	if (len > TUF_KEY_TEXT_MAX)
		return NULL;
	BIO *bio = BIO_new_mem_buf(text, (int)len);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL) : NULL;
	BIO_free(bio);
	return pkey;
}

static bool is_p256(const EVP_PKEY *pkey)
{
	char group[64];
	size_t len;

	return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC &&
	       EVP_PKEY_get_group_name(pkey, group, sizeof group, &len) == 1 &&
	       strcmp(group, "prime256v1") == 0;
}

static const char *pem_problem(enum scheme scheme, const EVP_PKEY *pkey)
{
	if (!pkey)
		return "not a PEM public key";
	if (scheme == SCHEME_ECDSA)
		return is_p256(pkey) ? "" : "not an elliptic curve key on P-256";
	if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA)
		return "not an RSA key";
	int bits = EVP_PKEY_get_bits(pkey);
	return bits < RSA_BITS_MIN || bits > RSA_BITS_MAX ? "RSA keys must have 2048 to 16384 bits" : "";
}

static int ed25519_decode(struct pubkey *key, const char *text)
{
	unsigned char raw[ED25519_PUBLIC_LEN];

	key->reason = "public must be 64 hexadecimal digits";
	if (!hex_decode(text, strlen(text), raw, sizeof raw))
		return KE_OK;
	key->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw, sizeof raw);
	ERR_clear_error();
	key->reason = "";
	/* Any 32 bytes will do at this stage, so that nothing but memory can be the trouble. */
	return key->pkey ? KE_OK : KE_NOMEM;
}

/* Fills key->pkey, or key->reason. KE_NOMEM: neither is known. */
static int key_decode(struct pubkey *key, const char *text)
{
	if (key->scheme == SCHEME_NONE) {
		key->reason = "key type or scheme is not known";
		return KE_OK;
	}
	if (key->scheme == SCHEME_ED25519)
		return ed25519_decode(key, text);
	ERR_clear_error();
	key->pkey = pem_read(text, strlen(text));
	key->reason = pem_problem(key->scheme, key->pkey);
	bool nomem = crypto_nomem();
	if (!key->reason[0])
		return KE_OK;
	EVP_PKEY_free(key->pkey);
	key->pkey = NULL;
	return nomem ? KE_NOMEM : KE_OK;
}

/* canon_sha256_hex(), but faster. */
static int key_id(const struct cJSON *tree, char id[KEYID_ROOM])
{
	struct buf text = BUF_INIT(TUF_META_MAX);
	unsigned char digest[SHA256_LEN];
	int rc = canon_write(tree, &text);

	if (!rc)
		rc = digest_sha256(buf_text(&text), text.len, digest);
	if (!rc)
		hex_encode(digest, sizeof digest, id);
	buf_free(&text);
	return rc;
}

int pubkey_parse(const struct place *at, struct pubkey **ret, struct fault *f)
{
	const char *keytype, *scheme, *text;
	struct place keyval, public;
	struct pubkey *key = NULL;
	int rc;

	if ((rc = read_string(at, "keytype", 1, 256, &keytype, f)) ||
	        (rc = read_string(at, "scheme", 1, 256, &scheme, f)) ||
	        (rc = read_object(at, "keyval", &keyval, f)))
		return rc;
	key = calloc(1, sizeof *key);
	if (!key)
		return place_fault(at, f, KE_NOMEM, NULL, "out of memory");
	rc = key_id(at->node, key->id);
	if (rc) {
		free(key);
		return place_fault(at, f, rc, NULL, "the key has no canonical form");
	}
	key->scheme = scheme_find(keytype, scheme);
	key->reason = "keyval has no public text";
	if (!read_any(&keyval, "public", &public, NULL) &&
	        !place_string(&public, 1, TUF_KEY_TEXT_MAX, &text, NULL) && key_decode(key, text)) {
		pubkey_free(key);
		return place_fault(at, f, KE_NOMEM, NULL, "out of memory");
	}
	*ret = key;
	return KE_OK;
}

int pubkey_load(const char *text, size_t len, struct pubkey **ret, struct fault *f)
{
	const struct strict_limits limits = { .max_bytes = 65536, .max_nodes = 256, .max_depth = 8 };
	struct cJSON *tree;
	struct pubkey *key;
	int rc = strict_parse(text, len, &limits, &tree, f);

	if (rc)
		return rc;
	struct place root = place_root(tree);
	rc = pubkey_parse(&root, &key, f);
	cJSON_Delete(tree);
	if (rc)
		return rc;
	if (!key->pkey) {
		rc = fault_set(f, KE_KEY, NULL, "use ed25519, ecdsa on P-256, or rsa of 2048 bits or more",
		        "%s", key->reason);
		pubkey_free(key);
		return rc;
	}
	*ret = key;
	return KE_OK;
}

void pubkey_free(struct pubkey *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

const char *pubkey_id(const struct pubkey *key)
{
	return key->id;
}

bool pubkey_usable(const struct pubkey *key)
{
	return key->pkey != NULL;
}

const char *pubkey_reason(const struct pubkey *key)
{
	return key->reason;
}

bool pubkey_same(const struct pubkey *a, const struct pubkey *b)
{
	if (!a->pkey || !b->pkey)
		return false;
	ERR_clear_error();
	/* A comparison that had no memory says that they differ; counting one key twice is the worse mistake. */
	return EVP_PKEY_eq(a->pkey, b->pkey) == 1 || crypto_nomem();
}

static bool verify_setup(const struct pubkey *key, EVP_MD_CTX *ctx)
{
	EVP_PKEY_CTX *pctx;
	const EVP_MD *md = key->scheme == SCHEME_ED25519 ? NULL : EVP_sha256();

	if (EVP_DigestVerifyInit(ctx, &pctx, md, NULL, key->pkey) != 1)
		return false;
	if (key->scheme != SCHEME_RSA_PSS)
		return true;
	/* Signers use a salt of 32 bytes, older ones the longest that fits: let the signature say. */
	return EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(pctx, EVP_sha256()) > 0 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_AUTO) > 0;
}

int pubkey_verify(
        const struct pubkey *key, const void *data, size_t len, const unsigned char *sig, size_t sig_len)
{
	if (!key->pkey)
		return KE_KEY;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (!ctx)
		return KE_NOMEM;
	ERR_clear_error();
	/* For ECDSA libcrypto encodes what it decoded and compares, so trailing bytes and BER do not pass. */
	bool ready = verify_setup(key, ctx);
	bool holds = ready && EVP_DigestVerify(ctx, sig, sig_len, data, len) == 1;
	/* The set-up looks at no signature and at no number of the key: only memory can be missing. */
	bool nomem = crypto_nomem() || !ready;
	EVP_MD_CTX_free(ctx);
	return holds ? KE_OK : nomem ? KE_NOMEM : KE_SIGNATURE;
}

/* The key object with members in the order in which people read them. */
static struct cJSON *key_object(const char *keytype, const char *scheme, const char *text)
{
	cJSON *tree = cJSON_CreateObject(), *keyval = NULL;

	if (!tree || !cJSON_AddStringToObject(tree, "keytype", keytype) ||
	        !cJSON_AddStringToObject(tree, "scheme", scheme) ||
	        !(keyval = cJSON_AddObjectToObject(tree, "keyval")) ||
	        !cJSON_AddStringToObject(keyval, "public", text)) {
		cJSON_Delete(tree);
		return NULL;
	}
	return tree;
}

static struct cJSON *ed25519_object(const EVP_PKEY *pkey)
{
	unsigned char raw[ED25519_PUBLIC_LEN];
	char hex[2 * ED25519_PUBLIC_LEN + 1];
	size_t len = sizeof raw;

	if (EVP_PKEY_get_raw_public_key(pkey, raw, &len) != 1 || len != sizeof raw)
		return NULL;
	return key_object("ed25519", "ed25519", hex_encode(raw, sizeof raw, hex));
}

/* PKEY written again as PEM, so that a text with comments or odd line lengths gets the usual form. */
static struct cJSON *pem_object(const char *keytype, const char *scheme, const EVP_PKEY *pkey)
{
	struct buf text = BUF_INIT(TUF_KEY_TEXT_MAX);
	struct cJSON *tree = NULL;
	char *data;
	BIO *bio = BIO_new(BIO_s_mem());

	if (bio && PEM_write_bio_PUBKEY(bio, pkey) == 1) {
		long n = BIO_get_mem_data(bio, &data);
		buf_bytes(&text, data, n > 0 ? (size_t)n : 0);
		if (!text.rc)
			tree = key_object(keytype, scheme, buf_text(&text));
	}
	BIO_free(bio);
	buf_free(&text);
	return tree;
}

int pubkey_from_pem(const char *pem, size_t len, struct cJSON **ret, struct fault *f)
{
	EVP_PKEY *pkey = pem_read(pem, len);
	struct cJSON *tree = NULL;
	const char *problem = "neither ed25519, nor P-256, nor RSA";

	if (!pkey) {
		problem = "not a PEM public key";
	} else if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519) {
		tree = ed25519_object(pkey);
	} else if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC) {
		problem = pem_problem(SCHEME_ECDSA, pkey);
		if (!problem[0])
			tree = pem_object("ecdsa", "ecdsa-sha2-nistp256", pkey);
	} else if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA) {
		problem = pem_problem(SCHEME_RSA_PSS, pkey);
		if (!problem[0])
			tree = pem_object("rsa", "rsassa-pss-sha256", pkey);
	}
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	if (!tree)
		return fault_set(f, KE_KEY, NULL, "use ed25519, ecdsa on P-256, or rsa of 2048 bits or more",
		        "%s", problem[0] ? problem : "out of memory");
	*ret = tree;
	return KE_OK;
}
