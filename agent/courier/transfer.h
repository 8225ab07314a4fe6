/* transfer.h — HTTPS requests, several at a time, on a libev loop. The one file that knows libcurl.
 *
 * TLS is certs/tls.h's: version 1.3, the named CA or the token's pin and nothing else, the host's own certificate. No
 * redirects, no proxy but the configured one, nothing from the environment, paths sent as given, TLS sessions never
 * resumed (each new connection judges the server's certificate again). An answer is complete or it is a fault.
 */
#ifndef KEDGE_AGENT_COURIER_TRANSFER_H
#define KEDGE_AGENT_COURIER_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/clock.h"
#include "proto/err.h"

#define TRANSFERS_MAX        12    /* at one time */
#define TRANSFER_PROBLEM_MAX 16384 /* bytes of an answer that is no success */

struct ev_loop;
struct transfers;

struct transfer_options {
	struct ev_loop *loop;
	const struct clock *clock;
	const char *ca_path;      /* PEM; NULL with a pin */
	const unsigned char *pin; /* first contact: SHA-256 of the server CA's public key; or NULL */
	const char *cert_path; /* the host's certificate and key, read for every new connection; NULL: none */
	const char *key_path;
	const char *proxy; /* NULL: none */
	int64_t connect_ms;
};

struct transfer_request {
	const char *url;  /* https */
	const char *type; /* Content-Type of a POST; NULL: GET */
	const void *body; /* LEN bytes, copied */
	size_t len;
	bool gzip;          /* BODY is: Content-Encoding */
	bool base64;        /* BODY is: Content-Transfer-Encoding, as EST has it */
	const char *user;   /* HTTP Basic; NULL: none */
	const char *secret; /* the password */
	size_t max;         /* bytes of a 200 answer's body */
	int64_t timeout_ms; /* for all of it */
	bool patient;       /* silence is no fault: a long poll */
	bool fresh;         /* on a connection of its own, made now and closed afterwards */
};

struct transfer_answer {
	const struct fault *fault; /* not NULL: no complete answer; the rest is then 0 */
	int status;
	const char *body; /* followed by a NUL; valid during the call */
	size_t len;
	const char *etag;    /* as sent; "" when absent */
	int64_t date;        /* the server's clock, seconds since 1970; 0: unknown */
	int64_t retry_after; /* seconds, 0 .. BACKOFF_RETRY_AFTER_MAX_S */
};

/* Called once from the loop, never from inside transfer_start(). It may start and cancel transfers, not close T. */
typedef void transfer_done(void *ctx, const struct transfer_answer *a);

/* Strings of OPT are copied. transfers_close() it. Call tls_init() first. */
int transfers_open(const struct transfer_options *opt, struct transfers **ret, struct fault *f);
/* Cancel all and close every connection; no callback is called any more. */
void transfers_close(struct transfers *t);
/* Begin RQ. *RET_HANDLE (may be NULL) is for transfer_cancel() and is not 0. KE_BUSY: TRANSFERS_MAX are out; KE_NAME: the URL
 * is none. */
int transfer_start(struct transfers *t, const struct transfer_request *rq, transfer_done *done, void *ctx,
        uint64_t *ret_handle, struct fault *f);
/* Forget the transfer; its callback is not called. A handle of a finished one is harmless. */
void transfer_cancel(struct transfers *t, uint64_t handle);

#endif
