/* verify.h — one round of looking what is published for this host: refresh the trusted set, find the assigned rollouts in
 * it, fetch them and their policies, check everything, hand out what may be adopted.
 *
 * A machine without I/O of its own: it asks for bytes (fetch), is given them (verify_fetched), and calls back. Everything that comes
 * in is hostile until the trusted set has vouched for it. A rollout that fails is refused and told, the next one is
 * looked at; metadata that fails ends the round, and what was trusted before stays. One rollout is handed out a round:
 * its owner begins another round when it is settled.
 */
#ifndef KEDGE_KEEPER_VERIFY_H
#define KEDGE_KEEPER_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/ipc/frame.h"
#include "agent/report/compose.h"
#include "policies/facts.h"
#include "policies/policy.h"
#include "policies/rollout.h"
#include "proto/assignment.h"
#include "proto/trust.h"

struct verify;

/* What the owner does for the machine. */
struct verify_owner {
	void *ctx;
	const char *cache_dir; /* of the trusted metadata */
	const char *host;
	const struct host_facts *facts;
	/* Ask for at most MAX bytes of NAME below WHERE; the answer comes with verify_fetched() and this ID. 0, or KE_HTTP: it
	 * cannot be asked now, which ends the round. */
	int (*fetch)(void *ctx, uint32_t id, enum fetch_where where, const char *name, size_t max);
	/* What time it is, at the very moment of adopting: an answer may be held back until a window has closed. KE_CLOCK (or
	 * another negative code) with F: the clock cannot be trusted, and nothing new is adopted. */
	int (*now)(void *ctx, int64_t *ret, struct fault *f);
	/* The floor: 0 when a rollout of POLICY with SERIAL would be news; KE_EXIST: that very serial is adopted or is held, pass
	 * over it; KE_ROLLBACK with F: it is older. */
	int (*floor)(void *ctx, const char *policy, int64_t serial, struct fault *f);
	/* Adopt R. P and DOCUMENT (LEN bytes) are NULL for a removal; P becomes the owner's when 0 is returned, and the round ends.
	 * A code refuses it. */
	int (*adopt)(void *ctx, const struct rollout *r, struct policy *p, const char *document, size_t len,
	        struct fault *f);
	/* Something was refused; NAME is a file or target path. SERIAL -1: none. */
	void (*refuse)(
	        void *ctx, enum refusal_what what, const char *name, int64_t serial, const struct fault *f);
	/* A rollout was passed over: F says that it is for other hosts (KE_SELECTOR) or for later (KE_WINDOW). A server that
	 * tells every host of every rollout makes this an everyday matter; it is no refusal. */
	void (*pass)(void *ctx, const char *name, int64_t serial, const struct fault *f);
	/* The round ended: 0, or the code that ended it early (F). */
	void (*done)(void *ctx, int rc, const struct fault *f);
};

/* T is the trusted set from cache_open(); it becomes the machine's. OWNER is copied. verify_free() it. */
int verify_new(struct trust *t, const struct verify_owner *owner, struct verify **ret);
void verify_free(struct verify *v);
/* Begin a round at reference time NOW with the rollouts of A (copied; may be NULL: only refresh). Ignored while a round
 * is under way (false). */
bool verify_start(struct verify *v, int64_t now, const struct assignment *a);
bool verify_busy(const struct verify *v);
/* End the round under way: no answer came, for the reason TEXT. As if the fetch had FAILED; what comes later is ignored. */
void verify_give_up(struct verify *v, const char *text);
/* How many bytes the answer to fetch ID may have; 0: ID is not awaited. */
size_t verify_awaits(const struct verify *v, uint32_t id);
/* The answer to fetch ID. More than the bytes asked for counts as FAILED. DATA is NULL when there is no such file (ABSENT) or when it FAILED, with the reason in TEXT. An id
 * that is not awaited is ignored. */
void verify_fetched(struct verify *v, uint32_t id, enum frame_status status, const void *data, size_t len,
        const char *text);
/* For the status: versions and expiry of what is trusted. */
const struct trust *verify_trust(const struct verify *v);

#endif
