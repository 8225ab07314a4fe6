/* courier.h — the keeper's messenger: does what its frames ask, over HTTPS, and decides nothing.
 *
 *	FETCH      GET REPO/metadata/NAME or REPO/targets/NAME            FETCHED
 *	PUSH       POST /v1/hosts/HOST/reports                            PUSHED
 *	CONFIRM    a new connection, GET /v1/hosts/HOST/assignment        CONFIRMED
 *	NEWS_FROM  long polls of the assignment, for ever                 NEWS, as they come
 *
 * An answer carries the id of its request. FETCHED and PUSHED that FAILED carry in `a` the seconds that the server asked to be
 * left alone (0: none); until then FETCH and PUSH fail here, without a request. Every answer that came over TLS with a
 * Date may be followed by SERVER_TIME, at most every COURIER_TIME_EVERY_MS, and always before CONFIRMED.
 * Trouble with the network never ends it; the end of the frame socket, or nonsense on it, does.
 */
#ifndef KEDGE_AGENT_COURIER_COURIER_H
#define KEDGE_AGENT_COURIER_COURIER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/config/config.h"
#include "proto/clock.h"
#include "proto/err.h"

#define COURIER_FETCH_MAX     (16 << 20) /* bytes of one file, whatever a frame says */
#define COURIER_PUSH_MAX      (8 << 20)  /* bytes of one batch */
#define COURIER_TIME_EVERY_MS 30000

struct ev_loop;
struct sandbox_report;
struct courier;

struct courier_times {
	int64_t connect_ms; /* 10 000 */
	int64_t fetch_ms;   /* 60 000 */
	int64_t push_ms;    /* 60 000 */
	int64_t confirm_ms; /* 30 000 */
	int64_t poll_s;     /* 50: how long the server may keep a poll; we wait 15 s longer */
	int64_t first_ms;   /* 1 000: ceiling of the first pause after a failed poll */
	int64_t gap_ms;     /* 1 000: two polls begin at least so far apart */
};

#define COURIER_TIMES                                                                                        \
	((struct courier_times){ .connect_ms = 10000,                                                        \
	        .fetch_ms = 60000,                                                                           \
	        .push_ms = 60000,                                                                            \
	        .confirm_ms = 30000,                                                                         \
	        .poll_s = 50,                                                                                \
	        .first_ms = 1000,                                                                            \
	        .gap_ms = 1000 })

struct courier_options {
	const struct agent_config *config;     /* must outlive */
	int ipc;                               /* stays the caller's; made non-blocking here */
	const struct sandbox_report *confined; /* what the keeper is told of this process; NULL: nothing */
	struct ev_loop *loop;
	const struct clock *clock;
	uint64_t (*chance)(void *ctx); /* 64 random bits, for pauses */
	void *chance_ctx;
	struct courier_times times;
	/* Called from the loop when there is no keeper any more: KE_CLOSED, KE_PROTO, KE_TOOBIG. */
	void (*ended)(void *ctx, int rc);
	void *ended_ctx;
};

/* Finish a certificate change that was cut off, say HELLO, and begin. Call tls_init() first. courier_close() it. A host without
 * certificate is no error: requests then fail with the reason, until it is enrolled. */
int courier_open(const struct courier_options *opt, struct courier **ret, struct fault *f);
void courier_close(struct courier *c);

#endif
