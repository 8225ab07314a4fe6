/* The state machine of a rollout: rows, then properties over fleets made from seeds. The simulated hosts answer when and as
 * the seed says; nothing waits for a clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/machine_world.h"

static void all_goes_well(void **state)
{
	(void)state;
	struct rollout_wave waves[2];
	struct gates g = gates_default();
	struct rollout r = plan_of(waves, 2, g);
	struct run run = run_start(&r, START);
	struct tally t[2] = { { .hosts = 1, .reached = 1 }, { .hosts = 20, .reached = 20 } };

	assert_int_equal(next(&r, t, -1, &run), DECIDE_NOTHING); /* not before its time */
	assert_false(run_told(&run, 0));
	assert_int_equal(next(&r, t, 0, &run), DECIDE_OPEN);
	assert_true(run_told(&run, 0));
	assert_false(run_told(&run, 1));
	assert_int_equal(next(&r, t, 1, &run), DECIDE_NOTHING); /* nobody has answered */
	t[0].answered = t[0].good = 1;
	assert_int_equal(next(&r, t, 10, &run), DECIDE_SETTLE);
	assert_int_equal(next(&r, t, 309, &run),
	        DECIDE_NOTHING); /* soaks until 310, though wave 2 may open from 100 on */
	assert_int_equal(next(&r, t, 310, &run), DECIDE_OPEN);
	assert_true(run_told(&run, 1));
	t[1].answered = t[1].good = 17; /* 85 % */
	assert_int_equal(next(&r, t, 320, &run), DECIDE_NOTHING);
	t[1].answered = t[1].good = 18;
	assert_int_equal(next(&r, t, 330, &run), DECIDE_SETTLE);
	assert_int_equal(next(&r, t, 629, &run), DECIDE_NOTHING);
	assert_int_equal(next(&r, t, 630, &run), DECIDE_DONE);
	assert_int_equal(run.state, RUN_DONE);
	assert_true(run_told(&run, 0) && run_told(&run, 1)); /* for who comes later */
	t[1].failed = 20;
	assert_int_equal(next(&r, t, 700, &run), DECIDE_NOTHING);
}

static void gates(void **state)
{
	(void)state;
	static const struct {
		const char *remark;
		enum gate gate;
		struct gate_limit limit;
		int64_t evidence;
		struct tally first, second; /* of wave 1, settled, and wave 2, open */
		const char *reason;         /* NULL: holds */
	} rows[] = {
		{ "one canary of one", GATE_FAILED, { -1, 50 }, 10, { 1, 0, 1, 1, .failed = 1 }, { 0 },
		        "wave 1: 1 of 1 hosts failed, more than 5.0 %" },
		{ "exactly the share", GATE_FAILED, { -1, 50 }, 10,
		        { 20, 0, 20, 20, .good = 19, .failed = 1 }, { 0 }, NULL },
		{ "one more", GATE_FAILED, { -1, 50 }, 10, { 20, 0, 20, 20, .good = 18, .failed = 2 }, { 0 },
		        "wave 1: 2 of 20 hosts failed, more than 5.0 %" },
		{ "of 1000, the first ten answer badly: no verdict on the rest", GATE_FAILED, { -1, 50 }, 10,
		        { 1000, 0, 1000, 10, .failed = 10 }, { 0 }, NULL },
		{ "of 1000, the 51st failure decides", GATE_FAILED, { -1, 50 }, 10,
		        { 1000, 0, 1000, 51, .failed = 51 }, { 0 },
		        "wave 1: 51 of 1000 hosts failed, more than 5.0 %" },
		{ "too little evidence", GATE_FAILED, { -1, 50 }, 10, { 100, 0, 20, 9, .failed = 9 }, { 0 },
		        NULL },
		{ "who is offline does not dilute", GATE_FAILED, { -1, 50 }, 10,
		        { 100, 0, 20, 10, .failed = 2 }, { 0 },
		        "wave 1: 2 of 20 hosts failed, more than 5.0 %" },
		{ "a canary that is missing protects no other", GATE_FAILED, { -1, 50 }, 10,
		        { 1, 1, 1, 1, .failed = 1 }, { 0 }, "wave 1: 1 of 1 hosts failed, more than 5.0 %" },
		{ "the second wave too", GATE_REVERTED, { -1, 100 }, 1, { 1, 0, 1, 1, .good = 1 },
		        { 9, 0, 9, 1, .reverted = 1 }, "wave 2: 1 of 9 hosts reverted, more than 10.0 %" },
		{ "hosts count over all waves", GATE_CONTESTED, { 2, -1 }, 0,
		        { 5, 0, 5, 5, .good = 5, .contested = 2 }, { 5, 0, 5, 1, .good = 1, .contested = 1 },
		        "3 hosts contested, more than 2" },
		{ "as many as allowed", GATE_CONTESTED, { 3, -1 }, 0,
		        { 5, 0, 5, 5, .good = 5, .contested = 2 }, { 5, 0, 5, 1, .good = 1, .contested = 1 },
		        NULL },
		{ "none is allowed", GATE_DRIFTED, { 0, -1 }, 0, { 5, 0, 5, 5, .good = 5, .drifted = 1 },
		        { 0 }, "1 hosts drifted, more than 0" },
		{ "another gate's number", GATE_DRIFTED, { 0, 0 }, 0, { 5, 0, 5, 5, .failed = 5 }, { 0 },
		        NULL },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct rollout_wave waves[2];
		struct gates g = gates_none();
		g.evidence = rows[i].evidence;
		g.answered = 1000;
		g.limits[rows[i].gate] = rows[i].limit;
		struct rollout r = plan_of(waves, 2, g);
		struct run run = run_start(&r, START);
		const struct tally t[2] = { rows[i].first, rows[i].second };
		run.waves[0] = (struct wave_run){ WAVE_SETTLED, START, START };
		run.waves[1] = (struct wave_run){ WAVE_OPEN, START + 100, 0 };
		enum decision d = next(&r, t, 200, &run);
		if ((d == DECIDE_HALT) != (rows[i].reason != NULL))
			fail_msg("%s: %s (%s)", rows[i].remark, decision_name(d), run.reason);
		if (rows[i].reason)
			assert_string_equal(run.reason, rows[i].reason);
		assert_int_equal(run_told(&run, 0), !rows[i].reason);
	}
}

static void windows(void **state)
{
	(void)state;
	struct rollout_wave waves[2];
	struct gates g = gates_default();
	struct rollout r = plan_of(waves, 2, g);
	struct run run = run_start(&r, START), fresh = run;
	struct tally t[2] = { { .hosts = 10, .reached = 10, .answered = 3, .good = 3 }, { .hosts = 10 } };

	assert_int_equal(next(&r, t, 86400, &fresh), DECIDE_HALT); /* nobody executed it in time */
	assert_non_null(strstr(fresh.reason, "a new serial is needed"));
	assert_int_equal(next(&r, t, 0, &run), DECIDE_OPEN);
	assert_int_equal(next(&r, t, 86399, &run), DECIDE_NOTHING);
	assert_int_equal(next(&r, t, 86400, &run), DECIDE_HALT);
	assert_string_equal(run.reason, "wave 1 closed when 3 of 10 hosts had answered");
	/* of the last wave it is the end, not a fault */
	run = run_start(&r, START);
	run.waves[0] = (struct wave_run){ WAVE_SETTLED, START, START };
	run.waves[1] = (struct wave_run){ WAVE_OPEN, START, 0 };
	assert_int_equal(next(&r, t, 86400, &run), DECIDE_DONE);
	assert_string_equal(run.reason, "wave 2 closed when 0 of 0 hosts had answered");
}

/* A wave opens in a maintenance window only; START is Monday, 1970-01-12T13:46:40Z. */
static void windows_hold(void **state)
{
	(void)state;
	struct rollout_wave waves[2];
	struct rollout r = plan_of(waves, 2, gates_none());
	struct tally t[2] = { { .hosts = 1, .reached = 1, .answered = 1, .good = 1 },
		{ .hosts = 1, .reached = 1 } };
	struct run run = run_start(&r, START);
	char text[RUN_TEXT_ROOM];

	r.gates.soak = 3600;
	assert_int_equal(windows_add(&r.windows, "14:00-15:00", NULL), 0);
	assert_int_equal(next(&r, t, 0, &run), DECIDE_NOTHING);
	assert_string_equal(run_waits_for(&r, &run, t, 0, START, text), "opens at 1970-01-12T14:00:00Z");
	assert_int_equal(next(&r, t, 799, &run), DECIDE_NOTHING);
	assert_int_equal(next(&r, t, 800, &run), DECIDE_OPEN);
	assert_int_equal(next(&r, t, 900, &run), DECIDE_SETTLE);
	/* soaked at 14:01 + 1 h, when the window is over: on the next day */
	assert_int_equal(next(&r, t, 900 + 3600, &run), DECIDE_NOTHING);
	assert_string_equal(
	        run_waits_for(&r, &run, t, 1, START + 900, text), "opens at 1970-01-13T14:00:00Z");
	assert_int_equal(next(&r, t, 86400 - 1, &run), DECIDE_NOTHING);
	/* closed before it could open */
	assert_int_equal(next(&r, t, 86400 + 800, &run), DECIDE_HALT);
}

static void without_gates(void **state)
{
	(void)state;
	struct rollout_wave waves[3];
	struct rollout r = plan_of(waves, 3, gates_none());
	struct run run = run_start(&r, START);
	const struct tally t[3] = { { .hosts = 5, .reached = 5, .failed = 5, .answered = 5 }, { .hosts = 9 },
		{ 0 } };

	for (int i = 0; i < 3; i++) {
		assert_int_equal(next(&r, t, i * 100, &run), DECIDE_OPEN);
		assert_int_equal(next(&r, t, i * 100, &run), DECIDE_SETTLE);
		assert_int_equal(next(&r, t, i * 100, &run), i == 2 ? DECIDE_DONE : DECIDE_NOTHING);
	}
}

static void standing(void **state)
{
	(void)state;
	static char policy[] = "web";
	const struct rollout r = { .policy = policy, .serial = 2, .standing = true, .gates = gates_none() };
	const struct tally t = { .hosts = 5, .reached = 5, .failed = 5, .answered = 5 };
	struct run run = run_start(&r, START);

	assert_true(run_told(&run, 0));
	assert_int_equal(next(&r, &t, 0, &run), DECIDE_NOTHING);
	assert_int_equal(run_command(&run, RUN_PAUSE, "stop", START, NULL), 0);
	assert_false(run_told(&run, 0));
	assert_int_equal(run_command(&run, RUN_RESUME, "go", START, NULL), 0);
	assert_true(run_told(&run, 0));
	assert_int_equal(next(&r, &t, 0, &run), DECIDE_NOTHING);
}

/* Every command in every state. */
static void commands(void **state)
{
	(void)state;
	enum { NO = -1 };
	static const int rows[5][4] = {
		/* pause, resume, abort, retry */
		[RUN_RUNNING] = { RUN_PAUSED, NO, RUN_ABORTED, NO },
		[RUN_PAUSED] = { NO, RUN_RUNNING, RUN_ABORTED, NO },
		[RUN_HALTED] = { NO, NO, RUN_ABORTED, RUN_RUNNING },
		[RUN_ABORTED] = { NO, NO, NO, NO },
		[RUN_DONE] = { RUN_PAUSED, NO, RUN_ABORTED, NO },
	};

	for (int from = 0; from < 5; from++)
		for (int c = 0; c < 4; c++) {
			struct run run = { .state = (enum run_state)from, .since = 1, .reason = "old" };
			struct fault f = { 0 };
			int rc = run_command(&run, (enum run_command)c, "because", 77, &f);
			int want = rows[from][c];
			if (want == NO ? rc != KE_CONFLICT || (int)run.state != from || run.since != 1 ||
			                         !f.what[0]
			               : rc || (int)run.state != want || run.since != 77 ||
			                         strcmp(run.reason, "because") != 0)
				fail_msg("%s in %s: %d, %s", run_command_name((enum run_command)c),
				        run_state_name((enum run_state)from), rc, run_state_name(run.state));
		}
}

static void names(void **state)
{
	(void)state;
	enum run_state s;
	enum wave_state ws;

	for (int i = 0; i < 5; i++) {
		assert_int_equal(run_state_parse(run_state_name((enum run_state)i), &s), 0);
		assert_int_equal(s, i);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(wave_state_parse(wave_state_name((enum wave_state)i), &ws), 0);
		assert_int_equal(ws, i);
	}
	assert_int_equal(run_state_parse("", &s), KE_UNKNOWN);
	assert_int_equal(wave_state_parse("opened", &ws), KE_UNKNOWN);
}

/* ---- properties ---- */

static uint64_t rng(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static int64_t upto(uint64_t *s, int64_t n)
{
	return (int64_t)(rng(s) % (uint64_t)(n + 1));
}

static struct gates random_gates(uint64_t *s)
{
	struct gates g = gates_none();

	g.soak = upto(s, 200);
	g.answered = upto(s, 1000);
	g.evidence = upto(s, 20);
	for (int i = 0; i < GATE_COUNT; i++) {
		if (rng(s) % 2)
			g.limits[i].hosts = upto(s, 30);
		if (rng(s) % 2)
			g.limits[i].share = upto(s, 300);
	}
	return g;
}

/* Some more hosts of wave T answer. */
static void answer_some(uint64_t *s, struct tally *t)
{
	for (int64_t n = upto(s, 5); n > 0 && t->answered < t->reached; n--) {
		uint64_t kind = rng(s) % 40;
		t->answered++;
		t->failed += kind == 0;
		t->reverted += kind == 1;
		t->good += kind > 1;
		t->contested += kind == 2;
		t->drifted += kind == 3;
	}
}

/* What must hold after every decision. */
static void check(const struct rollout *r, const struct tally *t, const struct run *before,
        const struct run *run, enum decision d, size_t wave, int64_t now, uint64_t seed)
{
	char reason[RUN_REASON_ROOM];

	if (d == DECIDE_OPEN) {
		const struct rollout_wave *w = &r->waves[wave];
		bool in_time = now >= r->start + w->opens_after && now < r->start + w->opens_before;
		bool soaked = wave == 0 || (before->waves[wave - 1].state == WAVE_SETTLED &&
		                                   now >= before->waves[wave - 1].settled + r->gates.soak);
		if (!in_time || !soaked || gates_broken(&r->gates, before, t, reason))
			fail_msg("seed %llu: wave %zu opened at %lld", (unsigned long long)seed, wave + 1,
			        (long long)now);
	}
	if (d == DECIDE_HALT && (run->state != RUN_HALTED || !run->reason[0]))
		fail_msg("seed %llu: halted without a reason", (unsigned long long)seed);
	for (size_t i = 0; i < run->n_waves; i++) {
		if (i && run->waves[i].state != WAVE_WAITS && run->waves[i - 1].state != WAVE_SETTLED)
			fail_msg("seed %llu: wave %zu before wave %zu", (unsigned long long)seed, i + 1, i);
		if (run_told(run, i) && run->state != RUN_RUNNING && run->state != RUN_DONE)
			fail_msg("seed %llu: told while %s", (unsigned long long)seed,
			        run_state_name(run->state));
		if (before->waves[i].state > run->waves[i].state)
			fail_msg("seed %llu: wave %zu went back", (unsigned long long)seed, i + 1);
	}
}

/* One fleet's life. With KILL the process dies after each decision or without one, and another goes on from what was
 * written down: a digest of all decisions must be the same. */
static uint64_t life(uint64_t seed, bool kill)
{
	uint64_t s = seed * 0x9e3779b97f4a7c15u + 1, digest = 1469598103934665603u;
	struct rollout_wave waves[6];
	size_t n = 1 + (size_t)upto(&s, 5);
	struct rollout r = plan_of(waves, n, random_gates(&s));
	struct tally t[6] = { 0 };
	struct run run = run_start(&r, START), written = run;

	for (size_t i = 0; i < n; i++) {
		t[i].hosts = upto(&s, 40);
		t[i].reached = upto(&s, t[i].hosts);
	}
	for (int64_t now = START - 50; now < START + 3000; now += 1 + upto(&s, 20)) {
		unsigned count = 0;
		for (size_t i = 0; i < n; i++)
			if (run_told(&run, i))
				answer_some(&s, &t[i]);
		for (size_t wave = 0;; count++) {
			if (kill)
				run = written; /* all that is left of the process before */
			struct run before = run;
			enum decision d = run_next(&r, t, now, &run, &wave);
			if (d == DECIDE_NOTHING) {
				assert_memory_equal(&before, &run, sizeof run);
				break;
			}
			check(&r, t, &before, &run, d, wave, now, seed);
			written = run;
			digest = (digest ^ (uint64_t)now * 8 ^ (uint64_t)d << 40 ^ wave << 50) *
			         1099511628211u;
		}
		if (count > 2 * n + 1)
			fail_msg("seed %llu: %u decisions at once", (unsigned long long)seed, count);
	}
	return digest;
}

static void lives(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3000; seed++)
		if (life(seed, false) != life(seed, true))
			fail_msg("seed %llu: a killed process decides otherwise", (unsigned long long)seed);
}

/* A wave of HOSTS, of which each fails with PER_MILLE / 10 %; they answer in some order, and every answer is judged. */
static bool halts(uint64_t seed, int64_t hosts, unsigned per_mille, int64_t share)
{
	uint64_t s = seed * 0x9e3779b97f4a7c15u + 7;
	struct rollout_wave waves[4];
	struct gates g = gates_default();
	g.limits[GATE_FAILED].share = share;
	struct rollout r = plan_of(waves, 4, g);
	struct run run = run_start(&r, START);
	struct tally t[4] = { { .hosts = hosts, .reached = hosts }, { .hosts = 1 }, { .hosts = 1 },
		{ .hosts = 1 } };

	for (int i = 0; i < 20; i++)
		rng(&s);
	next(&r, t, 0, &run);
	while (t[0].answered < hosts) {
		bool bad = rng(&s) % 1000 < per_mille;
		t[0].answered++;
		t[0].failed += bad;
		t[0].good += !bad;
		if (next(&r, t, 1, &run) == DECIDE_HALT)
			return true;
	}
	return false;
}

/* The first 1 % of 100,000 hosts, 0.5 % background failures, a limit of 1.4 %: a policy that breaks 3 % more is halted, a
 * good one is not, in 999 of 1000 seeds and better. */
static void power(void **state)
{
	(void)state;
	unsigned caught = 0, disturbed = 0;

	for (uint64_t seed = 1; seed <= 1000; seed++) {
		caught += halts(seed, 1000, 35, 14);
		disturbed += halts(seed + 5000, 1000, 5, 14);
	}
	print_message("bad policy halted in %u of 1000, good policy in %u of 1000\n", caught, disturbed);
	assert_true(caught >= 999);
	assert_true(disturbed <= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_goes_well),
		cmocka_unit_test(gates),
		cmocka_unit_test(windows),
		cmocka_unit_test(windows_hold),
		cmocka_unit_test(without_gates),
		cmocka_unit_test(standing),
		cmocka_unit_test(commands),
		cmocka_unit_test(names),
		cmocka_unit_test(lives),
		cmocka_unit_test(power),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
