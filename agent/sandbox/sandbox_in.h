/* sandbox_in.h — the parts of sandbox_lock(). For this folder only. */
#ifndef KEDGE_AGENT_SANDBOX_SANDBOX_IN_H
#define KEDGE_AGENT_SANDBOX_SANDBOX_IN_H

#include "agent/sandbox/sandbox.h"

/* The Landlock ABI of this kernel; 0: none. */
int landlock_abi(void);
/* Restrict this thread to RULES' paths. *RET_ABI is what was used, 0 when the kernel has no Landlock (no error). */
int landlock_lock(const struct sandbox_rules *rules, int *ret_abi, struct fault *f);

/* Load ROLE's list. *RET_CONFINED: forbidden calls do not happen (not $KEDGE_SECCOMP=log). KE_UNSUPPORTED: the kernel has
 * no seccomp. */
int seccomp_lock(enum sandbox_role role, bool *ret_confined, struct fault *f);

/* The effective capabilities of this thread, as bits. */
int caps_effective(uint64_t *ret);

#endif
