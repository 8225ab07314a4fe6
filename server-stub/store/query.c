/* query.c — lists over what hosts reported: raw records, drift, refusals. Ids grow with time of receipt, so they are
 * cursors. Each filter has its own statement, so that the right index is used; all share one shape of parameters. */
#include "server-stub/store/impl.h"

#include <string.h>

/* ---- raw records ---- */

#define RECORD_COLUMNS "id, host, epoch, kind, seq, time, received, line"

struct record_walk {
	int (*row)(void *ctx, const struct store_record_row *r);
	void *ctx;
	bool found;
};

static int record_each(void *ctx, struct db *db, struct db_rows *rows)
{
	struct record_walk *w = ctx;
	struct store_record_row r = { .id = db_int(rows, 0),
		.host = db_text(rows, 1),
		.epoch = db_text(rows, 2),
		.kind = db_text(rows, 3),
		.seq = (uint64_t)db_int(rows, 4),
		.time = db_int(rows, 5),
		.received = db_int(rows, 6) };

	(void)db;
	w->found = true;
	r.line = db_bytes(rows, 7, &r.line_len);
	if (!r.line)
		r.line = "";
	return w->row(w->ctx, &r);
}

int store_record_list(struct store *s, const char *host, const char *kind, const struct store_page *page,
        int (*row)(void *ctx, const struct store_record_row *r), void *ctx, struct fault *f)
{
	struct record_walk w = { .row = row, .ctx = ctx };
	int rc = page_check(page->limit, f);

	if (rc)
		return rc;
	if (kind)
		return walk(s,
		        page->newest ? "SELECT " RECORD_COLUMNS " FROM records WHERE host = $1 AND kind = $2"
		                       " AND id < $3 ORDER BY id DESC LIMIT $4"
		                     : "SELECT " RECORD_COLUMNS " FROM records WHERE host = $1 AND kind = $2"
		                       " AND id > $3 ORDER BY id LIMIT $4",
		        DB_ARGS(DB_T(host), DB_T(kind), DB_I(page_cursor(page)), DB_I(page->limit)),
		        record_each, &w, f);
	return walk(s,
	        page->newest ? "SELECT " RECORD_COLUMNS
	                       " FROM records WHERE host = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
	                     : "SELECT " RECORD_COLUMNS
	                       " FROM records WHERE host = $1 AND id > $2 ORDER BY id LIMIT $3",
	        DB_ARGS(DB_T(host), DB_I(page_cursor(page)), DB_I(page->limit)), record_each, &w, f);
}

int store_record_latest(struct store *s, const char *host, const char *kind, const char *policy,
        int (*row)(void *ctx, const struct store_record_row *r), void *ctx, struct fault *f)
{
	struct record_walk w = { .row = row, .ctx = ctx };
	int rc = walk(s,
	        "SELECT 0, host, epoch, kind, seq, time, received, line FROM latest"
	        " WHERE host = $1 AND kind = $2 AND policy = $3",
	        DB_ARGS(DB_T(host), DB_T(kind), DB_T(policy ? policy : "")), record_each, &w, f);

	if (!rc && !w.found)
		return fault_set(f, KE_NOENT, host, NULL, "has sent no record of kind '%s' yet", kind);
	return rc;
}

/* ---- drift ---- */

#define DRIFT_SELECT                                                                                         \
	"SELECT id, host, time, received, key, wanted, old_value, new_value, mode, action, source, policy, " \
	"version,"                                                                                           \
	" writer FROM drifts WHERE "
#define DRIFT_BY_HOST "host = $1 AND key = COALESCE($2, key) AND time >= $3"
#define DRIFT_BY_KEY  "host = COALESCE($1, host) AND key = $2 AND time >= $3"
#define DRIFT_ANY     "host = COALESCE($1, host) AND key = COALESCE($2, key) AND time >= $3"
#define DRIFT_OLDEST  " AND id > $4 ORDER BY id LIMIT $5"
#define DRIFT_NEWEST  " AND id < $4 ORDER BY id DESC LIMIT $5"

static const char *const drift_sql[3][2] = {
	{ DRIFT_SELECT DRIFT_ANY DRIFT_OLDEST, DRIFT_SELECT DRIFT_ANY DRIFT_NEWEST },
	{ DRIFT_SELECT DRIFT_BY_KEY DRIFT_OLDEST, DRIFT_SELECT DRIFT_BY_KEY DRIFT_NEWEST },
	{ DRIFT_SELECT DRIFT_BY_HOST DRIFT_OLDEST, DRIFT_SELECT DRIFT_BY_HOST DRIFT_NEWEST },
};

struct drift_walk {
	int (*row)(void *ctx, const struct store_drift_row *r);
	void *ctx;
};

static int drift_each(void *ctx, struct db *db, struct db_rows *rows)
{
	struct drift_walk *w = ctx;
	struct store_drift_row r = { .id = db_int(rows, 0),
		.host = db_text(rows, 1),
		.time = db_int(rows, 2),
		.received = db_int(rows, 3),
		.key = db_text(rows, 4),
		.wanted = db_text(rows, 5),
		.old_value = db_text(rows, 6),
		.new_value = db_text(rows, 7),
		.mode = db_text(rows, 8),
		.action = db_text(rows, 9),
		.source = db_text(rows, 10),
		.policy = db_text(rows, 11),
		.version = db_int(rows, 12),
		.writer = db_text(rows, 13) };

	(void)db;
	return w->row(w->ctx, &r);
}

int store_drift_list(struct store *s, const struct store_drift_filter *filter,
        int (*row)(void *ctx, const struct store_drift_row *r), void *ctx, struct fault *f)
{
	struct drift_walk w = { row, ctx };
	int rc = page_check(filter->page.limit, f);

	if (rc)
		return rc;
	return walk(s,
	        drift_sql[filter->host  ? 2
	                  : filter->key ? 1
	                                : 0][filter->page.newest],
	        DB_ARGS(DB_T(filter->host), DB_T(filter->key), DB_I(filter->since),
	                DB_I(page_cursor(&filter->page)), DB_I(filter->page.limit)),
	        drift_each, &w, f);
}

/* ---- refusals ---- */

#define REFUSAL_SELECT                                                                                       \
	"SELECT id, host, time, received, what, name, code, reason, serial FROM refusals WHERE "

static const char *const refusal_sql[2][2] = {
	{ REFUSAL_SELECT "host = COALESCE($1, host) AND id > $2 ORDER BY id LIMIT $3",
	        REFUSAL_SELECT "host = COALESCE($1, host) AND id < $2 ORDER BY id DESC LIMIT $3" },
	{ REFUSAL_SELECT "host = $1 AND id > $2 ORDER BY id LIMIT $3",
	        REFUSAL_SELECT "host = $1 AND id < $2 ORDER BY id DESC LIMIT $3" },
};

struct refusal_walk {
	int (*row)(void *ctx, const struct store_refusal_row *r);
	void *ctx;
};

static int refusal_each(void *ctx, struct db *db, struct db_rows *rows)
{
	struct refusal_walk *w = ctx;
	struct store_refusal_row r = { .id = db_int(rows, 0),
		.host = db_text(rows, 1),
		.time = db_int(rows, 2),
		.received = db_int(rows, 3),
		.what = db_text(rows, 4),
		.name = db_text(rows, 5),
		.code = db_text(rows, 6),
		.reason = db_text(rows, 7),
		.serial = db_int(rows, 8) };

	(void)db;
	return w->row(w->ctx, &r);
}

int store_refusal_list(struct store *s, const char *host, const struct store_page *page,
        int (*row)(void *ctx, const struct store_refusal_row *r), void *ctx, struct fault *f)
{
	struct refusal_walk w = { row, ctx };
	int rc = page_check(page->limit, f);

	if (rc)
		return rc;
	return walk(s, refusal_sql[host != NULL][page->newest],
	        DB_ARGS(DB_T(host), DB_I(page_cursor(page)), DB_I(page->limit)), refusal_each, &w, f);
}
