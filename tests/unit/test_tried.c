/* What was tried and did not stand: there after a restart, held until a higher serial, forgotten when it is overtaken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/keeper/tried.h"
#include "proto/fileio.h"

static char dir[64], file[96];
static struct adopted rows[2];
static struct adopted_list adopted;
static struct tried_list list;

static int set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/kedge-tried.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(file, sizeof file, "%s/tried.json", dir);
	adopted = (struct adopted_list){ .rows = rows };
	list.n = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(dir);
}

static void reread(void)
{
	struct fault f;

	memset(&list, 0xff, sizeof list);
	if (tried_read(dir, &adopted, &list, &f))
		fail_msg("%s: %s", f.where, f.what);
}

static void held_until_a_higher_serial(void **state)
{
	(void)state;
	reread();
	assert_int_equal(list.n, 0);
	assert_int_equal(tried_begin(&list, dir, "web", 7, 3, NULL), 0);
	assert_int_equal(tried_begin(&list, dir, "db", 1, 1, NULL), 0);
	reread();
	assert_int_equal(list.n, 2);
	assert_true(tried_find(&list, "web")->open);
	assert_int_equal(tried_find(&list, "web")->version, 3);
	assert_true(tried_holds(&list, "web", 7));
	assert_true(tried_holds(&list, "web", 6));
	assert_false(tried_holds(&list, "web", 8));
	assert_false(tried_holds(&list, "mail", 1));
	assert_int_equal(tried_end(&list, dir, "web", NULL), 0);
	reread();
	assert_false(tried_find(&list, "web")->open);
	assert_true(tried_find(&list, "db")->open);
	assert_true(tried_holds(&list, "web", 7));
	/* the next serial takes the row */
	assert_int_equal(tried_begin(&list, dir, "web", 8, 4, NULL), 0);
	reread();
	assert_int_equal(list.n, 2);
	assert_true(tried_holds(&list, "web", 8));
}

static void forgotten(void **state)
{
	(void)state;
	assert_int_equal(tried_begin(&list, dir, "web", 7, 3, NULL), 0);
	assert_int_equal(tried_begin(&list, dir, "db", 1, 1, NULL), 0);
	assert_int_equal(tried_forget(&list, dir, "web", NULL), 0);
	assert_int_equal(tried_forget(&list, dir, "web", NULL), 0);
	reread();
	assert_int_equal(list.n, 1);
	assert_false(tried_holds(&list, "web", 7));
	assert_int_equal(tried_forget(&list, dir, NULL, NULL), 0);
	reread();
	assert_int_equal(list.n, 0);
}

static void overtaken_rows_are_left_out(void **state)
{
	(void)state;
	assert_int_equal(tried_begin(&list, dir, "web", 7, 3, NULL), 0);
	assert_int_equal(tried_begin(&list, dir, "db", 2, 1, NULL), 0);
	rows[0] = (struct adopted){ .name = "web", .serial = 7 };
	rows[1] = (struct adopted){ .name = "db", .serial = 1 };
	adopted.n = 2;
	reread();
	assert_int_equal(list.n, 1);
	assert_true(tried_holds(&list, "db", 2));
}

static void the_oldest_makes_room(void **state)
{
	char name[16];
	(void)state;

	for (int i = 0; i <= ADOPTED_MAX; i++) {
		snprintf(name, sizeof name, "p%d", i);
		assert_int_equal(tried_begin(&list, dir, name, 1, 1, NULL), 0);
	}
	reread();
	assert_int_equal(list.n, ADOPTED_MAX);
	assert_false(tried_holds(&list, "p0", 1));
	assert_true(tried_holds(&list, "p1", 1));
	assert_true(tried_holds(&list, name, 1));
}

static void damage_is_told(void **state)
{
	static const struct {
		const char *text, *remark;
	} bad[] = {
		{ "", "nothing" },
		{ "{}", "no format" },
		{ "{\"kedge_tried\":2,\"rollouts\":[]}", "another format" },
		{ "{\"kedge_tried\":1,\"rollouts\":[{\"name\":\"a\",\"serial\":1,\"version\":1}]}",
		        "no open" },
		{ "{\"kedge_tried\":1,\"rollouts\":[{\"name\":\"../"
		  "a\",\"serial\":1,\"version\":1,\"open\":true}]}",
		        "a path" },
		{ "{\"kedge_tried\":1,\"rollouts\":[{\"name\":\"a\",\"serial\":1,\"version\":1,\"open\":true}"
		  ","
		  "{\"name\":\"a\",\"serial\":2,\"version\":1,\"open\":true}]}",
		        "twice" },
		{ "{\"kedge_tried\":1,\"rollouts\":[{\"name\":\"a\",\"serial\":-1,\"version\":1,\"open\":"
		  "true}]}",
		        "negative" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct fault f = { 0 };
		assert_int_equal(
		        file_replace(file, bad[i].text, strlen(bad[i].text), 0600, FILE_VOLATILE, &f), 0);
		list.n = 5;
		if (!tried_read(dir, &adopted, &list, &f) || list.n)
			fail_msg("%s: taken", bad[i].remark);
		assert_non_null(strstr(f.where, "tried.json"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(held_until_a_higher_serial, set_up, tear_down),
		cmocka_unit_test_setup_teardown(forgotten, set_up, tear_down),
		cmocka_unit_test_setup_teardown(overtaken_rows_are_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_oldest_makes_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damage_is_told, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
