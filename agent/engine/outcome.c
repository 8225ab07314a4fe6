/* outcome.c — the words for what became of a key. */
#include "agent/engine/plan.h"

#include <stdio.h>
#include <string.h>

static const char *const names[] = {
	[OUTCOME_PLANNED] = "planned",
	[OUTCOME_APPLIED] = "applied",
	[OUTCOME_ALREADY] = "already",
	[OUTCOME_DIFFERS] = "differs",
	[OUTCOME_PENDING] = "pending",
	[OUTCOME_UNSUPPORTED] = "unsupported",
	[OUTCOME_BLOCKED] = "blocked",
	[OUTCOME_REFUSED] = "refused",
	[OUTCOME_MISMATCH] = "mismatch",
	[OUTCOME_CONFLICT] = "conflict",
	[OUTCOME_RESTORED] = "restored",
	[OUTCOME_UNTOUCHED] = "untouched",
	[OUTCOME_DEGRADED] = "degraded",
};

const char *outcome_name(enum outcome o)
{
	return o < sizeof names / sizeof names[0] ? names[o] : "unknown";
}

const char *outcome_text(const struct plan_key *k, char *buf, size_t size)
{
	char why[160];
	const char *name = outcome_name(k->outcome);
	/* A port list of 84 KB helps nobody on a terminal. */
	const char *got = k->got ? k->got : "nothing readable";
	int len = strlen(got) > 80 ? 77 : (int)strlen(got);
	const char *dots = strlen(got) > 80 ? "..." : "";

	switch (k->outcome) {
	case OUTCOME_PENDING:
	case OUTCOME_UNSUPPORTED:
	case OUTCOME_BLOCKED:
		snprintf(buf, size, "%s: %s", name, reason_text(k->reason, k->detail, why, sizeof why));
		break;
	case OUTCOME_REFUSED:
		snprintf(buf, size, "%s: %s", name, strerror(k->err));
		break;
	case OUTCOME_MISMATCH:
		snprintf(buf, size, "%s: the kernel stored %.*s%s", name, len, got, dots);
		break;
	case OUTCOME_CONFLICT:
		snprintf(buf, size, "%s: somebody else set it to %.*s%s meanwhile", name, len, got, dots);
		break;
	case OUTCOME_DEGRADED:
		snprintf(buf, size, "%s: could not be put back%s%s; it holds %.*s%s", name,
		        k->err ? ": " : "", k->err ? strerror(k->err) : "", len, got, dots);
		break;
	default:
		snprintf(buf, size, "%s", name);
		break;
	}
	return buf;
}
