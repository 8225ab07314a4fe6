/* What is held: kept over restarts, replaced as a whole, bounded, and never guessed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/keeper/held.h"
#include "tests/support/fault_tree.h"

static struct tree t;
static struct held h, again;

static int set_up(void **state)
{
	(void)state;
	tree_open(&t);
	memset(&h, 0, sizeof h);
	return dir_make(t.state, 0700, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	tree_close(&t);
	return 0;
}

static void it_is_there_after_a_restart(void **state)
{
	(void)state;
	struct fault f;

	assert_int_equal(held_read(t.state, &again, &f), 0);
	assert_int_equal(again.n, 0);
	assert_int_equal(held_set(&h, t.state, "web", 7, &f), 0);
	assert_int_equal(held_set(&h, t.state, "db", 2, &f), 0);
	assert_int_equal(held_set(&h, t.state, "web", 9, &f), 0);
	assert_int_equal(held_read(t.state, &again, &f), 0);
	assert_int_equal(again.n, 2);
	assert_int_equal(held_serial(&again, "web"), 9);
	assert_int_equal(held_serial(&again, "db"), 2);
	assert_int_equal(held_serial(&again, "cache"), 0);
	assert_string_equal(again.rows[1].name, "web"); /* the newest is the last */
	assert_int_equal(held_drop(&h, t.state, "db", &f), 0);
	assert_int_equal(held_drop(&h, t.state, "db", &f), 0);
	assert_int_equal(held_read(t.state, &again, &f), 0);
	assert_int_equal(held_serial(&again, "db"), 0);
	assert_int_equal(held_clear(&h, t.state, &f), 0);
	assert_int_equal(held_read(t.state, &again, &f), 0);
	assert_int_equal(again.n + h.n, 0);
}

static void the_oldest_makes_room(void **state)
{
	(void)state;
	char name[16];

	for (int i = 0; i < HELD_MAX + 3; i++) {
		snprintf(name, sizeof name, "p%d", i);
		assert_int_equal(held_set(&h, t.state, name, i + 1, NULL), 0);
	}
	assert_int_equal(held_read(t.state, &again, NULL), 0);
	assert_int_equal(again.n, HELD_MAX);
	assert_int_equal(held_serial(&again, "p2"), 0);
	assert_int_equal(held_serial(&again, "p3"), 4);
}

static void what_cannot_be_written_changes_nothing(void **state)
{
	(void)state;
	struct fault f;

	assert_int_equal(held_set(&h, t.state, "web", 7, &f), 0);
	assert_int_not_equal(held_set(&h, "/nowhere/at/all", "web", 8, &f), 0);
	assert_int_equal(held_serial(&h, "web"), 7);
}

static void damage_is_told(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"",
		"{}",
		"{\"kedge_held\":2,\"rollouts\":[]}",
		"{\"kedge_held\":1,\"rollouts\":[{\"name\":\"a\"}]}",
		"{\"kedge_held\":1,\"rollouts\":[{\"name\":\"../a\",\"serial\":1}]}",
		"{\"kedge_held\":1,\"rollouts\":[{\"name\":\"a\",\"serial\":0}]}",
		("{\"kedge_held\":1,\"rollouts\":[{\"name\":\"a\",\"serial\":1},"
		 "{\"name\":\"a\",\"serial\":2}]}"),
		"{\"kedge_held\":1,\"rollouts\":[],\"x\":1}",
	};
	char path[PATH_MAX];
	struct fault f;

	snprintf(path, sizeof path, "%s/held.json", t.state);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(file_replace(path, rows[i], strlen(rows[i]), 0600, FILE_VOLATILE, NULL), 0);
		if (!held_read(t.state, &again, &f))
			fail_msg("'%s' was accepted", rows[i]);
	}
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_is_there_after_a_restart),
		T(the_oldest_makes_room),
		T(what_cannot_be_written_changes_nothing),
		T(damage_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
