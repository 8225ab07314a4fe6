/* Tables: columns, numbers on the right, wide characters, and what a terminal must not obey. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server-stub/ctl/writer.h"

static void columns(void **state)
{
	(void)state;
	static const char *const titles[] = { "HOST", ">N", "NOTE", NULL };
	struct writer w = writer_begin(titles);
	struct buf out = BUF_INIT(4096);

	writer_cell(&w, "web1");
	writer_fmt(&w, "%d", 7);
	writer_cell(&w, "fine");
	writer_cell(&w, "dätabase");
	writer_fmt(&w, "%d", 1234);
	writer_cell(&w, "");
	writer_end(&w, "  ", &out);
	assert_string_equal(buf_text(&out), "  HOST         N  NOTE\n"
	                                    "  web1         7  fine\n"
	                                    "  dätabase  1234  -\n");
	assert_null(w.cells);
	buf_free(&out);
}

static void empty(void **state)
{
	(void)state;
	static const char *const titles[] = { "HOST", NULL };
	struct writer w = writer_begin(titles);
	struct buf out = BUF_INIT(4096);

	writer_end(&w, "", &out);
	assert_string_equal(buf_text(&out), "");
	buf_free(&out);
}

static void harmless(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *text, *want;
	} rows[] = {
		{ "plain", "abc äöü 漢字", "abc äöü 漢字" },
		{ "escape sequence", "a\033[31mb", "a?[31mb" },
		{ "new line", "a\nb\r\tc", "a?b??c" },
		{ "delete", "a\177b", "a?b" },
		{ "C1 control",
		        "a\xc2\x9b"
		        "31m",
		        "a?31m" },
		{ "no-break space stays",
		        "a\xc2\xa0"
		        "b",
		        "a\xc2\xa0"
		        "b" },
		{ "not UTF-8", "a\xff\xc3", "a??" },
		{ "overlong", "\xc0\x9b", "??" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf out = BUF_INIT(4096);
		text_safe(&out, rows[i].text);
		if (strcmp(buf_text(&out), rows[i].want) != 0)
			fail_msg("%s: '%s'", rows[i].remark, buf_text(&out));
		buf_free(&out);
	}
}

/* A row that is not complete is not shown; a cell that is too long is an error, not a cut. */
static void limits(void **state)
{
	(void)state;
	static const char *const titles[] = { "A", "B", NULL };
	struct writer w = writer_begin(titles);
	struct buf out = BUF_INIT(65536);
	char longer[5000];

	writer_cell(&w, "1");
	writer_cell(&w, "2");
	writer_cell(&w, "3");
	writer_end(&w, "", &out);
	assert_string_equal(buf_text(&out), "A  B\n1  2\n");
	buf_clear(&out);
	w = writer_begin(titles);
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	writer_cell(&w, longer);
	writer_end(&w, "", &out);
	assert_int_not_equal(out.rc, 0);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns),
		cmocka_unit_test(empty),
		cmocka_unit_test(harmless),
		cmocka_unit_test(limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
