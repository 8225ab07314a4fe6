/* forest.c — all targets roles of a repository. A client's checks of TUF 5.6 for every role, breadth first, and a client's
 * search over what was opened. Refuses what would end a client's search. Called by the depot, by the checks of a whole
 * repository (command and server), and by the server's catalogue. */
#include "proto/forest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct loader {
	const struct tuf_snapshot *snapshot;
	const struct forest_source *source;
	struct forest *forest;
	size_t room;
};

static int no_memory(struct fault *f)
{
	return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
}

/* Where NAME is in the sorted list, or would be. */
static size_t place_of(const struct forest *forest, const char *name)
{
	size_t low = 0, high = forest->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(forest->by_name[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct forest_role *forest_role(const struct forest *forest, const char *name)
{
	size_t i = place_of(forest, name);

	return i < forest->n && strcmp(forest->by_name[i]->name, name) == 0 ? forest->by_name[i] : NULL;
}

/* Adds a copy of ROLE, whose document it takes over, also on failure. */
static int role_add(struct loader *l, const struct forest_role *role, struct fault *f)
{
	struct forest *forest = l->forest;
	struct forest_role *own = malloc(sizeof *own);

	if (own && forest->n == l->room) {
		size_t room = l->room ? 2 * l->room : 16;
		struct forest_role **more = realloc(forest->roles, room * sizeof *more);
		struct forest_role **sorted = more ? realloc(forest->by_name, room * sizeof *sorted) : NULL;
		if (more)
			forest->roles = more;
		if (sorted) {
			forest->by_name = sorted;
			l->room = room;
		}
	}
	if (!own || forest->n == l->room) {
		struct trust_doc doc = role->doc;
		trust_doc_free(&doc);
		free(own);
		return no_memory(f);
	}
	*own = *role;
	size_t at = place_of(forest, own->name);
	memmove(forest->by_name + at + 1, forest->by_name + at, (forest->n - at) * sizeof(void *));
	forest->by_name[at] = own;
	forest->roles[forest->n++] = own;
	return KE_OK;
}

/* The bytes of a role against what the snapshot and its delegator say. */
static int role_open(const struct loader *l, const struct tuf_delegation *edge, const struct tuf_meta *meta,
        const char *data, size_t len, struct trust_doc *ret, struct fault *f)
{
	struct trust_doc doc = { 0 };
	int rc = tuf_bytes_check(data, len, meta->length, &meta->hashes, f);

	if (!rc)
		rc = trust_doc_open(TUF_TARGETS, data, len, &edge->signers, &doc, f);
	if (!rc && doc.targets->header.version != meta->version)
		rc = fault_set(f, KE_MISMATCH, NULL, NULL,
		        "version %" PRId64 " is not the one that the snapshot lists",
		        doc.targets->header.version);
	if (!rc && l->source->now && doc.targets->header.expires <= l->source->now)
		rc = fault_set(f, KE_EXPIRED, NULL, "sign a new version", "has expired");
	if (rc) {
		trust_doc_free(&doc);
		return rc;
	}
	*ret = doc;
	return KE_OK;
}

static int role_read(struct loader *l, const struct forest_role *parent, const struct tuf_delegation *edge,
        struct fault *f)
{
	const struct tuf_meta *meta = tuf_snapshot_find(l->snapshot, edge->name);
	struct forest_role role = { .name = edge->name, .parent = parent, .edge = edge };
	char *data = NULL;
	size_t len = 0;

	if (!meta)
		return l->source->unborn ? role_add(l, &role, f)
		                         : fault_set(f, KE_UNTRUSTED, NULL, "sign its first version",
		                                   "is delegated to, but not in the snapshot");
	size_t max = meta->length < 0              ? TUF_TARGETS_MAX
	             : meta->length > TUF_META_MAX ? TUF_META_MAX
	                                           : (size_t)meta->length;
	int rc = l->source->read(l->source->ctx, edge->name, meta->version, max, &data, &len, f);
	if (rc)
		return rc == KE_NOENT ? fault_set(f, KE_MISMATCH, NULL, NULL,
		                                "version %" PRId64 " is listed, but not there", meta->version)
		                      : rc;
	rc = role_open(l, edge, meta, data, len, &role.doc, f);
	free(data);
	if (rc)
		return rc;
	role.targets = role.doc.targets;
	return role_add(l, &role, f);
}

/* A role that is known already has to hold for this delegator's keys too. */
static int role_again(const struct forest_role *known, const struct tuf_delegation *edge, struct fault *f)
{
	return known->doc.env ? envelope_verify(known->doc.env, &edge->signers, f) : KE_OK;
}

static unsigned depth(const struct forest_role *role)
{
	unsigned n = 0;

	for (; role->parent; role = role->parent)
		n++;
	return n;
}

int forest_load(const struct tuf_targets *top, const struct tuf_snapshot *snapshot,
        const struct forest_source *source, struct forest *ret, struct fault *f)
{
	struct loader l = { .snapshot = snapshot, .source = source, .forest = ret };
	const struct forest_role first = { .name = tuf_top_names[TUF_TARGETS], .targets = top };

	*ret = (struct forest){ 0 };
	int rc = role_add(&l, &first, f);
	for (size_t at = 0; !rc && at < ret->n; at++) {
		const struct forest_role *from = ret->roles[at];
		size_t n = from->targets ? from->targets->n_delegations : 0;
		for (size_t i = 0; !rc && i < n; i++) {
			const struct tuf_delegation *edge = &from->targets->delegations[i];
			const struct forest_role *known = forest_role(ret, edge->name);
			if (ret->n > FOREST_ROLES_MAX || depth(from) >= FOREST_DEPTH_MAX)
				rc = fault_set(f, KE_TOOBIG, NULL, NULL, "too many delegations");
			else
				rc = known ? role_again(known, edge, f) : role_read(&l, from, edge, f);
			if (rc)
				fault_at(f, "%s.json", edge->name);
		}
	}
	return rc;
}

void forest_clear(struct forest *forest)
{
	for (size_t i = 0; i < forest->n; i++) {
		trust_doc_free(&forest->roles[i]->doc);
		free(forest->roles[i]);
	}
	free(forest->roles);
	free(forest->by_name);
	*forest = (struct forest){ 0 };
}

int forest_find(const struct forest *forest, const char *path, const struct forest_role **ret_role,
        const struct tuf_target **ret)
{
	const struct forest_role *role = forest->roles[0];
	const struct tuf_target *found = tuf_targets_find(role->targets, path);
	struct walk_step step;
	struct walk *walk = NULL;
	int rc = found ? KE_OK : walk_new(path, role->targets, &walk);

	while (!found && !rc && !(rc = walk_next(walk, &step))) {
		role = forest_role(forest, step.edge->name);
		if (!role || !role->targets)
			rc = KE_UNTRUSTED;
		else if (!(found = tuf_targets_find(role->targets, path)))
			rc = walk_expand(walk, role->targets);
	}
	walk_free(walk);
	if (rc)
		return rc;
	if (ret_role)
		*ret_role = role;
	*ret = found;
	return KE_OK;
}
