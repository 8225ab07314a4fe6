/* depot.c — opens a repository directory, collects changes, signs and writes them. The newest root is the highest
 * N.root.json, everything else is found from timestamp.json, as clients do; a file that does not verify under that
 * root refuses the whole directory. Called by the repo, policy and rollout commands. */
#include "server-stub/ctl/depot.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/codec.h"
#include "proto/fileio.h"
#include "proto/trust.h"
#include "proto/trust_doc.h"
#include "server-stub/ctl/depot_in.h"

#define DAY           86400
#define KEYS_PER_ROLE 16 /* that repo init makes */

const struct depot_plan depot_plan_default = {
	.n_keys = { 1, 1, 1, 1 },
	.threshold = { 1, 1, 1, 1 },
	.lifetime = { [TUF_ROOT] = 365 * DAY,
	        [TUF_TARGETS] = 180 * DAY,
	        [TUF_SNAPSHOT] = 30 * DAY,
	        [TUF_TIMESTAMP] = 7 * DAY },
	.shard_above = RELEASE_SHARD_ABOVE,
};

static int no_memory(struct fault *f)
{
	return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
}

char *depot_path(const char *dir, const char *rest)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", dir, rest) < 0 ? NULL : path;
}

int depot_metadata(const char *dir, const char *role, int64_t version, size_t max, char **ret,
        size_t *ret_len, struct fault *f)
{
	char file[TUF_FILE_ROOM], name[TUF_FILE_ROOM + 16];

	snprintf(name, sizeof name, "metadata/%s", tuf_file_name(role, version, file));
	char *path = depot_path(dir, name);
	int rc = path ? file_read(path, max, ret, ret_len, f) : no_memory(f);
	free(path);
	return rc;
}

/* ---- opening ---- */

/* The highest N for which there are 1.root.json to N.root.json. */
static int64_t newest_root(const char *dir)
{
	for (int64_t n = 1;; n++) {
		char file[TUF_FILE_ROOM], name[TUF_FILE_ROOM + 16];
		snprintf(name, sizeof name, "metadata/%s", tuf_file_name("root", n, file));
		char *path = depot_path(dir, name);
		bool there = path && access(path, F_OK) == 0;
		free(path);
		if (!there)
			return n - 1;
	}
}

/* Load ROLE's file into the release; *RET (may be NULL) receives the opened document. */
static int load(struct depot *d, enum tuf_top role, int64_t version, struct trust_doc *ret, struct fault *f)
{
	char *data;
	size_t len;
	int rc = depot_metadata(d->dir, tuf_top_names[role], version, TUF_META_MAX, &data, &len, f);

	if (rc)
		return rc;
	rc = release_load(d->release, tuf_top_names[role], data, len, f);
	if (!rc && ret)
		rc = trust_doc_open(
		        role, data, len, role == TUF_ROOT ? NULL : &d->root.root->roles[role], ret, f);
	file_free(data);
	return rc;
}

static int load_all(struct depot *d, struct fault *f)
{
	struct trust_doc timestamp = { 0 };
	int64_t root = newest_root(d->dir);

	if (!root)
		return fault_set(f, KE_NOENT, d->dir, "make one with kedge repo init",
		        "is no repository: there is no metadata/1.root.json");
	int rc = load(d, TUF_ROOT, root, &d->root, f);
	bool named = !rc && d->root.root->consistent_snapshot;
	if (!rc && !named)
		rc = fault_set(f, KE_UNSUPPORTED, d->dir, NULL, "a repository without consistent snapshots");
	if (!rc)
		rc = load(d, TUF_TIMESTAMP, 0, &timestamp, f);
	if (!rc)
		rc = load(d, TUF_SNAPSHOT, timestamp.timestamp->snapshot.version, &d->snapshot, f);
	if (!rc) {
		const struct tuf_meta *meta = tuf_snapshot_find(d->snapshot.snapshot, "targets");
		rc = meta ? load(d, TUF_TARGETS, meta->version, &d->targets, f)
		          : fault_set(f, KE_SCHEMA, d->dir, NULL, "the snapshot lists no targets");
	}
	trust_doc_free(&timestamp);
	return rc ? rc : depot_roles_load(d, f);
}

static int lock(struct depot *d, struct fault *f)
{
	char *path = depot_path(d->dir, ".lock");
	int rc = path ? lock_take(path, &d->lock, f) : no_memory(f);

	free(path);
	if (rc == KE_BUSY)
		fault_set(f, rc, d->dir, "wait for it", "somebody else is changing this repository");
	return rc;
}

/* The lock, and the end of what a crash interrupted. */
static int take(struct depot *d, struct fault *f)
{
	int rc = lock(d, f);

	if (!rc)
		rc = stage_recover(d->dir, f);
	return rc ? rc : pending_recover(d->dir, f);
}

/* There is nothing but a pending version 1: edit an empty repository. */
static int begin_unborn(struct depot *d, struct fault *f)
{
	d->unborn = true;
	for (size_t i = 0; i < d->n_waiting; i++)
		if (strcmp(d->waiting[i].name, "1.root.json") == 0)
			return release_init(d->release, true, f);
	return fault_set(f, KE_NOENT, d->dir, "make one with kedge repo init",
	        "is no repository: there is no metadata/1.root.json");
}

static int depot_new(const char *dir, struct depot **ret, struct fault *f)
{
	struct depot *d = calloc(1, sizeof *d);

	if (!d)
		return no_memory(f);
	d->lock = -1;
	d->dir = strdup(dir);
	int rc = d->dir && !release_new(&d->release) ? KE_OK : no_memory(f);
	if (rc)
		depot_close(d);
	else
		*ret = d;
	return rc;
}

/* Locked, recovered, loaded. */
static int open_any(const char *dir, struct depot **ret, struct fault *f)
{
	struct depot *d = NULL;
	int rc = depot_new(dir, &d, f);

	if (rc)
		return rc;
	rc = take(d, f);
	if (!rc)
		rc = depot_conf_read(dir, &d->conf, f);
	if (!rc)
		rc = pending_scan(d, f);
	if (!rc)
		rc = newest_root(dir) > 0 ? load_all(d, f) : begin_unborn(d, f);
	if (rc)
		depot_close(d);
	else
		*ret = d;
	return rc;
}

/* Is DIR a repository, or going to be one? Nothing is made in a directory that is none. */
static int check_there(const char *dir, bool *ret_unborn, struct fault *f)
{
	char *path = depot_path(dir, "pending/1.root.json");
	bool there = newest_root(dir) > 0, waits = path && access(path, F_OK) == 0;

	free(path);
	*ret_unborn = !there;
	if (there || waits)
		return KE_OK;
	return fault_set(f, KE_NOENT, dir, "make one with kedge repo init",
	        "is no repository: there is no metadata/1.root.json");
}

int depot_open(const char *dir, struct depot **ret, struct fault *f)
{
	bool unborn;
	int rc = check_there(dir, &unborn, f);

	if (!rc && unborn)
		rc = fault_set(f, KE_NOENT, dir, "finish it with kedge repo sign",
		        "version 1 of this repository waits for signatures");
	return rc ? rc : open_any(dir, ret, f);
}

int depot_resume(const char *dir, int64_t now, struct depot **ret, struct fault *f)
{
	struct depot *d = NULL;
	bool unborn;
	int rc = check_there(dir, &unborn, f);

	if (!rc)
		rc = open_any(dir, &d, f);
	if (rc)
		return rc;
	rc = pending_load(d, now, f);
	if (rc)
		depot_close(d);
	else
		*ret = d;
	return rc;
}

int depot_discard(const char *dir, bool dry_run, struct buf *names, struct fault *f)
{
	struct depot *d = NULL;
	bool unborn;
	int rc = check_there(dir, &unborn, f);

	if (!rc)
		rc = depot_new(dir, &d, f);
	if (rc)
		return rc;
	rc = take(d, f);
	if (!rc)
		rc = pending_scan(d, f);
	for (size_t i = 0; i < d->n_waiting && !rc; i++)
		buf_fmt(names, "%s\n", d->waiting[i].name);
	if (!rc && !dry_run)
		rc = pending_drop_in(dir, f);
	depot_close(d);
	return rc;
}

void depot_close(struct depot *d)
{
	if (!d)
		return;
	while (d->puts) {
		struct put *p = d->puts;
		d->puts = p->next;
		free(p->file);
		free(p->data);
		free(p);
	}
	pending_forget(d);
	forest_clear(&d->forest);
	trust_doc_free(&d->root);
	trust_doc_free(&d->snapshot);
	trust_doc_free(&d->targets);
	release_free(d->release);
	depot_conf_clear(&d->conf);
	if (d->lock >= 0)
		close(d->lock);
	free(d->dir);
	free(d);
}

const char *depot_keys(const struct depot *d)
{
	return d->conf.keys;
}

int64_t depot_version(const struct depot *d, const char *role)
{
	return release_version(d->release, role);
}

struct release *depot_release(struct depot *d)
{
	return d->release;
}

bool depot_waits(const struct depot *d)
{
	return d->n_waiting > 0;
}

/* ---- roles ---- */

static int role_index(const char *role, enum tuf_top *ret, struct fault *f)
{
	for (int i = 0; i < TUF_TOP_COUNT; i++)
		if (strcmp(role, tuf_top_names[i]) == 0) {
			*ret = (enum tuf_top)i;
			return KE_OK;
		}
	return fault_set(
	        f, KE_NAME, role, "use root, targets, snapshot or timestamp", "is no top-level role");
}

int depot_touch(struct depot *d, const char *role, struct fault *f)
{
	enum tuf_top top = TUF_ROOT;
	int rc = role_index(role, &top, f);

	if (!rc)
		rc = pending_refuse(d, role, f);
	if (rc)
		return rc;
	d->touched[top] = true;
	/* A new version is listed by the roles above it, which then get new versions too. */
	if (top == TUF_TARGETS)
		d->touched[TUF_SNAPSHOT] = true;
	if (top == TUF_TARGETS || top == TUF_SNAPSHOT)
		d->touched[TUF_TIMESTAMP] = true;
	return KE_OK;
}

/* Both get new versions: ROLE, and what names its keys. A delegated one gets its expiry when it is written. */
int depot_rekeyed(struct depot *d, const char *role, struct fault *f)
{
	const char *both[] = { release_parent(d->release, role), role };
	enum tuf_top top;
	int rc = KE_OK;

	for (size_t i = 0; i < 2 && !rc; i++)
		rc = depot_touch(d, role_index(both[i], &top, NULL) ? "snapshot" : both[i], f);
	return rc;
}

int depot_signers(struct depot *d, const char *role, const struct signers **ret, struct fault *f)
{
	const char *parent = release_parent(d->release, role);
	const struct signers *now = parent ? release_signers(d->release, role) : NULL;

	if (!now)
		return fault_set(f, KE_NAME, role, "see kedge repo status", "no role of this repository");
	int rc = pending_refuse(d, parent, f);
	if (!rc)
		rc = pending_refuse(d, role, f);
	if (!rc)
		*ret = now;
	return rc;
}

int depot_rotate(struct depot *d, const char *role, struct keyring *k, struct fault *f)
{
	const struct signers *now = NULL;
	int rc = depot_signers(d, role, &now, f); /* before any key is made */

	for (size_t i = 0; !rc && i < now->n; i++) {
		const struct signkey *key = NULL;
		rc = keyring_make(k, role, &key, f);
		if (!rc)
			rc = release_key_add(d->release, role, signkey_public(key), f);
	}
	for (size_t i = 0; !rc && i < now->n; i++)
		rc = release_key_drop(d->release, role, pubkey_id(now->keys[i]), f);
	return rc ? rc : depot_rekeyed(d, role, f);
}

/* ---- making ---- */

static size_t imported(const struct depot_plan *plan, enum tuf_top role)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_imports; i++)
		n += plan->imports[i].role == role;
	return n;
}

static int plan_check(const struct depot_plan *plan, struct fault *f)
{
	for (int i = 0; i < TUF_TOP_COUNT; i++) {
		size_t n = plan->n_keys[i] + imported(plan, (enum tuf_top)i);
		if (plan->n_keys[i] > KEYS_PER_ROLE || n < 1 || n > KEYS_PER_ROLE)
			return fault_set(f, KE_RANGE, tuf_top_names[i], NULL, "1 to %d keys, not %zu",
			        KEYS_PER_ROLE, n);
		if (plan->threshold[i] < 1 || plan->threshold[i] > n)
			return fault_set(f, KE_RANGE, tuf_top_names[i],
			        "make more keys, or lower the threshold",
			        "a threshold of %u cannot be reached with %zu keys", plan->threshold[i], n);
	}
	return KE_OK;
}

/* NAME, for PATTERN, with as many keys of its own as are made for targets, and those of others that targets has. */
static int init_delegated(struct depot *d, const struct depot_plan *plan, struct keyring *k, const char *name,
        const char *pattern, struct fault *f)
{
	const struct cJSON *keys[KEYS_PER_ROLE];
	struct release_delegation delegation = { .name = name,
		.keys = keys,
		.threshold = plan->threshold[TUF_TARGETS],
		.patterns = &pattern,
		.n_patterns = 1 };
	int rc = KE_OK;

	for (unsigned n = 0; n < plan->n_keys[TUF_TARGETS] && !rc; n++) {
		const struct signkey *key = NULL;
		rc = keyring_make(k, name, &key, f);
		if (!rc)
			keys[delegation.n_keys++] = signkey_public(key);
	}
	/* plan_check() counted them. */
	for (size_t i = 0; i < plan->n_imports; i++)
		if (plan->imports[i].role == TUF_TARGETS)
			keys[delegation.n_keys++] = plan->imports[i].key;
	return rc ? rc : release_delegate(d->release, tuf_top_names[TUF_TARGETS], &delegation, f);
}

static int init_roles(struct depot *d, const struct depot_plan *plan, struct keyring *k, struct fault *f)
{
	int rc = release_init(d->release, true, f);

	for (int i = 0; i < TUF_TOP_COUNT && !rc; i++) {
		for (unsigned n = 0; n < plan->n_keys[i] && !rc; n++) {
			const struct signkey *key = NULL;
			rc = keyring_make(k, tuf_top_names[i], &key, f);
			if (!rc)
				rc = release_key_add(d->release, tuf_top_names[i], signkey_public(key), f);
		}
		if (!rc)
			rc = release_threshold(d->release, tuf_top_names[i], plan->threshold[i], f);
		d->touched[i] = true;
	}
	for (size_t i = 0; i < plan->n_imports && !rc; i++)
		rc = release_key_add(
		        d->release, tuf_top_names[plan->imports[i].role], plan->imports[i].key, f);
	if (!rc)
		rc = init_delegated(d, plan, k, "policies", "policies/*/*", f);
	return rc ? rc : init_delegated(d, plan, k, "rollouts", "rollouts/*/*", f);
}

/* The absolute path of the key directory, which exists now. */
static int conf_make(struct depot *d, const struct depot_plan *plan, struct fault *f)
{
	memcpy(d->conf.lifetime, plan->lifetime, sizeof d->conf.lifetime);
	d->conf.shard_above = plan->shard_above;
	/* With imports alone no key was made. */
	int rc = dir_make(plan->keys, 0700, f);
	if (rc)
		return rc;
	d->conf.keys = realpath(plan->keys, NULL);
	if (!d->conf.keys)
		return fault_set(f, err_from_errno(errno), plan->keys, NULL, "%s", strerror(errno));
	return depot_conf_write(d->dir, &d->conf, f);
}

static int folders_make(const char *dir, struct fault *f)
{
	static const char *const folders[] = { "metadata", "targets" };
	int rc = KE_OK;

	for (size_t i = 0; i < 2 && !rc; i++) {
		char *path = depot_path(dir, folders[i]);
		rc = path ? dir_make(path, 0755, f) : no_memory(f);
		free(path);
	}
	return rc;
}

static int check_free(const char *dir, struct fault *f)
{
	bool unborn;

	if (newest_root(dir) > 0)
		return fault_set(f, KE_EXIST, dir, "use another directory", "there is a repository already");
	if (check_there(dir, &unborn, NULL) == KE_OK)
		return fault_set(f, KE_EXIST, dir, "finish or discard it with kedge repo sign",
		        "version 1 of a repository waits for signatures there");
	return KE_OK;
}

/* The keys that sign version 1: new ones, and with imports those that are there. */
static int init_keys(const struct depot_plan *plan, struct keyring *ret, struct fault *f)
{
	if (plan->n_imports && access(plan->keys, F_OK) == 0)
		return keyring_load(plan->keys, plan->passphrase, ret, f);
	*ret = (struct keyring){ .dir = strdup(plan->keys) };
	if (plan->passphrase)
		ret->passphrase = strdup(plan->passphrase);
	return ret->dir && (!plan->passphrase || ret->passphrase) ? KE_OK : no_memory(f);
}

/* What can be refused before anything is made. */
static int init_begin(const char *dir, const struct depot_plan *plan, struct keyring *k, struct fault *f)
{
	int rc = plan_check(plan, f);

	if (!rc)
		rc = check_free(dir, f);
	return rc ? rc : init_keys(plan, k, f);
}

int depot_imagine(const char *dir, const struct depot_plan *plan, struct depot **ret, struct fault *f)
{
	struct depot *d = NULL;
	struct keyring k = { 0 };
	int rc = init_begin(dir, plan, &k, f);

	k.dry = true;
	if (!rc)
		rc = depot_new(dir, &d, f);
	if (!rc) {
		memcpy(d->conf.lifetime, plan->lifetime, sizeof d->conf.lifetime);
		d->conf.shard_above = plan->shard_above;
		rc = init_roles(d, plan, &k, f);
	}
	keyring_clear(&k);
	if (rc)
		depot_close(d);
	else
		*ret = d;
	return rc;
}

int depot_init(const char *dir, const struct depot_plan *plan, int64_t now, struct fault *f)
{
	struct depot *d = NULL;
	struct keyring k = { 0 };
	struct release_files files = { 0 };
	struct release_pendings pending = { 0 };
	int rc = init_begin(dir, plan, &k, f);

	if (!rc)
		rc = folders_make(dir, f);
	if (!rc)
		rc = depot_new(dir, &d, f);
	if (!rc)
		rc = take(d, f);
	if (!rc)
		rc = init_roles(d, plan, &k, f);
	if (!rc)
		rc = conf_make(d, plan, f);
	if (!rc)
		rc = depot_sign(d, &k, now, false, &files, &pending, f);
	release_files_free(&files);
	release_pendings_free(&pending);
	keyring_clear(&k);
	depot_close(d);
	return rc;
}
