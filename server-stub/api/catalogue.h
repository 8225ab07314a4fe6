/* catalogue.h — the rollouts of the published repository: the newest of each policy, the standing one below it, and the
 * newest root.
 *
 * Read from the published bytes as advice; hosts verify all of it themselves. Immutable but for its count of holders.
 */
#ifndef KEDGE_SERVER_API_CATALOGUE_H
#define KEDGE_SERVER_API_CATALOGUE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/codec.h"
#include "proto/err.h"
#include "server-stub/api/plans.h"

struct api;

struct catalogue_rollout {
	char policy[65];
	struct plan *newest; /* the highest serial */
	struct plan *
	        standing; /* the highest standing one below it, for hosts that the newest has not come to; NULL: none */
};

struct catalogue {
	unsigned holders;                   /* guarded by the API's catalogue_lock */
	int64_t generation;                 /* of the repository; 0: nothing is published */
	struct catalogue_rollout *rollouts; /* by policy */
	size_t n;
};

/* The catalogue of the present generation, loaded when the store has a newer one. catalogue_let() *RET. KE_STORE and
 * the like; KE_SCHEMA when the published metadata cannot be read. */
int catalogue_hold(struct api *api, struct catalogue **ret, struct fault *f);
void catalogue_let(struct api *api, struct catalogue *c);
/* SHA-256 of the newest published root.json. KE_NOENT: nothing is published. */
int catalogue_root(struct api *api, unsigned char ret[SHA256_LEN], struct fault *f);

#endif
