/* What operators read: hosts and their states, pages, drift, refusals, rollouts, tokens, the audit trail, metrics; and
 * revoking. */
#include "tests/support/api_world.h"
#include "tests/support/openmetrics.h"

static struct api_world *w;

static void tell(enum caller who, const char *host, uint64_t epoch, unsigned drifts)
{
	struct voice v;

	voice_open(&v, host, epoch, NULL);
	voice_tell(&v, RECORD_STATUS, STATUS_BODY);
	voice_tell(&v, RECORD_APPLY, APPLY_BODY);
	voice_tell(&v, RECORD_REFUSAL, REFUSAL_BODY);
	voice_tell(&v, RECORD_SOCKETS, "{\"total\":5}");
	for (unsigned i = 0; i < drifts; i++)
		voice_tell(&v, RECORD_DRIFT, DRIFT_BODY);
	struct client_answer a = voice_send(w, who, &v);
	if (a.status != 200)
		fail_msg("%d %s", a.status, a.body ? a.body : "");
	free(a.body);
	voice_close(&v);
}

static int set_up(void **state)
{
	(void)state;
	w = world_open();
	repo_sim_target(w->sim, "targets", "rollouts/web/1.json", "{}");
	repo_sim_publish(w->sim);
	if (publish(w) != 204)
		return -1;
	tell(HOST, "web1", 0x11, 5);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	world_close(w);
	return 0;
}

static size_t hosts(const char *query, const char **ret_first)
{
	static char first[64];
	char path[256];

	snprintf(path, sizeof path, "/v1/hosts%s", query);
	cJSON *tree = get_json(w, VIEWER, path);
	size_t n = (size_t)cJSON_GetArraySize(json_at(tree, "hosts", NULL));
	snprintf(first, sizeof first, "%s", n ? json_text(json_at(tree, "hosts", "0", "id", NULL)) : "");
	if (ret_first)
		*ret_first = first;
	cJSON_Delete(tree);
	return n;
}

static void filters(void **state)
{
	(void)state;
	static const struct {
		const char *query;
		size_t n;
		const char *first;
	} rows[] = {
		{ "", 3, "old1" },
		{ "?state=online", 1, "web1" },
		{ "?state=offline", 1, "web2" },
		{ "?state=revoked", 1, "old1" },
		{ "?state=mia", 0, "" },
		{ "?label=role=web", 1, "web1" },
		{ "?label=role%3Dweb", 1, "web1" },
		{ "?label=role=db", 0, "" },
		{ "?after=old1", 2, "web1" },
		{ "?limit=1", 1, "old1" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *first;
		size_t n = hosts(rows[i].query, &first);
		if (n != rows[i].n || strcmp(first, rows[i].first) != 0)
			fail_msg("'%s': %zu, %s", rows[i].query, n, first);
	}
	static const char *const bad[] = { "?state=dead", "?label=role", "?limit=0", "?limit=1001",
		"?limit=ten" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char path[64];
		snprintf(path, sizeof path, "/v1/hosts%s", bad[i]);
		assert_int_equal(status_for(w, VIEWER, "GET", path, NULL, NULL), 400);
	}
}

static void hosts_fall_silent(void **state)
{
	(void)state;
	atomic_store(&w->now, WORLD_NOW + 180);
	assert_int_equal(hosts("?state=online", NULL), 1);
	atomic_store(&w->now, WORLD_NOW + 181);
	assert_int_equal(hosts("?state=online", NULL), 0);
	assert_int_equal(hosts("?state=offline", NULL), 2);
	atomic_store(&w->now, WORLD_NOW + 86401);
	assert_int_equal(hosts("?state=mia", NULL), 2);
	atomic_store(&w->now, WORLD_NOW);
}

/* Follow "next" through PATH?limit=2 and count the rows of MEMBER. */
static size_t pages(const char *path, const char *member, const char *cursor)
{
	char at[256];
	size_t n = 0;

	snprintf(at, sizeof at, "%s%climit=2", path, strchr(path, '?') ? '&' : '?');
	for (int page = 0; page < 20; page++) {
		cJSON *tree = get_json(w, ADMIN, at);
		const cJSON *next = json_at(tree, "next", NULL);
		size_t rows = (size_t)cJSON_GetArraySize(json_at(tree, member, NULL));
		assert_true(rows <= 2);
		n += rows;
		if (!next) {
			cJSON_Delete(tree);
			return n;
		}
		char mark = strchr(path, '?') ? '&' : '?';
		if (cJSON_IsString(next))
			snprintf(at, sizeof at, "%s%climit=2&%s=%s", path, mark, cursor, next->valuestring);
		else
			snprintf(at, sizeof at, "%s%climit=2&%s=%.0f", path, mark, cursor, next->valuedouble);
		cJSON_Delete(tree);
	}
	fail_msg("%s: pages without end", path);
	return 0;
}

static void every_list_has_pages(void **state)
{
	(void)state;
	assert_int_equal(pages("/v1/hosts", "hosts", "after"), 3);
	assert_int_equal(pages("/v1/drift", "drift", "after"), 5);
	assert_int_equal(pages("/v1/drift?host=web2", "drift", "after"), 0);
	assert_int_equal(pages("/v1/drift?key=net.ipv4.tcp_fin_timeout", "drift", "after"), 5);
	assert_int_equal(pages("/v1/drift?key=net.ipv4.tcp_syncookies", "drift", "after"), 0);
	assert_int_equal(pages("/v1/drift?since=2030-01-01T00:00:00Z", "drift", "after"), 0);
	assert_int_equal(pages("/v1/refusals", "refusals", "after"), 1);
	assert_int_equal(pages("/v1/hosts/web1/reports", "reports", "before"), 10);
	assert_int_equal(pages("/v1/hosts/web1/reports?kind=drift", "reports", "before"), 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(status_for(w, ADMIN, "POST", "/v1/tokens", NULL, "{}"), 201);
	assert_int_equal(pages("/v1/tokens", "tokens", "after"), 5);
	/* three enrolments, a revocation, a publication, five tokens */
	assert_int_equal(pages("/v1/audit", "audit", "after"), 10);
	assert_int_equal(status_for(w, VIEWER, "GET", "/v1/hosts/none/reports", NULL, NULL), 404);
	assert_int_equal(status_for(w, VIEWER, "GET", "/v1/hosts/none", NULL, NULL), 404);
	assert_int_equal(status_for(w, VIEWER, "GET", "/v1/drift?since=yesterday", NULL, NULL), 400);
}

static void audit_rows_check(void **state)
{
	(void)state;
	cJSON *tree = get_json(w, VIEWER, "/v1/audit");
	const cJSON *list = json_at(tree, "audit", NULL), *row;
	char prev[65];
	bool token = false;

	memset(prev, '0', 64);
	prev[64] = '\0';
	cJSON_ArrayForEach(row, list)
	{
		struct store_audit_row r = { .seq = (int64_t)json_at(row, "seq", NULL)->valuedouble,
			.time = (int64_t)json_at(row, "seconds", NULL)->valuedouble,
			.actor = json_text(json_at(row, "actor", NULL)),
			.role = json_text(json_at(row, "role", NULL)),
			.action = json_text(json_at(row, "action", NULL)),
			.object = json_text(json_at(row, "object", NULL)),
			.detail = json_text(json_at(row, "detail", NULL)),
			.prev = prev };
		char hash[STORE_HEX_ROOM];
		assert_string_equal(json_text(json_at(row, "prev", NULL)), prev);
		NEED(store_audit_hash(&r, hash));
		assert_string_equal(json_text(json_at(row, "hash", NULL)), hash);
		memcpy(prev, hash, sizeof hash);
		token = token ||
		        (strcmp(r.action, "token.create") == 0 && strcmp(r.actor, "operator/anna") == 0 &&
		                strcmp(r.role, "admin") == 0);
	}
	assert_true(token);
	cJSON_Delete(tree);
}

static void rollouts(void **state)
{
	(void)state;
	cJSON *tree = get_json(w, VIEWER, "/v1/rollouts");
	const cJSON *r = json_at(tree, "rollouts", "0", NULL);

	assert_string_equal(json_text(json_at(r, "policy", NULL)), "web");
	assert_int_equal(json_at(r, "serial", NULL)->valueint, 1);
	assert_int_equal(json_at(r, "hosts", "applied", NULL)->valueint, 1);
	assert_int_equal(json_at(r, "told", NULL)->valueint, 1);
	assert_int_equal(json_at(r, "elsewhere", NULL)->valueint, 1); /* web2; old1 is revoked */
	cJSON_Delete(tree);
	tree = get_json(w, VIEWER, "/v1/rollouts/web");
	assert_int_equal(json_at(tree, "standing_at", "0", "hosts", NULL)->valueint, 1);
	cJSON_Delete(tree);
	assert_int_equal(status_for(w, VIEWER, "GET", "/v1/rollouts/db", NULL, NULL), 404);
}

static void sockets(void **state)
{
	(void)state;
	cJSON *tree = get_json(w, VIEWER, "/v1/hosts/web1/sockets");

	assert_string_equal(json_text(json_at(tree, "kind", NULL)), "sockets");
	assert_int_equal(json_at(tree, "body", "total", NULL)->valueint, 5);
	cJSON_Delete(tree);
	assert_int_equal(status_for(w, VIEWER, "GET", "/v1/hosts/web2/sockets", NULL, NULL), 404);
}

static void token_forms(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "[]", "{\"x\":1}", "{\"host\":\"UPPER\"}", "{\"host\":7}",
		"{\"expires_in\":59}", "{\"expires_in\":2592001}", "{\"labels\":{\"a\":1}}",
		"{\"labels\":{\"\":\"a\"}}", "{\"labels\":[]}", "{\"host\":\"a\",\"host\":\"b\"}" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		int got = status_for(w, ADMIN, "POST", "/v1/tokens", NULL, bad[i]);
		if (got != 400)
			fail_msg("'%s': %d", bad[i], got);
	}
	cJSON *tree = get_json(w, ADMIN, "/v1/tokens");
	char *text = cJSON_PrintUnformatted(tree);
	assert_null(strstr(text, "secret"));
	assert_null(strstr(text, "kedge1."));
	free(text);
	cJSON_Delete(tree);
}

static void metrics(void **state)
{
	(void)state;
	struct client_answer a = ask(w, VIEWER, "GET", "/metrics", NULL, NULL, 0);
	static const char *const lines[] = { "\nkedge_hosts{state=\"revoked\"} 1\n",
		"\nkedge_hosts_sync{in_sync=\"yes\"} 1\n", "\nkedge_drifts_kept 5\n",
		"\nkedge_repo_generation 1\n", "\nkedge_store_records_total 10\n",
		"\nkedge_rollouts{state=\"unreadable\"} 1\n",
		"\nkedge_server_certificate_end_timestamp_seconds ",
		"\nkedge_http_request_seconds_count{method=\"POST\",route=\"/v1/hosts/{id}/reports\"} 1\n",
		"\nkedge_http_parked 0\n", "\nkedge_store_queue_records 0\n" };
	char line[400];

	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.head, "application/openmetrics-text"));
	const char *wrong = openmetrics_check(a.body, line);
	if (wrong)
		fail_msg("%s: %s", wrong, line);
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		if (!strstr(a.body, lines[i]))
			fail_msg("%s is not in %s", lines[i],
			        strstr(a.body, "# TYPE kedge_http_request_seconds"));
	free(a.body);
	a = ask(w, VIEWER, "GET", "/metrics", "Accept: text/plain\r\n", NULL, 0);
	assert_non_null(strstr(a.head, "text/plain; version=0.0.4"));
	assert_non_null(strstr(a.body, "# TYPE kedge_store_records_total counter\n"));
	assert_non_null(strstr(a.body, "# TYPE kedge_build_info gauge\n"));
	assert_null(strstr(a.body, "# EOF"));
	free(a.body);
}

/* The checker itself says no. */
static void metrics_that_are_wrong(void **state)
{
	(void)state;
#define H "# TYPE h histogram\n# HELP h x\nh_bucket{le=\"1\"} 2\n"
	static const char *const texts[] = { "# TYPE a gauge\n# HELP a x\na 1\n",
		"# TYPE a gauge\n# HELP a x\na 1\n# EOF\n#", "a 1\n# EOF\n", "# TYPE a gauge\na 1\n# EOF\n",
		"# TYPE a counter\n# HELP a x\na 1\n# EOF\n", "# TYPE a gauge\n# HELP a x\na one\n# EOF\n",
		"# TYPE a gauge\n# HELP a x\na 1\n# TYPE a gauge\n# HELP a x\na 1\n# EOF\n",
		"# TYPE a gauge\n# HELP b x\na 1\n# EOF\n", H "h_sum 1\n# EOF\n",
		H "h_bucket{le=\"0.5\"} 3\n# EOF\n", H "h_bucket{le=\"+Inf\"} 1\n# EOF\n",
		H "h_bucket{le=\"+Inf\"} 3\nh_sum 1\nh_count 2\n# EOF\n" };
#undef H
	char line[400];

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (!openmetrics_check(texts[i], line))
			fail_msg("accepted: %s", texts[i]);
}

/* A revoked host is out at once: its open connection and its next request. */
static void revoking(void **state)
{
	(void)state;
	struct client *c = world_connect(w, OTHER_HOST);

	struct client_answer a = ask_on(c, "GET", "/v1/repo/metadata/1.root.json", NULL, NULL, 0);
	assert_int_equal(a.status, 200);
	free(a.body);
	assert_int_equal(status_for(w, OPERATOR, "DELETE", "/v1/hosts/web2", NULL, NULL), 403);
	assert_int_equal(status_for(w, ADMIN, "DELETE", "/v1/hosts/web2", NULL, NULL), 204);
	a = ask_on(c, "GET", "/v1/repo/metadata/1.root.json", NULL, NULL, 0);
	assert_int_equal(a.status, 403);
	free(a.body);
	client_close(c);
	assert_int_equal(status_for(w, OTHER_HOST, "GET", "/v1/hosts/web2/assignment", NULL, NULL), 403);
	assert_int_equal(status_for(w, ADMIN, "DELETE", "/v1/hosts/web2", NULL, NULL), 204);
	assert_int_equal(hosts("?state=revoked", NULL), 2);
	assert_int_equal(status_for(w, ADMIN, "DELETE", "/v1/hosts/none", NULL, NULL), 404);
}

/* Roles and CAs are looked up at each request: a reload counts for open connections too. */
static void reloading(void **state)
{
	(void)state;
	struct client *c = world_connect(w, ADMIN);
	struct api_settings less = w->settings, broken = w->settings;
	struct fault why;

	struct client_answer a = ask_on(c, "GET", "/v1/tokens", NULL, NULL, 0);
	assert_int_equal(a.status, 200);
	free(a.body);
	less.n_operators = 2; /* without anna */
	NEED(api_reload(w->api, &less, f));
	a = ask_on(c, "GET", "/v1/tokens", NULL, NULL, 0);
	assert_int_equal(a.status, 403);
	free(a.body);
	broken.host_ca = world_at(w, "other-ca.crt"); /* the issuing CA is not in it */
	assert_int_equal(api_reload(w->api, &broken, &why), KE_MISMATCH);
	broken.host_ca = "/nonexistent";
	assert_int_equal(api_reload(w->api, &broken, &why), KE_NOENT);
	assert_int_equal(status_for(w, HOST, "GET", "/v1/repo/metadata/1.root.json", NULL, NULL), 200);
	NEED(api_reload(w->api, &w->settings, f));
	a = ask_on(c, "GET", "/v1/tokens", NULL, NULL, 0);
	assert_int_equal(a.status, 200);
	free(a.body);
	client_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters),
		cmocka_unit_test(hosts_fall_silent),
		cmocka_unit_test(metrics),
		cmocka_unit_test(metrics_that_are_wrong),
		cmocka_unit_test(every_list_has_pages),
		cmocka_unit_test(audit_rows_check),
		cmocka_unit_test(rollouts),
		cmocka_unit_test(sockets),
		cmocka_unit_test(token_forms),
		cmocka_unit_test(reloading),
		cmocka_unit_test(revoking),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
