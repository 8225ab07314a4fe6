/* The request parser: a row for everything it refuses, limits to the byte, and the same answer however the bytes are
 * cut. With KEDGE_WRITE_SEEDS in the environment the rows are written as fuzz seeds; without, the seeds must be there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/err.h"
#include "proto/fileio.h"
#include "server-stub/http/http_codec.h"
#include "tests/support/http_heads.h"

/* What the codec says to BYTES that come CHUNK at a time: 200, 0 or the status. The head is parsed in COPY. */
static int judge(const char *bytes, size_t len, size_t chunk, char *copy, struct http_head *head)
{
	struct http_scan scan = { 0 };
	size_t size = 0;
	int rc = 0;

	for (size_t have = 0; rc == 0 && have < len;) {
		have = have + chunk < len ? have + chunk : len;
		rc = http_head_scan(&scan, bytes, have, &size);
	}
	if (rc <= 0)
		return -rc;
	assert_in_range(size, 1, len);
	memcpy(copy, bytes, size);
	rc = http_head_parse(copy, size, head);
	return rc ? -rc : 200;
}

static void every_row(void **state)
{
	(void)state;
	char copy[HTTP_HEAD_MAX];
	struct http_head head;

	for (size_t i = 0; i < HEAD_ROWS; i++) {
		const struct head_row *r = &head_rows[i];
		int whole = judge(r->bytes, r->len, r->len ? r->len : 1, copy, &head);
		int cut = judge(r->bytes, r->len, 1, copy, &head);
		if (whole != r->status || cut != r->status)
			fail_msg("%s (%s): %d whole, %d cut, expected %d", r->name, r->remark, whole, cut,
			        r->status);
	}
}

static void every_row_is_a_seed(void **state)
{
	(void)state;
	for (size_t i = 0; i < HEAD_ROWS; i++) {
		const struct head_row *r = &head_rows[i];
		char path[512];
		char *data;
		size_t len;
		snprintf(path, sizeof path, "%s/tests/fuzz/corpus/http_codec/%s", KEDGE_SOURCE_DIR, r->name);
		if (getenv("KEDGE_WRITE_SEEDS"))
			assert_int_equal(file_replace(path, r->bytes, r->len, 0644, FILE_VOLATILE, NULL), 0);
		if (file_read(path, 65536, &data, &len, NULL))
			fail_msg("%s: no seed", r->name);
		assert_int_equal(len, r->len);
		assert_memory_equal(data, r->bytes, len);
		file_free(data);
	}
}

static int parse(const char *text, char *copy, struct http_head *head)
{
	return judge(text, strlen(text), 7, copy, head);
}

static void a_head_in_parts(void **state)
{
	(void)state;
	char copy[HTTP_HEAD_MAX];
	struct http_head h;

	assert_int_equal(parse("POST /a%20b/%C3%A4?x=1&y HTTP/1.1\r\nHOST: h:1\r\nContent-Length: 0042\r\n"
	                       "EXPECT: 100-continue\r\nX-Y: \t a b \t\r\nX-y: 2\r\n\r\n",
	                         copy, &h),
	        200);
	assert_int_equal(h.method, HTTP_POST);
	assert_string_equal(h.path, "/a b/\xc3\xa4");
	assert_string_equal(h.query, "x=1&y");
	assert_int_equal(h.content_length, 42);
	assert_true(h.expect_continue);
	assert_false(h.close);
	assert_false(h.http10);
	assert_int_equal(h.n_fields, 5);
	assert_string_equal(h.fields[0].name, "host");
	assert_string_equal(http_head_field(&h, "x-y"), "a b");
	assert_null(http_head_field(&h, "x-z"));

	assert_int_equal(parse("GET /%2541 HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", copy, &h), 200);
	assert_string_equal(h.path, "/%41"); /* decoded once */
	assert_string_equal(h.query, "");
	assert_true(h.http10 && h.close && !h.expect_continue);

	assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: closed, x\r\n\r\n", copy, &h), 200);
	assert_false(h.close);
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: x,CLOSE\r\n\r\n", copy, &h), 200);
	assert_true(h.close);
	assert_int_equal(
	        parse("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n", copy, &h),
	        200);
	assert_true(h.content_length == UINT64_MAX);
}

static void the_first_head_ends_where_it_ends(void **state)
{
	(void)state;
	const char *two = "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b";
	struct http_scan scan = { 0 };
	size_t size = 0;

	assert_int_equal(http_head_scan(&scan, two, strlen(two), &size), 1);
	assert_int_equal(size, strlen(two) - 6);
}

/* A head of exactly LEN bytes, filled up in one field. */
static size_t head_of(char *text, size_t len)
{
	int n = snprintf(text, len + 1, "GET / HTTP/1.1\r\nHost: a\r\nX: ");

	memset(text + n, 'x', len - (size_t)n - 4);
	memcpy(text + len - 4, "\r\n\r\n", 4);
	return len;
}

static void limits_to_the_byte(void **state)
{
	(void)state;
	static char text[HTTP_HEAD_MAX + 64], copy[HTTP_HEAD_MAX + 64];
	struct http_head h;

	assert_int_equal(judge(text, head_of(text, HTTP_HEAD_MAX), 1000, copy, &h), 200);
	assert_int_equal(judge(text, head_of(text, HTTP_HEAD_MAX + 1), 1000, copy, &h), 431);
	memset(text, 'a', sizeof text);
	memcpy(text, "GET / HTTP/1.1\r\nX: ", 19);
	assert_int_equal(judge(text, HTTP_HEAD_MAX - 1, 1000, copy, &h), 0);
	assert_int_equal(judge(text, HTTP_HEAD_MAX, 1000, copy, &h), 431); /* no end in sight */

	for (unsigned n = HTTP_FIELDS_MAX; n <= HTTP_FIELDS_MAX + 1; n++) {
		size_t len = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n");
		for (unsigned i = 1; i < n; i++)
			len += (size_t)snprintf(text + len, sizeof text - len, "X: y\r\n");
		len += (size_t)snprintf(text + len, sizeof text - len, "\r\n");
		assert_int_equal(judge(text, len, len, copy, &h), n == HTTP_FIELDS_MAX ? 200 : 431);
	}
	for (int n = HTTP_TARGET_MAX; n <= HTTP_TARGET_MAX + 1; n++) {
		int len = snprintf(text, sizeof text, "GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n", n - 1, 0);
		assert_int_equal(
		        judge(text, (size_t)len, (size_t)len, copy, &h), n == HTTP_TARGET_MAX ? 200 : 414);
		assert_int_equal(judge(text, (size_t)len, 1, copy, &h), n == HTTP_TARGET_MAX ? 200 : 414);
	}
	/* Refused before its end has come. */
	int len = snprintf(text, sizeof text, "GET /%0*d", HTTP_TARGET_MAX, 0);
	assert_int_equal(judge(text, (size_t)len, (size_t)len, copy, &h), 414);
}

static void query_parameters(void **state)
{
	(void)state;
	static const struct {
		const char *query, *name, *value;
		int rc;
		const char *remark;
	} rows[] = {
		{ "a=1&b=2", "b", "2", 1, "the second" },
		{ "a=1&b=2", "c", NULL, KE_NOENT, "not there" },
		{ "", "a", NULL, KE_NOENT, "no query" },
		{ "a", "a", "", 0, "a name alone is an empty value" },
		{ "a=", "a", "", 0, "an empty value" },
		{ "a=x%20y+z", "a", "x y z", 5, "escapes and plus" },
		{ "a=1&a=2", "a", NULL, KE_DUPLICATE, "twice" },
		{ "ab=1&a=2", "a", "2", 1, "a longer name before" },
		{ "a=b=c", "a", "b=c", 3, "an equal sign in the value" },
		{ "a=%00", "a", NULL, KE_SYNTAX, "NUL" },
		{ "a=%C0%AE", "a", NULL, KE_SYNTAX, "overlong UTF-8" },
		{ "a=%4&b=1", "a", NULL, KE_SYNTAX, "half an escape" },
		{ "a=%4", "a", NULL, KE_SYNTAX, "half an escape at the end" },
		{ "a=1234567", "a", "1234567", 7, "fits exactly" },
		{ "a=12345678", "a", NULL, KE_TOOBIG, "one byte too long" },
		{ "&&a=1&", "a", "1", 1, "empty members" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[8] = "";
		int rc = http_query_get(rows[i].query, rows[i].name, text, sizeof text);
		if (rc != rows[i].rc || (rows[i].value && strcmp(text, rows[i].value) != 0))
			fail_msg("%s (%s): %d '%s'", rows[i].query, rows[i].remark, rc, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(every_row_is_a_seed),
		cmocka_unit_test(a_head_in_parts),
		cmocka_unit_test(the_first_head_ends_where_it_ends),
		cmocka_unit_test(limits_to_the_byte),
		cmocka_unit_test(query_parameters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
