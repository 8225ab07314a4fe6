/* release_write.c — new versions, signatures, and the order of publication (TUF 1.0.34, section 6 and 5.6 from the other
 * side).
 *
 * All new trees are built beside the present ones first, then sealed from the leaves to the timestamp, because each file
 * is listed with its hash in the next; only when everything is sealed and verified do they become the present ones. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/clock.h"
#include "proto/codec.h"
#include "proto/release_state.h"
#include "proto/strict.h"
#include "proto/tree.h"

struct job {
	struct release *r;
	int64_t now;
	const struct signkey *const *keys;
	size_t n_keys;
	struct trust_doc root; /* the new root, when one is written */
	struct release_files files;
};

static int no_memory(struct fault *f)
{
	return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
}

void release_files_free(struct release_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		free(files->list[i].role);
		free(files->list[i].name);
		free(files->list[i].data);
	}
	free(files->list);
	*files = (struct release_files){ 0 };
}

static const struct tuf_root *job_root(const struct job *j)
{
	return j->root.root ? j->root.root : j->r->root.root;
}

/* The tree of D with the next version; its expiry must lie ahead. */
static int draft_advance(struct draft *d, int64_t now, struct fault *f)
{
	const cJSON *expires = cJSON_GetObjectItemCaseSensitive(d->tree, "expires");
	int64_t when;

	if (!cJSON_IsString(expires) ||
	        !time_parse(expires->valuestring, strlen(expires->valuestring), &when))
		return fault_set(f, KE_USAGE, d->name, "set its expiry", "no expiry");
	if (when <= now)
		return fault_set(
		        f, KE_EXPIRED, d->name, "set its expiry", "would be expired when it is published");
	if (d->version >= STRICT_INT_MAX)
		return fault_set(f, KE_RANGE, d->name, NULL, "no version is left");
	d->next = cJSON_Duplicate(d->tree, true);
	if (!d->next || tree_set(d->next, "version", cJSON_CreateNumber((double)(d->version + 1))))
		return no_memory(f);
	return KE_OK;
}

/* Adds a file; takes the bytes of DATA over. */
static int file_add(struct job *j, const char *role, const char *name, struct buf *data, struct fault *f)
{
	struct release_file file = { .role = strdup(role), .name = strdup(name) };
	struct release_file *more = realloc(j->files.list, (j->files.n + 1) * sizeof *more);

	if (more)
		j->files.list = more;
	if (!more || !file.role || !file.name || buf_take(data, &file.data, &file.len)) {
		free(file.role);
		free(file.name);
		return no_memory(f);
	}
	j->files.list[j->files.n++] = file;
	return KE_OK;
}

static bool signs_for(const struct signers *who, const char *keyid)
{
	for (size_t i = 0; who && i < who->n; i++)
		if (strcmp(pubkey_id(who->keys[i]), keyid) == 0)
			return true;
	return false;
}

/* Seal TREE with those keys that WHO or ALSO (may be NULL) names. */
static int seal(const struct job *j, const struct cJSON *tree, const struct signers *who,
        const struct signers *also, struct buf *out, struct fault *f)
{
	const struct signkey **mine = calloc(j->n_keys ? j->n_keys : 1, sizeof *mine);
	size_t n = 0;

	if (!mine)
		return no_memory(f);
	for (size_t i = 0; i < j->n_keys; i++)
		if (signs_for(who, signkey_id(j->keys[i])) || signs_for(also, signkey_id(j->keys[i])))
			mine[n++] = j->keys[i];
	int rc = envelope_seal(tree, mine, n, out, f);
	free(mine);
	return rc;
}

static int write_root(struct job *j, struct draft *d, struct fault *f)
{
	const struct signers *before = j->r->root.root ? &j->r->root.root->roles[TUF_ROOT] : NULL;
	struct buf out = BUF_INIT(TUF_ROOT_MAX);
	struct tuf_root *parsed = NULL;
	struct place at = place_root(d->next);
	char name[TUF_FILE_ROOM];
	int rc = tuf_root_parse(&at, &parsed, f);

	if (!rc)
		rc = seal(j, d->next, &parsed->roles[TUF_ROOT], before, &out, f);
	if (!rc)
		rc = trust_doc_open(TUF_ROOT, buf_text(&out), out.len, before, &j->root, f);
	if (!rc)
		rc = file_add(j, d->name, tuf_file_name("root", d->version + 1, name), &out, f);
	tuf_root_free(parsed);
	buf_free(&out);
	return rc;
}

/* {"version": N, "length": N, "hashes": {"sha256": "..."}} of the file that was added last; BRIEF: the version alone. */
static struct cJSON *meta_tree(const struct job *j, int64_t version, bool brief)
{
	const struct release_file *file = &j->files.list[j->files.n - 1];
	unsigned char digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	cJSON *tree = cJSON_CreateObject(), *hashes = NULL;

	sha256(file->data, file->len, digest);
	hex_encode(digest, sizeof digest, hex);
	if (!tree || !cJSON_AddNumberToObject(tree, "version", (double)version) ||
	        (!brief && (!cJSON_AddNumberToObject(tree, "length", (double)file->len) ||
	                           !(hashes = cJSON_AddObjectToObject(tree, "hashes")) ||
	                           !cJSON_AddStringToObject(hashes, "sha256", hex)))) {
		cJSON_Delete(tree);
		return NULL;
	}
	return tree;
}

/* List the file that was added last, ROLE's, in the meta of LISTING. */
static int list_in(
        struct job *j, struct draft *listing, const char *role, int64_t version, bool brief, struct fault *f)
{
	char entry[TUF_ROLE_NAME_MAX + 8];
	cJSON *meta = tree_object(listing->next, "meta");
	const cJSON *old;
	size_t len = strlen(role);

	if (len > TUF_ROLE_NAME_MAX)
		return fault_set(f, KE_NAME, role, NULL, "too long");
	memcpy(entry, role, len);
	memcpy(entry + len, ".json", 6);
	old = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(meta, entry), "version");
	if (cJSON_IsNumber(old) && old->valuedouble >= (double)version)
		return fault_set(f, KE_ROLLBACK, role, "load the role, or set its version floor",
		        "version %" PRId64 " was published before", (int64_t)old->valuedouble);
	return meta && !tree_set(meta, entry, meta_tree(j, version, brief)) ? KE_OK : no_memory(f);
}

static int write_signed(
        struct job *j, struct draft *d, enum tuf_top kind, const struct signers *who, struct fault *f)
{
	struct buf out = BUF_INIT(TUF_META_MAX);
	struct trust_doc doc = { 0 };
	char name[TUF_FILE_ROOM];
	int64_t shown = job_root(j)->consistent_snapshot && kind != TUF_TIMESTAMP ? d->version + 1 : 0;
	int rc = seal(j, d->next, who, NULL, &out, f);

	if (!rc)
		rc = trust_doc_open(kind, buf_text(&out), out.len, who, &doc, f);
	if (!rc)
		rc = file_add(j, d->name, tuf_file_name(d->name, shown, name), &out, f);
	trust_doc_free(&doc);
	buf_free(&out);
	return rc;
}

/* Does what was written last as D hold for WHO too? Several roles may delegate to one; they must agree on its keys. */
static int holds_for(const struct job *j, const struct signers *who, struct fault *f)
{
	const struct release_file *file = &j->files.list[j->files.n - 1];
	struct trust_doc doc = { 0 };
	int rc = trust_doc_open(TUF_TARGETS, file->data, file->len, who, &doc, f);

	trust_doc_free(&doc);
	return rc;
}

/* Write the delegated role D with the signers of the first role that delegates to it. A role that nobody delegates to
 * any more is left alone. */
static int write_delegated(struct job *j, struct draft *d, struct draft *snapshot, struct fault *f)
{
	bool written = false, brief = false;
	int rc = KE_OK;

	for (struct draft *p = j->r->drafts; p && !rc; p = p->link) {
		struct place at = place_root(p->next ? p->next : p->tree);
		struct tuf_targets *parent;
		/* Looked at first: a repository may have hundreds of roles, of which few delegate. */
		if (!release_delegates(p, d->name) || tuf_targets_parse(&at, &parent, NULL))
			continue;
		for (size_t i = 0; i < parent->n_delegations && !rc; i++) {
			const struct signers *who = &parent->delegations[i].signers;
			if (strcmp(parent->delegations[i].name, d->name) != 0)
				continue;
			rc = written ? holds_for(j, who, f) : write_signed(j, d, TUF_TARGETS, who, f);
			/* Hundreds of shards would make the snapshot, which every host fetches, four times as large. */
			brief = parent->delegations[i].by_hash;
			written = true;
		}
		tuf_targets_free(parent);
	}
	if (!rc && brief && j->files.list[j->files.n - 1].len > TUF_TARGETS_MAX)
		rc = fault_set(f, KE_TOOBIG, NULL, "delegate it to more roles",
		        "clients read no more than %d bytes of a role that is delegated to by hash",
		        TUF_TARGETS_MAX);
	return !rc && written ? list_in(j, snapshot, d->name, d->version + 1, brief, f) : rc;
}

static bool is_delegated(const struct draft *d)
{
	for (int i = 0; i < TUF_TOP_COUNT; i++)
		if (strcmp(d->name, tuf_top_names[i]) == 0)
			return false;
	return true;
}

/* Changed targets change the snapshot, a changed snapshot changes the timestamp. */
static int spread(struct release *r, struct fault *f)
{
	struct draft *snapshot = release_find(r, "snapshot"), *timestamp = release_find(r, "timestamp");
	bool changed = false;

	for (struct draft *d = r->drafts; d; d = d->link)
		changed |= d->dirty && strcmp(d->name, "root") != 0 && strcmp(d->name, "timestamp") != 0;
	if (changed && (!snapshot || !timestamp))
		return fault_set(f, KE_USAGE, NULL, "load snapshot and timestamp",
		        "changed targets need a new snapshot and timestamp");
	if (changed)
		snapshot->dirty = timestamp->dirty = true;
	return KE_OK;
}

static int write_top(struct job *j, enum tuf_top role, struct fault *f)
{
	struct draft *d = release_find(j->r, tuf_top_names[role]);
	struct draft *listing = release_find(j->r, role == TUF_SNAPSHOT ? "timestamp" : "snapshot");
	int rc;

	if (!d || !d->next)
		return KE_OK;
	rc = write_signed(j, d, role, &job_root(j)->roles[role], f);
	if (!rc && role != TUF_TIMESTAMP)
		rc = list_in(j, listing, d->name, d->version + 1, false, f);
	if (rc)
		fault_at(f, "%s", d->name);
	return rc;
}

static int write_all(struct job *j, struct fault *f)
{
	struct draft *root = release_find(j->r, "root"), *snapshot = release_find(j->r, "snapshot");
	int rc = KE_OK;

	if (!root)
		return fault_set(f, KE_USAGE, NULL, NULL, "load or make a root first");
	if (root->next && (rc = write_root(j, root, f)))
		fault_at(f, "root");
	for (struct draft *d = j->r->drafts; d && !rc; d = d->link)
		if (d->next && is_delegated(d) && (rc = write_delegated(j, d, snapshot, f)))
			fault_at(f, "%s", d->name);
	if (!rc)
		rc = write_top(j, TUF_TARGETS, f);
	if (!rc)
		rc = write_top(j, TUF_SNAPSHOT, f);
	return rc ? rc : write_top(j, TUF_TIMESTAMP, f);
}

static void commit(struct job *j)
{
	for (struct draft *d = j->r->drafts; d; d = d->link) {
		if (!d->next)
			continue;
		cJSON_Delete(d->tree);
		d->tree = d->next;
		d->next = NULL;
		d->version++;
		d->dirty = false;
	}
	if (j->root.root)
		trust_doc_move(&j->r->root, &j->root);
}

static void discard(struct job *j)
{
	for (struct draft *d = j->r->drafts; d; d = d->link) {
		cJSON_Delete(d->next);
		d->next = NULL;
	}
	release_files_free(&j->files);
	trust_doc_free(&j->root);
}

int release_write(struct release *r, int64_t now, const struct signkey *const *keys, size_t n,
        struct release_files *ret, struct fault *f)
{
	struct job j = { .r = r, .now = now, .keys = keys, .n_keys = n };
	int rc = spread(r, f);

	for (struct draft *d = r->drafts; d && !rc; d = d->link)
		if (d->dirty)
			rc = draft_advance(d, now, f);
	if (!rc)
		rc = write_all(&j, f);
	if (rc) {
		discard(&j);
		return rc;
	}
	commit(&j);
	*ret = j.files;
	return KE_OK;
}
