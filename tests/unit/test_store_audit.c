/* The audit chain: whatever is changed behind the store's back, the first bad row is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/store_world.h"

#define ROWS 5

static struct world w;

static int setup(void **state)
{
	(void)state;
	world_open(&w);
	for (int i = 0; i < ROWS; i++) {
		struct store_actor actor = { "operator/anna", "admin", WORLD_TIME + i };
		assert_int_equal(
		        store_audit_append(w.s, &actor, "rollout.pause", "web-tuning", "{\"n\":1}", &w.f),
		        KE_OK);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

static int verify(const struct store_audit_state *anchor, struct store_audit_state *ret)
{
	memset(ret, 0, sizeof *ret);
	return store_audit_verify(w.s, anchor, ret, &w.f);
}

static void an_honest_chain_verifies(void **state)
{
	(void)state;
	struct store_audit_state st;
	assert_int_equal(verify(NULL, &st), KE_OK);
	assert_int_equal(st.first, 1);
	assert_int_equal(st.last, ROWS);
	assert_int_equal(st.bad, 0);
	struct store_audit_state anchor = st;
	assert_int_equal(verify(&anchor, &st), KE_OK);
	assert_int_equal(store_audit_append(w.s, &world_admin, "x", NULL, NULL, &w.f), KE_OK);
	assert_int_equal(verify(&anchor, &st), KE_OK); /* it grew since */
	assert_string_not_equal(anchor.hash, st.hash);
}

/* The rule is written in store.h; a checker of exports computes the same. */
static void the_hash_is_the_documented_one(void **state)
{
	(void)state;
	struct store_audit_row row = { .seq = 12,
		.time = 5,
		.actor = "a",
		.role = "",
		.action = "b:,",
		.object = "c",
		.detail = "{}",
		.prev = WORLD_ZEROS };
	char hash[STORE_HEX_ROOM], want[STORE_HEX_ROOM];
	unsigned char digest[SHA256_LEN];
	const char *text = "64:" WORLD_ZEROS ",2:12,1:5,1:a,0:,3:b:,,1:c,2:{},";
	assert_int_equal(store_audit_hash(&row, hash), KE_OK);
	sha256(text, strlen(text), digest);
	assert_string_equal(hash, hex_encode(digest, sizeof digest, want));
}

/* Change every column of every row in turn, and put it back. */
static void every_changed_column_is_noticed(void **state)
{
	(void)state;
	static const char *const changes[][2] = {
		{ "seq = seq + 100", "seq = seq - 100" },
		{ "time = time + 1", "time = time - 1" },
		{ "actor = actor || 'x'", "actor = substr(actor, 1, length(actor) - 1)" },
		{ "role = role || 'x'", "role = substr(role, 1, length(role) - 1)" },
		{ "action = action || 'x'", "action = substr(action, 1, length(action) - 1)" },
		{ "object = object || 'x'", "object = substr(object, 1, length(object) - 1)" },
		{ "detail = detail || ' '", "detail = substr(detail, 1, length(detail) - 1)" },
		{ "prev = prev || '0'", "prev = substr(prev, 1, 64)" },
		{ "hash = hash || '0'", "hash = substr(hash, 1, 64)" },
		/* the border between two columns moves, their bytes stay the same */
		{ "role = role || substr(action, 1, 1), action = substr(action, 2)",
		        "action = substr(role, length(role)) || action, role = substr(role, 1, length(role) "
		        "- 1)" },
	};
	struct store_audit_state st;
	char sql[300];
	for (int row = 1; row <= ROWS; row++) {
		for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
			snprintf(sql, sizeof sql, "UPDATE audit SET %s WHERE seq = %d", changes[i][0], row);
			world_sql(&w, sql);
			assert_int_equal(verify(NULL, &st), KE_CHAIN);
			/* a moved row is missed where it was: the next row is the first that does not fit */
			assert_int_equal(st.bad, i ? row : row < ROWS ? row + 1 : row + 100);
			snprintf(sql, sizeof sql, "UPDATE audit SET %s WHERE seq = %d", changes[i][1],
			        i ? row : row + 100);
			world_sql(&w, sql);
			assert_int_equal(verify(NULL, &st), KE_OK);
		}
	}
}

static void deleted_swapped_and_cut_rows_are_noticed(void **state)
{
	(void)state;
	static const struct {
		const char *sql;
		bool anchored;
		int rc;
		int64_t bad;
		const char *remark;
	} rows[] = {
		{ "DELETE FROM audit WHERE seq = 1", false, KE_CHAIN, 2, "the first is gone" },
		{ "DELETE FROM audit WHERE seq = 3", false, KE_CHAIN, 4, "a middle one is gone" },
		{ "UPDATE audit SET seq = CASE seq WHEN 2 THEN -3 WHEN 3 THEN -2 ELSE seq END", false,
		        KE_CHAIN, -3, "moved to the front" },
		{ "DELETE FROM audit WHERE seq = 5", false, KE_OK, 0, "the end is cut, nobody noted it" },
		{ "DELETE FROM audit WHERE seq = 5", true, KE_CHAIN, 5, "the end is cut, the anchor knows" },
		{ "DELETE FROM audit", true, KE_CHAIN, 1, "all is gone" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct store_audit_state anchor, st;
		world_close(&w);
		setup(NULL);
		assert_int_equal(verify(NULL, &anchor), KE_OK);
		world_sql(&w, rows[i].sql);
		print_message("%s\n", rows[i].remark);
		assert_int_equal(verify(rows[i].anchored ? &anchor : NULL, &st), rows[i].rc);
		assert_int_equal(st.bad, rows[i].bad);
	}
}

/* Whoever rewrites everything from a row on, with right hashes, is caught by the anchor only. */
static void a_rewritten_history_needs_the_anchor(void **state)
{
	(void)state;
	struct store_audit_state anchor, st;
	assert_int_equal(verify(NULL, &anchor), KE_OK);
	world_sql(&w, "DELETE FROM audit WHERE seq = 5");
	assert_int_equal(store_audit_append(w.s, &world_admin, "innocent", "", NULL, &w.f), KE_OK);
	assert_int_equal(verify(NULL, &st), KE_OK);
	assert_int_equal(verify(&anchor, &st), KE_CHAIN);
	assert_int_equal(st.bad, 5);
}

static int forge_row(void *ctx, const struct store_audit_row *r)
{
	struct store_audit_row forged = *r;

	if (r->seq != 3)
		return 0;
	forged.actor = "operator/bob";
	return store_audit_hash(&forged, ctx);
}

/* A row that is changed together with its own hash: the row after it names the old one. */
static void a_forged_row_is_given_away_by_the_next(void **state)
{
	(void)state;
	struct store_page all = { 0, 10, false };
	struct store_audit_state st;
	char hash[STORE_HEX_ROOM] = "", sql[200];
	assert_int_equal(store_audit_list(w.s, &all, forge_row, hash, &w.f), KE_OK);
	snprintf(sql, sizeof sql, "UPDATE audit SET actor = 'operator/bob', hash = '%s' WHERE seq = 3", hash);
	world_sql(&w, sql);
	assert_int_equal(verify(NULL, &st), KE_CHAIN);
	assert_int_equal(st.bad, 4);
}

static int64_t seqs[16];
static size_t count;

static int row(void *ctx, const struct store_audit_row *r)
{
	int *stop_at = ctx;
	char hash[STORE_HEX_ROOM];
	assert_int_equal(store_audit_hash(r, hash), KE_OK);
	assert_string_equal(hash, r->hash);
	seqs[count++] = r->seq;
	return stop_at && (int)count == *stop_at ? 77 : 0;
}

static void pages(void **state)
{
	(void)state;
	static const struct {
		struct store_page page;
		size_t count;
		int64_t first, last;
		int rc;
	} rows[] = {
		{ { 0, 3, false }, 3, 1, 3, KE_OK },
		{ { 3, 3, false }, 2, 4, 5, KE_OK },
		{ { 0, 2, true }, 2, 5, 4, KE_OK },
		{ { 4, 9, true }, 3, 3, 1, KE_OK },
		{ { 5, 1, false }, 0, 0, 0, KE_OK },
		{ { 0, 0, false }, 0, 0, 0, KE_RANGE },
		{ { 0, STORE_PAGE_MAX + 1, false }, 0, 0, 0, KE_RANGE },
	};
	int two = 2;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		count = 0;
		assert_int_equal(store_audit_list(w.s, &rows[i].page, row, NULL, &w.f), rows[i].rc);
		assert_int_equal(count, rows[i].count);
		if (count) {
			assert_int_equal(seqs[0], rows[i].first);
			assert_int_equal(seqs[count - 1], rows[i].last);
		}
	}
	count = 0;
	assert_int_equal(
	        store_audit_list(w.s, &rows[0].page, row, &two, &w.f), 77); /* a row function's word */
	assert_int_equal(count, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_honest_chain_verifies),
		TEST(the_hash_is_the_documented_one),
		TEST(every_changed_column_is_noticed),
		TEST(deleted_swapped_and_cut_rows_are_noticed),
		TEST(a_rewritten_history_needs_the_anchor),
		TEST(a_forged_row_is_given_away_by_the_next),
		TEST(pages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
