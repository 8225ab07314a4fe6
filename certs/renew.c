/* renew.c — when to renew: pure, so that ten thousand hosts can be asked in a test. The share of a host depends on its
 * name alone: it stays the same across restarts, and two hosts enrolled in one second part ways. */
#include "certs/renew.h"

#include <stdbool.h>

#include "proto/codec.h"

/* A number of 0..2^32-1 that depends on SEED and SALT only. */
static uint32_t share(const void *seed, size_t seed_len, unsigned char salt)
{
	unsigned char digest[SHA256_LEN + 1];

	sha256(seed, seed_len, digest);
	digest[SHA256_LEN] = salt;
	sha256(digest, sizeof digest, digest);
	return (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 | digest[3];
}

/* SPAN * PART / 2^32 for 0 <= SPAN < 2^62, without overflow. */
static int64_t scale(int64_t span, uint32_t part)
{
	return (span >> 32) * (int64_t)part + (int64_t)(((uint64_t)(span & 0xffffffff) * part) >> 32);
}

int64_t renew_time(int64_t not_before, int64_t not_after, const void *seed, size_t seed_len)
{
	int64_t life = 0;

	if (__builtin_sub_overflow(not_after, not_before, &life) || life <= 0)
		return not_after;
	return not_before + life / 3 * 2 + scale(life / 12, share(seed, seed_len, 0));
}

int64_t renew_backoff(int64_t now, int64_t not_after, unsigned attempt, const void *seed, size_t seed_len)
{
	int64_t wait = attempt >= 6 ? 3600 : (int64_t)60 << attempt;
	int64_t left = not_after > now ? not_after - now : 0;

	if (wait > 3600)
		wait = 3600;
	wait = wait / 2 + scale(wait / 2, share(seed, seed_len, (unsigned char)(attempt % 255 + 1)));
	/* Past its end there is nothing left to hurry for. */
	if (left == 0)
		wait = 1800 + scale(1800, share(seed, seed_len, (unsigned char)(attempt % 255 + 1)));
	else if (wait > left / 10)
		wait = left / 10;
	return wait < 10 ? 10 : wait;
}
