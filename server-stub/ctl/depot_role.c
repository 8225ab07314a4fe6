/* depot_role.c — delegated roles of a depot: opened with their delegators' keys, looked through as a client would, filled where a
 * client would ask first. Refuses to list a path where no client looks for it, or behind a role that lists it already. */
#include <stdlib.h>
#include <string.h>

#include "proto/codec.h"
#include "proto/fileio.h"
#include "proto/trust.h"
#include "server-stub/ctl/depot_in.h"

static int no_memory(struct fault *f)
{
	return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
}

/* ---- opening ---- */

static int read_role(void *ctx, const char *role, int64_t version, size_t max, char **ret, size_t *ret_len,
        struct fault *f)
{
	const struct depot *d = ctx;

	return depot_metadata(d->dir, role, version, max, ret, ret_len, f);
}

int depot_roles_load(struct depot *d, struct fault *f)
{
	const struct forest_source source = { .ctx = d, .read = read_role, .unborn = true };
	int rc = forest_load(d->targets.targets, d->snapshot.snapshot, &source, &d->forest, f);

	for (size_t i = 1; i < d->forest.n && !rc; i++) {
		const struct forest_role *role = d->forest.roles[i];
		rc = role->targets ? release_adopt(d->release, role->name, &role->doc, f)
		                   : release_unborn(d->release, role->name, f);
	}
	return rc;
}

/* ---- looking ---- */

int depot_find(const struct depot *d, const char *path, const char **ret_role, const struct tuf_target **ret)
{
	const struct forest_role *role = NULL;
	int rc = forest_find(&d->forest, path, &role, ret);

	if (!rc && ret_role)
		*ret_role = role->name;
	return rc;
}

int depot_each(const struct depot *d, bool found,
        int (*each)(void *ctx, const char *role, const struct tuf_target *target), void *ctx)
{
	int rc = KE_OK;

	for (size_t i = 0; i < d->forest.n && !rc; i++) {
		const struct forest_role *role = d->forest.roles[i], *where = NULL;
		for (size_t t = 0; role->targets && t < role->targets->n_targets && !rc; t++) {
			const struct tuf_target *target = &role->targets->targets[t], *same;
			if (!found ||
			        (!forest_find(&d->forest, target->path, &where, &same) && where == role))
				rc = each(ctx, role->name, target);
		}
	}
	return rc;
}

char *depot_hashed_file(const char *path, const unsigned char digest[SHA256_LEN])
{
	struct buf file = BUF_INIT(TUF_TARGET_PATH_MAX + 128);
	char hex[2 * SHA256_LEN + 1], *text = NULL;
	const char *slash = strrchr(path, '/');
	size_t dir_len = slash ? (size_t)(slash - path + 1) : 0, len;

	buf_str(&file, "targets/");
	buf_bytes(&file, path, dir_len);
	buf_fmt(&file, "%s.%s", hex_encode(digest, SHA256_LEN, hex), path + dir_len);
	if (buf_take(&file, &text, &len))
		text = NULL;
	buf_free(&file);
	return text;
}

char *depot_target_file(const char *path, const void *data, size_t len)
{
	unsigned char digest[SHA256_LEN];

	sha256(data, len, digest);
	return depot_hashed_file(path, digest);
}

int depot_read(const struct depot *d, const char *path, char **ret, size_t *ret_len, struct fault *f)
{
	const struct tuf_target *t = NULL;
	char *data;
	size_t len;

	if (depot_find(d, path, NULL, &t) || !t->hashes.has_sha256)
		return fault_set(f, KE_NOENT, path, NULL, "the repository does not list it");
	char *file = depot_hashed_file(path, t->hashes.sha256);
	char *full = file ? depot_path(d->dir, file) : NULL;
	int rc = full ? file_read(full, DEPOT_TARGET_MAX, &data, &len, f) : no_memory(f);
	free(full);
	free(file);
	if (rc)
		return rc;
	if ((rc = trust_target_check(t, data, len, f))) {
		file_free(data);
		return rc;
	}
	*ret = data;
	*ret_len = len;
	return KE_OK;
}

/* ---- where a path belongs ---- */

/* The shard of ROLE that speaks for PATH, else ROLE itself. */
static const char *shard_of(const struct depot *d, const char *role, const char *path)
{
	const struct forest_role *r = forest_role(&d->forest, role);
	size_t n = strlen(role);

	for (size_t i = 0; r && r->targets && i < r->targets->n_delegations; i++) {
		const struct tuf_delegation *edge = &r->targets->delegations[i];
		if (edge->by_hash && strncmp(edge->name, role, n) == 0 && edge->name[n] == '-' &&
		        delegation_matches(edge, path))
			return edge->name;
	}
	return role;
}

/* Ask the delegated roles for PATH in a client's order, until ROLE (NULL: the first) comes. Roles that were never signed are
 * taken for empty ones. KE_NOENT: it does not come; KE_EXIST: *RET, which lists PATH, comes before it. */
static int ask_for(const struct depot *d, const char *path, const char *role, const char **ret)
{
	const struct forest_role *top = d->forest.roles[0], *at;
	struct walk_step step;
	struct walk *walk = NULL;
	int rc = walk_new(path, top->targets, &walk);

	*ret = top->name;
	if (!rc && role && tuf_targets_find(top->targets, path))
		rc = KE_EXIST;
	while (!rc && !(rc = walk_next(walk, &step))) {
		*ret = step.edge->name;
		if (!role || strcmp(role, step.edge->name) == 0)
			break;
		at = forest_role(&d->forest, step.edge->name);
		if (at && at->targets && tuf_targets_find(at->targets, path))
			rc = KE_EXIST;
		else if (at && at->targets)
			rc = walk_expand(walk, at->targets);
	}
	walk_free(walk);
	return rc;
}

/* Where PATH goes when nobody says where. */
static int choose(const struct depot *d, const char *path, const char **ret, struct fault *f)
{
	const struct tuf_target *present;

	if (depot_find(d, path, ret, &present) == KE_OK)
		return KE_OK;
	int rc = ask_for(d, path, NULL, ret);
	if (rc == KE_NOENT) {
		*ret = tuf_top_names[TUF_TARGETS];
		return KE_OK;
	}
	*ret = shard_of(d, *ret, path);
	return rc ? fault_set(f, rc, path, NULL, "%s", err_text(rc)) : KE_OK;
}

/* May ROLE list PATH, so that clients find it there? *RET is ROLE or its shard. */
static int permit(
        const struct depot *d, const char *role, const char *path, const char **ret, struct fault *f)
{
	const char *other = NULL;

	if (strcmp(role, tuf_top_names[TUF_TARGETS]) == 0) {
		*ret = tuf_top_names[TUF_TARGETS];
		return KE_OK;
	}
	if (!forest_role(&d->forest, role))
		return fault_set(f, KE_NOENT, role, NULL, "nobody delegates to this role");
	*ret = shard_of(d, role, path);
	int rc = ask_for(d, path, *ret, &other);
	if (rc == KE_EXIST)
		return fault_set(f, rc, path, "remove it there first",
		        "role %s lists it, which clients ask before %s", other, role);
	return rc ? fault_set(f, KE_UNTRUSTED, path, "put it where its patterns match",
	                    "clients do not ask role %s for it", role)
	          : KE_OK;
}

static int touch_role(struct depot *d, const char *role, struct fault *f)
{
	bool top = strcmp(role, tuf_top_names[TUF_TARGETS]) == 0;

	return depot_touch(d, tuf_top_names[top ? TUF_TARGETS : TUF_SNAPSHOT], f);
}

int depot_put(
        struct depot *d, const char *role, const char *path, const void *data, size_t len, struct fault *f)
{
	const char *into = NULL;

	if (len > DEPOT_TARGET_MAX)
		return fault_set(f, KE_TOOBIG, path, NULL, "more than %u bytes", DEPOT_TARGET_MAX);
	int rc = role ? permit(d, role, path, &into, f) : choose(d, path, &into, f);
	if (!rc)
		rc = release_target_set(d->release, into, path, data, len, NULL, f);
	if (rc)
		return rc;
	struct put *p = calloc(1, sizeof *p);
	if (!p)
		return no_memory(f);
	p->next = d->puts;
	d->puts = p;
	p->len = len;
	p->file = depot_target_file(path, data, len);
	p->data = malloc(len + 1);
	if (!p->file || !p->data)
		return no_memory(f);
	memcpy(p->data, data, len);
	return touch_role(d, into, f);
}

int depot_drop(struct depot *d, const char *path, struct fault *f)
{
	const struct tuf_target *target;
	const char *role = NULL;

	if (depot_find(d, path, &role, &target))
		return fault_set(f, KE_NOENT, path, NULL, "the repository does not list it");
	int rc = release_target_drop(d->release, role, path, f);
	return rc ? rc : touch_role(d, role, f);
}

/* ---- delegating ---- */

/* The first of "policies" and "rollouts" to which PARENT delegates; NULL: to neither. They speak for everybody. */
static const char *general(const struct depot *d, const char *parent)
{
	const struct forest_role *r = forest_role(&d->forest, parent);

	for (size_t i = 0; r && r->targets && i < r->targets->n_delegations; i++) {
		const char *name = r->targets->delegations[i].name;
		if (strcmp(name, "policies") == 0 || strcmp(name, "rollouts") == 0)
			return name;
	}
	return NULL;
}

static unsigned keys_held(const struct release_delegation *delegation, const struct keyring *k)
{
	unsigned held = 0;

	for (size_t i = 0; i < delegation->n_keys; i++) {
		struct place at = place_root(delegation->keys[i]);
		struct pubkey *key = NULL;
		if (pubkey_parse(&at, &key, NULL))
			continue;
		held += keyring_find(k, pubkey_id(key)) != NULL;
		pubkey_free(key);
	}
	return held;
}

int depot_delegate(struct depot *d, const char *parent, const struct release_delegation *delegation,
        const struct keyring *k, bool *ret_deferred, struct fault *f)
{
	struct release_delegation own = *delegation;
	bool deferred;

	if (!forest_role(&d->forest, parent))
		return fault_set(f, KE_NOENT, parent, NULL, "is no role that lists targets");
	own.before = general(d, parent);
	int rc = release_delegate(d->release, parent, &own, f);
	if (rc)
		return rc;
	deferred = keys_held(&own, k) < own.threshold;
	if (deferred)
		rc = release_defer(d->release, own.name, f);
	if (!rc)
		rc = touch_role(d, parent, f);
	if (!rc)
		*ret_deferred = deferred;
	return rc;
}

int depot_undelegate(struct depot *d, const char *parent, const char *name, struct fault *f)
{
	int rc = release_undelegate(d->release, parent, name, f);

	return rc ? rc : touch_role(d, parent, f);
}

int depot_renew(struct depot *d, const char *role, struct fault *f)
{
	int rc = release_again(d->release, role, f);

	return rc ? rc : touch_role(d, role, f);
}
