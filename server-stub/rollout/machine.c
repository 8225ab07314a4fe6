/* machine.c — the state machine of a rollout. Pure: no clock, no store, no network; the same plan, numbers, time and state give
 * the same decision, in whichever process. It refuses commands that do not fit the state, and it never opens a wave
 * before its signed time. Called by api/lead.c, by the commands of operators, and by whoever shows a rollout. */
#include "server-stub/rollout/machine.h"

#include <stdio.h>
#include <string.h>

#include "proto/clock.h"

static const char *const run_states[] = { [RUN_RUNNING] = "running",
	[RUN_PAUSED] = "paused",
	[RUN_HALTED] = "halted",
	[RUN_ABORTED] = "aborted",
	[RUN_DONE] = "done" };
static const char *const wave_states[] = {
	[WAVE_WAITS] = "waits", [WAVE_OPEN] = "open", [WAVE_SETTLED] = "settled"
};
static const char *const decisions[] = { [DECIDE_NOTHING] = "nothing",
	[DECIDE_OPEN] = "open",
	[DECIDE_SETTLE] = "settle",
	[DECIDE_HALT] = "halt",
	[DECIDE_DONE] = "done" };
static const char *const commands[] = {
	[RUN_PAUSE] = "pause", [RUN_RESUME] = "resume", [RUN_ABORT] = "abort", [RUN_RETRY] = "retry"
};

const char *run_state_name(enum run_state s)
{
	return run_states[s];
}

const char *wave_state_name(enum wave_state s)
{
	return wave_states[s];
}

const char *decision_name(enum decision d)
{
	return decisions[d];
}

const char *run_command_name(enum run_command c)
{
	return commands[c];
}

static int word_find(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return (int)i;
	return KE_UNKNOWN;
}

int run_state_parse(const char *word, enum run_state *ret)
{
	int at = word_find(word, run_states, sizeof run_states / sizeof run_states[0]);

	if (at < 0)
		return at;
	*ret = (enum run_state)at;
	return KE_OK;
}

int wave_state_parse(const char *word, enum wave_state *ret)
{
	int at = word_find(word, wave_states, sizeof wave_states / sizeof wave_states[0]);

	if (at < 0)
		return at;
	*ret = (enum wave_state)at;
	return KE_OK;
}

struct run run_start(const struct rollout *r, int64_t now)
{
	struct run run = { .state = RUN_RUNNING, .since = now, .n_waves = r->standing ? 1 : r->n_waves };

	if (r->standing) {
		run.state = RUN_DONE;
		run.waves[0] = (struct wave_run){ WAVE_SETTLED, now, now };
	}
	return run;
}

static void enter(struct run *run, enum run_state state, int64_t now)
{
	run->state = state;
	run->since = now;
}

static bool closed(const struct rollout *r, size_t wave, int64_t now)
{
	return now >= r->start + r->waves[wave].opens_before;
}

/* ---- deciding ---- */

/* Wave I is the first that waits; may it open? */
static enum decision open_next(
        const struct rollout *r, const struct tally *waves, size_t i, int64_t now, struct run *run)
{
	char time[TIME_TEXT_ROOM];

	if (i && now < run->waves[i - 1].settled + r->gates.soak)
		return DECIDE_NOTHING;
	if (now < r->start + r->waves[i].opens_after)
		return DECIDE_NOTHING;
	if (!closed(r, i, now) && !windows_open(&r->windows, now))
		return DECIDE_NOTHING;
	if (closed(r, i, now)) {
		snprintf(run->reason, sizeof run->reason,
		        "wave %zu closed at %s before it could open: a new serial is needed", i + 1,
		        time_format(r->start + r->waves[i].opens_before, time));
		enter(run, RUN_HALTED, now);
		return DECIDE_HALT;
	}
	if (i && gates_doubtful(&r->gates, run, waves, run->reason)) {
		enter(run, RUN_HALTED, now);
		return DECIDE_HALT;
	}
	run->waves[i].state = WAVE_OPEN;
	run->waves[i].opened = now;
	return DECIDE_OPEN;
}

/* Wave I is open; is it settled, or will it never be? */
static enum decision settle(
        const struct rollout *r, const struct tally *t, size_t i, int64_t now, struct run *run)
{
	bool last = i + 1 == run->n_waves;

	if (t->answered < gates_needed(&r->gates, t)) {
		if (!closed(r, i, now))
			return DECIDE_NOTHING;
		snprintf(run->reason, sizeof run->reason,
		        "wave %zu closed when %lld of %lld hosts had answered", i + 1, (long long)t->answered,
		        (long long)t->reached);
		enter(run, last ? RUN_DONE : RUN_HALTED, now);
		return last ? DECIDE_DONE : DECIDE_HALT;
	}
	run->waves[i].state = WAVE_SETTLED;
	run->waves[i].settled = now;
	return DECIDE_SETTLE;
}

enum decision run_next(
        const struct rollout *r, const struct tally *waves, int64_t now, struct run *run, size_t *ret_wave)
{
	if (run->state != RUN_RUNNING || r->standing)
		return DECIDE_NOTHING;
	if (gates_broken(&r->gates, run, waves, run->reason) ||
	        gates_harmed(&r->gates, run, waves, run->reason)) {
		enter(run, RUN_HALTED, now);
		return DECIDE_HALT;
	}
	for (size_t i = 0; i < run->n_waves; i++) {
		*ret_wave = i;
		if (run->waves[i].state == WAVE_OPEN)
			return settle(r, &waves[i], i, now, run);
		if (run->waves[i].state == WAVE_WAITS)
			return open_next(r, waves, i, now, run);
	}
	if (now < run->waves[run->n_waves - 1].settled + r->gates.soak)
		return DECIDE_NOTHING;
	enter(run, RUN_DONE, now);
	return DECIDE_DONE;
}

/* ---- operators ---- */

int run_command(struct run *run, enum run_command c, const char *why, int64_t now, struct fault *f)
{
	static const struct {
		unsigned from; /* bits of states */
		enum run_state to;
		const char *todo;
	} rows[] = {
		[RUN_PAUSE] = { 1u << RUN_RUNNING | 1u << RUN_DONE, RUN_PAUSED, NULL },
		[RUN_RESUME] = { 1u << RUN_PAUSED, RUN_RUNNING,
		        "what halted goes on with retry; what was aborted needs a new serial" },
		[RUN_ABORT] = { 1u << RUN_RUNNING | 1u << RUN_PAUSED | 1u << RUN_HALTED | 1u << RUN_DONE,
		        RUN_ABORTED, NULL },
		[RUN_RETRY] = { 1u << RUN_HALTED, RUN_RUNNING, "what was paused goes on with resume" },
	};

	if (!(rows[c].from & 1u << run->state))
		return fault_set(f, KE_CONFLICT, NULL, rows[c].todo, "it is %s: nothing to %s",
		        run_states[run->state], commands[c]);
	enter(run, rows[c].to, now);
	snprintf(run->reason, sizeof run->reason, "%s", why ? why : "");
	return KE_OK;
}

bool run_told(const struct run *run, size_t wave)
{
	return (run->state == RUN_RUNNING || run->state == RUN_DONE) && wave < run->n_waves &&
	       run->waves[wave].state != WAVE_WAITS;
}

/* ---- in words ---- */

static const char *waits_text(const struct rollout *r, const struct run *run, const struct tally *waves,
        size_t i, int64_t now, char buf[RUN_TEXT_ROOM])
{
	int64_t opens = r->start + r->waves[i].opens_after;
	char time[TIME_TEXT_ROOM];

	if (i && run->waves[i - 1].state != WAVE_SETTLED) {
		snprintf(buf, RUN_TEXT_ROOM, "waits for wave %zu", i);
		return buf;
	}
	if (i && opens < run->waves[i - 1].settled + r->gates.soak)
		opens = run->waves[i - 1].settled + r->gates.soak;
	(void)waves;
	if (windows_next(&r->windows, opens > now ? opens : now) > opens)
		opens = windows_next(&r->windows, opens > now ? opens : now);
	snprintf(buf, RUN_TEXT_ROOM, now < opens ? "opens at %s" : "opens next", time_format(opens, time));
	return buf;
}

const char *run_waits_for(const struct rollout *r, const struct run *run, const struct tally *waves,
        size_t wave, int64_t now, char buf[RUN_TEXT_ROOM])
{
	const struct tally *t = &waves[wave];

	if (run->waves[wave].state == WAVE_SETTLED)
		snprintf(buf, RUN_TEXT_ROOM, "settled");
	else if (run->waves[wave].state == WAVE_WAITS && !r->standing)
		return waits_text(r, run, waves, wave, now, buf);
	else if (t->hosts && !t->reached)
		snprintf(buf, RUN_TEXT_ROOM, "none of its %lld hosts is online", (long long)t->hosts);
	else
		snprintf(buf, RUN_TEXT_ROOM, "%lld of %lld hosts have answered, %lld are needed",
		        (long long)t->answered, (long long)t->reached,
		        (long long)(r->standing ? 0 : gates_needed(&r->gates, t)));
	return buf;
}
