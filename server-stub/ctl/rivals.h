/* rivals.h — do two rollouts want one key? */
#ifndef KEDGE_SERVER_CTL_RIVALS_H
#define KEDGE_SERVER_CTL_RIVALS_H

#include "policies/rollout.h"
#include "server-stub/ctl/depot.h"

/* Would some host refuse R whole, because another policy's newest rollout in D sets a key that R sets, at the same priority, and
 * no label tells their hosts apart? KE_CONFLICT names policy and key. What cannot be read is passed over: it was
 * checked when it was signed. */
int rivals_check(const struct depot *d, const struct rollout *r, struct fault *f);
/* May one host match both? NULL selects every host. */
bool rivals_meet(const struct selector *a, const struct selector *b);

#endif
