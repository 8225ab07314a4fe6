/* Growing bytes: the ceiling holds to the byte, errors stick, the NUL behind the text is always there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

#include "proto/buf.h"
#include "proto/err.h"

static void empty_buffer_is_text(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(10);
	assert_null(b.data);
	assert_string_equal(buf_text(&b), "");
	buf_drop(&b, 3);
	buf_clear(&b);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

static void ceiling_is_exact(void **state)
{
	(void)state;
	static const struct {
		const char *remark;
		size_t max, append;
		int rc;
		size_t len;
	} rows[] = {
		{ "one below", 100, 99, 0, 99 },
		{ "exactly", 100, 100, 0, 100 },
		{ "one beyond: nothing is kept of it", 100, 101, KE_TOOBIG, 0 },
		{ "nothing into nothing", 0, 0, 0, 0 },
		{ "one byte into nothing", 0, 1, KE_TOOBIG, 0 },
		{ "the room is doubled to the ceiling: 64", 64, 64, 0, 64 },
		{ "the NUL needs a byte of room: 63", 63, 63, 0, 63 },
	};
	static const char zeros[128];
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		print_message("%s\n", rows[i].remark);
		struct buf b = BUF_INIT(rows[i].max);
		buf_bytes(&b, zeros, rows[i].append);
		assert_int_equal(b.rc, rows[i].rc);
		assert_int_equal(b.len, rows[i].len);
		buf_free(&b);
		for (size_t k = 0; k < rows[i].append; k++)
			buf_char(&b, 'x'); /* byte by byte, on the freed buffer: it is as good as new */
		assert_int_equal(b.rc, rows[i].rc);
		assert_int_equal(b.len, rows[i].append < rows[i].max ? rows[i].append : rows[i].max);
		assert_int_equal(strlen(buf_text(&b)), b.len);
		buf_free(&b);
	}
}

static void errors_stick_until_clear(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(4);
	buf_str(&b, "abc");
	buf_str(&b, "de");
	assert_int_equal(b.rc, KE_TOOBIG);
	buf_char(&b, 'd'); /* would fit */
	buf_fmt(&b, "%d", 1);
	assert_string_equal(buf_text(&b), "abc");
	buf_clear(&b);
	assert_int_equal(b.rc, 0);
	assert_string_equal(buf_text(&b), "");
	buf_fmt(&b, "%d", 1234);
	assert_string_equal(buf_text(&b), "1234");
	buf_fmt(&b, "%s", "");
	assert_int_equal(b.rc, 0);
	buf_free(&b);
}

static void sizes_that_wrap_are_refused(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(SIZE_MAX);
	static const size_t sizes[] = { SIZE_MAX, SIZE_MAX - 1, (size_t)PTRDIFF_MAX + 1, PTRDIFF_MAX };
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		buf_clear(&b);
		buf_char(&b, 'x');
		buf_bytes(&b, "never read", sizes[i]);
		assert_int_equal(b.rc, KE_TOOBIG);
		assert_string_equal(buf_text(&b), "x");
	}
	buf_free(&b);
}

static void format_that_fails_is_an_error(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(SIZE_MAX);
	static const wchar_t no_character[] = { 0x110000, 0 };
	buf_fmt(&b, "%ls", no_character); /* fails fast; more than INT_MAX bytes fail the same way */
	assert_int_equal(b.rc, KE_TOOBIG);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

static void format_grows(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(1000);
	for (int i = 0; i < 100; i++)
		buf_fmt(&b, "%d,", i);
	assert_int_equal(b.rc, 0);
	assert_int_equal(b.len, 10 * 2 + 90 * 3);
	assert_memory_equal(b.data, "0,1,2,", 6);
	assert_string_equal(b.data + b.len - 6, "98,99,");
	buf_free(&b);
}

static void format_around_the_room(void **state)
{
	(void)state;
	char text[300];
	/* 256 bytes are taken at first: every length around that, with and without something in front. */
	for (size_t before = 0; before < 3; before++) {
		for (size_t n = 245; n < 262; n++) {
			struct buf b = BUF_INIT(300);
			memset(text, 'x', n);
			text[n] = '\0';
			buf_bytes(&b, "ab", before);
			buf_fmt(&b, "%s", text);
			assert_int_equal(b.rc, 0);
			assert_int_equal(b.len, before + n);
			assert_string_equal(buf_text(&b) + before, text);
			buf_free(&b);
		}
	}
	/* What does not fit leaves nothing behind. */
	struct buf b = BUF_INIT(10);
	buf_str(&b, "12345678");
	buf_fmt(&b, "%s", "abc");
	assert_int_equal(b.rc, KE_TOOBIG);
	assert_string_equal(buf_text(&b), "12345678");
	buf_free(&b);
}

static void integers_in_decimal(void **state)
{
	(void)state;
	static const struct {
		int64_t v;
		const char *text;
	} rows[] = { { 0, "0" }, { 7, "7" }, { -1, "-1" }, { 1000000, "1000000" },
		{ INT64_MAX, "9223372036854775807" }, { INT64_MIN, "-9223372036854775808" } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf b = BUF_INIT(40);
		buf_int(&b, rows[i].v);
		assert_string_equal(buf_text(&b), rows[i].text);
		buf_free(&b);
	}
}

static void drop_from_the_front(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(10);
	buf_str(&b, "0123456789");
	buf_drop(&b, 0);
	assert_string_equal(buf_text(&b), "0123456789");
	buf_drop(&b, 4);
	assert_string_equal(buf_text(&b), "456789");
	buf_str(&b, "abcd");
	assert_string_equal(buf_text(&b), "456789abcd");
	buf_drop(&b, 10);
	assert_string_equal(buf_text(&b), "");
	buf_free(&b);
}

static void take_hands_over(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(5);
	char *text = NULL;
	size_t len = 99;
	assert_int_equal(buf_take(&b, &text, &len), 0); /* empty: still an allocated string */
	assert_string_equal(text, "");
	assert_int_equal(len, 0);
	free(text);
	buf_bytes(&b, "a\0b", 3);
	assert_int_equal(buf_take(&b, &text, &len), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(text, "a\0b", 4);
	free(text);
	assert_null(b.data);
	buf_str(&b, "12345");
	buf_str(&b, "6");
	char *untouched = NULL;
	len = 99;
	assert_int_equal(buf_take(&b, &untouched, &len), KE_TOOBIG);
	assert_null(untouched);
	assert_int_equal(len, 99);
	assert_null(b.data);
	buf_str(&b, "12345"); /* the ceiling is the same as before */
	assert_int_equal(buf_take(&b, &text, NULL), 0);
	assert_string_equal(text, "12345");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_buffer_is_text),
		cmocka_unit_test(ceiling_is_exact),
		cmocka_unit_test(errors_stick_until_clear),
		cmocka_unit_test(sizes_that_wrap_are_refused),
		cmocka_unit_test(format_that_fails_is_an_error),
		cmocka_unit_test(format_grows),
		cmocka_unit_test(format_around_the_room),
		cmocka_unit_test(integers_in_decimal),
		cmocka_unit_test(drop_from_the_front),
		cmocka_unit_test(take_hands_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
