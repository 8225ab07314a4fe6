/* census.h — the fleet as one rollout sees it: every host in its wave, with what it said. */
#ifndef KEDGE_SERVER_API_CENSUS_H
#define KEDGE_SERVER_API_CENSUS_H

#include "server-stub/api/board.h"

/* A host in the census. It fails when OUTCOME says so, or when its keys are contested or off. */
struct census_host {
	const struct store_said *said;
	size_t wave;
	enum stand outcome;
	bool fails;
	const char *why; /* its own words: the reason of a failure; "" */
};

struct census {
	struct tally waves[ROLLOUT_MAX_WAVES];
	/* May be NULL: called for every host that the rollout is meant for. */
	int (*each)(void *ctx, const struct census_host *h);
	void *ctx;
};

/* Count all hosts, or (HOST) only one. Hosts that an operator excused count only when they are good. What each() returns
 * besides 0 ends the walk and is returned. */
int census_take(
        struct api *api, const struct board_run *r, const char *host, struct census *c, struct fault *f);
/* The same out of STORE at NOW, with polls of POLL seconds. */
int census_of(struct store *store, const struct board_run *r, int64_t now, int64_t poll, const char *host,
        struct census *c, struct fault *f);

#endif
