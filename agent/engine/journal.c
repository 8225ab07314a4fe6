/* journal.c — a list of old and new values, whole or not at all.
 *
 * Written beside its name and renamed, without fsync: it lives in /run, where nothing survives a reboot and nothing
 * has to. Names read from it are parsed again, since they end in a path. Called by apply, engine and revert.
 */
#include "agent/engine/journal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/engine/frame.h"
#include "proto/buf.h"
#include "proto/fileio.h"

static const char magic[FRAME_MAGIC_LEN + 1] = "kedgejn1";

int journal_new(const char *boot_id, const unsigned char hash[SHA256_LEN], struct journal **ret)
{
	struct journal *j = calloc(1, sizeof *j);

	if (!j)
		return KE_NOMEM;
	snprintf(j->boot_id, sizeof j->boot_id, "%s", boot_id);
	memcpy(j->hash, hash, SHA256_LEN);
	j->state = JOURNAL_APPLYING;
	*ret = j;
	return KE_OK;
}

void journal_free(struct journal *j)
{
	if (!j)
		return;
	for (size_t i = 0; i < j->n; i++) {
		free(j->entries[i].old);
		free(j->entries[i].new);
	}
	free(j->entries);
	free(j);
}

/* A zeroed entry at the end, not yet counted. Room doubles at powers of two. */
static struct journal_entry *entry_next(struct journal *j)
{
	if (j->n == JOURNAL_MAX_ENTRIES)
		return NULL;
	if (j->n == 0 || (j->n >= 16 && (j->n & (j->n - 1)) == 0)) {
		struct journal_entry *more = realloc(j->entries, (j->n ? j->n * 2 : 16) * sizeof *more);
		if (!more)
			return NULL;
		j->entries = more;
	}
	j->entries[j->n] = (struct journal_entry){ 0 };
	return &j->entries[j->n];
}

int journal_add(struct journal *j, const struct name *name, const char *old, const char *new)
{
	struct journal_entry *e = entry_next(j);

	if (!e)
		return j->n == JOURNAL_MAX_ENTRIES ? KE_TOOBIG : KE_NOMEM;
	e->name = *name;
	e->old = strdup(old);
	e->new = new ? strdup(new) : NULL;
	j->n++;
	return e->old && (e->new || !new) ? KE_OK : KE_NOMEM;
}

int journal_encode(const struct journal *j, char **ret, size_t *ret_len)
{
	struct buf out = BUF_INIT(JOURNAL_MAX_BYTES), part = BUF_INIT(JOURNAL_MAX_BYTES);

	buf_bytes(&out, magic, FRAME_MAGIC_LEN);
	frame_text(&part, j->boot_id);
	buf_bytes(&part, j->hash, SHA256_LEN);
	frame_u32(&part, (uint32_t)j->state);
	frame_u64(&part, j->serial);
	frame_u64(&part, (uint64_t)j->deadline_ms);
	frame_u32(&part, (uint32_t)j->n);
	frame_put(&out, &part);
	for (size_t i = 0; i < j->n; i++) {
		frame_text(&part, j->entries[i].name.path);
		frame_text(&part, j->entries[i].old);
		frame_text(&part, j->entries[i].new);
		frame_put(&out, &part);
	}
	buf_free(&part);
	return buf_take(&out, ret, ret_len);
}

/* The header; the number of entries that must follow in *RET_N. */
static int head_decode(struct frame_reader *r, struct journal *j, uint32_t *ret_n)
{
	struct frame_reader head = frame_next(r);
	char *boot = frame_take_text(&head);
	bool ok = boot && strlen(boot) < sizeof j->boot_id;

	if (ok)
		snprintf(j->boot_id, sizeof j->boot_id, "%s", boot);
	free(boot);
	frame_take_bytes(&head, j->hash, SHA256_LEN);
	uint32_t state = frame_take_u32(&head);
	j->serial = frame_take_u64(&head);
	j->deadline_ms = (int64_t)frame_take_u64(&head);
	*ret_n = frame_take_u32(&head);
	j->state = state == JOURNAL_APPLIED ? JOURNAL_APPLIED : JOURNAL_APPLYING;
	ok = ok && (state == JOURNAL_APPLYING || state == JOURNAL_APPLIED) && j->deadline_ms >= 0 &&
	     *ret_n <= JOURNAL_MAX_ENTRIES;
	return frame_end(&head, ok);
}

/* One entry. Allocated parts are J's even when it fails. */
static int entry_decode(struct frame_reader *r, struct journal *j)
{
	struct frame_reader part = frame_next(r);
	struct journal_entry *e = entry_next(j);

	if (!e)
		return KE_NOMEM; /* the head was read: there are no more than may be */
	char *path = frame_take_text(&part);
	/* name_parse() takes the path form as it is, since its first separator is a slash. */
	bool ok = path && strchr(path, '/') && name_parse(path, strlen(path), &e->name, NULL) == 0 &&
	          strcmp(e->name.path, path) == 0 && !name_is_pattern(&e->name);

	free(path);
	e->old = frame_take_text(&part);
	e->new = frame_take_text(&part);
	j->n++;
	return frame_end(&part, ok && e->old);
}

int journal_decode(const void *data, size_t len, struct journal **ret)
{
	struct frame_reader r = frame_open(data, len, magic);
	struct journal *j = calloc(1, sizeof *j);
	uint32_t n = 0;

	if (!j)
		return KE_NOMEM;
	int rc = head_decode(&r, j, &n);
	for (uint32_t i = 0; !rc && i < n; i++)
		rc = entry_decode(&r, j);
	if (!rc)
		rc = frame_end(&r, true);
	if (rc) {
		journal_free(j);
		return rc;
	}
	*ret = j;
	return KE_OK;
}

static int path_make(const char *run_dir, char path[PATH_MAX], struct fault *f)
{
	if (snprintf(path, PATH_MAX, "%s/%s", run_dir, JOURNAL_NAME) >= PATH_MAX)
		return fault_set(f, KE_TOOBIG, run_dir, NULL, "path too long");
	return KE_OK;
}

int journal_write(const char *run_dir, const struct journal *j, struct fault *f)
{
	char path[PATH_MAX], *data = NULL;
	size_t len = 0;
	int rc = path_make(run_dir, path, f);

	if (rc)
		return rc;
	rc = journal_encode(j, &data, &len);
	if (rc)
		return fault_set(f, rc, path, NULL, "the journal cannot be made: %s", err_text(rc));
	rc = file_replace(path, data, len, 0600, FILE_VOLATILE, f);
	free(data);
	return rc;
}

int journal_read(const char *run_dir, struct journal **ret, struct fault *f)
{
	char path[PATH_MAX], *data = NULL;
	size_t len = 0;
	int rc = path_make(run_dir, path, f);

	if (!rc)
		rc = file_read(path, JOURNAL_MAX_BYTES, &data, &len, f);
	if (rc)
		return rc;
	rc = journal_decode(data, len, ret);
	file_free(data);
	if (rc == KE_SYNTAX)
		fault_set(f, rc, path, NULL, "torn, or not a journal");
	else if (rc)
		fault_set(f, rc, path, NULL, "%s", err_text(rc));
	return rc;
}

bool journal_exists(const char *run_dir)
{
	char path[PATH_MAX];

	return path_make(run_dir, path, NULL) == KE_OK && access(path, F_OK) == 0;
}

int journal_remove(const char *run_dir, struct fault *f)
{
	char path[PATH_MAX];
	int rc = path_make(run_dir, path, f);

	return rc ? rc : file_remove(path, FILE_VOLATILE, f);
}
