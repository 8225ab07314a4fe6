/* Lines, words and numbers as slices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/measure/words.h"

static void lines_and_words(void **state)
{
	(void)state;
	struct word rest = { "a  bb\t c \n\nlast", 15 }, line, w;
	assert_int_equal(strlen(rest.text), rest.len);
	assert_true(word_line(&rest, &line));
	assert_true(word_next(&line, &w) && word_is(w, "a"));
	assert_true(word_next(&line, &w) && word_is(w, "bb"));
	assert_true(word_next(&line, &w) && word_is(w, "c"));
	assert_false(word_next(&line, &w));
	assert_true(word_line(&rest, &line)); /* an empty line is a line */
	assert_false(word_next(&line, &w));
	assert_true(word_line(&rest, &line)); /* so is one without a newline */
	assert_true(word_is(line, "last"));
	assert_false(word_line(&rest, &line));
	assert_false(word_is(w, "cc"));
	assert_false(word_is(w, ""));
}

static void numbers(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool ok;
		uint64_t n;
	} rows[] = { { "0", true, 0 }, { "007", true, 7 }, { "18446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", false, 0 }, { "99999999999999999999", false, 0 }, { "", false, 0 },
		{ "-1", false, 0 }, { "+1", false, 0 }, { "1 ", false, 0 }, { "0x1", false, 0 } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t n = 77;
		struct word w = { rows[i].text, strlen(rows[i].text) };
		if (word_number(w, &n) != rows[i].ok || n != (rows[i].ok ? rows[i].n : 77))
			fail_msg("'%s'", rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_and_words),
		cmocka_unit_test(numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
