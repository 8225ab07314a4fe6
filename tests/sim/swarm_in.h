/* swarm_in.h — what the files of the swarm share: swarm.c opens and connects, swarm_enrol.c makes hosts, swarm_adopt.c brings them
 * a rollout, swarm_say.c writes their records. */
#ifndef KEDGE_SIM_SWARM_IN_H
#define KEDGE_SIM_SWARM_IN_H

#include <openssl/ssl.h>

#include "agent/courier/backoff.h"
#include "agent/report/compose.h"
#include "certs/token.h"
#include "policies/facts.h"
#include "policies/policy.h"
#include "policies/rollout.h"
#include "proto/assignment.h"
#include "proto/record.h"
#include "proto/signkey.h"
#include "proto/trust.h"
#include "tests/sim/swarm.h"

#define SWARM_MAKERS  8  /* connections of the operator */
#define SWARM_ENROLS  48 /* hosts that enrol at once */
#define HOST_POLICIES 4

struct adoption;

/* A rollout that a host has. */
struct held_policy {
	char name[65];
	int64_t version, serial;
	const char *state;
};

struct sim_host {
	struct swarm *swarm;
	uint32_t index;
	char id[40], boot_id[BOOT_ID_ROOM];
	EVP_PKEY *key;
	X509 *cert;
	struct signkey *sign;
	struct chain chain;
	struct buf outbox; /* records that the server does not have */
	size_t sending;    /* bytes of them that are under way */
	int64_t generation;
	struct held_policy held[HOST_POLICIES];
	struct adoption *adoption; /* NULL: none under way */
	struct wire *wire, *second;
	struct backoff backoff;
	ev_timer timer;
	struct host_facts facts;
	struct label label;
	struct token token;
	int64_t counted; /* serial that the stages below are of */
	unsigned char stage;
	bool parked, away;
};

/* How far a host has come with the newest serial. */
enum { STAGE_TOLD = 1, STAGE_WRITTEN, STAGE_REPORTED, STAGE_ENDED };

/* A connection of the operator, and the host whose token it makes. */
struct maker {
	struct wire *wire;
	struct sim_host *host;
};

struct swarm {
	struct swarm_options opt;
	struct swarm_counts counts;
	struct wire_to as_host, as_operator;
	struct maker makers[SWARM_MAKERS];
	uint32_t next, enrolling; /* the next host to enrol; those under way */
	struct sim_host *hosts;
	char *root;
	size_t root_len;
	uint64_t random;
	int64_t newest; /* serial */
	ev_timer weather;
	char trouble[256];
};

uint64_t swarm_draw(struct swarm *s);
int64_t swarm_now(void);
/* H comes to STAGE with SERIAL. */
void host_stage(struct sim_host *h, int64_t serial, int stage);
void host_trouble(struct sim_host *h, const char *what, const struct fault *f);
/* Go on: report what is to be reported, adopt what is to be adopted, else poll. Connects when it has to. */
void host_go(struct sim_host *h);
/* The connection is of no use: come back after a pause. */
void host_retreat(struct sim_host *h);
void host_after(struct sim_host *h, double seconds);

/* ---- swarm_enrol.c ---- */
void enrol_more(struct swarm *s);

/* ---- swarm_adopt.c ---- */
/* Begin what BODY, an assignment, asks for. false: nothing new. */
bool adopt_begin(struct sim_host *h, const char *body, size_t len);
void adopt_go(struct sim_host *h);
void adopt_drop(struct sim_host *h);

/* ---- swarm_say.c ---- */
void say_epoch(struct sim_host *h);
void say_status(struct sim_host *h);
void say_apply(struct sim_host *h, const struct rollout *r, enum apply_result result, const char *reason,
        const unsigned char hash[SHA256_LEN]);
void say_refusal(struct sim_host *h, const struct rollout *r, const char *path, const struct fault *f);
void say_drift(struct sim_host *h);

#endif
