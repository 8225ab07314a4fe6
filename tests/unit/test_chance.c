/* Binomial tails: against numbers known from elsewhere, against plain summation, and where they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policies/chance.h"

static double gap(double a, double b)
{
	return a > b ? a - b : b - a;
}

/* C(N, k) p^k (1-p)^(N-k) from its definition, for small N. */
static double term(int n, double p, int k)
{
	double t = 1;

	for (int i = 0; i < k; i++)
		t *= p * (n - i) / (i + 1);
	for (int i = 0; i < n - k; i++)
		t *= 1 - p;
	return t;
}

static void sums(void **state)
{
	(void)state;
	static const double shares[] = { 0.001, 0.03, 0.5, 0.97 };

	for (int n = 1; n <= 40; n += 3)
		for (int s = 0; s < 4; s++) {
			double upto = 0;
			for (int k = 0; k <= n; k++) {
				upto += term(n, shares[s], k);
				if (gap(chance_upto(n, shares[s], k), upto) > 1e-12 ||
				        gap(chance_above(n, shares[s], k), 1 - upto) > 1e-12)
					fail_msg("%d of %d at %g", k, n, shares[s]);
			}
		}
}

/* Made with exact rational arithmetic (Python's fractions). */
static void large(void **state)
{
	(void)state;
	static const struct {
		int64_t n, k;
		double p, above;
	} rows[] = {
		{ 1000, 15, 0.005, 6.515582032004274e-05 },
		{ 1000, 15, 0.035, 0.9999042498410976 },
		{ 5000, 60, 0.005, 7.526010379808005e-10 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_true(gap(chance_above(rows[i].n, rows[i].p, rows[i].k), rows[i].above) <
		            1e-9 * rows[i].above);
	/* A fleet of 10^9 neither overflows nor takes for ever. */
	assert_true(gap(chance_above(1000000000, 0.5, 500000000), 0.5) < 1e-4);
}

static void ends(void **state)
{
	(void)state;
	assert_true(chance_above(10, 0, 0) <= 0 && chance_upto(10, 0, 0) >= 1);
	assert_true(chance_above(10, 1, 9) >= 1 && chance_upto(10, 1, 9) <= 0);
	assert_true(chance_above(10, 0.5, -1) >= 1 && chance_upto(10, 0.5, -1) <= 0);
	assert_true(chance_above(10, 0.5, 10) <= 0 && chance_upto(10, 0.5, 10) >= 1);
	assert_true(chance_above(0, 0.5, 0) <= 0 && chance_upto(0, 0.5, 0) >= 1);
	assert_true(chance_above(10, 7, 3) >= 1 && chance_above(10, -7, 3) <= 0);
}

/* The thresholds are where the tails cross: at k they hold, one beside they do not. */
static void thresholds(void **state)
{
	(void)state;
	for (int64_t n = 1; n < 20000; n = n * 3 + 1)
		for (double p = 0.001; p < 0.3; p *= 4) {
			int64_t most = chance_most(n, p, 1e-4), least = chance_least(n, p, 1e-3);
			assert_true(chance_above(n, p, most) <= 1e-4);
			assert_true(most == 0 || chance_above(n, p, most - 1) > 1e-4);
			assert_true(least == -1 || chance_upto(n, p, least) <= 1e-3);
			assert_true(chance_upto(n, p, least + 1) > 1e-3);
		}
	assert_int_equal(chance_most(10, 0, 1e-4), 0);
	assert_int_equal(chance_most(10, 1, 1e-4), 10);
	assert_int_equal(chance_most(0, 0.1, 1e-4), 0);
	assert_int_equal(chance_least(10, 0.01, 1e-4), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums),
		cmocka_unit_test(large),
		cmocka_unit_test(ends),
		cmocka_unit_test(thresholds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
