/* key.h — key pairs for TLS: made, judged, kept in files.
 *
 * Accepted are EC P-256 and P-384 as named curves, Ed25519, and RSA of 2048 to 8192 bits; everything else (P-192,
 * RSA-1024, explicit curve parameters, DSA) is refused with the reason. A private key file is PKCS#8 PEM, readable by
 * its owner only, encrypted when a passphrase is given.
 */
#ifndef KEDGE_CERTS_KEY_H
#define KEDGE_CERTS_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

#include "proto/codec.h"
#include "proto/err.h"

#define KEY_FILE_MAX 16384

enum key_type { KEY_P256, KEY_P384, KEY_ED25519, KEY_RSA2048 };

/* A new key pair; key_free() it. */
int key_make(enum key_type type, EVP_PKEY **ret, struct fault *f);
void key_free(EVP_PKEY *key);
/* Is KEY (public part suffices) of an accepted type and size? KE_KEY with the reason. */
int key_check(const EVP_PKEY *key, struct fault *f);
/* Have A and B the same public key? */
bool key_same(const EVP_PKEY *a, const EVP_PKEY *b);
/* SHA-256 of the DER SubjectPublicKeyInfo: what a pin holds. KE_KEY when it cannot be encoded. */
int key_spki(const EVP_PKEY *key, unsigned char digest[SHA256_LEN]);

/* Replace PATH by the private KEY with mode 0600, synced. PASSPHRASE NULL: not encrypted. */
int key_save(const char *path, EVP_PKEY *key, const char *passphrase, struct fault *f);
/* Read PATH. KE_ACCES when anybody but its owner may read or write it, or when it belongs to neither this user nor
 * root; KE_KEY when it holds no accepted private key, or PASSPHRASE is missing or wrong. Nobody is ever prompted. */
int key_load(const char *path, const char *passphrase, EVP_PKEY **ret, struct fault *f);

#endif
