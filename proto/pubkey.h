/* pubkey.h — a public key as TUF writes it, and the check of one signature.
 *
 *   {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": "64 hexadecimal digits"}}
 *   {"keytype": "ecdsa",   "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": "PEM, P-256"}}
 *   {"keytype": "rsa",     "scheme": "rsassa-pss-sha256",   "keyval": {"public": "PEM, 2048 bits or more"}}
 *
 * The old key type name ecdsa-sha2-nistp256 is read like ecdsa. A key of any other type, or one whose value is no good,
 * is kept as unusable: it has an id, and no signature ever verifies with it.
 */
#ifndef KEDGE_PROTO_PUBKEY_H
#define KEDGE_PROTO_PUBKEY_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/canon.h"
#include "proto/err.h"
#include "proto/reader.h"

struct pubkey;

/* For a process that does nothing with libcrypto but this and proto/signkey.h, before its first call: no configuration file
 * of the host is read, and no tables of ciphers, digests and error texts by name are built, 80 KiB of memory. Encrypted
 * private keys cannot be read afterwards. KE_NOMEM. */
int pubkey_init(void);

/* Read the key object AT. KE_SCHEMA when it is no object with keytype, scheme and keyval; KE_NOMEM; otherwise 0, and
 * the key may be unusable. pubkey_free() it. */
int pubkey_parse(const struct place *at, struct pubkey **ret, struct fault *f);
/* The same from JSON text; unusable keys are refused with KE_KEY. */
int pubkey_load(const char *text, size_t len, struct pubkey **ret, struct fault *f);
/* A key object (cJSON_Delete() it) from a PEM SPKI public key of the three kinds above. KE_KEY for any other. */
int pubkey_from_pem(const char *pem, size_t len, struct cJSON **ret, struct fault *f);
void pubkey_free(struct pubkey *key);

/* The id: hex SHA-256 of the canonical form of the whole key object, unknown members included. */
const char *pubkey_id(const struct pubkey *key);
bool pubkey_usable(const struct pubkey *key);
/* Why the key is unusable; "" when it is usable. */
const char *pubkey_reason(const struct pubkey *key);
/* Are A and B one key in two spellings? Compares the key itself, not its text: another id, an extra member, the alias
 * of a key type or a compressed curve point do not make a second key. Unusable keys equal nothing. Without memory for the
 * comparison the answer is yes, so that nobody is counted twice. */
bool pubkey_same(const struct pubkey *a, const struct pubkey *b);

/* Does SIG (SIG_LEN bytes, not hex) over DATA verify? 0, KE_SIGNATURE, KE_KEY when the key is unusable, or KE_NOMEM when
 * nobody knows. ed25519: 64 bytes; ecdsa: one DER SEQUENCE and nothing behind it; rsa: PSS with SHA-256, any salt
 * length. */
int pubkey_verify(
        const struct pubkey *key, const void *data, size_t len, const unsigned char *sig, size_t sig_len);

#endif
