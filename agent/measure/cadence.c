/* The share of a processor that counting takes, kept by waiting: what took C of processor time is not done again before C / share
 * has passed. Called by the keeper; pure.
 */
#include "agent/measure/cadence.h"

#define PAID_MS    600000U
#define LONGEST_MS 10000U
#define LEAST_MS   200U

bool cadence_due(const struct cadence *c, int64_t now_ms)
{
	return now_ms >= c->next_ms;
}

void cadence_spent(struct cadence *c, int64_t now_ms, int64_t cpu_us)
{
	/* cpu_us / 1000 ms, times 1000 / permille: the thousands cancel out. A day is enough for any walk. */
	int64_t wait_ms = cpu_us > 0 ? cpu_us / (int64_t)c->budget_permille : 0;
	const int64_t day_ms = 86400000;
	c->next_ms = now_ms + (wait_ms < day_ms ? wait_ms : day_ms);
}

uint32_t cadence_longest_ms(const struct cadence *c)
{
	uint64_t ms = (uint64_t)PAID_MS * c->budget_permille / 1000;
	return ms < LEAST_MS ? LEAST_MS : ms > LONGEST_MS ? LONGEST_MS : (uint32_t)ms;
}
