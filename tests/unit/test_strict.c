/* The door for JSON: what is refused, with which code and where; what is accepted; and that hostile input costs little.
 * Effort is counted in comparisons (qsort_r() is this program's own here) and read off the place of the refusal. */
#include <dirent.h>
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>
#include <cmocka.h>

#include "proto/buf.h"
#include "proto/fileio.h"
#include "proto/strict.h"

static size_t sorts, comparisons;

struct counted {
	int (*cmp)(const void *, const void *, void *);
	void *ctx;
};

static int counting(const void *a, const void *b, void *ctx)
{
	const struct counted *c = ctx;
	comparisons++;
	return c->cmp(a, b, c->ctx);
}

void qsort_r(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *, void *), void *ctx)
{
	struct counted c = { cmp, ctx };
	void (*real)(void *, size_t, size_t, int (*)(const void *, const void *, void *), void *);
	void *symbol = dlsym(RTLD_NEXT, "qsort_r");
	assert_non_null(symbol);
	memcpy(&real, &symbol, sizeof real);
	sorts++;
	real(base, n, size, counting, &c);
}

/* Checks a copy of exactly LEN bytes, so that the sanitizer sees a read past the end. */
static int check(const char *text, size_t len, const struct strict_limits *limits, struct fault *f)
{
	char *copy = malloc(len ? len : 1);
	cJSON *tree = NULL;
	assert_non_null(copy);
	memcpy(copy, text, len);
	int rc = strict_parse(copy, len, limits, &tree, f);
	assert_int_equal(strict_check(copy, len, limits, NULL), rc);
	assert_int_equal(rc == KE_OK, tree != NULL);
	cJSON_Delete(tree);
	free(copy);
	return rc;
}

static void refusals_say_where(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *text, *where;
		int code;
	} rows[] = {
		{ "nothing", "", "line 1, column 1", KE_SYNTAX },
		{ "only blanks", " \n  ", "line 2, column 3", KE_SYNTAX },
		{ "name twice: the second is told", "{\"a\":1,\n \"a\":2}", "line 2, column 2",
		        KE_DUPLICATE },
		{ "name twice, once as an escape", "{\"a\":1,\"\\u0061\":2}", "line 1, column 8",
		        KE_DUPLICATE },
		{ "name twice, escaped slash", "{\"/\":1,\"\\/\":2}", "line 1, column 8", KE_DUPLICATE },
		{ "empty name twice", "{\"\":1,\"\":2}", "line 1, column 7", KE_DUPLICATE },
		{ "name twice, other names between", "{\"k\":1,\"j\":2,\"l\":3,\"k\":4}", "line 1, column 20",
		        KE_DUPLICATE },
		{ "name twice in an inner object", "[{\"a\":{\"b\":1,\"b\":1}}]", "line 1, column 14",
		        KE_DUPLICATE },
		{ "name twice around an inner object", "{\"a\":{\"b\":1},\"a\":1}", "line 1, column 14",
		        KE_DUPLICATE },
		{ "and the inner object has that name too", "{\"a\":{\"a\":1},\"a\":1}", "line 1, column 14",
		        KE_DUPLICATE },
		{ "NUL as an escape", "\"\\u0000\"", "line 1, column 8", KE_SYNTAX },
		{ "lone high surrogate", "\"\\ud800\"", "line 1, column 8", KE_SYNTAX },
		{ "lone low surrogate", "\"\\udfff\"", "line 1, column 8", KE_SYNTAX },
		{ "high, then no low", "\"\\udbff\\u0041\"", "line 1, column 14", KE_SYNTAX },
		{ "overlong", "\"ab\xc0\xaf\"", "line 1, column 4", KE_SYNTAX },
		{ "byte order mark", "\xef\xbb\xbf{}", "line 1, column 1", KE_SYNTAX },
		{ "leading zero", "[01]", "line 1, column 2", KE_SYNTAX },
		{ "minus zero", "[-0]", "line 1, column 2", KE_SYNTAX },
		{ "fraction", "1.0", "line 1, column 1", KE_SYNTAX },
		{ "exponent", "1E2", "line 1, column 1", KE_SYNTAX },
		{ "2^53", "9007199254740992", "line 1, column 1", KE_RANGE },
		{ "-2^53", "[-9007199254740992]", "line 1, column 2", KE_RANGE },
		{ "2^64 + 1 must not wrap around", "18446744073709551617", "line 1, column 1", KE_RANGE },
		{ "40 digits", "1000000000000000000000000000000000000000", "line 1, column 1", KE_RANGE },
		{ "two values", "1\n1", "line 2, column 1", KE_SYNTAX },
		{ "comma before the end", "[1,]", "line 1, column 4", KE_SYNTAX },
		{ "comma before the end of an object", "{\"a\":1,}", "line 1, column 8", KE_SYNTAX },
		{ "raw line feed in a string", "\"a\nb\"", "line 1, column 3", KE_SYNTAX },
		{ "string without end", "\"abc", "line 1, column 5", KE_SYNTAX },
		{ "object without end", "{\"a\":1", "line 1, column 7", KE_SYNTAX },
		{ "wrong close", "[1}", "line 1, column 3", KE_SYNTAX },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fault f = { 0 };
		print_message("%s\n", rows[i].remark);
		assert_int_equal(
		        check(rows[i].text, strlen(rows[i].text), &strict_limits_default, &f), rows[i].code);
		assert_int_equal(f.code, rows[i].code);
		assert_string_equal(f.where, rows[i].where);
		assert_string_not_equal(f.what, "");
	}
}

/* The fuzzer's seeds: good-* is accepted, bad-* is refused. */
static void corpus(void **state)
{
	(void)state;
	static const char path[] = KEDGE_SOURCE_DIR "/tests/fuzz/corpus/strict";
	DIR *dir = opendir(path);
	unsigned good = 0, bad = 0;
	assert_non_null(dir);
	for (struct dirent *de; (de = readdir(dir));) {
		char *text;
		size_t len;
		bool is_good = strncmp(de->d_name, "good-", 5) == 0;
		if (!is_good && strncmp(de->d_name, "bad-", 4) != 0)
			continue;
		assert_int_equal(file_read_at(dirfd(dir), de->d_name, 1 << 20, &text, &len, NULL), 0);
		int rc = check(text, len, &strict_limits_default, NULL);
		if ((rc == KE_OK) != is_good)
			fail_msg("%s: %s", de->d_name, err_text(rc));
		file_free(text);
		good += is_good;
		bad += !is_good;
	}
	closedir(dir);
	assert_true(good >= 20 && bad >= 80);
}

/* A text that is accepted is refused when it ends anywhere before its end. */
static void every_cut_is_refused(void **state)
{
	(void)state;
	static const char text[] =
	        "{\"a\":[1,-20,true,false,null],\"\\u00e9\":{\"\\ud83d\\ude00\":\"\xe2\x82\xac\\n\"}}";
	assert_int_equal(check(text, sizeof text - 1, &strict_limits_default, NULL), KE_OK);
	for (size_t len = 0; len < sizeof text - 1; len++) {
		assert_int_equal(check(text, len, &strict_limits_default, NULL), KE_SYNTAX);
	}
}

/* Every byte in place of the blank of "[ 1]" and of the 'x' of ["x"]: the sets are exactly RFC 8259's. */
static void every_byte(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		char blank[] = { '[', (char)c, '1', ']' }, string[] = { '"', (char)c, '"' };
		bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
		bool number = (c >= '1' && c <= '9') || c == '-';
		assert_int_equal(check(blank, 4, &strict_limits_default, NULL) == KE_OK, space || number);
		bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
		assert_int_equal(check(string, 3, &strict_limits_default, NULL) == KE_OK, plain);
		char escape[] = { '"', '\\', (char)c, '"' };
		bool known = c && strchr("\"\\/bfnrt", c);
		assert_int_equal(check(escape, 4, &strict_limits_default, NULL) == KE_OK, known);
	}
}

static void limits_are_exact(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *text;
		struct strict_limits limits;
		int code;
	} rows[] = {
		{ "bytes, exactly", "[1,2]", { 5, 100, 10 }, KE_OK },
		{ "bytes, one beyond", "[1,2]", { 4, 100, 10 }, KE_TOOBIG },
		{ "blanks count", "[1,2] ", { 5, 100, 10 }, KE_TOOBIG },
		{ "nodes, exactly: array and two values", "[1,2]", { 100, 3, 10 }, KE_OK },
		{ "nodes, one beyond", "[1,2]", { 100, 2, 10 }, KE_TOOBIG },
		{ "names are nodes", "{\"a\":1}", { 100, 3, 10 }, KE_OK },
		{ "names are nodes, one beyond", "{\"a\":1}", { 100, 2, 10 }, KE_TOOBIG },
		{ "depth, exactly", "[[{}]]", { 100, 100, 3 }, KE_OK },
		{ "depth, one beyond", "[[{}]]", { 100, 100, 2 }, KE_TOOBIG },
		{ "depth counts open ones, not all", "[[],[],[[]],[]]", { 100, 100, 3 }, KE_OK },
		{ "no depth: scalars only", "1", { 100, 100, 0 }, KE_OK },
		{ "no depth", "[]", { 100, 100, 0 }, KE_TOOBIG },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		print_message("%s\n", rows[i].remark);
		assert_int_equal(
		        check(rows[i].text, strlen(rows[i].text), &rows[i].limits, NULL), rows[i].code);
	}
}

static void depth_has_a_ceiling_of_its_own(void **state)
{
	(void)state;
	const struct strict_limits limits = { 1 << 20, 100000, 1000 };
	char text[2 * 65];
	memset(text, '[', 64);
	memset(text + 64, ']', 64);
	assert_int_equal(check(text, 128, &limits, NULL), KE_OK);
	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	assert_int_equal(check(text, 130, &limits, NULL), KE_TOOBIG);
}

/* N members, their names PREFIX zeros and then a number, in an order that is not sorted. */
static void many_names(struct buf *b, unsigned n, int prefix, bool twice)
{
	for (unsigned i = 0; i < n; i++)
		buf_fmt(b, "%s\"%0*u\":0", i ? "," : "{", prefix + 6, i * 7919u % n);
	if (twice)
		buf_fmt(b, ",\"%0*u\":0", prefix + 6, n / 2);
	buf_char(b, '}');
	assert_int_equal(b->rc, 0);
}

static void many_names_cost_n_log_n(void **state)
{
	(void)state;
	static const struct {
		const char *remark;
		unsigned n, log2n;
		int prefix;
		bool twice;
		int code;
	} rows[] = {
		{ "as many short names as the nodes allow", 99999, 17, 0, false, KE_OK },
		{ "one name more", 100000, 17, 0, false, KE_TOOBIG },
		{ "the last name is a duplicate", 99998, 17, 0, true, KE_DUPLICATE },
		{ "4 MiB of long common prefixes", 4000, 12, 1000, false, KE_OK },
		{ "and a duplicate among them", 4000, 12, 1000, true, KE_DUPLICATE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		print_message("%s\n", rows[i].remark);
		struct buf b = BUF_INIT(strict_limits_default.max_bytes);
		many_names(&b, rows[i].n, rows[i].prefix, rows[i].twice);
		sorts = comparisons = 0;
		assert_int_equal(strict_check(b.data, b.len, &strict_limits_default, NULL), rows[i].code);
		assert_int_equal(sorts, rows[i].code != KE_TOOBIG); /* too many nodes: nothing is sorted */
		assert_true(comparisons <= (size_t)(rows[i].n + 1) * rows[i].log2n);
		assert_true(sorts == 0 || comparisons >= rows[i].n - 1);
		buf_free(&b);
	}
}

/* Names of different objects are told apart by one integer, not by bytes; small objects and ordered ones are not sorted. */
static void many_objects_cost_n_log_n(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *object;
		unsigned n;
		size_t names, sorts; /* check() looks twice */
	} rows[] = {
		{ "one name each", "{\"same\":{}}", 50000, 1, 0 },
		{ "nine names in order",
		        "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1}", 10000, 9,
		        0 },
		{ "eight in no order", "{\"h\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"a\":1}",
		        10000, 8, 0 },
		{ "nine in no order",
		        "{\"i\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"a\":1}", 10000, 9,
		        2 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf b = BUF_INIT(strict_limits_default.max_bytes);
		print_message("%s\n", rows[i].remark);
		for (unsigned k = 0; k < rows[i].n; k++)
			buf_fmt(&b, "%s%s", k ? "," : "[", rows[i].object);
		buf_char(&b, ']');
		sorts = comparisons = 0;
		assert_int_equal(check(b.data, b.len, &strict_limits_default, NULL), KE_OK);
		assert_int_equal(sorts, rows[i].sorts);
		assert_true(comparisons <= 2 * rows[i].names * rows[i].n * 17);
		buf_free(&b);
	}
}

/* An object of N names in ORDER (0 rising, 1 falling, 2 to and fro), the one at J the same as the one at I. Every value is an
 * object with a name of its own, so that the members of several objects lie between each other. */
static size_t twin_object(struct buf *b, unsigned n, unsigned order, unsigned i, unsigned j)
{
	size_t second = 0;

	buf_char(b, '{');
	for (unsigned k = 0; k < n; k++) {
		unsigned at = k == j ? i : k;
		unsigned letter = order == 0 ? at : order == 1 ? n - at : at % 2 ? at : 40 - at;
		buf_str(b, k ? "," : "");
		if (k == j)
			second = b->len;
		buf_fmt(b, "\"%c\":{\"x\":0}", 'A' + (int)letter);
	}
	buf_char(b, '}');
	return second;
}

static void twins_are_found_wherever_they_stand(void **state)
{
	(void)state;
	for (unsigned n = 2; n <= 12; n++)
		for (unsigned order = 0; order < 3; order++)
			for (unsigned j = 0; j < n; j++)
				for (unsigned i = 0; i <= j; i++) {
					struct buf b = BUF_INIT(4096);
					struct fault f = { 0 };
					char where[64];
					size_t at = twin_object(&b, n, order, i, j);
					int rc = strict_check(b.data, b.len, &strict_limits_default, &f);
					assert_int_equal(rc, i < j ? KE_DUPLICATE : KE_OK);
					snprintf(where, sizeof where, "line 1, column %zu", at + 1);
					assert_string_equal(f.where, i < j ? where : "");
					buf_free(&b);
				}
}

static void floods_end_at_the_limit(void **state)
{
	(void)state;
	const size_t len = strict_limits_default.max_bytes;
	char *text = malloc(len + 1);
	struct fault f;
	assert_non_null(text);
	memset(text, '[', len + 1);
	assert_int_equal(strict_check(text, len, &strict_limits_default, &f), KE_TOOBIG);
	assert_string_equal(f.where, "line 1, column 33"); /* not one byte further than the depth allows */
	assert_int_equal(strict_check(text, len + 1, &strict_limits_default, &f), KE_TOOBIG);
	assert_string_equal(f.where, ""); /* not looked at */
	for (size_t i = 1; i < len; i++)
		text[i] = i % 2 ? '1' : ',';
	assert_int_equal(strict_check(text, len, &strict_limits_default, &f), KE_TOOBIG);
	assert_string_equal(f.where, "line 1, column 400000"); /* the 200,000th value inside the array */
	memset(text, '1', len);
	assert_int_equal(strict_check(text, len, &strict_limits_default, &f), KE_RANGE);
	memset(text, ' ', len);
	text[len - 1] = '1';
	assert_int_equal(strict_check(text, len, &strict_limits_default, &f), KE_OK);
	memset(text, 'a', len);
	text[0] = text[len - 1] = '"';
	assert_int_equal(strict_check(text, len, &strict_limits_default, &f), KE_OK);
	free(text);
}

static void numbers_are_exact(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t value;
	} rows[] = {
		{ "0", 0 },
		{ "-1", -1 },
		{ "2147483648", 2147483648 },
		{ "9007199254740991", STRICT_INT_MAX },
		{ "-9007199254740991", -STRICT_INT_MAX },
		{ "9007199254740990", STRICT_INT_MAX - 1 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		cJSON *tree = NULL;
		assert_int_equal(
		        strict_parse(rows[i].text, strlen(rows[i].text), &strict_limits_default, &tree, NULL),
		        0);
		assert_true((int64_t)tree->valuedouble == rows[i].value);
		cJSON_Delete(tree);
	}
}

/* What cJSON makes of the bytes is what strict.c saw in them. */
static void strings_are_decoded(void **state)
{
	(void)state;
	static const char text[] = "{\"\\u0061\\ud83d\\ude00\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00fc\\u20ac\"}";
	cJSON *tree = NULL;
	assert_int_equal(strict_parse(text, sizeof text - 1, &strict_limits_default, &tree, NULL), 0);
	assert_string_equal(tree->child->string, "a\xf0\x9f\x98\x80");
	assert_string_equal(tree->child->valuestring, "\"\\/\b\f\n\r\t\xc3\xbc\xe2\x82\xac");
	cJSON_Delete(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals_say_where),
		cmocka_unit_test(corpus),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(every_byte),
		cmocka_unit_test(limits_are_exact),
		cmocka_unit_test(depth_has_a_ceiling_of_its_own),
		cmocka_unit_test(many_names_cost_n_log_n),
		cmocka_unit_test(many_objects_cost_n_log_n),
		cmocka_unit_test(twins_are_found_wherever_they_stand),
		cmocka_unit_test(floods_end_at_the_limit),
		cmocka_unit_test(numbers_are_exact),
		cmocka_unit_test(strings_are_decoded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
