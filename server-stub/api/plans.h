/* plans.h — the signed plans behind published rollouts, read for the server's own part: which waves there are, whom they are
 * meant for, what the gates are. Hosts verify and judge for themselves. */
#ifndef KEDGE_SERVER_API_PLANS_H
#define KEDGE_SERVER_API_PLANS_H

#include "policies/rollout.h"
#include "policies/selector.h"

struct api;
struct store_said;

struct plan {
	char *path; /* "rollouts/POLICY/SERIAL.json" */
	int64_t serial;
	struct rollout *rollout; /* NULL: cannot be read, WHY says why; no host is told of it */
	struct selector *meant;  /* the policy's own selector; NULL: every host, or not known */
	char why[256];
};

/* Read the published target PATH, which says SERIAL of POLICY and has SHA-256 SHA256. A plan that cannot be read is one
 * too: an error is the store's or memory's. plans_free() *RET. */
int plans_load(struct api *api, const char *path, const char *policy, int64_t serial,
        const unsigned char sha256[SHA256_LEN], struct plan **ret, struct fault *f);
void plans_free(struct plan *p);
/* Is the plan meant for host SAID, by what it last told of itself? A host that has told nothing yet may be. *RET is the wave
 * that holds it, also when it is not meant; untouched when none does. */
bool plans_wave(const struct plan *p, const struct store_said *said, size_t *ret);

#endif
