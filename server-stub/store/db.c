/* db.c — the part of a connection that every back-end shares: a cache of prepared statements, keyed by the SQL text,
 * and the two ways to run one. Refuses to grow: the number of different statements is the number in this folder. */
#include "server-stub/store/db.h"

#include <stdlib.h>
#include <string.h>

#define CACHE_ROOM 96

struct db_rows {
	const struct db_driver *driver;
	const char *sql;
	void *stmt;
};

struct db {
	const struct db_driver *driver;
	void *conn;
	struct db_rows cache[CACHE_ROOM];
	size_t used;
};

struct db_value db_text_value(const char *text)
{
	if (!text)
		return (struct db_value){ .type = DB_NULL };
	return (struct db_value){ .type = DB_TEXT, .data = text, .len = strlen(text) };
}

int db_open(const struct db_driver *driver, const char *where, int busy_ms, enum db_role role,
        struct db **ret, struct fault *f)
{
	struct db *db = calloc(1, sizeof *db);

	if (!db)
		return fault_set(f, KE_NOMEM, "store", NULL, "%s", "");
	db->driver = driver;
	int rc = driver->open(where, busy_ms, role, &db->conn, f);
	if (rc) {
		free(db);
		return rc;
	}
	*ret = db;
	return KE_OK;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < db->used; i++)
		db->driver->finalize(db->cache[i].stmt);
	db->driver->close(db->conn);
	free(db);
}

const struct db_driver *db_driver_of(const struct db *db)
{
	return db->driver;
}

int db_begin(struct db *db, enum db_begin kind)
{
	return db->driver->begin(db->conn, kind);
}

int db_commit(struct db *db)
{
	return db->driver->commit(db->conn);
}

void db_rollback(struct db *db)
{
	db->driver->rollback(db->conn);
}

int db_script(struct db *db, const char *sql)
{
	return db->driver->script(db->conn, sql);
}

int db_fault(struct db *db, int rc, struct fault *f)
{
	return fault_set(f, rc, "store", NULL, "%s", db->driver->error(db->conn));
}

int db_check(struct db *db, struct fault *f)
{
	return db->driver->check(db->conn, f);
}

static int stmt_get(struct db *db, const char *sql, struct db_rows **ret)
{
	for (size_t i = 0; i < db->used; i++) {
		if (db->cache[i].sql == sql) {
			*ret = &db->cache[i];
			return KE_OK;
		}
	}
	if (db->used == CACHE_ROOM)
		return KE_STORE;
	struct db_rows *slot = &db->cache[db->used];
	int rc = db->driver->prepare(db->conn, sql, &slot->stmt);
	if (rc)
		return rc;
	slot->driver = db->driver;
	slot->sql = sql;
	db->used++;
	*ret = slot;
	return KE_OK;
}

int db_query(
        struct db *db, const char *sql, const struct db_value *values, size_t count, struct db_rows **ret)
{
	struct db_rows *rows = NULL;
	int rc = stmt_get(db, sql, &rows);

	if (!rc)
		rc = db->driver->bind(rows->stmt, values, count);
	if (rc)
		return rc;
	*ret = rows;
	return KE_OK;
}

int db_next(struct db_rows *rows)
{
	return rows->driver->step(rows->stmt);
}

int64_t db_int(struct db_rows *rows, int column)
{
	return rows->driver->number(rows->stmt, column);
}

const void *db_bytes(struct db_rows *rows, int column, size_t *ret_len)
{
	return rows->driver->bytes(rows->stmt, column, ret_len);
}

const char *db_text(struct db_rows *rows, int column)
{
	size_t len;
	const char *text = db_bytes(rows, column, &len);

	return text ? text : "";
}

void db_rows_end(struct db_rows *rows)
{
	if (rows)
		rows->driver->reset(rows->stmt);
}

int db_run(struct db *db, const char *sql, const struct db_value *values, size_t count, int64_t *ret_changes)
{
	struct db_rows *rows;
	int rc = db_query(db, sql, values, count, &rows);

	if (rc)
		return rc;
	rc = db_next(rows);
	/* a row is unexpected, but it is the caller's SQL that is wrong then, not the world */
	if (rc > 0)
		rc = KE_STORE;
	if (!rc && ret_changes)
		*ret_changes = db->driver->changes(db->conn);
	db_rows_end(rows);
	return rc;
}

int db_later(struct db *db, const char *sql, const struct db_value *values, size_t count)
{
	struct db_rows *rows;

	if (!db->driver->later)
		return db_run(db, sql, values, count, NULL);
	int rc = stmt_get(db, sql, &rows);
	return rc ? rc : db->driver->later(rows->stmt, values, count);
}

int db_number(struct db *db, const char *sql, const struct db_value *values, size_t count, int64_t *ret)
{
	struct db_rows *rows;
	int rc = db_query(db, sql, values, count, &rows);

	if (rc)
		return rc;
	rc = db_next(rows);
	if (rc > 0) {
		*ret = db_int(rows, 0);
		rc = KE_OK;
	} else if (rc == 0) {
		rc = KE_NOENT;
	}
	db_rows_end(rows);
	return rc;
}
