/* gates_judge.c — the signed limits against the counted fleet. Pure. A share is of all hosts that a wave reaches, not of those
 * that happened to answer first: an early answer then weighs as much as a late one, and looking again and again cannot
 * halt a good rollout by chance. "harm" compares with chance (policies/gates.h tells the test): failing hosts with the signed
 * background, lost ones with what those lose that have not been changed yet. Called by machine.c. */
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

/* ---- harm ---- */

#define CONTROL_MIN 50 /* hosts that wait; fewer say nothing of how many are lost anyway */

/* What the opened waves show, and what would be without the rollout. */
struct evidence {
	int64_t reached, answered, failing;
};

static struct evidence evidence_of(const struct tally *t, bool lost)
{
	int64_t failing = t->failed + t->reverted + (lost ? t->lost : 0);

	/* Who answered well and was lost then is in both. */
	return (struct evidence){ t->reached, lesser(t->good + failing, t->reached), failing };
}

/* The share of hosts that fail or are lost without the rollout. *RET_LOST: lost hosts can be judged. */
static double background(
        const struct gates *g, const struct run *run, const struct tally *waves, bool *ret_lost)
{
	int64_t watched = 0, lost = 0;

	for (size_t i = 0; i < run->n_waves; i++)
		if (run->waves[i].state == WAVE_WAITS) {
			watched += waves[i].watched;
			lost += waves[i].lost;
		}
	*ret_lost = watched >= CONTROL_MIN;
	return gates_background(g) + (*ret_lost ? (double)lost / (double)watched : 0);
}

static bool beyond_chance(double share, const struct evidence *e)
{
	return (double)e->failing > (double)e->reached * share && e->failing > gates_most(share, e->reached);
}

static const char *failing_words(bool lost)
{
	return lost ? "failed, reverted or were lost" : "failed or reverted";
}

bool gates_harmed(
        const struct gates *g, const struct run *run, const struct tally *waves, char reason[RUN_REASON_ROOM])
{
	struct evidence all = { 0 };
	bool lost;

	if (!gates_harm(g))
		return false;
	double share = background(g, run, waves, &lost);
	for (size_t i = 0; i <= run->n_waves; i++) {
		struct evidence e = all;
		char where[32] = "all waves so far";
		if (i < run->n_waves) {
			if (run->waves[i].state == WAVE_WAITS)
				continue;
			e = evidence_of(&waves[i], lost);
			all.reached += e.reached;
			all.failing += e.failing;
			snprintf(where, sizeof where, "wave %zu", i + 1);
		}
		if (!beyond_chance(share, &e))
			continue;
		snprintf(reason, RUN_REASON_ROOM,
		        "%s: %lld of %lld hosts %s; chance explains %lld, at %.2f %% that fail anyway", where,
		        (long long)e.failing, (long long)e.reached, failing_words(lost),
		        (long long)gates_most(share, e.reached), 100 * share);
		return true;
	}
	return false;
}

bool gates_doubtful(
        const struct gates *g, const struct run *run, const struct tally *waves, char reason[RUN_REASON_ROOM])
{
	struct evidence all = { 0 };
	bool lost;

	if (!gates_harm(g))
		return false;
	double share = background(g, run, waves, &lost);
	for (size_t i = 0; i < run->n_waves; i++)
		if (run->waves[i].state != WAVE_WAITS) {
			struct evidence e = evidence_of(&waves[i], lost);
			all.answered += e.answered;
			all.failing += e.failing;
		}
	int64_t least = gates_least(g, share, all.answered);
	if (least < 0 || all.failing <= least)
		return false;
	snprintf(reason, RUN_REASON_ROOM,
	        "%lld of %lld hosts %s: too few to prove a fault, too many to rule out one of %.1f %% (%lld "
	        "would be); retry goes on",
	        (long long)all.failing, (long long)all.answered, failing_words(lost), (double)g->excess / 10,
	        (long long)least);
	return true;
}
