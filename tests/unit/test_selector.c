/* Selectors: which hosts match, and that an unknown fact does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policies/policy.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

#define HEAD   "{\"kedge_policy\": 1, \"name\": \"web\", \"version\": 3, "

static struct policy *parse(const char *json)
{
	struct policy *p = NULL;
	struct fault f = { 0 };
	char line[1024];
	if (policy_parse(json, strlen(json), &p, &f))
		fail_msg("%s", fault_line(&f, line, sizeof line));
	return p;
}

static void selectors_match_facts(void **state)
{
	(void)state;
	static char role[] = "role", web[] = "web", dc[] = "dc", b[] = "b";
	static const struct label labels[] = { { role, web }, { dc, b } };
	const struct host_facts facts = { .kernel = KERNEL(6, 12),
		.memory_bytes = 8ULL << 30,
		.cpus = 4,
		.labels = labels,
		.n_labels = 2 };
	const struct host_facts nothing = { 0 };
	static const struct {
		const char *selector;
		bool matches, matches_nothing;
	} rows[] = {
		{ "{}", true, true },
		{ "{\"labels\": {}}", true, true },
		{ "{\"labels\": {\"role\": \"web\"}}", true, false },
		{ "{\"labels\": {\"role\": \"web\", \"dc\": \"b\"}}", true, false },
		{ "{\"labels\": {\"role\": \"web\", \"dc\": \"c\"}}", false, false },
		{ "{\"labels\": {\"rack\": \"1\"}}", false, false },
		{ "{\"kernel\": \">=5.4\"}", true, false },
		{ "{\"kernel\": \">=6.13\"}", false, false },
		{ "{\"kernel\": \"<=6.12\"}", true, false },
		{ "{\"kernel\": \"5.4..6.12\"}", true, false },
		{ "{\"kernel\": \"5.4..6.11\"}", false, false },
		{ "{\"kernel\": \"6.12\"}", true, false },
		{ "{\"kernel\": \"6.2\"}", false, false },
		{ "{\"memory\": \"8G\"}", true, false },
		{ "{\"memory\": \"4G..256G\"}", true, false },
		{ "{\"memory\": \"<=4G\"}", false, false },
		{ "{\"memory\": \">=8193M\"}", false, false },
	};
	for (size_t i = 0; i < LEN(rows); i++) {
		char json[512];
		struct fault f = { 0 };
		snprintf(json, sizeof json, HEAD "\"selector\": %s, \"settings\": []}", rows[i].selector);
		print_message("%s\n", rows[i].selector);
		struct policy *p = parse(json);
		assert_int_equal(selector_match(p->selector, &facts), rows[i].matches);
		assert_int_equal(selector_match(p->selector, &nothing), rows[i].matches_nothing);
		assert_int_equal(selector_check(p->selector, &facts, &f), rows[i].matches ? 0 : KE_SELECTOR);
		policy_free(p);
	}
	assert_true(selector_match(NULL, &nothing));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selectors_match_facts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
