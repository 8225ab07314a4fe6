/* timeline.h — a fleet in simulated time: one rollout over N hosts, executed by the server's own state machine and gates.
 *
 * Hosts learn of a wave within seconds, apply, answer or do not; they reboot, are cut off, come back, fail for reasons of
 * their own, and some break on the policy. Every second is simulated, none is waited for; the same seed gives the same
 * life. What a host said is counted by server-stub/rollout/tally.c and judged by machine.c, as the server does it.
 */
#ifndef KEDGE_SIM_TIMELINE_H
#define KEDGE_SIM_TIMELINE_H

#include <stdint.h>

#include "server-stub/rollout/machine.h"

struct timeline_plan {
	int64_t hosts;
	const struct rollout *rollout; /* its salt is made from the seed, its start is the beginning */
	int64_t background;            /* per mille of hosts that fail whatever they are given */
	int64_t fault;                 /* per mille that break on this policy */
	int64_t deadly;     /* per mille of those that are never heard from again; others fail or go back */
	int64_t offline;    /* per mille of hosts that are away at the start and come back within a day */
	int64_t partitions; /* times that a twentieth of all hosts is cut off for 5 to 15 minutes */
	int64_t poll;       /* seconds between two polls of a host */
};

struct timeline_end {
	enum run_state state;
	size_t wave;     /* the last that was opened, from 1; 0: none */
	int64_t touched; /* hosts that had written the policy when all was quiet */
	int64_t broken;  /* of them: those that the policy breaks */
	int64_t seconds; /* until the end of the rollout */
	uint64_t digest; /* of all decisions and when they were made */
	char reason[RUN_REASON_ROOM];
};

/* Live through PLAN with SEED. 0, or -1 without memory. */
int timeline_live(const struct timeline_plan *plan, uint64_t seed, struct timeline_end *ret);

#endif
