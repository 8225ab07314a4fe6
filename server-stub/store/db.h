/* db.h — one database connection: prepared statements, bound values, rows. Private to the store.
 *
 * The SQL above this line is written once, in the dialect that SQLite and PostgreSQL share: parameters are $1, $2, ...
 * in the order of their first appearance, ON CONFLICT, RETURNING, no vendor functions. A back-end is a struct
 * db_driver; the schema is SQLite's (migrate.c), put into a back-end's own words by a table. A connection is used by one
 * thread at a time.
 *
 * Who writes: SQLite has one writer. With PostgreSQL several server processes write at once, at READ COMMITTED: each
 * statement sees what was committed before it began. So a transaction that decides on what it read locks the row first
 * (DB_FOR_UPDATE), and rows are locked in one order everywhere, so that nobody waits in a circle:
 *   schema row (feed_lock)  ->  token  ->  hosts, by id  ->  lease  ->  execution  ->  repository  ->  rollout_change
 *   ->  audit_base
 * Why that suffices stands at each transaction. Reading transactions are one snapshot on both back-ends.
 */
#ifndef KEDGE_SERVER_STORE_DB_H
#define KEDGE_SERVER_STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

struct db_value {
	enum { DB_NULL, DB_INT, DB_TEXT, DB_BLOB } type;
	int64_t number;
	const void *data;
	size_t len;
};

/* Values to bind. Text that is NULL is bound as NULL. The bytes must live until the statement was reset. */
#define DB_I(x)     ((struct db_value){ .type = DB_INT, .number = (x) })
#define DB_T(x)     db_text_value(x)
#define DB_B(p, n)  ((struct db_value){ .type = DB_BLOB, .data = (p), .len = (n) })
#define DB_TN(p, n) ((struct db_value){ .type = DB_TEXT, .data = (p), .len = (n) })
/* DB_ARGS(DB_T(host), DB_I(seq)): the array and its length, two arguments. */
#define DB_ARGS(...)                                                                                         \
	(const struct db_value[]){ __VA_ARGS__ },                                                            \
	        sizeof((const struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value)
#define DB_NO_ARGS NULL, 0

struct db_value db_text_value(const char *text);

/* At the end of a SELECT: its row stays as it is until the end of the transaction, and is read as it is after whoever
 * held it before. To SQLite, whose writer is alone, it is a comment. */
#define DB_FOR_UPDATE " /* for update */"
/* At the end of a SELECT in DB_BEGIN_READ: there may be many rows, so they are not to be held in memory at once. */
#define DB_MANY " /* many */"

enum db_role { DB_WRITER, DB_READER };
/* DB_BEGIN_ONE: a single reading statement follows, which is a snapshot by itself. */
enum db_begin { DB_BEGIN_WRITE, DB_BEGIN_READ, DB_BEGIN_ONE };

/* A word of the schema's steps and what a back-end says for it. */
struct db_word {
	const char *ours, *theirs;
};

/* What a back-end provides. Codes are KE_*; on an error `error` has its words until the next call. KE_BUSY: a lock, a
 * conflict with another process, or a database that is away: try the whole transaction again. begin() opens a connection
 * that was lost anew, so statements may outlive it. */
struct db_driver {
	const char *name;
	const char *count_tables; /* a query that gives one row: how many tables the database has */
	const char
	        *lock_schema; /* run first in a step of the schema; NULL: beginning to write locks enough */
	const struct db_word *words; /* up to one without `ours`; NULL: the schema as it stands */
	int (*open)(const char *where, int busy_ms, enum db_role role, void **ret, struct fault *f);
	void (*close)(void *conn);
	int (*begin)(void *conn, enum db_begin kind);
	int (*commit)(void *conn);
	void (*rollback)(void *conn);               /* never fails; also when there is no transaction */
	int (*script)(void *conn, const char *sql); /* several statements without parameters */
	int (*prepare)(void *conn, const char *sql, void **ret);
	void (*finalize)(void *stmt);
	int (*bind)(void *stmt, const struct db_value *values,
	        size_t count); /* KE_STORE: wrong number of values */
	/* run a statement without rows; its error may come with a later one. NULL: there is nothing to gain */
	int (*later)(void *stmt, const struct db_value *values, size_t count);
	int (*step)(void *stmt); /* 1 a row, 0 the end, or a code */
	void (*reset)(void *stmt);
	int64_t (*number)(void *stmt, int column);
	const void *(*bytes)(void *stmt, int column, size_t *ret_len);
	int64_t (*changes)(void *conn); /* rows touched by the last statement */
	const char *(*error)(void *conn);
	int (*check)(void *conn, struct fault *f);
};

extern const struct db_driver db_sqlite, db_postgres;

struct db;
struct db_rows; /* a running statement */

int db_open(const struct db_driver *driver, const char *where, int busy_ms, enum db_role role,
        struct db **ret, struct fault *f);
void db_close(struct db *db);
const struct db_driver *db_driver_of(const struct db *db);
int db_begin(struct db *db, enum db_begin kind);
int db_commit(struct db *db);
void db_rollback(struct db *db);
int db_script(struct db *db, const char *sql);
/* Put the words of the connection's last error into F and return RC. */
int db_fault(struct db *db, int rc, struct fault *f);
int db_check(struct db *db, struct fault *f);

/* Run a statement that gives no rows. RET_CHANGES (may be NULL): rows touched. KE_EXIST: a unique row is there. SQL
 * must be a string that lives as long as the program: statements are cached by it. */
int db_run(struct db *db, const char *sql, const struct db_value *values, size_t count, int64_t *ret_changes);
/* The same inside a write transaction for a statement of which nothing is asked: its error may come with a later statement or
 * with the commit. The values need not live longer than the call. */
int db_later(struct db *db, const char *sql, const struct db_value *values, size_t count);
/* Start a query. On 0 db_rows_end() must follow. */
int db_query(
        struct db *db, const char *sql, const struct db_value *values, size_t count, struct db_rows **ret);
/* 1 a row, 0 the end, or a code. */
int db_next(struct db_rows *rows);
int64_t db_int(struct db_rows *rows, int column);
/* Valid until the next db_next(); NULL in the database reads as "". */
const char *db_text(struct db_rows *rows, int column);
const void *db_bytes(struct db_rows *rows, int column, size_t *ret_len);
void db_rows_end(struct db_rows *rows);
/* The first column of the first row as a number. KE_NOENT: no row. */
int db_number(struct db *db, const char *sql, const struct db_value *values, size_t count, int64_t *ret);

#endif
