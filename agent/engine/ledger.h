/* ledger.h — what a transaction has to know about before it begins: every value it can change, and what will be in force
 * when it is done.
 */
#ifndef KEDGE_AGENT_ENGINE_LEDGER_H
#define KEDGE_AGENT_ENGINE_LEDGER_H

#include "agent/engine/engine.h"
#include "agent/engine/original.h"
#include "agent/engine/plan.h"

/* The originals file as it will be once P is in force: rows of before kept, P's settings wanted, serial one higher. *RET_SAME
 * says that the file on disk says the same (but for serial and time), so that an apply without changes writes nothing. */
int ledger_next(struct engine *e, const struct policy *p, const struct plan *pl, struct originals **ret,
        bool *ret_same, struct fault *f);
/* Snapshot of every key that PL's writes can change: the writes in their order with the values that the plan saw, then
 * what they change along, read now, broad keys ("all", "default") first. All are noted in O as originals. */
int ledger_snapshot(
        struct engine *e, const struct plan *pl, struct originals *o, struct journal **ret, struct fault *f);

#endif
