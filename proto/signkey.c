/* signkey.c — private keys with libcrypto: generation, PKCS#8 files, signatures.
 *
 * The public half is computed once at birth, as the key object that goes into metadata and as the parsed key that
 * verifies, so that the publisher can check what it signed. Called by release.c, the CLI and tests; never by the
 * agent's verification. */
#include "proto/signkey.h"

#include <stdlib.h>
#include <string.h>

#include <cJSON.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "proto/tree.h"
#include "proto/wire.h"

#define RSA_BITS         3072
#define RSA_BITS_CEILING 16384
#define PSS_SALT_LEN     32
#define SAVE_ROUNDS      600000

struct signkey {
	EVP_PKEY *pkey;
	enum signkey_type type;
	struct cJSON *public;
	struct pubkey *pubkey;
};

static int crypto_fault(struct fault *f, const char *what)
{
	unsigned long err = ERR_get_error();
	const char *reason = err ? ERR_reason_error_string(err) : NULL;
	int rc = fault_set(f, KE_SYSTEM, NULL, NULL, "%s: %s", what, reason ? reason : "libcrypto failed");

	ERR_clear_error();
	return rc;
}

/* The text of PKEY's public half, then the key object and the parsed key. */
static int public_half(struct signkey *key, struct fault *f)
{
	char *data;
	int rc = KE_NOMEM;
	BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || PEM_write_bio_PUBKEY(bio, key->pkey) != 1) {
		BIO_free(bio);
		return crypto_fault(f, "public key");
	}
	long len = BIO_get_mem_data(bio, &data);
	rc = pubkey_from_pem(data, len > 0 ? (size_t)len : 0, &key->public, f);
	BIO_free(bio);
	if (rc)
		return rc;
	struct place at = place_root(key->public);
	return pubkey_parse(&at, &key->pubkey, f);
}

/* Takes PKEY over, also on failure. */
static int signkey_wrap(EVP_PKEY *pkey, struct signkey **ret, struct fault *f)
{
	struct signkey *key = calloc(1, sizeof *key);
	int rc;

	if (!key) {
		EVP_PKEY_free(pkey);
		return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
	}
	key->pkey = pkey;
	int id = EVP_PKEY_get_base_id(pkey);
	key->type = id == EVP_PKEY_ED25519 ? SIGNKEY_ED25519
	            : id == EVP_PKEY_EC    ? SIGNKEY_ECDSA
	                                   : SIGNKEY_RSA;
	rc = public_half(key, f);
	if (rc) {
		signkey_free(key);
		return rc;
	}
	*ret = key;
	return KE_OK;
}

int signkey_generate(enum signkey_type type, struct signkey **ret, struct fault *f)
{
	EVP_PKEY *pkey = type == SIGNKEY_ED25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
	                 : type == SIGNKEY_ECDSA ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
	                                         : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS);

	return pkey ? signkey_wrap(pkey, ret, f) : crypto_fault(f, "key generation");
}

int signkey_from_seed(const unsigned char seed[SIGNKEY_SEED_LEN], struct signkey **ret, struct fault *f)
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SIGNKEY_SEED_LEN);

	return pkey ? signkey_wrap(pkey, ret, f) : crypto_fault(f, "key from a secret");
}

struct asked {
	const char *passphrase;
	bool was_asked;
};

static int give_passphrase(char *buf, int size, int writing, void *ctx)
{
	struct asked *asked = ctx;

	(void)writing;
	asked->was_asked = true;
	size_t len = asked->passphrase ? strlen(asked->passphrase) : 0;
	if (!asked->passphrase || size < 0 || len > (size_t)size)
		return -1;
	memcpy(buf, asked->passphrase, len);
	return (int)len;
}

int signkey_load(const char *pem, size_t len, const char *passphrase, struct signkey **ret, struct fault *f)
{
	struct asked asked = { .passphrase = passphrase };

	if (len > SIGNKEY_PEM_MAX)
		return fault_set(
		        f, KE_TOOBIG, NULL, NULL, "a key file has at most %d bytes", SIGNKEY_PEM_MAX);
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &asked) : NULL;
	BIO_free(bio);
	ERR_clear_error();
	if (pkey)
		return signkey_wrap(pkey, ret, f);
	if (asked.was_asked && !passphrase)
		return fault_set(f, KE_KEY, NULL, "give the passphrase", "the key is encrypted");
	if (asked.was_asked)
		return fault_set(f, KE_KEY, NULL, "check the passphrase", "the key cannot be decrypted");
	return fault_set(f, KE_KEY, NULL, "give a PKCS#8 PEM file", "not a private key in PEM form");
}

static int write_encrypted(BIO *bio, PKCS8_PRIV_KEY_INFO *info, const char *passphrase)
{
	X509_SIG *sealed = PKCS8_encrypt(
	        -1, EVP_aes_256_cbc(), passphrase, (int)strlen(passphrase), NULL, 0, SAVE_ROUNDS, info);
	int ok = sealed && PEM_write_bio_PKCS8(bio, sealed) == 1;

	X509_SIG_free(sealed);
	return ok;
}

int signkey_save(const struct signkey *key, const char *passphrase, struct buf *out, struct fault *f)
{
	/* Secure memory where the process has it; either way the BIO's bytes are cleared when it is freed. */
	BIO *bio = BIO_new(BIO_s_secmem());
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key->pkey);
	char *data;
	int rc = KE_OK;

	int ok = bio && info &&
	         (passphrase ? write_encrypted(bio, info, passphrase)
	                     : PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, info) == 1);
	if (ok) {
		long n = BIO_get_mem_data(bio, &data);
		buf_bytes(out, data, n > 0 ? (size_t)n : 0);
		rc = out->rc ? fault_set(f, out->rc, NULL, NULL, "%s", err_text(out->rc)) : KE_OK;
	} else {
		rc = crypto_fault(f, "writing the key");
	}
	PKCS8_PRIV_KEY_INFO_free(info);
	BIO_free(bio);
	return rc;
}

void signkey_wipe(struct buf *b)
{
	if (b->data)
		OPENSSL_cleanse(b->data, b->room);
	buf_free(b);
}

void signkey_free(struct signkey *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	cJSON_Delete(key->public);
	pubkey_free(key->pubkey);
	free(key);
}

static int sign_setup(const struct signkey *key, EVP_MD_CTX *ctx)
{
	EVP_PKEY_CTX *pctx;
	const EVP_MD *md = key->type == SIGNKEY_ED25519 ? NULL : EVP_sha256();

	if (EVP_DigestSignInit(ctx, &pctx, md, NULL, key->pkey) != 1)
		return 0;
	return key->type != SIGNKEY_RSA || (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0 &&
	                                           EVP_PKEY_CTX_set_rsa_mgf1_md(pctx, EVP_sha256()) > 0 &&
	                                           EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, PSS_SALT_LEN) > 0);
}

int signkey_sign(const struct signkey *key, const void *data, size_t len, struct buf *out, struct fault *f)
{
	unsigned char sig[RSA_BITS_CEILING / 8];
	size_t sig_len = sizeof sig;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int rc = KE_OK;

	if (ctx && sign_setup(key, ctx) && EVP_DigestSign(ctx, sig, &sig_len, data, len) == 1) {
		buf_bytes(out, sig, sig_len);
		rc = out->rc ? fault_set(f, out->rc, NULL, NULL, "%s", err_text(out->rc)) : KE_OK;
	} else {
		rc = crypto_fault(f, "signing");
	}
	EVP_MD_CTX_free(ctx);
	return rc;
}

enum signkey_type signkey_kind(const struct signkey *key)
{
	return key->type;
}

const char *signkey_id(const struct signkey *key)
{
	return pubkey_id(key->pubkey);
}

const struct pubkey *signkey_pubkey(const struct signkey *key)
{
	return key->pubkey;
}

const struct cJSON *signkey_public(const struct signkey *key)
{
	return key->public;
}

int signkey_public_text(const struct signkey *key, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out, 0);

	tree_write(&w, NULL, key->public);
	return out->rc;
}
