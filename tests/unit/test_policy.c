/* Policy documents: the round trip, and every refusal with its field path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policies/policy.h"

#define LEN(a)       (sizeof(a) / sizeof((a)[0]))

#define HEAD         "{\"kedge_policy\": 1, \"name\": \"web\", \"version\": 3, "
#define ONE(setting) HEAD "\"settings\": [" setting "]}"

static struct policy *parse(const char *json)
{
	struct policy *p = NULL;
	struct fault f = { 0 };
	char line[1024];
	if (policy_parse(json, strlen(json), &p, &f))
		fail_msg("%s", fault_line(&f, line, sizeof line));
	return p;
}

static void documents_survive_a_round_trip(void **state)
{
	(void)state;
	static const char json[] = HEAD
	        "\"description\": \"web hosts\", \"priority\": 7, \"confirm_timeout\": 60,"
	        "\"selector\": {\"labels\": {\"role\": \"web\", \"tier\": \"1\"}, \"kernel\": \"5.4..6.12\","
	        " \"memory\": \">=4096M\"},"
	        "\"settings\": ["
	        "{\"key\": \"net.ipv4.tcp_fin_timeout\", \"value\": 30, \"why\": \"fewer orphans\"},"
	        "{\"key\": \"net/ipv4/ip_local_port_range\", \"value\": [10000, 64999], \"required\": true},"
	        "{\"key\": \"net.ipv4.ip_local_reserved_ports\", \"value\": [8081, 8080, 9000]},"
	        "{\"key\": \"net.ipv4.tcp_rmem\", \"value\": \"4096\\t131072 6291456\", \"mode\": "
	        "\"monitor\"},"
	        "{\"key\": \"net.ipv4.conf.*.rp_filter\", \"value\": \"2\", \"mode\": \"audit\"},"
	        "{\"key\": \"net.new.key\", \"value\": \"a  b\", \"optional\": true},"
	        "{\"key\": \"net.ipv4.tcp_retries2\", \"value\": 9, \"mode\": \"lock\"}]}";
	struct policy *p = parse(json);
	assert_string_equal(p->name, "web");
	assert_int_equal(p->version, 3);
	assert_int_equal(p->priority, 7);
	assert_int_equal(p->confirm_timeout, 60);
	assert_int_equal(p->n, 7);
	assert_int_equal(p->settings[6].mode, SETTING_LOCK);
	assert_string_equal(p->settings[0].value, "30");
	assert_string_equal(p->settings[0].why, "fewer orphans");
	assert_string_equal(p->settings[1].value, "10000 64999");
	assert_true(p->settings[1].required);
	assert_string_equal(p->settings[2].value, "8080-8081,9000");
	assert_string_equal(p->settings[3].value, "4096 131072 6291456");
	assert_int_equal(p->settings[3].mode, SETTING_MONITOR);
	assert_int_equal(p->settings[4].mode, SETTING_AUDIT);
	assert_non_null(p->settings[4].knob);
	assert_null(p->settings[5].knob);
	assert_true(p->settings[5].optional);
	assert_string_equal(p->settings[5].value, "a b");
	char *first = NULL, *second = NULL;
	assert_int_equal(policy_print(p, &first, NULL), 0);
	struct policy *again = parse(first);
	assert_int_equal(policy_print(again, &second, NULL), 0);
	assert_string_equal(first, second);
	assert_non_null(strstr(first, "\"mode\": \"lock\""));
	assert_non_null(strstr(first, "\"kernel\": \"5.4..6.12\""));
	assert_non_null(strstr(first, "\"memory\": \">=4G\""));
	assert_non_null(strstr(first, "\"key\": \"net.ipv4.conf.*.rp_filter\""));
	free(first);
	free(second);
	policy_free(p);
	policy_free(again);
}

static void forms_survive_a_round_trip(void **state)
{
	static const char json[] =
	        HEAD "\"settings\": [{\"key\": \"net.core.somaxconn\", \"value\": \">= 4096\"},"
	             "{\"key\": \"net.ipv4.tcp_rmem\", \"value\": \">=4096\\t131072 6291456\"},"
	             "{\"key\": \"net.ipv4.tcp_fin_timeout\", \"value\": \"<=30\"},"
	             "{\"key\": \"net.ipv4.ip_local_port_range\", \"value\": \">=10000 64999\"},"
	             "{\"key\": \"net.ipv4.conf.*.rp_filter\", \"value\": 2, \"except\": "
	             "[\"net.ipv4.conf.docker0.rp_filter\", \"net/ipv4/conf/eth0.7/rp_filter\"]}]}";
	struct policy *p = parse(json), *again, *copy = NULL;
	char *first = NULL, *second = NULL;
	(void)state;

	assert_int_equal(p->settings[0].bound, BOUND_AT_LEAST);
	assert_string_equal(p->settings[0].value, "4096");
	assert_int_equal(p->settings[1].bound, BOUND_AT_LEAST);
	assert_int_equal(p->settings[2].bound, BOUND_AT_MOST);
	assert_int_equal(p->settings[4].bound, BOUND_NONE);
	assert_int_equal(p->settings[4].n_except, 2);
	assert_int_equal(policy_print(p, &first, NULL), 0);
	assert_non_null(strstr(first, "\"value\": \">=4096 131072 6291456\""));
	assert_non_null(strstr(first, "\"net.ipv4.conf.eth0/7.rp_filter\""));
	again = parse(first);
	assert_int_equal(policy_print(again, &second, NULL), 0);
	assert_string_equal(first, second);
	/* A copy has everything, and its own memory. */
	assert_int_equal(policy_new("copy", 1, &copy), 0);
	for (size_t i = 0; i < p->n; i++)
		assert_int_equal(policy_append_copy(copy, &p->settings[i], NULL, NULL), 0);
	policy_free(p);
	for (size_t i = 0; i < copy->n; i++)
		assert_true(setting_same(&copy->settings[i], &again->settings[i]));
	free(first);
	free(second);
	policy_free(copy);
	policy_free(again);
}

static void mistakes_are_refused_with_their_place(void **state)
{
	(void)state;
	static const struct {
		const char *json;
		int rc;
		const char *where;
	} rows[] = {
		{ "[]", KE_SCHEMA, "(document)" },
		{ "{\"kedge_policy\": 2, \"name\": \"web\", \"version\": 1, \"settings\": []}", KE_RANGE,
		        "kedge_policy" },
		{ "{\"kedge_policy\": 1, \"name\": \"../x\", \"version\": 1, \"settings\": []}", KE_NAME,
		        "name" },
		{ "{\"kedge_policy\": 1, \"name\": \"Web\", \"version\": 1, \"settings\": []}", KE_NAME,
		        "name" },
		{ "{\"kedge_policy\": 1, \"name\": \"web\", \"version\": 0, \"settings\": []}", KE_RANGE,
		        "version" },
		{ HEAD "\"priority\": 1001, \"settings\": []}", KE_RANGE, "priority" },
		{ HEAD "\"confirm_timeout\": 9, \"settings\": []}", KE_RANGE, "confirm_timeout" },
		{ HEAD "\"settings\": [], \"x\": 1}", KE_SCHEMA, "(document)" },
		{ HEAD "\"settings\": {}}", KE_SCHEMA, "settings" },
		{ ONE("{\"key\": \"net.ipv4.tcp_fin_timeout\"}"), KE_SCHEMA, "settings[0]" },
		{ ONE("{\"key\": \"net.ipv4.tcp_fin_timeout\", \"value\": 30, \"vlaue\": 1}"), KE_SCHEMA,
		        "settings[0]" },
		{ ONE("{\"key\": \"net/../kernel/core_pattern\", \"value\": \"x\"}"), KE_NAME,
		        "settings[0].key" },
		{ ONE("{\"key\": \"kernel.core_pattern\", \"value\": \"|/bin/sh\"}"), KE_CEILING,
		        "settings[0].key" },
		{ ONE("{\"key\": \"net.ipv4.tcp_fastopen_key\", \"value\": \"1-2-3-4\"}"), KE_CEILING,
		        "settings[0].key" },
		{ ONE("{\"key\": \"net.core.*\", \"value\": \"1\"}"), KE_CEILING, "settings[0].key" },
		{ ONE("{\"key\": \"net.mptcp.**\", \"value\": \"1\"}"), KE_CEILING, "settings[0].key" },
		{ ONE("{\"key\": \"net.ipv4.tcp_tw_reuse\", \"value\": 3}"), KE_RANGE, "settings[0].value" },
		{ ONE("{\"key\": \"net.ipv4.tcp_tw_reuse\", \"value\": \"01\"}"), KE_VALUE,
		        "settings[0].value" },
		{ ONE("{\"key\": \"net.ipv4.tcp_tw_reuse\", \"value\": true}"), KE_SCHEMA,
		        "settings[0].value" },
		{ ONE("{\"key\": \"net.ipv4.tcp_tw_reuse\", \"value\": [1]}"), KE_SCHEMA,
		        "settings[0].value" },
		{ ONE("{\"key\": \"net.ipv4.tcp_rmem\", \"value\": [4096, 131072]}"), KE_VALUE,
		        "settings[0].value" },
		{ ONE("{\"key\": \"net.ipv4.tcp_rmem\", \"value\": [4096, \"1\", 2]}"), KE_SCHEMA,
		        "settings[0].value[1]" },
		{ ONE("{\"key\": \"net.ipv4.tcp_tw_reuse\", \"value\": 1, \"mode\": \"force\"}"), KE_SCHEMA,
		        "settings[0].mode" },
		{ ONE("{\"key\": \"net.ipv4.tcp_tw_reuse\", \"value\": 1, \"required\": true, \"optional\": "
		      "true}"),
		        KE_SCHEMA, "settings[0]" },
		{ ONE("{\"key\": \"net.ipv4.tcp_tw_reuse\", \"value\": 1}, {\"key\": "
		      "\"net/ipv4/tcp_tw_reuse\", \"value\": 1}"),
		        KE_DUPLICATE, "settings[1].key" },
		{ ONE("{\"key\": \"net.core.somaxconn\", \"value\": \">=010\"}"), KE_VALUE,
		        "settings[0].value" },
		{ ONE("{\"key\": \"net.core.somaxconn\", \"value\": \">= \"}"), KE_VALUE,
		        "settings[0].value" },
		{ ONE("{\"key\": \"net.ipv4.ip_local_port_range\", \"value\": \"<=10000 60000\"}"), KE_VALUE,
		        "settings[0].value" },
		{ ONE("{\"key\": \"net.new.key\", \"value\": \">=1\"}"), KE_VALUE, "settings[0].value" },
		{ ONE("{\"key\": \"net.core.rps_sock_flow_entries\", \"value\": \"<=1000\"}"), KE_RANGE,
		        "settings[0].value" },
		{ ONE("{\"key\": \"net.core.somaxconn\", \"value\": \"1\", \"except\": "
		      "[\"net.core.somaxconn\"]}"),
		        KE_VALUE, "settings[0].except[0]" },
		{ ONE("{\"key\": \"net.ipv4.conf.*.rp_filter\", \"value\": \"1\", \"except\": \"docker0\"}"),
		        KE_SCHEMA, "settings[0].except" },
		{ ONE("{\"key\": \"net.ipv4.conf.*.rp_filter\", \"value\": \"1\", \"except\": "
		      "[\"net.ipv4.conf.a.rp_filter\", \"docker0\"]}"),
		        KE_NAME, "settings[0].except[1]" },
		{ ONE("{\"key\": \"net.ipv4.conf.*.rp_filter\", \"value\": \"1\", \"except\": "
		      "[\"net.ipv4.conf.a.rp_filter\", \"net/ipv4/conf/a/rp_filter\"]}"),
		        KE_DUPLICATE, "settings[0].except[1]" },
		{ HEAD "\"selector\": {\"kernel\": \"new\"}, \"settings\": []}", KE_SCHEMA, "selector" },
		{ HEAD "\"selector\": {\"kernel\": \"6.12..5.4\"}, \"settings\": []}", KE_SCHEMA,
		        "selector" },
		{ HEAD "\"selector\": {\"memory\": \"4X\"}, \"settings\": []}", KE_SCHEMA, "selector" },
		{ HEAD "\"selector\": {\"memory\": \"99999999999T\"}, \"settings\": []}", KE_SCHEMA,
		        "selector" },
		{ HEAD "\"selector\": {\"labels\": {\"role\": 1}}, \"settings\": []}", KE_SCHEMA,
		        "selector.labels.role" },
		{ HEAD "\"selector\": {\"uid\": \"x\"}, \"settings\": []}", KE_SCHEMA, "selector" },
		{ HEAD "\"settings\": [], \"settings\": []}", KE_DUPLICATE, "line 1" },
	};
	for (size_t i = 0; i < LEN(rows); i++) {
		struct policy *p = (struct policy *)&p;
		struct fault f = { 0 };
		print_message("%s\n", rows[i].json);
		assert_int_equal(policy_parse(rows[i].json, strlen(rows[i].json), &p, &f), rows[i].rc);
		assert_ptr_equal(p, &p);
		print_message("  %s: %s\n", f.where, f.what);
		assert_int_equal(strncmp(f.where, rows[i].where, strlen(rows[i].where)), 0);
	}
}

static void policies_are_built_by_hand(void **state)
{
	(void)state;
	struct policy *p = NULL;
	struct setting *s = NULL;
	struct name n;
	struct fault f = { 0 };
	char key[64];
	assert_int_equal(policy_new("", 1, &p), KE_NAME);
	assert_int_equal(policy_new(".hidden", 1, &p), KE_NAME);
	assert_null(p);
	assert_int_equal(policy_new("local", 1, &p), 0);
	for (int i = 0; i < POLICY_MAX_SETTINGS; i++) {
		snprintf(key, sizeof key, "net.x.k%d", i);
		assert_int_equal(name_parse(key, strlen(key), &n, NULL), 0);
		assert_int_equal(policy_append(p, &n, "1", NULL, &s, &f), 0);
		assert_string_equal(s->value, "1");
	}
	assert_int_equal(policy_append(p, &n, "2", NULL, NULL, &f), KE_DUPLICATE);
	assert_string_equal(f.where, "net.x.k1999");
	assert_ptr_equal(policy_find(p, &n), &p->settings[POLICY_MAX_SETTINGS - 1]);
	assert_int_equal(name_parse("net.x.more", 10, &n, NULL), 0);
	assert_null(policy_find(p, &n));
	assert_int_equal(policy_append(p, &n, "2", NULL, NULL, &f), KE_TOOBIG);
	policy_free(p);
	policy_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_survive_a_round_trip),
		cmocka_unit_test(forms_survive_a_round_trip),
		cmocka_unit_test(mistakes_are_refused_with_their_place),
		cmocka_unit_test(policies_are_built_by_hand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
