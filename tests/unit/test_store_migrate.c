/* The schema: every old version comes up, a newer or foreign one is refused and left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server-stub/store/migrate.h"
#include "tests/support/store_world.h"

static struct world w;
static const char world_pg_tables[] =
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()";

static int setup(void **state)
{
	(void)state;
	world_dir(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

static int open_store(void)
{
	return world_reopen(&w, (struct store_config){ 0 });
}

static int migrate_to(int version)
{
	struct db *db;
	assert_int_equal(db_open(world_driver(&w), w.path, 100, DB_WRITER, &db, &w.f), KE_OK);
	int rc = schema_migrate(db, version, &w.f);
	db_close(db);
	return rc;
}

static void every_version_comes_up(void **state)
{
	(void)state;
	assert_true(schema_newest() >= 3);
	for (int version = 0; version <= schema_newest(); version++) {
		world_close(&w);
		world_dir(&w);
		assert_int_equal(migrate_to(version), KE_OK);
		assert_int_equal(world_sql(&w, "SELECT version FROM kedge_schema"), version);
		if (version == 1) /* what an old version stored is still there afterwards */
			world_sql(&w, "INSERT INTO hosts (id, state, cert_sha256, not_after, created)"
			              " VALUES ('old', 'enrolled', '', 1, 1)");
		assert_int_equal(open_store(), KE_OK);
		assert_int_equal(world_sql(&w, "SELECT version FROM kedge_schema"), schema_newest());
		assert_int_equal(world_enrol(&w, "web1"), KE_OK);
		assert_int_equal(world_sql(&w, "SELECT count(*) FROM hosts"), version == 1 ? 2 : 1);
	}
}

static void opening_again_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(open_store(), KE_OK);
	assert_int_equal(world_enrol(&w, "web1"), KE_OK);
	store_close(w.s);
	long long tables = world_sql(&w, w.postgres ? world_pg_tables : "SELECT count(*) FROM sqlite_master");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(open_store(), KE_OK);
		store_close(w.s);
		w.s = NULL;
	}
	assert_int_equal(migrate_to(1), KE_OK); /* never downwards */
	assert_int_equal(world_sql(&w, "SELECT version FROM kedge_schema"), schema_newest());
	assert_int_equal(
	        world_sql(&w, w.postgres ? world_pg_tables : "SELECT count(*) FROM sqlite_master"), tables);
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM hosts"), 1);
}

/* A step that fails half-way leaves the version before it, whole. */
static void a_step_is_all_or_nothing(void **state)
{
	(void)state;
	assert_int_equal(migrate_to(1), KE_OK);
	world_sql(&w, "CREATE TABLE denials (in_the_way INTEGER)"); /* the last table of step 2 */
	assert_int_equal(open_store(), KE_STORE);
	assert_int_equal(world_sql(&w, "SELECT version FROM kedge_schema"), 1);
	assert_int_equal(
	        world_sql(&w, w.postgres ? "SELECT CASE WHEN to_regclass('tokens') IS NULL THEN 0 ELSE 1 END"
	                                 : "SELECT count(*) FROM sqlite_master WHERE name = 'tokens'"),
	        0);
	world_sql(&w, "DROP TABLE denials");
	assert_int_equal(open_store(), KE_OK);
}

static void what_is_not_ours_is_refused_and_left_alone(void **state)
{
	(void)state;
	static const struct {
		const char *sql; /* NULL: garbage instead of a database */
		const char *words;
	} rows[] = {
		{ "UPDATE kedge_schema SET version = 1000", "has schema version 1000, this program knows" },
		{ "UPDATE kedge_schema SET version = -1", "has schema version -1" },
		{ "DROP TABLE kedge_schema", "is not a kedge database" },
		{ NULL, "file is not a database" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (!rows[i].sql && w.postgres)
			continue;
		world_close(&w);
		world_dir(&w);
		if (rows[i].sql) {
			assert_int_equal(open_store(), KE_OK);
			store_close(w.s);
			w.s = NULL;
			world_sql(&w, rows[i].sql);
		} else {
			FILE *out = fopen(w.path, "w");
			assert_non_null(out);
			for (int n = 0; n < 1000; n++)
				fputs("kernel.sysrq = 1\n", out);
			assert_int_equal(fclose(out), 0);
		}
		memset(&w.f, 0, sizeof w.f);
		assert_int_equal(open_store(), KE_STORE);
		assert_non_null(strstr(w.f.what, rows[i].words));
		if (rows[i].sql && i != 2)
			assert_int_not_equal(
			        world_sql(&w, "SELECT version FROM kedge_schema"), schema_newest());
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_version_comes_up),
		TEST(opening_again_changes_nothing),
		TEST(a_step_is_all_or_nothing),
		TEST(what_is_not_ours_is_refused_and_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
