/* store_world.h — what the tests of the store share: a store in a temporary directory, and hosts that tell records. A
 * teller builds batches whose chain is right; tests then bend them. Header only: each test is a program. */
#ifndef KEDGE_TESTS_SUPPORT_STORE_WORLD_H
#define KEDGE_TESTS_SUPPORT_STORE_WORLD_H

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/codec.h"
#include "server-stub/store/store.h"

#define WORLD_TIME  1764000000
#define WORLD_ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define WORLD_KEY   "abababababababababababababababababababababababababababababababab"
#define WORLD_CERT  "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00"
#define TELLER_MAX  64

struct world {
	char dir[64], path[96];
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

static inline void world_dir(struct world *w)
{
	memset(w, 0, sizeof *w);
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
	char path[128];

	store_close(w->s);
	w->s = NULL;
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
