/* Problem documents: the members, their order, and texts that are foreign or long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server-stub/http/problem.h"

static void documents(void **state)
{
	(void)state;
	static const struct {
		int status;
		const char *type, *title, *detail, *json;
	} rows[] = {
		{ 404, NULL, NULL, NULL,
		        "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404}" },
		{ 409, "urn:x", "Fork", "a \"b\"",
		        "{\"type\":\"urn:x\",\"title\":\"Fork\",\"status\":409,\"detail\":\"a \\\"b\\\"\"}" },
		{ 400, NULL, "\xff", NULL,
		        "{\"type\":\"about:blank\",\"title\":\"\xef\xbf\xbd\",\"status\":400}" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf out = BUF_INIT(HTTP_PROBLEM_MAX);
		assert_int_equal(
		        http_problem_write(&out, rows[i].status, rows[i].type, rows[i].title, rows[i].detail),
		        0);
		assert_string_equal(buf_text(&out), rows[i].json);
		buf_free(&out);
	}
}

static void long_texts_are_cut_between_characters(void **state)
{
	(void)state;
	char text[4096];
	struct buf out = BUF_INIT(HTTP_PROBLEM_MAX);

	memset(text, 1, sizeof text - 1); /* the longest form in JSON: six bytes each */
	text[sizeof text - 1] = '\0';
	assert_int_equal(http_problem_write(&out, 400, text, text, text), 0);
	buf_clear(&out);
	for (size_t i = 0; i + 2 < sizeof text; i += 2)
		memcpy(text + i + 1, "\xc3\xa4", 2); /* odd places: the cut falls into a character */
	text[0] = 'x';
	assert_int_equal(http_problem_write(&out, 400, NULL, "t", text), 0);
	assert_null(strstr(buf_text(&out), "\xef\xbf\xbd"));
	assert_in_range(out.len, 500, 600);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents),
		cmocka_unit_test(long_texts_are_cut_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
