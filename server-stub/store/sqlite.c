/* sqlite.c — the SQLite back-end: WAL, synchronous=FULL (an acknowledged record survives a power cut), foreign readers
 * welcome, foreign schemas not trusted. Every result code becomes one of ours here. Called through db_sqlite only. */
#include "server-stub/store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int code_of(int result)
{
	switch (result & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
		return KE_OK;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return KE_BUSY;
	case SQLITE_NOMEM:
		return KE_NOMEM;
	case SQLITE_CONSTRAINT:
		return result == SQLITE_CONSTRAINT_UNIQUE || result == SQLITE_CONSTRAINT_PRIMARYKEY
		               ? KE_EXIST
		               : KE_STORE;
	default:
		return KE_STORE;
	}
}

static int sq_script(void *conn, const char *sql)
{
	return code_of(sqlite3_exec(conn, sql, NULL, NULL, NULL));
}

/* SQLite would make the file with 0644; its -wal and -shm files copy the mode of this one. */
static int file_make(const char *path, struct fault *f)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);

	if (fd < 0)
		return fault_set(f, KE_STORE, path, "check the directory and its permissions",
		        "cannot open: %s", strerror(errno));
	close(fd);
	return KE_OK;
}

static int wal_mode_check(sqlite3 *conn)
{
	sqlite3_stmt *stmt;
	int result = sqlite3_prepare_v2(conn, "PRAGMA journal_mode=WAL", -1, &stmt, NULL);

	if (result != SQLITE_OK)
		return code_of(result);
	result = sqlite3_step(stmt);
	int rc = code_of(result);
	if (result == SQLITE_ROW) {
		const unsigned char *mode = sqlite3_column_text(stmt, 0);
		rc = mode && !strcmp((const char *)mode, "wal") ? KE_OK : KE_UNSUPPORTED;
	}
	sqlite3_finalize(stmt);
	return rc;
}

static int settings_apply(sqlite3 *conn, enum db_role role)
{
	int rc = wal_mode_check(conn);

	sqlite3_db_config(conn, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(conn, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (!rc)
		rc = sq_script(conn,
		        "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000;"
		        "PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON; PRAGMA foreign_keys=ON;");
	if (!rc && role == DB_READER)
		rc = sq_script(conn, "PRAGMA query_only=ON;");
	return rc;
}

static int sq_open(const char *where, int busy_ms, enum db_role role, void **ret, struct fault *f)
{
	sqlite3 *conn = NULL;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int rc = role == DB_WRITER ? file_make(where, f) : KE_OK;

	if (rc)
		return rc;
	rc = code_of(sqlite3_open_v2(where, &conn, flags, NULL));
	if (!rc) {
		sqlite3_busy_timeout(conn, busy_ms);
		rc = settings_apply(conn, role);
	}
	if (rc) {
		fault_set(f, rc, where, NULL, "%s",
		        rc == KE_UNSUPPORTED ? "this file system cannot hold a write-ahead log"
		                             : sqlite3_errmsg(conn));
		sqlite3_close(conn);
		return rc;
	}
	*ret = conn;
	return KE_OK;
}

static void sq_close(void *conn)
{
	sqlite3_close(conn);
}

static int sq_begin(void *conn, enum db_begin kind)
{
	if (kind == DB_BEGIN_ONE)
		return KE_OK;
	/* IMMEDIATE: take the write lock at once, so that nothing fails half-way with "busy" */
	return sq_script(conn, kind == DB_BEGIN_WRITE ? "BEGIN IMMEDIATE" : "BEGIN");
}

static int sq_commit(void *conn)
{
	return sq_script(conn, "COMMIT");
}

static void sq_rollback(void *conn)
{
	if (!sqlite3_get_autocommit(conn))
		sqlite3_exec(conn, "ROLLBACK", NULL, NULL, NULL);
}

static int sq_prepare(void *conn, const char *sql, void **ret)
{
	sqlite3_stmt *stmt = NULL;
	int rc = code_of(sqlite3_prepare_v3(conn, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL));

	if (rc)
		return rc;
	/* "$2" is a name to SQLite, numbered as it first appears: refuse SQL where the two differ */
	for (int i = 1; i <= sqlite3_bind_parameter_count(stmt); i++) {
		char want[16];
		snprintf(want, sizeof want, "$%d", i);
		const char *name = sqlite3_bind_parameter_name(stmt, i);
		if (!name || strcmp(name, want) != 0) {
			sqlite3_finalize(stmt);
			return KE_STORE;
		}
	}
	*ret = stmt;
	return KE_OK;
}

static void sq_finalize(void *stmt)
{
	sqlite3_finalize(stmt);
}

static int value_bind(sqlite3_stmt *stmt, int at, const struct db_value *v)
{
	switch (v->type) {
	case DB_INT:
		return sqlite3_bind_int64(stmt, at, v->number);
	case DB_TEXT:
		return sqlite3_bind_text64(stmt, at, v->data, v->len, SQLITE_STATIC, SQLITE_UTF8);
	case DB_BLOB: /* no bytes are an empty blob, not NULL */
		return v->len ? sqlite3_bind_blob64(stmt, at, v->data, v->len, SQLITE_STATIC)
		              : sqlite3_bind_zeroblob(stmt, at, 0);
	case DB_NULL:
		break;
	}
	return sqlite3_bind_null(stmt, at);
}

static int sq_bind(void *stmt, const struct db_value *values, size_t count)
{
	int want = sqlite3_bind_parameter_count(stmt);

	if (want < 0 || (size_t)want != count)
		return KE_STORE;
	for (size_t i = 0; i < count; i++) {
		int rc = code_of(value_bind(stmt, (int)i + 1, &values[i]));
		if (rc)
			return rc;
	}
	return KE_OK;
}

static int sq_step(void *stmt)
{
	int result = sqlite3_step(stmt);

	return result == SQLITE_ROW ? 1 : code_of(result);
}

static void sq_reset(void *stmt)
{
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
}

static int64_t sq_number(void *stmt, int column)
{
	return sqlite3_column_int64(stmt, column);
}

static const void *sq_bytes(void *stmt, int column, size_t *ret_len)
{
	const void *data = sqlite3_column_type(stmt, column) == SQLITE_BLOB
	                           ? sqlite3_column_blob(stmt, column)
	                           : sqlite3_column_text(stmt, column);

	*ret_len = (size_t)sqlite3_column_bytes(stmt, column);
	return data;
}

static int64_t sq_changes(void *conn)
{
	return sqlite3_changes64(conn);
}

static const char *sq_error(void *conn)
{
	return sqlite3_errmsg(conn);
}

static int sq_check(void *conn, struct fault *f)
{
	sqlite3_stmt *stmt = NULL;
	int rc = code_of(sqlite3_prepare_v2(conn, "PRAGMA integrity_check(1)", -1, &stmt, NULL));

	if (rc)
		return fault_set(f, rc, "store", NULL, "%s", sqlite3_errmsg(conn));
	int result = sqlite3_step(stmt);
	const unsigned char *text = result == SQLITE_ROW ? sqlite3_column_text(stmt, 0) : NULL;
	if (!text)
		rc = fault_set(f, result == SQLITE_ROW ? KE_NOMEM : code_of(result), "store",
		        "restore from a backup", "%s", sqlite3_errmsg(conn));
	else if (strcmp((const char *)text, "ok") != 0)
		rc = fault_set(f, KE_STORE, "store", "restore from a backup", "%s", (const char *)text);
	sqlite3_finalize(stmt);
	return rc;
}

const struct db_driver db_sqlite = {
	.name = "sqlite",
	.count_tables =
	        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name <> 'sqlite_sequence'",
	.open = sq_open,
	.close = sq_close,
	.begin = sq_begin,
	.commit = sq_commit,
	.rollback = sq_rollback,
	.script = sq_script,
	.prepare = sq_prepare,
	.finalize = sq_finalize,
	.bind = sq_bind,
	.step = sq_step,
	.reset = sq_reset,
	.number = sq_number,
	.bytes = sq_bytes,
	.changes = sq_changes,
	.error = sq_error,
	.check = sq_check,
};
