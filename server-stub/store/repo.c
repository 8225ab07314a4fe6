/* repo.c — the published repository: files as they were signed, switched as a set. A reader sees one generation or the
 * next, never a mixture. The server trusts these bytes as little as a mirror would; whoever publishes has verified
 * them. Called by api/. */
#include "server-stub/store/impl.h"

#include <string.h>

#include "proto/codec.h"
#include "proto/jsonw.h"

static int file_write(struct db *db, const struct store_file *file, int64_t generation, struct fault *f)
{
	unsigned char digest[SHA256_LEN];
	char hex[STORE_HEX_ROOM];
	int64_t changes = 0;

	sha256(file->data, file->len, digest);
	hex_encode(digest, sizeof digest, hex);
	/* of this generation already: the same name came twice */
	int rc = db_run(db,
	        "INSERT INTO repo_files (name, sha256, generation, len, data) VALUES ($1, $2, $3, $4, $5)"
	        " ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256, generation = "
	        "excluded.generation,"
	        " len = excluded.len, data = excluded.data WHERE repo_files.generation <> "
	        "excluded.generation",
	        DB_ARGS(DB_T(file->name), DB_T(hex), DB_I(generation), DB_I((int64_t)file->len),
	                DB_B(file->data, file->len)),
	        &changes);
	if (!rc && changes != 1)
		rc = fault_set(f, KE_DUPLICATE, file->name, NULL, "is given twice");
	return rc;
}

static int publish_audit(struct db *db, const struct store_actor *actor, enum store_publish_mode mode,
        const struct store_file *files, size_t count, int64_t generation)
{
	struct buf json = BUF_INIT(1 << 20);
	struct jsonw w = JSONW_INIT(&json, 0);

	jsonw_object(&w, NULL);
	jsonw_int(&w, "generation", generation);
	jsonw_string(&w, "mode", mode == STORE_REPLACE ? "replace" : "merge");
	jsonw_int(&w, "files", (int64_t)count);
	jsonw_array(&w, "names");
	for (size_t i = 0; i < count && i < 64; i++)
		jsonw_string(&w, NULL, files[i].name);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	int rc = json.rc ? json.rc : audit_row_add(db, actor, "repo.publish", "repo", buf_text(&json));
	buf_free(&json);
	return rc;
}

/* Raise the generation, if it is EXPECT (or whatever it is). Its row is locked, so publications come one after the other;
 * the row of the changes is too: an execution that is being written has its change counted here or gets one above. */
static int generation_raise(struct db *db, int64_t expect, int64_t *ret, struct fault *f)
{
	int64_t now = 0, change = 0;
	int rc = db_number(db, "SELECT generation FROM repo_state" DB_FOR_UPDATE, DB_NO_ARGS, &now);

	if (!rc && expect >= 0 && now != expect)
		return fault_set(f, KE_CONFLICT, "repo", "fetch it and publish again",
		        "is at generation %lld, not %lld", (long long)now, (long long)expect);
	if (!rc)
		rc = db_number(db, "SELECT change FROM rollout_change" DB_FOR_UPDATE, DB_NO_ARGS, &change);
	if (!rc)
		rc = db_run(db, "UPDATE repo_state SET generation = $1, news = $2",
		        DB_ARGS(DB_I(now + 1), DB_I(change)), NULL);
	if (!rc)
		*ret = now + 1;
	return rc == KE_NOENT ? KE_STORE : rc;
}

int store_repo_publish(struct store *s, const struct store_actor *actor, enum store_publish_mode mode,
        const struct store_file *files, size_t count, int64_t expect, int64_t *ret_generation,
        struct fault *f)
{
	struct db *db;
	int64_t generation = 0;
	int rc = write_begin(s, &db, f);

	if (rc)
		return rc;
	rc = generation_raise(db, expect, &generation, f);
	if (!rc && mode == STORE_REPLACE)
		rc = db_run(db, "DELETE FROM repo_files", DB_NO_ARGS, NULL);
	for (size_t i = 0; i < count && !rc; i++)
		rc = file_write(db, &files[i], generation, f);
	if (!rc)
		rc = publish_audit(db, actor, mode, files, count, generation);
	rc = write_end(s, db, rc, f);
	if (!rc)
		*ret_generation = generation;
	return rc;
}

static int number_each(void *ctx, struct db *db, struct db_rows *rows)
{
	(void)db;
	*(int64_t *)ctx = db_int(rows, 0);
	return KE_OK;
}

int store_repo_generation(struct store *s, int64_t *ret, struct fault *f)
{
	int64_t generation = 0;
	int rc = walk(s, "SELECT generation FROM repo_state", DB_NO_ARGS, number_each, &generation, f);

	if (!rc)
		*ret = generation;
	return rc;
}

struct file_walk {
	int (*row)(void *ctx, const struct store_file *file);
	void *ctx;
	bool with_data, found;
};

static int file_each(void *ctx, struct db *db, struct db_rows *rows)
{
	struct file_walk *w = ctx;
	struct store_file file = { .name = db_text(rows, 0),
		.sha256 = db_text(rows, 1),
		.generation = db_int(rows, 2),
		.len = (size_t)db_int(rows, 3) };
	size_t len = 0;

	(void)db;
	w->found = true;
	if (w->with_data) {
		file.data = db_bytes(rows, 4, &len);
		if (!file.data)
			file.data = ""; /* an empty file */
		file.len = len;
	}
	return w->row(w->ctx, &file);
}

int store_repo_read(struct store *s, const char *name, int (*row)(void *ctx, const struct store_file *file),
        void *ctx, struct fault *f)
{
	struct file_walk w = { .row = row, .ctx = ctx, .with_data = true };
	int rc = walk(s, "SELECT name, sha256, generation, len, data FROM repo_files WHERE name = $1",
	        DB_ARGS(DB_T(name)), file_each, &w, f);

	if (!rc && !w.found)
		return fault_set(f, KE_NOENT, name, NULL, "is not published");
	return rc;
}

int store_repo_list(struct store *s, const char *prefix, int (*row)(void *ctx, const struct store_file *file),
        void *ctx, struct fault *f)
{
	struct file_walk w = { .row = row, .ctx = ctx };

	/* substr(), not LIKE: a prefix may hold % and _ */
	return walk(s,
	        "SELECT name, sha256, generation, len FROM repo_files WHERE name >= $1 AND"
	        " substr(name, 1, length($1)) = $1 ORDER BY name",
	        DB_ARGS(DB_T(prefix ? prefix : "")), file_each, &w, f);
}
