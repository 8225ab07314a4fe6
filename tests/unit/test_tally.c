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
		{ "confirmed", { true, "confirmed", "applied", "", false, 0, true, true, false },
		        STAND_GOOD },
		{ "had it already", { true, "already", "", "", false, 0, true, true, false }, STAND_GOOD },
		{ "a removal", { true, "removed", "", "", false, 0, true, true, false }, STAND_GOOD },
		{ "applied, and waits", { true, "applied", "unconfirmed", "", false, 0, true, true, false },
		        STAND_BEGUN },
		{ "the kernel refused", { true, "failed", "held", "", false, 0, true, true, false },
		        STAND_FAILED },
		{ "could not go back either", { true, "degraded", "", "", false, 0, true, true, false },
		        STAND_FAILED },
		{ "went back", { true, "reverted", "held", "", false, 0, true, true, false },
		        STAND_REVERTED },
		{ "held, the record is on its way", { true, "", "held", "", false, 0, true, true, false },
		        STAND_FAILED },
		{ "applied, retention took the record",
		        { true, "", "applied", "", false, 0, true, true, false }, STAND_GOOD },
		{ "the policy is for others", { true, "", "not_selected", "", false, 0, true, true, false },
		        STAND_GOOD },
		{ "an older serial is no answer",
		        { false, "confirmed", "applied", "", false, 0, true, true, false }, STAND_SILENT },
		{ "outside its ceiling", { false, "", "", "ceiling", false, 0, true, true, false },
		        STAND_FAILED },
		{ "two policies, one key", { false, "", "", "conflict", false, 0, true, true, false },
		        STAND_FAILED },
		{ "the mirror lags", { false, "", "", "untrusted", false, 0, true, true, false },
		        STAND_SILENT },
		{ "its wave closed there", { false, "", "", "window", false, 0, true, true, false },
		        STAND_SILENT },
		{ "its clock is off", { false, "", "", "clock", false, 0, true, true, false }, STAND_SILENT },
		{ "refused first, then took it",
		        { true, "confirmed", "", "ceiling", false, 0, true, true, false }, STAND_GOOD },
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
		{ true, "confirmed", "", "", true, 0, true, true, false },
		{ true, "confirmed", "", "", false, 2, false, true,
		        false }, /* answered and went away: reached */
		{ true, "failed", "", "", true, 9, true, true,
		        false }, /* its quarrels are of another policy's making */
		{ true, "reverted", "", "", false, 0, true, true, false },
		{ true, "applied", "", "", false, 0, false, true, false },
		{ false, "", "", "", false, 0, true, true, false },
		{ false, "", "", "", false, 0, false, true, false }, /* not reached */
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

/* Polls of 60 s, now 10000; the host's wave opened at 9000, another one at 9500. */
static void heard(void **state)
{
	(void)state;
	static const struct {
		const char *remark;
		int64_t last_seen, opened;
		bool online, watched, quiet;
	} rows[] = {
		{ "just now", 9999, 9000, true, true, false },
		{ "three polls ago", 9820, 9000, true, true, false },
		{ "a moment more", 9819, 9000, true, true, true },
		{ "there when the last wave opened, before its own did", 9400, 0, false, true, true },
		{ "away before that, but back since its own wave", 9100, 9000, true, false, true },
		{ "away before all of it", 8000, 9000, false, false, true },
		{ "never", 0, 9000, false, false, true },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct host_said h = { 0 };
		said_heard(&h, rows[i].last_seen, rows[i].opened, 9500, 10000, 60);
		if (h.online != rows[i].online || h.watched != rows[i].watched || h.quiet != rows[i].quiet)
			fail_msg("%s: %d %d %d", rows[i].remark, h.online, h.watched, h.quiet);
	}
}

/* Who was there and is silent is lost, whatever it said before, but counts as failing only once. */
static void lost(void **state)
{
	(void)state;
	static const struct host_said hosts[] = {
		{ true, "confirmed", "", "", false, 0, true, true, true },
		{ true, "applied", "", "", false, 0, false, true, true },
		{ false, "", "", "", false, 0, false, true, true },
		{ true, "failed", "", "", false, 0, true, true, true },
		{ false, "", "", "", false, 0, false, false, true },
	};
	struct tally t = { 0 };

	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
		tally_add(&t, &hosts[i]);
	assert_int_equal(t.watched, 4);
	assert_int_equal(t.lost, 3);
	assert_int_equal(t.failed, 1);
	assert_int_equal(t.reached, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes),
		cmocka_unit_test(numbers),
		cmocka_unit_test(heard),
		cmocka_unit_test(lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
