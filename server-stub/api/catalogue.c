/* catalogue.c — reads the published metadata once a generation: timestamp, the snapshot it names, and every role from targets
 * down, for targets rollouts/POLICY/SERIAL.json. Signatures were verified when it was published (repo_verify.c) and are
 * verified by every host, so here the top-level roles are only read; what cannot be read is an error, not an omission.
 * Of each policy the plans are read (plans.c) of the newest rollout and of the newest standing one below it.
 * Called by assignments, rollouts, tokens and metrics. */
#include "server-stub/api/catalogue.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/assignment.h"
#include "proto/forest.h"
#include "proto/tuf.h"
#include "server-stub/api/api_in.h"

#define STANDING_SEARCH 64 /* serials below the newest among which a standing one is looked for */

static const struct strict_limits metadata_limits = {
	.max_bytes = TUF_META_MAX, .max_nodes = TUF_NODES_MAX, .max_depth = TUF_DEPTH_MAX
};

/* One published metadata file, parsed. */
struct metadata {
	struct cJSON *tree;
	struct place doc, part; /* part refers to doc: not to be copied */
};

static int metadata_row(void *ctx, const struct store_file *file)
{
	struct cJSON **tree = ctx;

	return strict_parse(file->data, file->len, &metadata_limits, tree, NULL);
}

static int metadata_load(struct api *api, const char *file, struct metadata *ret, struct fault *f)
{
	char path[TUF_FILE_ROOM + 16];

	snprintf(path, sizeof path, "metadata/%s", file);
	ret->tree = NULL;
	int rc = store_repo_read(api->store, path, metadata_row, &ret->tree, f);
	if (rc)
		return rc;
	ret->doc = place_root(ret->tree);
	rc = read_object(&ret->doc, "signed", &ret->part, f);
	if (rc)
		cJSON_Delete(ret->tree);
	return rc;
}

/* ROLE's file in either naming of TUF. */
static int role_load(
        struct api *api, const char *role, int64_t version, struct metadata *ret, struct fault *f)
{
	char file[TUF_FILE_ROOM];
	int rc = metadata_load(api, tuf_file_name(role, version, file), ret, f);

	return rc == KE_NOENT ? metadata_load(api, tuf_file_name(role, 0, file), ret, f) : rc;
}

/* A target that is a rollout, before its plan is read. */
struct note {
	char policy[65];
	int64_t serial;
	const struct tuf_target *target;
};

struct notes {
	struct note *rows;
	size_t n;
};

static int note_add(struct notes *notes, const char *policy, int64_t serial, const struct tuf_target *target)
{
	struct note *more = notes->n & (notes->n - 1)
	                            ? notes->rows
	                            : realloc(notes->rows, (notes->n ? 2 * notes->n : 1) * sizeof *more);

	if (!more)
		return KE_NOMEM;
	notes->rows = more;
	notes->rows[notes->n] = (struct note){ .serial = serial, .target = target };
	memcpy(notes->rows[notes->n++].policy, policy, strlen(policy) + 1);
	return KE_OK;
}

/* By policy, the highest serial first. */
static int note_order(const void *a, const void *b)
{
	const struct note *one = a, *two = b;
	int order = strcmp(one->policy, two->policy);

	return order ? order : one->serial < two->serial ? 1 : one->serial > two->serial ? -1 : 0;
}

struct reader {
	struct api *api;
	size_t max;
	char **ret;
	size_t *ret_len;
};

static int bytes_row(void *ctx, const struct store_file *file)
{
	struct reader *r = ctx;

	if (file->len > r->max)
		return KE_TOOBIG;
	char *copy = malloc(file->len + 1);
	if (!copy)
		return KE_NOMEM;
	memcpy(copy, file->data, file->len);
	*r->ret = copy;
	*r->ret_len = file->len;
	return KE_OK;
}

/* A delegated role for the forest, in either naming of TUF. */
static int read_role(void *ctx, const char *role, int64_t version, size_t max, char **ret, size_t *ret_len,
        struct fault *f)
{
	struct api *api = ctx;
	struct reader r = { .api = api, .max = max, .ret = ret, .ret_len = ret_len };
	char file[TUF_FILE_ROOM], path[TUF_FILE_ROOM + 16];
	int rc;

	snprintf(path, sizeof path, "metadata/%s", tuf_file_name(role, version, file));
	rc = store_repo_read(api->store, path, bytes_row, &r, f);
	if (rc != KE_NOENT)
		return rc;
	snprintf(path, sizeof path, "metadata/%s", tuf_file_name(role, 0, file));
	return store_repo_read(api->store, path, bytes_row, &r, f);
}

/* Rollouts where a host finds them: not in a role to which nobody delegates any more, though the snapshot lists it for ever,
 * nor outside of a role's patterns. */
static int notes_take(struct notes *notes, const struct forest *forest)
{
	int rc = KE_OK;

	for (size_t r = 0; r < forest->n; r++) {
		const struct tuf_targets *targets = forest->roles[r]->targets;
		for (size_t i = 0; !rc && i < targets->n_targets; i++) {
			const char *path = targets->targets[i].path;
			const struct forest_role *where = NULL;
			const struct tuf_target *found;
			char policy[65];
			int64_t serial;
			if (target_path_split("rollouts", path, policy, &serial) == KE_OK &&
			        !forest_find(forest, path, &where, &found) && where == forest->roles[r])
				rc = note_add(notes, policy, serial, &targets->targets[i]);
		}
	}
	return rc;
}

static int note_load(struct api *api, const struct note *note, struct plan **ret, struct fault *f)
{
	static const unsigned char none[SHA256_LEN];

	return plans_load(api, note->target->path, note->policy, note->serial,
	        note->target->hashes.has_sha256 ? note->target->hashes.sha256 : none, ret, f);
}

/* The plans of one policy out of its N NOTES, the highest serial first: the newest, and the first standing one below. */
static int policy_load(
        struct api *api, struct catalogue_rollout *r, const struct note *notes, size_t n, struct fault *f)
{
	int rc = note_load(api, &notes[0], &r->newest, f);

	if (rc || (r->newest->rollout && r->newest->rollout->standing))
		return rc;
	for (size_t i = 1; !rc && i < n && i <= STANDING_SEARCH; i++) {
		struct plan *p = NULL;
		rc = note_load(api, &notes[i], &p, f);
		if (!rc && p->rollout && p->rollout->standing) {
			r->standing = p;
			return KE_OK;
		}
		plans_free(p);
	}
	return rc;
}

static int rollouts_load(struct api *api, struct catalogue *c, const struct notes *notes, struct fault *f)
{
	int rc = KE_OK;

	c->rollouts = calloc(notes->n ? notes->n : 1, sizeof *c->rollouts);
	if (!c->rollouts)
		return KE_NOMEM;
	for (size_t i = 0, end; !rc && i < notes->n; i = end) {
		struct catalogue_rollout *r = &c->rollouts[c->n++];
		memcpy(r->policy, notes->rows[i].policy, sizeof r->policy);
		for (end = i + 1; end < notes->n && !strcmp(notes->rows[end].policy, r->policy);)
			end++;
		rc = policy_load(api, r, &notes->rows[i], end - i, f);
	}
	return rc;
}

/* All roles below the targets that SNAPSHOT lists. */
static int targets_read(
        struct api *api, struct catalogue *c, const struct tuf_snapshot *snapshot, struct fault *f)
{
	const struct tuf_meta *meta = tuf_snapshot_find(snapshot, "targets");
	const struct forest_source source = { .ctx = api, .read = read_role };
	struct forest forest = { 0 };
	struct tuf_targets *top = NULL;
	struct notes notes = { 0 };
	struct metadata m;
	int rc = meta ? role_load(api, "targets", meta->version, &m, f)
	              : fault_set(f, KE_SCHEMA, "snapshot.json", NULL, "lists no targets");

	if (rc)
		return rc;
	rc = tuf_targets_parse(&m.part, &top, f);
	if (!rc)
		rc = forest_load(top, snapshot, &source, &forest, f);
	if (!rc)
		rc = notes_take(&notes, &forest);
	if (notes.n)
		qsort(notes.rows, notes.n, sizeof *notes.rows, note_order);
	if (!rc)
		rc = rollouts_load(api, c, &notes, f);
	free(notes.rows);
	forest_clear(&forest);
	tuf_targets_free(top);
	cJSON_Delete(m.tree);
	return rc;
}

static int snapshot_read(struct api *api, struct catalogue *c, int64_t version, struct fault *f)
{
	struct tuf_snapshot *snapshot = NULL;
	struct metadata m;
	int rc = role_load(api, "snapshot", version, &m, f);

	if (rc)
		return rc;
	rc = tuf_snapshot_parse(&m.part, &snapshot, f);
	if (!rc)
		rc = targets_read(api, c, snapshot, f);
	tuf_snapshot_free(snapshot);
	cJSON_Delete(m.tree);
	return rc;
}

static void catalogue_free(struct catalogue *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++) {
		plans_free(c->rollouts[i].newest);
		plans_free(c->rollouts[i].standing);
	}
	free(c->rollouts);
	free(c);
}

static int catalogue_load(struct api *api, int64_t generation, struct catalogue **ret, struct fault *f)
{
	struct catalogue *c = calloc(1, sizeof *c);
	struct tuf_timestamp *timestamp = NULL;
	struct metadata m = { 0 };
	int rc = c ? KE_OK : KE_NOMEM;

	if (!rc && generation) {
		rc = metadata_load(api, "timestamp.json", &m, f);
		if (!rc) {
			rc = tuf_timestamp_parse(&m.part, &timestamp, f);
			if (!rc)
				rc = snapshot_read(api, c, timestamp->snapshot.version, f);
			tuf_timestamp_free(timestamp);
			cJSON_Delete(m.tree);
		}
	}
	if (rc) {
		catalogue_free(c);
		return rc;
	}
	c->generation = generation;
	c->holders = 1;
	*ret = c;
	return KE_OK;
}

void catalogue_let(struct api *api, struct catalogue *c)
{
	pthread_mutex_lock(&api->catalogue_lock);
	bool last = --c->holders == 0;
	pthread_mutex_unlock(&api->catalogue_lock);
	if (last)
		catalogue_free(c);
}

int catalogue_hold(struct api *api, struct catalogue **ret, struct fault *f)
{
	struct catalogue *c = NULL, *old;
	int64_t generation, again;
	int rc = store_repo_generation(api->store, &generation, f);

	if (rc)
		return rc;
	/* The lock is held while loading: who comes meanwhile wants the same. */
	pthread_mutex_lock(&api->catalogue_lock);
	old = api->catalogue;
	if (old && old->generation >= generation) {
		old->holders++;
		pthread_mutex_unlock(&api->catalogue_lock);
		*ret = old;
		return KE_OK;
	}
	rc = catalogue_load(api, generation, &c, f);
	/* Published meanwhile? Then the files may be of both generations: the next call loads again. */
	if (!rc)
		rc = store_repo_generation(api->store, &again, f);
	bool keep = !rc && again == generation;
	if (!rc && !keep)
		rc = fault_set(f, KE_BUSY, NULL, NULL, "the repository is being published");
	if (keep) {
		api->catalogue = c;
		c->holders++;
	}
	pthread_mutex_unlock(&api->catalogue_lock);
	if (rc) {
		catalogue_free(c);
		return rc;
	}
	if (old)
		catalogue_let(api, old);
	*ret = c;
	return KE_OK;
}

struct newest {
	int64_t version;
	char sha256[STORE_HEX_ROOM];
};

static int root_row(void *ctx, const struct store_file *file)
{
	struct newest *n = ctx;
	char *end;
	long long version = strtoll(file->name + strlen("metadata/"), &end, 10);

	if (version > n->version && strcmp(end, ".root.json") == 0) {
		n->version = version;
		snprintf(n->sha256, sizeof n->sha256, "%s", file->sha256);
	}
	return 0;
}

int catalogue_root(struct api *api, unsigned char ret[SHA256_LEN], struct fault *f)
{
	struct newest n = { 0 };
	int rc = store_repo_list(api->store, "metadata/", root_row, &n, f);

	if (!rc && (!n.version || !hex_decode(n.sha256, strlen(n.sha256), ret, SHA256_LEN)))
		rc = fault_set(f, KE_NOENT, "root.json", "publish the repository first (kedge repo publish)",
		        "no repository is published yet");
	return rc;
}
