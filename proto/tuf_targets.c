/* tuf_targets.c — a targets role, the top one or a delegated one: files, and who else may name files.
 *
 * Refuses role names that could stand for a top-level role or repeat, delegations with both kinds of patterns or with
 * neither, and hash-bin delegations of TAP 15, which are no part of 1.0. What a pattern matches is in delegation.c. */
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/strict.h"
#include "proto/tuf.h"

static int target_cmp(const void *pa, const void *pb)
{
	const struct tuf_target *a = pa, *b = pb;

	return strcmp(a->path, b->path);
}

static int read_target(const struct place *at, struct tuf_target *target, struct fault *f)
{
	struct place custom;
	int rc;

	target->path = at->name;
	if (!at->name[0] || strlen(at->name) > TUF_TARGET_PATH_MAX)
		return place_fault(
		        at, f, KE_NAME, NULL, "a target path has 1 to %d bytes", TUF_TARGET_PATH_MAX);
	if ((rc = read_int(at, "length", 0, STRICT_INT_MAX, &target->length, f)) ||
	        (rc = tuf_hashes_parse(at, &target->hashes, f)))
		return rc;
	if (read_has(at, "custom") && !read_object(at, "custom", &custom, NULL))
		target->custom = custom.node;
	return KE_OK;
}

static int read_targets(const struct place *at, struct tuf_targets *t, struct fault *f)
{
	struct place map, item = { 0 };
	int rc = read_object(at, "targets", &map, f);

	if (rc)
		return rc;
	size_t n = place_count(&map);
	t->targets = calloc(n ? n : 1, sizeof *t->targets);
	if (!t->targets)
		return place_fault(&map, f, KE_NOMEM, NULL, "out of memory");
	while (!rc && place_next(&map, &item))
		rc = read_target(&item, &t->targets[t->n_targets++], f);
	if (!rc)
		qsort(t->targets, t->n_targets, sizeof *t->targets, target_cmp);
	return rc;
}

static int check_role_name(const struct place *at, const char *name, struct fault *f)
{
	char quoted[TUF_ROLE_NAME_MAX + 4];

	for (int i = 0; i < TUF_TOP_COUNT; i++)
		if (strcmp(name, tuf_top_names[i]) == 0)
			return place_fault(
			        at, f, KE_NAME, NULL, "'%s' is the name of a top-level role", name);
	if (!tuf_name_quote(name, quoted, sizeof quoted))
		return place_fault(at, f, KE_NAME, NULL, "the role name is too long for a file name");
	return KE_OK;
}

static int read_patterns(const struct place *at, struct tuf_delegation *d, struct fault *f)
{
	struct place list, item = { 0 };
	bool paths = read_has(at, "paths"), prefixes = read_has(at, "path_hash_prefixes");
	int rc;

	if (paths == prefixes)
		return place_fault(
		        at, f, KE_SCHEMA, NULL, "exactly one of paths and path_hash_prefixes is needed");
	d->by_hash = prefixes;
	if ((rc = read_array(at, prefixes ? "path_hash_prefixes" : "paths", &list, f)))
		return rc;
	size_t n = place_count(&list);
	d->patterns = calloc(n ? n : 1, sizeof *d->patterns);
	if (!d->patterns)
		return place_fault(&list, f, KE_NOMEM, NULL, "out of memory");
	while (!rc && place_next(&list, &item)) {
		rc = place_string(&item, 0, TUF_TARGET_PATH_MAX, &d->patterns[d->n], f);
		d->n += !rc;
	}
	return rc;
}

static int read_delegation(const struct place *at, struct tuf_targets *t, struct fault *f)
{
	struct tuf_delegation *d = &t->delegations[t->n_delegations++];
	int rc;

	if ((rc = read_string(at, "name", 1, TUF_ROLE_NAME_MAX, &d->name, f)) ||
	        (rc = check_role_name(at, d->name, f)) ||
	        (rc = read_bool(at, "terminating", &d->terminating, f)) || (rc = read_patterns(at, d, f)))
		return rc;
	return tuf_signers_parse(at, &t->keys, &d->signers, f);
}

static int name_cmp(const void *pa, const void *pb)
{
	const char *const *a = pa, *const *b = pb;

	return strcmp(*a, *b);
}

/* No name twice. Sorted, because a hostile file may list very many. */
static int check_names_differ(const struct place *at, const struct tuf_targets *t, struct fault *f)
{
	const char **names = calloc(t->n_delegations ? t->n_delegations : 1, sizeof *names);
	int rc = KE_OK;

	if (!names)
		return place_fault(at, f, KE_NOMEM, NULL, "out of memory");
	for (size_t i = 0; i < t->n_delegations; i++)
		names[i] = t->delegations[i].name;
	qsort(names, t->n_delegations, sizeof *names, name_cmp);
	for (size_t i = 1; i < t->n_delegations && !rc; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			rc = place_fault(at, f, KE_DUPLICATE, NULL, "role '%.80s' is listed twice", names[i]);
	free(names);
	return rc;
}

static int read_delegations(const struct place *at, struct tuf_targets *t, struct fault *f)
{
	struct place del, keys, roles, item = { 0 };
	int rc;

	if (!read_has(at, "delegations"))
		return KE_OK;
	if ((rc = read_object(at, "delegations", &del, f)) || (rc = read_object(&del, "keys", &keys, f)) ||
	        (rc = tuf_keys_parse(&keys, &t->keys, f)) || (rc = read_array(&del, "roles", &roles, f)))
		return rc;
	size_t n = place_count(&roles);
	t->delegations = calloc(n ? n : 1, sizeof *t->delegations);
	if (!t->delegations)
		return place_fault(&roles, f, KE_NOMEM, NULL, "out of memory");
	while (!rc && place_next(&roles, &item))
		rc = read_delegation(&item, t, f);
	return rc ? rc : check_names_differ(&roles, t, f);
}

int tuf_targets_parse(const struct place *at, struct tuf_targets **ret, struct fault *f)
{
	struct tuf_targets *t = calloc(1, sizeof *t);
	int rc;

	if (!t)
		return place_fault(at, f, KE_NOMEM, NULL, "out of memory");
	if ((rc = tuf_header_parse(at, "targets", &t->header, f)) || (rc = read_targets(at, t, f)) ||
	        (rc = read_delegations(at, t, f))) {
		tuf_targets_free(t);
		return rc;
	}
	*ret = t;
	return KE_OK;
}

void tuf_targets_free(struct tuf_targets *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_delegations; i++) {
		tuf_signers_free(&t->delegations[i].signers);
		free(t->delegations[i].patterns);
	}
	free(t->delegations);
	free(t->targets);
	tuf_keys_free(&t->keys);
	free(t);
}

const struct tuf_target *tuf_targets_find(const struct tuf_targets *t, const char *path)
{
	struct tuf_target key = { .path = path };

	return bsearch(&key, t->targets, t->n_targets, sizeof *t->targets, target_cmp);
}
