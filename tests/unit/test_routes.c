/* The route table: what matches, what is allowed instead, tables that cannot be, and every cell of who may do what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server-stub/http/routes.h"

static void handler(struct http_request *req)
{
	(void)req;
}

#define ROW(method, pattern, auth)                                                                           \
	{                                                                                                    \
		method, pattern, auth, 0, handler                                                            \
	}

static const struct http_route table[] = {
	ROW(HTTP_GET, "/healthz", HTTP_AUTH_ANY),
	ROW(HTTP_GET, "/v1/hosts", HTTP_AUTH_VIEWER),
	ROW(HTTP_GET, "/v1/hosts/{id}", HTTP_AUTH_VIEWER),
	ROW(HTTP_DELETE, "/v1/hosts/{id}", HTTP_AUTH_ADMIN),
	ROW(HTTP_GET, "/v1/hosts/count", HTTP_AUTH_VIEWER),
	ROW(HTTP_POST, "/v1/hosts/{id}/reports", HTTP_AUTH_SELF),
	ROW(HTTP_GET, "/v1/repo/targets/{path...}", HTTP_AUTH_MEMBER),
	ROW(HTTP_PUT, "/v1/a/{x}/{y}/{z}", HTTP_AUTH_ADMIN),
};
#define TABLE table, sizeof table / sizeof table[0]

/* "row name=value name=value", or the status with the Allow field. */
static void describe(const struct http_match *m, int status, char *text, size_t size)
{
	if (status != 200) {
		snprintf(text, size, "%d %s", status, m->allow);
		return;
	}
	size_t len = (size_t)snprintf(text, size, "%d", (int)(m->route - table));
	for (unsigned i = 0; i < m->n_params; i++)
		len += (size_t)snprintf(text + len, size - len, " %.*s=%.*s", (int)m->params[i].name_len,
		        m->params[i].name, (int)m->params[i].value_len, m->params[i].value);
}

static void matching(void **state)
{
	(void)state;
	static const struct {
		enum http_method method;
		const char *path, *expected, *remark;
	} rows[] = {
		{ HTTP_GET, "/healthz", "0", "literal" },
		{ HTTP_HEAD, "/healthz", "0", "HEAD goes where GET goes" },
		{ HTTP_POST, "/healthz", "405 GET, HEAD", "another method" },
		{ HTTP_GET, "/healthz/", "404 ", "a slash more is another name" },
		{ HTTP_GET, "/health", "404 ", "a prefix" },
		{ HTTP_GET, "/", "404 ", "the root" },
		{ HTTP_GET, "/v1/hosts", "1", "the list" },
		{ HTTP_GET, "/v1/hosts/", "404 ", "an empty parameter" },
		{ HTTP_GET, "/v1/hosts/h1", "2 id=h1", "a parameter" },
		{ HTTP_DELETE, "/v1/hosts/h1", "3 id=h1", "by method" },
		{ HTTP_GET, "/v1/hosts/count", "4", "literal text wins, wherever its row stands" },
		{ HTTP_DELETE, "/v1/hosts/count", "3 id=count", "unless its method is another" },
		{ HTTP_PUT, "/v1/hosts/h1", "405 GET, HEAD, DELETE", "all methods of the path" },
		{ HTTP_POST, "/v1/hosts/h1/reports", "5 id=h1", "a parameter in the middle" },
		{ HTTP_POST, "/v1/hosts/h1/reports/x", "404 ", "a segment more" },
		{ HTTP_GET, "/v1/repo/targets/a", "6 path=a", "the rest, one segment" },
		{ HTTP_GET, "/v1/repo/targets/a/b/c.json", "6 path=a/b/c.json", "the rest, three" },
		{ HTTP_GET, "/v1/repo/targets/", "404 ", "the rest is not empty" },
		{ HTTP_GET, "/v1/repo/targets/a/", "404 ", "nor ends in a slash" },
		{ HTTP_GET, "/v1/repo/targets", "404 ", "nor missing" },
		{ HTTP_PUT, "/v1/a/1/2/3", "7 x=1 y=2 z=3", "three parameters" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct http_match m;
		char text[256];
		describe(&m, http_routes_match(TABLE, rows[i].method, rows[i].path, &m), text, sizeof text);
		if (strcmp(text, rows[i].expected) != 0)
			fail_msg("%s (%s): %s, expected %s", rows[i].path, rows[i].remark, text,
			        rows[i].expected);
	}
}

static void tables_that_cannot_be(void **state)
{
	(void)state;
	static const struct {
		struct http_route route;
		const char *remark;
	} rows[] = {
		{ ROW(HTTP_GET, "a", HTTP_AUTH_ANY), "no slash" },
		{ ROW(HTTP_GET, NULL, HTTP_AUTH_ANY), "no pattern" },
		{ ROW(HTTP_GET, "/a//b", HTTP_AUTH_ANY), "an empty segment" },
		{ ROW(HTTP_GET, "/a/", HTTP_AUTH_ANY), "a slash at the end" },
		{ ROW(HTTP_GET, "/{}", HTTP_AUTH_ANY), "no name" },
		{ ROW(HTTP_GET, "/a{b}", HTTP_AUTH_ANY), "a brace in text" },
		{ ROW(HTTP_GET, "/{a...}/b", HTTP_AUTH_ANY), "the rest is not last" },
		{ ROW(HTTP_GET, "/{a}/{b}/{c}/{d}/{e}", HTTP_AUTH_ANY), "five parameters" },
		{ ROW(HTTP_GET, "/a/{host}", HTTP_AUTH_SELF), "self without id" },
		{ ROW(HTTP_HEAD, "/a", HTTP_AUTH_ANY), "HEAD" },
		{ { HTTP_GET, "/a", HTTP_AUTH_ANY, 0, NULL }, "no handler" },
	};

	assert_int_equal(http_routes_check(TABLE, NULL), 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fault f;
		if (http_routes_check(&rows[i].route, 1, &f) != KE_USAGE)
			fail_msg("%s", rows[i].remark);
		assert_non_null(strstr(f.where, "route "));
	}
	const struct http_route twice[] = { table[0], table[0] };
	assert_int_equal(http_routes_check(twice, 2, NULL), KE_USAGE);
}

/* Every auth class against everybody: fault C10. */
static void who_may(void **state)
{
	(void)state;
	static const struct http_identity people[] = {
		{ HTTP_KIND_NOBODY, HTTP_ROLE_NONE, "" },
		{ HTTP_KIND_HOST, HTTP_ROLE_NONE, "h1" },
		{ HTTP_KIND_HOST, HTTP_ROLE_ADMIN, "h2" }, /* another host; a role means nothing for hosts */
		{ HTTP_KIND_OPERATOR, HTTP_ROLE_NONE, "h1" },
		{ HTTP_KIND_OPERATOR, HTTP_ROLE_VIEWER, "o" },
		{ HTTP_KIND_OPERATOR, HTTP_ROLE_OPERATOR, "o" },
		{ HTTP_KIND_OPERATOR, HTTP_ROLE_ADMIN, "h1" },
	};
	static const struct {
		enum http_auth auth;
		int status[7];
	} rows[] = {
		{ HTTP_AUTH_ANY, { 200, 200, 200, 200, 200, 200, 200 } },
		{ HTTP_AUTH_TOKEN, { 401, 401, 401, 401, 401, 401, 401 } },
		{ HTTP_AUTH_HOST, { 401, 200, 200, 403, 403, 403, 403 } },
		{ HTTP_AUTH_SELF, { 401, 200, 403, 403, 403, 403, 403 } },
		{ HTTP_AUTH_MEMBER, { 401, 200, 200, 403, 200, 200, 200 } },
		{ HTTP_AUTH_VIEWER, { 401, 403, 403, 403, 200, 200, 200 } },
		{ HTTP_AUTH_OPERATOR, { 401, 403, 403, 403, 403, 200, 200 } },
		{ HTTP_AUTH_ADMIN, { 401, 403, 403, 403, 403, 403, 200 } },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct http_route route = ROW(HTTP_GET, "/h/{id}", rows[i].auth);
		struct http_match m;
		assert_int_equal(http_routes_match(&route, 1, HTTP_GET, "/h/h1", &m), 200);
		for (size_t j = 0; j < sizeof people / sizeof people[0]; j++) {
			int status = http_auth_judge(&m, &people[j], NULL);
			if (status != rows[i].status[j])
				fail_msg("%s, person %zu: %d", http_auth_name(rows[i].auth), j, status);
		}
		if (rows[i].auth == HTTP_AUTH_TOKEN) {
			assert_int_equal(http_auth_judge(&m, &people[0], "Basic eA=="), 200);
			assert_int_equal(http_auth_judge(&m, &people[0], ""), 401);
		}
	}
	/* A prefix of one's own name is somebody else. */
	const struct http_route route = ROW(HTTP_GET, "/h/{id}", HTTP_AUTH_SELF);
	struct http_match m;
	http_routes_match(&route, 1, HTTP_GET, "/h/h", &m);
	assert_int_equal(http_auth_judge(&m, &people[1], NULL), 403);
	http_routes_match(&route, 1, HTTP_GET, "/h/h11", &m);
	assert_int_equal(http_auth_judge(&m, &people[1], NULL), 403);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matching),
		cmocka_unit_test(tables_that_cannot_be),
		cmocka_unit_test(who_may),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
