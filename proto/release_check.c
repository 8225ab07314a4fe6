/* release_check.c — the last look at a signed part before anybody signs it: nothing that a client of another make could not
 * read, and no threshold that its keys cannot reach.
 *
 * Our own client keeps a key of an unknown type as unusable and passes over roles it does not know; others refuse the
 * whole file for it, and with it the repository. Such members come in through files that another tool wrote. */
#include <string.h>

#include <cJSON.h>

#include "proto/release_state.h"

/* Is ID in LIST before its element END? */
static bool listed_before(const struct cJSON *list, const struct cJSON *end, const char *id)
{
	for (const cJSON *item = list->child; item && item != end; item = item->next)
		if (cJSON_IsString(item) && strcmp(item->valuestring, id) == 0)
			return true;
	return false;
}

/* The keyids of ROLE: strings, each once, each with a key in KEYS. */
static int check_keyids(const struct cJSON *role, const struct cJSON *keys, const char *name, struct fault *f)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(role, "keyids");

	if (!cJSON_IsArray(list))
		return fault_set(f, KE_SCHEMA, name, NULL, "has no keyids");
	for (const cJSON *item = list->child; item; item = item->next) {
		if (!cJSON_IsString(item))
			return fault_set(f, KE_SCHEMA, name, NULL, "a key id is no string");
		if (listed_before(list, item, item->valuestring))
			return fault_set(
			        f, KE_DUPLICATE, name, NULL, "key %.8s is listed twice", item->valuestring);
		if (!cJSON_GetObjectItemCaseSensitive(keys, item->valuestring))
			return fault_set(f, KE_KEY, name, "drop it", "lists key %.8s, which is not there",
			        item->valuestring);
	}
	return KE_OK;
}

/* Every key can sign, and no other client stumbles over its type. */
static int check_keys(const struct tuf_keys *keys, struct fault *f)
{
	for (size_t i = 0; i < keys->n; i++)
		if (!pubkey_usable(keys->list[i]))
			return fault_set(f, KE_KEY, NULL, "drop it", "other clients cannot read key %.8s: %s",
			        pubkey_id(keys->list[i]), pubkey_reason(keys->list[i]));
	return KE_OK;
}

/* How many different keys there are: two ids of one key sign once. */
static int check_reach(const struct signers *who, const char *name, struct fault *f)
{
	int64_t n = 0;

	for (size_t i = 0; i < who->n; i++) {
		size_t k = 0;
		while (k < i && !pubkey_same(who->keys[k], who->keys[i]))
			k++;
		n += k == i;
	}
	if (who->threshold <= n)
		return KE_OK;
	return fault_set(f, KE_RANGE, name, "add keys, or lower the threshold",
	        "a threshold of %lld cannot be reached with %lld keys", (long long)who->threshold,
	        (long long)n);
}

int release_check_root(const struct cJSON *tree, struct fault *f)
{
	const cJSON *roles = cJSON_GetObjectItemCaseSensitive(tree, "roles");
	const cJSON *keys = cJSON_GetObjectItemCaseSensitive(tree, "keys");
	struct place at = place_root(tree);
	struct tuf_root *root = NULL;
	int rc = tuf_root_parse(&at, &root, f);

	if (rc)
		return rc;
	for (const cJSON *role = roles->child; role && !rc; role = role->next) {
		int i = 0;
		while (i < TUF_TOP_COUNT && strcmp(role->string, tuf_top_names[i]) != 0)
			i++;
		rc = i == TUF_TOP_COUNT ? fault_set(f, KE_NAME, role->string, "take the role out of root",
		                                  "other clients refuse a root with this role")
		                        : check_keyids(role, keys, role->string, f);
	}
	if (!rc)
		rc = check_keys(&root->keys, f);
	for (int i = 0; i < TUF_TOP_COUNT && !rc; i++)
		rc = check_reach(&root->roles[i], tuf_top_names[i], f);
	tuf_root_free(root);
	return rc;
}

int release_check_targets(const struct cJSON *tree, struct fault *f)
{
	const cJSON *delegations = cJSON_GetObjectItemCaseSensitive(tree, "delegations");
	const cJSON *roles = cJSON_GetObjectItemCaseSensitive(delegations, "roles");
	const cJSON *keys = cJSON_GetObjectItemCaseSensitive(delegations, "keys");
	struct place at = place_root(tree);
	struct tuf_targets *targets = NULL;
	int rc = tuf_targets_parse(&at, &targets, f);

	if (rc)
		return rc;
	for (const cJSON *role = roles ? roles->child : NULL; role && !rc; role = role->next)
		rc = check_keyids(role, keys, cJSON_GetObjectItemCaseSensitive(role, "name")->valuestring, f);
	rc = rc ? rc : check_keys(&targets->keys, f);
	for (size_t i = 0; i < targets->n_delegations && !rc; i++)
		rc = check_reach(&targets->delegations[i].signers, targets->delegations[i].name, f);
	tuf_targets_free(targets);
	return rc;
}
