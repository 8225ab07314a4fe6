/* Observed values, and the right reason for every key that cannot be had. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/engine/observe.h"
#include "tests/support/fault_tree.h"

static struct observation *observe(struct tree *t, const struct policy *p, uint32_t kernel)
{
	struct procsys *ps = NULL;
	struct observation *o = NULL;
	struct fault f;

	assert_int_equal(procsys_open(t->root, PROCSYS_DIRECTORY, &ps, &f), 0);
	assert_int_equal(observe_policy(ps, p, kernel, &o, &f), 0);
	procsys_close(ps);
	return o;
}

static void tells_states_and_reasons(void **state)
{
	static const struct {
		struct row row;
		enum key_state state;
		enum key_reason reason;
		const char *detail, *value, *remark;
	} rows[] = {
		{ { "net.ipv4.tcp_rmem", "4096 131072 6291456" }, KEY_PRESENT, REASON_NONE, "",
		        "4096 131072 6291456", "tabs become blanks" },
		{ { "net.ipv4.tcp_fin_timeout", "30" }, KEY_PRESENT, REASON_NONE, "", "60",
		        "differs, writable" },
		{ { "net.core.rmem_max", "1000000" }, KEY_READ_ONLY, REASON_HOST_WIDE, "", "212992",
		        "shown read-only in a namespace" },
		{ { "net.ipv4.tcp_mem", "1 2 3" }, KEY_ABSENT, REASON_HOST_WIDE, "", NULL,
		        "not shown in a namespace" },
		{ { "net.ipv4.tcp_tw_recycle", "1" }, KEY_ABSENT, REASON_REMOVED, "4.12", NULL, "removed" },
		{ { "net.ipv4.tcp_tw_reuse_delay", "1000" }, KEY_ABSENT, REASON_TOO_OLD, "6.14", NULL,
		        "newer kernel" },
		{ { "net.netfilter.nf_conntrack_max", "4" }, KEY_ABSENT, REASON_MODULE, "nf_conntrack", NULL,
		        "module" },
		{ { "net.ipv4.conf.eth9.rp_filter", "1" }, KEY_ABSENT, REASON_INTERFACE, "eth9", NULL,
		        "interface" },
		{ { "net.ipv4.tcp_fin_timeot", "1" }, KEY_ABSENT, REASON_UNKNOWN, "net/ipv4/tcp_fin_timeout",
		        NULL, "misspelt" },
		{ { "net.ipv4.tcp_sack", "1" }, KEY_ABSENT, REASON_MISSING, "", NULL,
		        "known, but not built in" },
		{ { "net.ipv4.strange", "1" }, KEY_UNREADABLE, REASON_UNREADABLE, "", NULL, "write-only" },
		{ { "net.ipv4.frozen", "7" }, KEY_PRESENT, REASON_NONE, "", "7", "read-only, but as wanted" },
	};
	struct row policy_rows[sizeof rows / sizeof rows[0] + 1] = { { NULL, NULL } };
	struct tree t;
	(void)state;

	tree_open(&t);
	tree_put(&t, "net/ipv4/tcp_rmem", "4096\t131072\t6291456");
	tree_put(&t, "net/ipv4/tcp_fin_timeout", "60");
	tree_put(&t, "net/core/rmem_max", "212992");
	tree_mode(&t, "net/core/rmem_max", 0444);
	tree_put(&t, "net/ipv4/strange", "1");
	tree_mode(&t, "net/ipv4/strange", 0200);
	tree_put(&t, "net/ipv4/frozen", "7");
	tree_mode(&t, "net/ipv4/frozen", 0444);
	tree_put(&t, "net/ipv4/conf/lo/rp_filter", "0");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		policy_rows[i] = rows[i].row;
	struct policy *p = policy_of(policy_rows);
	struct observation *o = observe(&t, p, KERNEL(6, 12));
	assert_int_equal(o->n, sizeof rows / sizeof rows[0]);
	for (size_t i = 0; i < o->n; i++) {
		const struct observed *k = &o->keys[i];
		bool value_ok = rows[i].value ? k->value && strcmp(k->value, rows[i].value) == 0 : !k->value;
		if (k->state != rows[i].state || k->reason != rows[i].reason ||
		        strcmp(k->detail, rows[i].detail) != 0 || !value_ok)
			fail_msg("%s (%s): state %d reason %s '%s' value %s", rows[i].row.key, rows[i].remark,
			        k->state, reason_name(k->reason), k->detail, k->value ? k->value : "-");
	}
	assert_string_equal(o->keys[0].raw, "4096\t131072\t6291456");
	observation_free(o);
	policy_free(p);
	tree_close(&t);
}

static void expands_patterns(void **state)
{
	static const struct row rows[] = { { "net.ipv4.conf.*.rp_filter", "1" },
		{ "net.ipv4.conf.eth0.rp_filter", "2" }, { "net.ipv4.conf.*.log_martians", "1" },
		{ "net.ipv6.conf.*.forwarding", "1" }, { NULL, NULL } };
	static const struct {
		const char *path, *wanted;
		enum key_state state;
	} want[] = {
		{ "net/ipv4/conf/eth1/rp_filter", "1", KEY_PRESENT },
		{ "net/ipv4/conf/eth0/rp_filter", "2", KEY_PRESENT },
		{ "net/ipv4/conf/eth0/log_martians", "1", KEY_PRESENT },
		{ "net/ipv6/conf/*/forwarding", "1", KEY_ABSENT },
	};
	struct tree t;
	(void)state;

	tree_open(&t);
	tree_put(&t, "net/ipv4/conf/all/rp_filter", "0");
	tree_put(&t, "net/ipv4/conf/eth0/rp_filter", "0");
	tree_put(&t, "net/ipv4/conf/eth1/rp_filter", "0");
	tree_put(&t, "net/ipv4/conf/eth0/log_martians", "0");
	struct policy *p = policy_of(rows);
	struct observation *o = observe(&t, p, KERNEL(6, 12));
	assert_int_equal(o->n, sizeof want / sizeof want[0]);
	for (size_t i = 0; i < o->n; i++) {
		assert_string_equal(o->keys[i].name.path, want[i].path);
		assert_string_equal(o->keys[i].setting->value, want[i].wanted);
		assert_int_equal(o->keys[i].state, want[i].state);
	}
	assert_int_equal(o->keys[3].reason, REASON_INTERFACE);
	observation_free(o);
	policy_free(p);
	tree_close(&t);
}

/* Excepted interfaces are no rows; a floor that is met asks nobody whether the key can be written. */
static void leaves_exceptions_out(void **state)
{
	static const struct row rows[] = { { "net.ipv4.conf.*.rp_filter", "1" },
		{ "net.ipv4.conf.docker1.rp_filter", "2" }, { "net.core.somaxconn", "4096" },
		{ NULL, NULL } };
	static const char *const want[] = { "net/ipv4/conf/eth0/rp_filter", "net/ipv4/conf/docker1/rp_filter",
		"net/core/somaxconn" };
	const struct name docker0 = name_of("net.ipv4.conf.docker0.rp_filter"),
	                  docker1 = name_of("net.ipv4.conf.docker1.rp_filter");
	struct tree t;
	(void)state;

	tree_open(&t);
	tree_put(&t, "net/ipv4/conf/docker0/rp_filter", "0");
	tree_put(&t, "net/ipv4/conf/docker1/rp_filter", "0");
	tree_put(&t, "net/ipv4/conf/eth0/rp_filter", "0");
	tree_put(&t, "net/core/somaxconn", "8192");
	tree_mode(&t, "net/core/somaxconn", 0444);
	struct policy *p = policy_of(rows);
	assert_int_equal(setting_except(&p->settings[0], &docker0, NULL), 0);
	/* Its own setting means it all the same. */
	assert_int_equal(setting_except(&p->settings[0], &docker1, NULL), 0);
	p->settings[2].bound = BOUND_AT_LEAST;
	struct observation *o = observe(&t, p, KERNEL(6, 12));
	assert_int_equal(o->n, sizeof want / sizeof want[0]);
	for (size_t i = 0; i < o->n; i++)
		assert_string_equal(o->keys[i].name.path, want[i]);
	assert_int_equal(o->keys[2].state, KEY_PRESENT);
	observation_free(o);
	policy_free(p);
	tree_close(&t);
}

/* A pattern with exceptions takes no key of theirs from a pattern before it. */
static void an_exception_leaves_to_the_pattern_before(void **state)
{
	static const struct row rows[] = { { "net.*.conf.*.forwarding", "1" },
		{ "net.ipv4.conf.*.forwarding", "0" }, { NULL, NULL } };
	const struct name docker0 = name_of("net.ipv4.conf.docker0.forwarding");
	struct tree t;
	(void)state;

	tree_open(&t);
	tree_put(&t, "net/ipv4/conf/docker0/forwarding", "0");
	tree_put(&t, "net/ipv4/conf/eth0/forwarding", "0");
	struct policy *p = policy_of(rows);
	assert_int_equal(setting_except(&p->settings[1], &docker0, NULL), 0);
	struct observation *o = observe(&t, p, KERNEL(6, 12));
	assert_int_equal(o->n, 2);
	assert_string_equal(o->keys[0].name.path, "net/ipv4/conf/docker0/forwarding");
	assert_string_equal(o->keys[0].setting->value, "1");
	assert_string_equal(o->keys[1].name.path, "net/ipv4/conf/eth0/forwarding");
	observation_free(o);
	policy_free(p);
	tree_close(&t);
}

/* A pattern whose every match has its own setting has nothing left to say, and nothing to complain about. */
static void a_covered_pattern_is_silent(void **state)
{
	static const struct row rows[] = { { "net.ipv4.conf.*.rp_filter", "1" },
		{ "net.ipv4.conf.eth0.rp_filter", "2" }, { NULL, NULL } };
	struct tree t;
	(void)state;

	tree_open(&t);
	tree_put(&t, "net/ipv4/conf/eth0/rp_filter", "0");
	struct policy *p = policy_of(rows);
	struct observation *o = observe(&t, p, KERNEL(6, 12));
	assert_int_equal(o->n, 1);
	assert_string_equal(o->keys[0].name.path, "net/ipv4/conf/eth0/rp_filter");
	observation_free(o);
	policy_free(p);
	tree_close(&t);
}

static void secrets_are_not_read(void **state)
{
	struct tree t;
	struct procsys *ps = NULL;
	struct observed o;
	struct fault f;
	(void)state;

	tree_open(&t);
	tree_put(&t, "net/ipv4/tcp_fastopen_key", "00000000-00000000-00000000-00000001");
	assert_int_equal(procsys_open(t.root, PROCSYS_DIRECTORY, &ps, &f), 0);
	struct name n = name_of("net.ipv4.tcp_fastopen_key");
	assert_int_equal(observe_key(ps, &n, KERNEL(6, 12), &o), 0);
	assert_int_equal(o.state, KEY_UNREADABLE);
	assert_int_equal(o.reason, REASON_SECRET);
	assert_null(o.value);
	assert_null(o.raw);
	observed_clear(&o);
	procsys_close(ps);
	tree_close(&t);
}

static void reasons_have_words(void **state)
{
	char a[160], b[160];
	(void)state;

	for (int r = REASON_NONE + 1; r <= REASON_SECRET; r++) {
		reason_text((enum key_reason)r, "", a, sizeof a);
		reason_text((enum key_reason)r, "DETAIL", b, sizeof b);
		assert_true(strlen(a) > 5);
		assert_non_null(strstr(b, "DETAIL"));
		assert_string_not_equal(reason_name((enum key_reason)r), reason_name(REASON_NONE));
	}
	assert_string_equal(reason_text(REASON_MODULE, "nf_conntrack", a, sizeof a),
	        "kernel module nf_conntrack is not loaded");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_states_and_reasons),
		cmocka_unit_test(expands_patterns),
		cmocka_unit_test(leaves_exceptions_out),
		cmocka_unit_test(an_exception_leaves_to_the_pattern_before),
		cmocka_unit_test(a_covered_pattern_is_silent),
		cmocka_unit_test(secrets_are_not_read),
		cmocka_unit_test(reasons_have_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
