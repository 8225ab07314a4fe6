/* plan.h — wanted minus observed, as data.
 *
 * Pure: policy, observation and ceiling in, plan out; nothing is read or written. A plan has one row a key with what
 * will happen to it, and the order of the writes: the policy's own, bent only where a key must come after another
 * (the knowledge base's "after", keys that another write changes too, and pairs whose order depends on their
 * values). Every intermediate state is one that the kernel accepts, so the way back is the same way backwards.
 */
#ifndef KEDGE_AGENT_ENGINE_PLAN_H
#define KEDGE_AGENT_ENGINE_PLAN_H

#include "agent/engine/ceiling.h"
#include "agent/engine/observe.h"
#include "policies/policy.h"
#include "proto/codec.h"

enum outcome {
	OUTCOME_PLANNED,     /* would be written (only in a plan that was not run) */
	OUTCOME_APPLIED,     /* written, read back, equal */
	OUTCOME_ALREADY,     /* had the wanted value */
	OUTCOME_DIFFERS,     /* differs, but its mode is audit: never written */
	OUTCOME_PENDING,     /* not there yet; reason */
	OUTCOME_UNSUPPORTED, /* cannot be had here; reason */
	OUTCOME_BLOCKED,     /* not allowed; reason */
	OUTCOME_REFUSED,     /* the kernel refused the write: err; the old value is back */
	OUTCOME_MISMATCH,    /* the kernel stored something else: got; the old value is back */
	OUTCOME_CONFLICT,    /* somebody else changed it meanwhile: got; left as that somebody left it */
	OUTCOME_RESTORED,    /* was written, then put back because another key failed */
	OUTCOME_UNTOUCHED,   /* not written because the plan was refused or another key failed first */
	OUTCOME_DEGRADED,    /* could not be put back: got is what it holds now */
};

struct plan_key {
	struct name name;
	const struct setting *setting; /* borrowed from the policy; never NULL */
	const struct knob *knob;       /* NULL: unknown */
	enum outcome outcome;
	enum key_reason reason;
	char detail[REASON_DETAIL_LEN];
	int err;            /* errno, for REFUSED, or why a key is absent or unreadable */
	bool coupled;       /* another planned write changes it too: re-checked after that write */
	const char *wanted; /* canonical; borrowed from the setting, or from met */
	char *met;          /* of a setting with a bound: what meets it from the old value; else NULL */
	char *old;          /* canonical, before; NULL when not known */
	char *old_raw;      /* the kernel's own text, what a restore writes */
	char *got;          /* canonical, what the kernel holds instead; set by apply; may be NULL */
};

struct plan {
	struct plan_key *keys; /* in the policy's order */
	size_t n;
	size_t *order; /* indices into keys of the writes, in writing order */
	size_t n_order;
	size_t changes; /* of these, keys whose value differs now (coupled ones may need no write) */
	int verdict;    /* 0, or why nothing will be written: KE_CEILING, KE_UNSUPPORTED */
	size_t refuser; /* index of the key that caused the verdict */
	unsigned char hash[SHA256_LEN]; /* of the policy's names and wanted values */
};

/* Build the plan. P and C (NULL: the default ceiling) are borrowed, values are copied from O. A blocked key (unless it is only to be released), or a
 * required key that is pending or unsupported, sets the verdict; the plan is still complete and printable. KE_NOMEM. */
int plan_build(
        const struct policy *p, const struct observation *o, const struct ceiling *c, struct plan **ret);
void plan_free(struct plan *pl);
/* SHA-256 over "PATH=VALUE\n" of P's settings (but for releases) ordered by path: two policies that want the same have the same
 * hash. A bound's sign stands before its value; a pattern's exceptions follow it, one "PATH!EXCEPTION\n" each, ordered. */
int plan_hash(const struct policy *p, unsigned char hash[SHA256_LEN]);
/* Leave key I as it is: it is not written, and its outcome is UNTOUCHED. */
void plan_leave(struct plan *pl, size_t i);
/* Does the plan write anything? */
bool plan_empty(const struct plan *pl);
/* The key that matters for the exit code: true when every key is applied, already, or excused (optional, audit). */
bool plan_in_sync(const struct plan *pl);
/* Fill F with the verdict in words (key, reason, what to do). Returns pl->verdict. */
int plan_fault(const struct plan *pl, struct fault *f);

/* Is the canonical value NOW what K wants? A bound also takes what lies on its allowed side. */
bool plan_key_holds(const struct plan_key *k, const char *now);
/* "applied", "already", ... as in JSON; never NULL. */
const char *outcome_name(enum outcome o);
/* One row's outcome in words: "refused: Invalid argument", "pending: module nf_conntrack is not loaded". Returns BUF. */
const char *outcome_text(const struct plan_key *k, char *buf, size_t size);

#endif
