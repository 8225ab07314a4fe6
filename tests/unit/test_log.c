/* One line an event, whatever is in it. Standard error is a pipe here; levels and priorities are read back from it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/log.h"
#include "proto/utf8.h"

static int saved_stderr, pipe_read;

static void capture_begin(void)
{
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	assert_true(saved_stderr >= 0);
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	close(fds[1]);
	pipe_read = fds[0];
}

/* Everything that was written to standard error since, as text. */
static const char *capture_end(char *text, size_t size)
{
	ssize_t n = read(pipe_read, text, size - 1);
	close(pipe_read);
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void words_of_levels(void **state)
{
	(void)state;
	char text[4096];
	unsetenv("JOURNAL_STREAM");
	capture_begin();
	log_open("prog", LOG_LEVEL_DEBUG);
	log_error("a %d", 1);
	log_warning("b");
	log_info("c");
	log_debug("%s", "d");
	assert_string_equal(capture_end(text, sizeof text),
	        "prog: error: a 1\nprog: warning: b\nprog: info: c\nprog: debug: d\n");
}

static void talkative_levels_are_held_back(void **state)
{
	(void)state;
	char text[4096];
	capture_begin();
	log_open("prog", LOG_LEVEL_WARNING);
	log_error("a");
	log_warning("b");
	log_info("never");
	log_debug("never");
	assert_string_equal(capture_end(text, sizeof text), "prog: error: a\nprog: warning: b\n");
}

static void nothing_forges_a_line(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *say, *line;
	} rows[] = {
		{ "line feed", "x\nprog: error: forged", "x?prog: error: forged" },
		{ "carriage return", "x\rforged", "x?forged" },
		{ "terminal escape", "\033[2J", "?[2J" },
		{ "DEL, TAB, BEL", "\177\t\a", "???" },
		{ "C1 control: U+009B starts an escape on some terminals",
		        "\xc2\x9b"
		        "2J",
		        "??2J" },
		{ "C1 control: U+0085 is a new line",
		        "a\xc2\x85"
		        "b",
		        "a??b" },
		{ "a bare 0x9b is not UTF-8",
		        "\x9b"
		        "2J",
		        "?2J" },
		{ "cut sequence", "\xe2\x82", "??" },
		{ "words of other languages stay", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac",
		        "gr\xc3\xbc\xc3\x9f \xe2\x82\xac" },
		{ "a syslog priority is not believed inside", "<0>x", "<0>x" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[4096], want[4096];
		print_message("%s\n", rows[i].remark);
		capture_begin();
		log_open("prog", LOG_LEVEL_INFO);
		log_info("%s", rows[i].say);
		capture_end(text, sizeof text);
		snprintf(want, sizeof want, "prog: info: %s\n", rows[i].line);
		assert_string_equal(text, want);
	}
}

static void long_lines_are_cut_and_end(void **state)
{
	(void)state;
	char text[8192], say[5001];
	for (size_t pad = 0; pad < 4; pad++) { /* so that the cut falls on each byte of a sequence */
		memset(say, 'x', sizeof say - 1);
		for (size_t i = pad; i + 3 < sizeof say; i += 3)
			memcpy(say + i, "\xe2\x82\xac", 3);
		say[sizeof say - 1] = '\0';
		capture_begin();
		log_open("prog", LOG_LEVEL_INFO);
		log_info("%s", say);
		capture_end(text, sizeof text);
		size_t len = strlen(text);
		assert_in_range(len, 1024, 2048);
		assert_ptr_equal(strchr(text, '\n'), text + len - 1);
		assert_true(utf8_valid(text, len));
	}
	memset(say, 'p', sizeof say - 1);
	capture_begin();
	log_open(say, LOG_LEVEL_INFO); /* even a name that fills the line leaves room for the words */
	log_info("the words");
	capture_end(text, sizeof text);
	log_open("prog", LOG_LEVEL_INFO);
	assert_non_null(strstr(text, ": info: the words\n"));
}

static void priorities_only_for_the_journal(void **state)
{
	(void)state;
	char text[4096], stream[64];
	struct stat st;
	setenv("JOURNAL_STREAM", "1:1", 1); /* inherited: somebody else's stream */
	capture_begin();
	log_open("prog", LOG_LEVEL_DEBUG);
	log_error("a");
	assert_string_equal(capture_end(text, sizeof text), "prog: error: a\n");
	capture_begin();
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
	        (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open("prog", LOG_LEVEL_DEBUG);
	log_error("a");
	log_warning("b\n<0>forged");
	log_info("c");
	log_debug("d");
	unsetenv("JOURNAL_STREAM");
	capture_end(text, sizeof text);
	log_open("prog", LOG_LEVEL_INFO);
	assert_string_equal(text, "<3>prog: error: a\n<4>prog: warning: b?<0>forged\n<6>prog: info: c\n"
	                          "<7>prog: debug: d\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_levels),
		cmocka_unit_test(talkative_levels_are_held_back),
		cmocka_unit_test(nothing_forges_a_line),
		cmocka_unit_test(long_lines_are_cut_and_end),
		cmocka_unit_test(priorities_only_for_the_journal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
