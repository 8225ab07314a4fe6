/* The writer's text to the byte, compact and indented; and whatever it is given, strict.c accepts the result. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/err.h"
#include "proto/jsonw.h"
#include "proto/strict.h"

static void is(struct buf *b, const char *text)
{
	struct fault f = { 0 };
	char line[1024];
	assert_int_equal(b->rc, 0);
	assert_string_equal(buf_text(b), text);
	if (strict_check(b->data, b->len, &strict_limits_default, &f))
		fail_msg("%s", fault_line(&f, line, sizeof line));
	buf_free(b);
}

static void write_all_kinds(struct jsonw *w)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "s", "v");
	jsonw_string_n(w, "n", "vwx", 2);
	jsonw_opt_string(w, "o", "there");
	jsonw_opt_string(w, "absent", NULL);
	jsonw_int(w, "i", -5);
	jsonw_bool(w, "t", true);
	jsonw_bool(w, "f", false);
	jsonw_null(w, "z");
	jsonw_hex(w, "h", "\x00\xa5\xff", 3);
	jsonw_time(w, "d", 1795551816);
	jsonw_raw(w, "r", "[1]", 3);
	jsonw_array(w, "a");
	jsonw_int(w, NULL, 1);
	jsonw_object(w, NULL);
	jsonw_object_end(w);
	jsonw_array(w, NULL);
	jsonw_array_end(w);
	jsonw_string(w, NULL, "");
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static void compact(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(4096);
	struct jsonw w = JSONW_INIT(&b, 0);
	write_all_kinds(&w);
	is(&b, "{\"s\":\"v\",\"n\":\"vw\",\"o\":\"there\",\"i\":-5,\"t\":true,\"f\":false,\"z\":null,"
	       "\"h\":\"00a5ff\",\"d\":\"2026-11-24T20:23:36Z\",\"r\":[1],\"a\":[1,{},[],\"\"]}");
}

static void indented(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(4096);
	struct jsonw w = JSONW_INIT(&b, 2);
	jsonw_object(&w, NULL);
	jsonw_array(&w, "a");
	jsonw_int(&w, NULL, 1);
	jsonw_object(&w, NULL);
	jsonw_bool(&w, "b", true);
	jsonw_object_end(&w);
	jsonw_array_end(&w);
	jsonw_object(&w, "empty");
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	is(&b, "{\n  \"a\": [\n    1,\n    {\n      \"b\": true\n    }\n  ],\n  \"empty\": {}\n}");
}

static void strings(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *text;
		size_t len;
		const char *json;
	} rows[] = {
		{ "empty", "", 0, "\"\"" },
		{ "quote and backslash", "a\"b\\c", 5, "\"a\\\"b\\\\c\"" },
		{ "slash stays", "a/b", 3, "\"a/b\"" },
		{ "line feed, TAB", "\n\t", 2, "\"\\n\\t\"" },
		{ "other controls", "\x01\x1f\r\x7f", 4, "\"\\u0001\\u001f\\u000d\\u007f\"" },
		{ "UTF-8 stays", "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 9,
		        "\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		{ "Latin-1", "gr\xfc\xdf", 4, "\"gr\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "overlong: each byte is told", "\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "surrogate", "\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "cut at the end", "a\xe2\x82", 3, "\"a\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "cut by LEN", "a\xe2\x82\xac", 3, "\"a\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "a letter behind a cut sequence survives", "\xe2\x82z", 3,
		        "\"\xef\xbf\xbd\xef\xbf\xbdz\"" },
		{ "NUL: no reader of ours takes \\u0000", "a\0b", 3,
		        "\"a\xef\xbf\xbd"
		        "b\"" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		print_message("%s\n", rows[i].remark);
		struct buf b = BUF_INIT(4096);
		struct jsonw w = JSONW_INIT(&b, 0);
		jsonw_string_n(&w, NULL, rows[i].text, rows[i].len);
		is(&b, rows[i].json);
	}
}

static void names_are_escaped(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(4096);
	struct jsonw w = JSONW_INIT(&b, 0);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "a\":1,\"b\n", 2);
	jsonw_int(&w, "\xff", 3);
	jsonw_object_end(&w);
	is(&b, "{\"a\\\":1,\\\"b\\n\":2,\"\xef\xbf\xbd\":3}");
}

static void every_byte_can_be_told(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		for (int d = 0; d < 256; d += 3) {
			char text[] = { (char)c, (char)d };
			struct buf b = BUF_INIT(4096);
			struct jsonw w = JSONW_INIT(&b, 0);
			jsonw_string_n(&w, NULL, text, 2);
			assert_int_equal(b.rc, 0);
			assert_int_equal(strict_check(b.data, b.len, &strict_limits_default, NULL), KE_OK);
			buf_free(&b);
		}
	}
}

static void numbers(void **state)
{
	(void)state;
	static const struct {
		int64_t value;
		const char *text;
		int strict;
	} rows[] = {
		{ 0, "0", KE_OK },
		{ STRICT_INT_MAX, "9007199254740991", KE_OK },
		{ -STRICT_INT_MAX, "-9007199254740991", KE_OK },
		{ STRICT_INT_MAX + 1, "9007199254740992", KE_RANGE },
		{ INT64_MIN, "-9223372036854775808", KE_RANGE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf b = BUF_INIT(64);
		struct jsonw w = JSONW_INIT(&b, 0);
		jsonw_int(&w, NULL, rows[i].value);
		assert_string_equal(buf_text(&b), rows[i].text);
		assert_int_equal(strict_check(b.data, b.len, &strict_limits_default, NULL), rows[i].strict);
		buf_free(&b);
	}
}

/* LEVELS arrays, opened and closed. */
static void nest(struct jsonw *w, unsigned levels)
{
	for (unsigned i = 0; i < levels; i++)
		jsonw_array(w, NULL);
	for (unsigned i = 0; i < levels; i++)
		jsonw_array_end(w);
}

static void depth(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(4096);
	struct jsonw w = JSONW_INIT(&b, 0);
	nest(&w, JSONW_MAX_DEPTH);
	assert_int_equal(b.rc, 0);
	assert_int_equal(w.depth, 0);
	assert_int_equal(b.len, 2 * JSONW_MAX_DEPTH);
	assert_int_equal(strict_check(b.data, b.len, &strict_limits_default, NULL), KE_OK);
	buf_clear(&b);
	w = JSONW_INIT(&b, 2);
	nest(&w, JSONW_MAX_DEPTH + 1);
	assert_int_equal(b.rc, KE_TOOBIG);
	size_t len = b.len;
	nest(&w, 1000); /* an error stays an error, and writes nothing */
	jsonw_string(&w, NULL, "more");
	assert_int_equal(b.rc, KE_TOOBIG);
	assert_int_equal(b.len, len);
	buf_free(&b);
}

static void ends_without_begins(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(64);
	struct jsonw w = JSONW_INIT(&b, 0);
	jsonw_object_end(&w);
	jsonw_array_end(&w);
	jsonw_int(&w, NULL, 7);
	is(&b, "7");
}

/* Whatever the ceiling: the whole text, or the error of the buffer. */
static void ceiling_of_the_buffer(void **state)
{
	(void)state;
	struct buf whole = BUF_INIT(4096);
	struct jsonw w = JSONW_INIT(&whole, 2);
	write_all_kinds(&w);
	for (size_t max = 0; max <= whole.len; max++) {
		struct buf b = BUF_INIT(max);
		w = JSONW_INIT(&b, 2);
		write_all_kinds(&w);
		assert_int_equal(b.rc, max < whole.len ? KE_TOOBIG : 0);
		assert_true(b.len <= max);
		buf_free(&b);
	}
	buf_free(&whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compact),
		cmocka_unit_test(indented),
		cmocka_unit_test(strings),
		cmocka_unit_test(names_are_escaped),
		cmocka_unit_test(every_byte_can_be_told),
		cmocka_unit_test(numbers),
		cmocka_unit_test(depth),
		cmocka_unit_test(ends_without_begins),
		cmocka_unit_test(ceiling_of_the_buffer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
