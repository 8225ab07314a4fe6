/* latency.h — how long requests took, a histogram for each route. Any thread may count and read.
 *
 * What is counted is the time from the whole request (its body included) to its answer, so a slow sender does not show;
 * nor do requests that were parked, because a long poll takes as long as its client wished.
 */
#ifndef KEDGE_HTTP_LATENCY_H
#define KEDGE_HTTP_LATENCY_H

#include <stddef.h>
#include <stdint.h>

#define HTTP_LATENCY_BOUNDS 12

struct http_latency {
	uint64_t n[HTTP_LATENCY_BOUNDS +
	           1]; /* requests in each bucket, not cumulative; the last has no bound */
	uint64_t ms;   /* all of them together */
};

/* Upper bounds of the buckets, milliseconds, rising; a request of just that many is within. */
extern const unsigned http_latency_bounds[HTTP_LATENCY_BOUNDS];

struct latencies;

/* Zeroed histograms for N routes. NULL: out of memory. */
struct latencies *latencies_new(size_t n);
/* NULL is fine. */
void latencies_free(struct latencies *l);
/* A request of ROUTE (below the N of latencies_new()) was answered after MS milliseconds; negative counts as 0. */
void latencies_count(struct latencies *l, size_t route, int64_t ms);
/* A copy. The buckets are read one after the other, so ms may be of a request more or less. */
void latencies_get(struct latencies *l, size_t route, struct http_latency *ret);

#endif
