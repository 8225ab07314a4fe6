/* postgres.c — the PostgreSQL back-end: prepared statements with binary values, transactions, a connection that is made
 * again when the server was restarted or another one took its place. Writers run at READ COMMITTED and lock what they
 * decide on (db.h); readers see one snapshot. When the connection is lost at COMMIT nobody knows the outcome: the caller
 * is told KE_BUSY, and the host that sends its batch again is told "duplicate" if it was stored. Called through
 * db_postgres only. */
#include "server-stub/store/postgres.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FETCH_ROWS "500"

enum pg_type {
	PG_BOOL = 16,
	PG_BYTEA = 17,
	PG_INT8 = 20,
	PG_INT2 = 21,
	PG_INT4 = 23,
	PG_TEXT = 25,
	PG_VARCHAR = 1043
};

struct statement {
	struct pg *pg;
	char *text; /* in PostgreSQL's words */
	char name[16];
	unsigned number, incarnation; /* of the connection that has it prepared; 0: none */
	size_t parameters;
	Oid types[PG_PARAMETERS_MAX]; /* as prepared */
	bool many;                    /* read through a cursor */
	bool cursor;                  /* it is open */
	PGresult *result;
	int row, rows; /* row: the one at hand, from 1 */
};

/* ---- transactions ---- */

/* Run SQL behind what is under way. On 0 *RET is its result, for PQclear(). */
static int run(struct pg *pg, const char *sql, PGresult **ret)
{
	if (pg->ways) {
		int rc = pg_pipe_send_text(pg, sql), ended = pg_pipe_end(pg, rc ? NULL : ret);
		return rc ? rc : ended;
	}
	PGresult *r = PQexec(pg->conn, sql);
	ExecStatusType status = PQresultStatus(r);
	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
		*ret = r;
		return KE_OK;
	}
	int rc = pg_failed(pg, r);
	PQclear(r);
	return rc;
}

static int command(struct pg *pg, const char *sql)
{
	PGresult *r = NULL;
	int rc = run(pg, sql, &r);

	PQclear(r);
	return rc;
}

static bool connected(const struct pg *pg)
{
	return pg->conn && PQstatus(pg->conn) == CONNECTION_OK;
}

static int pg_begin(void *conn, enum db_begin kind)
{
	static const char *const words[] = {
		[DB_BEGIN_WRITE] = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE",
		[DB_BEGIN_READ] = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
	};
	struct pg *pg = conn;
	bool fresh = !connected(pg);
	int rc = fresh ? pg_connect(pg) : KE_OK;

	if (rc || kind == DB_BEGIN_ONE)
		return rc ? KE_BUSY : KE_OK;
	rc = command(pg, words[kind]);
	if (rc && !fresh && !connected(pg)) { /* it was lost while it stood idle: nothing has happened yet */
		rc = pg_connect(pg);
		rc = rc ? KE_BUSY : command(pg, words[kind]);
	}
	pg->open = !rc;
	return rc;
}

/* COMMIT of a transaction that has failed answers "ROLLBACK", and one that was not waited for only warns. */
static int pg_commit(void *conn)
{
	struct pg *pg = conn;

	PGresult *r = NULL;

	pg->warned = false;
	int rc = run(pg, "COMMIT", &r);
	if (!rc && strcmp(PQcmdStatus(r), "COMMIT") != 0) {
		snprintf(pg->error, sizeof pg->error, "the transaction had failed before");
		rc = KE_STORE;
	}
	if (!rc && pg->warned) {
		snprintf(pg->error, sizeof pg->error, "the commit was not confirmed by the standby");
		rc = KE_BUSY;
	}
	PQclear(r);
	pg->open = rc != KE_OK && connected(pg) && PQtransactionStatus(pg->conn) != PQTRANS_IDLE;
	return rc;
}

static void pg_rollback(void *conn)
{
	struct pg *pg = conn;
	char words[sizeof pg->error];

	if (pg->open && connected(pg)) {
		memcpy(words, pg->error, sizeof words); /* the caller may still ask for them */
		pg_pipe_end(pg, NULL);
		if (command(pg, "ROLLBACK")) {
			PQfinish(pg->conn); /* the server ends it, then */
			pg->conn = NULL;
		}
		memcpy(pg->error, words, sizeof words);
	}
	pg->open = false;
}

static int pg_script(void *conn, const char *sql)
{
	return command(conn, sql);
}

/* ---- opening ---- */

static void pg_close(void *conn)
{
	struct pg *pg = conn;

	if (pg->conn)
		PQfinish(pg->conn);
	PQconninfoFree(pg->options);
	free(pg);
}

static int pg_open(const char *where, int busy_ms, enum db_role role, void **ret, struct fault *f)
{
	struct pg *pg = calloc(1, sizeof *pg);

	if (!pg)
		return fault_set(f, KE_NOMEM, "store", NULL, "%s", "");
	pg->busy_ms = busy_ms;
	pg->reader = role == DB_READER;
	int rc = pg_options_read(pg, where, f);
	/* readers connect when they are first needed: a small server never needs all of them */
	if (!rc && !pg->reader && (rc = pg_connect(pg))) {
		fault_set(f, KE_STORE, pg->place,
		        "check the store in server.conf, and that the database runs", "%s", pg->error);
		rc = KE_STORE;
	}
	if (rc) {
		pg_close(pg);
		return rc;
	}
	*ret = pg;
	return KE_OK;
}

/* ---- statements ---- */

/* The highest $N in SQL. */
static size_t parameters_count(const char *sql)
{
	size_t most = 0;

	for (const char *p = strchr(sql, '$'); p; p = strchr(p + 1, '$')) {
		unsigned long n = strtoul(p + 1, NULL, 10);
		most = n > most ? n : most;
	}
	return most;
}

static bool ends_with(const char *text, const char *end)
{
	size_t a = strlen(text), b = strlen(end);

	return a >= b && !strcmp(text + a - b, end);
}

static int pg_prepare(void *conn, const char *sql, void **ret)
{
	struct pg *pg = conn;
	bool many = ends_with(sql, DB_MANY), lock = ends_with(sql, DB_FOR_UPDATE);
	size_t room = strlen(sql) + 64;
	struct statement *s = calloc(1, sizeof *s);

	if (!s || !(s->text = malloc(room))) {
		free(s);
		return KE_NOMEM;
	}
	s->pg = pg;
	s->number = ++pg->statements;
	s->many = many;
	s->parameters = parameters_count(sql);
	snprintf(s->name, sizeof s->name, "s%u", s->number);
	if (many)
		snprintf(s->text, room, "DECLARE c%u NO SCROLL CURSOR FOR %s", s->number, sql);
	else if (lock)
		snprintf(s->text, room, "%.*s FOR UPDATE", (int)(strlen(sql) - strlen(DB_FOR_UPDATE)), sql);
	else
		snprintf(s->text, room, "%s", sql);
	*ret = s;
	return KE_OK;
}

static void pg_finalize(void *stmt)
{
	struct statement *s = stmt;

	PQclear(s->result);
	free(s->text);
	free(s);
}

static int values_bind(const struct db_value *values, size_t count, struct pg_bound *b)
{
	for (size_t i = 0; i < count; i++) {
		const struct db_value *v = &values[i];
		b->formats[i] = 1;
		b->types[i] = v->type == DB_INT ? PG_INT8 : v->type == DB_BLOB ? PG_BYTEA : PG_TEXT;
		if (v->type == DB_INT) {
			b->numbers[i] = htobe64((uint64_t)v->number);
			b->values[i] = (const char *)&b->numbers[i];
			b->lengths[i] = sizeof b->numbers[i];
		} else if (v->type != DB_NULL) {
			if (v->len > INT32_MAX)
				return KE_STORE;
			b->values[i] = v->len ? v->data : "";
			b->lengths[i] = (int)v->len;
		}
	}
	return KE_OK;
}

/* Columns are numbers, text or bytes: anything else would be read wrongly. */
static int columns_check(struct pg *pg, const PGresult *r)
{
	for (int i = 0; i < PQnfields(r); i++)
		switch ((enum pg_type)PQftype(r, i)) {
		case PG_BOOL:
		case PG_BYTEA:
		case PG_INT2:
		case PG_INT4:
		case PG_INT8:
		case PG_TEXT:
		case PG_VARCHAR:
			continue;
		default:
			snprintf(pg->error, sizeof pg->error, "column %d is of type %u", i, PQftype(r, i));
			return KE_STORE;
		}
	return KE_OK;
}

/* Take over R as the rows at hand. */
static int result_take(struct statement *s, PGresult *r)
{
	ExecStatusType status = PQresultStatus(r);
	int rc = status == PGRES_TUPLES_OK    ? columns_check(s->pg, r)
	         : status == PGRES_COMMAND_OK ? KE_OK
	                                      : pg_failed(s->pg, r);

	PQclear(s->result);
	s->result = rc ? NULL : r;
	s->row = 0;
	s->rows = rc ? 0 : PQntuples(r);
	if (rc)
		PQclear(r);
	return rc;
}

static int fetch(struct statement *s)
{
	char sql[64];

	snprintf(sql, sizeof sql, "FETCH " FETCH_ROWS " FROM c%u", s->number);
	return result_take(s, PQexecParams(s->pg->conn, sql, 0, NULL, NULL, NULL, NULL, 1));
}

static int prepared_make(struct statement *s, const struct pg_bound *b, size_t count)
{
	if (s->incarnation == s->pg->incarnation)
		return memcmp(s->types, b->types, count * sizeof b->types[0]) ? KE_STORE : KE_OK;
	int rc = pg_pipe_end(s->pg, NULL); /* once for each statement and connection */
	if (rc)
		return rc;
	PGresult *r = PQprepare(s->pg->conn, s->name, s->text, (int)count, b->types);
	rc = PQresultStatus(r) == PGRES_COMMAND_OK ? KE_OK : pg_failed(s->pg, r);
	PQclear(r);
	if (rc)
		return rc;
	memcpy(s->types, b->types, sizeof s->types);
	s->incarnation = s->pg->incarnation;
	return KE_OK;
}

/* Behind what is under way, if anything is. */
static int prepared_run(struct statement *s, const struct pg_bound *b, size_t count, PGresult **ret)
{
	struct pg *pg = s->pg;

	if (pg->ways) {
		int rc = pg_pipe_send(pg, s->name, b, count);
		return rc ? rc : pg_pipe_end(pg, ret);
	}
	*ret = PQexecPrepared(pg->conn, s->name, (int)count, b->values, b->lengths, b->formats, 1);
	return KE_OK;
}

static int execute(struct statement *s, const struct pg_bound *b, size_t count)
{
	struct pg *pg = s->pg;
	PGresult *r = NULL;
	int rc = prepared_make(s, b, count);

	if (rc)
		return rc;
	rc = prepared_run(s, b, count, &r);
	if (!rc)
		rc = result_take(s, r);
	if (rc)
		return rc;
	pg->changes = strtoll(PQcmdTuples(s->result), NULL, 10);
	if (!s->many)
		return KE_OK;
	s->cursor = true;
	return fetch(s);
}

/* Runs the statement: what it says of errors, it says here. */
static int pg_bind(void *stmt, const struct db_value *values, size_t count)
{
	struct statement *s = stmt;
	struct pg_bound b = { 0 };

	if (count != s->parameters || count > PG_PARAMETERS_MAX)
		return KE_STORE;
	int rc = values_bind(values, count, &b);
	if (rc)
		return rc;
	if (!s->pg->conn && (s->pg->open || pg_connect(s->pg)))
		return KE_BUSY;
	bool alone = !s->pg->open;
	rc = execute(s, &b, count);
	/* a single statement on a connection that was lost while it stood idle: it only reads */
	if (rc && alone && !connected(s->pg) && !(rc = pg_connect(s->pg)))
		rc = execute(s, &b, count);
	return rc;
}

static int pg_later(void *stmt, const struct db_value *values, size_t count)
{
	struct statement *s = stmt;
	struct pg_bound b = { 0 };

	if (count != s->parameters || count > PG_PARAMETERS_MAX)
		return KE_STORE;
	if (!s->pg->open || !s->pg->conn)
		return pg_failed(s->pg, NULL);
	int rc = values_bind(values, count, &b);
	if (!rc)
		rc = prepared_make(s, &b, count);
	return rc ? rc : pg_pipe_send(s->pg, s->name, &b, count);
}

static int pg_step(void *stmt)
{
	struct statement *s = stmt;

	if (s->row == s->rows && s->cursor && s->rows > 0) {
		int rc = fetch(s);
		if (rc)
			return rc;
	}
	if (s->row == s->rows)
		return 0;
	s->row++;
	return 1;
}

static void pg_reset(void *stmt)
{
	struct statement *s = stmt;
	char sql[32];

	PQclear(s->result);
	s->result = NULL;
	s->row = s->rows = 0;
	if (s->cursor && connected(s->pg) && PQtransactionStatus(s->pg->conn) == PQTRANS_INTRANS) {
		snprintf(sql, sizeof sql, "CLOSE c%u", s->number);
		PQclear(PQexec(s->pg->conn, sql));
	}
	s->cursor = false;
}

/* ---- columns ---- */

static bool has_value(const struct statement *s, int column)
{
	return s->result && s->row > 0 && column < PQnfields(s->result) &&
	       !PQgetisnull(s->result, s->row - 1, column);
}

static int64_t pg_number(void *stmt, int column)
{
	const struct statement *s = stmt;
	uint32_t four;
	uint64_t eight;

	if (!has_value(s, column))
		return 0;
	const unsigned char *bytes = (const unsigned char *)PQgetvalue(s->result, s->row - 1, column);
	switch ((enum pg_type)PQftype(s->result, column)) {
	case PG_BOOL:
		return bytes[0];
	case PG_INT2:
		return (int16_t)(bytes[0] << 8 | bytes[1]);
	case PG_INT4:
		memcpy(&four, bytes, sizeof four);
		return (int32_t)be32toh(four);
	case PG_INT8:
		memcpy(&eight, bytes, sizeof eight);
		return (int64_t)be64toh(eight);
	default: /* text, as SQLite reads it */
		return strtoll((const char *)bytes, NULL, 10);
	}
}

static const void *pg_bytes(void *stmt, int column, size_t *ret_len)
{
	const struct statement *s = stmt;
	bool some = has_value(s, column);

	*ret_len = some ? (size_t)PQgetlength(s->result, s->row - 1, column) : 0;
	return some ? PQgetvalue(s->result, s->row - 1, column) : NULL;
}

static int64_t pg_changes(void *conn)
{
	return ((struct pg *)conn)->changes;
}

static const char *pg_error(void *conn)
{
	return ((struct pg *)conn)->error;
}

/* Read each row of each table, with all that is stored outside of it. Damage is found where the server has checksums
 * (initdb -k) or cannot read a row at all. */
static int pg_check(void *conn, struct fault *f)
{
	struct pg *pg = conn;
	PGresult *tables = PQexec(pg->conn,
	        "SELECT format('SELECT sum(length(t::text)) FROM %I.%I AS t', table_schema, table_name)"
	        " FROM information_schema.tables WHERE table_schema = current_schema()");
	int rc = PQresultStatus(tables) == PGRES_TUPLES_OK ? KE_OK : pg_failed(pg, tables);

	for (int i = 0; !rc && i < PQntuples(tables); i++)
		rc = command(pg, PQgetvalue(tables, i, 0));
	PQclear(tables);
	return rc ? fault_set(f, rc, pg->place, "restore from a backup", "%s", pg->error) : KE_OK;
}

/* Names sort by their bytes, as on SQLite; tables that are keyed by a name are updated often and leave room for that. */
static const struct db_word words[] = {
	{ "INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY" },
	{ "INTEGER", "BIGINT" },
	{ "TEXT", "TEXT COLLATE \"C\"" },
	{ "BLOB", "BYTEA" },
	{ ") STRICT, WITHOUT ROWID", ") WITH (fillfactor = 80)" },
	{ ") STRICT", ")" },
	{ NULL, NULL },
};

const struct db_driver db_postgres = {
	.name = "postgresql",
	.count_tables =
	        "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()",
	/* 'kedg': of this transaction only, so that a connection pool does no harm */
	.lock_schema = "SELECT pg_advisory_xact_lock(1801807975, hashtext(current_schema()))",
	.words = words,
	.open = pg_open,
	.close = pg_close,
	.begin = pg_begin,
	.commit = pg_commit,
	.rollback = pg_rollback,
	.script = pg_script,
	.prepare = pg_prepare,
	.finalize = pg_finalize,
	.bind = pg_bind,
	.later = pg_later,
	.step = pg_step,
	.reset = pg_reset,
	.number = pg_number,
	.bytes = pg_bytes,
	.changes = pg_changes,
	.error = pg_error,
	.check = pg_check,
};
