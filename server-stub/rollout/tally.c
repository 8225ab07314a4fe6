/* tally.c — from what a host said to an outcome, and from outcomes to numbers. Pure; called by the server for every host of a
 * rollout, so it neither allocates nor formats. */
#include "server-stub/rollout/tally.h"

#include <string.h>

static bool one_of(const char *word, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

/* A mirror that lags, an answer that did not come, a wave that is not open there: says nothing of the policy. */
static bool says_nothing(const char *code)
{
	static const char *const codes[] = { "", "untrusted", "noent", "rollback", "window", "clock",
		"expired", "http", "exist", NULL };

	return one_of(code, codes);
}

enum stand stand_of(const struct host_said *h)
{
	static const char *const good[] = { "confirmed", "already", "removed", NULL };
	static const char *const failed[] = { "failed", "degraded", NULL };

	if (!h->at_serial)
		return says_nothing(h->refusal) ? STAND_SILENT : STAND_FAILED;
	if (one_of(h->result, good) || strcmp(h->state, "not_selected") == 0)
		return STAND_GOOD;
	if (one_of(h->result, failed))
		return STAND_FAILED;
	if (strcmp(h->result, "reverted") == 0)
		return STAND_REVERTED;
	/* Known by its status only: the apply record is on its way, or retention took it. */
	if (strcmp(h->state, "held") == 0)
		return STAND_FAILED;
	if (strcmp(h->state, "applied") == 0)
		return STAND_GOOD;
	return STAND_BEGUN;
}

const char *stand_name(enum stand o)
{
	static const char *const names[] = { "silent", "begun", "good", "failed", "reverted" };

	return names[o];
}

void said_heard(struct host_said *h, int64_t last_seen, int64_t opened, int64_t opened_last, int64_t now,
        int64_t poll)
{
	h->quiet = last_seen < now - 3 * poll;
	h->online = last_seen && (!h->quiet || (opened && last_seen >= opened));
	h->watched = last_seen && last_seen >= opened_last - 3 * poll;
}

void tally_add(struct tally *t, const struct host_said *h)
{
	enum stand o = stand_of(h);
	bool answered = o == STAND_GOOD || o == STAND_FAILED || o == STAND_REVERTED;

	bool lost = h->watched && h->quiet && o != STAND_FAILED && o != STAND_REVERTED;

	t->hosts++;
	t->watched += h->watched;
	t->lost += lost;
	t->answered += answered;
	t->reached += answered || o == STAND_BEGUN || h->online || lost;
	t->begun += o == STAND_BEGUN;
	t->good += o == STAND_GOOD;
	t->failed += o == STAND_FAILED;
	t->reverted += o == STAND_REVERTED;
	/* Whoever never took it up has the others' trouble, not this rollout's. */
	t->contested += o == STAND_GOOD && h->contested;
	t->drifted += o == STAND_GOOD && h->drifted > 0;
}

int64_t tally_of(const struct tally *t, enum gate g)
{
	switch (g) {
	case GATE_FAILED:
		return t->failed;
	case GATE_REVERTED:
		return t->reverted;
	case GATE_CONTESTED:
		return t->contested;
	case GATE_DRIFTED:
		return t->drifted;
	case GATE_COUNT:
		break;
	}
	return 0;
}
