/* One setting: which keys it means, and when two say the same. */
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

static struct name name_of(const char *text)
{
	struct name n;
	assert_int_equal(name_parse(text, strlen(text), &n, NULL), 0);
	return n;
}

static struct setting setting_of(const char *key, const char *value)
{
	struct name n = name_of(key);
	return (struct setting){ .name = n, .knob = knowledge_find(&n), .value = strdup(value) };
}

static void except(struct setting *s, const char *key)
{
	struct name n = name_of(key);
	assert_int_equal(setting_except(s, &n, NULL), 0);
}

static void exceptions_are_checked(void **state)
{
	static const struct {
		const char *key, *except;
		int rc;
		const char *remark;
	} rows[] = {
		{ "net.ipv4.conf.*.rp_filter", "net.ipv4.conf.docker0.rp_filter", 0, "one interface" },
		{ "net.ipv4.conf.*.rp_filter", "net/ipv4/conf/eth0.100/rp_filter", 0, "a dot in its name" },
		{ "net.*.conf.*.forwarding", "net.ipv6.conf.*.forwarding", 0, "a narrower pattern" },
		{ "net.ipv4.conf.*.rp_filter", "net.ipv4.conf.*.rp_filter", KE_VALUE, "everything" },
		{ "net.ipv4.conf.*.rp_filter", "net.*.conf.*.rp_filter", KE_VALUE, "wider" },
		{ "net.ipv4.conf.*.rp_filter", "net.ipv4.conf.docker0.forwarding", KE_VALUE, "another key" },
		{ "net.ipv4.conf.*.rp_filter", "net.ipv4.conf.docker0", KE_VALUE, "too short" },
		{ "net.ipv4.conf.*.rp_filter", "net.ipv4.conf.**", KE_VALUE, "a ceiling's pattern" },
		{ "net.ipv4.conf.lo.rp_filter", "net.ipv4.conf.lo.rp_filter", KE_VALUE, "of no pattern" },
	};
	(void)state;

	for (size_t i = 0; i < LEN(rows); i++) {
		struct setting s = setting_of(rows[i].key, "1");
		struct name n = name_of(rows[i].except);
		struct fault f = { 0 };
		int rc = setting_except(&s, &n, &f);
		if (rc != rows[i].rc || (rc && !f.what[0]))
			fail_msg("%s: %d %s", rows[i].remark, rc, f.what);
		assert_int_equal(
		        strstr(f.what, "for ceilings") != NULL, strstr(rows[i].except, "**") != NULL);
		assert_int_equal(s.n_except, rc == 0);
		if (!rc)
			assert_int_equal(setting_except(&s, &n, &f), KE_DUPLICATE);
		setting_clear(&s);
	}
}

/* The longest name there can be is told whole. */
static void faults_name_the_key(void **state)
{
	char key[NAME_MAX_LEN + 1] = "net.ipv4.conf.";
	struct fault f = { 0 };
	(void)state;

	memset(key + strlen(key), 'x', NAME_MAX_LEN - strlen(key));
	key[NAME_MAX_LEN] = '\0';
	struct setting s = setting_of(key, "1");
	assert_int_equal(setting_except(&s, &s.name, &f), KE_VALUE);
	assert_string_equal(f.where, key);
	setting_clear(&s);
}

/* systemd's own file excludes conf.all from conf.*: to us that says nothing new. */
static void what_is_not_meant_needs_no_exception(void **state)
{
	struct setting s = setting_of("net.ipv4.conf.*.rp_filter", "1");
	(void)state;

	except(&s, "net.ipv4.conf.all.rp_filter");
	except(&s, "net.ipv4.conf.default.rp_filter");
	assert_int_equal(s.n_except, 0);
	setting_clear(&s);
}

static void exceptions_are_counted(void **state)
{
	struct setting s = setting_of("net.ipv4.conf.*.rp_filter", "1");
	struct fault f = { 0 };
	char key[64];
	(void)state;

	for (unsigned i = 0; i < POLICY_MAX_EXCEPT; i++) {
		snprintf(key, sizeof key, "net.ipv4.conf.eth%u.rp_filter", i);
		except(&s, key);
	}
	struct name last = s.except[POLICY_MAX_EXCEPT - 1];
	assert_int_equal(setting_except(&s, &last, &f), KE_DUPLICATE); /* each is compared */
	struct name n = name_of("net.ipv4.conf.lo.rp_filter");
	assert_int_equal(setting_except(&s, &n, &f), KE_TOOBIG);
	assert_int_equal(s.n_except, POLICY_MAX_EXCEPT);
	setting_clear(&s);
	assert_int_equal(s.n_except, 0);
	assert_null(s.except);
}

static void which_keys_are_meant(void **state)
{
	static const struct {
		const char *key, *except, *asked;
		bool covers;
		const char *remark;
	} rows[] = {
		{ "net.ipv4.conf.lo.rp_filter", NULL, "net.ipv4.conf.lo.rp_filter", true, "itself" },
		{ "net.ipv4.conf.lo.rp_filter", NULL, "net.ipv4.conf.eth0.rp_filter", false, "another" },
		{ "net.ipv4.conf.*.rp_filter", NULL, "net.ipv4.conf.eth0.rp_filter", true, "an interface" },
		{ "net.ipv4.conf.*.rp_filter", NULL, "net.ipv4.conf.all.rp_filter", false,
		        "all is no interface" },
		{ "net.ipv4.conf.*.rp_filter", NULL, "net.ipv4.conf.default.rp_filter", false,
		        "nor default" },
		{ "net.ipv4.neigh.*.gc_stale_time", NULL, "net.ipv4.neigh.default.gc_stale_time", false,
		        "below neigh too" },
		{ "net.*.conf.all.forwarding", NULL, "net.ipv6.conf.all.forwarding", true, "all was named" },
		{ "net.ipv4.conf.*.rp_filter", "net.ipv4.conf.docker0.rp_filter",
		        "net.ipv4.conf.docker0.rp_filter", false, "excepted" },
		{ "net.ipv4.conf.*.rp_filter", "net.ipv4.conf.docker0.rp_filter",
		        "net.ipv4.conf.docker1.rp_filter", true, "its neighbour" },
		{ "net.*.conf.*.forwarding", "net.ipv6.conf.*.forwarding", "net.ipv6.conf.eth0.forwarding",
		        false, "by a narrower pattern" },
		{ "net.*.conf.*.forwarding", "net.ipv6.conf.*.forwarding", "net.ipv4.conf.eth0.forwarding",
		        true, "and not by it" },
	};
	(void)state;

	for (size_t i = 0; i < LEN(rows); i++) {
		struct setting s = setting_of(rows[i].key, "1");
		struct name asked = name_of(rows[i].asked);
		if (rows[i].except)
			except(&s, rows[i].except);
		if (setting_covers(&s, &asked) != rows[i].covers)
			fail_msg("%s", rows[i].remark);
		setting_clear(&s);
	}
}

static void what_is_the_same(void **state)
{
	struct setting a = setting_of("net.ipv4.conf.*.rp_filter", "1"), b = a;
	(void)state;

	b.value = strdup("1");
	b.why = strdup("remarks do not count");
	b.line = 7;
	assert_true(setting_same(&a, &b));
	except(&a, "net.ipv4.conf.eth0.rp_filter");
	assert_false(setting_same(&a, &b));
	assert_false(setting_same(&b, &a)); /* one more, on either side */
	except(&b, "net.ipv4.conf.eth1.rp_filter");
	assert_false(setting_same(&a, &b));
	except(&a, "net.ipv4.conf.eth1.rp_filter");
	except(&b, "net.ipv4.conf.eth0.rp_filter");
	assert_true(setting_same(&a, &b)); /* in whatever order */
	except(&a, "net.ipv4.conf.eth2.rp_filter");
	except(&b, "net.ipv4.conf.eth3.rp_filter");
	assert_false(setting_same(&a, &b)); /* only the last one differs */
	a.except[2] = b.except[2];
	assert_true(setting_same(&a, &b));
	a.required = true;
	assert_false(setting_same(&a, &b));
	a.required = false;
	a.optional = true;
	assert_false(setting_same(&a, &b));
	a.optional = false;
	b.bound = BOUND_AT_LEAST;
	assert_false(setting_same(&a, &b));
	b.bound = BOUND_NONE;
	b.mode = SETTING_AUDIT;
	assert_false(setting_same(&a, &b));
	setting_clear(&a);
	setting_clear(&b);
}

static void what_holds(void **state)
{
	struct setting s = setting_of("net.core.somaxconn", "4096");
	char *wanted = NULL;
	(void)state;

	assert_true(setting_holds(&s, "4096"));
	assert_false(setting_holds(&s, "8192"));
	s.bound = BOUND_AT_LEAST;
	assert_true(setting_holds(&s, "8192"));
	assert_false(setting_holds(&s, "128"));
	assert_int_equal(setting_wanted(&s, "8192", &wanted), 0);
	assert_string_equal(wanted, "8192");
	free(wanted);
	assert_int_equal(setting_wanted(&s, NULL, &wanted), 0);
	assert_string_equal(wanted, "4096");
	free(wanted);
	/* Let go: it was 128, and 4096 was held. */
	free(s.value);
	s.value = strdup("128");
	s.held = strdup("4096");
	s.release = true;
	assert_false(setting_holds(&s, "4096"));
	assert_true(setting_holds(&s, "8192")); /* somebody else's */
	assert_true(setting_holds(&s, "128"));
	assert_int_equal(setting_wanted(&s, "4096", &wanted), 0);
	assert_string_equal(wanted, "128");
	free(wanted);
	setting_clear(&s);
}

/* The setting by which a key is in force: its own wherever it stands, else the last pattern that means it. */
static void who_holds_a_key(void **state)
{
	struct setting rows[] = { setting_of("net.ipv4.conf.*.rp_filter", "1"),
		setting_of("net.ipv4.conf.lo.rp_filter", "2"), setting_of("net.*.conf.*.rp_filter", "3"),
		setting_of("net.core.somaxconn", "4") };
	const struct policy p = { .settings = rows, .n = LEN(rows) };
	struct name lo = name_of("net.ipv4.conf.lo.rp_filter"),
	            eth0 = name_of("net.ipv4.conf.eth0.rp_filter"), other = name_of("net.ipv4.tcp_sack");
	(void)state;

	assert_ptr_equal(policy_holder(&p, &lo), &rows[1]);
	assert_ptr_equal(policy_holder(&p, &eth0), &rows[2]);
	except(&rows[2], "net.ipv4.conf.eth0.rp_filter");
	assert_ptr_equal(policy_holder(&p, &eth0), &rows[0]);
	assert_null(policy_holder(&p, &other));
	for (size_t i = 0; i < LEN(rows); i++)
		setting_clear(&rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exceptions_are_checked),
		cmocka_unit_test(exceptions_are_counted),
		cmocka_unit_test(faults_name_the_key),
		cmocka_unit_test(what_is_not_meant_needs_no_exception),
		cmocka_unit_test(which_keys_are_meant),
		cmocka_unit_test(what_is_the_same),
		cmocka_unit_test(who_holds_a_key),
		cmocka_unit_test(what_holds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
