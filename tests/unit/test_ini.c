/* Configuration files: what is a setting, and that everything else names its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/buf.h"
#include "proto/ini.h"

static int collect(void *ctx, const struct ini_line *at, struct fault *f)
{
	(void)f;
	buf_fmt(ctx, "%u [%s] %s=%s;", at->line, at->section, at->name, at->value);
	return 0;
}

static void settings(void **state)
{
	(void)state;
	static const char text[] =
	        "\n# comment\n a = 1 \n[one]\r\nb=two words # no comment\r\n;x\nc =\n[two]\nb=x=y\na=2";
	struct buf out = BUF_INIT(4096);
	struct fault f;

	assert_int_equal(ini_parse(text, sizeof text - 1, collect, &out, &f), 0);
	assert_string_equal(buf_text(&out),
	        "3 [] a=1;5 [one] b=two words # no comment;7 [one] c=;9 [two] b=x=y;10 [two] a=2;");
	buf_free(&out);
}

static void refusals(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *text;
		int code;
		const char *where;
	} rows[] = {
		{ "prose", "a=1\nhello\n", KE_SYNTAX, "line 2" },
		{ "open section", "[one\n", KE_SYNTAX, "line 1" },
		{ "empty section", "[]\n", KE_SYNTAX, "line 1" },
		{ "lone bracket", "[\n", KE_SYNTAX, "line 1" },
		{ "no name", "\n\n=1\n", KE_SYNTAX, "line 3" },
		{ "blank in a name", "a b=1\n", KE_SYNTAX, "line 1" },
		{ "twice", "[x]\na=1\n[y]\na=1\n[x]\na=2\n", KE_DUPLICATE, "line 6" },
		{ "control character", "a=\x01\n", KE_SYNTAX, "line 1" },
		{ "not UTF-8", "a=\xff\n", KE_SYNTAX, "" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf out = BUF_INIT(4096);
		struct fault f = { 0 };
		int rc = ini_parse(rows[i].text, strlen(rows[i].text), collect, &out, &f);
		if (rc != rows[i].code || strcmp(f.where, rows[i].where) != 0)
			fail_msg("%s: %d at '%s' (%s)", rows[i].remark, rc, f.where, f.what);
		buf_free(&out);
	}
}

static int typed(void *ctx, const struct ini_line *at, struct fault *f)
{
	int64_t *n = ctx;
	bool yes;

	if (strcmp(at->name, "n") == 0)
		return ini_int(at, 1, 10, n, f);
	if (strcmp(at->name, "b") == 0)
		return ini_bool(at, &yes, f);
	return ini_unknown(at, f);
}

static void typed_values(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int code;
		const char *where;
	} rows[] = {
		{ "n=7\nb=yes\n", 0, "" },
		{ "n=0", KE_RANGE, "line 1: n" },
		{ "n=11", KE_RANGE, "line 1: n" },
		{ "n=-1", KE_SYNTAX, "line 1: n" },
		{ "n=7s", KE_SYNTAX, "line 1: n" },
		{ "n=", KE_SYNTAX, "line 1: n" },
		{ "n=9999999999999999999", KE_SYNTAX, "line 1: n" },
		{ "\nb=true", KE_SYNTAX, "line 2: b" },
		{ "x=1", KE_UNKNOWN, "line 1: x" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fault f = { 0 };
		int64_t n = 0;
		int rc = ini_parse(rows[i].text, strlen(rows[i].text), typed, &n, &f);
		if (rc != rows[i].code || strcmp(f.where, rows[i].where) != 0)
			fail_msg("%s: %d at '%s' (%s)", rows[i].text, rc, f.where, f.what);
	}
}

static void limits(void **state)
{
	(void)state;
	static char text[INI_MAX_BYTES + 1];
	struct buf out = BUF_INIT(1 << 20);
	struct fault f;

	memset(text, '#', sizeof text);
	assert_int_equal(ini_parse(text, INI_MAX_BYTES, collect, &out, &f), 0);
	assert_int_equal(ini_parse(text, INI_MAX_BYTES + 1, collect, &out, &f), KE_TOOBIG);
	text[0] = 'a';
	text[1] = '=';
	assert_int_equal(ini_parse(text, 2 + INI_MAX_VALUE, collect, &out, &f), 0);
	assert_int_equal(ini_parse(text, 3 + INI_MAX_VALUE, collect, &out, &f), KE_TOOBIG);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings),
		cmocka_unit_test(refusals),
		cmocka_unit_test(typed_values),
		cmocka_unit_test(limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
