/* outcome.h — how a plan, run or not, is told: one row a key.
 *
 * Text: "net.ipv4.tcp_fin_timeout: 60 -> 30", or "KEY: OUTCOME: reason" where nothing is or can be changed, then one line of
 * counts. JSON: the document of proto/schema/outcome.schema.json.
 */
#ifndef KEDGE_AGENT_LOCAL_OUTCOME_H
#define KEDGE_AGENT_LOCAL_OUTCOME_H

#include "agent/engine/plan.h"
#include "agent/local/input.h"

enum outcome_rows {
	OUTCOME_CHANGES, /* only keys that differ or could not be judged */
	OUTCOME_ALL,
};

struct outcome_view {
	const struct plan *plan;
	const struct input *input; /* NULL: no file was read */
	const struct policy *policy;
	enum outcome_rows rows;
	bool dry_run;
	const char *
	        result; /* one word for the whole: "applied", "already", "undone", "in_sync", "differs", ... */
	int exit_code;
	const struct fault *fault; /* NULL: none */
};

/* Append the rows to l->out in l's format. */
void outcome_tell(struct local *l, const struct outcome_view *v);
/* EXIT_DIFFERS and EXIT_FAILED bits of a plan that was not run. */
int outcome_exit(const struct plan *pl);

#endif
