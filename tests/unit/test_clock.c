/* Dates: only real ones, in only one form. The system's clocks, and one that lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/clock.h"
#include "proto/err.h"

static void dates_both_ways(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *text;
		int64_t seconds;
	} rows[] = {
		{ "the epoch", "1970-01-01T00:00:00Z", 0 },
		{ "last second of 32 bits", "2038-01-19T03:14:07Z", 2147483647 },
		{ "one more", "2038-01-19T03:14:08Z", 2147483648 },
		{ "leap day, divisible by 4", "2024-02-29T12:00:00Z", 1709208000 },
		{ "leap day, divisible by 400", "2000-02-29T00:00:00Z", 951782400 },
		{ "the day after it", "2000-03-01T00:00:00Z", 951868800 },
		{ "1 March of no leap year (divisible by 100)", "2100-03-01T00:00:00Z", 4107542400 },
		{ "an ordinary day", "2026-11-24T20:23:36Z", 1795551816 },
		{ "the end", "9999-12-31T23:59:59Z", 253402300799 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		print_message("%s\n", rows[i].remark);
		char text[TIME_TEXT_ROOM];
		int64_t seconds = -1;
		assert_true(time_parse(rows[i].text, strlen(rows[i].text), &seconds));
		assert_int_equal(seconds, rows[i].seconds);
		assert_string_equal(time_format(seconds, text), rows[i].text);
	}
}

static void no_dates(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *text;
	} rows[] = {
		{ "empty", "" },
		{ "31 February", "2026-02-31T00:00:00Z" },
		{ "29 February of no leap year", "2026-02-29T00:00:00Z" },
		{ "29 February, divisible by 100", "2100-02-29T00:00:00Z" },
		{ "31 April", "2026-04-31T00:00:00Z" },
		{ "32 January", "2026-01-32T00:00:00Z" },
		{ "day 0", "2026-01-00T00:00:00Z" },
		{ "month 0", "2026-00-01T00:00:00Z" },
		{ "month 13", "2026-13-01T00:00:00Z" },
		{ "hour 24", "2026-01-01T24:00:00Z" },
		{ "minute 60", "2026-01-01T00:60:00Z" },
		{ "leap second", "2016-12-31T23:59:60Z" },
		{ "before the epoch", "1969-12-31T23:59:59Z" },
		{ "year 0", "0000-01-01T00:00:00Z" },
		{ "what time_format() says of no date", "0000-00-00T00:00:00Z" },
		{ "past the end", "9999-12-31T23:59:60Z" },
		{ "five digits", "10000-01-01T00:00:00Z" },
		{ "offset", "2026-01-01T00:00:00+00:00" },
		{ "short offset in place of Z", "2026-01-01T00:00:00A" },
		{ "lower case z", "2026-01-01T00:00:00z" },
		{ "lower case t", "2026-01-01t00:00:00Z" },
		{ "blank for T", "2026-01-01 00:00:00Z" },
		{ "fraction", "2026-01-01T00:00:00.0Z" },
		{ "no Z", "2026-01-01T00:00:00" },
		{ "blank padding", "2026- 1- 1T00:00:00Z" },
		{ "sign", "2026-01-01T+1:00:00Z" },
		{ "negative", "-026-01-01T00:00:00Z" },
		{ "text behind", "2026-01-01T00:00:00Z " },
		{ "other separators", "2026/01/01T00:00:00Z" },
		{ "letters", "YYYY-MM-DDTHH:MM:SSZ" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		print_message("%s\n", rows[i].remark);
		int64_t seconds = -77;
		assert_false(time_parse(rows[i].text, strlen(rows[i].text), &seconds));
		assert_int_equal(seconds, -77);
	}
	int64_t seconds;
	assert_false(time_parse("2026-01-01T00:00:0\0Z", 20, &seconds)); /* NUL is no digit */
	assert_false(time_parse("2026-01-01T00:00:00Z", 19, &seconds));  /* LEN counts, not the NUL */
}

static void seconds_without_a_date(void **state)
{
	(void)state;
	static const int64_t rows[] = { -1, INT64_MIN, 253402300800, INT64_MAX };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[TIME_TEXT_ROOM];
		assert_string_equal(time_format(rows[i], text), "0000-00-00T00:00:00Z");
	}
}

/* Each day of 400 years, so each kind of year, there and back, in the right order. */
static void every_day_of_a_cycle(void **state)
{
	(void)state;
	char before[TIME_TEXT_ROOM] = "";
	for (int64_t day = 0; day < 146097; day++) {
		char text[TIME_TEXT_ROOM];
		int64_t back = -1;
		time_format(day * 86400 + 86399, text);
		if (!time_parse(text, 20, &back) || back != day * 86400 + 86399 || strcmp(before, text) >= 0)
			fail_msg("%s", text);
		memcpy(before, text, sizeof before);
	}
	assert_string_equal(before, "2369-12-31T23:59:59Z");
}

static int64_t lie(void *ctx)
{
	return ++*(int64_t *)ctx;
}

static void clocks(void **state)
{
	(void)state;
	int64_t told = 41;
	struct clock liar = { .wall = lie, .boot_ms = lie, .ctx = &told };
	assert_int_equal(clock_wall(&liar), 42);
	assert_int_equal(clock_boot_ms(&liar), 43);
	int64_t first = time(NULL);
	int64_t wall = clock_wall(&clock_system), boot = clock_boot_ms(&clock_system);
	assert_in_range(wall, first, first + 60);
	assert_true(boot > 0);
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	int64_t later = clock_boot_ms(&clock_system); /* milliseconds, not seconds or nanoseconds */
	assert_in_range(later - boot, 19, 60000);
}

static void boot_id_is_a_uuid(void **state)
{
	(void)state;
	char id[BOOT_ID_ROOM], again[BOOT_ID_ROOM];
	assert_int_equal(boot_id_read(id), KE_OK);
	assert_int_equal(strlen(id), 36);
	assert_int_equal(strspn(id, "0123456789abcdef-"), 36);
	assert_int_equal(boot_id_read(again), KE_OK);
	assert_string_equal(id, again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_both_ways),
		cmocka_unit_test(no_dates),
		cmocka_unit_test(seconds_without_a_date),
		cmocka_unit_test(every_day_of_a_cycle),
		cmocka_unit_test(clocks),
		cmocka_unit_test(boot_id_is_a_uuid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
