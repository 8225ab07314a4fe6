/* Refused requests are counted without a disk write each, in bounded memory. */
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

static uint64_t total;
static size_t rows_seen;
static bool others;

static int row(void *ctx, const struct store_denial *d)
{
	(void)ctx;
	assert_int_equal(d->minute % 60, 0);
	total += d->count;
	rows_seen++;
	others = others || !strcmp(d->who, "(others)");
	return 0;
}

static void list(bool newest)
{
	struct store_page page = { 0, 1000, newest };
	total = rows_seen = 0;
	others = false;
	/* closing stores what waits */
	store_close(w.s);
	assert_int_equal(world_reopen(&w, (struct store_config){ 0 }), KE_OK);
	assert_int_equal(store_denial_list(w.s, &page, row, NULL, &w.f), KE_OK);
}

static void one_row_for_each_who_reason_and_minute(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		store_denial_count(w.s, "10.0.0.1", "no certificate", WORLD_TIME + i % 2 * 60);
		store_denial_count(w.s, "host/web1", i % 2 ? "not yours" : "no certificate", WORLD_TIME);
	}
	list(false);
	assert_int_equal(rows_seen, 4);
	assert_int_equal(total, 100);
	store_denial_count(w.s, "10.0.0.1", "no certificate", WORLD_TIME); /* joins its row */
	list(true);
	assert_int_equal(rows_seen, 4);
	assert_int_equal(total, 101);
	assert_false(others);
}

static void a_flood_of_names_is_counted_as_others(void **state)
{
	(void)state;
	char who[400];
	/* keeps the writer from emptying the table meanwhile */
	struct world_lock lock = world_lock(&w);
	for (int i = 0; i < 2000; i++) {
		snprintf(who, sizeof who, "10.0.%d.%d %0300d", i / 256, i % 256, 0);
		store_denial_count(w.s, who, "r", WORLD_TIME);
	}
	world_unlock(&lock);
	list(false);
	assert_int_equal(total, 2000); /* none is lost */
	assert_true(rows_seen <= 512);
	assert_true(others);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_row_for_each_who_reason_and_minute),
		TEST(a_flood_of_names_is_counted_as_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
