/* job.c — see job.h: the order of sealing and the listing of one file by another. */
#include "tests/peers/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/codec.h"
#include "proto/tree.h"

const char *const part_names[P_COUNT] = { "root", "d1", "d2", "hash", "term", "late", "pair", "targets",
	"snapshot", "timestamp" };

char *job_file_name(
        const struct job *j, bool consistent, const char *role, int64_t version, char text[TUF_FILE_ROOM])
{
	bool always = strcmp(role, "root") == 0, never = strcmp(role, "timestamp") == 0;

	(void)j;
	return tuf_file_name(role, (consistent || always) && !never ? version : 0, text);
}

static void default_signers(struct draft *d)
{
	const char *role = d->role;

	d->n_signers = 1;
	for (int i = 0; i < P_COUNT; i++)
		if (strcmp(part_names[i], role) == 0)
			d->signers[0] = part_names[i];
	if (strcmp(role, "root") == 0 || strcmp(role, "pair") == 0) {
		bool root = role[0] == 'r';
		d->signers[0] = root ? "root-1" : "pair-1";
		d->signers[d->n_signers++] = root ? "root-2" : "pair-2";
	}
}

struct draft *job_draft(struct job *j, enum part part)
{
	char name[TUF_FILE_ROOM];

	if (!j->loaded[part]) {
		job_file_name(j, j->w->consistent, part_names[part], 3, name);
		draft_load(&j->drafts[part], part_names[part], repo_sim_file(j->w->after, name));
		default_signers(&j->drafts[part]);
		j->loaded[part] = true;
	}
	return &j->drafts[part];
}

void job_before(struct job *j, enum part part, struct draft *d)
{
	char name[TUF_FILE_ROOM];

	job_file_name(j, j->w->consistent, part_names[part], 2, name);
	draft_load(d, part_names[part], repo_sim_file(j->before ? j->before : j->w->before, name));
	default_signers(d);
}

void job_before_put(struct job *j, const char *name, const struct buf *bytes)
{
	if (!j->before)
		j->before = repo_sim_files_copy(j->w->before);
	repo_sim_put(&j->before, name, bytes->data, bytes->len);
}

/* ENTRY says of BYTES what LISTING wants. */
static void list(struct cJSON *entry, const struct buf *bytes, int listing)
{
	unsigned char digest[SHA512_LEN];
	char hex[2 * SHA512_LEN + 1];

	if (!cJSON_IsObject(entry))
		return;
	cJSON_DeleteItemFromObjectCaseSensitive(entry, "length");
	cJSON_DeleteItemFromObjectCaseSensitive(entry, "hashes");
	if (!listing)
		return;
	cJSON *hashes = cJSON_CreateObject();
	sha256(bytes->data, bytes->len, digest);
	cJSON_AddStringToObject(hashes, "sha256", hex_encode(digest, SHA256_LEN, hex));
	if (listing == 2) {
		sha512(bytes->data, bytes->len, digest);
		cJSON_AddStringToObject(hashes, "sha512", hex_encode(digest, SHA512_LEN, hex));
	}
	tree_set(entry, "length", cJSON_CreateNumber((double)bytes->len));
	tree_set(entry, "hashes", hashes);
}

static struct cJSON *entry_of(struct draft *d, const char *role)
{
	char name[128];

	snprintf(name, sizeof name, "%s.json", role);
	return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(d->part, "meta"), name);
}

void job_seal(struct job *j)
{
	for (int i = 0; i < P_COUNT; i++) {
		bool lister = i == P_SNAPSHOT || i == P_TIMESTAMP;
		if (i == P_SNAPSHOT && j->w->listing && !j->loaded[i])
			for (int k = P_D1; k <= P_TARGETS && !j->loaded[i]; k++)
				if (j->loaded[k])
					job_draft(j, P_SNAPSHOT);
		if (i == P_TIMESTAMP && j->w->listing && j->loaded[P_SNAPSHOT])
			job_draft(j, P_TIMESTAMP);
		if (!j->loaded[i])
			continue;
		/* An edit of a listing file is in its part already; what it lists anew is what it does not touch. */
		for (int k = P_D1; lister && k < P_COUNT; k++)
			if (j->loaded[k] && k < i)
				list(entry_of(&j->drafts[i], j->drafts[k].role), &j->drafts[k].listed,
				        j->w->listing);
		draft_seal(&j->drafts[i], j->sim, &j->dice);
	}
}

void job_free(struct job *j)
{
	for (int i = 0; i < P_COUNT; i++)
		if (j->loaded[i])
			draft_free(&j->drafts[i]);
	repo_sim_files_free(&j->before);
	repo_sim_files_free(&j->extra);
	buf_free(&j->names);
}
