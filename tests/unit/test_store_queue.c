/* Group commit: ten threads, a full queue, a failing neighbour, a database that somebody else holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <time.h>

#include "tests/support/store_world.h"

#define THREADS 10
#define ROUNDS  8
#define EPOCH   "aaaaaaaaaaaaaaaa"

static struct world w;

struct host_thread {
	pthread_t thread;
	char host[16];
	int rc;
	uint64_t acked;
};

/* One host: ROUNDS batches of 5 records, each sent twice as if the answer had been lost. */
static void *host_run(void *arg)
{
	struct host_thread *h = arg;
	struct teller *t = malloc(sizeof *t);
	struct store_ack ack;

	teller_start(t, h->host, EPOCH);
	for (int round = 0; round < ROUNDS && !h->rc; round++) {
		teller_clear(t);
		for (int i = 0; i < 5; i++)
			teller_tell(t, t->seq ? "gap" : "epoch", h->host);
		h->rc = store_append(w.s, &t->batch, &ack, NULL);
		if (!h->rc)
			h->rc = store_append(w.s, &t->batch, &ack, NULL);
		if (!h->rc && (ack.duplicates != 5 || ack.stored != 0))
			h->rc = -1000;
		h->acked = ack.acked;
	}
	free(t);
	return NULL;
}

static void ten_threads_are_stored_exactly_once(void **state)
{
	(void)state;
	struct host_thread hosts[THREADS] = { 0 };
	struct store_stats stats;

	world_open(&w);
	store_close(w.s);
	assert_int_equal(world_reopen(&w, (struct store_config){ .commit_ms = 20 }), KE_OK);
	for (int i = 0; i < THREADS; i++) {
		snprintf(hosts[i].host, sizeof hosts[i].host, "host%d", i);
		assert_int_equal(world_enrol(&w, hosts[i].host), KE_OK);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&hosts[i].thread, NULL, host_run, &hosts[i]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(hosts[i].thread, NULL);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(hosts[i].rc, KE_OK);
		assert_int_equal(hosts[i].acked, ROUNDS * 5);
	}
	store_stats(w.s, &stats);
	assert_int_equal(stats.records, THREADS * ROUNDS * 5);
	assert_int_equal(stats.duplicates, THREADS * ROUNDS * 5);
	assert_int_equal(stats.batches, THREADS * ROUNDS * 2);
	print_message("%llu batches in %llu commits\n", (unsigned long long)stats.batches,
	        (unsigned long long)stats.commits);
	assert_true(stats.commits <= stats.batches / 2); /* else nothing is shared */
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM records"), THREADS * ROUNDS * 5);
	assert_int_equal(
	        world_sql(&w, "SELECT count(*) FROM (SELECT DISTINCT host, epoch, seq FROM records) AS one"),
	        THREADS * ROUNDS * 5);
	world_close(&w);
}

struct answers {
	int rc[8], calls;
};

static void answer(void *ctx, int rc, const struct store_ack *ack, const struct fault *f)
{
	struct answers *a = ctx;

	(void)ack;
	(void)f;
	a->rc[a->calls++] = rc;
}

/* Three batches in one group: the middle one is refused. store_close() commits what waits. */
static void a_refused_batch_leaves_its_neighbours_alone(void **state)
{
	(void)state;
	static const char *const hosts[] = { "a", "nobody", "c" };
	struct answers got = { 0 };
	struct teller *t = calloc(3, sizeof *t);

	world_open(&w);
	assert_int_equal(world_enrol(&w, "a"), KE_OK);
	assert_int_equal(world_enrol(&w, "c"), KE_OK);
	store_close(w.s);
	assert_int_equal(world_reopen(&w, (struct store_config){ .commit_ms = 60000 }), KE_OK);
	for (int i = 0; i < 3; i++) {
		teller_start(&t[i], hosts[i], EPOCH);
		teller_tell(&t[i], "epoch", "x");
		t[i].batch.done = answer;
		t[i].batch.ctx = &got;
		assert_int_equal(store_submit(w.s, &t[i].batch), KE_OK);
	}
	assert_int_equal(got.calls, 0);
	store_close(w.s);
	w.s = NULL;
	assert_int_equal(got.calls, 3);
	assert_int_equal(got.rc[0], KE_OK);
	assert_int_equal(got.rc[1], KE_NOENT);
	assert_int_equal(got.rc[2], KE_OK);
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM records"), 2);
	free(t);
	world_close(&w);
}

static void a_full_queue_says_busy(void **state)
{
	(void)state;
	struct answers got = { 0 };
	struct teller t;

	world_open(&w);
	assert_int_equal(world_enrol(&w, "a"), KE_OK);
	store_close(w.s);
	assert_int_equal(
	        world_reopen(&w, (struct store_config){ .commit_ms = 60000, .queue_rows = 3 }), KE_OK);
	teller_start(&t, "a", EPOCH);
	for (int i = 0; i < 4; i++)
		teller_tell(&t, i ? "gap" : "epoch", "x");
	t.batch.done = answer;
	t.batch.ctx = &got;
	assert_int_equal(store_submit(w.s, &t.batch), KE_TOOBIG); /* never fits */
	t.batch.count = 3;
	assert_int_equal(store_ready(w.s, NULL), KE_OK);
	assert_int_equal(store_submit(w.s, &t.batch), KE_OK);
	assert_int_equal(store_submit(w.s, &t.batch), KE_BUSY);
	assert_int_equal(store_ready(w.s, NULL), KE_BUSY);
	store_close(w.s);
	w.s = NULL;
	assert_int_equal(got.calls, 1);
	assert_int_equal(got.rc[0], KE_OK);
	world_close(&w);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Another process holds the write lock: every change says so in time, reading goes on, and afterwards all is well. */
static void a_locked_database_says_busy_and_does_not_hang(void **state)
{
	(void)state;
	struct store_summary sum;
	struct store_ack ack;
	struct teller t;

	world_open(&w);
	assert_int_equal(world_enrol(&w, "a"), KE_OK);
	struct world_lock other = world_lock(&w);
	teller_start(&t, "a", EPOCH);
	teller_tell(&t, "epoch", "x");
	int64_t begun = now_ms();
	assert_int_equal(store_append(w.s, &t.batch, &ack, &w.f), KE_BUSY);
	assert_int_equal(world_enrol(&w, "b"), KE_BUSY);
	assert_true(now_ms() - begun < 5000);
	assert_int_equal(store_summary(w.s, &sum, &w.f), KE_OK);
	assert_int_equal(sum.enrolled, 1);
	world_unlock(&other);
	assert_int_equal(store_append(w.s, &t.batch, &ack, &w.f), KE_OK);
	assert_int_equal(ack.stored, 1);
	world_close(&w);
}

/* A constraint that only one host's row breaks stands in for a damaged page: the others of its group are stored. */
static void a_poisoned_host_does_not_stop_the_others(void **state)
{
	(void)state;
	static const char *const hosts[] = { "a", "poison", "c" };
	struct answers got = { 0 };
	struct teller *t = calloc(3, sizeof *t);

	world_open(&w);
	for (int i = 0; i < 3; i++)
		assert_int_equal(world_enrol(&w, hosts[i]), KE_OK);
	store_close(w.s);
	world_sql(&w, w.postgres ? "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS"
	                           " 'BEGIN RAISE EXCEPTION ''damaged''; END';"
	                           "CREATE TRIGGER poison BEFORE INSERT ON records FOR EACH ROW"
	                           " WHEN (new.host = 'poison') EXECUTE FUNCTION poison()"
	                         : "CREATE TRIGGER poison BEFORE INSERT ON records WHEN new.host = 'poison'"
	                           " BEGIN SELECT RAISE(ABORT, 'damaged'); END");
	assert_int_equal(world_reopen(&w, (struct store_config){ .commit_ms = 60000 }), KE_OK);
	for (int i = 0; i < 3; i++) {
		teller_start(&t[i], hosts[i], EPOCH);
		teller_tell(&t[i], "epoch", "x");
		t[i].batch.done = answer;
		t[i].batch.ctx = &got;
		assert_int_equal(store_submit(w.s, &t[i].batch), KE_OK);
	}
	store_close(w.s);
	w.s = NULL;
	assert_int_equal(got.rc[0], KE_OK);
	assert_int_equal(got.rc[1], KE_STORE);
	assert_int_equal(got.rc[2], KE_OK);
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM records"), 2);
	free(t);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_threads_are_stored_exactly_once),
		cmocka_unit_test(a_refused_batch_leaves_its_neighbours_alone),
		cmocka_unit_test(a_full_queue_says_busy),
		cmocka_unit_test(a_locked_database_says_busy_and_does_not_hang),
		cmocka_unit_test(a_poisoned_host_does_not_stop_the_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
