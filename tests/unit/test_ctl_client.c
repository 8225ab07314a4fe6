/* What is told of an answer that is no success; names in URLs; which servers are none. No connection is made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server-stub/ctl/client.h"

static void problems(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *body;
		long status;
		int code;
		const char *says;
	} rows[] = {
		{ "ours",
		        "{\"type\":\"urn:kedge:error:signature\",\"title\":\"Unprocessable\",\"status\":422,"
		        "\"detail\":\"too "
		        "few\",\"code\":\"signature\"}",
		        422, KE_SIGNATURE, "too few (422)" },
		{ "a title only", "{\"title\":\"Forbidden\",\"status\":403}", 403, KE_FORBIDDEN,
		        "Forbidden (403)" },
		{ "not found", "{\"title\":\"Not Found\"}", 404, KE_NOENT, "Not Found (404)" },
		{ "busy", "", 503, KE_BUSY, "answered with status 503" },
		{ "somebody else's code", "{\"detail\":\"x\",\"code\":\"nonsense\"}", 418, KE_HTTP,
		        "x (418)" },
		{ "HTML", "<html>", 502, KE_HTTP, "answered with status 502" },
		{ "wrong types", "{\"detail\":7,\"title\":[],\"code\":{}}", 500, KE_HTTP,
		        "answered with status 500" },
		{ "no object", "[]", 401, KE_FORBIDDEN, "answered with status 401" },
		{ "control characters", "{\"detail\":\"a\\u001b[31mb\"}", 500, KE_HTTP, "a?[31mb (500)" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fault f = { 0 };
		int rc = client_problem(rows[i].body, strlen(rows[i].body), rows[i].status, &f);
		if (rc != rows[i].code || f.code != rc || strcmp(f.what, rows[i].says) != 0)
			fail_msg("%s: %d '%s'", rows[i].remark, rc, f.what);
	}
}

/* Every code of ours that a server may name is understood; "exists" there is a conflict here. */
static void codes(void **state)
{
	(void)state;
	for (int code = -1; code > -100; code--) {
		struct buf body = BUF_INIT(256);
		struct fault f = { 0 };
		if (strcmp(err_name(code), err_name(-99)) == 0)
			continue; /* no such code */
		buf_fmt(&body, "{\"detail\":\"x\",\"code\":\"%s\"}", err_name(code));
		int want = code == KE_EXIST ? KE_CONFLICT : code;
		int rc = client_problem(buf_text(&body), body.len, 409, &f);
		if (rc != want)
			fail_msg("%s: %d, not %d", err_name(code), rc, want);
		buf_free(&body);
	}
}

static void quoting(void **state)
{
	(void)state;
	struct buf url = BUF_INIT(256);

	client_quote(&url, "web-1.x_~ /?&%=\xc3\xa4");
	assert_string_equal(buf_text(&url), "web-1.x_~%20%2F%3F%26%25%3D%C3%A4");
	buf_free(&url);
}

static void addresses(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *url;
		bool good;
	} rows[] = {
		{ "name", "https://kedge.example.net", true },
		{ "port and slash", "https://kedge.example.net:8443/", true },
		{ "IPv4", "https://127.0.0.1:8443", true },
		{ "IPv6", "https://[::1]:8443", true },
		{ "not TLS", "http://kedge.example.net", false },
		{ "capitals", "HTTPS://kedge.example.net", false },
		{ "no scheme", "kedge.example.net:8443", false },
		{ "a path", "https://kedge.example.net/v1", false },
		{ "a question", "https://kedge.example.net/?x", false },
		{ "a password", "https://me:secret@kedge.example.net", false },
		{ "nothing", "", false },
		{ "no host", "https://:8443", false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *url = strdup(rows[i].url), *ca = strdup("/dev/null");
		struct ctl_config conf = { .url = url, .ca = ca };
		struct client *c = NULL;
		struct fault f = { 0 };
		int rc = client_open(&conf, &clock_system, &c, &f);
		if ((rc == 0) != rows[i].good || (rc && rc != KE_USAGE))
			fail_msg("%s: %d '%s'", rows[i].remark, rc, f.what);
		client_close(c);
		free(url);
		free(ca);
	}
}

static void settings(void **state)
{
	(void)state;
	char url[] = "https://x", ca[] = "/x", cert[] = "/c";
	struct ctl_config none = { 0 }, no_ca = { .url = url }, half = { .url = url, .ca = ca, .cert = cert };
	struct client *c = NULL;

	assert_int_equal(client_open(&none, &clock_system, &c, NULL), KE_USAGE);
	assert_int_equal(client_open(&no_ca, &clock_system, &c, NULL), KE_USAGE);
	assert_int_equal(client_open(&half, &clock_system, &c, NULL), KE_USAGE);
	assert_null(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(problems),
		cmocka_unit_test(codes),
		cmocka_unit_test(quoting),
		cmocka_unit_test(addresses),
		cmocka_unit_test(settings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
