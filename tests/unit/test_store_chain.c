/* Exactly once, or refused: where a batch fits into the history of its host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/store_world.h"

#define EPOCH_A "aaaaaaaaaaaaaaaa"
#define EPOCH_B "bbbbbbbbbbbbbbbb"
#define EPOCH_C "cccccccccccccccc"

static struct world w;
static struct store_ack ack;

static int setup(void **state)
{
	(void)state;
	world_open(&w);
	return world_enrol(&w, "web1");
}

static int teardown(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

static int append(struct teller *t)
{
	return store_append(w.s, &t->batch, &ack, &w.f);
}

/* An epoch with N records, stored. */
static void history(struct teller *t, const char *epoch, int n)
{
	teller_start(t, "web1", epoch);
	for (int i = 0; i < n; i++)
		teller_tell(t, i ? "gap" : "epoch", "a");
	assert_int_equal(append(t), KE_OK);
}

static char last_state[16];

static int state_row(void *ctx, const struct store_host *h)
{
	(void)ctx;
	snprintf(last_state, sizeof last_state, "%s", h->state);
	return 0;
}

static const char *host_state(void)
{
	assert_int_equal(store_host_get(w.s, "web1", state_row, NULL, &w.f), KE_OK);
	return last_state;
}

static long long stored(void)
{
	return world_sql(&w, "SELECT count(*) FROM records");
}

/* A history of 5 records; a batch of the same chain from one seq to another comes again. */
static void repeats_are_stored_once(void **state)
{
	(void)state;
	static const struct {
		uint64_t from, to;
		int rc;
		unsigned stored, duplicates;
		uint64_t acked;
		const char *remark;
	} rows[] = {
		{ 1, 5, KE_OK, 0, 5, 5, "the whole batch again" },
		{ 1, 2, KE_OK, 0, 2, 5, "the beginning again" },
		{ 2, 4, KE_OK, 0, 3, 5, "the middle again" },
		{ 5, 5, KE_OK, 0, 1, 5, "the head again" },
		{ 4, 8, KE_OK, 3, 2, 8, "two old, three new" },
		{ 6, 6, KE_OK, 1, 0, 6, "the next" },
		{ 1, 9, KE_OK, 4, 5, 9, "all from the start, four new" },
		{ 7, 8, KE_FORK, 0, 0, 5, "a hole" },
		{ 9, 9, KE_FORK, 0, 0, 5, "a larger hole" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct teller t;
		world_close(&w);
		world_open(&w);
		assert_int_equal(world_enrol(&w, "web1"), KE_OK);
		teller_start(&t, "web1", EPOCH_A);
		for (int n = 0; n < 9; n++)
			teller_tell(&t, n ? "gap" : "epoch", "a");
		t.batch.count = 5;
		assert_int_equal(append(&t), KE_OK);
		assert_int_equal(ack.stored, 5);
		t.batch.records = t.records + rows[i].from - 1;
		t.batch.count = (size_t)(rows[i].to - rows[i].from + 1);
		print_message("%s\n", rows[i].remark);
		assert_int_equal(append(&t), rows[i].rc);
		assert_int_equal(ack.acked, rows[i].acked);
		assert_string_equal(ack.epoch, EPOCH_A);
		assert_int_equal(ack.stored, rows[i].stored);
		assert_int_equal(ack.duplicates, rows[i].duplicates);
		assert_int_equal(stored(), rows[i].acked);
		assert_string_equal(host_state(), "enrolled"); /* a hole is not yet a fork */
	}
}

static void second_history_is_refused_with_the_head(void **state)
{
	(void)state;
	struct teller a, b;
	history(&a, EPOCH_A, 3);
	teller_start(&b, "web1", EPOCH_A);
	teller_tell(&b, "epoch", "a");
	teller_tell(&b, "gap", "a");
	teller_tell(&b, "gap", "other"); /* same place, other words */
	teller_tell(&b, "gap", "other");
	static const struct {
		size_t first, count;
		const char *remark;
	} rows[] = { { 2, 1, "the head's place" }, { 0, 3, "up to it" }, { 3, 1, "after it" },
		{ 1, 3, "across it" } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		b.batch.records = b.records + rows[i].first;
		b.batch.count = rows[i].count;
		print_message("%s\n", rows[i].remark);
		assert_int_equal(append(&b), KE_FORK);
		assert_true(ack.forked);
		assert_string_equal(ack.head, a.head);
		assert_int_equal(ack.acked, 3);
	}
	assert_int_equal(stored(), 3);
	assert_string_equal(host_state(), "forked");
	assert_int_equal(world_sql(&w, "SELECT forks FROM hosts"), 4);
	teller_clear(&a); /* the first history goes on */
	teller_tell(&a, "gap", "a");
	assert_int_equal(append(&a), KE_OK);
}

static void equivocation_below_the_head_is_noticed(void **state)
{
	(void)state;
	struct teller a, b;
	history(&a, EPOCH_A, 5);
	teller_start(&b, "web1", EPOCH_A);
	teller_tell(&b, "epoch", "a");
	teller_tell(&b, "gap", "other");
	assert_int_equal(append(&b), KE_FORK);
	assert_int_equal(world_sql(&w, "DELETE FROM records WHERE seq = 2"), -1);
	assert_int_equal(append(&b), KE_OK); /* nothing left to compare with: it was acknowledged once */
	assert_int_equal(ack.duplicates, 2);
}

/* A history of EPOCH_A with 3 records, then an epoch that says what it follows. */
static void new_epoch_names_the_old_head(void **state)
{
	(void)state;
	static const struct {
		const char *after_epoch;
		uint64_t after_seq;
		bool right_head, forked;
		const char *remark;
	} rows[] = {
		{ EPOCH_A, 3, true, false, "names it" },
		{ NULL, 0, false, true, "names nothing" },
		{ EPOCH_A, 2, true, true, "another seq" },
		{ EPOCH_A, 3, false, true, "another head" },
		{ EPOCH_C, 3, true, true, "another epoch" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct teller a, b;
		world_close(&w);
		world_open(&w);
		assert_int_equal(world_enrol(&w, "web1"), KE_OK);
		history(&a, EPOCH_A, 3);
		teller_start(&b, "web1", EPOCH_B);
		teller_tell(&b, "epoch", "b");
		teller_tell(&b, "gap", "b");
		b.batch.after_epoch = rows[i].after_epoch;
		b.batch.after_seq = rows[i].after_seq;
		b.batch.after_head = rows[i].right_head ? a.head : WORLD_ZEROS;
		print_message("%s\n", rows[i].remark);
		assert_int_equal(append(&b), KE_OK);
		assert_int_equal(ack.forked, rows[i].forked);
		assert_string_equal(ack.epoch, EPOCH_B);
		assert_int_equal(ack.acked, 2);
		assert_string_equal(host_state(), rows[i].forked ? "forked" : "enrolled");
		assert_int_equal(stored(), 5);

		assert_int_equal(append(&b), KE_OK); /* the answer was lost */
		assert_int_equal(ack.duplicates, 2);
		assert_int_equal(append(&a), KE_OK); /* so was that of the old epoch */
		assert_string_equal(ack.epoch, EPOCH_A);
		assert_int_equal(ack.acked, 3);
		assert_int_equal(stored(), 5);
		teller_clear(&a); /* the clone goes on with the old epoch */
		teller_tell(&a, "gap", "a");
		assert_int_equal(append(&a), KE_FORK);
		assert_string_equal(ack.epoch, EPOCH_B);
		assert_string_equal(ack.head, b.head);
		assert_string_equal(host_state(), "forked");
	}
}

static void enrolling_again_is_a_fresh_start(void **state)
{
	(void)state;
	struct teller a, b;
	char key[STORE_HEX_ROOM];
	history(&a, EPOCH_A, 3);
	assert_int_equal(world_enrol(&w, "web1"), KE_OK);
	history(&b, EPOCH_B, 1);
	assert_false(ack.forked);
	assert_string_equal(host_state(), "enrolled");
	assert_int_equal(store_epoch_key(w.s, "web1", EPOCH_A, key, &w.f), KE_OK);
	assert_string_equal(key, WORLD_KEY);
	assert_int_equal(store_epoch_key(w.s, "web1", EPOCH_C, key, &w.f), KE_NOENT);
}

enum bend {
	NO_KEY,
	HOLE,
	BAD_PREV,
	FIRST_PREV,
	NOT_EPOCH,
	EPOCH_TWICE,
	SEQ_ZERO,
	SEQ_HUGE,
	LACKS_DRIFT,
	EXTRA_DRIFT
};

static void inconsistent_batches_are_refused(void **state)
{
	(void)state;
	static const struct store_drift_in drift = { .key = "k" };
	static const struct {
		enum bend bend;
		int rc;
		size_t at;
		const char *remark;
	} rows[] = {
		{ NO_KEY, KE_SCHEMA, 0, "an epoch without its key" },
		{ HOLE, KE_CHAIN, 2, "a hole within" },
		{ BAD_PREV, KE_CHAIN, 1, "prev is not the hash before" },
		{ FIRST_PREV, KE_CHAIN, 0, "the first record names a predecessor" },
		{ NOT_EPOCH, KE_SCHEMA, 0, "the first record is no epoch" },
		{ EPOCH_TWICE, KE_SCHEMA, 1, "an epoch in the middle" },
		{ SEQ_ZERO, KE_SCHEMA, 0, "seq 0" },
		{ SEQ_HUGE, KE_SCHEMA, 0, "seq beyond 2^53" },
		{ LACKS_DRIFT, KE_SCHEMA, 1, "a drift without its fields" },
		{ EXTRA_DRIFT, KE_SCHEMA, 2, "drift fields in another kind" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct teller t;
		teller_start(&t, "web1", EPOCH_A);
		teller_tell(&t, rows[i].bend == NOT_EPOCH ? "gap" : "epoch", "a");
		teller_tell(&t,
		        rows[i].bend == EPOCH_TWICE   ? "epoch"
		        : rows[i].bend == LACKS_DRIFT ? "drift"
		                                      : "gap",
		        "a");
		teller_tell(&t, "gap", "a");
		if (rows[i].bend == NO_KEY)
			t.batch.record_key = NULL;
		if (rows[i].bend == HOLE)
			t.records[2].seq = 4;
		if (rows[i].bend == BAD_PREV)
			t.prevs[1][5] ^= 1;
		if (rows[i].bend == FIRST_PREV)
			t.prevs[0][5] = '1';
		if (rows[i].bend == SEQ_ZERO)
			t.records[0].seq = 0;
		if (rows[i].bend == SEQ_HUGE)
			t.records[0].seq = UINT64_MAX;
		if (rows[i].bend == EXTRA_DRIFT)
			t.records[2].drift = &drift;
		print_message("%s\n", rows[i].remark);
		assert_int_equal(append(&t), rows[i].rc);
		assert_int_equal(ack.at, rows[i].at);
		assert_int_equal(stored(), 0);
	}
	assert_string_equal(host_state(), "enrolled");
}

static void strangers_and_revoked_hosts_are_refused(void **state)
{
	(void)state;
	struct teller t;
	teller_start(&t, "nobody", EPOCH_A);
	teller_tell(&t, "epoch", "a");
	assert_int_equal(append(&t), KE_NOENT);
	assert_int_equal(store_host_revoke(w.s, &world_admin, "web1", &w.f), KE_OK);
	teller_start(&t, "web1", EPOCH_A);
	teller_tell(&t, "epoch", "a");
	assert_int_equal(append(&t), KE_FORBIDDEN);
	assert_int_equal(stored(), 0);
}

static void without_history_there_is_nothing_to_fork_from(void **state)
{
	(void)state;
	struct teller t;
	teller_start(&t, "web1", EPOCH_A);
	teller_tell(&t, "epoch", "a");
	teller_clear(&t);
	teller_tell(&t, "gap", "a"); /* the server lost its database */
	assert_int_equal(append(&t), KE_FORK);
	assert_string_equal(ack.epoch, "");
	assert_string_equal(ack.head, WORLD_ZEROS);
	assert_false(ack.forked);
	assert_string_equal(host_state(), "enrolled");
}

static void an_empty_batch_says_that_the_host_was_seen(void **state)
{
	(void)state;
	struct teller a;
	struct store_batch seen = { .host = "web1", .received = WORLD_TIME + 50 };
	history(&a, EPOCH_A, 2);
	assert_int_equal(store_append(w.s, &seen, &ack, &w.f), KE_OK);
	assert_string_equal(ack.head, a.head);
	assert_int_equal(world_sql(&w, "SELECT last_seen FROM hosts"), WORLD_TIME + 50);
	seen.received = WORLD_TIME; /* the clock went back */
	assert_int_equal(store_append(w.s, &seen, &ack, &w.f), KE_OK);
	assert_int_equal(world_sql(&w, "SELECT last_seen FROM hosts"), WORLD_TIME + 50);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(repeats_are_stored_once),
		TEST(second_history_is_refused_with_the_head),
		TEST(equivocation_below_the_head_is_noticed),
		TEST(new_epoch_names_the_old_head),
		TEST(enrolling_again_is_a_fresh_start),
		TEST(inconsistent_batches_are_refused),
		TEST(strangers_and_revoked_hosts_are_refused),
		TEST(without_history_there_is_nothing_to_fork_from),
		TEST(an_empty_batch_says_that_the_host_was_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
