/* tls_peer.c — the TLS settings that the loop relies on, and the peer's identity as plain data.
 *
 * OpenSSL verifies a client certificate once, in the full handshake. A ticket brings the certificate back, but neither
 * its chain nor a new look at its dates; so the root's fingerprint is kept inside the ticket, a ticket without it is
 * not accepted (the client then makes a full handshake), and dates are compared for every request (conn.c). A session
 * id context is mandatory with client certificates: without it a client that offers a ticket gets a fatal alert.
 * Called by server.c (prepare) and by conn.c at the end of each handshake; no other file looks into certificates.
 */
#include "server-stub/http/tls_peer.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#define CLIENT_CHAIN_MAX (16 * 1024) /* bytes of certificates that a client may send */
#define TICKET_SECONDS   3600

static bool root_of(SSL *ssl, unsigned char digest[SHA256_LEN])
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	unsigned len = 0;

	if (!chain || sk_X509_num(chain) < 1)
		return false;
	X509 *root = sk_X509_value(chain, sk_X509_num(chain) - 1);
	return X509_digest(root, EVP_sha256(), digest, &len) == 1 && len == SHA256_LEN;
}

/* A ticket is being made: put the root's fingerprint into it. A resumed session has it already. */
static int ticket_made(SSL *ssl, void *arg)
{
	unsigned char digest[SHA256_LEN];

	(void)arg;
	if (root_of(ssl, digest))
		return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), digest, sizeof digest);
	return 1;
}

/* A ticket was decrypted: is what we need in it? */
static SSL_TICKET_RETURN ticket_seen(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
        size_t name_len, SSL_TICKET_STATUS status, void *arg)
{
	void *data = NULL;
	size_t len = 0;

	(void)ssl;
	(void)name;
	(void)name_len;
	(void)arg;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return status == SSL_TICKET_EMPTY || status == SSL_TICKET_NO_DECRYPT
		               ? SSL_TICKET_RETURN_IGNORE_RENEW
		               : SSL_TICKET_RETURN_ABORT;
	if (SSL_SESSION_get0_peer(session) &&
	        (!SSL_SESSION_get0_ticket_appdata(session, &data, &len) || len != SHA256_LEN))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	/* RENEW always: otherwise no new ticket is sent and only every second reconnect is resumed. */
	return SSL_TICKET_RETURN_USE_RENEW;
}

int http_tls_prepare(SSL_CTX *ctx, struct fault *f)
{
	static const unsigned char context[] = "kedge-http";

	/* Optional here, because enrolment and health checks have none; auth classes decide (routes.c). */
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, SSL_CTX_get_verify_callback(ctx));
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(ctx, TICKET_SECONDS);
	SSL_CTX_set_max_cert_list(ctx, CLIENT_CHAIN_MAX);
	if (!SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) || !SSL_CTX_set_num_tickets(ctx, 1) ||
	        !SSL_CTX_set_max_early_data(ctx, 0) ||
	        !SSL_CTX_set_session_id_context(ctx, context, sizeof context - 1) ||
	        !SSL_CTX_set_session_ticket_cb(ctx, ticket_made, ticket_seen, NULL))
		return fault_set(f, KE_TLS, NULL, NULL, "OpenSSL refuses the server's TLS settings");
	return KE_OK;
}

static int uris_copy(X509 *cert, struct http_peer *peer)
{
	int rc = KE_OK;
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; !rc && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_URI)
			continue;
		const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
		const unsigned char *data = ASN1_STRING_get0_data(uri);
		int len = ASN1_STRING_length(uri);
		/* A NUL inside would make the C string another name than the one that was certified. */
		if (peer->n_uris == HTTP_PEER_URIS || len <= 0 || len >= HTTP_PEER_URI_ROOM ||
		        memchr(data, '\0', (size_t)len)) {
			rc = KE_TLS;
			break;
		}
		memcpy(peer->uris[peer->n_uris], data, (size_t)len);
		peer->uris[peer->n_uris++][len] = '\0';
	}
	GENERAL_NAMES_free(names);
	return rc;
}

static int time_copy(const ASN1_TIME *t, int64_t *ret)
{
	struct tm tm;

	if (!t || !ASN1_TIME_to_tm(t, &tm))
		return KE_TLS;
	*ret = (int64_t)timegm(&tm);
	return KE_OK;
}

/* The root's fingerprint: of the chain just verified, or out of the ticket. */
static int root_copy(SSL *ssl, unsigned char digest[SHA256_LEN])
{
	void *data = NULL;
	size_t len = 0;

	if (!SSL_session_reused(ssl))
		return root_of(ssl, digest) ? KE_OK : KE_TLS;
	if (!SSL_SESSION_get0_ticket_appdata(SSL_get_session(ssl), &data, &len) || len != SHA256_LEN)
		return KE_TLS;
	memcpy(digest, data, SHA256_LEN);
	return KE_OK;
}

int http_peer_copy(SSL *ssl, struct http_peer *ret)
{
	struct http_peer peer = { .present = true };
	X509 *cert = SSL_get0_peer_certificate(ssl);
	unsigned len = 0;
	int rc = KE_TLS;

	memcpy(peer.address, ret->address, sizeof peer.address);
	peer.resumed = SSL_session_reused(ssl);
	if (!cert) {
		peer.present = false;
		*ret = peer;
		return KE_OK;
	}
	if (SSL_get_verify_result(ssl) != X509_V_OK)
		goto out;
	if (X509_digest(cert, EVP_sha256(), peer.cert_sha256, &len) != 1 || len != SHA256_LEN)
		goto out;
	rc = root_copy(ssl, peer.root_sha256);
	if (!rc)
		rc = time_copy(X509_get0_notBefore(cert), &peer.not_before);
	if (!rc)
		rc = time_copy(X509_get0_notAfter(cert), &peer.not_after);
	if (!rc)
		rc = uris_copy(cert, &peer);
	if (!rc)
		*ret = peer;
out:
	ERR_clear_error();
	return rc;
}
