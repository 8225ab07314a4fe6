/* issue.h — a certification authority and what it signs.
 *
 * A CA is a certificate, its key and its kind; it signs only what profile.h lets that kind sign. Time is an argument.
 * Serial numbers are 127 random bits. notBefore lies PROFILE_BACKDATE seconds before now, notAfter never after the
 * CA's own. Revocation lists do not exist: the server knows which certificates it has withdrawn, by fingerprint.
 */
#ifndef KEDGE_CERTS_ISSUE_H
#define KEDGE_CERTS_ISSUE_H

#include <stdint.h>

#include <openssl/types.h>

#include "certs/key.h"
#include "certs/profile.h"
#include "proto/err.h"

struct ca;

/* A new self-signed CA of KIND (one of the three *_CA) for FLEET with a new key of TYPE; LIFETIME in seconds, 0 for
 * the profile's. ca_free() it. */
int ca_make(enum profile_kind kind, const char *fleet, enum key_type type, int64_t now, int64_t lifetime,
        struct ca **ret, struct fault *f);
/* From files. The certificate must be a CA and belong to the key (KE_MISMATCH). If the file holds several, the first
 * is the CA. PASSPHRASE may be NULL. */
int ca_load(enum profile_kind kind, const char *cert_path, const char *key_path, const char *passphrase,
        struct ca **ret, struct fault *f);
/* To files: certificate 0644, key 0600, both synced. */
int ca_save(const struct ca *ca, const char *cert_path, const char *key_path, const char *passphrase,
        struct fault *f);
/* Its certificate; not the caller's to free. */
X509 *ca_cert(const struct ca *ca);
enum profile_kind ca_kind(const struct ca *ca);
void ca_free(struct ca *ca);

/* Whom and what to certify. */
struct issue {
	enum profile_kind kind;     /* PROFILE_SERVER, PROFILE_HOST, PROFILE_OPERATOR */
	const EVP_PKEY *key;        /* public key of the subject */
	struct identity id;         /* host, operator */
	struct profile_names names; /* server */
	int64_t now;
	int64_t lifetime; /* seconds; 0: the profile's */
};

/* Sign WHAT with CA. KE_FORBIDDEN when a CA of that kind may not; KE_EXPIRED when the CA itself is not valid now;
 * KE_KEY, KE_NAME, KE_RANGE. cert_free() *RET. */
int issue_cert(const struct ca *ca, const struct issue *what, X509 **ret, struct fault *f);

/* The lower half: a certificate word by word, signed without any judgement. issue_cert() and ca_make() are built on
 * it; beside them only the forest of deliberately bad certificates uses it. */
struct issue_raw {
	const char *common_name, *organization;
	const EVP_PKEY *key;
	int64_t not_before, not_after;
	const char *basic_constraints, *key_usage, *ext_key_usage; /* OpenSSL's notation; NULL: leave out */
	const char *alt_names; /* "URI:...", "DNS:a,IP:::1"; NULL: leave out */
};
/* ISSUER NULL: signed by SIGN_KEY itself. */
int issue_raw(const struct issue_raw *what, X509 *issuer, EVP_PKEY *sign_key, X509 **ret, struct fault *f);
/* The same, signed by CA. */
int issue_raw_by(const struct ca *ca, const struct issue_raw *what, X509 **ret, struct fault *f);

#endif
