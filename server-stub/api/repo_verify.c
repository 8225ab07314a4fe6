/* repo_verify.c — the door of PUT /v1/repo. The server authors nothing, but it must not hand out a repository that hosts
 * would refuse: one bad upload would stop the whole fleet's updates. So it plays a client that has followed every
 * publication: proto/trust judges the four top-level roles, and the walk below opens every delegated role with the
 * signers that its parent names, and compares every target. Called by publish.c. */
#include "server-stub/api/repo_verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/buf.h"
#include "proto/trust.h"
#include "proto/trust_doc.h"

#define DEPTH_MAX 8
#define ROLES_MAX 1024

struct check {
	struct repo_set *set;
	struct trust *trust;
	int64_t now;
	int64_t published_snapshot; /* version that the published timestamp names; 0 none */
	bool dropped;               /* the new root took the timestamp's or snapshot's keys away */
	const struct tuf_snapshot *snapshot;
	const char *roles[ROLES_MAX]; /* visited; names live in the documents below */
	size_t n_roles;
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

static int role_walk(struct check *c, const struct tuf_targets *targets, unsigned depth, struct fault *f);

static bool visited(const struct check *c, const char *role)
{
	for (size_t i = 0; i < c->n_roles; i++)
		if (strcmp(c->roles[i], role) == 0)
			return true;
	return false;
}

/* Open one delegated role with the signers that its parent names, and go on below it. */
static int delegated_check(struct check *c, const struct tuf_delegation *d, unsigned depth, struct fault *f)
{
	const struct tuf_meta *meta = tuf_snapshot_find(c->snapshot, d->name);
	struct trust_doc doc = { 0 };
	struct repo_file *file = NULL;
	int rc;

	if (!meta)
		return fault_set(f, KE_UNTRUSTED, d->name, NULL, "is delegated to, but not in the snapshot");
	if (depth > DEPTH_MAX || c->n_roles == ROLES_MAX)
		return fault_set(f, KE_TOOBIG, d->name, NULL, "too many delegations");
	rc = role_file(c, d->name, meta->version, &file, f);
	if (rc)
		return rc == KE_NOENT ? KE_MISMATCH : rc;
	if (!(rc = tuf_bytes_check(file->data, file->len, meta->length, &meta->hashes, f)))
		rc = trust_doc_open(TUF_TARGETS, file->data, file->len, &d->signers, &doc, f);
	if (!rc && doc.targets->header.version != meta->version)
		rc = fault_set(f, KE_MISMATCH, NULL, NULL, "another version than the snapshot lists");
	if (!rc && doc.targets->header.expires <= c->now)
		rc = fault_set(f, KE_EXPIRED, NULL, "sign a new version", "has expired");
	if (rc)
		fault_at(f, "%s", file->name);
	c->roles[c->n_roles++] = d->name;
	if (!rc)
		rc = role_walk(c, doc.targets, depth + 1, f);
	/* The name above lives in the parent's document, which is open until the walk has left it. */
	trust_doc_free(&doc);
	return rc;
}

static int role_walk(struct check *c, const struct tuf_targets *targets, unsigned depth, struct fault *f)
{
	int rc = KE_OK;

	for (size_t i = 0; !rc && i < targets->n_targets; i++)
		rc = target_check(c, &targets->targets[i], f);
	size_t mark = c->n_roles;
	for (size_t i = 0; !rc && i < targets->n_delegations; i++)
		if (!visited(c, targets->delegations[i].name))
			rc = delegated_check(c, &targets->delegations[i], depth, f);
	c->n_roles = mark;
	return rc;
}

static int walk(struct check *c, struct fault *f)
{
	struct trust_doc doc = { 0 };
	struct repo_file *file = NULL;
	int rc = role_file(c, "snapshot", trust_version(c->trust, TUF_SNAPSHOT), &file, f);

	if (!rc)
		rc = trust_doc_open(TUF_SNAPSHOT, file->data, file->len,
		        &trust_root(c->trust)->roles[TUF_SNAPSHOT], &doc, f);
	c->snapshot = doc.snapshot;
	if (!rc)
		rc = role_walk(c, trust_targets(c->trust), 0, f);
	trust_doc_free(&doc);
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
