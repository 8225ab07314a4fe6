/* What the courier builds and reads: URLs, problem documents, acknowledgements, gzip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "agent/courier/gzip.h"
#include "agent/courier/names.h"
#include "agent/courier/problem.h"
#include "agent/courier/url.h"

static void names_become_paths(void **state)
{
	(void)state;
	static const struct {
		const char *name, *path, *remark;
	} rows[] = {
		{ "timestamp.json", "/timestamp.json", "" },
		{ "policies/web/ab.1.json", "/policies/web/ab.1.json", "" },
		{ "a b?c#d%e&f", "/a%20b%3Fc%23d%25e%26f", "nothing becomes a query" },
		{ "rôle", "/r%C3%B4le", "UTF-8 by byte" },
		{ "...", "/...", "three dots are a name" },
		{ "", NULL, "empty" },
		{ ".", NULL, "" },
		{ "..", NULL, "" },
		{ "a/../b", NULL, "" },
		{ "a/./b", NULL, "" },
		{ "a//b", NULL, "" },
		{ "/a", NULL, "" },
		{ "a/", NULL, "" },
		{ "a\nb", NULL, "a control character" },
		{ "a\x7f", NULL, "" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf b = BUF_INIT(URL_MAX);
		int rc = url_append(&b, rows[i].name);
		assert_int_equal(rc, rows[i].path ? 0 : KE_NAME);
		assert_string_equal(buf_text(&b), rows[i].path ? rows[i].path : "");
		buf_free(&b);
	}
}

static void ports_of_urls(void **state)
{
	(void)state;
	static const struct {
		const char *url;
		uint16_t port;
		const char *remark;
	} rows[] = {
		{ "https://kedge.example:8443", 8443, "" },
		{ "https://kedge.example", 443, "" },
		{ "HTTPS://kedge.example/v1/repo", 443, "a path" },
		{ "https://kedge.example:8443/a:9", 8443, "a colon in the path" },
		{ "https://[fd00::1]", 443, "colons of an address" },
		{ "https://[fd00::1]:444/x", 444, "" },
		{ "http://proxy:3128", 3128, "" },
		{ "http://proxy", 1080, "libcurl's own" },
		{ "proxy:3128", 3128, "no scheme" },
		{ "proxy", 1080, "" },
		{ "http://user:77@proxy:3128", 3128, "a password is no port" },
		{ "http://user:p@ss:77@proxy", 1080, "" },
		{ "https://a:", 443, "nothing behind the colon" },
		{ "https://a:0", 0, "no port" },
		{ "https://a:65535", 65535, "" },
		{ "https://a:65536", 0, "too large" },
		{ "https://a:8443x", 0, "" },
		{ "https://a:-1", 0, "" },
		{ "https://a:99999999999999999999999", 0, "" },
		{ "", 1080, "" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (url_port(rows[i].url) != rows[i].port)
			fail_msg("'%s' (%s): %u", rows[i].url, rows[i].remark,
			        (unsigned)url_port(rows[i].url));
}

static void name_services_are_loaded(void **state)
{
	(void)state;
	static const struct {
		const char *conf;
		unsigned loaded;
		const char *remark;
	} rows[] = {
		{ "passwd: compat\nhosts: files dns\n", 0, "parts of libc" },
		{ "# hosts: compat\nhosts:\t files  compat [NOTFOUND=return] dns # hesiod\n", 1,
		        "a module of libc's package" },
		{ "hosts: nosuchservice ../x libnss_compat.so.2\n", 0, "what is not there, what is no name" },
		{ "", 0, "" },
	};
	char path[] = "/tmp/kedge-nsswitch-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, rows[i].conf, strlen(rows[i].conf), 0), strlen(rows[i].conf));
		unsigned got = names_prepare(path);
		if (got != rows[i].loaded)
			fail_msg("row %zu (%s): %u", i, rows[i].remark, got);
	}
	close(fd);
	unlink(path);
	assert_int_equal(names_prepare(path), 0);
}

static void problems_are_told_in_a_line(void **state)
{
	(void)state;
	static const struct {
		int status;
		const char *body, *text, *remark;
	} rows[] = {
		{ 422, "{\"title\":\"T\",\"detail\":\"line 3\"}", "422: line 3", "" },
		{ 404, "{\"title\":\"Not Found\",\"more\":[1]}", "404: Not Found", "other members" },
		{ 500, "<html>", "HTTP status 500", "no JSON" },
		{ 500, "", "HTTP status 500", "nothing" },
		{ 500, "{\"detail\":7}", "HTTP status 500", "wrong type" },
		{ 403, "{\"detail\":\"a\\nb\\u001b[1m\"}", "403: a?b?[1m", "no second line in the log" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[PROBLEM_TEXT_ROOM];
		assert_string_equal(
		        problem_text(rows[i].status, rows[i].body, strlen(rows[i].body), text), rows[i].text);
	}
}

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void heads_and_acknowledgements_are_strict(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		int head, acked;
		const char *remark;
	} rows[] = {
		{ "{\"head\":{\"epoch\":\"00000000000000aa\",\"seq\":7,\"head\":\"" HEX64 "\"}}", 0,
		        KE_SCHEMA, "" },
		{ "{\"head\":{\"epoch\":\"aa\",\"seq\":7,\"head\":\"" HEX64 "\"}}", KE_SCHEMA, KE_SCHEMA,
		        "short" },
		{ "{\"head\":{\"epoch\":\"00000000000000aa\",\"seq\":-1,\"head\":\"" HEX64 "\"}}", KE_RANGE,
		        KE_SCHEMA, "" },
		{ "{\"acked\":42,\"epoch\":\"f123456789abcdef\"}", KE_SCHEMA, 0, "" },
		{ "{\"acked\":\"42\",\"epoch\":\"f123456789abcdef\"}", KE_SCHEMA, KE_SCHEMA, "a string" },
		{ "{\"acked\":42}", KE_SCHEMA, KE_SCHEMA, "no epoch" },
		{ "<html>", KE_SYNTAX, KE_SYNTAX, "a captive portal" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[PROBLEM_TEXT_ROOM] = "untouched";
		int64_t seq = -1;
		uint64_t epoch = 1;
		size_t len = strlen(rows[i].body);
		int head = problem_head(rows[i].body, len, text, NULL);
		int acked = acked_parse(rows[i].body, len, &seq, &epoch, NULL);
		/* Which code a wrong member gets is reader.h's business. */
		assert_int_equal(head == 0, rows[i].head == 0);
		assert_int_equal(acked == 0, rows[i].acked == 0);
		assert_string_equal(text, head == 0 ? "00000000000000aa 7 " HEX64 : "untouched");
		assert_int_equal(seq, acked == 0 ? 42 : -1);
		assert_true(epoch == (acked == 0 ? UINT64_C(0xf123456789abcdef) : 1));
	}
}

static void gzip_comes_back(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0, 1, 1024, 100000 };

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		char *data = calloc(1, sizes[i] + 1), *back = calloc(1, sizes[i] + 1);
		unsigned char *packed = NULL;
		size_t len = 0;
		memset(data, 'x', sizes[i]);
		assert_int_equal(gzip_make(data, sizes[i], &packed, &len), 0);
		z_stream z = { .next_in = packed,
			.avail_in = (unsigned)len,
			.next_out = (unsigned char *)back,
			.avail_out = (unsigned)sizes[i] + 1 };
		assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
		assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
		assert_int_equal(z.total_out, sizes[i]);
		inflateEnd(&z);
		assert_memory_equal(data, back, sizes[i]);
		free(data);
		free(back);
		free(packed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_paths),
		cmocka_unit_test(ports_of_urls),
		cmocka_unit_test(name_services_are_loaded),
		cmocka_unit_test(problems_are_told_in_a_line),
		cmocka_unit_test(heads_and_acknowledgements_are_strict),
		cmocka_unit_test(gzip_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
