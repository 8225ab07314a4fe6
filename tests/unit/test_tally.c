/* What a host said becomes an outcome, outcomes become numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server-stub/rollout/tally.h"

static void outcomes(void **state)
{
	(void)state;
	static const struct {
		const char *remark;
		struct host_said said;
		enum stand outcome;
	} rows[] = {
		{ "confirmed", { true, "confirmed", "applied", "", false, 0, true }, STAND_GOOD },
		{ "had it already", { true, "already", "", "", false, 0, true }, STAND_GOOD },
		{ "a removal", { true, "removed", "", "", false, 0, true }, STAND_GOOD },
		{ "applied, and waits", { true, "applied", "unconfirmed", "", false, 0, true }, STAND_BEGUN },
		{ "the kernel refused", { true, "failed", "held", "", false, 0, true }, STAND_FAILED },
		{ "could not go back either", { true, "degraded", "", "", false, 0, true }, STAND_FAILED },
		{ "went back", { true, "reverted", "held", "", false, 0, true }, STAND_REVERTED },
		{ "held, the record is on its way", { true, "", "held", "", false, 0, true }, STAND_FAILED },
		{ "applied, retention took the record", { true, "", "applied", "", false, 0, true },
		        STAND_GOOD },
		{ "the policy is for others", { true, "", "not_selected", "", false, 0, true }, STAND_GOOD },
		{ "an older serial is no answer", { false, "confirmed", "applied", "", false, 0, true },
		        STAND_SILENT },
		{ "outside its ceiling", { false, "", "", "ceiling", false, 0, true }, STAND_FAILED },
		{ "two policies, one key", { false, "", "", "conflict", false, 0, true }, STAND_FAILED },
		{ "the mirror lags", { false, "", "", "untrusted", false, 0, true }, STAND_SILENT },
		{ "its wave closed there", { false, "", "", "window", false, 0, true }, STAND_SILENT },
		{ "its clock is off", { false, "", "", "clock", false, 0, true }, STAND_SILENT },
		{ "refused first, then took it", { true, "confirmed", "", "ceiling", false, 0, true },
		        STAND_GOOD },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		enum stand got = stand_of(&rows[i].said);
		if (got != rows[i].outcome)
			fail_msg("%s: %s, not %s", rows[i].remark, stand_name(got),
			        stand_name(rows[i].outcome));
	}
}

static void numbers(void **state)
{
	(void)state;
	static const struct host_said hosts[] = {
		{ true, "confirmed", "", "", true, 0, true },
		{ true, "confirmed", "", "", false, 2, false }, /* answered and went away: reached */
		{ true, "failed", "", "", true, 9, true }, /* its quarrels are of another policy's making */
		{ true, "reverted", "", "", false, 0, true }, { true, "applied", "", "", false, 0, false },
		{ false, "", "", "", false, 0, true },
		{ false, "", "", "", false, 0, false }, /* not reached */
	};
	struct tally t = { 0 };

	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
		tally_add(&t, &hosts[i]);
	assert_int_equal(t.hosts, 7);
	assert_int_equal(t.reached, 6);
	assert_int_equal(t.answered, 4);
	assert_int_equal(t.begun, 1);
	assert_int_equal(t.good, 2);
	assert_int_equal(tally_of(&t, GATE_FAILED), 1);
	assert_int_equal(tally_of(&t, GATE_REVERTED), 1);
	assert_int_equal(tally_of(&t, GATE_CONTESTED), 1);
	assert_int_equal(tally_of(&t, GATE_DRIFTED), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes),
		cmocka_unit_test(numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
