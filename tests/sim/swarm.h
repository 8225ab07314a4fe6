/* swarm.h — thousands of agents in one process, against a real server over real TLS.
 *
 * Each enrols with a token of its own, reports with its own record key, polls, fetches the repository and verifies all of it,
 * checks the rollout against its own facts, writes a kernel that is simulated, confirms over a new connection, and says
 * what became of it. What keeps it apart from kedge-agent is that there is no disk, no /proc/sys and no process.
 */
#ifndef KEDGE_SIM_SWARM_H
#define KEDGE_SIM_SWARM_H

#include "tests/sim/wire.h"

struct swarm;

struct swarm_options {
	struct ev_loop *loop;
	uint16_t port;                            /* of 127.0.0.1 */
	const char *ca_path;                      /* of the server */
	const char *operator_cert, *operator_key; /* of an admin, who makes the tokens */
	const char *root_path;                    /* the first trusted root */
	const char *prefix;                       /* of host ids */
	uint32_t hosts;
	uint64_t seed;
	unsigned refuses,
	        goes_back; /* per mille of hosts whose kernel refuses a write; that lose the way to the server by it */
	unsigned drifts, reboots; /* a second, over all hosts */
	int64_t poll_s;
	/* Called whenever a host comes further than any did before: look at the counts. */
	void (*moved)(void *ctx);
	void *ctx;
};

/* How many hosts have come so far. The last four are of the newest serial that any host was told. */
struct swarm_counts {
	uint32_t enrolled, parked;
	uint32_t told, written, reported,
	        ended; /* ended: confirmed, failed or gone back, and the server knows */
	uint32_t confirmed, failed, reverted, refused;
	uint64_t records, drifts, reboots, lost; /* lost: connections that ended before their answer */
	double first_told;                       /* seconds since 1970; 0: nobody was */
	double last_written, last_reported, last_ended;
	struct wire_sums wire;
};

int swarm_open(const struct swarm_options *opt, struct swarm **ret, struct fault *f);
void swarm_counts(const struct swarm *s, struct swarm_counts *ret);
/* What stopped a host last; "" when nothing did. */
const char *swarm_trouble(const struct swarm *s);
void swarm_close(struct swarm *s);

#endif
