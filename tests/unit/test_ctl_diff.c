/* policy diff: by meaning, in order, without remarks; and the two kinds of FILE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/fileio.h"
#include "server-stub/ctl/policy_diff.h"
#include "server-stub/ctl/policy_file.h"

static struct setting *add(struct policy *p, const char *key, const char *value, const char *why)
{
	struct setting *s = NULL;
	struct name n;

	assert_int_equal(name_parse(key, strlen(key), &n, NULL), 0);
	assert_int_equal(policy_append(p, &n, value, why, &s, NULL), 0);
	return s;
}

static void changes(void **state)
{
	(void)state;
	struct policy *a = NULL, *b = NULL;
	struct policy_change *list = NULL;
	char dotted[NAME_MAX_LEN + 1];
	size_t n = 0;

	assert_int_equal(policy_new("a", 1, &a), 0);
	assert_int_equal(policy_new("b", 2, &b), 0);
	add(a, "net.ipv4.tcp_rmem", "4096  131072\t6291456", "spaces do not count");
	add(b, "net.ipv4.tcp_rmem", "4096 131072 6291456", "nor do remarks");
	add(a, "net.core.somaxconn", "4096", NULL);
	add(b, "net.core.somaxconn", "8192", NULL);
	add(a, "net.ipv4.tcp_fin_timeout", "30", NULL);
	add(b, "net.ipv4.tcp_syncookies", "1", NULL);
	add(a, "net.ipv4.tcp_keepalive_time", "600", NULL);
	add(b, "net.ipv4.tcp_keepalive_time", "600", NULL)->mode = SETTING_AUDIT;
	add(a, "net.ipv4.conf.*.rp_filter", "1", NULL);
	const struct name lo = { "net/ipv4/conf/lo/rp_filter" };
	assert_int_equal(setting_except(add(b, "net.ipv4.conf.*.rp_filter", "1", NULL), &lo, NULL), 0);
	add(a, "net.core.netdev_budget", "300", NULL);
	add(b, "net.core.netdev_budget", "300", NULL)->bound = BOUND_AT_LEAST;
	assert_int_equal(policy_diff(a, b, &list, &n), 0);
	assert_int_equal(n, 6);
	/* Ordered by key: the bound and the exception are the first and the third. */
	assert_int_equal(list[0].after->bound, BOUND_AT_LEAST);
	assert_int_equal(list[2].after->n_except, 1);
	assert_string_equal(list[1].after->value, "8192");
	free(list);
	for (size_t i = 0; i < 2; i++) {
		setting_clear(&a->settings[--a->n]);
		setting_clear(&b->settings[--b->n]);
	}
	assert_int_equal(policy_diff(a, b, &list, &n), 0);
	assert_int_equal(n, 4);
	assert_string_equal(name_dotted(&list[0].before->name, dotted, sizeof dotted), "net.core.somaxconn");
	assert_string_equal(list[0].after->value, "8192");
	assert_null(list[1].after);
	assert_string_equal(
	        name_dotted(&list[1].before->name, dotted, sizeof dotted), "net.ipv4.tcp_fin_timeout");
	assert_string_equal(setting_mode_name(list[2].after->mode), "audit");
	assert_null(list[3].before);
	free(list);
	assert_int_equal(policy_diff(a, a, &list, &n), 0);
	assert_int_equal(n, 0);
	free(list);
	policy_free(a);
	policy_free(b);
}

static void files(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *text, *name;
		int code;
		unsigned errors;
		size_t settings;
		bool conf;
	} rows[] = {
		{ "document",
		        " \n{\"kedge_policy\":1,\"name\":\"x\",\"version\":1,\"settings\":[{\"key\":\"net."
		        "core.somaxconn\","
		        "\"value\":\"1024\"}]}",
		        NULL, KE_OK, 0, 1, false },
		{ "broken document", "{\"kedge_policy\":1", NULL, KE_SYNTAX, 0, 0, false },
		{ "sysctl.conf", "net.core.somaxconn = 1024\n# x\n", "web", KE_OK, 0, 1, true },
		{ "bad lines are counted", "net.core.somaxconn = x\nnonsense\nnet.ipv4.tcp_fin_timeout=5\n",
		        "web", KE_OK, 2, 1, true },
		{ "unknown key is an error of its line", "net.ipv4.tcp_timestsmps = 1\n", "web", KE_OK, 1, 1,
		        true },
		{ "bad name", "net.core.somaxconn = 1024\n", "Web Server", KE_NAME, 0, 0, true },
	};
	char path[] = "/tmp/kedge-unit.XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct policy_file p;
		struct fault f = { 0 };
		assert_int_equal(
		        file_replace(path, rows[i].text, strlen(rows[i].text), 0600, FILE_VOLATILE, NULL), 0);
		int rc = policy_file_read(path, rows[i].name, &p, &f);
		if (rc != rows[i].code || (rc && !strstr(f.where, path)) ||
		        (!rc && (p.errors != rows[i].errors || p.policy->n != rows[i].settings ||
		                        (p.conf != NULL) != rows[i].conf)))
			fail_msg("%s: %d '%s' '%s' %u %zu", rows[i].remark, rc, f.where, f.what, p.errors,
			        p.policy ? p.policy->n : 0);
		policy_file_clear(&p);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes),
		cmocka_unit_test(files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
