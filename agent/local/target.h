/* target.h — facts about this host for lint: kernel, memory, namespace, drops, live values. Reads only. */
#ifndef KEDGE_AGENT_LOCAL_TARGET_H
#define KEDGE_AGENT_LOCAL_TARGET_H

#include "agent/engine/engine.h"
#include "policies/lint.h"

struct target {
	struct lint_target lint; /* what the rules see; lint.ctx is this struct */
	struct engine *engine;   /* borrowed */
	char **values;           /* texts handed out by lint.current */
	size_t n_values;
};

/* Gather the facts with E's tree. What cannot be had stays "not known". target_clear() it; it must not move. */
void target_read(struct engine *e, struct target *ret);
void target_clear(struct target *t);

#endif
