/* The port model against figures worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/measure/headroom.h"

#define DEFAULT_RANGE .low = 32768, .high = 60999, .timestamps = 1, .reuse_delay_ms = 1000

static const struct {
	const char *remark;
	struct headroom_input in;
	struct headroom want;
} rows[] = {
	{ "an idle path", { DEFAULT_RANGE },
	        { .capacity = 28232,
	                .free = 28232,
	                .sustainable = 470,
	                .sustainable_without_reuse = 470,
	                .exhausted_in_s = -1,
	                .grade = HEADROOM_OK } },
	{ "10000-65000", { .low = 10000, .high = 65000, .timestamps = 1, .reuse_delay_ms = 1000 },
	        { .capacity = 55001,
	                .free = 55001,
	                .sustainable = 916,
	                .sustainable_without_reuse = 916,
	                .exhausted_in_s = -1,
	                .grade = HEADROOM_OK } },
	{ "reserved and listening ports are lost to everybody",
	        { .low = 1001,
	                .high = 2000,
	                .timestamps = 1,
	                .reserved = 100,
	                .bound = 100,
	                .used = 399,
	                .reuse_delay_ms = 1000 },
	        { .capacity = 800,
	                .used = 399,
	                .free = 401,
	                .permille = 498,
	                .sustainable = 13,
	                .sustainable_without_reuse = 13,
	                .exhausted_in_s = -1,
	                .grade = HEADROOM_OK } },
	{ "50 % is slow", { .low = 1001, .high = 2000, .timestamps = 1, .used = 500, .reuse_delay_ms = 1000 },
	        { .capacity = 1000,
	                .used = 500,
	                .free = 500,
	                .permille = 500,
	                .sustainable = 16,
	                .sustainable_without_reuse = 16,
	                .exhausted_in_s = -1,
	                .grade = HEADROOM_SLOW } },
	{ "80 % is tight",
	        { .low = 1001, .high = 2000, .timestamps = 1, .used = 800, .reuse_delay_ms = 1000 },
	        { .capacity = 1000,
	                .used = 800,
	                .free = 200,
	                .permille = 800,
	                .sustainable = 16,
	                .sustainable_without_reuse = 16,
	                .exhausted_in_s = -1,
	                .grade = HEADROOM_TIGHT } },
	{ "94.9 % is still tight",
	        { .low = 1001, .high = 2000, .timestamps = 1, .used = 949, .reuse_delay_ms = 1000 },
	        { .capacity = 1000,
	                .used = 949,
	                .free = 51,
	                .permille = 949,
	                .sustainable = 16,
	                .sustainable_without_reuse = 16,
	                .exhausted_in_s = -1,
	                .grade = HEADROOM_TIGHT } },
	{ "95 % is critical",
	        { .low = 1001, .high = 2000, .timestamps = 1, .used = 950, .reuse_delay_ms = 1000 },
	        { .capacity = 1000,
	                .used = 950,
	                .free = 50,
	                .permille = 950,
	                .sustainable = 16,
	                .sustainable_without_reuse = 16,
	                .exhausted_in_s = -1,
	                .grade = HEADROOM_CRITICAL } },
	{ "tcp_tw_reuse = 1: old entries are as good as free",
	        { DEFAULT_RANGE, .used = 28000, .live = 232, .aged = 27000, .tw_reuse = 1 },
	        { .capacity = 28232,
	                .used = 28000,
	                .reusable = 27000,
	                .free = 27232,
	                .permille = 35,
	                .sustainable = 28000,
	                .sustainable_without_reuse = 466,
	                .exhausted_in_s = -1,
	                .grade = HEADROOM_OK } },
	{ "tcp_tw_reuse = 1 without timestamps helps nobody",
	        { .low = 32768,
	                .high = 60999,
	                .used = 28000,
	                .aged = 27000,
	                .tw_reuse = 1,
	                .reuse_delay_ms = 1000 },
	        { .capacity = 28232,
	                .used = 28000,
	                .free = 232,
	                .permille = 991,
	                .sustainable = 470,
	                .sustainable_without_reuse = 470,
	                .exhausted_in_s = -1,
	                .grade = HEADROOM_CRITICAL } },
	{ "tcp_tw_reuse = 2 does not help a remote path",
	        { DEFAULT_RANGE, .used = 28000, .aged = 27000, .tw_reuse = 2 },
	        { .capacity = 28232,
	                .used = 28000,
	                .free = 232,
	                .permille = 991,
	                .sustainable = 470,
	                .sustainable_without_reuse = 470,
	                .exhausted_in_s = -1,
	                .grade = HEADROOM_CRITICAL } },
	{ "tcp_tw_reuse = 2 helps loopback",
	        { DEFAULT_RANGE, .used = 28000, .aged = 27000, .tw_reuse = 2, .loopback = true },
	        { .capacity = 28232,
	                .used = 28000,
	                .reusable = 27000,
	                .free = 27232,
	                .permille = 35,
	                .sustainable = 28232,
	                .sustainable_without_reuse = 470,
	                .exhausted_in_s = -1,
	                .grade = HEADROOM_OK } },
	{ "unknown tcp_tw_reuse is taken as off",
	        { DEFAULT_RANGE, .used = 28000, .aged = 27000, .tw_reuse = -1, .loopback = true },
	        { .capacity = 28232,
	                .used = 28000,
	                .free = 232,
	                .permille = 991,
	                .sustainable = 470,
	                .sustainable_without_reuse = 470,
	                .exhausted_in_s = -1,
	                .grade = HEADROOM_CRITICAL } },
	{ "full in 59 s is critical whatever the level",
	        { .low = 1001,
	                .high = 2000,
	                .timestamps = 1,
	                .used = 400,
	                .growth_known = true,
	                .growth_milli = 10100,
	                .reuse_delay_ms = 1000 },
	        { .capacity = 1000,
	                .used = 400,
	                .free = 600,
	                .permille = 400,
	                .sustainable = 16,
	                .sustainable_without_reuse = 16,
	                .exhausted_in_s = 59,
	                .grade = HEADROOM_CRITICAL } },
	{ "full in 60 s is not",
	        { .low = 1001,
	                .high = 2000,
	                .timestamps = 1,
	                .used = 400,
	                .growth_known = true,
	                .growth_milli = 10000,
	                .reuse_delay_ms = 1000 },
	        { .capacity = 1000,
	                .used = 400,
	                .free = 600,
	                .permille = 400,
	                .sustainable = 16,
	                .sustainable_without_reuse = 16,
	                .exhausted_in_s = 60,
	                .grade = HEADROOM_OK } },
	{ "shrinking never ends",
	        { .low = 1001,
	                .high = 2000,
	                .timestamps = 1,
	                .used = 400,
	                .growth_known = true,
	                .growth_milli = -10000,
	                .reuse_delay_ms = 1000 },
	        { .capacity = 1000,
	                .used = 400,
	                .free = 600,
	                .permille = 400,
	                .sustainable = 16,
	                .sustainable_without_reuse = 16,
	                .exhausted_in_s = -1,
	                .grade = HEADROOM_OK } },
	{ "everything reserved", { .low = 1001, .high = 1010, .reserved = 10, .bound = 2 },
	        { .permille = 1000, .exhausted_in_s = -1, .grade = HEADROOM_CRITICAL } },
	{ "more used than there are (ports that programs chose themselves)",
	        { .low = 1001, .high = 1010, .timestamps = 1, .used = 50, .live = 50, .reuse_delay_ms = 1 },
	        { .capacity = 10,
	                .used = 50,
	                .permille = 1000,
	                .exhausted_in_s = -1,
	                .grade = HEADROOM_CRITICAL } },
	{ "the whole port space, no delay", { .low = 1, .high = 65535, .timestamps = 1, .tw_reuse = 1 },
	        { .capacity = 65535,
	                .free = 65535,
	                .sustainable = 65535000,
	                .sustainable_without_reuse = 1092,
	                .exhausted_in_s = -1,
	                .grade = HEADROOM_OK } },
};

static void model(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct headroom h;
		const struct headroom *w = &rows[i].want;
		headroom_compute(&rows[i].in, &h);
		if (h.capacity != w->capacity || h.used != w->used || h.reusable != w->reusable ||
		        h.free != w->free || h.permille != w->permille || h.sustainable != w->sustainable ||
		        h.sustainable_without_reuse != w->sustainable_without_reuse ||
		        h.exhausted_in_s != w->exhausted_in_s || h.grade != w->grade)
			fail_msg("%s: capacity %u used %u reusable %u free %u permille %u sustainable %u %u "
			         "exhausted %lld grade %s",
			        rows[i].remark, h.capacity, h.used, h.reusable, h.free, h.permille,
			        h.sustainable, h.sustainable_without_reuse, (long long)h.exhausted_in_s,
			        headroom_grade_name(h.grade));
	}
}

static void growth(void **state)
{
	(void)state;
	assert_int_equal(headroom_growth_milli(0, 100, 1000), 100000);
	assert_int_equal(headroom_growth_milli(100, 0, 1000), -100000);
	assert_int_equal(headroom_growth_milli(5, 6, 60000), 16);
	assert_int_equal(headroom_growth_milli(0, UINT32_MAX, 1), 4294967295000000LL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(model),
		cmocka_unit_test(growth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
