/* release.c — the edits of a release, made on the trees of the roles so that members we do not know survive.
 *
 * Refuses what clients of any make could read in two ways, or not at all. Called by `kedge repo`, and by tests through
 * repo_sim. */
#include "proto/release.h"

#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/clock.h"
#include "proto/codec.h"
#include "proto/release_state.h"
#include "proto/strict.h"
#include "proto/tree.h"

static int no_memory(struct fault *f)
{
	return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
}

int release_new(struct release **ret)
{
	struct release *r = calloc(1, sizeof *r);

	if (!r)
		return KE_NOMEM;
	*ret = r;
	return KE_OK;
}

static void draft_free(struct draft *d)
{
	if (!d)
		return;
	cJSON_Delete(d->tree);
	cJSON_Delete(d->next);
	trust_doc_free(&d->base);
	trust_doc_free(&d->fresh);
	envelope_free(d->held);
	free(d->name);
	free(d);
}

void release_free(struct release *r)
{
	if (!r)
		return;
	while (r->drafts) {
		struct draft *d = r->drafts;
		r->drafts = d->link;
		draft_free(d);
	}
	trust_doc_free(&r->root);
	free(r);
}

struct draft *release_find(const struct release *r, const char *role)
{
	for (struct draft *d = r->drafts; d; d = d->link)
		if (strcmp(d->name, role) == 0)
			return d;
	return NULL;
}

static int need_role(const struct release *r, const char *role, struct draft **ret, struct fault *f)
{
	*ret = release_find(r, role);
	return *ret ? KE_OK : fault_set(f, KE_NOENT, role, "load it first", "the role is not loaded");
}

int release_draft_add(
        struct release *r, const char *name, struct cJSON *tree, int64_t version, struct fault *f)
{
	struct draft *d = calloc(1, sizeof *d), **end = &r->drafts;

	if (d)
		d->name = strdup(name);
	if (!d || !d->name || !tree) {
		cJSON_Delete(tree);
		draft_free(d);
		return no_memory(f);
	}
	d->tree = tree;
	d->version = version;
	d->dirty = version == 0;
	while (*end)
		end = &(*end)->link;
	*end = d;
	return KE_OK;
}

static struct cJSON *tree_new(const char *type)
{
	cJSON *tree = cJSON_CreateObject();

	if (tree && (!cJSON_AddStringToObject(tree, "_type", type) ||
	                    !cJSON_AddStringToObject(tree, "spec_version", "1.0.34"))) {
		cJSON_Delete(tree);
		return NULL;
	}
	return tree;
}

static int init_root(struct cJSON *root, bool consistent)
{
	cJSON *roles = cJSON_AddObjectToObject(root, "roles");

	if (!roles || !cJSON_AddBoolToObject(root, "consistent_snapshot", consistent) ||
	        !cJSON_AddObjectToObject(root, "keys"))
		return KE_NOMEM;
	for (int i = 0; i < TUF_TOP_COUNT; i++) {
		cJSON *role = cJSON_AddObjectToObject(roles, tuf_top_names[i]);
		if (!role || !cJSON_AddArrayToObject(role, "keyids") ||
		        !cJSON_AddNumberToObject(role, "threshold", 1))
			return KE_NOMEM;
	}
	return KE_OK;
}

int release_init(struct release *r, bool consistent_snapshot, struct fault *f)
{
	if (r->drafts)
		return fault_set(f, KE_EXIST, NULL, NULL, "the release has roles already");
	for (int i = 0; i < TUF_TOP_COUNT; i++) {
		struct cJSON *tree = tree_new(tuf_top_names[i]);
		bool ok = tree && (i == TUF_ROOT             ? !init_root(tree, consistent_snapshot)
		                          : i == TUF_TARGETS ? tree_object(tree, "targets") != NULL
		                                             : tree_object(tree, "meta") != NULL);
		if (!ok) {
			cJSON_Delete(tree);
			return no_memory(f);
		}
		int rc = release_draft_add(r, tuf_top_names[i], tree, 0, f);
		if (rc)
			return rc;
	}
	return KE_OK;
}

static int top_index(const char *role)
{
	for (int i = 0; i < TUF_TOP_COUNT; i++)
		if (strcmp(role, tuf_top_names[i]) == 0)
			return i;
	return -1;
}

/* A delegated role is good when one of the loaded roles delegates to it with keys that signed it. */
static int open_delegated(const struct release *r, const char *role, const void *data, size_t len,
        struct trust_doc *ret, struct fault *f)
{
	int rc = fault_set(
	        f, KE_UNTRUSTED, NULL, "load the delegating role first", "no loaded role delegates to it");

	for (const struct draft *d = r->drafts; d; d = d->link) {
		struct place at = place_root(d->tree);
		struct tuf_targets *targets;
		if (!release_delegates(d, role) || tuf_targets_parse(&at, &targets, NULL))
			continue;
		for (size_t i = 0; i < targets->n_delegations && rc; i++)
			if (strcmp(targets->delegations[i].name, role) == 0)
				rc = trust_doc_open(
				        TUF_TARGETS, data, len, &targets->delegations[i].signers, ret, f);
		tuf_targets_free(targets);
		if (!rc)
			break;
	}
	return rc;
}

static int open_published(const struct release *r, const char *role, const void *data, size_t len,
        struct trust_doc *ret, struct fault *f)
{
	int top = top_index(role);

	if (top == TUF_ROOT)
		return trust_doc_open(TUF_ROOT, data, len, NULL, ret, f);
	if (!r->root.root)
		return fault_set(f, KE_USAGE, NULL, NULL, "load root first");
	if (top < 0)
		return open_delegated(r, role, data, len, ret, f);
	return trust_doc_open((enum tuf_top)top, data, len, &r->root.root->roles[top], ret, f);
}

int release_adopt(struct release *r, const char *role, const struct trust_doc *doc, struct fault *f)
{
	struct place part;
	int rc = release_find(r, role) ? fault_set(f, KE_EXIST, role, NULL, "loaded already")
	                               : envelope_signed(doc->env, &part, f);

	if (!rc)
		rc = release_draft_add(
		        r, role, cJSON_Duplicate(part.node, true), trust_doc_header(doc)->version, f);
	if (!rc)
		release_find(r, role)->lent = doc;
	return rc;
}

int release_load(struct release *r, const char *role, const void *data, size_t len, struct fault *f)
{
	struct trust_doc doc = { 0 };
	int rc = release_find(r, role) ? fault_set(f, KE_EXIST, NULL, NULL, "loaded already")
	                               : open_published(r, role, data, len, &doc, f);

	if (!rc)
		rc = release_adopt(r, role, &doc, f);
	if (!rc) {
		struct draft *d = release_find(r, role);
		d->lent = NULL;
		trust_doc_move(doc.root ? &r->root : &d->base, &doc);
	}
	trust_doc_free(&doc);
	if (rc)
		fault_at(f, "%s", role);
	return rc;
}

/* Where a role's keys are named: the map of keys, the entries beside its own, and its own. */
struct entry {
	struct cJSON *keys, *roles, *item;
};

/* ROLE's entry in D, which delegates to it; false when it does not. */
static bool delegated_entry(const struct draft *d, const char *role, struct entry *ret)
{
	cJSON *delegations = cJSON_GetObjectItemCaseSensitive(d->tree, "delegations");
	cJSON *roles = cJSON_GetObjectItemCaseSensitive(delegations, "roles");

	for (cJSON *item = roles ? roles->child : NULL; item; item = item->next) {
		const cJSON *name = cJSON_GetObjectItemCaseSensitive(item, "name");
		if (!cJSON_IsString(name) || strcmp(name->valuestring, role) != 0)
			continue;
		*ret = (struct entry){ cJSON_GetObjectItemCaseSensitive(delegations, "keys"), roles, item };
		return true;
	}
	return false;
}

static struct draft *parent_of(const struct release *r, const char *role, struct entry *ret)
{
	struct draft *d = release_find(r, "root");

	if (top_index(role) >= 0) {
		cJSON *roles = d ? cJSON_GetObjectItemCaseSensitive(d->tree, "roles") : NULL;
		*ret = (struct entry){ d ? cJSON_GetObjectItemCaseSensitive(d->tree, "keys") : NULL, roles,
			cJSON_GetObjectItemCaseSensitive(roles, role) };
		return ret->item ? d : NULL;
	}
	for (d = r->drafts; d; d = d->link)
		if (delegated_entry(d, role, ret))
			return d;
	return NULL;
}

const char *release_parent(const struct release *r, const char *role)
{
	struct entry entry;
	const struct draft *d = parent_of(r, role, &entry);

	return d ? d->name : NULL;
}

/* ROLE's entry; the role that names its keys is dirty from now on, as is ROLE itself. */
static int role_entry(struct release *r, const char *role, struct entry *ret, struct fault *f)
{
	struct draft *parent = parent_of(r, role, ret), *self = release_find(r, role);

	if (!parent)
		return fault_set(f, KE_NAME, role, "see kedge repo status", "no role of this repository");
	parent->dirty = true;
	if (self)
		self->dirty = true;
	return KE_OK;
}

static int keyid_index(const struct cJSON *keyids, const char *keyid)
{
	int i = 0;

	for (const cJSON *item = keyids->child; item; item = item->next, i++)
		if (cJSON_IsString(item) && strcmp(item->valuestring, keyid) == 0)
			return i;
	return -1;
}

int release_key_list(struct cJSON *keys, struct cJSON *keyids, const struct cJSON *key, struct fault *f)
{
	char id[KEYID_ROOM];
	struct pubkey *parsed;
	struct place at = place_root(key);
	int rc = pubkey_parse(&at, &parsed, f);

	if (rc)
		return rc;
	bool usable = pubkey_usable(parsed);
	memcpy(id, pubkey_id(parsed), sizeof id);
	pubkey_free(parsed);
	if (!usable)
		return fault_set(f, KE_KEY, NULL, "use ed25519, ecdsa on P-256, or rsa of 2048 bits or more",
		        "clients cannot use this key");
	if (!cJSON_GetObjectItemCaseSensitive(keys, id) && tree_set(keys, id, cJSON_Duplicate(key, true)))
		return no_memory(f);
	if (keyid_index(keyids, id) >= 0)
		return KE_OK;
	cJSON *item = cJSON_CreateString(id);
	if (!item || !cJSON_AddItemToArray(keyids, item)) {
		cJSON_Delete(item);
		return no_memory(f);
	}
	return KE_OK;
}

int release_key_add(struct release *r, const char *role, const struct cJSON *key, struct fault *f)
{
	struct entry e;
	int rc = role_entry(r, role, &e, f);

	return rc ? rc : release_key_list(e.keys, cJSON_GetObjectItemCaseSensitive(e.item, "keyids"), key, f);
}

static bool key_used(const struct cJSON *roles, const char *keyid)
{
	for (const cJSON *role = roles->child; role; role = role->next) {
		const cJSON *keyids = cJSON_GetObjectItemCaseSensitive(role, "keyids");
		if (keyids && keyid_index(keyids, keyid) >= 0)
			return true;
	}
	return false;
}

int release_key_drop(struct release *r, const char *role, const char *keyid, struct fault *f)
{
	struct entry e;
	int rc = role_entry(r, role, &e, f);

	if (rc)
		return rc;
	cJSON *keyids = cJSON_GetObjectItemCaseSensitive(e.item, "keyids");
	int i = keyid_index(keyids, keyid);
	if (i < 0)
		return fault_set(f, KE_NOENT, role, NULL, "the role has no key %.16s", keyid);
	cJSON_DeleteItemFromArray(keyids, i);
	if (!key_used(e.roles, keyid))
		cJSON_DeleteItemFromObjectCaseSensitive(e.keys, keyid);
	return KE_OK;
}

int release_threshold(struct release *r, const char *role, unsigned threshold, struct fault *f)
{
	struct entry e;
	int rc = threshold ? role_entry(r, role, &e, f)
	                   : fault_set(f, KE_RANGE, role, NULL, "a threshold is 1 or more");

	if (!rc && tree_set(e.item, "threshold", cJSON_CreateNumber(threshold)))
		rc = no_memory(f);
	return rc;
}

int release_expires(struct release *r, const char *role, int64_t when, struct fault *f)
{
	char text[TIME_TEXT_ROOM];
	struct draft *d = NULL;
	int rc = need_role(r, role, &d, f);

	if (!rc && tree_set(d->tree, "expires", cJSON_CreateString(time_format(when, text))))
		rc = no_memory(f);
	if (!rc)
		d->dirty = true;
	return rc;
}

int release_floor(struct release *r, const char *role, int64_t floor, struct fault *f)
{
	struct draft *d = NULL;
	int rc = need_role(r, role, &d, f);

	if (!rc && (floor < 0 || floor >= STRICT_INT_MAX))
		rc = fault_set(f, KE_RANGE, role, NULL, "no version");
	if (!rc && floor > d->version)
		d->version = floor;
	return rc;
}

int64_t release_version(const struct release *r, const char *role)
{
	const struct draft *d = release_find(r, role);

	return d ? d->version : 0;
}
