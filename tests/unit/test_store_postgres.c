/* PostgreSQL only: connection strings, what its errors become, several stores on one database. What needs no server runs
 * without one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "server-stub/store/execution.h"
#include "server-stub/store/migrate.h"
#include "server-stub/store/postgres.h"
#include "tests/support/store_world.h"

#define STORES 3
#define ROUNDS 40
#define EPOCH  "aaaaaaaaaaaaaaaa"

static void strings_that_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *where, *words, *remark;
	} rows[] = {
		{ "postgresql://anna:s3cret@db/kedge", "holds a password", "in the address" },
		{ "postgresql://db/kedge?password=s3cret", "holds a password", "as a parameter" },
		{ "postgres://db/kedge?user=anna&sslpassword=s3cret", "holds a password", "of a key" },
		{ "postgresql://anna:s3cret%zz@db/kedge", "is no valid connection string",
		        "libpq would quote it" },
		{ "postgresql://db/kedge?passwort=s3cret&password=s3cret", "is no valid connection string",
		        "libpq would quote it" },
		{ "postgresql://db/kedge?colour=red", "colour", "libpq's own words" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct store_config config = { .where = rows[i].where };
		struct store *s = NULL;
		struct fault f = { 0 };
		char line[1024];
		assert_int_equal(store_open(&config, &s, &f), KE_USAGE);
		fault_line(&f, line, sizeof line);
		print_message("%s: %s\n", rows[i].remark, line);
		assert_non_null(strstr(f.what, rows[i].words));
		assert_null(strstr(line, "s3cret"));
		assert_true(f.todo[0] != '\0');
	}
}

static void a_database_that_is_away_is_named_without_its_user(void **state)
{
	(void)state;
	struct store_config config = { .where = "postgresql://anna@/kedge?host=/nonexistent/run" };
	struct store *s = NULL;
	struct fault f = { 0 };
	assert_int_equal(store_open(&config, &s, &f), KE_STORE);
	assert_string_equal(f.where, "postgresql:///nonexistent/run/kedge");
	assert_non_null(strstr(f.what, "No such file or directory"));
}

static void errors_become_codes(void **state)
{
	(void)state;
	static const struct {
		const char *state;
		int rc;
	} rows[] = {
		{ "23505", KE_EXIST }, /* unique */
		{ "23514", KE_STORE }, /* check */
		{ "40001", KE_BUSY },  /* serialization_failure */
		{ "40P01", KE_BUSY },  /* deadlock */
		{ "55P03", KE_BUSY },  /* lock_timeout */
		{ "57P01", KE_BUSY },  /* the server shuts down */
		{ "57P02", KE_BUSY },  /* it crashed */
		{ "57P03", KE_BUSY },  /* it is still starting */
		{ "25006", KE_BUSY },  /* a standby by now */
		{ "08006", KE_BUSY },  /* connection lost */
		{ "08P01", KE_STORE }, /* our mistake */
		{ "53200", KE_NOMEM },
		{ "53100", KE_STORE }, /* disk full */
		{ "42P01", KE_STORE }, /* no such table */
		{ "", KE_STORE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(pg_code(rows[i].state), rows[i].rc);
}

/* ---- with a server ---- */

static struct world w;
static struct store *stores[STORES];
static PGconn *other; /* somebody else, until the end of the test */

static int setup(void **state)
{
	(void)state;
	memset(stores, 0, sizeof stores);
	world_dir(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	PQfinish(other);
	other = NULL;
	for (int i = 0; i < STORES; i++)
		store_close(stores[i]);
	w.s = NULL;
	world_close(&w);
	return 0;
}

struct opener {
	pthread_t thread;
	struct store **to;
	int rc;
	struct fault f;
};

static void *open_run(void *arg)
{
	struct opener *o = arg;
	struct store_config config = { .where = w.path, .busy_ms = 20000, .commit_ms = 2 };

	o->rc = store_open(&config, o->to, &o->f);
	return NULL;
}

/* All at once, as several servers do that are started together on an empty database. */
static void stores_open(void)
{
	struct opener openers[STORES] = { 0 };
	for (int i = 0; i < STORES; i++) {
		openers[i].to = &stores[i];
		assert_int_equal(pthread_create(&openers[i].thread, NULL, open_run, &openers[i]), 0);
	}
	for (int i = 0; i < STORES; i++) {
		pthread_join(openers[i].thread, NULL);
		if (openers[i].rc)
			print_message("%s\n", openers[i].f.what);
		assert_int_equal(openers[i].rc, KE_OK);
	}
	w.s = stores[0];
}

static void three_migrate_at_once(void **state)
{
	(void)state;
	WORLD_SQLITE_NOT(&w);
	stores_open();
	assert_int_equal(world_sql(&w, "SELECT version FROM kedge_schema"), schema_newest());
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM audit_base"), 1);
}

struct worker {
	pthread_t thread;
	int index, rc;
	uint64_t acked;
	unsigned good, refused;
};

static void workers_run(struct worker *all, void *(*run)(void *))
{
	for (int i = 0; i < STORES; i++) {
		all[i].index = i;
		assert_int_equal(pthread_create(&all[i].thread, NULL, run, &all[i]), 0);
	}
	for (int i = 0; i < STORES; i++) {
		pthread_join(all[i].thread, NULL);
		assert_int_equal(all[i].rc, KE_OK);
	}
}

/* The same batches of one host, with drifts, through every store, as if each answer had been lost. */
static void *same_host_run(void *arg)
{
	struct worker *me = arg;
	struct store_drift_in drift = { .key = "k", .policy = "p" };
	struct teller *t = calloc(1, sizeof *t);
	struct store_ack ack = { 0 };

	teller_start(t, "web1", EPOCH);
	for (int round = 0; round < ROUNDS && !me->rc; round++) {
		teller_clear(t);
		teller_tell(t, t->seq ? "gap" : "epoch", "x");
		teller_tell(t, "drift", "x")->drift = &drift;
		do
			me->rc = store_append(stores[me->index], &t->batch, &ack, NULL);
		while (me->rc == KE_BUSY);
		me->acked += ack.stored;
		if (!me->rc && (ack.forked || ack.acked < t->seq))
			me->rc = -1000;
	}
	free(t);
	return NULL;
}

static void one_history_through_three_servers(void **state)
{
	(void)state;
	WORLD_SQLITE_NOT(&w);
	struct worker all[STORES] = { 0 };
	uint64_t stored = 0;
	stores_open();
	assert_int_equal(world_enrol(&w, "web1"), KE_OK);
	workers_run(all, same_host_run);
	for (int i = 0; i < STORES; i++)
		stored += all[i].acked;
	assert_int_equal(stored, 2 * ROUNDS); /* each record once, whoever stored it */
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM records"), 2 * ROUNDS);
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM drifts"), ROUNDS);
	assert_int_equal(world_sql(&w, "SELECT forks FROM hosts"), 0);
}

struct answers {
	atomic_int calls, bad;
};

static void answer(void *ctx, int rc, const struct store_ack *ack, const struct fault *f)
{
	struct answers *a = ctx;

	(void)ack;
	(void)f;
	a->bad += rc != KE_OK;
	a->calls++;
}

/* Groups of many hosts, of every other store in the opposite order: locked in one order, so nothing waits in a circle. */
static void *many_hosts_run(void *arg)
{
	struct worker *me = arg;
	enum { HOSTS = 8 };
	struct teller *t = calloc(HOSTS, sizeof *t);
	struct answers got = { 0 };
	char names[HOSTS][16];

	for (int h = 0; h < HOSTS; h++) {
		snprintf(names[h], sizeof names[h], "h%d", me->index % 2 ? HOSTS - 1 - h : h);
		teller_start(&t[h], names[h], EPOCH);
		teller_tell(&t[h], "epoch", "x");
		t[h].batch.done = answer;
		t[h].batch.ctx = &got;
	}
	for (int round = 1; round <= ROUNDS && !me->rc; round++) {
		for (int h = 0; h < HOSTS && !me->rc; h++)
			me->rc = store_submit(stores[me->index], &t[h].batch);
		while (!me->rc && got.calls < round * HOSTS)
			usleep(500);
	}
	if (got.bad)
		me->rc = -1000;
	free(t);
	return NULL;
}

static void groups_do_not_wait_in_a_circle(void **state)
{
	(void)state;
	WORLD_SQLITE_NOT(&w);
	static const char deadlocks[] = "SELECT sum(deadlocks) FROM pg_stat_database";
	struct worker all[STORES] = { 0 };
	stores_open();
	for (int h = 0; h < 8; h++) {
		char name[16];
		snprintf(name, sizeof name, "h%d", h);
		assert_int_equal(world_enrol(&w, name), KE_OK);
	}
	long long before = world_sql(&w, deadlocks);
	workers_run(all, many_hosts_run);
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM records"), 8);
	for (int i = 0; i < STORES; i++) {
		store_close(stores[i]); /* a connection that ends says what it has counted */
		stores[i] = NULL;
	}
	usleep(300000);
	assert_int_equal(world_sql(&w, deadlocks), before);
}

static void *audit_run(void *arg)
{
	struct worker *me = arg;

	for (int i = 0; i < ROUNDS && !me->rc; i++)
		me->rc = store_audit_append(stores[me->index], &world_admin, "test", "x", NULL, NULL);
	return NULL;
}

static void one_audit_chain_through_three_servers(void **state)
{
	(void)state;
	WORLD_SQLITE_NOT(&w);
	struct worker all[STORES] = { 0 };
	struct store_audit_state chain;
	stores_open();
	workers_run(all, audit_run);
	assert_int_equal(store_audit_verify(stores[0], NULL, &chain, &w.f), KE_OK);
	assert_int_equal(chain.last, STORES * ROUNDS);
}

/* A host id that is free, and tokens that are bound to none: one of those who race gets it. */
static void *enrol_run(void *arg)
{
	struct worker *me = arg;

	for (int i = 0; i < ROUNDS && !me->rc; i++) {
		char host[16], token[16];
		snprintf(host, sizeof host, "n%d", i);
		snprintf(token, sizeof token, "t%d-%d", me->index, i);
		struct store_enrolment e = { .host = host,
			.cert_sha256 = WORLD_CERT,
			.not_after = WORLD_TIME + 86400,
			.token_id = token,
			.token_sha256 = WORLD_CERT };
		int rc = store_host_enrol(stores[me->index], &world_admin, &e, NULL);
		me->good += rc == KE_OK;
		me->refused += rc == KE_EXIST;
		if (rc && rc != KE_EXIST)
			me->rc = rc;
	}
	return NULL;
}

static void a_free_name_goes_to_one(void **state)
{
	(void)state;
	WORLD_SQLITE_NOT(&w);
	struct worker all[STORES] = { 0 };
	unsigned good = 0, refused = 0;
	stores_open();
	for (int i = 0; i < STORES; i++)
		for (int n = 0; n < ROUNDS; n++) {
			char token[32];
			snprintf(token, sizeof token, "t%d-%d", i, n);
			struct store_token t = {
				.id = token, .secret_sha256 = WORLD_CERT, .expires = WORLD_TIME + 100
			};
			assert_int_equal(store_token_create(w.s, &world_admin, &t, &w.f), KE_OK);
		}
	workers_run(all, enrol_run);
	for (int i = 0; i < STORES; i++) {
		good += all[i].good;
		refused += all[i].refused;
	}
	assert_int_equal(good, ROUNDS);
	assert_int_equal(refused, (STORES - 1) * ROUNDS);
	/* who was refused still has its token */
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM tokens WHERE used > 0"), ROUNDS);
}

static void *publish_run(void *arg)
{
	struct worker *me = arg;
	const struct store_file file = { .name = "metadata/1.root.json", .data = "x", .len = 1 };

	for (int i = 0; i < ROUNDS && !me->rc; i++) {
		int64_t generation;
		int rc = store_repo_publish(
		        stores[me->index], &world_admin, STORE_MERGE, &file, 1, i, &generation, NULL);
		me->good += rc == KE_OK;
		if (rc && rc != KE_CONFLICT)
			me->rc = rc;
	}
	return NULL;
}

/* Everybody tries to publish on top of each generation: of those who race one wins, the others are told. */
static void a_generation_is_published_once(void **state)
{
	(void)state;
	WORLD_SQLITE_NOT(&w);
	struct worker all[STORES] = { 0 };
	int64_t generation = 0;
	stores_open();
	workers_run(all, publish_run);
	assert_int_equal(store_repo_generation(stores[1], &generation, &w.f), KE_OK);
	assert_int_equal(generation, all[0].good + all[1].good + all[2].good);
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM audit"), generation);
}

static void *lease_run(void *arg)
{
	struct worker *me = arg;
	char name[16];
	int64_t term;

	snprintf(name, sizeof name, "server%d", me->index);
	for (int i = 0; i < ROUNDS && !me->rc; i++) {
		int rc = store_lease_take(stores[me->index], name, WORLD_TIME + i, 0, &term, NULL);
		me->good += rc == KE_OK;
		if (rc && rc != KE_BUSY)
			me->rc = rc;
	}
	return NULL;
}

static int execution_row(void *ctx, const struct store_execution *e)
{
	*(int64_t *)ctx = e->revision;
	return 0;
}

/* A term ends when another takes over; what is decided under it, and on top of a revision that is gone, is refused. */
static void who_was_overtaken_changes_nothing(void **state)
{
	(void)state;
	WORLD_SQLITE_NOT(&w);
	struct worker all[STORES] = { 0 };
	struct store_execution e = {
		.policy = "p", .serial = 1, .state = "running", .reason = "", .n_waves = 1
	};
	struct store_news news;
	int64_t first, second, revision = 0;
	stores_open();
	e.waves[0].state = "waits";
	workers_run(all, lease_run);
	assert_int_equal(store_lease_take(stores[0], "a", WORLD_TIME + 1000, 10, &first, &w.f), KE_OK);
	assert_int_equal(store_lease_take(stores[1], "b", WORLD_TIME + 1001, 10, &second, &w.f), KE_BUSY);
	struct store_deed deed = { .action = "open", .term = first };
	assert_int_equal(store_execution_write(stores[0], &world_admin, &e, &deed, &w.f), KE_OK);
	assert_int_equal(store_lease_take(stores[1], "b", WORLD_TIME + 1011, 10, &second, &w.f), KE_OK);
	assert_true(second > first);
	e.revision = 1;
	assert_int_equal(store_execution_write(stores[0], &world_admin, &e, &deed, &w.f), KE_CONFLICT);
	deed.term = second;
	assert_int_equal(store_execution_write(stores[1], &world_admin, &e, &deed, &w.f), KE_OK);
	assert_int_equal(store_execution_write(stores[2], &world_admin, &e, &deed, &w.f), KE_CONFLICT);
	assert_int_equal(store_execution_list(stores[2], &news, execution_row, &revision, &w.f), KE_OK);
	assert_int_equal(revision, 2);
	assert_int_equal(news.change, 2);
}

/* Another process adds a drift and has not committed: whoever adds one after it waits, so that nobody sees the higher id
 * first. */
static void ids_become_visible_in_order(void **state)
{
	(void)state;
	WORLD_SQLITE_NOT(&w);
	struct store_config config = { .where = w.path, .busy_ms = 100, .commit_ms = 1 };
	struct store_drift_in drift = { .key = "k", .policy = "p" };
	struct store_ack ack;
	struct teller t;
	assert_int_equal(store_open(&config, &stores[0], &w.f), KE_OK);
	w.s = stores[0];
	assert_int_equal(world_enrol(&w, "web1"), KE_OK);
	other = world_pg_connect(w.path);
	world_pg_run(other, "BEGIN; SELECT version FROM kedge_schema FOR UPDATE");
	teller_start(&t, "web1", EPOCH);
	teller_tell(&t, "epoch", "x");
	assert_int_equal(
	        store_append(stores[0], &t.batch, &ack, &w.f), KE_OK); /* no drift: it does not wait */
	teller_clear(&t);
	teller_tell(&t, "drift", "x")->drift = &drift;
	assert_int_equal(store_append(stores[0], &t.batch, &ack, &w.f), KE_BUSY);
	assert_non_null(strstr(w.f.what, "lock timeout"));
	PQfinish(other);
	other = NULL;
	assert_int_equal(store_append(stores[0], &t.batch, &ack, &w.f), KE_OK);
}

/* The server ends every connection but ours: the next transaction opens new ones. */
static void lost_connections_are_opened_again(void **state)
{
	(void)state;
	WORLD_SQLITE_NOT(&w);
	struct store_summary sum;
	char sql[200];
	snprintf(w.path + strlen(w.path), sizeof w.path - strlen(w.path), "&application_name=%s", w.schema);
	stores_open();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(world_enrol(&w, "web1"), KE_OK);
		assert_int_equal(store_summary(w.s, &sum, &w.f), KE_OK);
		assert_int_equal(sum.enrolled, 1);
		snprintf(sql, sizeof sql,
		        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE"
		        " application_name = '%s'",
		        w.schema);
		assert_true(world_sql(&w, sql) >= 1);
	}
	assert_int_equal(store_ready(w.s, &w.f), KE_OK);
}

static void weak_commits_are_made_strong(void **state)
{
	(void)state;
	WORLD_SQLITE_NOT(&w);
	char where[sizeof w.path + 64];
	struct db *db;
	struct db_rows *rows;
	static const struct {
		const char *is, *becomes;
	} rows_[] = { { "off", "on" }, { "local", "on" }, { "remote_write", "on" }, { "on", "on" },
		{ "remote_apply", "remote_apply" } };
	for (size_t i = 0; i < sizeof rows_ / sizeof rows_[0]; i++) {
		snprintf(where, sizeof where, "%s%%20-csynchronous_commit%%3D%s", w.path, rows_[i].is);
		assert_int_equal(db_open(&db_postgres, where, 100, DB_WRITER, &db, &w.f), KE_OK);
		assert_int_equal(
		        db_query(db, "SELECT current_setting('synchronous_commit')", DB_NO_ARGS, &rows),
		        KE_OK);
		assert_int_equal(db_next(rows), 1);
		assert_string_equal(db_text(rows, 0), rows_[i].becomes);
		db_rows_end(rows);
		db_close(db);
	}
}

/* More rows than are fetched at once, through a cursor, with questions in between. */
static void many_rows_are_fetched_in_parts(void **state)
{
	(void)state;
	WORLD_SQLITE_NOT(&w);
	struct db *db;
	struct db_rows *rows;
	int64_t n = 0, sum = 0, one;
	assert_int_equal(db_open(&db_postgres, w.path, 100, DB_READER, &db, &w.f), KE_OK);
	for (int round = 0; round < 2; round++) { /* the cursor can be opened again */
		sum = n = 0;
		assert_int_equal(db_begin(db, DB_BEGIN_READ), KE_OK);
		assert_int_equal(db_query(db, "SELECT g FROM generate_series(1, $1) AS g" DB_MANY,
		                         DB_ARGS(DB_I(1234)), &rows),
		        KE_OK);
		while (db_next(rows) > 0) {
			n++;
			sum += db_int(rows, 0);
			if (n == 700)
				assert_int_equal(db_number(db, "SELECT 7", DB_NO_ARGS, &one), KE_OK);
		}
		db_rows_end(rows);
		db_rollback(db);
		assert_int_equal(n, 1234);
		assert_int_equal(sum, 1234 * 1235 / 2);
	}
	db_close(db);
}

static void types_that_would_be_misread_are_refused(void **state)
{
	(void)state;
	WORLD_SQLITE_NOT(&w);
	static const char *const sql[] = { "SELECT 1.5", "SELECT now()", "SELECT sum(1::bigint)",
		"SELECT ARRAY[1]" };
	struct db *db;
	int64_t n;
	assert_int_equal(db_open(&db_postgres, w.path, 100, DB_READER, &db, &w.f), KE_OK);
	for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++)
		assert_int_equal(db_number(db, sql[i], DB_NO_ARGS, &n), KE_STORE);
	assert_int_equal(db_number(db, "SELECT (-2)::smallint", DB_NO_ARGS, &n), KE_OK);
	assert_int_equal(n, -2);
	assert_int_equal(db_number(db, "SELECT -70000", DB_NO_ARGS, &n), KE_OK);
	assert_int_equal(n, -70000);
	assert_int_equal(db_number(db, "SELECT true", DB_NO_ARGS, &n), KE_OK);
	assert_int_equal(n, 1);
	db_close(db);
}

/* A transaction that has failed cannot be committed, though COMMIT itself says no error. */
static void a_failed_transaction_is_not_committed(void **state)
{
	(void)state;
	WORLD_SQLITE_NOT(&w);
	struct db *db;
	int64_t n;
	stores_open();
	assert_int_equal(db_open(&db_postgres, w.path, 100, DB_WRITER, &db, &w.f), KE_OK);
	assert_int_equal(db_begin(db, DB_BEGIN_WRITE), KE_OK);
	assert_int_equal(db_run(db, "INSERT INTO rollout_change VALUES (1, 5)", DB_NO_ARGS, NULL), KE_EXIST);
	assert_int_equal(db_commit(db), KE_STORE);
	db_rollback(db);
	assert_int_equal(db_number(db, "SELECT change FROM rollout_change", DB_NO_ARGS, &n), KE_OK);
	assert_int_equal(n, 0);
	db_close(db);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_that_are_refused),
		cmocka_unit_test(a_database_that_is_away_is_named_without_its_user),
		cmocka_unit_test(errors_become_codes),
		TEST(three_migrate_at_once),
		TEST(one_history_through_three_servers),
		TEST(groups_do_not_wait_in_a_circle),
		TEST(one_audit_chain_through_three_servers),
		TEST(a_free_name_goes_to_one),
		TEST(a_generation_is_published_once),
		TEST(who_was_overtaken_changes_nothing),
		TEST(ids_become_visible_in_order),
		TEST(lost_connections_are_opened_again),
		TEST(weak_commits_are_made_strong),
		TEST(many_rows_are_fetched_in_parts),
		TEST(types_that_would_be_misread_are_refused),
		TEST(a_failed_transaction_is_not_committed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
