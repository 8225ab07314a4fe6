/* backoff.c — the two rules for a pause: our own doubling one, and the server's wish. Called by the long poll. */
#include "agent/courier/backoff.h"

/* 0 .. N, evenly enough: N is far below 2^64. */
static int64_t share(int64_t n, uint64_t random)
{
	return n > 0 ? (int64_t)(random % ((uint64_t)n + 1)) : 0;
}

static int64_t ceiling(const struct backoff *b)
{
	int64_t ms = b->first_ms;

	for (unsigned i = 0; i < b->failures && ms < b->max_ms; i++)
		ms = ms > b->max_ms / 2 ? b->max_ms : 2 * ms;
	return ms < b->max_ms ? ms : b->max_ms;
}

int64_t backoff_failed(struct backoff *b, uint64_t random, int64_t retry_after_s)
{
	int64_t floor = b->first_ms / 4, ms = share(ceiling(b), random);

	if (b->failures < 64)
		b->failures++;
	if (ms < floor)
		ms = floor;
	if (retry_after_s > 0) {
		if (retry_after_s > BACKOFF_RETRY_AFTER_MAX_S)
			retry_after_s = BACKOFF_RETRY_AFTER_MAX_S;
		int64_t asked = retry_after_s * 1000 + share(retry_after_s * 100, random);
		if (asked > ms)
			ms = asked;
	}
	return ms;
}

void backoff_succeeded(struct backoff *b)
{
	b->failures = 0;
}
