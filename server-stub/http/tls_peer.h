/* tls_peer.h — who is on the other side of a TLS connection, copied out of OpenSSL once, at the end of the handshake.
 *
 * A resumed session carries the certificate but not the chain it was verified with, so the fingerprint of the chain's
 * root travels inside the (encrypted) ticket.
 */
#ifndef KEDGE_HTTP_TLS_PEER_H
#define KEDGE_HTTP_TLS_PEER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/codec.h"
#include "proto/err.h"

#define HTTP_PEER_URIS     4
#define HTTP_PEER_URI_ROOM 256

struct http_peer {
	char address[46]; /* numeric, without port */
	bool present;     /* a client certificate was given and verified; what follows is only valid then */
	bool resumed; /* the session was resumed: the chain was verified by the handshake that made the ticket */
	unsigned n_uris; /* URI names of subjectAltName, in the certificate's order */
	char uris[HTTP_PEER_URIS][HTTP_PEER_URI_ROOM];
	unsigned char cert_sha256[SHA256_LEN]; /* of the client certificate's DER */
	unsigned char root_sha256[SHA256_LEN]; /* of the DER of the last certificate of the verified chain */
	int64_t not_before, not_after;         /* seconds since 1970 */
};

/* Give CTX, whose certificate, key and trusted CAs are set, what this server relies on: TLS 1.3 only, the client
 * certificate asked for but optional (verified when given), release of idle buffers, partial writes, one stateless
 * ticket a connection, bound to a session id context, valid for one hour, no session cache, no early data. Call once
 * before the server starts; it owns CTX's ticket callbacks from then on. KE_TLS. */
int http_tls_prepare(SSL_CTX *ctx, struct fault *f);

/* Copy the identity of the peer of SSL, whose handshake is complete, to *RET (address is left alone). KE_TLS: the
 * certificate did not verify, has no usable dates, or more or longer URI names than fit; such a connection must be
 * dropped. */
int http_peer_copy(SSL *ssl, struct http_peer *ret);

#endif
