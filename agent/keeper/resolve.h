/* resolve.h — all policies in force, as one.
 *
 * Pure. Where two policies set one key, the higher priority wins; at the same priority the one that came later is refused
 * whole. Keys that were in force and that no policy wants any more go back to their originals in the same transaction.
 */
#ifndef KEDGE_KEEPER_RESOLVE_H
#define KEDGE_KEEPER_RESOLVE_H

#include "agent/engine/original.h"
#include "agent/keeper/adopted.h"
#include "agent/keeper/override.h"
#include "policies/facts.h"
#include "policies/policy.h"

struct candidate {
	const char *name;
	const struct policy *policy; /* NULL: remove it */
};

/* Merge the policies of L, with CANDIDATE (may be NULL) in the place of the row of its name, for a host with FACTS: policies
 * whose selector does not match are left out. Over them go the keys of OVER (may be NULL), in the mode of the setting that they
 * replace; a key that nobody sets is enforced. O (may be NULL) tells what is in force: its keys that the result does not want
 * are appended with their originals as settings to release. KE_CONFLICT names both policies and the key. *RET is new. */
int resolve_policies(const struct adopted_list *l, const struct candidate *candidate,
        const struct override_list *over, const struct host_facts *facts, const struct originals *o,
        struct policy **ret, struct fault *f);
/* Which policy of L does the merged policy take key N from? NULL: none (a release). */
const struct adopted *resolve_owner(
        const struct adopted_list *l, const struct host_facts *facts, const struct name *n);

#endif
