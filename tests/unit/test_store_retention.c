/* Forgetting in small batches; what is left of the audit chain still verifies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

#define EPOCH "aaaaaaaaaaaaaaaa"
#define DAY   86400LL

static uint64_t prune(int64_t now, unsigned rows)
{
	struct store_retention r = { .rows = rows };
	uint64_t deleted = 0;
	assert_int_equal(store_prune(w.s, &r, now, &deleted, &w.f), KE_OK);
	return deleted;
}

static void raw_records_go_after_14_days_drift_stays(void **state)
{
	(void)state;
	const struct store_drift_in drift = { .key = "k" };
	struct store_ack ack;
	struct teller t;
	assert_int_equal(world_enrol(&w, "web1"), KE_OK);
	teller_start(&t, "web1", EPOCH);
	for (int i = 0; i < 10; i++) {
		teller_clear(&t);
		if (i)
			teller_tell(&t, "drift", "")->drift = &drift;
		else
			teller_tell(&t, "epoch", "");
		t.batch.received = WORLD_TIME + i * DAY;
		assert_int_equal(store_append(w.s, &t.batch, &ack, &w.f), KE_OK);
	}
	assert_int_equal(prune(WORLD_TIME + 14 * DAY, 100), 0); /* nothing is older than 14 days */
	assert_int_equal(prune(WORLD_TIME + 14 * DAY + 1, 100), 1);
	assert_int_equal(prune(WORLD_TIME + 18 * DAY, 2), 2); /* small batches */
	assert_int_equal(prune(WORLD_TIME + 18 * DAY, 2), 1);
	assert_int_equal(prune(WORLD_TIME + 18 * DAY, 2), 0);
	assert_int_equal(world_sql(&w, "SELECT min(seq) FROM records"), 5);
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM drifts"), 9);
	assert_int_equal(prune(WORLD_TIME + 100 * DAY, 100), 6);
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM records"), 0);
	teller_tell(&t, "gap", ""); /* a repeat of what is gone, and something new */
	assert_int_equal(store_append(w.s, &t.batch, &ack, &w.f), KE_OK);
	assert_int_equal(ack.duplicates, 1);
	assert_int_equal(world_sql(&w, "SELECT id FROM records"), 11); /* ids do not come again */
	while (prune(WORLD_TIME + 500 * DAY, 3))
		;
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM drifts"), 0);
}

/* A row from before a clock jump shields what came after it. */
static void a_jump_of_the_clock_deletes_nothing_young(void **state)
{
	(void)state;
	struct store_ack ack;
	struct teller t;
	assert_int_equal(world_enrol(&w, "web1"), KE_OK);
	teller_start(&t, "web1", EPOCH);
	static const int64_t days[] = { 0, 50, 1, 2 };
	for (int i = 0; i < 4; i++) {
		teller_clear(&t);
		teller_tell(&t, i ? "gap" : "epoch", "");
		t.batch.received = WORLD_TIME + days[i] * DAY;
		assert_int_equal(store_append(w.s, &t.batch, &ack, &w.f), KE_OK);
	}
	assert_int_equal(prune(WORLD_TIME + 20 * DAY, 100), 1);
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM records"), 3);
}

static void the_rest_of_the_audit_chain_verifies(void **state)
{
	(void)state;
	struct store_audit_state early = { 0 }, st;
	for (int i = 0; i < 10; i++) {
		struct store_actor actor = { "operator/anna", "admin", WORLD_TIME + i * DAY };
		assert_int_equal(store_audit_append(w.s, &actor, "x", "", NULL, &w.f), KE_OK);
		if (i == 4)
			assert_int_equal(store_audit_verify(w.s, NULL, &early, &w.f), KE_OK);
	}
	assert_int_equal(prune(WORLD_TIME + 404 * DAY, 3), 3);
	assert_int_equal(prune(WORLD_TIME + 404 * DAY, 3), 1);
	assert_int_equal(prune(WORLD_TIME + 404 * DAY, 3), 0);
	assert_int_equal(store_audit_verify(w.s, NULL, &st, &w.f), KE_OK);
	assert_int_equal(st.first, 5);
	assert_int_equal(st.last, 10);
	assert_int_equal(store_audit_verify(w.s, &early, &st, &w.f), KE_OK); /* its row is still there */
	assert_int_equal(prune(WORLD_TIME + 405 * DAY, 3), 1);
	assert_int_equal(store_audit_verify(w.s, &early, &st, &w.f), KE_OK); /* its row is the base */
	world_sql(&w, "DELETE FROM audit WHERE seq = 6"); /* retention does not look like this */
	assert_int_equal(store_audit_verify(w.s, NULL, &st, &w.f), KE_CHAIN);
	assert_int_equal(st.bad, 7);
}

static void an_empty_chain_remembers_where_it_was(void **state)
{
	(void)state;
	struct store_audit_state st;
	struct store_actor late = { "operator/anna", "admin", WORLD_TIME + 1000 * DAY };
	assert_int_equal(store_audit_append(w.s, &world_admin, "x", "", NULL, &w.f), KE_OK);
	assert_int_equal(prune(WORLD_TIME + 1000 * DAY, 10), 1);
	assert_int_equal(store_audit_append(w.s, &late, "y", "", NULL, &w.f), KE_OK);
	assert_int_equal(store_audit_verify(w.s, NULL, &st, &w.f), KE_OK);
	assert_int_equal(st.first, 2);
	world_sql(&w, "UPDATE audit_base SET hash = replace(hash, substr(hash, 1, 1), 'f') || 'f'");
	assert_int_equal(store_audit_verify(w.s, NULL, &st, &w.f), KE_CHAIN);
}

static void old_tokens_go(void **state)
{
	(void)state;
	struct store_token t = { .id = "t", .secret_sha256 = WORLD_KEY, .expires = WORLD_TIME + 1 };
	assert_int_equal(store_token_create(w.s, &world_admin, &t, &w.f), KE_OK);
	assert_int_equal(prune(WORLD_TIME + 399 * DAY, 10), 0);
	assert_int_equal(prune(WORLD_TIME + 401 * DAY, 10), 2); /* and its audit row */
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM tokens"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(raw_records_go_after_14_days_drift_stays),
		TEST(a_jump_of_the_clock_deletes_nothing_young),
		TEST(the_rest_of_the_audit_chain_verifies),
		TEST(an_empty_chain_remembers_where_it_was),
		TEST(old_tokens_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
