/* The gates of a rollout document: what is read, what is refused, what is written again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policies/rollout.h"

#define HEAD "{\"kedge_rollout\":1,\"policy\":\"web\",\"serial\":7,\"action\":\"remove\","
#define PLAN                                                                                                 \
	HEAD "\"salt\":\"00112233445566778899aabbccddeeff\",\"start\":\"2026-11-24T20:00:00Z\","             \
	     "\"waves\":[{\"share\":1000,\"opens_after\":0,\"opens_before\":100}],\"gates\":"

static int parse(const char *gates, struct rollout **ret, struct fault *f)
{
	char text[2048];

	snprintf(text, sizeof text, "%s%s}", PLAN, gates);
	return rollout_parse(text, strlen(text), ret, f);
}

static void good(void **state)
{
	(void)state;
	struct rollout *r = NULL, *again = NULL;
	char *text;
	size_t len;

	assert_int_equal(
	        parse("{\"soak\":600,\"answered\":900,\"evidence\":10,\"failed\":{\"hosts\":3,\"share\":14},"
	              "\"drifted\":{\"share\":0},\"harm\":{\"background\":2,\"excess\":15}}",
	                &r, NULL),
	        0);
	assert_int_equal(r->gates.soak, 600);
	assert_int_equal(r->gates.limits[GATE_FAILED].hosts, 3);
	assert_int_equal(r->gates.limits[GATE_FAILED].share, 14);
	assert_int_equal(r->gates.limits[GATE_DRIFTED].share, 0);
	assert_int_equal(r->gates.limits[GATE_DRIFTED].hosts, GATES_NO_LIMIT);
	assert_int_equal(r->gates.limits[GATE_REVERTED].share, GATES_NO_LIMIT);
	assert_int_equal(r->gates.background, 2);
	assert_int_equal(r->gates.excess, 15);
	assert_int_equal(rollout_print(r, &text, &len), 0);
	assert_int_equal(rollout_parse(text, len, &again, NULL), 0);
	assert_memory_equal(&r->gates, &again->gates, sizeof r->gates);
	free(text);
	rollout_free(again);
	rollout_free(r);
}

/* No gates and idle gates are the same document. */
static void absent(void **state)
{
	(void)state;
	const struct gates none = gates_none();
	struct rollout *r = NULL;
	char *text;
	size_t len;

	assert_int_equal(parse("{}", &r, NULL), 0);
	assert_memory_equal(&r->gates, &none, sizeof none);
	assert_true(gates_idle(&r->gates));
	assert_int_equal(rollout_print(r, &text, &len), 0);
	assert_null(strstr(text, "gates"));
	free(text);
	rollout_free(r);
}

static void refused(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *json;
		int code;
		const char *where;
	} rows[] = {
		{ "no object", "5", KE_SCHEMA, "gates" },
		{ "unknown member", "{\"soaks\":1}", KE_SCHEMA, "gates" },
		{ "soak below nothing", "{\"soak\":-1}", KE_RANGE, "gates.soak" },
		{ "soak of years", "{\"soak\":40000000}", KE_RANGE, "gates.soak" },
		{ "more than all", "{\"answered\":1001}", KE_RANGE, "gates.answered" },
		{ "limit that says nothing", "{\"failed\":{}}", KE_SCHEMA, "gates.failed" },
		{ "limit of all", "{\"failed\":{\"share\":1000}}", KE_RANGE, "gates.failed.share" },
		{ "limit as a number", "{\"reverted\":3}", KE_SCHEMA, "gates.reverted" },
		{ "a number in words", "{\"contested\":{\"hosts\":\"3\"}}", KE_SCHEMA,
		        "gates.contested.hosts" },
		{ "a background and no excess", "{\"harm\":{\"background\":5}}", KE_SCHEMA, "gates.harm" },
		{ "an excess of nothing", "{\"harm\":{\"background\":5,\"excess\":0}}", KE_RANGE,
		        "gates.harm.excess" },
		{ "a background of most", "{\"harm\":{\"background\":501,\"excess\":1}}", KE_RANGE,
		        "gates.harm.background" },
		{ "unknown in a limit", "{\"drifted\":{\"percent\":5}}", KE_SCHEMA, "gates.drifted" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct rollout *r = NULL;
		struct fault f = { 0 };
		int rc = parse(rows[i].json, &r, &f);
		if (rc != rows[i].code || strcmp(f.where, rows[i].where) != 0 || r)
			fail_msg("%s: %d at '%s' (%s)", rows[i].remark, rc, f.where, f.what);
	}
}

static void standing_has_none(void **state)
{
	(void)state;
	static const char text[] = HEAD "\"standing\":true,\"gates\":{}}";
	struct rollout *r = NULL;

	assert_int_equal(rollout_parse(text, strlen(text), &r, NULL), KE_SCHEMA);
}

static void words(void **state)
{
	(void)state;
	struct gates g = gates_default();
	struct buf out = BUF_INIT(4096);

	g.limits[GATE_DRIFTED] = (struct gate_limit){ 3, 5 };
	gates_text(&g, &out);
	assert_string_equal(buf_text(&out),
	        "gates   soak 300 s, 90 % answered, shares judged from 10 hosts; halts above: failed 5 %, "
	        "reverted 5 %, contested 5 %, drifted 3 hosts or 0.5 %, "
	        "harm of 3 % over a background of 0.5 %\n");
	buf_clear(&out);
	g = gates_none();
	gates_text(&g, &out);
	assert_string_equal(buf_text(&out), "gates   none: waves open by time alone\n");
	buf_free(&out);
}

/* The numbers that the header and the documents name. */
static void thresholds(void **state)
{
	(void)state;
	const struct gates g = gates_default();
	static const struct {
		int64_t n, most, least;
	} rows[] = {
		{ 1, 1, -1 },
		{ 100, 5, -1 },
		{ 500, 11, 4 },
		{ 1000, 16, 15 },
		{ 100000, 594, 3295 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(gates_most(0.005, rows[i].n), rows[i].most);
		assert_int_equal(gates_least(&g, 0.005, rows[i].n), rows[i].least);
	}
	assert_true(gates_power(&g, 0.035, 1000) > 0.9998);
	assert_true(gates_power(&g, 0.005, 1000) < 0.0005);
	assert_true(gates_power(&g, 0.035, 100) > 0.1 && gates_power(&g, 0.035, 100) < 0.2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(absent),
		cmocka_unit_test(refused),
		cmocka_unit_test(standing_has_none),
		cmocka_unit_test(words),
		cmocka_unit_test(thresholds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
