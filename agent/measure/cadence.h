/* cadence.h — how often the sockets may be counted one by one, so that counting stays below its share of a processor.
 *
 * A walk over many sockets costs what it costs; what can be chosen is how long to wait for the next. In between there are
 * measurements of totals, which cost nothing. Pure arithmetic; a zeroed struct with a budget is a new one.
 */
#ifndef KEDGE_MEASURE_CADENCE_H
#define KEDGE_MEASURE_CADENCE_H

#include <stdbool.h>
#include <stdint.h>

struct cadence {
	uint32_t budget_permille; /* of one processor; 1..1000 */
	int64_t next_ms;          /* boot time from which a walk is paid for */
};

/* May all sockets be walked at NOW_MS (boot milliseconds)? */
bool cadence_due(const struct cadence *c, int64_t now_ms);
/* A measurement that began at NOW_MS took CPU_US microseconds of processor time. */
void cadence_spent(struct cadence *c, int64_t now_ms, int64_t cpu_us);
/* Milliseconds after which a walk should stop and tell what it saw: what ten minutes of the budget pay, between 0.2 and 10 s. */
uint32_t cadence_longest_ms(const struct cadence *c);

#endif
