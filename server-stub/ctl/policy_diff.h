/* policy_diff.h — what differs between two policies, by meaning: keys and canonical values, not text. */
#ifndef KEDGE_SERVER_CTL_POLICY_DIFF_H
#define KEDGE_SERVER_CTL_POLICY_DIFF_H

#include "policies/policy.h"

struct policy_change {
	const struct setting *before; /* NULL: the key is new */
	const struct setting *after;  /* NULL: the key is gone */
};

/* The settings that differ between A and B in value, bound, exceptions, mode, or being required, by key; *RET is allocated (free()), its
 * settings belong to A and B. Remarks do not count. KE_NOMEM. */
int policy_diff(const struct policy *a, const struct policy *b, struct policy_change **ret, size_t *ret_n);

#endif
