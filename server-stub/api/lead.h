/* lead.h — the part of the server that executes rollouts. */
#ifndef KEDGE_SERVER_API_LEAD_H
#define KEDGE_SERVER_API_LEAD_H

#include <pthread.h>
#include <stdint.h>

#include "proto/err.h"

#define LEASE_SECONDS 10

struct api;

struct lead {
	pthread_mutex_t lock;       /* one pass at a time in this process; guards the next two lines */
	char holder[48];            /* this process; "" until its first pass */
	int64_t term, until;        /* of the lease; until 0: not held */
	pthread_mutex_t told_lock;  /* guards the next line */
	int64_t generation, change; /* of the board when parked polls were last woken */
};

/* One pass: if any rollout is under way, take or keep the lease, decide what there is to decide, write it down; then wake
 * polls that wait, if anything changed, here or in another process. 0 also when another process leads. */
int lead_pass(struct api *api, struct fault *f);
/* Wake polls that wait, if anything changed, here or in another process. One small query where nothing did; it waits for no
 * pass, however long that counts. */
int lead_listen(struct api *api, struct fault *f);
/* Give the lease back, so that another process need not wait for its end. */
void lead_end(struct api *api);

#endif
