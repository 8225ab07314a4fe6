/* machine_world.h — a plan of some waves, and one step of the machine at a time after its start. For the tests of the state machine and of
 * its gates. */
#ifndef KEDGE_TESTS_SUPPORT_MACHINE_WORLD_H
#define KEDGE_TESTS_SUPPORT_MACHINE_WORLD_H

#include "server-stub/rollout/machine.h"

#define START 1000000

/* N waves that open at 0, 100, 200, ... and close a day later. */
static inline struct rollout plan_of(struct rollout_wave *waves, size_t n, struct gates gates)
{
	static char policy[] = "web";
	struct rollout r = {
		.policy = policy, .serial = 1, .start = START, .waves = waves, .n_waves = n, .gates = gates
	};

	for (size_t i = 0; i < n; i++)
		waves[i] = (struct rollout_wave){ .share = (int64_t)(i + 1) * 1000 / (int64_t)n,
			.opens_after = (int64_t)i * 100,
			.opens_before = 86400 };
	return r;
}

static inline enum decision next(const struct rollout *r, const struct tally *t, int64_t now, struct run *run)
{
	size_t wave = 99;

	return run_next(r, t, START + now, run, &wave);
}

#endif
