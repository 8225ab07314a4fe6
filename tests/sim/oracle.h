/* oracle.h — which values a simulated host may hold, by the signed plans alone.
 *
 * The oracle sees what no server decides: the plans as they were signed, the bytes that a host was given, its clocks, and each
 * write to a key while it happens. From these it knows, without a line of the keeper's code, which plan a host may adopt
 * now: listed in the newest publication that the host has seen, not expired, for its role, in a wave that is open, with a
 * higher serial than any before. A write of any other value is a violation, and so is a host whose keys, serials or clock
 * floor end up elsewhere.
 */
#ifndef KEDGE_TESTS_SIM_ORACLE_H
#define KEDGE_TESTS_SIM_ORACLE_H

#include "tests/sim/signed.h"
#include "tests/support/keeper_sim.h"

#define ORACLE_HOSTS 400

struct oracle_row {
	int64_t serial, version; /* adopted; version 0: none, or removed */
};

struct oracle_host {
	struct sim *sim;
	char *role;
	struct oracle_row rows[POLICIES];
	int root, keys; /* of the newest root that it was given */
	int seen;       /* newest publication whose timestamp it was given, and had to take; 0: none */
	int maybe; /* newest whose timestamp it was given with a change that may do no harm, such as white space */
	int64_t floor, base_ms, floor_file; /* of its clock */
	int64_t may[SIGNED_PLANS];          /* when it last might adopt the plan, by TRUE_TIME; 0: never */
};

struct oracle {
	const struct signer *signer;
	struct oracle_host hosts[ORACLE_HOSTS];
	size_t n_hosts;
	int64_t true_time;
	unsigned long writes, violations, adoptions, removals, undone;
};

/* The one oracle of this process: writes come to it by themselves. */
extern struct oracle oracle;

/* A host begins to run, for the first time or again: its clock's floor is what is on its disk. */
void oracle_started(struct oracle_host *h);
/* The host's own date, and whether it is too far ahead to be used. */
int64_t oracle_date(const struct oracle_host *h);
bool oracle_ahead(const struct oracle_host *h);
/* It was given, unchanged and in answer to its question: root N, or the timestamp of publication STATE. */
void oracle_gave_root(struct oracle_host *h, int n);
void oracle_gave_timestamp(struct oracle_host *h, int state);
/* The same, but not unchanged. */
void oracle_gave_damaged(struct oracle_host *h, int state);
/* Its server said what time it is. */
void oracle_server_time(struct oracle_host *h, int64_t seconds);
/* Look at the host after a step. */
void oracle_look(struct oracle_host *h);
/* Count a violation and say it, up to 20 times. */
void oracle_violation(const struct oracle_host *h, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));

#endif
