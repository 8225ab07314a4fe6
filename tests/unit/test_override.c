/* Exceptions on disk, and how long they last: by the boot's clock, whatever becomes of the other one. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/keeper/override.h"
#include "proto/fileio.h"

#define BOOT1 "11111111-1111-1111-1111-111111111111"
#define BOOT2 "22222222-1111-1111-1111-111111111111"
#define WALL  1795000000

static struct override_row row(const char *key, const char *value, int64_t seconds)
{
	struct override_row r = { .seconds = seconds,
		.since = WALL,
		.until = WALL + seconds,
		.left_ms = 1000 * seconds,
		.by = { .uid = 0, .loginuid = 1000, .pid = 77, .comm = "kedge-agent" } };

	if (key)
		assert_int_equal(name_parse(key, strlen(key), &r.key, NULL), 0);
	r.value = value ? strdup(value) : NULL;
	r.reason = strdup("because");
	return r;
}

static void put(struct override_list *l, const char *key, const char *value, int64_t seconds)
{
	struct override_row r = row(key, value, seconds);

	assert_int_equal(override_put(l, &r), 0);
}

static void how_long_it_lasts(void **state)
{
	/* An hour was asked for at boot time 100 s; what is left, in seconds, when it is this time? */
	static const struct {
		struct override_now now;
		int64_t left;
		const char *remark;
	} rows[] = {
		{ { BOOT1, 100000, WALL }, 3600, "at once" },
		{ { BOOT1, 700000, WALL + 600 }, 3000, "ten minutes later" },
		{ { BOOT1, 700000, WALL - 86400 }, 3000, "the clock was set back" },
		{ { BOOT1, 700000, WALL + 86400 }, 3000, "or ahead: this boot's clock knows better" },
		{ { BOOT1, 3700000, WALL + 3600 }, 0, "to the second" },
		{ { BOOT1, 9000000, WALL + 1 }, -5300, "long over" },
		{ { BOOT2, 5000, WALL + 600 }, 3000,
		        "a reboot: the wall clock says how long the host was down" },
		{ { BOOT2, 5000, WALL + 3601 }, -1, "over while it was down" },
		{ { BOOT2, 5000, WALL - 86400 }, 3600, "set back meanwhile: nothing is given" },
		{ { BOOT2, 5000, 0 }, 3600, "to the very beginning" },
		{ { BOOT2, 5000, WALL + 86400 }, -82800, "set ahead: over early" },
		{ { BOOT1, 50000, WALL + 600 }, 3000, "this boot's id with an earlier time cannot be" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct override_list l = { .boot_id = BOOT1, .at_ms = 100000 };
		put(&l, "net.ipv4.tcp_fin_timeout", "20", 3600);
		override_pass(&l, &rows[i].now);
		if (l.rows[0].left_ms != 1000 * rows[i].left)
			fail_msg("%s: %lld ms left", rows[i].remark, (long long)l.rows[0].left_ms);
		assert_int_equal(override_next_ms(&l), l.rows[0].left_ms);
		if (rows[i].left >= 0)
			assert_int_equal(l.rows[0].until, rows[i].now.wall + rows[i].left);
		override_clear(&l);
	}
}

/* Whatever the wall clock does between reboots: never longer than was asked for, by what the boots' own clocks count. */
static void reboots_with_a_lying_clock_give_nothing(void **state)
{
	struct override_list l = { .boot_id = BOOT1, .at_ms = 0 };
	char boot[BOOT_ID_ROOM] = BOOT1;
	int64_t lived = 0;
	(void)state;

	put(&l, "net.ipv4.tcp_fin_timeout", "20", 3600);
	while (l.rows[0].left_ms > 0 && lived <= 3600) {
		struct override_now now = { boot, 1000, WALL - 86400 * lived };
		override_pass(&l, &now);
		now.boot_ms += 60000;
		override_pass(&l, &now);
		lived += 60;
		boot[0] = boot[0] == '1' ? '2' : '1';
	}
	assert_int_equal(lived, 3600);
	override_clear(&l);
}

static void what_is_written_is_read(void **state)
{
	struct override_list l = { .boot_id = BOOT1, .at_ms = 100000 }, back = { 0 };
	char dir[] = "/tmp/kedge-test-XXXXXX", path[PATH_MAX];
	struct fault f = { 0 };
	(void)state;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(override_read(dir, &back, &f), 0);
	assert_int_equal(back.n, 0);
	put(&l, "net.ipv4.conf.eth0/100.rp_filter", "2", 3600);
	put(&l, NULL, NULL, 60);
	put(&l, "net.ipv4.ip_local_reserved_ports", "", 5);
	assert_int_equal(override_write(&l, dir, true, &f), 0);
	assert_int_equal(override_read(dir, &back, &f), 0);
	assert_int_equal(back.n, 3);
	assert_string_equal(back.boot_id, BOOT1);
	assert_int_equal(back.at_ms, 100000);
	assert_string_equal(back.rows[0].key.path, "net/ipv4/conf/eth0.100/rp_filter");
	assert_string_equal(back.rows[0].value, "2");
	assert_string_equal(back.rows[2].value, "");
	assert_null(back.rows[1].value);
	assert_ptr_equal(override_find(&back, NULL), &back.rows[1]);
	assert_int_equal(back.rows[0].left_ms, 3600000);
	assert_int_equal(back.rows[0].by.loginuid, 1000);
	assert_string_equal(back.rows[0].by.comm, "kedge-agent");
	override_clear(&back);
	override_clear(&l);
	/* With nothing in it the file goes. */
	assert_int_equal(override_write(&l, dir, true, &f), 0);
	snprintf(path, sizeof path, "%s/overrides.json", dir);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(rmdir(dir), 0);
}

#define HEAD  "{\"kedge_override_state\":1,\"boot_id\":\"" BOOT1 "\",\"at_ms\":5,\"rows\":["
#define BY    "\"by\":{\"uid\":0,\"loginuid\":-1,\"pid\":1,\"comm\":\"x\"}"
#define TIMES "\"since\":\"2026-11-25T00:00:00Z\",\"until\":\"2026-11-25T01:00:00Z\""
#define ROW   "\"key\":\"net.core.somaxconn\",\"value\":\"1\",\"reason\":\"x\",\"seconds\":3600," TIMES
#define GOOD  "{" ROW ",\"left_ms\":5," BY "}"
#define HOLD  "{\"reason\":\"x\",\"seconds\":3600," TIMES ",\"left_ms\":5," BY "}"

static void damaged_files_are_refused(void **state)
{
	static const struct {
		const char *text;
		int rc;
		const char *remark;
	} rows[] = {
		{ HEAD GOOD "]}", 0, "good" },
		{ HEAD HOLD "," GOOD "]}", 0, "with a hold" },
		{ HEAD "]}", 0, "empty" },
		{ HEAD GOOD "," GOOD "]}", KE_DUPLICATE, "one key twice" },
		{ HEAD HOLD "," HOLD "]}", KE_DUPLICATE, "two holds" },
		{ HEAD "{" ROW ",\"left_ms\":3600001," BY "}]}", KE_RANGE, "more left than was asked for" },
		{ HEAD "{" ROW ",\"left_ms\":-1," BY "}]}", KE_RANGE, "less than nothing left" },
		{ HEAD "{" ROW ",\"left_ms\":5}]}", KE_SCHEMA, "nobody asked" },
		{ HEAD "{" ROW ",\"left_ms\":5,\"x\":1," BY "}]}", KE_SCHEMA, "an unknown member" },
		{ HEAD "{\"key\":\"net.core.somaxconn\",\"reason\":\"x\",\"seconds\":3600," TIMES
		       ",\"left_ms\":5," BY "}]}",
		        KE_SCHEMA, "a key without a value" },
		{ HEAD "{\"key\":\"net.*.somaxconn\",\"value\":\"1\",\"reason\":\"x\",\"seconds\":3600," TIMES
		       ",\"left_ms\":5," BY "}]}",
		        KE_NAME, "a pattern" },
		{ HEAD "{\"reason\":\"\\n\",\"seconds\":3600," TIMES ",\"left_ms\":5," BY "}]}", KE_VALUE,
		        "a line break for a reason" },
		{ HEAD GOOD, KE_SYNTAX, "cut" },
		{ "", KE_SYNTAX, "emptied" },
		{ "{\"kedge_override_state\":2,\"boot_id\":\"\",\"at_ms\":5,\"rows\":[]}", KE_RANGE,
		        "of another time" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct override_list l = { .n = 0 };
		struct fault f = { 0 };
		int rc = override_parse(rows[i].text, strlen(rows[i].text), &l, &f);
		if (rc != rows[i].rc)
			fail_msg("%s: %d, not %d (%s)", rows[i].remark, rc, rows[i].rc, f.what);
		override_clear(&l);
	}
}

static void one_row_a_key_and_no_more_than_fit(void **state)
{
	struct override_list l = { .n = 0 };
	char key[64];
	(void)state;

	for (int i = 0; i < OVERRIDE_MAX; i++) {
		snprintf(key, sizeof key, "net.test.key%d", i);
		put(&l, key, "1", 60);
	}
	put(&l, "net.test.key7", "2", 60);
	assert_int_equal(l.n, OVERRIDE_MAX);
	assert_string_equal(l.rows[OVERRIDE_MAX - 1].value, "2");
	struct override_row more = row("net.test.more", "1", 60);
	assert_int_equal(override_put(&l, &more), KE_TOOBIG);
	override_row_clear(&more);
	override_take(&l, 0, NULL);
	assert_int_equal(l.n, OVERRIDE_MAX - 1);
	assert_string_equal(l.rows[0].key.path, "net/test/key1");
	override_clear(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_long_it_lasts),
		cmocka_unit_test(reboots_with_a_lying_clock_give_nothing),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(damaged_files_are_refused),
		cmocka_unit_test(one_row_a_key_and_no_more_than_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
