/* softnet_stat: sums over CPUs, numbers that wrap, and texts that are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/measure/softnet.h"

static void texts(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int rc;
		struct softnet want;
		const char *remark;
	} rows[] = {
		{ "0000000a 00000001 00000002 00000000\n", 0, { 10, 1, 2, 1 }, "one CPU" },
		{ "0000000a 00000001 00000002\n000000ff 00000000 00000003\n", 0, { 265, 1, 5, 2 },
		        "two CPUs" },
		{ "ffffffff 00000000 00000000\n00000002 00000000 00000000", 0, { 1, 0, 0, 2 },
		        "the sum wraps as the numbers do; no last newline" },
		{ "", 0, { 0 }, "nothing" },
		{ "0000000a 00000001\n", KE_SYNTAX, { 0 }, "two columns" },
		{ "0000000a 00000001 00000002\n\n", KE_SYNTAX, { 0 }, "an empty line" },
		{ "0000000A 00000001 00000002\n", KE_SYNTAX, { 0 }, "capital letters" },
		{ "a 1 2\n", KE_SYNTAX, { 0 }, "short numbers" },
		{ "0000000a 00000001 00000002 x\n", KE_SYNTAX, { 0 },
		        "rubbish in a column that nobody reads" },
		{ "0000000a0 0000001 00000002\n", KE_SYNTAX, { 0 }, "nine digits" },
		{ "0000000a 00000001 000000", KE_SYNTAX, { 0 }, "cut off" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct softnet s = { 0 };
		struct fault f;
		int rc = softnet_parse(rows[i].text, strlen(rows[i].text), &s, &f);
		if (rc != rows[i].rc || memcmp(&s, &rows[i].want, sizeof s) != 0)
			fail_msg("%s: rc %d", rows[i].remark, rc);
	}
}

static void differences(void **state)
{
	(void)state;
	struct softnet a = { 0xfffffff0, 5, 7, 2 }, b = { 0x10, 8, 7, 2 }, d = { 0 };
	assert_true(softnet_diff(&a, &b, &d));
	assert_int_equal(d.processed, 32); /* over the edge of 32 bits */
	assert_int_equal(d.dropped, 3);
	assert_int_equal(d.squeezed, 0);
	b.cpus = 1; /* one went offline, and took its counts along */
	assert_false(softnet_diff(&a, &b, &d));
	a.cpus = b.cpus = 0;
	assert_false(softnet_diff(&a, &b, &d));
}

static void own_kernel(void **state)
{
	(void)state;
	struct softnet s = { 0 };
	struct fault f;
	assert_int_equal(softnet_read("/proc/net", &s, &f), 0);
	assert_true(s.cpus >= 1);
	assert_int_equal(softnet_read("/nonexistent", &s, &f), KE_NOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(differences),
		cmocka_unit_test(own_kernel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
