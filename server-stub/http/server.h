/* server.h — the HTTP server: start, stop, limits, counters.
 *
 * One libev loop a thread, each with its own SO_REUSEPORT listener; one SSL_CTX shared by all. Deadlines are absolute
 * per phase, so that a slow sender is cut however often it sends a byte.
 */
#ifndef KEDGE_HTTP_SERVER_H
#define KEDGE_HTTP_SERVER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/clock.h"
#include "proto/err.h"
#include "server-stub/http/latency.h"
#include "server-stub/http/request.h"
#include "server-stub/http/routes.h"

struct http_limits {
	unsigned handshake_ms; /* 5 000: from accept to the end of the TLS handshake */
	unsigned
	        headers_ms; /* 10 000: from a request's first byte (or the handshake) to the end of its head */
	unsigned body_ms;   /* 30 000: from the head to the last byte of the body */
	unsigned idle_ms;   /* 90 000: between two requests of one connection */
	unsigned write_ms;  /* 30 000: from the answer to its last byte in the kernel */
	unsigned run_ms;    /* 30 000: a deferred request without an answer gets 503 */
	unsigned park_ms;   /* 120 000: longest wait that http_park() grants */
	unsigned drain_ms;  /* 2 000: reading on after the last answer, so that the client sees it */
	size_t drain_bytes;              /* 256 KiB: the same, in bytes */
	unsigned conns;                  /* 65 536: connections in all; beyond it nothing is accepted */
	unsigned conns_per_address;      /* 4 096; IPv6: per /64; 0: no limit; more are closed at once */
	unsigned handshakes;             /* 512 unfinished ones in all; beyond it nothing is accepted */
	unsigned handshakes_per_address; /* 128; 0: no limit; more are closed at once */
	unsigned deferred;               /* 4 096 deferred requests in all; more are answered with 503 */
};

/* The values in the comments above. */
struct http_limits http_limits_default(void);

struct http_config {
	const char *address; /* numeric IPv4 or IPv6 address to listen on */
	uint16_t port;       /* 0: any free one, see http_server_port() */
	unsigned threads;    /* 1..64 */
	SSL_CTX *tls; /* prepared here (http_tls_prepare()); a reference is taken; see http_server_tls() */
	bool plain;   /* no TLS: for tests, loopback addresses only; tls must be NULL */
	const struct http_route *routes; /* must outlive the server */
	size_t n_routes;
	void *app;                 /* http_request.app */
	const struct clock *clock; /* NULL: the system's */
	struct http_limits limits;
	/* Map a verified certificate to an identity. Called in a loop's thread for every request of a route that needs
	 * one (connections outlive revocations), so it must be quick: a look-up in memory. 0; KE_FORBIDDEN: revoked or
	 * unknown (403); any other code: cannot say now (503). */
	int (*identify)(void *app, const struct http_peer *peer, struct http_identity *ret);
	/* May be NULL. A request was refused by auth class with STATUS (401, 403): for the audit. WHO may be nobody. */
	void (*refused)(void *app, const struct http_peer *peer, const struct http_identity *who,
	        const struct http_route *route, int status);
};

/* Monotonic, except the last three, which are levels. */
struct http_counters {
	uint64_t accepted; /* connections accepted */
	uint64_t refused;  /* closed at once: too many of their address, or no descriptor left */
	uint64_t handshakes_done;
	uint64_t handshakes_resumed; /* of those */
	uint64_t handshakes_failed;  /* deadline included */
	uint64_t timeouts;           /* connections cut by a deadline of any phase but idle and wait */
	uint64_t requests;           /* answers, by status class below */
	uint64_t status[6];          /* [2]: 2xx ... [5]: 5xx; [0], [1] unused */
	uint64_t unauthorised;       /* 401 and 403 given by auth class */
	uint64_t vanished;           /* clients gone while their request was deferred or parked */
	uint64_t bytes_in;           /* HTTP bytes, without TLS */
	uint64_t bytes_out;
	uint64_t connections; /* open now */
	uint64_t parked;      /* parked now */
	uint64_t deferred;    /* deferred now */
};

/* Bind, listen and start the threads. KE_USAGE (table or configuration), KE_TLS, KE_SYSTEM (address in use...). */
int http_server_start(const struct http_config *config, struct http_server **ret, struct fault *f);
/* The port that is listened on. */
uint16_t http_server_port(const struct http_server *server);
/* Stop gracefully and wait for the threads: listeners are closed, idle connections dropped, parked requests get
 * HTTP_WAIT_OVER, running ones are finished with Connection: close; what is left after MS milliseconds is cut. Not
 * from a loop's thread. http_reply_later(), http_resume() and http_wake() stay harmless until http_server_free(). */
void http_server_stop(struct http_server *server, unsigned ms);
/* After http_server_stop(), when no other thread uses the server any more. NULL is fine. */
void http_server_free(struct http_server *server);
/* Use another TLS context (renewed certificates, other CAs) for connections accepted from now on. Open ones stay; tickets
 * of the old context lead to full handshakes. Any thread. KE_TLS. */
int http_server_tls(struct http_server *server, SSL_CTX *tls, struct fault *f);
/* Close every connection whose client certificate has this fingerprint. Any thread. KE_NOMEM. */
int http_server_drop(struct http_server *server, const unsigned char cert_sha256[SHA256_LEN]);
void http_server_counters(struct http_server *server, struct http_counters *ret);
/* The histogram of the route with that index in http_config.routes. Any thread. */
void http_server_latency(struct http_server *server, size_t route, struct http_latency *ret);
/* When the server's own certificate ends (seconds since 1970). Any thread. KE_NOENT: it has none (plain). */
int http_server_certificate_end(struct http_server *server, int64_t *ret);

#endif
