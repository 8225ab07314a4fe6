/* Gates that judge by chance: what halts, what is doubtful, what goes on. Shares and numbers of hosts are in test_machine.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/machine_world.h"

/* Harm over a background, judged by chance. Wave 1 is settled, wave 2 waits and soaks, or is open. */
static void harm(void **state)
{
	(void)state;
	static const struct {
		const char *remark;
		bool open; /* wave 2 */
		struct tally first, second;
		const char *reason; /* begins so; NULL: goes on */
	} rows[] = {
		{ "as many as chance explains", true, { 1000, 0, 1000, 1000, .good = 984, .failed = 16 },
		        { 100, 0, 100, 0, .good = 0 }, NULL },
		{ "one more", true, { 1000, 0, 1000, 1000, .good = 983, .failed = 10, .reverted = 7 },
		        { 100, 0, 100, 0, .good = 0 },
		        "wave 1: 17 of 1000 hosts failed or reverted; chance explains 16, at 0.50 %" },
		{ "each wave is harmless, both are not", true,
		        { 1000, 0, 1000, 1000, .good = 985, .failed = 15 },
		        { 1000, 0, 1000, 900, .good = 885, .failed = 15 },
		        "all waves so far: 30 of 2000 hosts failed or reverted; chance explains 25" },
		{ "one wave is harmful, the many before do not hide it", true,
		        { 50000, 0, 50000, 50000, .good = 49800, .failed = 200 },
		        { 400, 0, 400, 380, .good = 368, .failed = 12 },
		        "wave 2: 12 of 400 hosts failed or reverted; chance explains 10" },
		{ "no fault of 3 % could hide", false, { 1000, 0, 1000, 1000, .good = 985, .failed = 15 },
		        { 100, 0, 100, 0, .good = 0 }, NULL },
		{ "one could", false, { 1000, 0, 1000, 1000, .good = 984, .failed = 16 },
		        { 100, 0, 100, 0, .good = 0 },
		        "16 of 1000 hosts failed or reverted: too few to prove a fault, too many to rule out "
		        "one of 3.0 % (15 would be)" },
		{ "a hundred cannot tell, and need not", false, { 100, 0, 100, 100, .good = 95, .failed = 5 },
		        { 100, 0, 100, 0, .good = 0 }, NULL },
		{ "lost hosts are harm", false,
		        { 1000, 0, 1000, 960, .good = 960, .watched = 1000, .lost = 20 },
		        { 9000, 0, 9000, 0, .watched = 9000, .lost = 9 },
		        "wave 1: 20 of 1000 hosts failed, reverted or were lost; chance explains 18" },
		{ "not when as many are lost among those that wait", false,
		        { 1000, 0, 1000, 960, .good = 960, .watched = 1000, .lost = 20 },
		        { 9000, 0, 9000, 0, .watched = 9000, .lost = 180 }, NULL },
		{ "nor when too few wait to tell", false,
		        { 1000, 0, 1000, 960, .good = 960, .watched = 1000, .lost = 20 },
		        { 49, 0, 49, 0, .watched = 49 }, NULL },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct rollout_wave waves[2];
		struct gates g = gates_default();
		struct rollout r = plan_of(waves, 2, g);
		struct run run = run_start(&r, START);
		const struct tally t[2] = { rows[i].first, rows[i].second };
		run.waves[0] = (struct wave_run){ WAVE_SETTLED, START, START };
		if (rows[i].open)
			run.waves[1] = (struct wave_run){ WAVE_OPEN, START + 300, 0 };
		enum decision d = next(&r, t, 300, &run);
		if ((d == DECIDE_HALT) != (rows[i].reason != NULL))
			fail_msg("%s: %s (%s)", rows[i].remark, decision_name(d), run.reason);
		if (rows[i].reason && strncmp(run.reason, rows[i].reason, strlen(rows[i].reason)) != 0)
			fail_msg("%s: %s", rows[i].remark, run.reason);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(harm) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
