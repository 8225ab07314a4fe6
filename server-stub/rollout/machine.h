/* machine.h — how one rollout goes on: its state, what may happen to it, and when.
 *
 * A pure state machine: the signed plan, the counted fleet and the time go in, at most one decision comes out. Whoever
 * executes it (api/lead.c) writes each decision down before asking for the next, so that a killed server goes on where the
 * last one stood and decides the same. Nothing here can bring a host what was not signed: it only says which waves hosts
 * are told of.
 *
 *            start          last wave settled, soaked
 *   running ────────────────────────────────────────▶ done
 *    │  ▲ └─ gate ─▶ halted ─ retry ─▶ running              abort: from everywhere, for good
 *  pause resume
 */
#ifndef KEDGE_SERVER_ROLLOUT_MACHINE_H
#define KEDGE_SERVER_ROLLOUT_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "policies/rollout.h"
#include "server-stub/rollout/tally.h"

#define RUN_REASON_ROOM 512
#define RUN_TEXT_ROOM   256

enum run_state { RUN_RUNNING, RUN_PAUSED, RUN_HALTED, RUN_ABORTED, RUN_DONE };
enum wave_state {
	WAVE_WAITS,   /* no host is told of it */
	WAVE_OPEN,    /* its hosts are told */
	WAVE_SETTLED, /* enough of them have answered */
};

struct wave_run {
	enum wave_state state;
	int64_t opened, settled; /* when; 0 not yet */
};

struct run {
	enum run_state state;
	int64_t since; /* in this state */
	char reason[RUN_REASON_ROOM];
	size_t n_waves; /* a standing rollout has one, which is open */
	struct wave_run waves[ROLLOUT_MAX_WAVES];
};

enum decision { DECIDE_NOTHING, DECIDE_OPEN, DECIDE_SETTLE, DECIDE_HALT, DECIDE_DONE };
enum run_command { RUN_PAUSE, RUN_RESUME, RUN_ABORT, RUN_RETRY };

/* Words of states, decisions and commands, as they are stored, told and audited. */
const char *run_state_name(enum run_state s);
const char *wave_state_name(enum wave_state s);
const char *decision_name(enum decision d);
const char *run_command_name(enum run_command c);
/* And back. KE_UNKNOWN. */
int run_state_parse(const char *word, enum run_state *ret);
int wave_state_parse(const char *word, enum wave_state *ret);

/* A rollout that nothing was decided about yet. */
struct run run_start(const struct rollout *r, int64_t now);
/* Decide the next thing and note it in RUN. WAVES has a tally for each wave of the plan. *RET_WAVE is the wave that was
 * opened or settled. Call it again until it decides nothing: that many calls are at most 2 * waves + 1. */
enum decision run_next(
        const struct rollout *r, const struct tally *waves, int64_t now, struct run *run, size_t *ret_wave);
/* What an operator says. KE_CONFLICT with F: not in this state. RETRY leaves it to the caller to set the hosts aside that
 * failed so far. */
int run_command(struct run *run, enum run_command c, const char *why, int64_t now, struct fault *f);
/* Are the hosts of wave WAVE told of the rollout? */
bool run_told(const struct run *run, size_t wave);
/* What wave WAVE waits for, or what became of it, in a person's words, into BUF. Returns BUF. */
const char *run_waits_for(const struct rollout *r, const struct run *run, const struct tally *waves,
        size_t wave, int64_t now, char buf[RUN_TEXT_ROOM]);

/* Is a limit exceeded? Then REASON says which, in words that name wave and numbers. A share counts once enough hosts of the
 * wave have answered, and against all that the wave reaches: what halts an early wave would halt it too if all others
 * were good. Looks at waves that have been opened. */
bool gates_broken(const struct gates *g, const struct run *run, const struct tally *waves,
        char reason[RUN_REASON_ROOM]);
/* Do more hosts fail than chance explains ("harm" of gates.h)? Looks at each opened wave and at all of them together. Lost hosts
 * are judged against those of the waves that still wait, over the same minutes; when too few wait, not at all. */
bool gates_harmed(const struct gates *g, const struct run *run, const struct tally *waves,
        char reason[RUN_REASON_ROOM]);
/* Could a fault still hide among the hosts of the opened waves, though they are enough to tell? */
bool gates_doubtful(const struct gates *g, const struct run *run, const struct tally *waves,
        char reason[RUN_REASON_ROOM]);
/* How many hosts must have answered for the wave to be settled; of a wave that is meant for nobody: none. */
int64_t gates_needed(const struct gates *g, const struct tally *t);

#endif
