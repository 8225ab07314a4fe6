/* The borders of RFC 3629, each with the byte sequence on its wrong side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/utf8.h"

static void lengths(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *bytes;
		size_t n, length;
	} rows[] = {
		{ "U+0000", "\0", 1, 1 },
		{ "U+007F", "\x7f", 1, 1 },
		{ "continuation byte alone", "\x80", 1, 0 },
		{ "U+0080", "\xc2\x80", 2, 2 },
		{ "U+07FF", "\xdf\xbf", 2, 2 },
		{ "U+0000 in two bytes (overlong)", "\xc0\x80", 2, 0 },
		{ "'/' in two bytes (overlong)", "\xc0\xaf", 2, 0 },
		{ "U+007F in two bytes (overlong)", "\xc1\xbf", 2, 0 },
		{ "U+0800", "\xe0\xa0\x80", 3, 3 },
		{ "U+07FF in three bytes (overlong)", "\xe0\x9f\xbf", 3, 0 },
		{ "U+D7FF", "\xed\x9f\xbf", 3, 3 },
		{ "U+D800 (surrogate)", "\xed\xa0\x80", 3, 0 },
		{ "U+DFFF (surrogate)", "\xed\xbf\xbf", 3, 0 },
		{ "U+E000", "\xee\x80\x80", 3, 3 },
		{ "U+FEFF", "\xef\xbb\xbf", 3, 3 },
		{ "U+FFFF", "\xef\xbf\xbf", 3, 3 },
		{ "U+10000", "\xf0\x90\x80\x80", 4, 4 },
		{ "U+FFFF in four bytes (overlong)", "\xf0\x8f\xbf\xbf", 4, 0 },
		{ "U+10FFFF", "\xf4\x8f\xbf\xbf", 4, 4 },
		{ "U+110000", "\xf4\x90\x80\x80", 4, 0 },
		{ "first byte 0xf5", "\xf5\x80\x80\x80", 4, 0 },
		{ "first byte 0xff", "\xff", 1, 0 },
		{ "two bytes, one is there", "\xc2\x80", 1, 0 },
		{ "three bytes, two are there", "\xe2\x82\xac", 2, 0 },
		{ "four bytes, three are there", "\xf0\x9f\x98\x80", 3, 0 },
		{ "second byte is a letter", "\xe2(\xa1", 3, 0 },
		{ "third byte is a letter", "\xe2\x82(", 3, 0 },
		{ "fourth byte is a start byte", "\xf0\x9f\x98\xc2", 4, 0 },
		{ "only the first sequence counts", "\xc2\xa9\xff", 3, 2 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		print_message("%s\n", rows[i].remark);
		assert_int_equal(
		        utf8_length((const unsigned char *)rows[i].bytes, rows[i].n), rows[i].length);
		bool whole = rows[i].length == rows[i].n;
		assert_int_equal(utf8_valid(rows[i].bytes, rows[i].n), whole);
	}
}

/* Every code point, encoded by the rule, is valid exactly when it is a scalar value. */
static void every_code_point(void **state)
{
	(void)state;
	for (unsigned c = 0x800; c < 0x120000; c++) {
		unsigned char p[4] = { (unsigned char)(0xe0 | c >> 12), (unsigned char)(0x80 | (c >> 6 & 63)),
			(unsigned char)(0x80 | (c & 63)) };
		size_t n = 3;
		if (c > 0xffff) {
			p[0] = (unsigned char)(0xf0 | c >> 18);
			p[1] = (unsigned char)(0x80 | (c >> 12 & 63));
			p[2] = (unsigned char)(0x80 | (c >> 6 & 63));
			p[3] = (unsigned char)(0x80 | (c & 63));
			n = 4;
		}
		bool scalar = c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
		if (utf8_length(p, n) != (scalar ? n : 0))
			fail_msg("U+%04X", c);
	}
}

static void texts(void **state)
{
	(void)state;
	assert_true(utf8_valid("", 0));
	assert_true(utf8_valid("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80", 15));
	assert_false(utf8_valid("good then \xff bad", 15));
	assert_false(utf8_valid("cut \xe2\x82", 6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths),
		cmocka_unit_test(every_code_point),
		cmocka_unit_test(texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
