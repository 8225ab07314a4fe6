/* release_shard.c — delegated roles in numbers: a role that grows is split over shards by the hash of the path, so that one
 * more target costs every host one small file; and what all delegated roles have in common when they are written.
 *
 * A shard is an ordinary delegation by path_hash_prefixes: any TUF client finds its way. Which roles are shards is not kept
 * anywhere but in their names, ROLE-0 or ROLE-00, and in being delegated to by ROLE with that very prefix. Called by the depot. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/codec.h"
#include "proto/release_state.h"
#include "proto/tree.h"

#define SHARD_KEYS 64
#define WIDTH_MAX  2

/* One role that may be split. */
struct split {
	struct release *r;
	struct draft *role;
	const struct cJSON *edge; /* the delegation to it; NULL: nobody delegates to it */
	const struct cJSON *keys; /* the keys of whoever delegates */
	unsigned width;           /* hexadecimal digits of its present shards; 0: none */
};

static int no_memory(struct fault *f)
{
	return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
}

static struct cJSON *delegation_roles(const struct draft *d)
{
	return cJSON_GetObjectItemCaseSensitive(
	        cJSON_GetObjectItemCaseSensitive(d->tree, "delegations"), "roles");
}

static const char *text_of(const struct cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(item) ? item->valuestring : "";
}

static struct cJSON *targets_of(const struct draft *d)
{
	return cJSON_GetObjectItemCaseSensitive(d->tree, "targets");
}

/* The digits of the shard that EDGE of ROLE is; 0: it is none. */
static unsigned shard_width(const char *role, const struct cJSON *edge)
{
	const cJSON *prefixes = cJSON_GetObjectItemCaseSensitive(edge, "path_hash_prefixes");
	const char *name = text_of(edge, "name");
	size_t n = strlen(role);

	if (!prefixes || cJSON_GetArraySize(prefixes) != 1 || !cJSON_IsString(prefixes->child) ||
	        strncmp(name, role, n) != 0 || name[n] != '-' ||
	        strcmp(name + n + 1, prefixes->child->valuestring) != 0)
		return 0;
	size_t digits = strlen(name + n + 1);
	return digits <= WIDTH_MAX ? (unsigned)digits : 0;
}

static unsigned present_width(const struct draft *role)
{
	const cJSON *roles = delegation_roles(role), *edge;
	unsigned width = 0;

	cJSON_ArrayForEach(edge, roles)
	{
		unsigned w = shard_width(role->name, edge);
		if (w > width)
			width = w;
	}
	return width;
}

static void find_edge(struct split *s)
{
	for (const struct draft *d = s->r->drafts; d && !s->edge; d = d->link) {
		const cJSON *roles = delegation_roles(d);
		int i = roles ? release_role_index(roles, s->role->name) : -1;
		if (i < 0)
			continue;
		s->edge = cJSON_GetArrayItem(roles, i);
		s->keys = cJSON_GetObjectItemCaseSensitive(
		        cJSON_GetObjectItemCaseSensitive(d->tree, "delegations"), "keys");
	}
}

/* Targets of the role and its shards. */
static int count(const struct split *s, size_t *ret, struct fault *f)
{
	const cJSON *roles = delegation_roles(s->role), *edge;
	size_t n = (size_t)cJSON_GetArraySize(targets_of(s->role));

	cJSON_ArrayForEach(edge, roles)
	{
		if (!shard_width(s->role->name, edge))
			continue;
		const struct draft *shard = release_find(s->r, text_of(edge, "name"));
		if (!shard)
			return fault_set(f, KE_NOENT, text_of(edge, "name"), "load it first",
			        "the shard is not loaded");
		n += (size_t)cJSON_GetArraySize(targets_of(shard));
	}
	*ret = n;
	return KE_OK;
}

static void shard_name(const char *role, unsigned width, unsigned i, char name[TUF_ROLE_NAME_MAX + 4])
{
	snprintf(name, TUF_ROLE_NAME_MAX + 4, "%.*s-%0*x", TUF_ROLE_NAME_MAX, role, (int)width, i);
}

/* Is the shard delegated to with the keys and threshold of the role? */
static bool same_signers(const struct cJSON *a, const struct cJSON *b)
{
	static const char *const members[] = { "keyids", "threshold" };

	for (size_t i = 0; i < 2; i++)
		if (!cJSON_Compare(cJSON_GetObjectItemCaseSensitive(a, members[i]),
		            cJSON_GetObjectItemCaseSensitive(b, members[i]), true))
			return false;
	return true;
}

static int delegate_one(const struct split *s, unsigned width, unsigned i, struct fault *f)
{
	const cJSON *keyids = cJSON_GetObjectItemCaseSensitive(s->edge, "keyids"), *id;
	const cJSON *threshold = cJSON_GetObjectItemCaseSensitive(s->edge, "threshold");
	const cJSON *roles = delegation_roles(s->role);
	const struct cJSON *keys[SHARD_KEYS];
	char name[TUF_ROLE_NAME_MAX + 4];
	struct release_delegation d = { .name = name, .keys = keys, .n_patterns = 1, .by_hash = true };

	shard_name(s->role->name, width, i, name);
	int at = roles ? release_role_index(roles, name) : -1;
	if (at >= 0 && same_signers(cJSON_GetArrayItem(roles, at), s->edge))
		return KE_OK;
	cJSON_ArrayForEach(id, keyids)
	{
		const cJSON *key = cJSON_GetObjectItemCaseSensitive(s->keys, id->valuestring);
		if (key && d.n_keys < SHARD_KEYS)
			keys[d.n_keys++] = key;
	}
	const char *prefix = name + strlen(s->role->name) + 1;
	d.patterns = &prefix;
	d.threshold = (unsigned)threshold->valuedouble;
	return release_delegate(s->r, s->role->name, &d, f);
}

/* TARGETS, the children of FROM, into the shards of WIDTH digits. */
static int scatter(const struct split *s, struct draft *from, unsigned width, struct fault *f)
{
	struct cJSON *targets = targets_of(from), *item;

	while ((item = targets->child)) {
		unsigned char digest[SHA256_LEN];
		char name[TUF_ROLE_NAME_MAX + 4];
		sha256(item->string, strlen(item->string), digest);
		shard_name(s->role->name, width, width == 1 ? digest[0] >> 4 : digest[0], name);
		struct draft *shard = release_find(s->r, name);
		char *path = strdup(item->string);
		if (!shard || !path) {
			free(path);
			return shard ? no_memory(f) : fault_set(f, KE_NOENT, name, NULL, "no such shard");
		}
		cJSON_DetachItemViaPointer(targets, item);
		int rc = tree_set(targets_of(shard), path, item);
		free(path);
		if (rc)
			return no_memory(f);
		shard->dirty = from->dirty = true;
	}
	return KE_OK;
}

/* Former shards of another width give their targets to the new ones, and are no longer delegated to. */
static int give_up(const struct split *s, unsigned width, struct fault *f)
{
	int rc = KE_OK;

	for (unsigned i = 0; s->width && s->width != width && i < 1U << (4 * s->width) && !rc; i++) {
		char name[TUF_ROLE_NAME_MAX + 4];
		shard_name(s->role->name, s->width, i, name);
		struct draft *old = release_find(s->r, name);
		if (!old)
			continue;
		rc = scatter(s, old, width, f);
		if (!rc)
			rc = release_undelegate(s->r, s->role->name, name, f);
		old->dirty = false; /* its last version stays as it is listed */
	}
	return rc;
}

/* Is the role, or one of its shards, written next? Others are left alone: whoever refreshes the snapshot does not have their
 * keys. */
static bool is_written(const struct split *s)
{
	const cJSON *edge;
	bool dirty = s->role->dirty;

	cJSON_ArrayForEach(edge, delegation_roles(s->role))
	{
		const struct draft *shard = release_find(s->r, text_of(edge, "name"));
		dirty |= shard && shard->dirty && shard_width(s->role->name, edge);
	}
	return dirty;
}

static int split_run(struct split *s, unsigned limit, struct fault *f)
{
	size_t n = 0;
	int rc = count(s, &n, f);

	if (rc)
		return rc;
	unsigned width = n > 4 * (size_t)limit ? 2 : n > limit ? 1 : 0;
	if (width < s->width)
		width = s->width;
	for (unsigned i = 0; width && i < 1U << (4 * width) && !rc; i++)
		rc = delegate_one(s, width, i, f);
	if (!rc && width)
		rc = scatter(s, s->role, width, f);
	return rc ? rc : give_up(s, width, f);
}

int release_shard(struct release *r, unsigned limit, struct fault *f)
{
	int rc = KE_OK;

	if (!limit)
		return fault_set(f, KE_RANGE, NULL, NULL, "a limit of 1 target or more is wanted");
	/* Shards come behind their role in the list, and are passed over: they are delegated to by hash. */
	for (struct draft *d = r->drafts; d && !rc; d = d->link) {
		struct split s = { .r = r, .role = d };
		if (!targets_of(d))
			continue;
		find_edge(&s);
		if (!is_written(&s) || !s.edge || !cJSON_GetObjectItemCaseSensitive(s.edge, "paths"))
			continue;
		s.width = present_width(d);
		rc = split_run(&s, limit, f);
	}
	return rc;
}

/* ---- what delegated roles have in common ---- */

void release_keys_sweep(struct cJSON *delegations)
{
	struct cJSON *keys = cJSON_GetObjectItemCaseSensitive(delegations, "keys"), *key, *next;
	const cJSON *roles = cJSON_GetObjectItemCaseSensitive(delegations, "roles"), *role, *id;

	for (key = keys ? keys->child : NULL; key; key = next) {
		bool used = false;
		next = key->next;
		cJSON_ArrayForEach(role, roles)
		{
			cJSON_ArrayForEach(id, cJSON_GetObjectItemCaseSensitive(role, "keyids"))
			{
				used |= cJSON_IsString(id) && strcmp(id->valuestring, key->string) == 0;
			}
			if (used)
				break;
		}
		if (!used)
			cJSON_Delete(cJSON_DetachItemViaPointer(keys, key));
	}
}

static int need_delegated(const struct release *r, const char *role, struct draft **ret, struct fault *f)
{
	struct draft *d = release_find(r, role);

	for (int i = 0; i < TUF_TOP_COUNT; i++)
		if (strcmp(role, tuf_top_names[i]) == 0)
			d = NULL;
	*ret = d;
	return d ? KE_OK : fault_set(f, KE_NOENT, role, NULL, "is no delegated role");
}

int release_unborn(struct release *r, const char *role, struct fault *f)
{
	if (release_find(r, role))
		return fault_set(f, KE_EXIST, role, NULL, "loaded already");
	int rc = release_draft_add(r, role, release_targets_tree(), 0, f);
	if (!rc)
		release_find(r, role)->dirty = false;
	return rc;
}

int release_defer(struct release *r, const char *role, struct fault *f)
{
	struct draft *d = NULL;
	int rc = need_delegated(r, role, &d, f);

	if (!rc && d->version)
		rc = fault_set(f, KE_EXIST, role, "sign it with the keys that it is delegated to",
		        "was published before");
	if (!rc)
		d->dirty = false;
	return rc;
}

int release_again(struct release *r, const char *role, struct fault *f)
{
	struct draft *d = NULL;
	const cJSON *edge;
	int rc = need_delegated(r, role, &d, f);

	if (rc)
		return rc;
	d->dirty = true;
	cJSON_ArrayForEach(edge, delegation_roles(d))
	{
		struct draft *shard = release_find(r, text_of(edge, "name"));
		if (shard && shard_width(role, edge))
			shard->dirty = true;
	}
	return KE_OK;
}

int release_expires_delegated(struct release *r, int64_t when, struct fault *f)
{
	int rc = KE_OK;

	for (struct draft *d = r->drafts; d && !rc; d = d->link) {
		struct draft *delegated;
		if (d->dirty && !need_delegated(r, d->name, &delegated, NULL))
			rc = release_expires(r, d->name, when, f);
	}
	return rc;
}
