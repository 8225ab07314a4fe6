/* Several policies as one: priorities, clashes, selectors, and what goes back when nobody wants it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/keeper/resolve.h"

#define BOOT "0f8e1c2d-0000-4000-8000-123456789abc"

static struct adopted_list list;
static struct label labels[1];
static struct host_facts facts;

static struct policy *policy(const char *name, int priority, const char *settings, const char *selector)
{
	char text[1024];
	struct policy *p;
	struct fault f;

	snprintf(text, sizeof text,
	        "{\"kedge_policy\":1,\"name\":\"%s\",\"version\":1,\"priority\":%d,\"settings\":[%s]%s%s}",
	        name, priority, settings, selector ? ",\"selector\":" : "", selector ? selector : "");
	if (policy_parse(text, strlen(text), &p, &f))
		fail_msg("%s: %s", f.where, f.what);
	return p;
}

#define SET(key, value) "{\"key\":\"net.ipv4." key "\",\"value\":\"" value "\"}"

static void adopt(const char *name, struct policy *p)
{
	struct adopted *a = &list.rows[list.n++];

	snprintf(a->name, sizeof a->name, "%s", name);
	a->serial = 1;
	a->version = 1;
	a->policy = p;
}

static int set_up(void **state)
{
	static char role[] = "role", web[] = "web";
	(void)state;
	list = (struct adopted_list){ .rows = calloc(8, sizeof *list.rows) };
	labels[0] = (struct label){ role, web };
	facts = (struct host_facts){ .labels = labels, .n_labels = 1 };
	return list.rows ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	adopted_clear(&list);
	return 0;
}

static const char *value_of(const struct policy *p, const char *key)
{
	struct name n;

	assert_int_equal(name_parse(key, strlen(key), &n, NULL), 0);
	const struct setting *s = policy_find(p, &n);
	return s ? s->value : NULL;
}

static void the_higher_priority_wins(void **state)
{
	(void)state;
	struct policy *all;
	struct fault f;

	adopt("base", policy("base", 10, SET("tcp_fin_timeout", "20") "," SET("tcp_syn_retries", "4"), NULL));
	adopt("web", policy("web", 50, SET("tcp_fin_timeout", "30"), NULL));
	assert_int_equal(resolve_policies(&list, NULL, NULL, &facts, NULL, &all, &f), 0);
	assert_int_equal(all->n, 2);
	assert_string_equal(value_of(all, "net.ipv4.tcp_fin_timeout"), "30");
	assert_string_equal(value_of(all, "net.ipv4.tcp_syn_retries"), "4");
	struct name n;
	assert_int_equal(name_parse("net.ipv4.tcp_fin_timeout", 24, &n, NULL), 0);
	assert_string_equal(resolve_owner(&list, &facts, &n)->name, "web");
	policy_free(all);
}

static void a_clash_refuses_and_names_both(void **state)
{
	(void)state;
	struct policy *all = NULL;
	struct fault f;
	struct policy *other = policy("web", 10, SET("tcp_fin_timeout", "30"), NULL);
	const struct candidate c = { "web", other };

	adopt("base", policy("base", 10, SET("tcp_fin_timeout", "20"), NULL));
	assert_int_equal(resolve_policies(&list, &c, NULL, &facts, NULL, &all, &f), KE_CONFLICT);
	assert_non_null(strstr(f.what, "'base'"));
	assert_non_null(strstr(f.what, "'web'"));
	assert_string_equal(f.where, "net.ipv4.tcp_fin_timeout");
	assert_null(all);
	policy_free(other);
}

static void a_candidate_takes_the_place_of_its_name(void **state)
{
	(void)state;
	struct policy *all, *next = policy("web", 10, SET("tcp_syn_retries", "3"), NULL);
	const struct candidate c = { "web", next }, removal = { "web", NULL };
	struct fault f;

	adopt("web", policy("web", 10, SET("tcp_fin_timeout", "20"), NULL));
	assert_int_equal(resolve_policies(&list, &c, NULL, &facts, NULL, &all, &f), 0);
	assert_null(value_of(all, "net.ipv4.tcp_fin_timeout"));
	assert_string_equal(value_of(all, "net.ipv4.tcp_syn_retries"), "3");
	policy_free(all);
	assert_int_equal(resolve_policies(&list, &removal, NULL, &facts, NULL, &all, &f), 0);
	assert_int_equal(all->n, 0);
	policy_free(all);
	policy_free(next);
}

static void only_policies_that_are_meant_count(void **state)
{
	(void)state;
	struct policy *all;
	struct fault f;

	adopt("db", policy("db", 10, SET("tcp_fin_timeout", "20"), "{\"labels\":{\"role\":\"db\"}}"));
	adopt("web", policy("web", 10, SET("tcp_fin_timeout", "30"), "{\"labels\":{\"role\":\"web\"}}"));
	assert_int_equal(resolve_policies(&list, NULL, NULL, &facts, NULL, &all, &f), 0);
	assert_string_equal(value_of(all, "net.ipv4.tcp_fin_timeout"), "30");
	policy_free(all);
}

static void what_nobody_wants_goes_back(void **state)
{
	(void)state;
	struct originals *o;
	struct original *row;
	struct policy *all;
	struct fault f;
	struct name kept, dropped, unknown;

	assert_int_equal(name_parse("net.ipv4.tcp_fin_timeout", 24, &kept, NULL), 0);
	assert_int_equal(name_parse("net.ipv4.tcp_syn_retries", 24, &dropped, NULL), 0);
	assert_int_equal(name_parse("net.ipv4.tcp_retries2", 21, &unknown, NULL), 0);
	assert_int_equal(originals_new(BOOT, &o), 0);
	assert_int_equal(originals_note(o, &kept, "60", &row), 0);
	row->wanted = strdup("30");
	assert_int_equal(originals_note(o, &dropped, "6", &row), 0);
	row->wanted = strdup("3");
	assert_int_equal(originals_note(o, &unknown, NULL, &row), 0);
	row->wanted = strdup("10");
	adopt("web", policy("web", 10, SET("tcp_fin_timeout", "30"), NULL));
	assert_int_equal(resolve_policies(&list, NULL, NULL, &facts, o, &all, &f), 0);
	assert_int_equal(all->n, 2);
	assert_string_equal(value_of(all, "net.ipv4.tcp_syn_retries"), "6");
	assert_true(policy_find(all, &dropped)->release);
	assert_false(policy_find(all, &kept)->release);
	policy_free(all);
	originals_free(o);
}

static void what_a_pattern_held_goes_back(void **state)
{
	static const struct {
		const char *name, *value, *wanted;
		bool released;
		const char *remark;
	} rows[] = {
		{ "net.ipv4.conf.*.rp_filter", NULL, "2", false, "the pattern itself has no value" },
		{ "net.ipv4.conf.eth0.rp_filter", "0", NULL, true, "written because of the pattern" },
		{ "net.ipv4.conf.eth1.rp_filter", NULL, NULL, false, "its original is not known" },
		{ "net.ipv4.conf.eth0.forwarding", "0", NULL, false, "changed along with another key" },
		{ "net.ipv4.tcp_fin_timeout", "60", "30", false, "still wanted" },
	};
	struct originals *o;
	struct original *row;
	struct policy *all;
	struct fault f;
	struct name n;
	(void)state;

	assert_int_equal(originals_new(BOOT, &o), 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(name_parse(rows[i].name, strlen(rows[i].name), &n, NULL), 0);
		assert_int_equal(originals_note(o, &n, rows[i].value, &row), 0);
		row->wanted = rows[i].wanted ? strdup(rows[i].wanted) : NULL;
	}
	adopt("web", policy("web", 10, SET("tcp_fin_timeout", "30"), NULL));
	assert_int_equal(resolve_policies(&list, NULL, NULL, &facts, o, &all, &f), 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(name_parse(rows[i].name, strlen(rows[i].name), &n, NULL), 0);
		const struct setting *s = policy_find(all, &n);
		if ((s && s->release) != rows[i].released)
			fail_msg("%s: %s", rows[i].name, rows[i].remark);
	}
	policy_free(all);
	/* While some policy holds the pattern, nothing goes back. */
	adopt("rp", policy("rp", 10, SET("conf.*.rp_filter", "2"), NULL));
	assert_int_equal(resolve_policies(&list, NULL, NULL, &facts, o, &all, &f), 0);
	assert_null(value_of(all, "net.ipv4.conf.eth0.rp_filter"));
	policy_free(all);
	originals_free(o);
}

/* Bounds come through merging as they are, the higher priority wins whatever the form, and a key that a pattern excepts now
 * goes back. */
static void forms_are_kept_and_let_go(void **state)
{
	struct originals *o;
	struct original *row;
	struct policy *all;
	struct fault f;
	struct name pattern, docker, somaxconn;
	(void)state;

	assert_int_equal(name_parse("net.ipv4.conf.*.rp_filter", 25, &pattern, NULL), 0);
	assert_int_equal(name_parse("net.ipv4.conf.docker0.rp_filter", 31, &docker, NULL), 0);
	assert_int_equal(name_parse("net.core.somaxconn", 18, &somaxconn, NULL), 0);
	assert_int_equal(originals_new(BOOT, &o), 0);
	assert_int_equal(originals_note(o, &pattern, NULL, &row), 0);
	row->wanted = strdup("2");
	assert_int_equal(originals_note(o, &docker, "0", &row), 0);
	assert_int_equal(originals_note(o, &somaxconn, "128", &row), 0);
	row->wanted = strdup("4096");
	row->bound = BOUND_AT_LEAST;
	adopt("low", policy("low", 10, SET("tcp_fin_timeout", "30") "," SET("tcp_syn_retries", "<=4"), NULL));
	adopt("high",
	        policy("high", 20,
	                SET("tcp_fin_timeout", "<=15") ",{\"key\":\"net.ipv4.conf.*.rp_filter\",\"value\":2,"
	                                               "\"except\":[\"net.ipv4.conf.docker0.rp_filter\"]}",
	                NULL));
	assert_int_equal(resolve_policies(&list, NULL, NULL, &facts, o, &all, &f), 0);
	assert_string_equal(value_of(all, "net.ipv4.tcp_fin_timeout"), "15");
	assert_string_equal(value_of(all, "net.ipv4.tcp_syn_retries"), "4");
	for (size_t i = 0; i < all->n; i++)
		if (strstr(all->settings[i].name.path, "tcp_"))
			assert_int_equal(all->settings[i].bound, BOUND_AT_MOST);
	assert_int_equal(policy_find(all, &pattern)->n_except, 1);
	const struct setting *gone = policy_find(all, &docker);
	assert_true(gone && gone->release && strcmp(gone->value, "0") == 0);
	/* A floor is let go as one, so that what somebody raised can stay. */
	gone = policy_find(all, &somaxconn);
	assert_true(gone && gone->release && gone->bound == BOUND_AT_LEAST);
	assert_string_equal(gone->value, "128");
	assert_string_equal(gone->held, "4096");
	policy_free(all);
	/* Nobody owns what is excepted. */
	assert_null(resolve_owner(&list, &facts, &docker));
	assert_int_equal(name_parse("net.ipv4.conf.eth0.rp_filter", 28, &docker, NULL), 0);
	assert_string_equal(resolve_owner(&list, &facts, &docker)->name, "high");
	originals_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(forms_are_kept_and_let_go, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_higher_priority_wins, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_clash_refuses_and_names_both, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_candidate_takes_the_place_of_its_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_policies_that_are_meant_count, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_nobody_wants_goes_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_a_pattern_held_goes_back, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
