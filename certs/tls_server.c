/* tls_server.c — the server's side: one context that asks for a client certificate, takes none, and refuses a bad one in
 * the handshake. A resumed session has had no such check, so the identity is always asked of the certificate itself,
 * against the CAs of the context in force. Called by the server's listener. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "certs/cert.h"
#include "certs/ossl.h"
#include "certs/tls_state.h"

/* A client sends its certificate and perhaps its CA: nobody needs more, and somebody may try (the default is 100 KB). */
#define CLIENT_CHAIN_MAX 16384
#define TICKET_KEYS_LEN  80 /* OpenSSL 3: name, HMAC and AES key of stateless tickets */

/* Tell OpenSSL the chain that was found, so that SSL_get0_verified_chain() has it: leaf, then the CA that vouches. */
static bool chain_tell(X509_STORE_CTX *ctx, const struct anchors *anchors, const struct peer_identity *id)
{
	const STACK_OF(X509) *cas = anchors_cas(anchors);
	unsigned char digest[SHA256_LEN];
	STACK_OF(X509) *chain = NULL;

	for (int i = 0; i < sk_X509_num(cas) && !chain; i++) {
		X509 *ca = sk_X509_value(cas, i);
		if (cert_fingerprint(ca, digest) || memcmp(digest, id->ca, sizeof digest) != 0)
			continue;
		if (cert_list_of(X509_STORE_CTX_get0_cert(ctx), ca, &chain))
			return false;
	}
	if (chain)
		X509_STORE_CTX_set0_verified_chain(ctx, chain);
	return chain != NULL;
}

/* In the handshake, instead of OpenSSL's own check. */
static int client_verify(X509_STORE_CTX *ctx, void *arg)
{
	const struct tls_state *state = arg;
	struct peer_identity id;
	struct verdict v;

	if (!anchors_identify(
	            state->anchors, X509_STORE_CTX_get0_cert(ctx), clock_wall(state->clock), &id, &v, NULL) &&
	        !chain_tell(ctx, state->anchors, &id))
		v.reason = VERIFY_BROKEN;
	X509_STORE_CTX_set_error(ctx, tls_error_of(v.reason));
	X509_STORE_CTX_set_error_depth(ctx, (int)v.depth);
	return v.reason == VERIFY_OK;
}

/* HTTP/1.1 for those who offer it; who offers only others goes on without ALPN and is told by the codec. */
static int alpn_select(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
        unsigned in_len, void *arg)
{
	static const char http[] = "http/1.1";

	(void)ssl;
	(void)arg;
	for (unsigned at = 0; at < in_len && at + 1 + in[at] <= in_len; at += 1u + in[at])
		if (in[at] == sizeof http - 1 && memcmp(in + at + 1, http, sizeof http - 1) == 0) {
			*out = in + at + 1;
			*out_len = in[at];
			return SSL_TLSEXT_ERR_OK;
		}
	return SSL_TLSEXT_ERR_NOACK;
}

/* Stateless tickets, one a handshake. The session id context is not optional: without it a client that offers a ticket
 * gets a fatal alert instead of a full handshake. */
static int server_tickets(SSL_CTX *ctx, unsigned lifetime, SSL_CTX *previous, struct fault *f)
{
	static const unsigned char context[] = "kedge";
	unsigned char keys[TICKET_KEYS_LEN];

	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(ctx, lifetime ? (long)lifetime : 3600);
	bool good = SSL_CTX_set_num_tickets(ctx, 1) &&
	            SSL_CTX_set_session_id_context(ctx, context, sizeof context - 1);
	if (good && previous)
		good = SSL_CTX_get_tlsext_ticket_keys(previous, keys, sizeof keys) == 1 &&
		       SSL_CTX_set_tlsext_ticket_keys(ctx, keys, sizeof keys) == 1;
	OPENSSL_cleanse(keys, sizeof keys);
	return good ? KE_OK : ossl_fault(f, KE_TLS, NULL, "cannot set up session tickets");
}

/* Ask for client certificates of these CAs. */
static int server_trust(SSL_CTX *ctx, const struct tls_server *conf, struct fault *f)
{
	struct tls_state *state = calloc(1, sizeof *state);

	if (!state)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	state->clock = conf->clock;
	int rc = anchors_load(conf->host_ca_path, conf->operator_ca_path, &state->anchors, f);
	if (!rc)
		rc = tls_state_attach(ctx, state);
	if (rc) {
		tls_state_free(state);
		return rc;
	}
	const STACK_OF(X509) *cas = anchors_cas(state->anchors);
	for (int i = 0; i < sk_X509_num(cas); i++)
		if (SSL_CTX_add_client_CA(ctx, sk_X509_value(cas, i)) != 1)
			return ossl_fault(f, KE_NOMEM, NULL, "cannot name the client CAs");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, client_verify, state);
	return KE_OK;
}

int tls_server_open(const struct tls_server *conf, SSL_CTX *previous, SSL_CTX **ret, struct fault *f)
{
	int rc = tls_init(f);

	if (rc)
		return rc;
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx)
		return ossl_fault(f, KE_TLS, NULL, "cannot make a TLS context");
	/* A parked connection gives its buffers back; a write may come in parts and from another place. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_max_cert_list(ctx, CLIENT_CHAIN_MAX);
	SSL_CTX_set_alpn_select_cb(ctx, alpn_select, NULL);
	rc = tls_basics(ctx, f);
	if (!rc)
		rc = tls_own_cert(ctx, conf->cert_path, conf->key_path, NULL, PROFILE_SERVER,
		        clock_wall(conf->clock), f);
	if (!rc)
		rc = server_trust(ctx, conf, f);
	if (!rc)
		rc = server_tickets(ctx, conf->ticket_lifetime, previous, f);
	if (rc)
		SSL_CTX_free(ctx);
	else
		*ret = ctx;
	return rc;
}

int tls_peer_identity(
        SSL *ssl, SSL_CTX *current, struct peer_identity *ret, struct verdict *verdict, struct fault *f)
{
	const struct tls_state *state = tls_state_of(current ? current : SSL_get_SSL_CTX(ssl));
	X509 *leaf = SSL_get0_peer_certificate(ssl);

	if (verdict)
		*verdict = (struct verdict){ .reason = VERIFY_OK };
	if (!state || !state->anchors)
		return fault_set(f, KE_TLS, NULL, NULL, "not a connection of this server");
	if (!leaf) {
		*ret = (struct peer_identity){ .id.kind = IDENTITY_NONE };
		return KE_OK;
	}
	return anchors_identify(state->anchors, leaf, clock_wall(state->clock), ret, verdict, f);
}

enum verify_reason tls_peer_reason(const SSL *ssl)
{
	return tls_reason_of(SSL_get_verify_result(ssl));
}

int tls_server_pin(const char *cert_path, unsigned char pin[SHA256_LEN], struct fault *f)
{
	STACK_OF(X509) *list = NULL;
	unsigned char spki[SHA256_LEN];
	int rc = cert_list_load(cert_path, &list, f);

	if (rc)
		return rc;
	X509 *last = sk_X509_value(list, sk_X509_num(list) - 1);
	if (!cert_is_ca(last))
		rc = fault_set(f, KE_SCHEMA, cert_path, "append the server CA's certificate to the file",
		        "the chain does not end in the server CA, so no host can check the pin of its token");
	else
		rc = cert_spki(last, spki);
	if (!rc)
		memcpy(pin, spki, sizeof spki);
	cert_list_free(list);
	return rc;
}
