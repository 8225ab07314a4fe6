/* apply.h — the transaction: all keys of a plan, or none.
 *
 * Journal first; then key by key: compare with what was observed, one write, read back, compare. The first failure undoes
 * everything in reverse order, verified. With nothing to change nothing is written anywhere but, once, the note that this
 * policy is in force.
 */
#ifndef KEDGE_AGENT_ENGINE_APPLY_H
#define KEDGE_AGENT_ENGINE_APPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/engine/engine.h"
#include "agent/engine/original.h"
#include "agent/engine/plan.h"

struct apply_options {
	/* Milliseconds until the plan must be confirmed with apply_confirm(), else engine_recover() undoes it; 0: it is
	 * confirmed at once. */
	int64_t confirm_ms;
	bool retry; /* run it even when it is held */
	/* For tests: called right before each write. May be NULL. */
	void (*before_write)(void *ctx, const struct name *n);
	void *ctx;
};

/* Run PL, which was built from P with e->ceiling, and fill in the outcomes of its keys. Needs the lock, and no journal
 * left behind (KE_EXIST: call engine_recover() first; a plan that waits for confirmation must be confirmed or reverted).
 * Returns 0 when every write stood; the plan's verdict (KE_CEILING, KE_UNSUPPORTED) or KE_HELD, nothing written; KE_REFUSED,
 * KE_READBACK or KE_CONFLICT: undone; KE_DEGRADED: undone in part, the keys say which; KE_IO and others for files:
 * undone. */
int apply_run(struct engine *e, const struct policy *p, struct plan *pl, const struct apply_options *opt,
        struct fault *f);
/* The plan that waits for confirmation is good: end its attempt, drop the journal. KE_NOENT: none waits. KE_TIMEOUT: its
 * deadline has passed; engine_recover() undoes it. */
int apply_confirm(struct engine *e, struct fault *f);

struct revert_row {
	struct name name;
	struct restore_row result;
	bool unknown; /* its original was never known: left as it is */
	char *value;  /* the original, the kernel's own text; NULL when unknown */
};

struct revert_report {
	struct revert_row *rows;
	size_t n;
};

/* Undo everything that was applied since boot: an unconfirmed plan, then every key with a known original. Nothing is in force
 * afterwards. Needs the lock. KE_NOENT: nothing was applied. KE_DEGRADED: a row failed; it stays noted for another
 * revert. revert_report_clear() it. */
int apply_revert(struct engine *e, struct revert_report *ret, struct fault *f);
void revert_report_clear(struct revert_report *r);

#endif
