/* audit.c — what operators did, as a chain of hashes: a row that is edited, deleted, moved or inserted no longer fits.
 * Cutting off the end fits, and so does rewriting everything from some row on: whoever wants to notice that writes the
 * last hash down elsewhere and gives it to store_audit_verify() as the anchor. Rows are written inside the
 * transaction of the action itself, so that neither exists without the other. */
#include "server-stub/store/impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/audit.h"

#define AUDIT_COLUMNS "seq, time, actor, role, action, object, detail, prev, hash"

int store_audit_hash(const struct store_audit_row *row, char ret_hash[STORE_HEX_ROOM])
{
	const struct audit_row pure = { .seq = row->seq,
		.time = row->time,
		.actor = row->actor,
		.role = row->role,
		.action = row->action,
		.object = row->object,
		.detail = row->detail,
		.prev = row->prev };

	return audit_row_hash(&pure, ret_hash);
}

/* The seq and hash of the last row, or of the base of an empty chain. */
static int last_load(struct db *db, struct store_audit_state *ret)
{
	struct db_rows *rows;
	int rc = db_query(db,
	        "SELECT seq, hash FROM (SELECT seq, hash FROM audit UNION ALL SELECT seq, hash FROM "
	        "audit_base)"
	        " AS whole ORDER BY seq DESC LIMIT 1",
	        DB_NO_ARGS, &rows);

	if (rc)
		return rc;
	rc = db_next(rows);
	if (rc > 0) {
		ret->last = db_int(rows, 0);
		rc = snprintf(ret->hash, sizeof ret->hash, "%s", db_text(rows, 1)) == STORE_HEX_ROOM - 1
		             ? KE_OK
		             : KE_STORE;
	} else if (rc == 0) {
		rc = KE_STORE;
	}
	db_rows_end(rows);
	return rc;
}

int audit_lock(struct db *db)
{
	int64_t seq;
	int rc = db_number(db, "SELECT seq FROM audit_base" DB_FOR_UPDATE, DB_NO_ARGS, &seq);

	return rc == KE_NOENT ? KE_STORE : rc;
}

/* The lock first: the next statement then sees the last row of whoever held it, at READ COMMITTED too. */
int audit_row_add(struct db *db, const struct store_actor *actor, const char *action, const char *object,
        const char *detail)
{
	struct store_audit_state last = { 0 };
	char hash[STORE_HEX_ROOM];
	int rc = audit_lock(db);

	if (!rc)
		rc = last_load(db, &last);
	if (rc)
		return rc;
	struct store_audit_row r = { .seq = last.last + 1,
		.time = actor->time,
		.actor = actor->name,
		.role = actor->role ? actor->role : "",
		.action = action,
		.object = object ? object : "",
		.detail = detail ? detail : "{}",
		.prev = last.hash };
	rc = store_audit_hash(&r, hash);
	if (rc)
		return rc;
	rc = db_run(db, "INSERT INTO audit (" AUDIT_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
	        DB_ARGS(DB_I(r.seq), DB_I(r.time), DB_T(r.actor), DB_T(r.role), DB_T(r.action),
	                DB_T(r.object), DB_T(r.detail), DB_T(r.prev), DB_T(hash)),
	        NULL);
	return rc == KE_EXIST ? KE_STORE : rc; /* somebody wrote without the lock */
}

int store_audit_append(struct store *s, const struct store_actor *actor, const char *action,
        const char *object, const char *detail, struct fault *f)
{
	struct db *db;
	int rc = write_begin(s, &db, f);

	return rc ? rc : write_end(s, db, audit_row_add(db, actor, action, object, detail), f);
}

static struct store_audit_row row_read(struct db_rows *rows)
{
	return (struct store_audit_row){ .seq = db_int(rows, 0),
		.time = db_int(rows, 1),
		.actor = db_text(rows, 2),
		.role = db_text(rows, 3),
		.action = db_text(rows, 4),
		.object = db_text(rows, 5),
		.detail = db_text(rows, 6),
		.prev = db_text(rows, 7),
		.hash = db_text(rows, 8) };
}

struct audit_walk {
	int (*row)(void *ctx, const struct store_audit_row *r);
	void *ctx;
};

static int audit_each(void *ctx, struct db *db, struct db_rows *rows)
{
	struct audit_walk *w = ctx;
	struct store_audit_row r = row_read(rows);

	(void)db;
	return w->row(w->ctx, &r);
}

int store_audit_list(struct store *s, const struct store_page *page,
        int (*row)(void *ctx, const struct store_audit_row *r), void *ctx, struct fault *f)
{
	struct audit_walk w = { row, ctx };
	int rc = page_check(page->limit, f);

	if (rc)
		return rc;
	return walk(s,
	        page->newest ? "SELECT " AUDIT_COLUMNS " FROM audit WHERE seq < $1 ORDER BY seq DESC LIMIT $2"
	                     : "SELECT " AUDIT_COLUMNS " FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2",
	        DB_ARGS(DB_I(page_cursor(page)), DB_I(page->limit)), audit_each, &w, f);
}

/* ---- verifying ---- */

struct verifier {
	const struct store_audit_state *anchor;
	struct store_audit_state state; /* last, hash: of the row before */
	bool anchored;                  /* the anchor's row was seen, or retention took it */
};

static int row_verify(struct verifier *v, const struct store_audit_row *r)
{
	char hash[STORE_HEX_ROOM];
	int rc = store_audit_hash(r, hash);

	if (rc)
		return rc;
	bool good = r->seq == v->state.last + 1 && !strcmp(r->prev, v->state.hash) && !strcmp(r->hash, hash);
	if (v->anchor && v->anchor->last == r->seq) {
		good = good && !strcmp(v->anchor->hash, hash);
		v->anchored = true;
	}
	if (!good) {
		v->state.bad = r->seq;
		return KE_CHAIN;
	}
	if (!v->state.first)
		v->state.first = r->seq;
	v->state.last = r->seq;
	memcpy(v->state.hash, hash, sizeof hash);
	return KE_OK;
}

static int base_load(struct db *db, struct verifier *v)
{
	struct db_rows *rows;
	int rc = db_query(db, "SELECT seq, hash FROM audit_base", DB_NO_ARGS, &rows);

	if (rc)
		return rc;
	rc = db_next(rows);
	if (rc > 0) {
		v->state.last = db_int(rows, 0);
		snprintf(v->state.hash, sizeof v->state.hash, "%s", db_text(rows, 1));
		rc = KE_OK;
	} else if (rc == 0) {
		rc = KE_STORE;
	}
	db_rows_end(rows);
	if (!rc && v->anchor && v->anchor->last <= v->state.last) {
		v->anchored = v->anchor->last < v->state.last || !strcmp(v->anchor->hash, v->state.hash);
		if (!v->anchored) {
			v->state.bad = v->state.last;
			rc = KE_CHAIN;
		}
	}
	return rc;
}

static int chain_walk(struct db *db, struct verifier *v)
{
	struct db_rows *rows;
	int rc = base_load(db, v);

	if (rc)
		return rc;
	rc = db_query(db, "SELECT " AUDIT_COLUMNS " FROM audit ORDER BY seq" DB_MANY, DB_NO_ARGS, &rows);
	if (rc)
		return rc;
	while ((rc = db_next(rows)) > 0) {
		struct store_audit_row r = row_read(rows);
		rc = row_verify(v, &r);
		if (rc)
			break;
	}
	db_rows_end(rows);
	if (!rc && v->anchor && !v->anchored) {
		v->state.bad = v->state.last + 1; /* the end was cut off */
		rc = KE_CHAIN;
	}
	return rc;
}

int store_audit_verify(struct store *s, const struct store_audit_state *anchor, struct store_audit_state *ret,
        struct fault *f)
{
	struct verifier v = { .anchor = anchor };
	struct db *db;
	int rc = read_begin(s, &db, f);

	if (rc)
		return rc;
	rc = read_end(s, db, chain_walk(db, &v), f);
	if (rc == KE_CHAIN)
		fault_set(f, rc, "audit", "compare with a backup", "row %lld does not fit the chain",
		        (long long)v.state.bad);
	if (!rc || rc == KE_CHAIN)
		*ret = v.state;
	return rc;
}
