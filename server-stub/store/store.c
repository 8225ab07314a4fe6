/* store.c — the handle: one writing connection behind a lock, a small pool of reading ones, the writer's thread. Every
 * change goes through write_begin() and write_end(), every query through read_begin() and read_end(), so that a
 * failed commit is dealt with in one place: it is never retried on the same handle, because after a failed sync
 * nobody knows what the disk holds. Called by api/; knows no HTTP. */
#include "server-stub/store/impl.h"

#include <stdlib.h>
#include <string.h>

#include "proto/jsonw.h"
#include "server-stub/store/migrate.h"

#define BUSY_MS_DEFAULT 2000

static int connections_open(struct store *s, struct fault *f)
{
	int rc = db_open(s->driver, s->where, s->busy_ms, DB_WRITER, &s->writer, f);

	if (!rc)
		rc = schema_migrate(s->writer, schema_newest(), f);
	for (unsigned i = 0; i < STORE_READERS && !rc; i++) {
		rc = db_open(s->driver, s->where, s->busy_ms, DB_READER, &s->pool[i], f);
		if (!rc)
			s->pool_free++;
	}
	return rc;
}

static const struct db_driver *driver_choose(const char *where)
{
	return !strncmp(where, "postgresql://", 13) || !strncmp(where, "postgres://", 11) ? &db_postgres
	                                                                                  : &db_sqlite;
}

int store_open(const struct store_config *config, struct store **ret, struct fault *f)
{
	struct store *s = calloc(1, sizeof *s);

	if (!s)
		return fault_set(f, KE_NOMEM, "store", NULL, "%s", "");
	s->driver = driver_choose(config->where);
	s->busy_ms = config->busy_ms > 0 ? config->busy_ms : BUSY_MS_DEFAULT;
	pthread_mutex_init(&s->write_lock, NULL);
	pthread_mutex_init(&s->pool_lock, NULL);
	pthread_cond_init(&s->pool_freed, NULL);
	s->where = strdup(config->where);
	int rc = s->where ? connections_open(s, f) : KE_NOMEM;
	if (!rc)
		rc = denials_make(s);
	if (!rc) {
		rc = queue_start(s, config);
		if (rc)
			fault_set(f, rc, "store", NULL, "cannot start the writer's thread");
	}
	if (rc) {
		store_close(s);
		return rc;
	}
	*ret = s;
	return KE_OK;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	queue_stop(s);
	denials_free(s);
	for (unsigned i = 0; i < STORE_READERS; i++)
		db_close(s->pool[i]);
	db_close(s->writer);
	pthread_cond_destroy(&s->pool_freed);
	pthread_mutex_destroy(&s->pool_lock);
	pthread_mutex_destroy(&s->write_lock);
	free(s->where);
	free(s);
}

static bool from_database(int rc)
{
	return rc == KE_STORE || rc == KE_BUSY || rc == KE_NOMEM;
}

/* Open the writer anew after a failed commit. */
static int writer_renew(struct store *s, struct fault *f)
{
	struct db *db;
	int rc = db_open(s->driver, s->where, s->busy_ms, DB_WRITER, &db, f);

	if (rc)
		return rc;
	db_close(s->writer);
	s->writer = db;
	s->writer_bad = false;
	return KE_OK;
}

int write_begin(struct store *s, struct db **ret, struct fault *f)
{
	int rc = KE_OK;

	pthread_mutex_lock(&s->write_lock);
	if (s->writer_bad)
		rc = writer_renew(s, f);
	if (!rc) {
		rc = db_begin(s->writer, DB_BEGIN_WRITE);
		if (rc)
			db_fault(s->writer, rc, f);
	}
	if (rc) {
		pthread_mutex_unlock(&s->write_lock);
		return rc;
	}
	*ret = s->writer;
	return KE_OK;
}

int write_end(struct store *s, struct db *db, int rc, struct fault *f)
{
	if (from_database(rc))
		db_fault(db, rc, f);
	if (!rc) {
		rc = db_commit(db);
		if (rc)
			db_fault(db, rc, f);
	}
	if (rc)
		db_rollback(db);
	if (rc == KE_STORE)
		s->writer_bad = true;
	pthread_mutex_unlock(&s->write_lock);
	return rc;
}

static int read_start(struct store *s, enum db_begin kind, struct db **ret, struct fault *f)
{
	pthread_mutex_lock(&s->pool_lock);
	while (!s->pool_free)
		pthread_cond_wait(&s->pool_freed, &s->pool_lock);
	struct db *db = s->pool[--s->pool_free];
	s->pool[s->pool_free] = NULL;
	pthread_mutex_unlock(&s->pool_lock);

	int rc = db_begin(db, kind);
	if (rc)
		return read_end(s, db, rc, f);
	*ret = db;
	return KE_OK;
}

int read_begin(struct store *s, struct db **ret, struct fault *f)
{
	return read_start(s, DB_BEGIN_READ, ret, f);
}

int read_one(struct store *s, struct db **ret, struct fault *f)
{
	return read_start(s, DB_BEGIN_ONE, ret, f);
}

int read_end(struct store *s, struct db *db, int rc, struct fault *f)
{
	if (from_database(rc))
		db_fault(db, rc, f);
	db_rollback(db); /* nothing was written: ends the snapshot */
	pthread_mutex_lock(&s->pool_lock);
	s->pool[s->pool_free++] = db;
	pthread_cond_signal(&s->pool_freed);
	pthread_mutex_unlock(&s->pool_lock);
	return rc;
}

int page_check(unsigned limit, struct fault *f)
{
	if (limit >= 1 && limit <= STORE_PAGE_MAX)
		return KE_OK;
	return fault_set(f, KE_RANGE, "limit", NULL, "%u is not between 1 and %d", limit, STORE_PAGE_MAX);
}

int64_t page_cursor(const struct store_page *page)
{
	return page->newest && page->cursor == 0 ? INT64_MAX : page->cursor;
}

static int walk_in(struct store *s, enum db_begin kind, const char *sql, const struct db_value *values,
        size_t count, int (*each)(void *ctx, struct db *db, struct db_rows *rows), void *ctx, struct fault *f)
{
	struct db_rows *rows = NULL;
	struct db *db = NULL;
	int stopped = KE_OK;
	int rc = read_start(s, kind, &db, f);

	if (rc)
		return rc;
	rc = db_query(db, sql, values, count, &rows);
	while (!rc && !stopped && (rc = db_next(rows)) > 0) {
		stopped = each(ctx, db, rows);
		rc = KE_OK;
	}
	struct fault own = { 0 };
	if (rc)
		db_fault(db, rc, &own); /* before the reset: it forgets */
	db_rows_end(rows);
	read_end(s, db, KE_OK, NULL);
	if (rc && f)
		*f = own;
	return rc ? rc : stopped;
}

int walk(struct store *s, const char *sql, const struct db_value *values, size_t count,
        int (*each)(void *ctx, struct db *db, struct db_rows *rows), void *ctx, struct fault *f)
{
	return walk_in(s, DB_BEGIN_ONE, sql, values, count, each, ctx, f);
}

int walk_deep(struct store *s, const char *sql, const struct db_value *values, size_t count,
        int (*each)(void *ctx, struct db *db, struct db_rows *rows), void *ctx, struct fault *f)
{
	return walk_in(s, DB_BEGIN_READ, sql, values, count, each, ctx, f);
}

int feed_lock(struct db *db)
{
	int64_t version;
	int rc = db_number(db, "SELECT version FROM kedge_schema" DB_FOR_UPDATE, DB_NO_ARGS, &version);

	return rc == KE_NOENT ? KE_STORE : rc;
}

void labels_write(struct buf *out, const struct store_label *labels, size_t count)
{
	struct jsonw w = JSONW_INIT(out, 0);

	jsonw_object(&w, NULL);
	for (size_t i = 0; i < count; i++)
		jsonw_string(&w, labels[i].name, labels[i].value);
	jsonw_object_end(&w);
}

int store_ready(struct store *s, struct fault *f)
{
	struct db *db;
	int64_t version;

	if (queue_full(s))
		return fault_set(f, KE_BUSY, "store", NULL, "the queue of records is full");
	int rc = read_one(s, &db, f);
	if (rc)
		return rc;
	rc = db_number(db, "SELECT version FROM kedge_schema", DB_NO_ARGS, &version);
	return read_end(s, db, rc == KE_NOENT ? KE_STORE : rc, f);
}

int store_check(struct store *s, struct fault *f)
{
	struct db *db;
	int rc = read_begin(s, &db, f);

	if (rc)
		return rc;
	struct fault own = { 0 };
	rc = db_check(db, &own);
	read_end(s, db, KE_OK, NULL);
	if (rc && f)
		*f = own;
	return rc;
}
