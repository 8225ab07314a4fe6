/* When to renew: within bounds for any dates, spread over a fleet, and never in a hurry or too late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "certs/renew.h"

#define NOW INT64_C(1795550000)
#define DAY INT64_C(86400)

static void within_the_last_third(void **state)
{
	(void)state;
	static const int64_t lives[] = { 1, 2, 3, 12, 60, 3600, 30 * DAY, 400 * DAY, INT64_C(1) << 40 };
	for (size_t i = 0; i < sizeof lives / sizeof lives[0]; i++)
		for (int host = 0; host < 200; host++) {
			char name[16];
			int n = snprintf(name, sizeof name, "h%d", host);
			int64_t at = renew_time(NOW, NOW + lives[i], name, (size_t)n);
			if (at < NOW + lives[i] / 3 * 2 || at >= NOW + lives[i] / 3 * 2 + lives[i] / 12 + 1 ||
			        at >= NOW + lives[i])
				fail_msg("life %lld: %lld", (long long)lives[i], (long long)(at - NOW));
			assert_int_equal(at, renew_time(NOW, NOW + lives[i], name, (size_t)n));
		}
	assert_int_equal(renew_time(NOW, NOW, "a", 1), NOW);
	assert_int_equal(renew_time(NOW, NOW - 5, "a", 1), NOW - 5);
	assert_int_equal(renew_time(INT64_MIN, INT64_MAX, "a", 1), INT64_MAX);
}

/* Ten thousand hosts enrolled in one second with certificates of 30 days: 2.5 days to share. */
static void a_fleet_is_spread(void **state)
{
	(void)state;
	enum { HOSTS = 10000, BUCKETS = 20 };
	unsigned count[BUCKETS] = { 0 };
	int64_t life = 30 * DAY, window = life / 12;
	for (int host = 0; host < HOSTS; host++) {
		char name[24];
		int n = snprintf(name, sizeof name, "web-%d.north", host);
		int64_t at = renew_time(NOW, NOW + life, name, (size_t)n) - NOW - life / 3 * 2;
		count[at * BUCKETS / window]++;
	}
	for (int i = 0; i < BUCKETS; i++)
		if (count[i] < HOSTS / BUCKETS * 8 / 10 || count[i] > HOSTS / BUCKETS * 12 / 10)
			fail_msg("bucket %d: %u", i, count[i]);
}

static void backing_off(void **state)
{
	(void)state;
	static const struct {
		int64_t left;
		unsigned attempt;
		int64_t min, max;
		const char *remark;
	} rows[] = {
		{ 10 * DAY, 0, 30, 60, "first" },
		{ 10 * DAY, 1, 60, 120, "second" },
		{ 10 * DAY, 5, 960, 1920, "sixth" },
		{ 10 * DAY, 6, 1800, 3600, "at the ceiling" },
		{ 10 * DAY, 4000000000u, 1800, 3600, "long at the ceiling" },
		{ 600, 6, 10, 60, "little is left" },
		{ 20, 6, 10, 10, "almost nothing is left" },
		{ 0, 0, 1800, 3600, "nothing is left" },
		{ -DAY, 3, 1800, 3600, "long past" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t wait = renew_backoff(NOW, NOW + rows[i].left, rows[i].attempt, "web-1", 5);
		if (wait < rows[i].min || wait > rows[i].max)
			fail_msg("%s: %lld", rows[i].remark, (long long)wait);
	}
	assert_int_not_equal(
	        renew_backoff(NOW, NOW + DAY, 6, "a", 1), renew_backoff(NOW, NOW + DAY, 6, "b", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(within_the_last_third),
		cmocka_unit_test(a_fleet_is_spread),
		cmocka_unit_test(backing_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
