/* chance.c — binomial tails by the ratio of neighbouring terms, beginning at the mode with weight 1: nothing under- or
 * overflows, and the sum of all weights is the only normalisation. Refuses nothing: a P out of range is taken as the nearest
 * end. Called by the judge of gates and by `kedge rollout plan`. */
#include "policies/chance.h"

#define NEGLIGIBLE                                                                                           \
	1e-22 /* of the mode's weight: with 10^5 more such terms the sum changes by less than a double shows */

static double clamp(double p)
{
	return p < 0 ? 0 : p > 1 ? 1 : p;
}

static int64_t mode_of(int64_t n, double p)
{
	int64_t mode = (int64_t)((double)(n + 1) * p);

	return mode > n ? n : mode;
}

/* Weights of k above FROM and up to it, the mode's being 1. */
static void split(int64_t n, double p, int64_t from, double *ret_upto, double *ret_above)
{
	int64_t mode = mode_of(n, p);
	double odds = p / (1 - p), weight = 1, upto = 0, above = 0;

	for (int64_t k = mode; k <= n && weight > NEGLIGIBLE; k++) {
		*(k <= from ? &upto : &above) += weight;
		weight *= (double)(n - k) / (double)(k + 1) * odds;
	}
	weight = 1;
	for (int64_t k = mode; k > 0 && weight > NEGLIGIBLE; k--) {
		weight *= (double)k / (double)(n - k + 1) / odds;
		*(k - 1 <= from ? &upto : &above) += weight;
	}
	*ret_upto = upto;
	*ret_above = above;
}

double chance_above(int64_t n, double p, int64_t k)
{
	double upto, above;

	p = clamp(p);
	if (k >= n || p <= 0)
		return k >= 0 ? 0 : 1;
	if (k < 0 || p >= 1)
		return 1;
	split(n, p, k, &upto, &above);
	return above / (upto + above);
}

double chance_upto(int64_t n, double p, int64_t k)
{
	double upto, above;

	p = clamp(p);
	if (k < 0)
		return 0;
	if (k >= n || p <= 0)
		return 1;
	if (p >= 1)
		return 0;
	split(n, p, k, &upto, &above);
	return upto / (upto + above);
}

int64_t chance_most(int64_t n, double p, double alpha)
{
	int64_t low = -1, high = n < 0 ? 0 : n; /* P(X > low) > alpha >= P(X > high) */

	if (chance_above(n, p, low) <= alpha)
		return 0;
	while (high - low > 1) {
		int64_t k = low + (high - low) / 2;
		if (chance_above(n, p, k) <= alpha)
			high = k;
		else
			low = k;
	}
	return high;
}

int64_t chance_least(int64_t n, double p, double beta)
{
	int64_t low = -1, high = n < 0 ? 0 : n; /* P(X <= low) <= beta < P(X <= high) = 1 */

	while (high - low > 1) {
		int64_t k = low + (high - low) / 2;
		if (chance_upto(n, p, k) <= beta)
			low = k;
		else
			high = k;
	}
	return low;
}
