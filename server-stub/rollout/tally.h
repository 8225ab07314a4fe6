/* tally.h — what is known of the hosts of a wave, counted: one host at a time becomes an outcome, outcomes become numbers.
 *
 * Pure. What a host said of one serial is told by its last apply record, its status, its refusals and its drift; who has
 * said nothing is silent. The numbers are all that the state machine (machine.h) ever sees of a fleet.
 */
#ifndef KEDGE_SERVER_ROLLOUT_TALLY_H
#define KEDGE_SERVER_ROLLOUT_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "policies/gates.h"

enum stand {
	STAND_SILENT,   /* has said nothing of it */
	STAND_BEGUN,    /* has it, not confirmed yet */
	STAND_GOOD,     /* has it, confirmed; or is not meant by the policy */
	STAND_FAILED,   /* could not apply it, or refused it */
	STAND_REVERTED, /* applied it and went back */
};

/* One host as the store tells of it; texts may be "". */
struct host_said {
	bool at_serial;      /* result and state are of this very serial */
	const char *result;  /* of the last apply record: "confirmed", "failed", ... */
	const char *state;   /* of the last status record: "applied", "held", ... */
	const char *refusal; /* code of its last refusal of this serial */
	bool contested;      /* somebody there insists on another value since the rollout began */
	int64_t drifted;     /* keys that were off by its last status */
	bool online;         /* heard from lately, or since the rollout began */
	bool watched; /* was there when the last wave opened: had then been heard from lately, or has been since */
	bool quiet; /* not heard from for three polls */
};

struct tally {
	int64_t hosts;    /* that the wave is meant for */
	int64_t missing;  /* named by it, and not enrolled */
	int64_t reached;  /* of them: online, or answered */
	int64_t answered; /* of them: good, failed or reverted */
	int64_t begun, good, failed, reverted, contested, drifted;
	int64_t watched,
	        lost; /* were there when the last wave opened; of them, silent now, and not counted as failing */
};

/* Refusals that tell of the repository on its way or of the host's clock, not of the policy, leave a host silent. */
enum stand stand_of(const struct host_said *h);
/* "silent", "begun", "good", "failed", "reverted". */
const char *stand_name(enum stand o);
/* Fill online, watched and quiet of H. LAST_SEEN: when it was heard from last, 0 never; OPENED: when its wave was, 0 not yet;
 * OPENED_LAST: when any wave was, the last time; POLL: seconds after which a host that is there asks again. */
void said_heard(struct host_said *h, int64_t last_seen, int64_t opened, int64_t opened_last, int64_t now,
        int64_t poll);
/* Count one host. */
void tally_add(struct tally *t, const struct host_said *h);
/* The number that gate G is about. */
int64_t tally_of(const struct tally *t, enum gate g);

#endif
