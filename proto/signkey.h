/* signkey.h — a private key that signs TUF metadata: made, kept as PKCS#8 PEM, used.
 *
 * Signing keys live with the operators, encrypted with a passphrase. ed25519 is the default: small, fast, and one
 * message has one signature.
 */
#ifndef KEDGE_PROTO_SIGNKEY_H
#define KEDGE_PROTO_SIGNKEY_H

#include <stddef.h>

#include "proto/buf.h"
#include "proto/err.h"
#include "proto/pubkey.h"

struct signkey;

enum signkey_type { SIGNKEY_ED25519, SIGNKEY_ECDSA, SIGNKEY_RSA };

#define SIGNKEY_SEED_LEN 32
#define SIGNKEY_PEM_MAX  16384 /* bytes of a private key file */

/* A new random key: ed25519, ECDSA on P-256, or RSA of 3072 bits. signkey_free() it. KE_SYSTEM when libcrypto fails. */
int signkey_generate(enum signkey_type type, struct signkey **ret, struct fault *f);
/* The ed25519 key of a 32-byte secret. The same secret gives the same key. */
int signkey_from_seed(const unsigned char seed[SIGNKEY_SEED_LEN], struct signkey **ret, struct fault *f);
/* Read a PEM private key (PKCS#8, encrypted or not). PASSPHRASE may be NULL; nothing is ever asked for. KE_KEY: not a
 * key of the three kinds, encrypted and no passphrase given, or a wrong passphrase; the fault says which. */
int signkey_load(const char *pem, size_t len, const char *passphrase, struct signkey **ret, struct fault *f);
/* Append KEY to OUT as PKCS#8 PEM; with a PASSPHRASE encrypted (PBKDF2 of 600,000 rounds, AES-256), with NULL plain.
 * OUT holds secret bytes then: signkey_wipe() it. */
int signkey_save(const struct signkey *key, const char *passphrase, struct buf *out, struct fault *f);
/* Overwrite the secret bytes in B, then free them. */
void signkey_wipe(struct buf *b);
void signkey_free(struct signkey *key);

/* Append the signature of DATA, raw bytes, to OUT. KE_SYSTEM when libcrypto fails. */
int signkey_sign(const struct signkey *key, const void *data, size_t len, struct buf *out, struct fault *f);
enum signkey_type signkey_kind(const struct signkey *key);
/* The id of the public key. */
const char *signkey_id(const struct signkey *key);
/* The public key; lives as long as KEY. */
const struct pubkey *signkey_pubkey(const struct signkey *key);
/* The public key as a TUF key object; lives as long as KEY. */
const struct cJSON *signkey_public(const struct signkey *key);
/* Append that object as JSON text, which pubkey_load() reads, to OUT. */
int signkey_public_text(const struct signkey *key, struct buf *out);

#endif
