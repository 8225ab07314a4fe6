/* execution.h — what the server remembers of rollouts that it executes: the state of each, the lease of the one process that
 * decides, what hosts said of one serial, and what happened when.
 *
 * Part of the store's interface, with the idioms of store.h. The store knows neither plans nor gates: states are words
 * here. Every change is one transaction with its audit row and its row of history; it names the revision that it was
 * derived from, and a decision of the leader its term: what another process changed meanwhile is never overwritten.
 */
#ifndef KEDGE_SERVER_STORE_EXECUTION_H
#define KEDGE_SERVER_STORE_EXECUTION_H

#include "server-stub/store/store.h"

#define STORE_WAVES_MAX 32

struct store_wave {
	const char *state;
	int64_t opened, settled; /* 0: not yet */
	int64_t news;            /* reading: the change at which its hosts began or ceased to be told */
	bool turned;             /* writing: they do with this change */
};

struct store_execution {
	const char *policy;
	int64_t serial;
	int64_t revision; /* 0: there is no row yet. Writing: the one that the change was derived from */
	const char *state, *reason;
	int64_t since;
	size_t n_waves;
	struct store_wave waves[STORE_WAVES_MAX];
};

/* Two numbers that tell whether anything changed: the repository's generation, and the executions' change, which grows by
 * one with each store_execution_write(). FLOOR is the change at the last publication: the generation of an assignment is
 * the repository's plus the highest change that concerns the host, so that it grows with both. */
struct store_news {
	int64_t generation, change, floor;
};
int store_news(struct store *s, struct store_news *ret, struct fault *f);

/* All executions, by policy and serial, in one snapshot with *RET. */
int store_execution_list(struct store *s, struct store_news *ret,
        int (*row)(void *ctx, const struct store_execution *e), void *ctx, struct fault *f);

/* What is done with an execution, for its history and the audit trail. */
struct store_deed {
	const char *action; /* "open", "halt", "pause", ...; audited as "rollout.ACTION" */
	int64_t wave;       /* 1, 2, ...; 0: none */
	const char *why;
	int64_t term;              /* of the leader; 0: an operator's, which needs no lease */
	const char *const *excuse; /* hosts whose failure is not counted from now on */
	size_t n_excuse;
};
/* Write E in the place of the revision that it names. KE_CONFLICT: the row has another revision by now, or the term is over:
 * read again and decide again. */
int store_execution_write(struct store *s, const struct store_actor *actor, const struct store_execution *e,
        const struct store_deed *deed, struct fault *f);

/* Take or keep the lease for SECONDS. *RET_TERM grows with each change of the holder. KE_BUSY: another holds it. */
int store_lease_take(struct store *s, const char *holder, int64_t now, int64_t seconds, int64_t *ret_term,
        struct fault *f);
/* Give it back before its time. */
int store_lease_end(struct store *s, const char *holder, struct fault *f);

/* One enrolled host and what it said of a serial. */
struct store_said {
	const char *host;
	int64_t last_seen;
	const char *kernel, *facts; /* facts: JSON object of the last status; kernel "" before it */
	int64_t drifted;
	int64_t version, serial; /* of the policy there; 0: none */
	const char *result, *state, *reason;
	const char *refusal, *refusal_why; /* of this serial; "" */
	bool contested;                    /* since SINCE */
	bool excused;
};
struct store_said_filter {
	const char *policy;
	int64_t version, serial;
	int64_t since;    /* server's time from which refusals and contested keys count */
	const char *host; /* only this one; NULL: all that are not revoked, by id */
	bool bare;        /* kernel and facts are not wanted: "" */
};
int store_said_list(struct store *s, const struct store_said_filter *filter,
        int (*row)(void *ctx, const struct store_said *said), void *ctx, struct fault *f);

struct store_event {
	int64_t id, serial, time, wave;
	const char *policy, *actor, *action, *why;
};
/* What happened to the rollouts of POLICY (NULL: all). */
int store_event_list(struct store *s, const char *policy, const struct store_page *page,
        int (*row)(void *ctx, const struct store_event *e), void *ctx, struct fault *f);

#endif
