/* retention.c — forgetting, a little at a time. Each call deletes at most some hundred rows of each kind in one short
 * transaction, from the old end of the table, so that reports never wait long behind it. The clock may have jumped:
 * only an unbroken run of old rows at the front goes. The audit chain remembers the last row that went, so that what
 * is left can still be verified from its first row on. Several processes forget one after the other: each holds the lock
 * of the feeds, which writers of drifts wait for, as long as it takes. */
#include "server-stub/store/impl.h"

#include <string.h>

#define DAY          86400
#define RAW_DAYS     14
#define LONG_DAYS    400
#define ROWS_DEFAULT 500

struct cut {
	int64_t raw, old; /* older than this goes */
	int64_t rows;
};

/* Of the first ROWS rows those before the first that is young enough: everything below that one's id. */
#define PRUNE_SQL(table, column)                                                                             \
	"DELETE FROM " table " WHERE id IN (SELECT id FROM " table                                           \
	" ORDER BY id LIMIT $1) AND id < COALESCE("                                                          \
	"(SELECT min(id) FROM (SELECT id, " column " FROM " table " ORDER BY id LIMIT $1) AS head"           \
	" WHERE " column " >= $2), 9223372036854775807)"

static const struct {
	const char *sql;
	bool raw;
} pruned[] = {
	{ PRUNE_SQL("records", "received"), true },
	{ PRUNE_SQL("drifts", "received"), false },
	{ PRUNE_SQL("refusals", "received"), false },
	{ PRUNE_SQL("denials", "minute"), false },
};

static int tables_prune(struct db *db, const struct cut *cut, uint64_t *deleted)
{
	int rc = KE_OK;

	for (size_t i = 0; i < sizeof pruned / sizeof pruned[0] && !rc; i++) {
		int64_t changes = 0;
		rc = db_run(db, pruned[i].sql,
		        DB_ARGS(DB_I(cut->rows), DB_I(pruned[i].raw ? cut->raw : cut->old)), &changes);
		*deleted += (uint64_t)changes;
	}
	return rc;
}

static int audit_prune(struct db *db, const struct cut *cut, uint64_t *deleted)
{
	int64_t changes = 0, moved = 0;
	int rc = audit_lock(db);

	if (rc)
		return rc;
	/* the base moves to the last row of the old run, then everything up to the base goes */
	rc = db_run(db,
	        "UPDATE audit_base SET (seq, hash) = (SELECT seq, hash FROM audit WHERE seq < COALESCE("
	        "(SELECT min(seq) FROM (SELECT seq, time FROM audit ORDER BY seq LIMIT $1) AS head"
	        " WHERE time >= $2), (SELECT max(seq) + 1 FROM (SELECT seq FROM audit ORDER BY seq LIMIT $1) "
	        "AS run))"
	        " ORDER BY seq DESC LIMIT 1) WHERE EXISTS (SELECT 1 FROM audit WHERE"
	        " seq = (SELECT min(seq) FROM audit) AND time < $2)",
	        DB_ARGS(DB_I(cut->rows), DB_I(cut->old)), &moved);

	if (!rc && moved)
		rc = db_run(db, "DELETE FROM audit WHERE seq <= (SELECT seq FROM audit_base)", DB_NO_ARGS,
		        &changes);
	*deleted += (uint64_t)changes;
	return rc;
}

static int tokens_prune(struct db *db, const struct cut *cut, uint64_t *deleted)
{
	int64_t changes = 0;
	int rc = db_run(db,
	        "DELETE FROM tokens WHERE id IN (SELECT id FROM tokens WHERE expires < $1 LIMIT $2)",
	        DB_ARGS(DB_I(cut->old), DB_I(cut->rows)), &changes);

	*deleted += (uint64_t)changes;
	return rc;
}

int store_prune(
        struct store *s, const struct store_retention *r, int64_t now, uint64_t *ret_deleted, struct fault *f)
{
	struct cut cut = { .raw = now - (int64_t)(r->raw_days ? r->raw_days : RAW_DAYS) * DAY,
		.old = now - (int64_t)(r->long_days ? r->long_days : LONG_DAYS) * DAY,
		.rows = r->rows ? r->rows : ROWS_DEFAULT };
	uint64_t deleted = 0;
	struct db *db;
	int rc = write_begin(s, &db, f);

	if (rc)
		return rc;
	rc = feed_lock(db);
	if (!rc)
		rc = tables_prune(db, &cut, &deleted);
	if (!rc)
		rc = tokens_prune(db, &cut, &deleted);
	if (!rc)
		rc = audit_prune(db, &cut, &deleted);
	rc = write_end(s, db, rc, f);
	if (!rc)
		*ret_deleted = deleted;
	return rc;
}
