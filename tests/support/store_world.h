/* store_world.h — what the tests of the store share: a store of their own, and hosts that tell records. A teller builds
 * batches whose chain is right; tests then bend them. The store is an SQLite file in a temporary directory or, when
 * KEDGE_TEST_POSTGRES names a file with a connection string, a schema in that database: the same tests run on both.
 * Header only: each test is a program. */
#ifndef KEDGE_TESTS_SUPPORT_STORE_WORLD_H
#define KEDGE_TESTS_SUPPORT_STORE_WORLD_H

#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/codec.h"
#include "server-stub/store/db.h"
#include "server-stub/store/store.h"

#define WORLD_TIME  1764000000
#define WORLD_ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define WORLD_KEY   "abababababababababababababababababababababababababababababababab"
#define WORLD_CERT  "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00"
#define TELLER_MAX  64

struct world {
	char dir[64];
	char path[320]; /* what store_open() is given */
	bool postgres;
	char base[200], schema[40];
	struct store *s;
	struct fault f;
};

static const struct store_actor world_admin = { "operator/anna", "admin", WORLD_TIME };

/* busy_ms is short so that tests of a locked database do not take long. */
static inline int world_reopen(struct world *w, struct store_config config)
{
	config.where = w->path;
	config.busy_ms = config.busy_ms ? config.busy_ms : 100;
	config.commit_ms = config.commit_ms ? config.commit_ms : 1;
	return store_open(&config, &w->s, &w->f);
}

/* ---- PostgreSQL ---- */

static inline PGconn *world_pg_connect(const char *where)
{
	PGconn *conn = PQconnectdb(where);

	if (PQstatus(conn) != CONNECTION_OK) {
		fprintf(stderr, "%s: %s\n", where, PQerrorMessage(conn));
		abort();
	}
	return conn;
}

/* Run SQL and return the first column of the first row as a number (-1: none). */
static inline long long world_pg_run(PGconn *conn, const char *sql)
{
	PGresult *r = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(r);
	long long n = -1;

	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
		fprintf(stderr, "%s: %s\n", sql, PQerrorMessage(conn));
		abort();
	}
	if (status == PGRES_TUPLES_OK && PQntuples(r))
		n = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
	PQclear(r);
	return n;
}

/* One connection for all worlds of a program; it looks into the schema of the present one. */
static inline long long world_pg_sql(const struct world *w, const char *sql)
{
	static PGconn *conn;
	char path[96];

	if (!conn)
		conn = world_pg_connect(w->base);
	snprintf(path, sizeof path, "SET client_min_messages = error; SET search_path = %s", w->schema);
	world_pg_run(conn, path);
	return world_pg_run(conn, sql);
}

/* A schema of this world's own, which the connection string names. */
static inline void world_pg_dir(struct world *w, const char *file)
{
	static unsigned count;
	char sql[96];
	FILE *in = fopen(file, "r");

	if (!in || !fgets(w->base, sizeof w->base, in)) {
		fprintf(stderr, "%s: no connection string, so no PostgreSQL\n", file);
		exit(77);
	}
	fclose(in);
	w->base[strcspn(w->base, "\n")] = '\0';
	w->postgres = true;
	snprintf(w->schema, sizeof w->schema, "w%ld_%u", (long)getpid(), ++count);
	snprintf(sql, sizeof sql, "CREATE SCHEMA %s", w->schema);
	world_pg_sql(w, sql);
	snprintf(w->path, sizeof w->path, "%s&options=-csearch_path%%3D%s", w->base, w->schema);
}

static inline void world_pg_close(struct world *w)
{
	char sql[96];

	snprintf(sql, sizeof sql, "DROP SCHEMA IF EXISTS %s CASCADE", w->schema);
	world_pg_sql(w, sql);
}

/* ---- the world ---- */

/* For what only SQLite has: a file that can be damaged. */
#define WORLD_SQLITE_ONLY(w)                                                                                 \
	do {                                                                                                 \
		if ((w)->postgres)                                                                           \
			skip();                                                                              \
	} while (0)

#define WORLD_SQLITE_NOT(w)                                                                                  \
	do {                                                                                                 \
		if (!(w)->postgres)                                                                          \
			skip();                                                                              \
	} while (0)

static inline void world_dir(struct world *w)
{
	const char *postgres = getenv("KEDGE_TEST_POSTGRES");

	memset(w, 0, sizeof *w);
	if (postgres && postgres[0]) {
		world_pg_dir(w, postgres);
		return;
	}
	snprintf(w->dir, sizeof w->dir, "/tmp/kedge-store-XXXXXX");
	if (!mkdtemp(w->dir))
		abort();
	snprintf(w->path, sizeof w->path, "%s/store.db", w->dir);
}

static inline void world_open(struct world *w)
{
	world_dir(w);
	if (world_reopen(w, (struct store_config){ 0 })) {
		char line[1024];
		fprintf(stderr, "%s\n", fault_line(&w->f, line, sizeof line));
		abort();
	}
}

static inline void world_close(struct world *w)
{
	static const char *const tails[] = { "", "-wal", "-shm", "-journal" };
	char path[sizeof w->path + 16];

	store_close(w->s);
	w->s = NULL;
	if (w->postgres) {
		world_pg_close(w);
		return;
	}
	for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
		snprintf(path, sizeof path, "%s%s", w->path, tails[i]);
		unlink(path);
	}
	rmdir(w->dir);
}

static inline int world_enrol(struct world *w, const char *host)
{
	struct store_enrolment e = {
		.host = host, .cert_sha256 = WORLD_CERT, .not_after = WORLD_TIME + 86400
	};

	return store_host_enrol(w->s, &world_admin, &e, &w->f);
}

/* SQL behind the store's back, and the first column of its first row (-1: none). */
static inline long long world_sql(struct world *w, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	long long n = -1;

	if (w->postgres)
		return world_pg_sql(w, sql);
	if (sqlite3_open(w->path, &db) || sqlite3_busy_timeout(db, 2000) ||
	        sqlite3_prepare_v2(db, sql, -1, &stmt, NULL)) {
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
		abort();
	}
	int rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	else if (rc != SQLITE_DONE) {
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
		abort();
	}
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return n;
}

static inline const struct db_driver *world_driver(const struct world *w)
{
	return w->postgres ? &db_postgres : &db_sqlite;
}

/* Somebody else who holds what every write needs, until world_unlock(). */
struct world_lock {
	sqlite3 *lite;
	PGconn *pg;
};

static inline struct world_lock world_lock(struct world *w)
{
	struct world_lock l = { 0 };

	if (w->postgres) {
		l.pg = world_pg_connect(w->path);
		world_pg_run(l.pg, "BEGIN");
		world_pg_run(l.pg, "LOCK TABLE hosts, audit_base, kedge_schema IN EXCLUSIVE MODE");
	} else if (sqlite3_open(w->path, &l.lite) ||
	           sqlite3_exec(l.lite, "BEGIN IMMEDIATE", NULL, NULL, NULL)) {
		abort();
	}
	return l;
}

static inline void world_unlock(struct world_lock *l)
{
	PQfinish(l->pg);
	sqlite3_close(l->lite);
}

struct teller {
	const char *host, *epoch;
	uint64_t seq; /* of the last record told */
	char head[STORE_HEX_ROOM];
	char lines[TELLER_MAX][256], prevs[TELLER_MAX][STORE_HEX_ROOM];
	struct store_record records[TELLER_MAX];
	struct store_batch batch;
};

static inline void teller_start(struct teller *t, const char *host, const char *epoch)
{
	memset(t, 0, sizeof *t);
	t->host = host;
	t->epoch = epoch;
	memcpy(t->head, WORLD_ZEROS, sizeof t->head);
	t->batch = (struct store_batch){ .host = host, .epoch = epoch, .received = WORLD_TIME };
	t->batch.records = t->records;
}

/* Add the next record to the batch (SALT makes its line differ) and return it for the fields of its kind. */
static inline struct store_record *teller_tell(struct teller *t, const char *kind, const char *salt)
{
	size_t i = t->batch.count;
	unsigned char digest[SHA256_LEN];

	if (i == TELLER_MAX)
		abort();
	memcpy(t->prevs[i], t->head, sizeof t->head);
	t->seq++;
	int len = snprintf(t->lines[i], sizeof t->lines[i],
	        "{\"host\":\"%s\",\"epoch\":\"%s\",\"seq\":%llu,\"prev\":\"%.16s\",\"kind\":\"%s\",\"salt\":"
	        "\"%s\"}",
	        t->host, t->epoch, (unsigned long long)t->seq, t->head, kind, salt);
	t->records[i] = (struct store_record){ .seq = t->seq,
		.prev = t->prevs[i],
		.time = WORLD_TIME,
		.kind = kind,
		.line = t->lines[i],
		.line_len = (size_t)len };
	sha256(t->lines[i], (size_t)len, digest);
	hex_encode(digest, sizeof digest, t->head);
	t->batch.count++;
	if (t->seq == 1)
		t->batch.record_key = WORLD_KEY;
	return &t->records[i];
}

/* Begin the next batch. */
static inline void teller_clear(struct teller *t)
{
	t->batch.count = 0;
	t->batch.record_key = NULL;
	t->batch.after_epoch = NULL;
}

#endif
