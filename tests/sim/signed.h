/* signed.h — what the operators of a simulated fleet sign, kept as plain data beside the signed files.
 *
 * The repository is real (tests/support/repo_sim.h). The rows here are what was meant by it: the oracle judges hosts by them and
 * by nothing that the keeper's code made of the files.
 */
#ifndef KEDGE_TESTS_SIM_SIGNED_H
#define KEDGE_TESTS_SIM_SIGNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/repo_sim.h"

#define SIGNED_PLANS  400
#define SIGNED_STATES 2000
#define SIGNED_WAVES  3

enum { POLICY_WEB, POLICY_DB, POLICIES };
extern const char *const policy_names[POLICIES];

/* A generator of its own (splitmix64): the same seed, the same run. */
struct dice {
	uint64_t state;
};
uint64_t dice_roll(struct dice *d);
/* 0 to N - 1. */
unsigned dice_below(struct dice *d, unsigned n);
/* Yes, PERCENT times of a hundred. */
bool dice_is(struct dice *d, unsigned percent);

struct signed_wave {
	char canary[16]; /* a host id, or "": then SHARE counts */
	int64_t share, after, before;
};

struct signed_plan {
	int policy;
	int64_t serial, version; /* version 0: a removal */
	bool standing, wrong_hash;
	const char *role; /* the label that a host must have; NULL: all */
	unsigned char salt[16];
	int64_t start;
	struct signed_wave waves[SIGNED_WAVES];
	size_t n_waves;
	char path[64];
	int from, until; /* listed in states FROM to UNTIL - 1 */
};

/* One publication; its number is the timestamp's version. */
struct signed_state {
	int64_t expires; /* of the timestamp, which expires first */
	int keys;        /* generation of the timestamp key */
	char *timestamp; /* its bytes */
	size_t len;
};

struct signer {
	struct repo_sim *repo;
	struct dice *dice;
	struct signed_plan plans[SIGNED_PLANS];
	size_t n_plans;
	struct signed_state states[SIGNED_STATES];
	int n_states; /* the newest is states[n_states] */
	int root, keys;
	int64_t serial[POLICIES], version[POLICIES];
};

/* A repository that lists nothing yet, published at NOW. signer_free() it. */
struct signer *signer_new(struct dice *d, int64_t now);
void signer_free(struct signer *s);
/* Sign one more plan, of a random kind, with random waves around NOW. Listed from the next publication on. NULL: there are
 * enough. HOSTS: how many there are to be named as canaries ("h000", ...). */
struct signed_plan *signer_plan(struct signer *s, int64_t now, unsigned hosts);
/* Sign the standing form of the newest version of POLICY, for every host. */
struct signed_plan *signer_standing(struct signer *s, int policy);
/* Take a plan back that turned out to be a mistake: it is not listed any more. */
void signer_withdraw(struct signer *s);
/* Replace the timestamp key, by a new root. */
void signer_rotate(struct signer *s);
/* Write a new publication. */
void signer_publish(struct signer *s, int64_t now);

/* The policy that sets KEY (an index of sim_keys[]), and what its VERSION sets it to. */
int signed_owner(size_t key);
int64_t signed_value(size_t key, int64_t version);
/* The document of VERSION of POLICY, with the value SHIFTed by so much (0: as signed). */
size_t signed_policy(int policy, int64_t version, int64_t shift, char *text, size_t size);
/* The rollout's document; FORGED: the same, but standing and for all. */
size_t signed_rollout(const struct signed_plan *p, bool forged, char *text, size_t size);

#endif
