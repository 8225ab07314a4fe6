/* The attempt mark: who is held, and that a damaged mark is not taken for none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/engine/attempt.h"
#include "tests/support/fault_tree.h"

static struct attempt sample(enum attempt_state s)
{
	struct attempt a = { .state = s, .hash = { 0xab, 0xcd }, .boot_id = "boot-1", .time = 1795553333 };

	return a;
}

static void round_trip(void **state)
{
	struct tree t;
	struct attempt a, back;
	struct fault f;
	(void)state;

	tree_open(&t);
	assert_int_equal(attempt_read(t.dir, &back, &f), 0);
	assert_int_equal(back.state, ATTEMPT_NONE);
	for (int s = ATTEMPT_STARTED; s <= ATTEMPT_REVERTED; s++) {
		a = sample((enum attempt_state)s);
		assert_int_equal(attempt_write(t.dir, &a, &f), 0);
		assert_int_equal(attempt_read(t.dir, &back, &f), 0);
		assert_int_equal(back.state, s);
		assert_memory_equal(back.hash, a.hash, SHA256_LEN);
		assert_string_equal(back.boot_id, a.boot_id);
		assert_int_equal(back.time, a.time);
	}
	assert_int_equal(attempt_clear(t.dir, &f), 0);
	assert_int_equal(attempt_read(t.dir, &back, &f), 0);
	assert_int_equal(back.state, ATTEMPT_NONE);
	assert_int_equal(attempt_clear(t.dir, &f), 0);
	tree_close(&t);
}

static void damage_is_noticed(void **state)
{
	struct tree t;
	struct attempt a = sample(ATTEMPT_STARTED), back;
	struct fault f;
	char path[PATH_MAX], text[512];
	(void)state;

	tree_open(&t);
	assert_int_equal(attempt_write(t.dir, &a, &f), 0);
	snprintf(path, sizeof path, "%s/%s", t.dir, ATTEMPT_NAME);
	snprintf(text, sizeof text, "%.400s\n", file_get(&t, path));
	size_t len = strlen(text);
	assert_int_equal(attempt_parse(text, len, &back), 0);
	for (size_t n = 0; n < len; n++)
		assert_int_equal(attempt_parse(text, n, &back), KE_SYNTAX);
	for (size_t i = 0; i < len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			text[i] = (char)(text[i] ^ (1 << bit));
			if (attempt_parse(text, len, &back) != KE_SYNTAX)
				fail_msg("byte %zu bit %d was not noticed", i, bit);
			text[i] = (char)(text[i] ^ (1 << bit));
		}
	}
	assert_int_equal(file_replace(path, text, len - 1, 0600, FILE_VOLATILE, &f), 0);
	assert_int_equal(attempt_read(t.dir, &back, &f), KE_SYNTAX);
	tree_close(&t);
}

static void holds(void **state)
{
	static const struct {
		enum attempt_state s;
		bool same_plan;
		const char *boot;
		bool held;
		const char *remark;
	} rows[] = {
		{ ATTEMPT_NONE, true, "boot-1", false, "never tried" },
		{ ATTEMPT_STARTED, true, "boot-1", false, "this boot: recovery has seen to it" },
		{ ATTEMPT_STARTED, true, "boot-2", true, "the host went down with it" },
		{ ATTEMPT_STARTED, false, "boot-2", false, "another plan" },
		{ ATTEMPT_CONFIRMED, true, "boot-2", false, "it was good" },
		{ ATTEMPT_REVERTED, true, "boot-1", true, "it went back" },
		{ ATTEMPT_REVERTED, true, "boot-2", true, "also in a later boot" },
		{ ATTEMPT_REVERTED, false, "boot-1", false, "another plan" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct attempt a = sample(rows[i].s);
		unsigned char hash[SHA256_LEN];
		memcpy(hash, a.hash, SHA256_LEN);
		hash[31] = rows[i].same_plan ? hash[31] : 1;
		if (attempt_holds(&a, hash, rows[i].boot) != rows[i].held)
			fail_msg("%s", rows[i].remark);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(holds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
