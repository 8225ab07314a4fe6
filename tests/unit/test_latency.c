/* Histograms of answering times: each time in its bucket, routes apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server-stub/http/latency.h"

static void every_time_has_its_bucket(void **state)
{
	(void)state;
	static const struct {
		const char *remark;
		int64_t ms;
		size_t bucket;
		uint64_t sum;
	} rows[] = {
		{ "nothing", 0, 0, 0 },
		{ "a clock that went back", -5, 0, 0 },
		{ "a bound is within its bucket", 1, 0, 1 },
		{ "one more is not", 2, 1, 2 },
		{ "between", 3, 2, 3 },
		{ "the last bound", 30000, HTTP_LATENCY_BOUNDS - 1, 30000 },
		{ "beyond it", 30001, HTTP_LATENCY_BOUNDS, 30001 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct latencies *l = latencies_new(2);
		struct http_latency got, other;

		assert_non_null(l);
		latencies_count(l, 1, rows[i].ms);
		latencies_count(l, 2, rows[i].ms); /* no such route */
		latencies_get(l, 1, &got);
		latencies_get(l, 0, &other);
		for (size_t j = 0; j <= HTTP_LATENCY_BOUNDS; j++) {
			if (got.n[j] != (j == rows[i].bucket))
				fail_msg("%s: %d in bucket %zu", rows[i].remark, (int)got.n[j], j);
			assert_int_equal(other.n[j], 0);
		}
		assert_int_equal(got.ms, rows[i].sum);
		assert_int_equal(other.ms, 0);
		latencies_get(l, 2, &got);
		assert_int_equal(got.ms, 0);
		latencies_free(l);
	}
}

static void bounds_rise(void **state)
{
	(void)state;
	for (size_t i = 1; i < HTTP_LATENCY_BOUNDS; i++)
		assert_true(http_latency_bounds[i] > http_latency_bounds[i - 1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_time_has_its_bucket),
		cmocka_unit_test(bounds_rise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
