/* release_write.c — new versions, signatures, and the order of publication (TUF 1.0.34, section 6 and 5.6 from the other
 * side). What the keys at hand cannot complete is handed back as pending, and then nothing else is published either.
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
	struct trust_doc root;      /* the new root, when one is written */
	struct tuf_root *next_root; /* the same, signed or not */
	struct release_files files;
	struct release_pendings pending; /* all roles that are written, complete or not */
	bool stuck;                      /* a role before this one is not complete */
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
	return j->next_root ? j->next_root : j->r->root.root;
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

/* Adds a copy of what ITEM holds under NAME. */
static int file_add(struct job *j, const struct release_pending *item, const char *name, struct fault *f)
{
	struct release_file file = { .role = strdup(item->role), .name = strdup(name), .len = item->len };
	struct release_file *more = realloc(j->files.list, (j->files.n + 1) * sizeof *more);

	if (more)
		j->files.list = more;
	file.data = malloc(item->len + 1);
	if (!more || !file.role || !file.name || !file.data) {
		free(file.role);
		free(file.name);
		free(file.data);
		return no_memory(f);
	}
	memcpy(file.data, item->data, item->len);
	file.data[item->len] = '\0';
	j->files.list[j->files.n++] = file;
	return KE_OK;
}

/* Notes ITEM, taken over also on failure, as one of D. */
static int pending_add(struct job *j, const struct draft *d, struct release_pending *item, struct fault *f)
{
	char name[TUF_FILE_ROOM];
	struct release_pending *more = realloc(j->pending.list, (j->pending.n + 1) * sizeof *more);
	const cJSON *expires = cJSON_GetObjectItemCaseSensitive(d->next, "expires");

	if (more)
		j->pending.list = more;
	item->version = d->version + 1;
	item->name = strdup(tuf_file_name(d->name, item->version, name));
	item->role = strdup(d->name);
	if (!more || !item->name || !item->role) {
		release_pending_clear(item);
		return no_memory(f);
	}
	time_parse(expires->valuestring, strlen(expires->valuestring), &item->expires);
	j->stuck |= !item->ready;
	j->pending.list[j->pending.n++] = *item;
	return KE_OK;
}

/* Sign D as KIND for WHO and ALSO. What is complete is opened as a client opens it, and becomes a file. */
static int write_signed(struct job *j, struct draft *d, enum tuf_top kind, const struct signers *who,
        const struct signers *also, struct fault *f)
{
	struct release_pending item = { 0 };
	char name[TUF_FILE_ROOM];
	bool shown = kind == TUF_ROOT || (job_root(j)->consistent_snapshot && kind != TUF_TIMESTAMP);
	int rc = release_seal(d, who, also, j->keys, j->n_keys, &item, f);

	if (rc)
		return rc;
	rc = pending_add(j, d, &item, f);
	if (rc || !item.ready)
		return rc;
	rc = trust_doc_open(kind, item.data, item.len, kind == TUF_ROOT ? also : who,
	        kind == TUF_ROOT ? &j->root : &d->fresh, f);
	return rc ? rc : file_add(j, &item, tuf_file_name(d->name, shown ? item.version : 0, name), f);
}

static int write_root(struct job *j, struct draft *d, struct fault *f)
{
	const struct signers *before = j->r->root.root ? &j->r->root.root->roles[TUF_ROOT] : NULL;
	struct place at = place_root(d->next);
	int rc = release_check_root(d->next, f);

	if (!rc)
		rc = tuf_root_parse(&at, &j->next_root, f);
	return rc ? rc : write_signed(j, d, TUF_ROOT, &j->next_root->roles[TUF_ROOT], before, f);
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

/* Is what was written last complete? */
static bool ready(const struct job *j)
{
	return j->pending.list[j->pending.n - 1].ready;
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
	int rc = release_check_targets(d->next, f);

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
			if (!written)
				rc = write_signed(j, d, TUF_TARGETS, who, NULL, f);
			else if (ready(j))
				rc = holds_for(j, who, f);
			/* Hundreds of shards would make the snapshot, which every host fetches, four times as large. */
			brief = parent->delegations[i].by_hash;
			written = true;
		}
		tuf_targets_free(parent);
	}
	if (rc || !written || !ready(j))
		return rc;
	if (brief && j->files.list[j->files.n - 1].len > TUF_TARGETS_MAX)
		return fault_set(f, KE_TOOBIG, NULL, "delegate it to more roles",
		        "clients read no more than %d bytes of a role that is delegated to by hash",
		        TUF_TARGETS_MAX);
	return list_in(j, snapshot, d->name, d->version + 1, brief, f);
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

/* D lists files that are not complete: say only that it will be signed, and by whom. */
static int write_later(struct job *j, struct draft *d, const struct signers *who, struct fault *f)
{
	struct release_pending item = { .need = (unsigned)who->threshold };

	item.may = calloc(who->n ? who->n : 1, sizeof *item.may);
	if (!item.may)
		return no_memory(f);
	for (size_t i = 0; i < who->n; i++)
		if ((item.may[i] = strdup(pubkey_id(who->keys[i]))))
			item.n_may++;
	if (item.n_may == who->n)
		return pending_add(j, d, &item, f);
	release_pending_clear(&item);
	return no_memory(f);
}

static int write_top(struct job *j, enum tuf_top role, struct fault *f)
{
	struct draft *d = release_find(j->r, tuf_top_names[role]);
	struct draft *listing = release_find(j->r, role == TUF_SNAPSHOT ? "timestamp" : "snapshot");
	int rc;

	if (!d || !d->next)
		return KE_OK;
	rc = role == TUF_TARGETS ? release_check_targets(d->next, f) : KE_OK;
	if (!rc && j->stuck && role != TUF_TARGETS)
		rc = write_later(j, d, &job_root(j)->roles[role], f);
	else if (!rc)
		rc = write_signed(j, d, role, &job_root(j)->roles[role], NULL, f);
	if (!rc && ready(j) && role != TUF_TIMESTAMP)
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
		if (d->fresh.data)
			trust_doc_move(&d->base, &d->fresh);
		envelope_free(d->held);
		d->held = NULL;
	}
	if (j->root.root)
		trust_doc_move(&j->r->root, &j->root);
}

/* Drop what was built aside; the files too, when they are not given away. */
static void discard(struct job *j)
{
	for (struct draft *d = j->r->drafts; d; d = d->link) {
		cJSON_Delete(d->next);
		d->next = NULL;
		trust_doc_free(&d->fresh);
	}
	release_files_free(&j->files);
	trust_doc_free(&j->root);
}

static int build(struct job *j, struct fault *f)
{
	int rc = spread(j->r, f);

	for (struct draft *d = j->r->drafts; d && !rc; d = d->link)
		if (d->dirty)
			rc = draft_advance(d, j->now, f);
	if (!rc)
		rc = write_all(j, f);
	tuf_root_free(j->next_root);
	j->next_root = NULL;
	return rc;
}

int release_sign(struct release *r, int64_t now, const struct signkey *const *keys, size_t n,
        struct release_files *ret, struct release_pendings *pending, struct fault *f)
{
	struct job j = { .r = r, .now = now, .keys = keys, .n_keys = n };
	int rc = build(&j, f);

	if (rc || j.stuck)
		discard(&j);
	else
		commit(&j);
	if (rc || !j.stuck)
		release_pendings_free(&j.pending);
	if (rc)
		return rc;
	*ret = j.files;
	*pending = j.pending;
	return KE_OK;
}

int release_preview(struct release *r, int64_t now, struct release_pendings *ret, struct fault *f)
{
	struct job j = { .r = r, .now = now };
	int rc = build(&j, f);

	discard(&j);
	if (rc)
		release_pendings_free(&j.pending);
	else
		*ret = j.pending;
	return rc;
}

/* The first role that waits for signatures, as a fault. */
static int too_few(const struct release_pendings *p, struct fault *f)
{
	const struct release_pending *item = p->list;

	while (item->ready)
		item++;
	bool own = item->have < item->need;
	return fault_set(f, KE_SIGNATURE, item->role, NULL,
	        "%u valid signatures by different keys%s, %u are needed",
	        own ? item->have : item->have_before, own ? "" : " of the root before it",
	        own ? item->need : item->need_before);
}

int release_write(struct release *r, int64_t now, const struct signkey *const *keys, size_t n,
        struct release_files *ret, struct fault *f)
{
	struct release_pendings pending = { 0 };
	int rc = release_sign(r, now, keys, n, ret, &pending, f);

	if (!rc && pending.n)
		rc = too_few(&pending, f);
	release_pendings_free(&pending);
	return rc;
}
