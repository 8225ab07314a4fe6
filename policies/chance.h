/* chance.h — how often chance alone makes so many of N hosts fail: the binomial distribution, as gates need it.
 *
 * Pure arithmetic on doubles, without logarithms or tables, so that every process that asks gets the same bits. Exact up to
 * rounding (relative 1e-12) for N up to 10^9; the work grows with the square root of N.
 */
#ifndef KEDGE_POLICIES_CHANCE_H
#define KEDGE_POLICIES_CHANCE_H

#include <stdint.h>

/* P(X > k) and P(X <= k) for X of N hosts that fail with probability P each, 0 <= P <= 1. */
double chance_above(int64_t n, double p, int64_t k);
double chance_upto(int64_t n, double p, int64_t k);
/* The most that chance explains: the smallest k with P(X > k) <= ALPHA. */
int64_t chance_most(int64_t n, double p, double alpha);
/* So few that chance does not explain them: the largest k with P(X <= k) <= BETA; -1: no number is that small. */
int64_t chance_least(int64_t n, double p, double beta);

#endif
