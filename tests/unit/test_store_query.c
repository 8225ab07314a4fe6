/* Lists: filters, cursors in both directions, limits; values are bound, never part of the SQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/store_world.h"

static struct world w;
static char seen[256];

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
#define EVIL  "x' OR '1'='1"

static int drift_row(void *ctx, const struct store_drift_row *r)
{
	size_t at = strlen(seen);
	(void)ctx;
	snprintf(seen + at, sizeof seen - at, "%d", (int)r->id);
	return 0;
}

static int record_row(void *ctx, const struct store_record_row *r)
{
	size_t at = strlen(seen);
	(void)ctx;
	snprintf(seen + at, sizeof seen - at, "%c%d ", r->kind[0], (int)r->seq);
	return 0;
}

static int refusal_row(void *ctx, const struct store_refusal_row *r)
{
	size_t at = strlen(seen);
	(void)ctx;
	snprintf(seen + at, sizeof seen - at, "%s/%s ", r->host, r->name);
	return 0;
}

static int host_row(void *ctx, const struct store_host *h)
{
	size_t at = strlen(seen);
	(void)ctx;
	snprintf(seen + at, sizeof seen - at, "%s ", h->id);
	return 0;
}

/* Six drifts: ids 1..6 of hosts a a a b b b, keys k l k l k l, times +0 .. +50; a refusal each. */
static void fill(void)
{
	static const char *const hosts[] = { "a", "b" };
	struct store_drift_in drift[2] = { { .key = "k" }, { .key = "l" } };
	struct store_refusal_in refusal[2] = { { .name = "p" }, { .name = EVIL } };
	struct store_ack ack;
	int n = 0;
	for (int h = 0; h < 2; h++) {
		struct teller t;
		assert_int_equal(world_enrol(&w, hosts[h]), KE_OK);
		teller_start(&t, hosts[h], EPOCH);
		teller_tell(&t, "epoch", "");
		for (int i = 0; i < 3; i++, n++) {
			struct store_record *r = teller_tell(&t, "drift", "");
			r->drift = &drift[n % 2];
			r->time = WORLD_TIME + n * 10;
		}
		teller_tell(&t, "refusal", "")->refusal = &refusal[h];
		assert_int_equal(store_append(w.s, &t.batch, &ack, &w.f), KE_OK);
	}
}

static void drift(void **state)
{
	(void)state;
	static const struct {
		struct store_drift_filter filter;
		const char *want, *remark;
	} rows[] = {
		{ { .page = { 0, 10, false } }, "123456", "all" },
		{ { .page = { 0, 10, true } }, "654321", "newest first" },
		{ { .page = { 0, 2, false } }, "12", "a page" },
		{ { .page = { 2, 2, false } }, "34", "the next" },
		{ { .page = { 5, 2, true } }, "43", "older than 5" },
		{ { .host = "b", .page = { 0, 10, false } }, "456", "a host" },
		{ { .host = "b", .page = { 0, 2, true } }, "65", "a host, newest" },
		{ { .key = "k", .page = { 0, 10, false } }, "135", "a key" },
		{ { .key = "k", .page = { 0, 2, true } }, "53", "a key, newest" },
		{ { .host = "a", .key = "k", .page = { 0, 10, false } }, "13", "both" },
		{ { .since = WORLD_TIME + 30, .page = { 0, 10, false } }, "456", "since" },
		{ { .host = "a", .since = WORLD_TIME + 15, .page = { 0, 10, false } }, "3", "a host since" },
		{ { .host = EVIL, .page = { 0, 10, false } }, "", "SQL in a host" },
		{ { .key = EVIL, .page = { 0, 10, false } }, "", "SQL in a key" },
	};
	fill();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		seen[0] = '\0';
		print_message("%s\n", rows[i].remark);
		assert_int_equal(store_drift_list(w.s, &rows[i].filter, drift_row, NULL, &w.f), KE_OK);
		assert_string_equal(seen, rows[i].want);
	}
	struct store_drift_filter none = { 0 };
	assert_int_equal(store_drift_list(w.s, &none, drift_row, NULL, &w.f), KE_RANGE);
}

static void records(void **state)
{
	(void)state;
	static const struct {
		const char *host, *kind;
		struct store_page page;
		const char *want;
	} rows[] = {
		{ "a", NULL, { 0, 10, false }, "e1 d2 d3 d4 r5 " },
		{ "b", NULL, { 0, 2, true }, "r5 d4 " },
		{ "a", "drift", { 0, 10, false }, "d2 d3 d4 " },
		{ "a", "drift", { 3, 10, true }, "d2 " },
		{ "a", "drift", { 3, 10, false }, "d4 " },
		{ "b", NULL, { 8, 1, false }, "d4 " },
		{ "c", NULL, { 0, 10, false }, "" },
		{ "a", EVIL, { 0, 10, false }, "" },
	};
	fill();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		seen[0] = '\0';
		assert_int_equal(store_record_list(w.s, rows[i].host, rows[i].kind, &rows[i].page, record_row,
		                         NULL, &w.f),
		        KE_OK);
		assert_string_equal(seen, rows[i].want);
	}
}

static void refusals(void **state)
{
	(void)state;
	struct store_page oldest = { 0, 10, false }, newest = { 0, 10, true };
	fill();
	assert_int_equal(store_refusal_list(w.s, NULL, &oldest, refusal_row, NULL, &w.f), KE_OK);
	assert_string_equal(seen, "a/p b/" EVIL " ");
	seen[0] = '\0';
	assert_int_equal(store_refusal_list(w.s, NULL, &newest, refusal_row, NULL, &w.f), KE_OK);
	assert_string_equal(seen, "b/" EVIL " a/p ");
	seen[0] = '\0';
	assert_int_equal(store_refusal_list(w.s, "a", &newest, refusal_row, NULL, &w.f), KE_OK);
	assert_string_equal(seen, "a/p ");
}

static void hosts(void **state)
{
	(void)state;
	static const struct store_label labels[] = { { "role", "web" } };
	static const char *const ids[] = { "c", "a", "b", "d'" };
	static const struct {
		struct store_host_filter filter;
		const char *want;
	} rows[] = {
		{ { .limit = 10 }, "a b c d' " },
		{ { .limit = 2 }, "a b " },
		{ { .limit = 2, .after = "b" }, "c d' " },
		{ { .limit = 2, .after = "d'" }, "" },
		{ { .limit = 9, .state = "revoked" }, "b " },
		{ { .limit = 9, .state = "enrolled" }, "a c d' " },
		{ { .limit = 9, .label_name = "role", .label_value = "web" }, "a b c d' " },
		{ { .limit = 9,
		          .label_name = "role",
		          .label_value = "web",
		          .state = "enrolled",
		          .after = "a" },
		        "c d' " },
		{ { .limit = 9, .label_name = "role", .label_value = "db" }, "" },
		{ { .limit = 9, .label_name = "role" }, "" },
		{ { .limit = 9, .label_name = EVIL, .label_value = EVIL }, "" },
	};
	for (size_t i = 0; i < 4; i++) {
		struct store_enrolment e = {
			.host = ids[i], .cert_sha256 = WORLD_CERT, .labels = labels, .label_count = 1
		};
		assert_int_equal(store_host_enrol(w.s, &world_admin, &e, &w.f), KE_OK);
	}
	assert_int_equal(store_host_revoke(w.s, &world_admin, "b", &w.f), KE_OK);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		seen[0] = '\0';
		assert_int_equal(store_host_list(w.s, &rows[i].filter, host_row, NULL, &w.f), KE_OK);
		assert_string_equal(seen, rows[i].want);
	}
	assert_int_equal(store_host_get(w.s, "nobody", host_row, NULL, &w.f), KE_NOENT);
	assert_int_equal(store_host_get(w.s, EVIL, host_row, NULL, &w.f), KE_NOENT);

	bool revoked = true;
	int64_t created = 0;
	assert_int_equal(store_host_standing(w.s, "a", &revoked, &created, &w.f), KE_OK);
	assert_false(revoked);
	assert_int_equal(created, world_admin.time);
	assert_int_equal(store_host_standing(w.s, "b", &revoked, &created, &w.f), KE_OK);
	assert_true(revoked);
	created = 7;
	assert_int_equal(store_host_standing(w.s, "nobody", &revoked, &created, &w.f), KE_NOENT);
	assert_int_equal(created, 7);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = { TEST(drift), TEST(records), TEST(refusals), TEST(hosts) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
