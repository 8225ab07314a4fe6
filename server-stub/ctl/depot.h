/* depot.h — a TUF repository as a directory on an operator's disk: what `kedge repo` reads, changes and signs.
 *
 *   DIR/metadata/1.root.json ...  7.targets.json  9.snapshot.json  timestamp.json    what clients fetch
 *   DIR/targets/policies/web/HASH.3.json                                             (consistent snapshots)
 *   DIR/repo.conf                 where the signing keys are, how long roles live
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
	int64_t lifetime[TUF_TOP_COUNT]; /* seconds */
};

/* How a new depot is made. */
struct depot_plan {
	const char *keys; /* directory */
	const char *passphrase;
	unsigned n_keys[TUF_TOP_COUNT], threshold[TUF_TOP_COUNT];
	int64_t lifetime[TUF_TOP_COUNT];
};
/* 1 key, threshold 1; root 365 days, targets 180, snapshot 30, timestamp 7. */
extern const struct depot_plan depot_plan_default;

/* Make DIR with new keys and version 1 of all roles. KE_EXIST when there is a repository, KE_RANGE for a threshold that
 * the keys cannot reach. */
int depot_init(const char *dir, const struct depot_plan *plan, int64_t now, struct fault *f);
/* Open DIR for changes (KE_BUSY while somebody else does), finishing a switch that a crash interrupted. Signatures are
 * checked, expiry is not: an expired repository is there to be refreshed. depot_close() it. */
int depot_open(const char *dir, struct depot **ret, struct fault *f);
void depot_close(struct depot *d);
/* Where the keys are by repo.conf; NULL when it does not say. */
const char *depot_keys(const struct depot *d);

/* The top-level targets as published. */
const struct tuf_targets *depot_targets(const struct depot *d);
/* The bytes of the listed target PATH, checked against its hash; free() them. KE_NOENT, KE_MISMATCH. */
int depot_read(const struct depot *d, const char *path, char **ret, size_t *ret_len, struct fault *f);
int64_t depot_version(const struct depot *d, const char *role);

/* List PATH with these bytes. The file is written by depot_write(). */
int depot_put(struct depot *d, const char *path, const void *data, size_t len, struct fault *f);
/* New expiry for ROLE, and with it a new version. */
int depot_touch(struct depot *d, const char *role, struct fault *f);
/* Replace all keys of ROLE by as many new ones, made in K. The ids of the old ones are added to OLD as text, each
 * followed by a newline: keyring_retire() them after depot_write(). */
int depot_rotate(struct depot *d, const char *role, struct keyring *k, struct buf *old, struct fault *f);
/* Sign what changed with K and switch it in. *RET are the metadata files (release_files_free()). With DRY_RUN nothing
 * is written. On failure the directory is as it was. */
int depot_write(struct depot *d, const struct keyring *k, int64_t now, bool dry_run,
        struct release_files *ret, struct fault *f);

#endif
