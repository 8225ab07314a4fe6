/* release.h — the publisher: the next versions of a TUF repository's roles, as bytes.
 *
 * Load what is published, change it, write. Only roles that changed (and snapshot and timestamp with them) get a new
 * version, always the previous one plus one; an entry of the snapshot is never dropped, because clients refuse that. Each
 * file is verified with the client's own code before it is handed out. Nothing is read or written here.
 *
 *	release_new(&r);
 *	release_init(r, true);                    or   release_load(r, "root", ...), "timestamp", "snapshot", "targets", ...
 *	release_key_add(r, "root", signkey_public(key), &f); ...
 *	release_expires(r, "timestamp", now + 86400, &f);
 *	release_target_set(r, "targets", "a/b.json", data, len, NULL, &f);
 *	release_write(r, now, keys, n_keys, &files, &f);
 *
 * Roles are named as in metadata: the four top-level ones, or a delegated role's own name.
 */
#ifndef KEDGE_PROTO_RELEASE_H
#define KEDGE_PROTO_RELEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/envelope.h"
#include "proto/err.h"
#include "proto/signkey.h"

struct cJSON;
struct release;
struct trust_doc;

/* An empty release; release_free() it. KE_NOMEM. */
int release_new(struct release **ret);
void release_free(struct release *r);
/* Begin a new repository: four roles without keys, threshold 1, no targets, no expiry set. */
int release_init(struct release *r, bool consistent_snapshot, struct fault *f);
/* Take a published file as the present state of ROLE. Load root first, a delegating role before its delegated ones. Its
 * signatures are checked (KE_SIGNATURE), its expiry is not. KE_EXIST when ROLE is loaded already. A role that is not
 * loaded is carried in the snapshot as it is listed. */
int release_load(struct release *r, const char *role, const void *data, size_t len, struct fault *f);

/* Keys and threshold of ROLE, which root names, or the first loaded role that delegates to it. KEY is a key object (copied). A
 * role whose keys change is signed anew, when it is loaded. KE_NAME: nobody names it. Taking the timestamp's or snapshot's keys away makes clients forget their version floors. */
int release_key_add(struct release *r, const char *role, const struct cJSON *key, struct fault *f);
int release_key_drop(struct release *r, const char *role, const char *keyid, struct fault *f);
int release_threshold(struct release *r, const char *role, unsigned threshold, struct fault *f);
/* The role that names ROLE's keys: "root", or the first loaded one that delegates to it; NULL: none. */
const char *release_parent(const struct release *r, const char *role);
/* Let the next version of ROLE expire at WHEN, and write one. Without this a new version keeps the old expiry. */
int release_expires(struct release *r, const char *role, int64_t when, struct fault *f);
/* The version of ROLE is at least FLOOR before the next write: for versions that are known from elsewhere. */
int release_floor(struct release *r, const char *role, int64_t floor, struct fault *f);
/* The last written or loaded version of ROLE; 0 when there is none. */
int64_t release_version(const struct release *r, const char *role);

/* List or replace the target PATH in ROLE with the length and SHA-256 of DATA. CUSTOM (copied) may be NULL. KE_NAME for
 * a path that trust_find() would refuse. */
int release_target_set(struct release *r, const char *role, const char *path, const void *data, size_t len,
        const struct cJSON *custom, struct fault *f);
/* KE_NOENT when ROLE does not list PATH. */
int release_target_drop(struct release *r, const char *role, const char *path, struct fault *f);

struct release_delegation {
	const char *name;
	const struct cJSON *const *keys; /* key objects */
	size_t n_keys;
	unsigned threshold;
	const char *const *patterns;
	size_t n_patterns;
	bool by_hash; /* patterns are path_hash_prefixes */
	bool terminating;
	const char *
	        before; /* a new one comes in front of the delegation to this role; NULL, or there is none: last */
};
/* May D be delegated to, by anybody? The checks of release_delegate(), which may still lack its keys. */
int release_delegation_check(const struct release_delegation *d, struct fault *f);
/* Let PARENT delegate to D->name, in the place of a former delegation of that name. The delegated role begins empty
 * unless it is loaded, with the version after the one that the snapshot lists, if any. Refused: names of top-level roles (KE_NAME), patterns with '[', ']' or '\',
 * which other clients read differently (KE_VALUE). */
int release_delegate(
        struct release *r, const char *parent, const struct release_delegation *d, struct fault *f);
/* End a delegation. The role's file stays listed in the snapshot. KE_NOENT. */
int release_undelegate(struct release *r, const char *parent, const char *name, struct fault *f);

/* Take DOC, which the caller verified, as the present state of ROLE, as release_load() does for a file. Not for root.
 * DOC has to live as long as R, or until ROLE is written. */
int release_adopt(struct release *r, const char *role, const struct trust_doc *doc, struct fault *f);
/* ROLE is delegated to, but was never written: it begins empty, and is written when something is put into it. */
int release_unborn(struct release *r, const char *role, struct fault *f);
/* Write ROLE, new since the last write, not now but when something is put into it: whoever has its keys does that. KE_EXIST
 * when it was published before: clients would find a file that does not fit its delegation. */
int release_defer(struct release *r, const char *role, struct fault *f);
/* Write ROLE anew though nothing in it changed, and its shards too. KE_NOENT. */
int release_again(struct release *r, const char *role, struct fault *f);
/* Every delegated role that the next write will write expires at WHEN. */
int release_expires_delegated(struct release *r, int64_t when, struct fault *f);

#define RELEASE_SHARD_ABOVE 1000 /* targets of a role, preset of LIMIT */
/* Keep delegated roles small. A role with more than LIMIT targets delegates by hash to 16 shards, which are signed by its
 * own keys: ROLE-0 to ROLE-f; with more than 4 times as many to 256, ROLE-00 to ROLE-ff. Targets move into the shards, shards
 * follow the role when its keys change, and their number never falls. Former shards stay listed in the snapshot. Roles that are
 * delegated to by hash themselves are left alone, and so are roles of which the next write would write nothing. All roles have to be loaded (KE_NOENT). Call it before release_write(). */
int release_shard(struct release *r, unsigned limit, struct fault *f);

struct release_file {
	char *role; /* "targets" */
	char *name; /* as in the metadata URL, percent-encoded: "7.targets.json", "timestamp.json" */
	char *data;
	size_t len;
};
struct release_files {
	struct release_file *list; /* in the order in which they are to be published: timestamp last */
	size_t n;
};

/* Write the next version of every role that changed, signed by those of the N KEYS that the role names; a new root also
 * by the keys of the root before it. NOW is refused as an expiry (KE_EXPIRED). Too few keys: KE_SIGNATURE, naming the
 * role. On failure R is as it was; on success what was written is the present state and the next release may begin.
 * Nothing to write is 0 with no files. release_files_free() them. */
int release_write(struct release *r, int64_t now, const struct signkey *const *keys, size_t n,
        struct release_files *ret, struct fault *f);
void release_files_free(struct release_files *files);

/* ---- several people ----
 *
 * Where the keys at hand do not suffice, a role's next version is kept with the signatures it has: as an ordinary
 * metadata file, in which an empty "sig" holds the place of each key that may still sign. Snapshot and timestamp list
 * the final bytes of the others, so they are made when all others are complete. */
struct release_pending {
	char *role;
	char *name; /* "7.targets.json", always with the version */
	int64_t version, expires;
	char *data; /* the file so far; NULL: it is made once the others are complete */
	size_t len;
	unsigned have, need;               /* valid signatures by different keys of the role */
	unsigned have_before, need_before; /* root: by the keys of the root before it; 0 of 0 for others */
	bool ready;                        /* it has all signatures, and waits for others */
	char **may;                        /* ids of keys that would help and have not signed */
	size_t n_may;
};
struct release_pendings {
	struct release_pending *list; /* in the order in which they are completed */
	size_t n;
};
void release_pendings_free(struct release_pendings *p);

/* Take a pending file of ROLE back: its content becomes the edited state, its signatures count in the next write as long
 * as the content stays. Load root first, a delegating role before its delegated ones. Refused: a version that does not
 * follow the published one (KE_ROLLBACK), a bad signature under the id of a key that the role names (KE_SIGNATURE).
 * Signatures by other keys are dropped. */
int release_pending_load(struct release *r, const char *role, const void *data, size_t len, struct fault *f);
/* Add the signatures of a file that somebody signed elsewhere. KE_MISMATCH: its signed part is none of those that were
 * loaded; KE_SIGNATURE: a bad signature under the id of a key that the role names. *RET_ROLE (may be NULL) is which,
 * *RET_NEW how many signatures were new. Of roles with the same content each one gets them. */
int release_pending_merge(struct release *r, const void *data, size_t len, const char **ret_role,
        size_t *ret_new, struct fault *f);
/* Write like release_write(), but when keys are too few *RET has no files, *PENDING (release_pendings_free() it) has
 * all roles that change, and R stays as it is. Otherwise *PENDING is empty. */
int release_sign(struct release *r, int64_t now, const struct signkey *const *keys, size_t n,
        struct release_files *ret, struct release_pendings *pending, struct fault *f);
/* What release_sign() would sign, with the signatures that are held and no new ones. R stays as it is. */
int release_preview(struct release *r, int64_t now, struct release_pendings *ret, struct fault *f);

/* Is ROLE going to get a new version in the next write? */
bool release_changed(const struct release *r, const char *role);
/* The name of the Ith role that is loaded, in the order of loading; NULL behind the last. */
const char *release_role(const struct release *r, size_t i);
/* The published signed part of ROLE, owned by R; NULL when there is none. */
const struct cJSON *release_published(const struct release *r, const char *role);
/* Who signs ROLE by what is published, owned by R; NULL when nobody is named. Valid until the next write. */
const struct signers *release_signers(const struct release *r, const char *role);

#endif
