/* tls_state.h — what a context of ours carries with it. For tls.c, tls_server.c and tls_client.c only. */
#ifndef KEDGE_CERTS_TLS_STATE_H
#define KEDGE_CERTS_TLS_STATE_H

#include "certs/tls.h"

struct tls_state {
	const struct clock *clock;
	struct anchors *anchors;   /* server: owned */
	struct stack_st_X509 *cas; /* client: owned; NULL with a pin */
	bool pinned;
	unsigned char pin[SHA256_LEN];
	char server_name[256];
	struct verdict *verdict; /* client: the caller's, may be NULL */
};

/* Hang STATE on CTX, which frees it at its own end. On failure STATE stays the caller's. */
int tls_state_attach(SSL_CTX *ctx, struct tls_state *state);
/* The state of CTX; NULL for a context that is not ours. */
struct tls_state *tls_state_of(const SSL_CTX *ctx);
void tls_state_free(struct tls_state *state);

/* What both sides have in common: TLS 1.3, groups, security level, no early data. */
int tls_basics(SSL_CTX *ctx, struct fault *f);
/* Load certificate (chain) and key into CTX, which must fit each other, be of KIND (unless PROFILE_COUNT) and valid at
 * NOW. */
int tls_own_cert(SSL_CTX *ctx, const char *cert_path, const char *key_path, const char *passphrase,
        enum profile_kind kind, int64_t now, struct fault *f);
/* OpenSSL's code that stands for REASON in an SSL's verify result, and back. */
int tls_error_of(enum verify_reason reason);
enum verify_reason tls_reason_of(long error);

#endif
