/* The response writer: what is in one buffer, what is left out, and that no field ends the head early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/err.h"
#include "server-stub/http/answer.h"

static void answers(void **state)
{
	(void)state;
	static const struct http_field etag[] = { { "ETag", "\"x\"" }, { NULL, NULL } };
	static const struct {
		struct http_answer answer;
		const char *text;
	} rows[] = {
		{ { .status = 200, .type = "text/plain", .body = "hello", .len = 5, .date = 0 },
		        "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: "
		        "text/plain\r\n"
		        "Content-Length: 5\r\n\r\nhello" },
		{ { .status = 200,
		          .type = "a/b",
		          .body = "hello",
		          .len = 5,
		          .head = true,
		          .date = 1764016569 },
		        "HTTP/1.1 200 OK\r\nDate: Mon, 24 Nov 2025 20:36:09 GMT\r\nContent-Type: a/b\r\n"
		        "Content-Length: 5\r\n\r\n" },
		{ { .status = 204, .type = "a/b", .body = "x", .len = 1, .close = true, .date = -1 },
		        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n" },
		{ { .status = 304, .fields = etag, .date = -1 },
		        "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n" },
		{ { .status = 201, .date = -1 }, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n" },
		{ { .status = 299, .date = -1 }, "HTTP/1.1 299 Unknown\r\nContent-Length: 0\r\n\r\n" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf out = BUF_INIT(1024);
		assert_int_equal(http_answer_write(&out, &rows[i].answer), 0);
		assert_string_equal(buf_text(&out), rows[i].text);
		buf_free(&out);
	}
}

static void injections_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *name, *value, *remark;
	} rows[] = {
		{ "X", "a\r\nY: b", "a second field" },
		{ "X", "a\n", "LF" },
		{ "X", "\x7f", "DEL" },
		{ "X: a\r\nY", "b", "in the name" },
		{ "", "b", "no name" },
		{ "X Y", "b", "a space in the name" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf out = BUF_INIT(1024);
		struct http_field fields[] = { { rows[i].name, rows[i].value }, { NULL, NULL } };
		struct http_answer a = { .status = 200, .fields = fields };
		if (http_answer_write(&out, &a) != KE_VALUE || out.len)
			fail_msg("%s", rows[i].remark);
		buf_free(&out);
	}
	struct buf out = BUF_INIT(1024);
	assert_int_equal(
	        http_answer_write(&out, &(struct http_answer){ .status = 200, .type = "a\r\n" }), KE_VALUE);
	assert_int_equal(http_answer_write(&out, &(struct http_answer){ .status = 99 }), KE_VALUE);
	buf_free(&out);
}

static void too_large_is_an_error(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(64);
	assert_int_equal(
	        http_answer_write(&out, &(struct http_answer){ .status = 200, .body = "x", .len = 1 }),
	        KE_TOOBIG);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(injections_are_refused),
		cmocka_unit_test(too_large_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
