/* Pauses of the courier: bounds, growth, the server's wish, and that a fleet does not come back as one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/courier/backoff.h"

static void pauses_grow_to_their_ceiling(void **state)
{
	(void)state;
	static const struct {
		unsigned failures;
		int64_t ceiling;
		const char *remark;
	} rows[] = {
		{ 0, 1000, "the first" },
		{ 1, 2000, "doubled" },
		{ 5, 32000, "" },
		{ 8, 256000, "" },
		{ 9, 300000, "not beyond max_ms" },
		{ 63, 300000, "no overflow" },
		{ 64, 300000, "the counter stops" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct backoff b = { .first_ms = 1000, .max_ms = 300000, .failures = rows[i].failures };
		/* RANDOM = ceiling: the largest share of 0 .. ceiling. */
		assert_int_equal(backoff_failed(&b, (uint64_t)rows[i].ceiling, 0), rows[i].ceiling);
		b.failures = rows[i].failures;
		/* One more is the smallest share again, lifted to the floor. */
		assert_int_equal(backoff_failed(&b, (uint64_t)rows[i].ceiling + 1, 0), 250);
	}
}

static void success_starts_again(void **state)
{
	(void)state;
	struct backoff b = { .first_ms = 1000, .max_ms = 300000 };

	for (int i = 0; i < 20; i++)
		backoff_failed(&b, 12345, 0);
	assert_int_equal(b.failures, 20);
	backoff_succeeded(&b);
	assert_int_equal(backoff_failed(&b, 1000, 0), 1000);
}

static void the_servers_wish_is_honoured(void **state)
{
	(void)state;
	static const struct {
		int64_t asked, at_least, at_most;
		const char *remark;
	} rows[] = {
		{ 30, 30000, 33000, "thirty seconds and up to a tenth" },
		{ 3600, 3600000, 3960000, "an hour" },
		{ 1000000000, 3600000, 3960000, "absurd: an hour" },
		{ -5, 250, 1000, "nonsense: ours" },
		{ 0, 250, 1000, "none: ours" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (uint64_t random = 0; random < 5000000; random += 99991) {
			struct backoff b = { .first_ms = 1000, .max_ms = 300000 };
			int64_t ms = backoff_failed(&b, random, rows[i].asked);
			assert_in_range(ms, rows[i].at_least, rows[i].at_most);
		}
}

/* 10,000 hosts that lost the server at one moment, fifth failure: no second has more than twice its share. */
static void a_fleet_is_spread(void **state)
{
	(void)state;
	unsigned seconds[33] = { 0 };
	uint64_t x = 1;

	for (int i = 0; i < 10000; i++) {
		struct backoff b = { .first_ms = 1000, .max_ms = 300000, .failures = 5 };
		x = x * 6364136223846793005u + 1442695040888963407u;
		int64_t ms = backoff_failed(&b, x >> 20, 0);
		assert_in_range(ms, 250, 32000);
		seconds[ms / 1000]++;
	}
	for (int i = 0; i < 32; i++)
		assert_true(seconds[i] < 2 * 10000 / 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pauses_grow_to_their_ceiling),
		cmocka_unit_test(success_starts_again),
		cmocka_unit_test(the_servers_wish_is_honoured),
		cmocka_unit_test(a_fleet_is_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
