/* Values: what people may ask for, what the kernel prints, and when the two are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policies/value.h"

#define LEN(a)  (sizeof(a) / sizeof((a)[0]))
#define TEXT(s) s, sizeof(s) - 1

static const struct value_shape any_int = { .type = VALUE_INT };
static const struct value_shape byte = { .type = VALUE_INT, .has_min = true, .has_max = true, .max = 255 };
static const struct value_shape low = { .type = VALUE_INT, .has_min = true, .min = 1 };
static const struct value_shape triple = { .type = VALUE_VECTOR, .count = 3, .has_min = true, .min = 1 };
static const struct value_shape range = {
	.type = VALUE_RANGE, .has_min = true, .has_max = true, .min = 1, .max = 65535
};
static const struct value_shape ports = { .type = VALUE_PORTS };
static const struct value_shape word = { .type = VALUE_WORD, .has_max = true, .max = 15 };
static const struct value_shape words = { .type = VALUE_WORDS };
static const struct value_shape hex = { .type = VALUE_HEX };
static const struct value_shape pow2 = { .type = VALUE_INT, .rounding = VALUE_UP_POW2 };
static const struct value_shape up512 = { .type = VALUE_INT, .rounding = VALUE_UP_512 };
static const struct value_shape text = { .type = VALUE_TEXT };

static void wanted_values_become_canonical(void **state)
{
	(void)state;
	static const struct {
		const struct value_shape *shape;
		const char *text, *canonical, *remark;
	} rows[] = {
		{ &byte, "30", "30", "plain" },
		{ &byte, " \t30 ", "30", "blanks around" },
		{ &any_int, "-5", "-5", "negative where allowed" },
		{ &any_int, "9223372036854775807", "9223372036854775807", "the largest" },
		{ &any_int, "-9223372036854775808", "-9223372036854775808", "the smallest" },
		{ &any_int, "0", "0", "zero" },
		{ &triple, "4096\t131072  6291456", "4096 131072 6291456", "tabs and runs of blanks" },
		{ &range, "32768 60999", "32768 60999", "range" },
		{ &range, "80 80", "80 80", "range of one" },
		{ &ports, "", "", "no port" },
		{ &ports, "8080", "8080", "one port" },
		{ &ports, "8080,8081", "8080-8081", "neighbours merge" },
		{ &ports, "8080,9000-9002,9003,1-5,3-4", "1-5,8080,9000-9003", "sorted and merged" },
		{ &ports, "0,65535", "0,65535", "both ends" },
		{ &ports, "0-65535", "0-65535", "all" },
		{ &word, "cubic", "cubic", "word" },
		{ &words, "reno  cubic reno", "cubic reno", "a set" },
		{ &hex, "1-2-3-4", "00000001-00000002-00000003-00000004", "key words are padded" },
		{ &hex, "1-2-3-4,0-0-0-A",
		        "00000001-00000002-00000003-00000004,00000000-00000000-00000000-0000000a",
		        "two keys, lower case" },
		{ &hex, "3", "00000003", "mask" },
		{ &hex, "00000000,00000003", "00000003", "leading zero words of a mask" },
		{ &hex, "1,00000000", "00000001,00000000", "trailing zero words count" },
		{ &hex, "0", "00000000", "empty mask" },
		{ &pow2, "32769", "65536", "next power of two" },
		{ &pow2, "32768", "32768", "a power of two" },
		{ &pow2, "0", "0", "zero stays" },
		{ &up512, "65537", "66048", "next multiple of 512" },
		{ &text, " a  b\tc ", "a b c", "folded" },
		{ &text, "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", "UTF-8" },
	};
	for (size_t i = 0; i < LEN(rows); i++) {
		char *out = NULL;
		print_message("%s\n", rows[i].remark);
		assert_int_equal(
		        value_wanted(rows[i].shape, rows[i].text, strlen(rows[i].text), &out, NULL), 0);
		assert_string_equal(out, rows[i].canonical);
		free(out);
	}
}

static void wrong_values_are_refused(void **state)
{
	(void)state;
	static const struct {
		const struct value_shape *shape;
		const char *text;
		size_t len;
		int rc;
		const char *remark;
	} rows[] = {
		{ &byte, TEXT("010"), KE_VALUE, "octal to the kernel" },
		{ &byte, TEXT("0x10"), KE_VALUE, "hexadecimal to the kernel" },
		{ &byte, TEXT("+5"), KE_VALUE, "a plus" },
		{ &byte, TEXT("-0"), KE_VALUE, "minus zero" },
		{ &byte, TEXT("-"), KE_VALUE, "only a minus" },
		{ &byte, TEXT("30s"), KE_VALUE, "a unit" },
		{ &byte, TEXT("16M"), KE_VALUE, "a unit" },
		{ &byte, TEXT("yes"), KE_VALUE, "a word" },
		{ &byte, TEXT("1.0"), KE_VALUE, "a fraction" },
		{ &byte, TEXT(""), KE_VALUE, "empty: the kernel would say ok" },
		{ &byte, TEXT("   "), KE_VALUE, "blank" },
		{ &byte, TEXT("30 40"), KE_VALUE, "two numbers" },
		{ &byte, TEXT("30 # half a minute"), KE_VALUE, "trailing comment" },
		{ &byte, TEXT("30\n"), KE_VALUE, "newline" },
		{ &byte, TEXT("30\r"), KE_VALUE, "carriage return" },
		{ &byte, TEXT("3\0"), KE_VALUE, "NUL" },
		{ &byte, TEXT("\xef\xbc\x93\xef\xbc\x90"), KE_VALUE, "full-width 30" },
		{ &byte,
		        TEXT("\xef\xbb\xbf"
		             "30"),
		        KE_VALUE, "BOM" },
		{ &byte, TEXT("\"30\""), KE_VALUE, "quotes" },
		{ &byte, TEXT("1200;"), KE_VALUE, "semicolon" },
		{ &byte, TEXT("256"), KE_RANGE, "above" },
		{ &byte, TEXT("-1"), KE_RANGE, "below" },
		{ &low, TEXT("0"), KE_RANGE, "below, no upper bound" },
		{ &any_int, TEXT("9223372036854775808"), KE_RANGE, "65 bits" },
		{ &any_int, TEXT("99999999999999999999999"), KE_RANGE, "many digits" },
		{ &triple, TEXT("4096 131072"), KE_VALUE, "two of three" },
		{ &triple, TEXT("4096 131072 6291456 1"), KE_VALUE, "four of three" },
		{ &triple, TEXT("5000 0 7"), KE_RANGE, "a bad element in the middle" },
		{ &range, TEXT("65000 1024"), KE_RANGE, "the wrong way round" },
		{ &range, TEXT("1024"), KE_VALUE, "one end" },
		{ &range, TEXT("1024-65000"), KE_VALUE, "a dash" },
		{ &ports, TEXT("65536"), KE_VALUE, "no such port" },
		{ &ports, TEXT("9-5"), KE_VALUE, "the wrong way round" },
		{ &ports, TEXT("1,,2"), KE_VALUE, "empty item" },
		{ &ports, TEXT("1,"), KE_VALUE, "trailing comma" },
		{ &ports, TEXT(",1"), KE_VALUE, "leading comma" },
		{ &ports, TEXT("080"), KE_VALUE, "leading zero" },
		{ &ports, TEXT("1-2-3"), KE_VALUE, "two dashes" },
		{ &ports, TEXT("http"), KE_VALUE, "a service" },
		{ &word, TEXT("cubic reno"), KE_VALUE, "two words" },
		{ &word, TEXT("abcdefghijklmnop"), KE_RANGE, "16 bytes" },
		{ &hex, TEXT("0x3"), KE_VALUE, "prefix" },
		{ &hex, TEXT("123456789"), KE_VALUE, "nine digits" },
		{ &hex, TEXT("1-2--4"), KE_VALUE, "empty word" },
		{ &hex, TEXT("1,"), KE_VALUE, "trailing comma" },
		{ &text, TEXT("a\x1b[2J"), KE_VALUE, "escape sequence" },
		{ &text, TEXT("\xff\xfe"), KE_VALUE, "not UTF-8" },
	};
	for (size_t i = 0; i < LEN(rows); i++) {
		char mark, *out = &mark;
		struct fault f = { 0 };
		print_message("%s\n", rows[i].remark);
		assert_int_equal(
		        value_wanted(rows[i].shape, rows[i].text, rows[i].len, &out, &f), rows[i].rc);
		assert_ptr_equal(out, &mark);
		assert_int_equal(f.code, rows[i].rc);
		assert_true(f.what[0]);
	}
}

static void observed_values_become_canonical(void **state)
{
	(void)state;
	static const struct {
		const struct value_shape *shape;
		const char *text;
		size_t len;
		const char *canonical, *remark;
	} rows[] = {
		{ &byte, TEXT("30\n"), "30", "newline" },
		{ &byte, TEXT("256\n"), "256", "bounds are the kernel's business" },
		{ &range, TEXT("32768\t60999\n"), "32768 60999", "tab" },
		{ &range, TEXT("60999\t32768\n"), "60999 32768", "order too" },
		{ &triple, TEXT("4096\t131072\t6291456\n"), "4096 131072 6291456", "tabs" },
		{ &triple, TEXT("4096\t131072\n"), "4096 131072", "does not fit: kept as text" },
		{ &ports, TEXT("\n"), "", "empty list" },
		{ &ports, TEXT("8080-8081,9000\n"), "8080-8081,9000", "ports" },
		{ &words, TEXT("reno cubic\n"), "cubic reno", "set" },
		{ &hex, TEXT("00000001-00000002-00000003-00000004\n"), "00000001-00000002-00000003-00000004",
		        "key" },
		{ &hex, TEXT("3\n"), "00000003", "mask" },
		{ &byte, TEXT("yes\n"), "yes", "kept as text" },
		{ &byte, TEXT(""), "", "nothing" },
		{ &text, TEXT("a\0b\n"), "a b", "NUL is a blank" },
		{ &up512, TEXT("65537\n"), "65537", "observed numbers are not rounded" },
	};
	for (size_t i = 0; i < LEN(rows); i++) {
		char *out = NULL;
		print_message("%s\n", rows[i].remark);
		assert_int_equal(value_observed(rows[i].shape, rows[i].text, rows[i].len, &out), 0);
		assert_string_equal(out, rows[i].canonical);
		free(out);
	}
}

static void long_texts_are_refused(void **state)
{
	(void)state;
	size_t len = VALUE_MAX_LEN + 1;
	char *big = malloc(len), *out = NULL;
	assert_non_null(big);
	memset(big, '1', len);
	assert_int_equal(value_wanted(&any_int, big, len, &out, NULL), KE_TOOBIG);
	assert_int_equal(value_wanted(&any_int, big, len - 1, &out, NULL), KE_RANGE);
	free(big);
}

/* The longest port list: every second port. The kernel's text of it is longer than one page. */
static void long_port_lists_fit(void **state)
{
	(void)state;
	static char list[8 * 32768];
	size_t n = 0;
	for (unsigned p = 1024; p < 12000; p += 2)
		n += (size_t)snprintf(list + n, sizeof list - n, "%s%u", n ? "," : "", p);
	char *out = NULL;
	assert_int_equal(value_wanted(&ports, list, n, &out, NULL), 0);
	assert_string_equal(out, list);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wanted_values_become_canonical),
		cmocka_unit_test(wrong_values_are_refused),
		cmocka_unit_test(observed_values_become_canonical),
		cmocka_unit_test(long_texts_are_refused),
		cmocka_unit_test(long_port_lists_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
