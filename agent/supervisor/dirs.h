/* dirs.h — the directories of an agent and whose they are. */
#ifndef KEDGE_AGENT_SUPERVISOR_DIRS_H
#define KEDGE_AGENT_SUPERVISOR_DIRS_H

#include "agent/config/config.h"

/* Make, or correct, what C names:
 *	run_dir            0755 keeper      state_dir/keeper   0700 keeper
 *	state_dir          0755 root        state_dir/courier  0700 courier
 * (the keeper is uid 0 in the full profile). Files that root's local commands, or another profile, left in the keeper's
 * directories are handed to it. Needs root. KE_ACCES: a directory belongs to somebody else; KE_IO, KE_SYSTEM. */
int dirs_make(const struct agent_config *c, struct fault *f);

#endif
