/* Whatever a walk costs, over a long time walks take no more than their share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/measure/cadence.h"

static void the_share_is_kept(void **state)
{
	(void)state;
	static const struct {
		uint32_t permille;
		int64_t cpu_us, every_ms;
		int64_t walks; /* in an hour */
		const char *remark;
	} rows[] = {
		{ 5, 185000, 60000, 60, "600k sockets at the default: each time" },
		{ 5, 377000, 60000, 30, "1.2M: every other time" },
		{ 5, 3000000, 60000, 6, "10M: every ten minutes" },
		{ 5, 5000, 1000, 3600, "5 ms a second are just the share" },
		{ 5, 5001, 1000, 3600, "less than a millisecond is not counted" },
		{ 5, 10000, 1000, 1800, "10 ms a second are not" },
		{ 1000, 377000, 1000, 3600, "the whole processor" },
		{ 1, 377000, 60000, 9, "a thousandth" },
		{ 5, 0, 1000, 3600, "nothing" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct cadence c = { .budget_permille = rows[i].permille };
		int64_t walks = 0, hour_ms = 3600000, begin = 123456;
		for (int64_t at = begin; at < begin + hour_ms; at += rows[i].every_ms)
			if (cadence_due(&c, at)) {
				cadence_spent(&c, at, rows[i].cpu_us);
				walks++;
			}
		if (walks != rows[i].walks)
			fail_msg("%s: %d walks", rows[i].remark, (int)walks);
		if ((walks - 1) * rows[i].cpu_us > (hour_ms * 1000 / 1000 + 3600) * rows[i].permille)
			fail_msg("%s: more than the share", rows[i].remark);
	}
}

static void limits(void **state)
{
	(void)state;
	struct cadence c = { .budget_permille = 5 };
	assert_int_equal(cadence_longest_ms(&c), 3000);
	c.budget_permille = 1;
	assert_int_equal(cadence_longest_ms(&c), 600);
	c.budget_permille = 1000;
	assert_int_equal(cadence_longest_ms(&c), 10000);
	c.budget_permille = 1;
	cadence_spent(&c, 0, INT64_MAX); /* a clock that went mad does not end all measuring */
	assert_true(cadence_due(&c, 86400000));
	assert_false(cadence_due(&c, 86399999));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_share_is_kept),
		cmocka_unit_test(limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
