/* tls.h — the one place that configures TLS, for the server and for what speaks to it.
 *
 * TLS 1.3 only, both ways, X25519, P-256 or P-384. Neither OpenSSL's configuration file nor the environment has a say.
 * Servers ask for a client certificate, accept none, and refuse a bad one in the handshake. Time comes from a struct
 * clock, so that a test can be early or late.
 */
#ifndef KEDGE_CERTS_TLS_H
#define KEDGE_CERTS_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

#include "certs/verify.h"
#include "proto/clock.h"
#include "proto/err.h"

/* Start OpenSSL without configuration file. Call first in main(), before curl_global_init(); more calls do nothing.
 * The other functions here call it too, but then something else may have been first. */
int tls_init(struct fault *f);

/* ---- server ---- */

struct tls_server {
	const char *cert_path;    /* PEM: the server's certificate, then CAs up to and with the server CA */
	const char *key_path;     /* its key, 0600 */
	const char *host_ca_path; /* PEM: CA(s) of hosts; NULL: no host may call */
	const char *operator_ca_path; /* PEM: CA(s) of operators; NULL: no operator may call */
	const struct clock *clock;    /* must outlive the context */
	unsigned ticket_lifetime;     /* seconds; 0: 3600 */
};

/* A context for SSL_new(); SSL_CTX_free() it, connections keep it alive. The certificate must be a server's
 * (PROFILE_SERVER), belong to the key, and be valid now. PREVIOUS (may be NULL) is the context it replaces: its ticket
 * keys are taken over, so that a reload costs no full handshakes. On failure the old one simply stays in use. */
int tls_server_open(const struct tls_server *conf, SSL_CTX *previous, SSL_CTX **ret, struct fault *f);
/* After the handshake, resumed ones included, and again whenever it matters: who is the peer of SSL? No certificate is
 * IDENTITY_NONE and 0. Checks everything against the CAs of the CURRENT context (NULL: SSL's own), so that a CA that
 * was taken out by a reload ends also the sessions that began under it. */
int tls_peer_identity(
        SSL *ssl, SSL_CTX *current, struct peer_identity *ret, struct verdict *verdict, struct fault *f);
/* After a failed handshake: what was wrong with the peer's certificate (VERIFY_OK: nothing, it failed otherwise). */
enum verify_reason tls_peer_reason(const SSL *ssl);
/* SHA-256 of the public key of the server CA, the last certificate of conf->cert_path: the pin of a token. KE_SCHEMA
 * when the file ends in no CA, and then no host can make its first contact. */
int tls_server_pin(const char *cert_path, unsigned char pin[SHA256_LEN], struct fault *f);

/* ---- client ---- */

struct tls_client {
	const char *server_name; /* DNS name or numeric address as in the URL, without brackets */
	const char *ca_path;     /* PEM: server CA(s); NULL only with PIN */
	const unsigned char
	        *pin;           /* first contact: SHA-256 of the server CA's public key, instead of CA_PATH */
	const char *cert_path;  /* own certificate, NULL: none */
	const char *key_path;   /* its key */
	const char *passphrase; /* of that key; may be NULL */
	const struct clock *clock; /* must outlive the context */
	struct verdict
	        *verdict; /* filled when the server's certificate was judged; may be NULL, must outlive */
};

/* Configure SSL_CTX (an OpenSSL SSL_CTX *, as CURLOPT_SSL_CTX_FUNCTION passes it) by CONF, of which only clock and
 * verdict are needed afterwards. Trust that was loaded into it before is thrown away. Leave CURLOPT_CAINFO and
 * CURLOPT_CAPATH NULL (a default bundle costs 30 ms) and VERIFYPEER and VERIFYHOST on; libcurl compares the name once
 * more. A resumed session is not judged again: for the first contact, with its pin, use a handle of its own that is
 * closed afterwards (libcurl keeps sessions by handle). On CURLE_PEER_FAILED_VERIFICATION ask verdict_fault(). Errors:
 * KE_USAGE, those of cert.h and key.h, KE_EXPIRED and KE_CLOCK for an own certificate that is not valid now. */
int tls_client_configure(void *ssl_ctx, const struct tls_client *conf, struct fault *f);
/* A new context so configured, for who uses OpenSSL directly; SSL_CTX_free() it. */
int tls_client_open(const struct tls_client *conf, SSL_CTX **ret, struct fault *f);

#endif
