/* The server's advice: round trip, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/assignment.h"

static void round_trip(void **state)
{
	(void)state;
	static const char *const rollouts[] = { "rollouts/web-tuning/7.json", "rollouts/base/12.json" };
	char *text;
	size_t len;
	struct assignment *a;
	struct fault f;

	assert_int_equal(assignment_print("web1", 12, rollouts, 2, &text, &len), 0);
	assert_int_equal(assignment_parse(text, len, &a, &f), 0);
	assert_string_equal(a->host, "web1");
	assert_int_equal(a->generation, 12);
	assert_int_equal(a->n, 2);
	assert_string_equal(a->rollouts[1], rollouts[1]);
	assignment_free(a);
	free(text);
}

static void refusals(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *json;
		int code;
		const char *where;
	} rows[] = {
		{ "not JSON", "<html>", KE_SYNTAX, "line 1, column 1" },
		{ "another document", "{\"kedge_policy\":1}", KE_SCHEMA, "(document)" },
		{ "unknown member",
		        "{\"kedge_assignment\":1,\"host\":\"a\",\"generation\":1,\"rollouts\":[],\"remove\":["
		        "]}",
		        KE_SCHEMA, "(document)" },
		{ "generation 0", "{\"kedge_assignment\":1,\"host\":\"a\",\"generation\":0,\"rollouts\":[]}",
		        KE_RANGE, "generation" },
		{ "a policy is no rollout",
		        "{\"kedge_assignment\":1,\"host\":\"a\",\"generation\":1,\"rollouts\":[\"policies/a/"
		        "1.json\"]}",
		        KE_NAME, "rollouts[0]" },
		{ "climbing path",
		        "{\"kedge_assignment\":1,\"host\":\"a\",\"generation\":1,\"rollouts\":[\"rollouts/a/"
		        "1.json\","
		        "\"rollouts/../1.json\"]}",
		        KE_NAME, "rollouts[1]" },
		{ "leading zero",
		        "{\"kedge_assignment\":1,\"host\":\"a\",\"generation\":1,\"rollouts\":[\"rollouts/a/"
		        "01.json\"]}",
		        KE_NAME, "rollouts[0]" },
		{ "no serial",
		        "{\"kedge_assignment\":1,\"host\":\"a\",\"generation\":1,\"rollouts\":[\"rollouts/a/"
		        ".json\"]}",
		        KE_NAME, "rollouts[0]" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct assignment *a = NULL;
		struct fault f;
		int rc = assignment_parse(rows[i].json, strlen(rows[i].json), &a, &f);
		if (rc != rows[i].code || strcmp(f.where, rows[i].where) != 0 || a)
			fail_msg("%s: %d at '%s' (%s)", rows[i].remark, rc, f.where, f.what);
	}
}

static void paths_split(void **state)
{
	(void)state;
	char name[65];
	int64_t number = 0;

	assert_int_equal(target_path_split("policies", "policies/a.b-c_d/42.json", name, &number), 0);
	assert_string_equal(name, "a.b-c_d");
	assert_int_equal(number, 42);
	assert_int_equal(
	        target_path_split("policies", "policies/a/1234567890123456.json", name, &number), KE_NAME);
	assert_int_equal(target_path_split("policies", "policies//1.json", name, &number), KE_NAME);
	assert_int_equal(target_path_split("policies", "policies/A/1.json", name, &number), KE_NAME);
	assert_int_equal(target_path_split("policies", "policiesx/a/1.json", name, &number), KE_NAME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(refusals),
		cmocka_unit_test(paths_split),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
