/* trust_find.c — the search of TUF 5.6.7 as requests, and what a found target is worth.
 *
 * delegation.c says who is next; here each role on the way passes every check that the top-level targets passes. A role
 * that cannot be verified ends the search: skipping it would let whoever can break one file choose the answer. */
#include <stdlib.h>
#include <string.h>

#include "proto/trust_state.h"

void trust_search_reset(struct trust *t)
{
	walk_free(t->walk);
	free(t->path);
	t->walk = NULL;
	t->path = NULL;
	t->found = NULL;
	t->edge = (struct walk_step){ 0 };
}

void trust_roles_free(struct trust *t)
{
	while (t->roles) {
		struct trust_role *role = t->roles;
		t->roles = role->next;
		trust_doc_free(&role->doc);
		free(role);
	}
}

bool trust_path_ok(const char *path)
{
	if (!path[0] || path[0] == '/' || strlen(path) > TUF_TARGET_PATH_MAX)
		return false;
	for (const char *p = path;;) {
		size_t n = strcspn(p, "/");
		if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		if (!p[n])
			return true;
		p += n + 1;
	}
}

int trust_find(struct trust *t, const char *path, struct fault *f)
{
	if (t->step != STEP_READY)
		return fault_set(f, KE_UNTRUSTED, NULL, "finish a refresh first", "no complete trusted set");
	trust_search_reset(t);
	if (!trust_path_ok(path))
		return fault_set(f, KE_NAME, NULL, NULL, "'%.200s' is no target path", path);
	t->path = strdup(path);
	int rc = t->path ? walk_new(path, t->targets.targets, &t->walk) : KE_NOMEM;
	if (rc)
		return fault_set(f, rc, NULL, NULL, "%s", err_text(rc));
	t->found = tuf_targets_find(t->targets.targets, path);
	t->step = t->found ? STEP_READY : STEP_SEARCH;
	return KE_OK;
}

static struct trust_role *role_known(const struct trust *t, const struct walk_step *edge)
{
	for (struct trust_role *role = t->roles; role; role = role->next)
		if (role->from == edge->from && strcmp(role->name, edge->edge->name) == 0)
			return role;
	return NULL;
}

/* A verified role on the way: does it list the path? Else its own delegations are next. */
static int role_visit(struct trust *t, const struct tuf_targets *targets)
{
	t->found = tuf_targets_find(targets, t->path);
	t->step = t->found ? STEP_READY : STEP_SEARCH;
	return t->found ? KE_OK : walk_expand(t->walk, targets);
}

int trust_search_step(struct trust *t, struct fault *f)
{
	while (t->step == STEP_SEARCH) {
		int rc = walk_next(t->walk, &t->edge);
		if (rc == KE_TOOBIG)
			return fault_set(f, KE_TOOBIG, NULL, NULL,
			        "'%.200s' is not in the first %d delegated roles", t->path, TUF_DELEGATIONS);
		if (rc)
			return fault_set(f, KE_NOENT, NULL, NULL, "no trusted role lists '%.200s'", t->path);
		struct trust_role *role = role_known(t, &t->edge);
		if (!role) {
			t->step = STEP_ROLE_LOCAL;
			break;
		}
		if ((rc = role_visit(t, role->doc.targets)))
			return fault_set(f, rc, NULL, NULL, "%s", err_text(rc));
	}
	return KE_OK;
}

int trust_search_give(struct trust *t, const void *data, size_t len, struct fault *f)
{
	bool local = t->step == STEP_ROLE_LOCAL;
	struct trust_doc doc = { 0 }, none = { 0 };
	int rc = KE_NOENT;

	if (data)
		rc = trust_targets_open(
		        t, t->edge.edge->name, &t->edge.edge->signers, &none, data, len, &doc, f);
	if (rc && rc != KE_NOMEM && local) {
		t->step = STEP_ROLE;
		/* What the snapshot does not list is not even asked for. */
		if (!tuf_snapshot_find(t->snapshot.snapshot, t->edge.edge->name))
			return fault_set(f, KE_UNTRUSTED, NULL, NULL, "the snapshot does not list it");
		return KE_OK;
	}
	if (rc)
		return rc;
	struct trust_role *role = calloc(1, sizeof *role);
	if (!role) {
		trust_doc_free(&doc);
		return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
	}
	*role = (struct trust_role){
		.from = t->edge.from, .name = t->edge.edge->name, .doc = doc, .next = t->roles
	};
	t->roles = role;
	if (!local)
		trust_event_add(t, TRUST_STORE, role->name, &role->doc);
	return role_visit(t, role->doc.targets);
}

int trust_target(const struct trust *t, const struct tuf_target **ret)
{
	if (!t->found)
		return KE_NOENT;
	*ret = t->found;
	return KE_OK;
}

int trust_target_file(const struct trust *t, const struct tuf_target *target, struct buf *out)
{
	const char *slash = strrchr(target->path, '/'), *base = slash ? slash + 1 : target->path;
	char hex[2 * SHA512_LEN + 1];

	buf_bytes(out, target->path, (size_t)(base - target->path));
	if (t->root.root->consistent_snapshot) {
		if (target->hashes.has_sha256)
			hex_encode(target->hashes.sha256, SHA256_LEN, hex);
		else if (target->hashes.has_sha512)
			hex_encode(target->hashes.sha512, SHA512_LEN, hex);
		else
			return KE_UNSUPPORTED;
		buf_fmt(out, "%s.", hex);
	}
	buf_str(out, base);
	return out->rc;
}

int trust_target_check(const struct tuf_target *target, const void *data, size_t len, struct fault *f)
{
	return tuf_bytes_check(data, len, target->length, &target->hashes, f);
}
