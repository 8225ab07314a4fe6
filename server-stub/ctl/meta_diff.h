/* meta_diff.h — what differs between two versions of a role, in lines that a person can judge before signing. */
#ifndef KEDGE_SERVER_CTL_META_DIFF_H
#define KEDGE_SERVER_CTL_META_DIFF_H

#include "proto/buf.h"
#include "proto/err.h"

struct cJSON;

/* Append to OUT what NEW, a signed part of ROLE, has and OLD (NULL: nothing) has not, and the other way round: keys and
 * thresholds of a root, targets and delegations of a targets role. One line each, "+ ", "- " or "~ " first, without
 * control characters. Snapshot and timestamp follow from the others and give no line. An error when one of the two is
 * no valid role. */
int meta_diff(
        const char *role, const struct cJSON *old, const struct cJSON *new, struct buf *out, struct fault *f);

#endif
