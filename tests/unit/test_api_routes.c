/* The whole table of routes against every kind of caller, generated: nobody gets further than the route's class says,
 * and everybody gets as far. And proto/openapi.yaml describes exactly the rows of the table. */
#include "certs/token.h"
#include "proto/codec.h"
#include "tests/support/api_world.h"

static struct api_world *w;

static int set_up(void **state)
{
	(void)state;
	w = world_open();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	world_close(w);
	return 0;
}

/* What CALLER must get from a route of class AUTH that names host web1: -1 no connection, 401, 403, or 0: not refused
 * for who he is. */
static int expected(enum http_auth auth, enum caller who)
{
	enum { IN = 0 };
	if (who == EXPIRED || who == OTHER_CA)
		return -1; /* the handshake ends it */
	if (auth == HTTP_AUTH_ANY)
		return IN;
	if (auth == HTTP_AUTH_TOKEN)
		return 401; /* no token is sent here */
	if (who == NOBODY)
		return 401;
	if (who == REVOKED || who == GHOST || who == STRANGER || who == OTHER_FLEET)
		return 403;
	bool host = who == HOST || who == OTHER_HOST;
	switch (auth) {
	case HTTP_AUTH_HOST:
		return host ? IN : 403;
	case HTTP_AUTH_SELF:
		return who == HOST ? IN : 403;
	case HTTP_AUTH_MEMBER:
		return IN;
	case HTTP_AUTH_VIEWER:
		return host ? 403 : IN;
	case HTTP_AUTH_OPERATOR:
		return who == OPERATOR || who == ADMIN ? IN : 403;
	default:
		return who == ADMIN ? IN : 403;
	}
}

/* The pattern with something in its places. */
static void path_of(const char *pattern, char *path, size_t size)
{
	size_t n = 0;

	for (const char *p = pattern; *p && n + 8 < size; p++) {
		if (*p != '{') {
			path[n++] = *p;
			continue;
		}
		const char *value = strncmp(p, "{id}", 4) == 0 ? "web1" : "x";
		n += (size_t)snprintf(path + n, size - n, "%s", value);
		p = strchr(p, '}');
	}
	path[n] = '\0';
}

static void every_route_and_caller(void **state)
{
	(void)state;
	size_t n;
	const struct http_route *routes = api_routes(&n);
	unsigned checked = 0;

	for (size_t i = 0; i < n; i++) {
		char path[256];
		path_of(routes[i].pattern, path, sizeof path);
		/* The one request that would take web1's rights away from the rows after it. */
		bool last = routes[i].method == HTTP_DELETE && strcmp(path, "/v1/hosts/web1") == 0;
		for (enum caller who = 0; who < CALLERS; who++) {
			if (last && who == ADMIN)
				snprintf(path, sizeof path, "/v1/hosts/nobody-of-that-name");
			const char *method = http_method_name(routes[i].method);
			bool body = routes[i].method == HTTP_POST || routes[i].method == HTTP_PUT;
			int want = expected(routes[i].auth, who);
			int got = status_for(w, who, method, path, NULL, body ? "{}" : NULL);
			bool good = want ? got == want : got > 0 && got != 401 && got != 403 && got != 500;
			if (!good)
				fail_msg("%s %s (%s) by caller %d: %d, not %d", method, routes[i].pattern,
				        http_auth_name(routes[i].auth), who, got, want);
			checked++;
		}
	}
	assert_int_equal(checked, n * CALLERS);
}

/* A good token, unused, as an Authorization field. */
static void token_field(char *field, size_t size)
{
	cJSON *tree;
	struct fault fault;
	struct token t;
	char secret[TOKEN_SECRET_ROOM], text[128], coded[256];
	struct client_answer a = ask(w, ADMIN, "POST", "/v1/tokens", NULL, "{}", 2);

	assert_int_equal(a.status, 201);
	assert_int_equal(strict_parse(a.body, a.len, &strict_limits_default, &tree, &fault), 0);
	const char *whole = json_text(json_at(tree, "token", NULL));
	NEED(token_parse(whole, strlen(whole), &t, f));
	snprintf(text, sizeof text, "%s:%s", t.id, token_secret_text(&t, secret));
	base64_encode(text, strlen(text), coded);
	snprintf(field, size, "Content-Type: application/pkcs10\r\nAuthorization: Basic %s\r\n", coded);
	cJSON_Delete(tree);
	free(a.body);
}

/* A token enrols, and that is all: it opens no other route, and adds nothing to a certificate's rights. */
static void a_token_opens_one_door(void **state)
{
	(void)state;
	static const enum caller with[] = { NOBODY, OTHER_HOST, VIEWER };
	size_t n;
	const struct http_route *routes = api_routes(&n);
	unsigned doors = 0;
	char field[512];

	repo_sim_publish(w->sim); /* a token names the repository's root */
	assert_int_equal(publish(w), 204);
	token_field(field, sizeof field);
	for (size_t i = 0; i < n; i++) {
		char path[256];
		path_of(routes[i].pattern, path, sizeof path);
		const char *method = http_method_name(routes[i].method);
		bool body = routes[i].method == HTTP_POST || routes[i].method == HTTP_PUT;
		for (size_t j = 0; j < sizeof with / sizeof with[0]; j++) {
			bool door = routes[i].auth == HTTP_AUTH_TOKEN;
			int want = door ? 0 : expected(routes[i].auth, with[j]);
			int got = status_for(w, with[j], method, path, field, body ? "{}" : NULL);
			bool good = want ? got == want : got > 0 && got != 401 && got != 403 && got != 500;
			if (!good)
				fail_msg("%s %s with a token by caller %d: %d, not %d", method,
				        routes[i].pattern, with[j], got, want);
			doors += door;
		}
	}
	assert_int_equal(doors, 3);
}

/* Refusals are counted for the audit, under the name of who was refused. */
static int denial_row(void *ctx, const struct store_denial *d)
{
	unsigned *found = ctx;

	if (strcmp(d->who, "host/web2") == 0 && strstr(d->reason, "403 GET /v1/hosts"))
		*found += (unsigned)d->count;
	return 0;
}

static void refusals_are_counted(void **state)
{
	(void)state;
	const struct store_page page = { .limit = 1000 };
	unsigned found = 0;

	assert_int_equal(status_for(w, OTHER_HOST, "GET", "/v1/hosts", NULL, NULL), 403);
	for (int i = 0; i < 100 && !found; i++) {
		usleep(100000);
		assert_int_equal(store_denial_list(w->store, &page, denial_row, &found, NULL), 0);
	}
	assert_true(found > 0);
}

/* ---- openapi ---- */

/* "METHOD /path" of each operation in the yaml, which is written with two-space indents: paths stand at two, methods at
 * four. "{path...}" is written "{path}" there. */
static size_t yaml_read(const char *text, char rows[][128], size_t max)
{
	static const char *const methods[] = { "get", "post", "put", "delete" };
	char path[100] = "", line[512];
	bool in_paths = false;
	size_t n = 0;

	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "\n");
		snprintf(line, sizeof line, "%.*s", (int)(len < 511 ? len : 511), p);
		p += len + (p[len] == '\n');
		if (line[0] && line[0] != ' ' && line[0] != '#')
			in_paths = strcmp(line, "paths:") == 0;
		if (!in_paths)
			continue;
		if (strncmp(line, "  /", 3) == 0) {
			snprintf(path, sizeof path, "%.99s", line + 2);
			path[strcspn(path, ":")] = '\0';
		}
		for (size_t i = 0; i < 4; i++) {
			char want[16];
			snprintf(want, sizeof want, "    %s:", methods[i]);
			if (strcmp(line, want) == 0 && n < max)
				snprintf(rows[n++], 128, "%s %s", methods[i], path);
		}
	}
	return n;
}

static void openapi_and_table_agree(void **state)
{
	(void)state;
	static char rows[100][128];
	bool used[100] = { false };
	size_t n, len;
	const struct http_route *routes = api_routes(&n);
	char *yaml;

	NEED(file_read(KEDGE_SOURCE_DIR "/proto/openapi.yaml", 1 << 20, &yaml, &len, f));
	size_t count = yaml_read(yaml, rows, 100);
	for (size_t i = 0; i < n; i++) {
		char want[128], *dots;
		bool found = false;
		snprintf(want, sizeof want, "%s %s", http_method_name(routes[i].method), routes[i].pattern);
		for (char *p = want; *p != ' '; p++)
			*p = (char)(*p | 0x20);
		if ((dots = strstr(want, "...}")))
			memmove(dots, dots + 3, strlen(dots + 3) + 1);
		for (size_t j = 0; j < count; j++)
			if (strcmp(rows[j], want) == 0)
				used[j] = found = true;
		if (!found)
			fail_msg("openapi.yaml lacks '%s'", want);
	}
	for (size_t j = 0; j < count; j++)
		if (!used[j])
			fail_msg("openapi.yaml has '%s', the table has not", rows[j]);
	assert_int_equal(count, n);
	file_free(yaml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_and_caller),
		cmocka_unit_test(a_token_opens_one_door),
		cmocka_unit_test(refusals_are_counted),
		cmocka_unit_test(openapi_and_table_agree),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
