/* restart_pause(): how long the supervisor waits between two lives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/supervisor/restart.h"

static void pauses_double_and_are_forgotten(void **state)
{
	(void)state;
	const struct restart_times t = RESTART_DEFAULTS;
	static const struct {
		int64_t last, alive, want;
		const char *remark;
	} rows[] = {
		{ 0, 0, 1000, "the first death" },
		{ 1000, 10, 2000, "doubled" },
		{ 32000, 299999, 60000, "up to a minute" },
		{ 60000, 0, 60000, "and no more" },
		{ 60000, 300000, 1000, "five minutes of health" },
		{ INT64_MAX, 0, 60000, "no overflow" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(restart_pause(&t, rows[i].last, rows[i].alive), rows[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pauses_double_and_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
