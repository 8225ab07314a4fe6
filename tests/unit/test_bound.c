/* Floors and ceilings: what is refused, what holds, what is written, what a release leaves alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policies/bound.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct value_shape number = { .type = VALUE_INT };
static const struct value_shape byte = { .type = VALUE_INT, .has_min = true, .has_max = true, .max = 255 };
static const struct value_shape triple = { .type = VALUE_VECTOR, .count = 3 };
static const struct value_shape range = {
	.type = VALUE_RANGE, .has_min = true, .has_max = true, .min = 1, .max = 65535
};
static const struct value_shape negative_is_all = { .type = VALUE_INT,
	.unlimited = VALUE_UNLIMITED_NEGATIVE };
static const struct value_shape zero_is_all = { .type = VALUE_INT, .unlimited = VALUE_UNLIMITED_ZERO };
static const struct value_shape pow2 = { .type = VALUE_INT, .rounding = VALUE_UP_POW2 };
static const struct value_shape ports = { .type = VALUE_PORTS };
static const struct value_shape word = { .type = VALUE_WORD };

static void signs_are_taken_off(void **state)
{
	static const struct {
		const char *text, *rest;
		enum value_bound b;
	} rows[] = {
		{ "4096", "4096", BOUND_NONE },
		{ ">=4096", "4096", BOUND_AT_LEAST },
		{ "<= 30", " 30", BOUND_AT_MOST },
		{ ">4096", ">4096", BOUND_NONE },
		{ "=>4096", "=>4096", BOUND_NONE },
		{ " >=1", " >=1", BOUND_NONE },
		{ ">=", "", BOUND_AT_LEAST },
		{ "", "", BOUND_NONE },
	};
	(void)state;

	for (size_t i = 0; i < LEN(rows); i++) {
		const char *text = rows[i].text;
		assert_int_equal(bound_take(&text), rows[i].b);
		assert_string_equal(text, rows[i].rest);
	}
	assert_string_equal(bound_sign(BOUND_NONE), "");
	assert_string_equal(bound_sign(BOUND_AT_LEAST), ">=");
	assert_string_equal(bound_sign(BOUND_AT_MOST), "<=");
}

static void values_are_checked(void **state)
{
	static const struct {
		const struct value_shape *shape;
		enum value_bound b;
		const char *text, *canonical; /* NULL: RC */
		int rc;
		const char *remark;
	} rows[] = {
		{ &number, BOUND_AT_LEAST, " 4096 ", "4096", 0, "blanks around" },
		{ &triple, BOUND_AT_LEAST, "4096\t131072 6291456", "4096 131072 6291456", 0, "a vector" },
		{ &triple, BOUND_AT_MOST, "4096 131072 6291456", "4096 131072 6291456", 0, "from above" },
		{ &range, BOUND_AT_LEAST, "10000 64999", "10000 64999", 0, "at least this range" },
		{ &range, BOUND_AT_MOST, "10000 64999", NULL, KE_VALUE, "a cut may be empty" },
		{ &byte, BOUND_AT_LEAST, "256", NULL, KE_RANGE, "bounds of the key hold" },
		{ &number, BOUND_AT_LEAST, "010", NULL, KE_VALUE, "octal, as ever" },
		{ &number, BOUND_AT_LEAST, "", NULL, KE_VALUE, "the sign alone" },
		{ &number, BOUND_AT_LEAST, ">=1", NULL, KE_VALUE, "two signs" },
		{ &triple, BOUND_AT_LEAST, "4096", NULL, KE_VALUE, "every element is a floor" },
		{ &pow2, BOUND_AT_LEAST, "1000", "1024", 0, "a floor may be rounded up" },
		{ &pow2, BOUND_AT_MOST, "1000", NULL, KE_RANGE, "a ceiling may not" },
		{ &pow2, BOUND_AT_MOST, "1024", "1024", 0, "nothing to round" },
		{ &ports, BOUND_AT_LEAST, "80", NULL, KE_VALUE, "a set" },
		{ &word, BOUND_AT_MOST, "cubic", NULL, KE_VALUE, "a word" },
		{ &value_shape_text, BOUND_AT_LEAST, "1", NULL, KE_VALUE, "a key that nobody knows" },
		{ &value_shape_text, BOUND_NONE, "a  b", "a b", 0, "without a sign all is as ever" },
	};
	(void)state;

	for (size_t i = 0; i < LEN(rows); i++) {
		char *value = NULL;
		struct fault f = { 0 };
		int rc =
		        bound_value(rows[i].shape, rows[i].b, rows[i].text, strlen(rows[i].text), &value, &f);
		if (rc != rows[i].rc || (rows[i].canonical && strcmp(value, rows[i].canonical) != 0))
			fail_msg("%s: %d %s", rows[i].remark, rc, value ? value : f.what);
		if (rc) {
			assert_null(value);
			assert_true(f.what[0] && f.code == rc);
		}
		free(value);
	}
}

static void what_is_written(void **state)
{
	static const struct {
		const struct value_shape *shape;
		enum value_bound b;
		const char *value, *observed, *met;
		bool holds;
		const char *remark;
	} rows[] = {
		{ &number, BOUND_NONE, "30", "60", "30", false, "exactly" },
		{ &number, BOUND_NONE, "30", "30", "30", true, "exactly, and so it is" },
		{ &number, BOUND_AT_LEAST, "4096", "128", "4096", false, "raised" },
		{ &number, BOUND_AT_LEAST, "4096", "4096", "4096", true, "equal is enough" },
		{ &number, BOUND_AT_LEAST, "4096", "65535", "65535", true, "what somebody raised stays" },
		{ &number, BOUND_AT_MOST, "30", "60", "30", false, "lowered" },
		{ &number, BOUND_AT_MOST, "30", "15", "15", true, "what somebody lowered stays" },
		{ &number, BOUND_AT_LEAST, "-5", "-7", "-5", false, "negative numbers have an order" },
		{ &number, BOUND_AT_LEAST, "9", "10", "10", true, "numbers, not texts" },
		{ &triple, BOUND_AT_LEAST, "4096 131072 6291456", "8192 87380 33554432",
		        "8192 131072 33554432", false, "each element by itself" },
		{ &triple, BOUND_AT_LEAST, "4096 131072 6291456", "4096 131072 33554432",
		        "4096 131072 33554432", true, "all at least" },
		{ &triple, BOUND_AT_MOST, "4096 131072 6291456", "8192 87380 33554432", "4096 87380 6291456",
		        false, "each element from above" },
		{ &range, BOUND_AT_LEAST, "10000 60000", "32768 60999", "10000 60999", false, "wider below" },
		{ &range, BOUND_AT_LEAST, "32768 65000", "20000 60999", "20000 65000", false, "and above" },
		{ &range, BOUND_AT_LEAST, "32768 60999", "1024 65535", "1024 65535", true, "wider already" },
		{ &range, BOUND_AT_LEAST, "100 200", "7 5", "100 200", false, "an empty range has nothing" },
		{ &range, BOUND_AT_LEAST, "100 200", "50 50", "50 200", false, "one port is a range" },
		{ &negative_is_all, BOUND_AT_LEAST, "6000", "-1", "-1", true, "no limit is more than any" },
		{ &negative_is_all, BOUND_AT_MOST, "6000", "-1", "6000", false, "and too much" },
		{ &negative_is_all, BOUND_AT_LEAST, "-1", "6000", "-1", false, "at least no limit" },
		{ &negative_is_all, BOUND_AT_LEAST, "-1", "-7", "-7", true, "one of them is as good" },
		{ &negative_is_all, BOUND_AT_LEAST, "6000", "0", "6000", false, "0 is a number" },
		{ &zero_is_all, BOUND_AT_LEAST, "262144", "0", "0", true, "0 is no limit here" },
		{ &zero_is_all, BOUND_AT_MOST, "262144", "0", "262144", false, "from above" },
		{ &triple, BOUND_AT_LEAST, "1 2 3", "4 5", "1 2 3", false, "not what was expected" },
		{ &number, BOUND_AT_LEAST, "1", "many", "1", false, "no number at all" },
		{ &number, BOUND_AT_LEAST, "1", "+2", "1", false, "a sign that is not printed" },
		{ &number, BOUND_AT_LEAST, "1", "2 3", "1", false, "too many" },
		{ &number, BOUND_AT_LEAST, "1", "007", "1", false, "not how numbers are printed" },
		{ &number, BOUND_AT_LEAST, "1", "-0", "1", false, "nor this" },
		{ &number, BOUND_AT_LEAST, "1", "99999999999999999999", "1", false, "beyond 64 bits" },
	};
	(void)state;

	for (size_t i = 0; i < LEN(rows); i++) {
		char *met = NULL;
		bool holds = bound_holds(rows[i].shape, rows[i].b, rows[i].value, rows[i].observed);
		assert_int_equal(
		        bound_met(rows[i].shape, rows[i].b, rows[i].value, rows[i].observed, &met), 0);
		if (holds != rows[i].holds || strcmp(met, rows[i].met) != 0)
			fail_msg("%s: %s %d", rows[i].remark, met, holds);
		/* What was written holds. */
		assert_true(bound_holds(rows[i].shape, rows[i].b, rows[i].value, met));
		free(met);
	}
}

static void what_a_release_writes(void **state)
{
	static const struct {
		const struct value_shape *shape;
		enum value_bound b;
		const char *value, *original, *observed, *written, *remark;
	} rows[] = {
		{ &number, BOUND_NONE, "30", "60", "15", "60", "a plain value goes back whatever is there" },
		{ &number, BOUND_AT_LEAST, "4096", "128", "4096", "128", "ours goes back" },
		{ &number, BOUND_AT_LEAST, "4096", "128", "65535", "65535", "somebody's stays" },
		{ &number, BOUND_AT_LEAST, "4096", "8192", "8192", "8192", "never was ours" },
		{ &number, BOUND_AT_MOST, "30", "60", "30", "60", "from above" },
		{ &number, BOUND_AT_MOST, "30", "60", "10", "10", "lowered further: theirs" },
		{ &triple, BOUND_AT_LEAST, "4096 131072 6291456", "4096 16384 4194304",
		        "4096 131072 33554432", "4096 16384 33554432", "element by element" },
		{ &range, BOUND_AT_LEAST, "10000 65000", "32768 60999", "10000 65535", "32768 65535",
		        "one end was moved on" },
		{ &range, BOUND_AT_LEAST, "10000 65000", "32768 60999", "10000 20000", "32768 60999",
		        "the mix would be no range" },
		{ &number, BOUND_AT_LEAST, "1", "0", "odd", "0", "not a number: the original" },
		{ &range, BOUND_AT_LEAST, "10000 65000", "7 5", "10000 65000", "7 5", "it was an empty range" },
		{ &range, BOUND_AT_LEAST, "10000 65000", "32768 60999", "7 5", "32768 60999", "it is one now" },
	};
	(void)state;

	for (size_t i = 0; i < LEN(rows); i++) {
		char *written = NULL;
		assert_int_equal(bound_let_go(rows[i].shape, rows[i].b, rows[i].value, rows[i].original,
		                         rows[i].observed, &written),
		        0);
		if (strcmp(written, rows[i].written) != 0)
			fail_msg("%s: %s", rows[i].remark, written);
		free(written);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs_are_taken_off),
		cmocka_unit_test(values_are_checked),
		cmocka_unit_test(what_is_written),
		cmocka_unit_test(what_a_release_writes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
