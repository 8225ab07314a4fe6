/* latency.c — histograms of answering times.
 *
 * One row of relaxed atomic counters a route: counting is two additions and takes no lock. Refuses nothing: a clock
 * that went back counts as no time. Called by conn.c for each answer and by server.c for whoever asks.
 */
#include "server-stub/http/latency.h"

#include <stdatomic.h>
#include <stdlib.h>

const unsigned http_latency_bounds[HTTP_LATENCY_BOUNDS] = { 1, 2, 5, 10, 20, 50, 100, 250, 500, 1000, 5000,
	30000 };

struct row {
	atomic_uint_fast64_t n[HTTP_LATENCY_BOUNDS + 1];
	atomic_uint_fast64_t ms;
};

struct latencies {
	size_t n;
	struct row rows[];
};

struct latencies *latencies_new(size_t n)
{
	size_t size;

	if (__builtin_mul_overflow(n, sizeof(struct row), &size) ||
	        __builtin_add_overflow(size, sizeof(struct latencies), &size))
		return NULL;
	struct latencies *l = calloc(1, size);
	if (l)
		l->n = n;
	return l;
}

void latencies_free(struct latencies *l)
{
	free(l);
}

void latencies_count(struct latencies *l, size_t route, int64_t ms)
{
	size_t i = 0;

	if (route >= l->n)
		return;
	if (ms < 0)
		ms = 0;
	while (i < HTTP_LATENCY_BOUNDS && ms > (int64_t)http_latency_bounds[i])
		i++;
	atomic_fetch_add_explicit(&l->rows[route].n[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&l->rows[route].ms, (uint64_t)ms, memory_order_relaxed);
}

void latencies_get(struct latencies *l, size_t route, struct http_latency *ret)
{
	struct http_latency copy = { 0 };

	for (size_t i = 0; route < l->n && i <= HTTP_LATENCY_BOUNDS; i++)
		copy.n[i] = atomic_load_explicit(&l->rows[route].n[i], memory_order_relaxed);
	if (route < l->n)
		copy.ms = atomic_load_explicit(&l->rows[route].ms, memory_order_relaxed);
	*ret = copy;
}
