/* compose.h — the bodies of records, as JSON.
 *
 * What the keeper did or saw, in the form that the server and `kedge` read. Each function appends one compact object to
 * OUT, whose sticky error is the only one there is. The body of a sockets record is sockets_report_json().
 */
#ifndef KEDGE_REPORT_COMPOSE_H
#define KEDGE_REPORT_COMPOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/engine/plan.h"
#include "agent/watch/drift.h"
#include "proto/buf.h"
#include "proto/record.h"

#define COMPOSE_VALUE_MAX 4096 /* bytes of a value in a record; longer ones are cut and end in "..." */

enum apply_result {
	APPLY_APPLIED,
	APPLY_ALREADY,
	APPLY_FAILED,
	APPLY_REVERTED,
	APPLY_CONFIRMED,
	APPLY_REMOVED,
	APPLY_DEGRADED,
};

struct compose_apply {
	const char *policy;
	int64_t version, serial;
	enum apply_result result;
	const char *reason;             /* NULL: none */
	const struct plan *plan;        /* NULL: no keys (a confirmation, a removal that wrote nothing) */
	const unsigned char *plan_hash; /* SHA256_LEN bytes, when plan is NULL; may be NULL: left out */
};
void compose_apply(const struct compose_apply *a, struct buf *out);

/* CMDLINE: the whole command line of the writer instead of its first word (`report_cmdline`). */
void compose_drift(const struct drift *d, bool cmdline, struct buf *out);

enum refusal_what { REFUSAL_METADATA, REFUSAL_ROLLOUT, REFUSAL_POLICY };

/* F tells code and reason. SERIAL < 0: none. */
void compose_refusal(
        enum refusal_what what, const char *name, const struct fault *f, int64_t serial, struct buf *out);

/* Root made an exception for a while, or it ended. */
struct compose_override {
	const char *action;      /* "set", "ended", "expired", "dropped" */
	const char *key;         /* dotted; NULL: a hold of the host */
	const char *value;       /* NULL for a hold */
	const char *policy;      /* that holds the key otherwise; NULL: none */
	const char *reason;      /* as it was given when it was set */
	const char *why;         /* it was dropped; NULL else */
	int64_t seconds;         /* asked for */
	int64_t until;           /* seconds since 1970 */
	const struct writer *by; /* who asked for this; NULL: nobody, it ended by itself */
};
/* CMDLINE as in compose_drift(). */
void compose_override(const struct compose_override *o, bool cmdline, struct buf *out);

/* KIND may be NULL: the kind of the lost records is not known. */
void compose_gap(const char *kind, int64_t from_seq, int64_t to_seq, int64_t count, struct buf *out);

struct status_policy {
	const char *name;
	int64_t version, serial;
	const char *state; /* "applied", "unconfirmed", "held", ... */
};

struct status_process {
	const char *name;
	int64_t pid, uid;
	const char *cap_eff; /* 16 hex digits */
	int64_t no_new_privs, seccomp;
};

struct status_label {
	const char *name, *value;
};

/* An exception that root made. */
struct status_exception {
	const char *key, *value; /* NULL: a hold of the host */
	const char *reason;
	int64_t until; /* seconds since 1970 */
};

struct compose_status {
	const char *kernel; /* the whole release */
	int64_t uptime_s;
	const struct status_policy *policies;
	size_t n_policies;
	int64_t root, timestamp, snapshot, targets; /* versions of the trusted metadata */
	int64_t timestamp_expires;                  /* seconds since 1970; 0: no timestamp yet, left out */
	bool in_sync;
	int64_t drifted;
	const char *facts_kernel; /* "6.18" */
	int64_t memory_bytes, cpus;
	const struct status_label *labels;
	size_t n_labels;
	const struct status_process *processes;
	size_t n_processes;
	const char *attribution; /* "bpf", "fanotify", "unavailable", "flooded" */
	const char *source;      /* of events: "bpf", "fanotify", "poll" */
	const char *coverage;    /* of the source: "full", "partial" */
	int64_t locked;          /* keys whose foreign writers are refused */
	const char *confinement; /* "full", "partial" */
	const char *clock;       /* "ok", "behind", "ahead" */
	int64_t spool_first, spool_last, spool_bytes;
	const struct status_exception *exceptions; /* none: left out */
	size_t n_exceptions;
};
void compose_status(const struct compose_status *s, struct buf *out);

#endif
