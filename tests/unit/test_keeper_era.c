/* What time it is, by a clock that the test holds: behind, ahead, set back and forth, with and without the server's word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/keeper/keeper.h"
#include "tests/support/fault_tree.h"

#define NOW  INT64_C(1796000000) /* 2026-11-30 */
#define DAY  INT64_C(86400)
#define MADE INT64_C(1795478400) /* 2026-11-24, not before which this program was made */

struct world {
	struct tree t;
	struct keeper k;
	struct clock clock;
	int64_t wall, boot_ms;
};

static int64_t wall(void *ctx)
{
	return ((const struct world *)ctx)->wall;
}

static int64_t boot(void *ctx)
{
	return ((const struct world *)ctx)->boot_ms;
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct fault f;

	assert_non_null(w);
	tree_open(&w->t);
	assert_int_equal(dir_make(w->t.state, 0700, &f), 0);
	w->clock = (struct clock){ wall, boot, w };
	w->wall = NOW;
	w->boot_ms = 1000;
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	tree_close(&w->t);
	free(w);
	return 0;
}

/* The keeper starts, with the clocks as they are. */
static void start(struct world *w)
{
	struct fault f = { 0 };

	w->k = (struct keeper){ .clock = &w->clock, .state_dir = w->t.state };
	assert_int_equal(era_open(&w->k, &f), 0);
}

static void pass(struct world *w, int64_t seconds)
{
	w->wall += seconds;
	w->boot_ms += 1000 * seconds;
}

/* A host that has run once at NOW. */
static void known(struct world *w)
{
	start(w);
	era_save(&w->k);
}

static void the_first_start(void **state)
{
	struct world *w = *state;

	start(w);
	assert_int_equal(era_now(&w->k), NOW);
	assert_string_equal(era_state(&w->k), "ok");
	/* No clock at all: not before this program was made. */
	w->wall = 17;
	start(w);
	assert_int_equal(era_now(&w->k), MADE);
	assert_string_equal(era_state(&w->k), "behind");
	pass(w, 100);
	assert_int_equal(era_now(&w->k), MADE + 100);
}

static void what_a_start_makes_of_the_clock(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *remark;
		int64_t wall, now;
		const char *state;
	} rows[] = {
		{ "1970", 0, NOW, "behind" },
		{ "a year back", NOW - 365 * DAY, NOW, "behind" },
		{ "two minutes back", NOW - 120, NOW, "behind" },
		{ "a moment back is nothing", NOW - 30, NOW, "ok" },
		{ "the same", NOW, NOW, "ok" },
		{ "off for a week", NOW + 7 * DAY, NOW + 7 * DAY, "ok" },
		{ "off for 30 days", NOW + 30 * DAY, NOW + 30 * DAY, "ok" },
		{ "off for longer, or a wrong clock", NOW + 30 * DAY + 1, NOW + 30 * DAY + 1, "ahead" },
		{ "ten years", NOW + 3650 * DAY, NOW + 3650 * DAY, "ahead" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		w->wall = NOW;
		known(w);
		w->wall = rows[i].wall;
		start(w);
		if (era_now(&w->k) != rows[i].now || strcmp(era_state(&w->k), rows[i].state) != 0)
			fail_msg("%s: %lld, %s", rows[i].remark, (long long)era_now(&w->k), era_state(&w->k));
		tree_close(&w->t);
		tree_open(&w->t);
		assert_int_equal(dir_make(w->t.state, 0700, NULL), 0);
	}
}

static void the_floor_advances_with_the_boot_clock(void **state)
{
	struct world *w = *state;

	known(w);
	pass(w, 100 * DAY); /* up for a hundred days, without a word of the server */
	assert_string_equal(era_state(&w->k), "ok");
	era_save(&w->k);
	w->wall = NOW;
	assert_string_equal(era_state(&w->k), "behind");
	assert_int_equal(era_now(&w->k), NOW + 100 * DAY);
	w->boot_ms = 0; /* and it is still known after a boot */
	start(w);
	assert_int_equal(era_now(&w->k), NOW + 100 * DAY);
}

static void a_jump_and_back(void **state)
{
	struct world *w = *state;

	known(w);
	assert_false(
	        era_server_time(&w->k, NOW + 5)); /* that it agreed once does not excuse what comes later */
	w->wall = NOW + 3650 * DAY;
	assert_string_equal(era_state(&w->k), "ahead");
	era_save(&w->k); /* saves no such thing */
	w->wall = NOW + 10;
	assert_string_equal(era_state(&w->k), "ok");
	assert_int_equal(era_now(&w->k), NOW + 10);
	start(w);
	assert_int_equal(era_now(&w->k), NOW + 10);
	assert_string_equal(era_state(&w->k), "ok");
}

static void small_steps_lead_nowhere(void **state)
{
	struct world *w = *state;

	known(w);
	for (int i = 0; i < 20; i++) {
		w->wall += 29 * DAY;
		era_save(&w->k);
	}
	assert_string_equal(era_state(&w->k), "ahead");
	w->wall = NOW + 60;
	assert_string_equal(era_state(&w->k), "ok");
}

static void the_server_settles_it(void **state)
{
	struct world *w = *state;

	known(w);
	w->wall = NOW + 60 * DAY; /* off for two months */
	start(w);
	assert_string_equal(era_state(&w->k), "ahead");
	assert_false(era_server_time(&w->k, NOW)); /* another clock than ours */
	assert_false(era_server_time(&w->k, INT64_MIN));
	assert_string_equal(era_state(&w->k), "ahead");
	assert_true(era_server_time(&w->k, NOW + 60 * DAY + 60));
	assert_string_equal(era_state(&w->k), "ok");
	assert_false(era_server_time(&w->k, NOW + 60 * DAY + 60)); /* nothing changes any more */
	era_save(&w->k);
	w->wall = NOW;
	start(w);
	assert_int_equal(era_now(&w->k), NOW + 60 * DAY);
	/* The floor never sinks, whoever agrees with a clock that is behind. */
	assert_false(era_server_time(&w->k, NOW));
	assert_int_equal(era_now(&w->k), NOW + 60 * DAY);
}

static void damage_is_told(void **state)
{
	struct world *w = *state;
	char path[PATH_MAX];
	struct fault f = { 0 };

	known(w);
	snprintf(path, sizeof path, "%s/floor", w->t.state);
	assert_int_equal(file_replace(path, "2026-13-01", 10, 0600, FILE_VOLATILE, NULL), 0);
	assert_int_equal(era_open(&w->k, &f), KE_SYNTAX);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_first_start),
		T(what_a_start_makes_of_the_clock),
		T(the_floor_advances_with_the_boot_clock),
		T(a_jump_and_back),
		T(small_steps_lead_nowhere),
		T(the_server_settles_it),
		T(damage_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
