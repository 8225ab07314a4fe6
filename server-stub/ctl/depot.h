/* depot.h — a TUF repository as a directory on an operator's disk: what `kedge repo` reads, changes and signs.
 *
 *   DIR/metadata/1.root.json ...  7.targets.json  9.snapshot.json  timestamp.json    what clients fetch
 *   DIR/targets/policies/web/HASH.3.json                                             (consistent snapshots)
 *   DIR/repo.conf                 where the signing keys are, how long roles live
 *   DIR/pending/8.targets.json    next versions that wait for the signatures of other people; not published
 *   DIR/.staged                   metadata that is being switched in; finished on the next open after a crash
 *
 * A depot is opened under a lock, changed in memory and written at once: target files first, then metadata from the
 * leaves to the timestamp. Readers of the directory see the old repository or the new one.
 */
#ifndef KEDGE_SERVER_CTL_DEPOT_H
#define KEDGE_SERVER_CTL_DEPOT_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/release.h"
#include "proto/tuf.h"
#include "server-stub/ctl/keyring.h"

#define DEPOT_TARGET_MAX (4U << 20)

struct depot;

struct depot_conf {
	char *keys;                      /* directory, absolute; NULL: not named */
	int64_t lifetime[TUF_TOP_COUNT]; /* seconds; delegated roles live as long as targets */
	unsigned shard_above;            /* targets of a delegated role before it is split */
};

/* A public key that comes from somebody else. */
struct depot_import {
	enum tuf_top role;
	const struct cJSON *key; /* TUF key object */
};

/* How a new depot is made. */
struct depot_plan {
	const char *keys; /* directory */
	const char *passphrase;
	unsigned n_keys[TUF_TOP_COUNT], threshold[TUF_TOP_COUNT];
	int64_t lifetime[TUF_TOP_COUNT];
	/* Keys beside the N_KEYS that are made. With these, all keys in KEYS sign. */
	const struct depot_import *imports;
	size_t n_imports;
	unsigned shard_above;
};
/* 1 key, threshold 1; root 365 days, targets 180, snapshot 30, timestamp 7; split above 1000 targets. */
extern const struct depot_plan depot_plan_default;

/* Make DIR with new keys and version 1 of all roles. Targets delegate to the roles "policies" and "rollouts", which have as
 * many keys of their own, besides the imported ones of targets, and the same threshold. Where imported keys have to sign,
 * too, version 1 stays pending. KE_EXIST when there is a repository, KE_RANGE for a threshold that the keys cannot
 * reach. */
int depot_init(const char *dir, const struct depot_plan *plan, int64_t now, struct fault *f);
/* The same checks, and the repository in memory alone, for depot_preview(): no directory and no key is made.
 * depot_close() it. */
int depot_imagine(const char *dir, const struct depot_plan *plan, struct depot **ret, struct fault *f);
/* Open DIR for changes (KE_BUSY while somebody else does), finishing a switch that a crash interrupted. Signatures are
 * checked, expiry is not: an expired repository is there to be refreshed. depot_close() it. */
int depot_open(const char *dir, struct depot **ret, struct fault *f);
/* The same, with what is pending taken into the release as if it had been edited now; also a repository whose version 1
 * is pending. KE_ROLLBACK: it is stale, KE_EXPIRED: too old, both at NOW. */
int depot_resume(const char *dir, int64_t now, struct depot **ret, struct fault *f);
void depot_close(struct depot *d);
/* Where the keys are by repo.conf; NULL when it does not say. */
const char *depot_keys(const struct depot *d);

/* What a client finds that looks for PATH, as published; RET_ROLE (may be NULL) lists it. KE_NOENT. KE_UNTRUSTED: a role on
 * the way was never signed, and ends every client's search. */
int depot_find(const struct depot *d, const char *path, const char **ret_role, const struct tuf_target **ret);
/* Call EACH for every target of every role, as published, until it returns another value than 0. FOUND: only those that
 * clients find, where they find them. */
int depot_each(const struct depot *d, bool found,
        int (*each)(void *ctx, const char *role, const struct tuf_target *target), void *ctx);
/* The bytes of the listed target PATH, checked against its hash; free() them. KE_NOENT, KE_MISMATCH. */
int depot_read(const struct depot *d, const char *path, char **ret, size_t *ret_len, struct fault *f);
int64_t depot_version(const struct depot *d, const char *role);
/* What is edited: release_published(), release_signers(), release_role(). */
struct release *depot_release(struct depot *d);
/* Does anything wait for signatures? */
bool depot_waits(const struct depot *d);

/* List PATH with these bytes in ROLE; NULL: where it is listed now, else in the first delegated role that clients ask for it,
 * else in targets. A role that has shards lists it in one of them. The file is written by depot_write(). Refused: a role
 * that clients do not ask for PATH, or only after another that lists it (KE_UNTRUSTED, KE_EXIST). */
int depot_put(
        struct depot *d, const char *role, const char *path, const void *data, size_t len, struct fault *f);
/* Take PATH off the role where clients find it. KE_NOENT. */
int depot_drop(struct depot *d, const char *path, struct fault *f);

/* Delegate to DELEGATION->name from the role PARENT, in front of "policies" and "rollouts" when it is new. When K cannot sign
 * for it and it was never published, *RET_DEFERRED: somebody else signs its first version by putting something into it. */
int depot_delegate(struct depot *d, const char *parent, const struct release_delegation *delegation,
        const struct keyring *k, bool *ret_deferred, struct fault *f);
int depot_undelegate(struct depot *d, const char *parent, const char *name, struct fault *f);
/* A new version of the delegated ROLE and its shards, with a new expiry. KE_NOENT. */
int depot_renew(struct depot *d, const char *role, struct fault *f);

/* What depot_prune() did, or would do. */
struct depot_pruned {
	char **dropped; /* target paths */
	size_t n_dropped;
	char **deleted; /* files below the depot */
	size_t n_deleted;
	struct release_files written;
};
/* Take off the rollouts that are neither the newest of their policy nor its newest standing form, and the versions of policies
 * that no remaining rollout names, but never the newest one; sign; then delete the target files that nobody lists, and the
 * metadata, but for roots, that neither this version of the repository nor the one before needs. With DRY_RUN only tell.
 * depot_pruned_clear() *RET in any case. */
int depot_prune(struct depot *d, const struct keyring *k, int64_t now, bool dry_run, struct depot_pruned *ret,
        struct fault *f);
void depot_pruned_clear(struct depot_pruned *p);

/* New expiry for the top-level ROLE, and with it a new version. */
int depot_touch(struct depot *d, const char *role, struct fault *f);
/* Replace all keys of ROLE by as many new ones, made in K: keyring_retire() the old ones after depot_write(). */
int depot_rotate(struct depot *d, const char *role, struct keyring *k, struct fault *f);
/* Change keys of ROLE one by one: ADD keys, drop those whose ids begin with the DROP (8 hex digits or more, of exactly one
 * key; KE_NOENT, KE_VALUE), and the threshold (0: as it is). */
struct depot_rekey {
	const struct cJSON *const *add;
	size_t n_add;
	const char *const *drop;
	size_t n_drop;
	unsigned threshold;
};
int depot_rekey(struct depot *d, const char *role, const struct depot_rekey *change, struct fault *f);
/* What depot_sign() would sign. */
int depot_preview(struct depot *d, int64_t now, struct release_pendings *ret, struct fault *f);
/* Sign what changed with K. What is complete is switched in, and *FILES says what (release_files_free()); otherwise all
 * of it is kept in DIR/pending, and *PENDING says what is missing (release_pendings_free()). Target files are written in
 * both cases. With DRY_RUN nothing is written. KE_EXIST: a role that changed is pending already, and was not resumed. */
int depot_sign(struct depot *d, const struct keyring *k, int64_t now, bool dry_run,
        struct release_files *files, struct release_pendings *pending, struct fault *f);
/* Drop what is pending in DIR, whatever is wrong with it; target files stay. The names of its files are added to NAMES, each
 * followed by a newline. With DRY_RUN only that. */
int depot_discard(const char *dir, bool dry_run, struct buf *names, struct fault *f);
/* depot_sign() that fails with KE_SIGNATURE when keys are too few. Split roles that grew too large, sign what changed with K, and switch it in. *RET are the metadata files (release_files_free()). With DRY_RUN nothing
 * is written. On failure the directory is as it was. */
int depot_write(struct depot *d, const struct keyring *k, int64_t now, bool dry_run,
        struct release_files *ret, struct fault *f);

#endif
