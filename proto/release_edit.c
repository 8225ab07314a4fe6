/* release_edit.c — targets and delegations of a release. Same rules as the client's parser, checked before anything is
 * signed; patterns are stricter, since '[', ']' and '\' mean different things to different clients. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/codec.h"
#include "proto/delegation.h"
#include "proto/release_state.h"
#include "proto/tree.h"
#include "proto/trust.h"
#include "proto/utf8.h"

static int no_memory(struct fault *f)
{
	return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
}

/* A targets role: the top one, or a delegated one. */
static int need_targets(const struct release *r, const char *role, struct draft **ret, struct fault *f)
{
	struct draft *d = release_find(r, role);

	if (!d || !cJSON_GetObjectItemCaseSensitive(d->tree, "targets"))
		return fault_set(f, KE_NOENT, role, "load it first", "no loaded targets role has this name");
	*ret = d;
	return KE_OK;
}

/* {"length": N, "hashes": {"sha256": "..."}, "custom": ...}, or NULL. */
static struct cJSON *target_tree(const void *data, size_t len, const struct cJSON *custom)
{
	unsigned char digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	cJSON *tree = cJSON_CreateObject(), *hashes = NULL;

	sha256(data, len, digest);
	hex_encode(digest, sizeof digest, hex);
	bool ok = tree && cJSON_AddNumberToObject(tree, "length", (double)len) &&
	          (hashes = cJSON_AddObjectToObject(tree, "hashes")) &&
	          cJSON_AddStringToObject(hashes, "sha256", hex) &&
	          (!custom || !tree_set(tree, "custom", cJSON_Duplicate(custom, true)));
	if (!ok) {
		cJSON_Delete(tree);
		return NULL;
	}
	return tree;
}

int release_target_set(struct release *r, const char *role, const char *path, const void *data, size_t len,
        const struct cJSON *custom, struct fault *f)
{
	struct draft *d = NULL;
	int rc = need_targets(r, role, &d, f);

	if (!rc && (!trust_path_ok(path) || !utf8_valid(path, strlen(path))))
		rc = fault_set(f, KE_NAME, role, "use a relative path without . and ..",
		        "'%.200s' is no target path", path);
	if (rc)
		return rc;
	if (tree_set(cJSON_GetObjectItemCaseSensitive(d->tree, "targets"), path,
	            target_tree(data, len, custom)))
		return no_memory(f);
	d->dirty = true;
	return KE_OK;
}

int release_target_drop(struct release *r, const char *role, const char *path, struct fault *f)
{
	struct draft *d = NULL;
	int rc = need_targets(r, role, &d, f);

	if (rc)
		return rc;
	cJSON *targets = cJSON_GetObjectItemCaseSensitive(d->tree, "targets");
	if (!cJSON_GetObjectItemCaseSensitive(targets, path))
		return fault_set(f, KE_NOENT, role, NULL, "does not list '%.200s'", path);
	cJSON_DeleteItemFromObjectCaseSensitive(targets, path);
	d->dirty = true;
	return KE_OK;
}

int release_delegation_check(const struct release_delegation *d, struct fault *f)
{
	char quoted[TUF_ROLE_NAME_MAX + 4];

	if (!d->name[0] || !tuf_name_quote(d->name, quoted, sizeof quoted) ||
	        !utf8_valid(d->name, strlen(d->name)))
		return fault_set(f, KE_NAME, NULL, NULL, "no role name");
	for (int i = 0; i < TUF_TOP_COUNT; i++)
		if (strcmp(d->name, tuf_top_names[i]) == 0)
			return fault_set(f, KE_NAME, d->name, NULL, "the name of a top-level role");
	if (d->n_keys && (!d->threshold || d->threshold > d->n_keys))
		return fault_set(
		        f, KE_RANGE, d->name, NULL, "threshold %u with %zu keys", d->threshold, d->n_keys);
	for (size_t i = 0; i < d->n_patterns; i++) {
		if (strpbrk(d->patterns[i], "[]\\"))
			return fault_set(
			        f, KE_VALUE, d->name, "use * and ? only", "pattern '%.200s'", d->patterns[i]);
		if (d->by_hash && d->patterns[i][strspn(d->patterns[i], "0123456789abcdef")])
			return fault_set(f, KE_VALUE, d->name, NULL,
			        "'%.80s' is no lower-case hexadecimal prefix", d->patterns[i]);
	}
	return KE_OK;
}

/* The object of one delegation; its keys go into KEYS, the map of the delegating role. */
static int delegation_tree(
        const struct release_delegation *d, struct cJSON *keys, struct cJSON **ret, struct fault *f)
{
	cJSON *tree = cJSON_CreateObject(), *keyids = NULL, *list = NULL;
	int rc = KE_OK;

	if (!tree || !cJSON_AddStringToObject(tree, "name", d->name) ||
	        !(keyids = cJSON_AddArrayToObject(tree, "keyids")) ||
	        !cJSON_AddNumberToObject(tree, "threshold", d->threshold) ||
	        !cJSON_AddBoolToObject(tree, "terminating", d->terminating) ||
	        !(list = cJSON_AddArrayToObject(tree, d->by_hash ? "path_hash_prefixes" : "paths")))
		rc = no_memory(f);
	for (size_t i = 0; i < d->n_keys && !rc; i++)
		rc = release_key_list(keys, keyids, d->keys[i], f);
	for (size_t i = 0; i < d->n_patterns && !rc; i++) {
		cJSON *item = cJSON_CreateString(d->patterns[i]);
		if (!item || !cJSON_AddItemToArray(list, item)) {
			cJSON_Delete(item);
			rc = no_memory(f);
		}
	}
	if (rc) {
		cJSON_Delete(tree);
		return rc;
	}
	*ret = tree;
	return KE_OK;
}

int release_role_index(const struct cJSON *roles, const char *name)
{
	int i = 0;

	for (const cJSON *item = roles->child; item; item = item->next, i++) {
		const cJSON *is = cJSON_GetObjectItemCaseSensitive(item, "name");
		if (cJSON_IsString(is) && strcmp(is->valuestring, name) == 0)
			return i;
	}
	return -1;
}

bool release_delegates(const struct draft *d, const char *role)
{
	const struct cJSON *tree = d->next ? d->next : d->tree;
	const struct cJSON *roles = cJSON_GetObjectItemCaseSensitive(
	        cJSON_GetObjectItemCaseSensitive(tree, "delegations"), "roles");

	return roles && release_role_index(roles, role) >= 0;
}

/* The version of ROLE that the snapshot lists; 0: none. A role whose delegation ended stays listed, and goes on from there
 * when somebody delegates to that name again. */
static int64_t listed_version(const struct release *r, const char *role)
{
	const struct draft *snapshot = release_find(r, "snapshot");
	const cJSON *meta = snapshot ? cJSON_GetObjectItemCaseSensitive(snapshot->tree, "meta") : NULL;
	char entry[TUF_ROLE_NAME_MAX + 8];

	snprintf(entry, sizeof entry, "%s.json", role);
	const cJSON *version =
	        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(meta, entry), "version");
	return cJSON_IsNumber(version) ? (int64_t)version->valuedouble : 0;
}

struct cJSON *release_targets_tree(void)
{
	cJSON *tree = cJSON_CreateObject();

	if (tree && (!cJSON_AddStringToObject(tree, "_type", "targets") ||
	                    !cJSON_AddStringToObject(tree, "spec_version", "1.0.34") ||
	                    !tree_object(tree, "targets"))) {
		cJSON_Delete(tree);
		return NULL;
	}
	return tree;
}

/* The delegated role itself, empty, unless there is one. Its old keys may not fit any more: it is written anew. */
static int delegated_role(struct release *r, const char *name, struct fault *f)
{
	struct draft *d = release_find(r, name);

	if (d) {
		d->dirty = true;
		return KE_OK;
	}
	int rc = release_draft_add(r, name, release_targets_tree(), listed_version(r, name), f);
	if (!rc)
		release_find(r, name)->dirty = true;
	return rc;
}

int release_delegate(
        struct release *r, const char *parent, const struct release_delegation *d, struct fault *f)
{
	struct draft *from = NULL;
	struct cJSON *tree = NULL;
	int rc = release_delegation_check(d, f);

	if (!rc && !d->n_keys)
		rc = fault_set(f, KE_RANGE, d->name, NULL, "a role without keys");
	if (rc || (rc = need_targets(r, parent, &from, f)))
		return rc;
	cJSON *delegations = tree_object(from->tree, "delegations");
	cJSON *keys = delegations ? tree_object(delegations, "keys") : NULL;
	cJSON *roles = delegations ? cJSON_GetObjectItemCaseSensitive(delegations, "roles") : NULL;
	if (delegations && !roles)
		roles = cJSON_AddArrayToObject(delegations, "roles");
	if (!keys || !roles)
		return no_memory(f);
	rc = delegation_tree(d, keys, &tree, f);
	if (rc)
		return rc;
	int i = release_role_index(roles, d->name);
	int before = i < 0 && d->before ? release_role_index(roles, d->before) : -1;
	if (i >= 0 ? !cJSON_ReplaceItemInArray(roles, i, tree) : !cJSON_AddItemToArray(roles, tree)) {
		cJSON_Delete(tree);
		return no_memory(f);
	}
	/* Those behind it go round once: cJSON 1.7.15 of Debian 12 inserts at the front only. */
	for (int behind = cJSON_GetArraySize(roles) - 1 - before; before >= 0 && behind > 0; behind--)
		cJSON_AddItemToArray(roles, cJSON_DetachItemFromArray(roles, before));
	release_keys_sweep(delegations);
	from->dirty = true;
	return delegated_role(r, d->name, f);
}

int release_undelegate(struct release *r, const char *parent, const char *name, struct fault *f)
{
	struct draft *from = NULL;
	int rc = need_targets(r, parent, &from, f);

	if (rc)
		return rc;
	cJSON *delegations = cJSON_GetObjectItemCaseSensitive(from->tree, "delegations");
	cJSON *roles = cJSON_GetObjectItemCaseSensitive(delegations, "roles");
	int i = roles ? release_role_index(roles, name) : -1;
	if (i < 0)
		return fault_set(f, KE_NOENT, parent, NULL, "does not delegate to '%.80s'", name);
	cJSON_DeleteItemFromArray(roles, i);
	release_keys_sweep(delegations);
	from->dirty = true;
	return KE_OK;
}
