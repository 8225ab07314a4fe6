/* repo_verify.c — the door of PUT /v1/repo. The server authors nothing, but it must not hand out a repository that hosts
 * would refuse: one bad upload would stop the whole fleet's updates. So it plays a client that has followed every
 * publication: proto/trust judges the four top-level roles, proto/forest opens every delegated role with the signers
 * that its delegator names, and every target that a host would find is compared. Called by publish.c. */
#include "server-stub/api/repo_verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/buf.h"
#include "proto/forest.h"
#include "proto/trust.h"
#include "proto/trust_doc.h"

struct check {
	struct repo_set *set;
	struct trust *trust;
	int64_t now;
	int64_t published_snapshot; /* version that the published timestamp names; 0 none */
	bool dropped;               /* the new root took the timestamp's or snapshot's keys away */
};

static void metadata_name(const char *file, char ret[TUF_FILE_ROOM + 16])
{
	snprintf(ret, TUF_FILE_ROOM + 16, "metadata/%s", file);
}

/* The file of ROLE in the set, by the naming that the trusted root asks for. */
static int role_file(
        struct check *c, const char *role, int64_t version, struct repo_file **ret, struct fault *f)
{
	char file[TUF_FILE_ROOM], name[TUF_FILE_ROOM + 16];

	tuf_file_name(role, trust_root(c->trust)->consistent_snapshot ? version : 0, file);
	metadata_name(file, name);
	return repo_set_get(c->set, name, ret, f);
}

/* ---- the refresh ---- */

/* The client's own copy: what is published now. */
static int give_local(struct check *c, const struct trust_request *req, struct fault *f)
{
	char file[TUF_FILE_ROOM], name[TUF_FILE_ROOM + 16];
	struct repo_file *have = NULL;
	bool snapshot = strcmp(req->role, "snapshot") == 0, timestamp = strcmp(req->role, "timestamp") == 0;

	if (c->dropped || (!snapshot && !timestamp) || (snapshot && !c->published_snapshot))
		return trust_give(c->trust, NULL, 0, f);
	bool versioned = snapshot && trust_root(c->trust)->consistent_snapshot;
	metadata_name(tuf_file_name(req->role, versioned ? c->published_snapshot : 0, file), name);
	int rc = repo_set_published(c->set, name, &have, f);
	if (rc && rc != KE_NOENT)
		return rc;
	if (!rc && timestamp) {
		struct trust_doc doc = { 0 };
		if (!trust_doc_open(TUF_TIMESTAMP, have->data, have->len,
		            &trust_root(c->trust)->roles[TUF_TIMESTAMP], &doc, NULL))
			c->published_snapshot = doc.timestamp->snapshot.version;
		trust_doc_free(&doc);
	}
	return trust_give(c->trust, rc ? NULL : have->data, rc ? 0 : have->len, f);
}

static int give_remote(struct check *c, const struct trust_request *req, struct fault *f)
{
	char name[TUF_FILE_ROOM + 16];
	struct repo_file *file = NULL;

	metadata_name(req->file, name);
	int rc = repo_set_get(c->set, name, &file, NULL);
	if (rc && rc != KE_NOENT)
		return fault_set(f, rc, name, NULL, "%s", err_text(rc));
	return trust_give(c->trust, rc ? NULL : file->data, rc ? 0 : file->len, f);
}

static int refresh(struct check *c, struct fault *f)
{
	struct trust_request req;
	int rc;

	trust_begin(c->trust, c->now);
	while (!(rc = trust_next(c->trust, &req, f)) && req.ask != TRUST_DONE) {
		if (req.ask == TRUST_LOAD)
			rc = give_local(c, &req, f);
		else if (req.ask == TRUST_FETCH)
			rc = give_remote(c, &req, f);
		else if (req.ask == TRUST_DROP)
			c->dropped = true;
		if (rc)
			break;
	}
	return rc;
}

/* Begin with the trusted root and follow the roots that are published already. */
static int trust_start(struct check *c, const void *root, size_t len, struct fault *f)
{
	char name[64];
	struct repo_file *file = NULL;
	int rc = KE_OK;

	if (!root) {
		int64_t first = 0;
		rc = repo_set_first_root(c->set, &first, f);
		if (!rc && !first)
			return fault_set(f, KE_NOENT, "root.json", "publish metadata/1.root.json too",
			        "no root is published or given");
		snprintf(name, sizeof name, "metadata/%" PRId64 ".root.json", first);
		if (!rc)
			rc = repo_set_get(c->set, name, &file, f);
		if (rc)
			return rc;
		root = file->data;
		len = file->len;
	}
	rc = trust_new(root, len, &c->trust, f);
	while (!rc) {
		snprintf(name, sizeof name, "metadata/%" PRId64 ".root.json",
		        trust_version(c->trust, TUF_ROOT) + 1);
		rc = repo_set_published(c->set, name, &file, NULL);
		if (rc == KE_NOENT)
			return KE_OK;
		if (!rc)
			rc = trust_replay(c->trust, file->data, file->len, f);
		if (rc)
			fault_at(f, "%s", name);
	}
	return rc;
}

/* ---- the walk ---- */

static int target_check(struct check *c, const struct tuf_target *target, struct fault *f)
{
	struct buf name = BUF_INIT(2048);
	struct repo_file *file = NULL;

	buf_str(&name, "targets/");
	int rc = trust_target_file(c->trust, target, &name);
	if (!rc)
		rc = repo_set_get(c->set, buf_text(&name), &file, f);
	if (rc == KE_NOENT)
		fault_set(f, rc, target->path, "send it too", "is listed, but there is no file %.200s",
		        buf_text(&name));
	if (!rc && (rc = trust_target_check(target, file->data, file->len, f)))
		fault_at(f, "%s", file->name);
	if (!rc)
		file->listed = true;
	buf_free(&name);
	return rc == KE_NOENT ? KE_MISMATCH : rc;
}

/* A delegated role for the forest. */
static int read_role(void *ctx, const char *role, int64_t version, size_t max, char **ret, size_t *ret_len,
        struct fault *f)
{
	struct check *c = ctx;
	struct repo_file *file = NULL;
	int rc = role_file(c, role, version, &file, f);

	if (rc)
		return rc;
	if (file->len > max)
		return fault_set(f, KE_TOOBIG, NULL, NULL, "more than %zu bytes", max);
	char *copy = malloc(file->len + 1);
	if (!copy)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	memcpy(copy, file->data, file->len);
	*ret = copy;
	*ret_len = file->len;
	return KE_OK;
}

/* Every target where a host finds it. What no host finds, such as a path outside of a role's patterns, is not asked for. */
static int walk(struct check *c, struct fault *f)
{
	const struct forest_source source = { .ctx = c, .read = read_role, .now = c->now };
	struct forest forest = { 0 };
	int rc = forest_load(trust_targets(c->trust), trust_snapshot(c->trust), &source, &forest, f);

	for (size_t r = 0; !rc && r < forest.n; r++) {
		const struct tuf_targets *targets = forest.roles[r]->targets;
		for (size_t i = 0; !rc && i < targets->n_targets; i++) {
			const struct forest_role *where = NULL;
			const struct tuf_target *found = NULL;
			if (!forest_find(&forest, targets->targets[i].path, &where, &found) &&
			        where == forest.roles[r])
				rc = target_check(c, found, f);
		}
	}
	forest_clear(&forest);
	return rc;
}

/* Versioned metadata never changes: a client may hold either of two files that share a name. */
static int fresh_check(struct check *c, struct fault *f)
{
	for (size_t i = 0; i < c->set->n_fresh; i++) {
		struct repo_file *fresh = &c->set->fresh[i], *old = NULL;
		const char *base = strchr(fresh->name, '/') + 1;
		if (strncmp(fresh->name, "targets/", 8) == 0) {
			if (!fresh->listed)
				return fault_set(f, KE_UNTRUSTED, fresh->name, "sign a role that lists it",
				        "no role lists this file");
			continue;
		}
		if (base[0] < '0' || base[0] > '9')
			continue;
		int rc = repo_set_published(c->set, fresh->name, &old, NULL);
		if (rc == KE_NOENT)
			continue;
		if (rc)
			return fault_set(f, rc, fresh->name, NULL, "%s", err_text(rc));
		if (old->len != fresh->len || memcmp(old->data, fresh->data, old->len) != 0)
			return fault_set(f, KE_EXIST, fresh->name, "use the next version number",
			        "is published with other bytes");
	}
	return KE_OK;
}

int repo_verify(struct repo_set *set, const void *root, size_t root_len, int64_t now, struct fault *f)
{
	struct check *c = calloc(1, sizeof *c);

	if (!c)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	c->set = set;
	c->now = now;
	int rc = trust_start(c, root, root_len, f);
	if (!rc)
		rc = refresh(c, f);
	if (!rc)
		rc = walk(c, f);
	if (!rc)
		rc = fresh_check(c, f);
	trust_free(c->trust);
	free(c);
	return rc;
}
