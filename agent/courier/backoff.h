/* backoff.h — how long to stay away from a server that did not answer as it should: pure arithmetic.
 *
 * Full jitter: a random share of a ceiling that doubles, so that a fleet that lost its server does not come back as one. */
#ifndef KEDGE_AGENT_COURIER_BACKOFF_H
#define KEDGE_AGENT_COURIER_BACKOFF_H

#include <stdint.h>

#define BACKOFF_RETRY_AFTER_MAX_S 3600 /* whatever a server asks for */

struct backoff {
	int64_t first_ms;  /* ceiling of the first pause; every pause is at least a quarter of it */
	int64_t max_ms;    /* ceiling of all */
	unsigned failures; /* since the last success */
};

/* Note a failure, and return the milliseconds to wait. RANDOM: 64 random bits. RETRY_AFTER_S: what the server asked for, 0 or
 * less when it did not; then at least that long (at most BACKOFF_RETRY_AFTER_MAX_S) and up to a tenth longer. */
int64_t backoff_failed(struct backoff *b, uint64_t random, int64_t retry_after_s);
/* Note a success: the next failure is a first one. */
void backoff_succeeded(struct backoff *b);

#endif
