/* verify.h — is this peer's certificate good, and if not, why?
 *
 * One judgement for both sides. OpenSSL builds and checks the chain; what it finds is told in a dozen reasons of our
 * own, each with its text and a hint, so that "wrong host" never reads like "expired". A server then asks who the
 * peer is: a host's URI counts only under the host CA, an operator's only under the operator CA.
 */
#ifndef KEDGE_CERTS_VERIFY_H
#define KEDGE_CERTS_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

#include "certs/cert.h"
#include "certs/hostid.h"
#include "certs/profile.h"
#include "proto/codec.h"
#include "proto/err.h"

enum verify_reason {
	VERIFY_OK,
	VERIFY_WRONG_HOST,    /* no name of the certificate is the name that was asked for */
	VERIFY_EXPIRED,       /* it or a CA above it */
	VERIFY_NOT_YET_VALID, /* it or a CA above it: often a wrong clock */
	VERIFY_OTHER_CA,      /* issued by a CA that is not trusted here */
	VERIFY_SELF_SIGNED,   /* issued by itself */
	VERIFY_WRONG_PURPOSE, /* extended key usage says something else, or nothing */
	VERIFY_WRONG_PIN,     /* no CA of the chain has the key that the token names */
	VERIFY_NO_IDENTITY,   /* no kedge name in it, or more names than one */
	VERIFY_WRONG_ISSUER,  /* a host's name from the operator CA, or the other way round */
	VERIFY_WEAK,          /* key or signature below what is accepted, explicit curve parameters */
	VERIFY_TOO_DEEP,      /* more intermediate certificates than allowed */
	VERIFY_BROKEN,        /* anything else: bad signature, nonsense in an extension */
	VERIFY_REASON_COUNT,
};

/* "certificate has expired"; never NULL. */
const char *verify_text(enum verify_reason reason);
/* "expired": stable, for JSON and metrics. */
const char *verify_name(enum verify_reason reason);

/* A judgement with what a person wants to see of the certificate that failed. */
struct verdict {
	enum verify_reason reason;
	unsigned depth;               /* 0 the peer's own, 1 its issuer, ... */
	char subject[CERT_NAME_ROOM]; /* of the certificate at that depth */
	int64_t not_before, not_after;
	int64_t now;     /* the time that was used */
	char detail[96]; /* OpenSSL's words, or ours; may be "" */
};
/* Put VERDICT into F: KE_EXPIRED, KE_CLOCK (not yet valid), KE_MISMATCH (host, pin), else KE_UNTRUSTED; 0 when it is
 * VERIFY_OK. */
int verdict_fault(const struct verdict *v, struct fault *f);

/* Who may call: one CA or several (old and new, while one is replaced) of each kind. Opaque, immutable, counted. */
struct anchors;
/* From PEM files; either may be NULL. Every certificate must be a CA (PROFILE_HOST_CA's rules), none may stand in both
 * files, nor its key (KE_DUPLICATE). anchors_free() it. */
int anchors_load(
        const char *host_ca_path, const char *operator_ca_path, struct anchors **ret, struct fault *f);
/* The same from lists (copied by reference); either may be NULL. */
int anchors_make(const struct stack_st_X509 *host_cas, const struct stack_st_X509 *operator_cas,
        struct anchors **ret, struct fault *f);
void anchors_free(struct anchors *t);
/* All CAs, hosts' first: for client_CA_list and EST. Not the caller's. */
const struct stack_st_X509 *anchors_cas(const struct anchors *t);

/* Who the peer is. */
struct peer_identity {
	struct identity id;                    /* kind IDENTITY_NONE: it showed no certificate */
	unsigned char fingerprint[SHA256_LEN]; /* of its certificate */
	unsigned char ca[SHA256_LEN];          /* fingerprint of the CA that vouches for it */
	unsigned char spki[SHA256_LEN];        /* of its key */
	int64_t not_before, not_after;
};

/* Judge the client certificate LEAF, which must come straight from a CA of T, at NOW. All is checked again each time:
 * a resumed TLS session has not been. 0 and *RET; else KE_UNTRUSTED and the like, with the reason in *VERDICT (may be
 * NULL). RET may be NULL. */
int anchors_identify(const struct anchors *t, X509 *leaf, int64_t now, struct peer_identity *ret,
        struct verdict *verdict, struct fault *f);

/* What a client asks of a server. */
struct verify_server {
	struct stack_st_X509 *cas; /* trusted CAs, or NULL with PIN */
	const unsigned char
	        *pin;     /* SHA256_LEN bytes: trust the CA of CHAIN that has this key; NULL: use CAS */
	const char *name; /* DNS name or numeric address */
	int64_t now;
};
/* Judge LEAF, sent with CHAIN (may be NULL). *RET is always filled; returns what verdict_fault() would. */
int verify_server_cert(
        X509 *leaf, struct stack_st_X509 *chain, const struct verify_server *want, struct verdict *ret);

#endif
