/* gates_judge.c — the signed limits against the counted fleet. Pure. A share is of all hosts that a wave reaches, not of those
 * that happened to answer first: an early answer then weighs as much as a late one, and looking again and again cannot
 * halt a good rollout by chance. Called by machine.c. */
#include <stdio.h>

#include "server-stub/rollout/machine.h"

static int64_t lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t gates_needed(const struct gates *g, const struct tally *t)
{
	int64_t share = (t->reached * g->answered + 999) / 1000,
	        evidence = lesser(g->evidence, t->hosts + t->missing);

	return share > evidence ? share : evidence;
}

static bool share_broken(const struct gates *g, enum gate which, const struct tally *t)
{
	int64_t share = g->limits[which].share;

	return share != GATES_NO_LIMIT && t->answered >= lesser(g->evidence, t->hosts) &&
	       tally_of(t, which) * 1000 > t->reached * share;
}

static bool hosts_broken(const struct gates *g, enum gate which, int64_t all)
{
	int64_t hosts = g->limits[which].hosts;

	return hosts != GATES_NO_LIMIT && all > hosts;
}

bool gates_broken(
        const struct gates *g, const struct run *run, const struct tally *waves, char reason[RUN_REASON_ROOM])
{
	for (enum gate which = 0; which < GATE_COUNT; which++) {
		int64_t all = 0;
		for (size_t i = 0; i < run->n_waves; i++) {
			const struct tally *t = &waves[i];
			if (run->waves[i].state == WAVE_WAITS)
				continue;
			all += tally_of(t, which);
			if (!share_broken(g, which, t))
				continue;
			snprintf(reason, RUN_REASON_ROOM,
			        "wave %zu: %lld of %lld hosts %s, more than %lld.%lld %%", i + 1,
			        (long long)tally_of(t, which), (long long)t->reached, gate_name(which),
			        (long long)(g->limits[which].share / 10),
			        (long long)(g->limits[which].share % 10));
			return true;
		}
		if (hosts_broken(g, which, all)) {
			snprintf(reason, RUN_REASON_ROOM, "%lld hosts %s, more than %lld", (long long)all,
			        gate_name(which), (long long)g->limits[which].hosts);
			return true;
		}
	}
	return false;
}
