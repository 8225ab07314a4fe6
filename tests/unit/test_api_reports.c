/* POST reports: acknowledged after the commit and exactly once; every bad line is named; a fork shows the stored head. */
#define ZLIB_CONST
#include <zlib.h>

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

static cJSON *parse(const struct client_answer *a)
{
	cJSON *tree = NULL;

	if (strict_parse(a->body ? a->body : "", a->len, &strict_limits_default, &tree, NULL))
		fail_msg("%d: no JSON: %s", a->status, a->body ? a->body : "");
	return tree;
}

static int64_t acked(const struct voice *v, enum caller who)
{
	struct client_answer a = voice_send(w, who, v);

	if (a.status != 200)
		fail_msg("%d %s", a.status, a.body ? a.body : "");
	cJSON *tree = parse(&a);
	char epoch[17];
	snprintf(epoch, sizeof epoch, "%016llx", (unsigned long long)v->chain.epoch);
	assert_string_equal(json_text(json_at(tree, "epoch", NULL)), epoch);
	int64_t n = (int64_t)json_at(tree, "acked", NULL)->valuedouble;
	cJSON_Delete(tree);
	free(a.body);
	return n;
}

static int status_of_send(const struct voice *v, enum caller who)
{
	struct client_answer a = voice_send(w, who, v);

	free(a.body);
	return a.status;
}

/* A server that lost its store knows neither epoch nor head: it says so in the form of a head, so that the host begins
 * anew. */
static void a_host_that_never_reported(void **state)
{
	(void)state;
	struct voice v;

	voice_open(&v, "web1", 0x99, NULL);
	buf_clear(&v.out);
	voice_tell(&v, RECORD_STATUS, STATUS_BODY);
	struct client_answer a = voice_send(w, HOST, &v);
	assert_int_equal(a.status, 409);
	assert_non_null(strstr(a.body, "\"head\":{\"epoch\":\"0000000000000000\",\"seq\":0,\"head\":\"0000"));
	free(a.body);
	voice_close(&v);
}

static void all_kinds(void **state)
{
	(void)state;
	struct voice v;

	voice_open(&v, "web1", 0x101, NULL);
	voice_tell(&v, RECORD_STATUS, STATUS_BODY);
	voice_tell(&v, RECORD_APPLY, APPLY_BODY);
	voice_tell(&v, RECORD_DRIFT, DRIFT_BODY);
	voice_tell(&v, RECORD_REFUSAL, REFUSAL_BODY);
	voice_tell(&v, RECORD_SOCKETS, "{\"total\":5}");
	voice_tell(&v, RECORD_GAP, "{\"kind\":\"sockets\",\"from_seq\":3,\"to_seq\":4,\"count\":2}");
	assert_int_equal(acked(&v, HOST), 7);
	/* the same again, and the same with more behind it */
	assert_int_equal(acked(&v, HOST), 7);
	voice_tell(&v, RECORD_DRIFT, DRIFT_BODY);
	assert_int_equal(acked(&v, HOST), 8);
	/* only what is new */
	buf_clear(&v.out);
	voice_tell(&v, RECORD_DRIFT, DRIFT_BODY);
	assert_int_equal(acked(&v, HOST), 9);

	cJSON *tree = get_json(w, VIEWER, "/v1/drift?host=web1");
	assert_int_equal(cJSON_GetArraySize(json_at(tree, "drift", NULL)), 3);
	assert_string_equal(json_text(json_at(tree, "drift", "0", "writer", "state", NULL)), "unknown");
	cJSON_Delete(tree);
	tree = get_json(w, VIEWER, "/v1/hosts/web1");
	assert_string_equal(json_text(json_at(tree, "policies", "0", "result", NULL)), "applied");
	assert_string_equal(json_text(json_at(tree, "status", "body", "kernel", NULL)), "6.1.0");
	assert_string_equal(json_text(json_at(tree, "refusals", "0", "code", NULL)), "selector");
	assert_string_equal(json_text(json_at(tree, "state", NULL)), "online");
	cJSON_Delete(tree);
	voice_close(&v);
}

static void a_second_history_is_shown_the_head(void **state)
{
	(void)state;
	struct voice v, other;

	voice_open(&v, "web2", 0x201, NULL);
	voice_tell(&v, RECORD_STATUS, STATUS_BODY);
	assert_int_equal(acked(&v, OTHER_HOST), 2);
	struct chain before = v.chain;
	/* the same epoch with another second record */
	voice_open(&other, "web2", 0x201, NULL);
	voice_tell(&other, RECORD_DRIFT, DRIFT_BODY);
	voice_tell(&other, RECORD_DRIFT, DRIFT_BODY);
	struct client_answer a = voice_send(w, OTHER_HOST, &other);
	assert_int_equal(a.status, 409);
	cJSON *tree = parse(&a);
	char hex[65];
	assert_string_equal(json_text(json_at(tree, "head", "epoch", NULL)), "0000000000000201");
	assert_int_equal(json_at(tree, "head", "seq", NULL)->valueint, 2);
	assert_string_equal(
	        json_text(json_at(tree, "head", "head", NULL)), hex_encode(before.head, SHA256_LEN, hex));
	cJSON_Delete(tree);
	free(a.body);
	/* an epoch that was never opened here */
	struct voice stray;
	voice_open(&stray, "web2", 0x999, NULL);
	buf_clear(&stray.out);
	voice_tell(&stray, RECORD_STATUS, STATUS_BODY);
	assert_int_equal(status_of_send(&stray, OTHER_HOST), 409);
	/* a new epoch that names the stored head is welcome */
	struct voice next;
	voice_open(&next, "web2", 0x202, &before);
	assert_int_equal(acked(&next, OTHER_HOST), 1);
	voice_close(&v);
	voice_close(&other);
	voice_close(&stray);
	voice_close(&next);
}

/* A write that a locked key did not take. */
static void a_refused_write(void **state)
{
	(void)state;
	struct voice v;

	voice_open(&v, "web2", 0x261, NULL);
	voice_tell(&v, RECORD_DRIFT,
	        "{\"key\":\"net.ipv4.tcp_fin_timeout\",\"wanted\":\"30\",\"old\":\"30\",\"new\":\"41\","
	        "\"mode\":\"lock\","
	        "\"action\":\"refused\",\"source\":\"bpf\",\"policy\":\"web\",\"version\":1,\"writer\":{"
	        "\"pid\":7,\"comm\":"
	        "\"sysctl\",\"loginuid\":-1,\"uid\":0,\"cgroup\":\"/"
	        "a\",\"exe\":\"busybox\"},\"attempts\":3}");
	assert_int_equal(acked(&v, OTHER_HOST), 2);
	cJSON *tree = get_json(w, VIEWER, "/v1/drift?host=web2");
	assert_string_equal(json_text(json_at(tree, "drift", "0", "action", NULL)), "refused");
	assert_string_equal(json_text(json_at(tree, "drift", "0", "mode", NULL)), "lock");
	assert_string_equal(json_text(json_at(tree, "drift", "0", "writer", "exe", NULL)), "busybox");
	cJSON_Delete(tree);
	voice_close(&v);
}

/* One row: a body that is properly signed and still refused, with the line and the field. */
static void bad_bodies(void **state)
{
	(void)state;
	static const struct {
		const char *remark;
		enum record_kind kind;
		const char *body, *path;
	} rows[] = {
		{ "unknown member", RECORD_DRIFT,
		        "{\"key\":\"a.b\",\"wanted\":\"1\",\"new\":\"2\",\"mode\":\"enforce\",\"action\":"
		        "\"restored\",\"source\":\"poll\",\"writer\":{\"state\":\"unknown\"},\"x\":1}",
		        "body" },
		{ "no writer", RECORD_DRIFT,
		        "{\"key\":\"a.b\",\"wanted\":\"1\",\"new\":\"2\",\"mode\":\"enforce\",\"action\":"
		        "\"restored\",\"source\":\"poll\"}",
		        "body" },
		{ "writer half", RECORD_DRIFT,
		        "{\"key\":\"a.b\",\"wanted\":\"1\",\"new\":\"2\",\"mode\":\"enforce\",\"action\":"
		        "\"restored\",\"source\":\"poll\",\"writer\":{\"comm\":\"x\"}}",
		        "body.writer" },
		{ "unknown mode", RECORD_DRIFT,
		        "{\"key\":\"a.b\",\"wanted\":\"1\",\"new\":\"2\",\"mode\":\"loud\",\"action\":"
		        "\"restored\",\"source\":\"poll\",\"writer\":{\"state\":\"unknown\"}}",
		        "body.mode" },
		{ "no attempt", RECORD_DRIFT,
		        "{\"key\":\"a.b\",\"wanted\":\"1\",\"new\":\"2\",\"mode\":\"lock\",\"action\":"
		        "\"refused\",\"source\":\"bpf\",\"writer\":{\"state\":\"unknown\"},\"attempts\":0}",
		        "body.attempts" },
		{ "number for text", RECORD_DRIFT, "{\"key\":5}", "body.key" },
		{ "no serial", RECORD_APPLY, "{\"policy\":\"web\",\"version\":1,\"result\":\"applied\"}",
		        "body" },
		{ "unknown result", RECORD_APPLY,
		        "{\"policy\":\"web\",\"version\":1,\"serial\":1,\"result\":\"fine\"}",
		        "body.result" },
		{ "bad outcome", RECORD_APPLY,
		        "{\"policy\":\"web\",\"version\":1,\"serial\":1,\"result\":\"applied\",\"keys\":[{"
		        "\"key\":\"a.b\",\"outcome\":\"x\"}]}",
		        "body.keys[0].outcome" },
		{ "negative version", RECORD_APPLY,
		        "{\"policy\":\"web\",\"version\":-1,\"serial\":1,\"result\":\"applied\"}",
		        "body.version" },
		{ "status of nothing", RECORD_STATUS, "{}", "body" },
		{ "label no text", RECORD_STATUS,
		        "{\"agent_version\":\"1\",\"kernel\":\"6\",\"in_sync\":true,\"facts\":{\"labels\":{"
		        "\"a\":1}}}",
		        "body.facts.labels.a" },
		{ "policy without state", RECORD_STATUS,
		        "{\"agent_version\":\"1\",\"kernel\":\"6\",\"in_sync\":true,\"policies\":[{\"name\":"
		        "\"w\",\"version\":1,\"serial\":1}]}",
		        "body.policies[0]" },
		{ "unknown what", RECORD_REFUSAL,
		        "{\"what\":\"x\",\"name\":\"\",\"code\":\"a\",\"reason\":\"\"}", "body.what" },
		{ "override of nothing", RECORD_OVERRIDE,
		        "{\"action\":\"set\",\"scope\":\"key\",\"reason\":\"x\",\"seconds\":5,\"until\":"
		        "\"2026-11-25T00:00:00Z\"}",
		        "body" },
		{ "hold of a key", RECORD_OVERRIDE,
		        "{\"action\":\"set\",\"scope\":\"host\",\"key\":\"a.b\",\"reason\":\"x\",\"seconds\":"
		        "5,"
		        "\"until\":\"2026-11-25T00:00:00Z\"}",
		        "body" },
		{ "override without an end", RECORD_OVERRIDE,
		        "{\"action\":\"set\",\"scope\":\"host\",\"reason\":\"x\",\"seconds\":5}", "body" },
		{ "override by half a writer", RECORD_OVERRIDE,
		        "{\"action\":\"set\",\"scope\":\"host\",\"reason\":\"x\",\"seconds\":5,"
		        "\"until\":\"2026-11-25T00:00:00Z\",\"by\":{\"comm\":\"x\"}}",
		        "body.by" },
		{ "gap backwards", RECORD_GAP,
		        "{\"kind\":\"sockets\",\"from_seq\":9,\"to_seq\":4,\"count\":2}", "body.to_seq" },
	};

	struct voice v;
	voice_open(&v, "web1", 0x301, NULL);
	struct chain base = v.chain;
	struct buf first = BUF_INIT(65536);
	buf_bytes(&first, v.out.data, v.out.len);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		v.chain = base;
		buf_clear(&v.out);
		buf_bytes(&v.out, first.data, first.len);
		voice_tell(&v, rows[i].kind, rows[i].body);
		struct client_answer a = voice_send(w, HOST, &v);
		if (a.status != 422)
			fail_msg("%s: %d %s", rows[i].remark, a.status, a.body ? a.body : "");
		cJSON *tree = parse(&a);
		if (json_at(tree, "line", NULL)->valueint != 2 ||
		        strcmp(json_text(json_at(tree, "path", NULL)), rows[i].path) != 0)
			fail_msg("%s: %s", rows[i].remark, a.body);
		cJSON_Delete(tree);
		free(a.body);
	}
	buf_free(&first);
	voice_close(&v);
}

static void lines_that_do_not_verify(void **state)
{
	(void)state;
	struct voice v, w2;

	/* another host's record over web1's connection, and web1's to another's address */
	voice_open(&w2, "web2", 0x401, NULL);
	assert_int_equal(
	        status_for(w, HOST, "POST", "/v1/hosts/web1/reports", NDJSON, buf_text(&w2.out)), 403);
	voice_open(&v, "web1", 0x402, NULL);
	assert_int_equal(
	        status_for(w, HOST, "POST", "/v1/hosts/web2/reports", NDJSON, buf_text(&v.out)), 403);
	/* one byte of the signed part, one of the signature */
	char *at = strstr(v.out.data, "\"time\":\"20");
	at[9] = '1';
	assert_int_equal(status_of_send(&v, HOST), 422);
	at[9] = '2';
	char *sig = v.out.data + v.out.len - 4;
	*sig = *sig == 'a' ? 'b' : 'a';
	assert_int_equal(status_of_send(&v, HOST), 422);
	/* a line that is none */
	buf_clear(&v.out);
	buf_str(&v.out, "{}\n");
	assert_int_equal(status_of_send(&v, HOST), 422);
	buf_clear(&v.out);
	buf_str(&v.out, "\n");
	assert_int_equal(status_of_send(&v, HOST), 422);
	assert_int_equal(status_for(w, HOST, "POST", "/v1/hosts/web1/reports", NDJSON, NULL), 422);
	voice_close(&v);
	voice_close(&w2);
}

static void holes_in_a_batch(void **state)
{
	(void)state;
	struct voice v;

	voice_open(&v, "web1", 0x501, NULL);
	size_t first = v.out.len;
	voice_tell(&v, RECORD_STATUS, STATUS_BODY);
	size_t second = v.out.len;
	voice_tell(&v, RECORD_STATUS, STATUS_BODY);
	memmove(v.out.data + first, v.out.data + second, v.out.len - second);
	v.out.len -= second - first;
	struct client_answer a = voice_send(w, HOST, &v);
	assert_int_equal(a.status, 422);
	cJSON *tree = parse(&a);
	assert_int_equal(json_at(tree, "line", NULL)->valueint, 2);
	assert_string_equal(json_text(json_at(tree, "code", NULL)), err_name(KE_CHAIN));
	cJSON_Delete(tree);
	free(a.body);
	voice_close(&v);
}

static size_t gzip(const void *data, size_t len, unsigned char *out, size_t room)
{
	z_stream z = { .next_in = (z_const Bytef *)data,
		.avail_in = (uInt)len,
		.next_out = out,
		.avail_out = (uInt)room };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	size_t n = room - z.avail_out;
	deflateEnd(&z);
	return n;
}

static void codings(void **state)
{
	(void)state;
	static unsigned char packed[65536];
	static char zeros[8 << 20];
	const char *path = "/v1/hosts/web2/reports";
	struct voice v;
	struct client_answer a;

	voice_open(&v, "web2", 0x601, NULL);
	size_t n = gzip(v.out.data, v.out.len, packed, sizeof packed);
	a = ask(w, OTHER_HOST, "POST", path, NDJSON "Content-Encoding: gzip\r\n", packed, n);
	assert_int_equal(a.status, 200);
	free(a.body);
	/* cut, with bytes behind, and a bomb */
	a = ask(w, OTHER_HOST, "POST", path, NDJSON "Content-Encoding: gzip\r\n", packed, n - 4);
	assert_int_equal(a.status, 422);
	free(a.body);
	packed[n] = 0;
	a = ask(w, OTHER_HOST, "POST", path, NDJSON "Content-Encoding: gzip\r\n", packed, n + 1);
	assert_int_equal(a.status, 422);
	free(a.body);
	n = gzip(zeros, sizeof zeros, packed, sizeof packed);
	a = ask(w, OTHER_HOST, "POST", path, NDJSON "Content-Encoding: gzip\r\n", packed, n);
	assert_int_equal(a.status, 413);
	free(a.body);
	assert_int_equal(
	        status_for(w, OTHER_HOST, "POST", path, NDJSON "Content-Encoding: br\r\n", "x"), 415);
	assert_int_equal(status_for(w, OTHER_HOST, "POST", path, "Content-Type: text/plain\r\n", "x"), 415);
	assert_int_equal(status_for(w, OTHER_HOST, "POST", path, NULL, "x"), 415);
	voice_close(&v);
}

static void what_was_acknowledged_is_there_after_a_restart(void **state)
{
	(void)state;
	struct voice v;

	voice_open(&v, "web1", 0x701, NULL);
	for (int i = 0; i < 50; i++)
		voice_tell(&v, RECORD_DRIFT, DRIFT_BODY);
	assert_int_equal(acked(&v, HOST), 51);
	world_halt(w);
	world_start(w);
	cJSON *tree = get_json(w, VIEWER, "/v1/hosts/web1");
	assert_int_equal(json_at(tree, "chain", "seq", NULL)->valueint, 51);
	cJSON_Delete(tree);
	assert_int_equal(acked(&v, HOST), 51);
	voice_close(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_that_never_reported),
		cmocka_unit_test(all_kinds),
		cmocka_unit_test(a_second_history_is_shown_the_head),
		cmocka_unit_test(a_refused_write),
		cmocka_unit_test(bad_bodies),
		cmocka_unit_test(lines_that_do_not_verify),
		cmocka_unit_test(holes_in_a_batch),
		cmocka_unit_test(codings),
		cmocka_unit_test(what_was_acknowledged_is_there_after_a_restart),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
