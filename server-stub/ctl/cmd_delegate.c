/* cmd_delegate.c — `repo delegate`: a role with keys of its own may list the paths that match, or no longer. Public keys come as
 * files; without any, new keys are made. A team whose key is elsewhere signs the role's first version itself, by putting
 * something into it: until then the repository does not verify, because hosts that look for such a path would find no role.
 * Refuses what other clients could not read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/fileio.h"
#include "proto/strict.h"
#include "proto/wire.h"
#include "server-stub/ctl/cmd_repo.h"

#define KEYS_MAX     16
#define PATTERNS_MAX ARGS_GIVEN_MAX
#define KEY_NAME_MAX 40 /* of a role whose keys are made here: it becomes a file name */

struct wish {
	struct cJSON *read[KEYS_MAX]; /* from files, owned */
	const struct cJSON *keys[KEYS_MAX];
	const char *patterns[PATTERNS_MAX];
	struct release_delegation delegation;
};

static void wish_clear(struct wish *wish)
{
	for (size_t i = 0; i < KEYS_MAX; i++)
		cJSON_Delete(wish->read[i]);
}

static int take_patterns(const struct args *a, struct wish *wish, struct fault *f)
{
	bool paths = args_has(a, "path"), hashes = args_has(a, "hash-prefix");
	const char *text;
	size_t at = 0;

	if (paths == hashes)
		return fault_set(f, KE_USAGE, NULL, NULL, "either --path or --hash-prefix is wanted");
	while ((text = args_next(a, paths ? "path" : "hash-prefix", &at))) {
		if (!text[0] || strlen(text) > TUF_TARGET_PATH_MAX || (hashes && strlen(text) > 64))
			return fault_set(f, KE_USAGE, paths ? "--path" : "--hash-prefix", NULL,
			        "'%.80s' matches no path", text);
		wish->patterns[wish->delegation.n_patterns++] = text;
	}
	wish->delegation.patterns = wish->patterns;
	wish->delegation.by_hash = hashes;
	return KE_OK;
}

static int read_key(const char *path, struct cJSON **ret, struct fault *f)
{
	const struct strict_limits limits = {
		.max_bytes = TUF_KEY_TEXT_MAX, .max_nodes = 256, .max_depth = 8
	};
	char *text;
	size_t len;
	int rc = file_read(path, TUF_KEY_TEXT_MAX, &text, &len, f);

	if (rc)
		return rc;
	rc = strict_parse(text, len, &limits, ret, f);
	if (rc)
		fault_at(f, "%s", path);
	file_free(text);
	return rc;
}

static int take_keys(const struct args *a, struct wish *wish, struct fault *f)
{
	const char *path, *text = args_value(a, "threshold");
	int64_t threshold = 1;
	size_t at = 0;
	int rc = text ? args_int(text, 1, KEYS_MAX, &threshold, f) : KE_OK;

	wish->delegation.threshold = (unsigned)threshold;
	while (!rc && (path = args_next(a, "key", &at))) {
		size_t n = wish->delegation.n_keys;
		if (n == KEYS_MAX)
			return fault_set(f, KE_RANGE, "--key", NULL, "more than %d keys", KEYS_MAX);
		rc = read_key(path, &wish->read[n], f);
		wish->keys[n] = wish->read[n];
		wish->delegation.n_keys += !rc;
	}
	wish->delegation.keys = wish->keys;
	return rc;
}

/* As many new keys as have to sign. Kept before anything names them. */
static int make_keys(struct work *w, struct wish *wish, struct fault *f)
{
	char quoted[KEY_NAME_MAX];
	int rc = KE_OK;

	if (!tuf_name_quote(wish->delegation.name, quoted, sizeof quoted))
		return fault_set(f, KE_NAME, NULL, "make its keys elsewhere, and name them with --key",
		        "the name is too long for a key file");
	if (args_has(&w->ctl->args, "dry-run"))
		return fault_set(f, KE_USAGE, NULL, "name public keys with --key",
		        "a dry run makes no keys, and without them there is nothing to show");
	while (!rc && wish->delegation.n_keys < wish->delegation.threshold) {
		const struct signkey *key = NULL;
		rc = keyring_make(&w->keys, quoted, &key, f);
		if (!rc)
			wish->keys[wish->delegation.n_keys++] = signkey_public(key);
	}
	return rc;
}

static const char *parent_of(const struct args *a)
{
	const char *parent = args_value(a, "parent");

	return parent ? parent : "targets";
}

static int end(struct work *w, struct fault *f)
{
	static const char *const others[] = { "path", "hash-prefix", "key", "threshold", "terminating" };
	const struct args *a = &w->ctl->args;

	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		if (args_has(a, others[i]))
			return fault_set(f, KE_USAGE, "--end", NULL, "goes without --%s", others[i]);
	return depot_undelegate(w->depot, parent_of(a), a->words[1], f);
}

static int change_delegate(struct work *w, struct fault *f)
{
	const struct args *a = &w->ctl->args;
	struct wish wish = { .delegation = {
		                     .name = a->words[1], .terminating = args_has(a, "terminating") } };
	bool deferred = false;

	if (args_has(a, "end"))
		return end(w, f);
	int rc = take_patterns(a, &wish, f);
	if (!rc)
		rc = take_keys(a, &wish, f);
	if (!rc)
		rc = release_delegation_check(&wish.delegation, f);
	if (!rc && !wish.delegation.n_keys)
		rc = make_keys(w, &wish, f);
	if (!rc)
		rc = depot_delegate(w->depot, parent_of(a), &wish.delegation, &w->keys, &deferred, f);
	if (!rc && deferred)
		ctl_warn(w->ctl,
		        "warning: none of its keys is here, so %s is not signed yet; the repository does not "
		        "verify until "
		        "whoever has them puts something into it (--role %s)",
		        a->words[1], a->words[1]);
	wish_clear(&wish);
	return rc;
}

int ctl_repo_delegate(struct ctl *c)
{
	return work_author(c, "kedge_repo", change_delegate);
}
