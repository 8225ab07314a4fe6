/* Opening, the settings that durability hangs on, damage, and the layer that binds values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/stat.h>

#include "server-stub/store/db.h"
#include "tests/support/store_world.h"

static struct world w;

static int setup(void **state)
{
	(void)state;
	world_open(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

static void places_that_cannot_be_opened(void **state)
{
	(void)state;
	static const struct {
		const char *where;
		int rc;
	} rows[] = {
		{ "postgresql:///kedge?host=/nonexistent/directory", KE_STORE },
		{ "postgres:///kedge?host=/nonexistent/directory", KE_STORE },
		{ "/nonexistent/directory/store.db", KE_STORE },
		{ "/tmp", KE_STORE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct store_config config = { .where = rows[i].where };
		struct store *s = NULL;
		assert_int_equal(store_open(&config, &s, &w.f), rows[i].rc);
		assert_null(s);
		assert_int_equal(w.f.code, rows[i].rc);
	}
	store_close(NULL);
}

static void the_file_is_private_and_the_log_is_synced(void **state)
{
	(void)state;
	WORLD_SQLITE_ONLY(&w);
	char wal[sizeof w.path + 8];
	struct stat st;
	struct db *db;
	int64_t n = 0;
	assert_int_equal(world_enrol(&w, "web1"), KE_OK);
	assert_int_equal(stat(w.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(wal, sizeof wal, "%s-wal", w.path);
	assert_int_equal(stat(wal, &st), 0); /* it is in WAL mode */
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(db_open(&db_sqlite, w.path, 100, DB_WRITER, &db, &w.f), KE_OK);
	assert_int_equal(db_number(db, "PRAGMA synchronous", DB_NO_ARGS, &n), KE_OK);
	assert_int_equal(n, 2); /* FULL */
	db_close(db);
}

static void locked_while_opening(void **state)
{
	(void)state;
	WORLD_SQLITE_ONLY(&w);
	sqlite3 *other;
	struct world second = w;
	assert_int_equal(sqlite3_open(w.path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(world_reopen(&second, (struct store_config){ 0 }), KE_BUSY);
	sqlite3_close(other);
	assert_int_equal(world_reopen(&second, (struct store_config){ 0 }), KE_OK);
	store_close(second.s);
}

static int host_row(void *ctx, const struct store_host *h)
{
	*(int *)ctx += !strcmp(h->id, "web1");
	return 0;
}

static void damage_is_noticed(void **state)
{
	(void)state;
	WORLD_SQLITE_ONLY(&w);
	char page[4096];
	assert_int_equal(world_enrol(&w, "web1"), KE_OK);
	assert_int_equal(store_check(w.s, &w.f), KE_OK);
	assert_int_equal(store_ready(w.s, &w.f), KE_OK);
	store_close(w.s);
	w.s = NULL;
	long long root = world_sql(&w, "SELECT rootpage FROM sqlite_master WHERE name = 'hosts'");
	FILE *file = fopen(w.path, "r+");
	assert_non_null(file);
	memset(page, 0xa5, sizeof page);
	assert_int_equal(fseek(file, (long)(root - 1) * 4096, SEEK_SET), 0);
	assert_int_equal(fwrite(page, sizeof page, 1, file), 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(world_reopen(&w, (struct store_config){ 0 }), KE_OK);
	memset(&w.f, 0, sizeof w.f);
	assert_int_equal(store_check(w.s, &w.f), KE_STORE);
	assert_true(w.f.what[0] != '\0');
	int seen = 0;
	assert_int_equal(store_host_get(w.s, "web1", host_row, &seen, &w.f), KE_STORE);
	assert_int_equal(world_enrol(&w, "web1"), KE_STORE);
	assert_int_equal(seen, 0);
}

static void *read_run(void *arg)
{
	int *rc = arg, seen = 0;
	for (int i = 0; i < 100 && !*rc; i++)
		*rc = store_host_get(w.s, "web1", host_row, &seen, NULL);
	if (!*rc && seen != 100)
		*rc = -1000;
	return NULL;
}

/* More threads than reading connections. */
static void readers_share_the_pool(void **state)
{
	(void)state;
	pthread_t threads[12];
	int rc[12] = { 0 };
	assert_int_equal(world_enrol(&w, "web1"), KE_OK);
	for (int i = 0; i < 12; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_run, &rc[i]), 0);
	for (int i = 0; i < 12; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(rc[i], 0);
	}
}

static void values_are_bound_or_refused(void **state)
{
	(void)state;
	struct db *db;
	struct db_rows *rows;
	size_t len = 9;
	int64_t n = 0;
	assert_int_equal(db_open(world_driver(&w), w.path, 100, DB_READER, &db, &w.f), KE_OK);
	assert_int_equal(db_number(db, "SELECT $1 + $2", DB_ARGS(DB_I(40), DB_I(2)), &n), KE_OK);
	assert_int_equal(n, 42);
	assert_int_equal(db_number(db, "SELECT $1 - $2 + $1", DB_ARGS(DB_I(40), DB_I(2)), &n), KE_OK);
	assert_int_equal(n, 78);
	/* too few, too many, not numbered in order */
	assert_int_equal(db_number(db, "SELECT $1 + $2 + 0", DB_ARGS(DB_I(40)), &n), KE_STORE);
	assert_int_equal(db_number(db, "SELECT 1", DB_ARGS(DB_I(40)), &n), KE_STORE);
	if (!w.postgres) /* which numbers them itself */
		assert_int_equal(db_number(db, "SELECT $2 + $1", DB_ARGS(DB_I(40), DB_I(2)), &n), KE_STORE);
	assert_int_equal(db_number(db, "SELECT ?", DB_ARGS(DB_I(40)), &n), KE_STORE);
	assert_int_equal(db_number(db, "SELECT 1 WHERE 1 = 0", DB_NO_ARGS, &n), KE_NOENT);
	/* a reader cannot write */
	assert_int_equal(db_run(db, "DELETE FROM hosts", DB_NO_ARGS, NULL), w.postgres ? KE_BUSY : KE_STORE);
	assert_int_equal(
	        db_query(db, "SELECT $1, $2, $3", DB_ARGS(DB_T(NULL), DB_B("", 0), DB_B("a\0b", 3)), &rows),
	        KE_OK);
	assert_int_equal(db_next(rows), 1);
	assert_string_equal(db_text(rows, 0), "");
	db_bytes(rows, 1, &len);
	assert_int_equal(len, 0);
	assert_memory_equal(db_bytes(rows, 2, &len), "a\0b", 3);
	assert_int_equal(len, 3);
	assert_int_equal(db_next(rows), 0);
	db_rows_end(rows);
	db_close(db);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(places_that_cannot_be_opened),
		TEST(the_file_is_private_and_the_log_is_synced),
		TEST(locked_while_opening),
		TEST(damage_is_noticed),
		TEST(readers_share_the_pool),
		TEST(values_are_bound_or_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
