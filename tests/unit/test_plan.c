/* The plan is pure: from a made-up host to outcomes and an order of writes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/plan_world.h"

static void outcomes(void **state)
{
	static const struct host_row rows[] = { { "net.ipv4.tcp_fin_timeout", "60", "30" },
		{ "net.core.somaxconn", "4096", "4096" }, { "net.netfilter.nf_conntrack_max", NULL, "4" },
		{ "net.ipv4.tcp_rmem", "4096\t131072\t6291456", "4096 131072 6291456" },
		{ NULL, NULL, NULL } };
	struct world w;
	(void)state;

	world_open(&w, rows);
	world_plan(&w, NULL);
	assert_int_equal(w.plan->keys[0].outcome, OUTCOME_PLANNED);
	assert_string_equal(w.plan->keys[0].old, "60");
	assert_string_equal(w.plan->keys[0].wanted, "30");
	assert_int_equal(w.plan->keys[1].outcome, OUTCOME_ALREADY);
	assert_int_equal(w.plan->keys[2].outcome, OUTCOME_PENDING);
	assert_int_equal(w.plan->keys[3].outcome, OUTCOME_ALREADY);
	assert_int_equal(w.plan->verdict, 0);
	assert_int_equal(w.plan->n_order, 1);
	assert_int_equal(w.plan->changes, 1);
	assert_false(plan_empty(w.plan));
	assert_false(plan_in_sync(w.plan));
	world_close(&w);
}

/* A bound is turned into a value by what the key holds, element by element. */
static void bounds_are_met(void **state)
{
	static const struct {
		struct host_row row;
		enum value_bound b;
		enum outcome outcome;
		const char *wanted, *remark;
	} rows[] = {
		{ { "net.core.somaxconn", "128", "4096" }, BOUND_AT_LEAST, OUTCOME_PLANNED, "4096",
		        "raised" },
		{ { "net.core.somaxconn", "8192", "4096" }, BOUND_AT_LEAST, OUTCOME_ALREADY, "8192", "more" },
		{ { "net.ipv4.tcp_fin_timeout", "60", "30" }, BOUND_AT_MOST, OUTCOME_PLANNED, "30",
		        "lowered" },
		{ { "net.ipv4.tcp_fin_timeout", "15", "30" }, BOUND_AT_MOST, OUTCOME_ALREADY, "15", "less" },
		{ { "net.ipv4.tcp_rmem", "4096\t87380\t33554432", "4096 131072 6291456" }, BOUND_AT_LEAST,
		        OUTCOME_PLANNED, "4096 131072 33554432", "only the middle one" },
		{ { "net.netfilter.nf_conntrack_max", NULL, "4096" }, BOUND_AT_LEAST, OUTCOME_PENDING, "4096",
		        "nothing to compare with" },
		{ { "net.ipv4.ip_local_port_range", "32768\t60999", "10000 50000" }, BOUND_AT_LEAST,
		        OUTCOME_PLANNED, "10000 60999", "a wider range" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct host_row one[] = { rows[i].row, { NULL, NULL, NULL } };
		struct world w;
		world_open(&w, one);
		w.policy->settings[0].bound = rows[i].b;
		world_plan(&w, NULL);
		const struct plan_key *k = &w.plan->keys[0];
		if (k->outcome != rows[i].outcome || strcmp(k->wanted, rows[i].wanted) != 0)
			fail_msg("%s: %s %s", rows[i].remark, outcome_name(k->outcome), k->wanted);
		assert_int_equal(w.plan->n_order, k->outcome == OUTCOME_PLANNED);
		assert_true(plan_key_holds(k, k->wanted));
		world_close(&w);
	}
}

/* What is let go with a bound goes back only where it is still ours. */
static void a_released_bound(void **state)
{
	static const struct host_row rows[] = { { "net.core.somaxconn", "8192", "128" },
		{ NULL, NULL, NULL } };
	struct world w;
	(void)state;

	world_open(&w, rows);
	w.policy->settings[0].bound = BOUND_AT_LEAST;
	w.policy->settings[0].release = true;
	w.policy->settings[0].held = strdup("4096");
	world_plan(&w, NULL);
	assert_int_equal(w.plan->keys[0].outcome, OUTCOME_ALREADY);
	plan_free(w.plan);
	free(w.policy->settings[0].held);
	w.policy->settings[0].held = strdup("8192");
	world_plan(&w, NULL);
	assert_int_equal(w.plan->keys[0].outcome, OUTCOME_PLANNED);
	assert_string_equal(w.plan->keys[0].wanted, "128");
	world_close(&w);
}

/* Why there is nothing to write decides what it is called. */
static void absent_unreadable_read_only(void **state)
{
	static const struct {
		enum key_state state;
		enum key_reason reason;
		enum setting_mode mode;
		enum outcome outcome;
		const char *remark;
	} rows[] = {
		{ KEY_ABSENT, REASON_MODULE, SETTING_ENFORCE, OUTCOME_PENDING, "its module may come" },
		{ KEY_ABSENT, REASON_INTERFACE, SETTING_ENFORCE, OUTCOME_PENDING, "its interface may come" },
		{ KEY_ABSENT, REASON_REMOVED, SETTING_ENFORCE, OUTCOME_UNSUPPORTED, "never here" },
		{ KEY_ABSENT, REASON_UNKNOWN, SETTING_AUDIT, OUTCOME_UNSUPPORTED, "nobody knows it" },
		{ KEY_UNREADABLE, REASON_UNREADABLE, SETTING_ENFORCE, OUTCOME_UNSUPPORTED, "not to be read" },
		{ KEY_READ_ONLY, REASON_READ_ONLY, SETTING_ENFORCE, OUTCOME_UNSUPPORTED,
		        "not to be written" },
		{ KEY_READ_ONLY, REASON_READ_ONLY, SETTING_AUDIT, OUTCOME_DIFFERS, "nor does it have to be" },
	};
	static const struct host_row one[] = { { "net.core.somaxconn", "1", "2" }, { NULL, NULL, NULL } };
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world w;
		world_open(&w, one);
		w.keys[0].state = rows[i].state;
		w.keys[0].reason = rows[i].reason;
		w.keys[0].err = EACCES;
		w.policy->settings[0].mode = rows[i].mode;
		world_plan(&w, NULL);
		const struct plan_key *k = &w.plan->keys[0];
		if (k->outcome != rows[i].outcome || k->reason != rows[i].reason || k->err != EACCES ||
		        w.plan->verdict || w.plan->n_order)
			fail_msg("%s: %s", rows[i].remark, outcome_name(k->outcome));
		world_close(&w);
	}
}

/* A host may hold keys that nobody knows; a policy may hold no key at all. */
static void unknown_and_none(void **state)
{
	static const struct host_row one[] = { { "net.core.somaxconn", "1", "2" }, { NULL, NULL, NULL } };
	static const struct host_row none[] = { { NULL, NULL, NULL } };
	struct world w;
	struct fault f = { 0 };
	(void)state;

	world_open(&w, one);
	w.keys[0].knob = NULL;
	world_plan(&w, NULL);
	assert_int_equal(w.plan->keys[0].outcome, OUTCOME_PLANNED);
	assert_int_equal(w.plan->n_order, 1);
	assert_int_equal(plan_fault(w.plan, &f), 0);
	assert_null(f.what[0] ? f.what : NULL);
	world_close(&w);
	world_open(&w, none);
	world_plan(&w, NULL);
	assert_true(plan_empty(w.plan));
	assert_true(plan_in_sync(w.plan));
	assert_int_equal(w.plan->changes, 0);
	world_close(&w);
}

/* The longest name there can be is told whole. */
static void faults_name_the_key(void **state)
{
	char key[NAME_MAX_LEN + 1] = "net.ipv4.conf.";
	const struct host_row one[] = { { key, NULL, "1" }, { NULL, NULL, NULL } };
	struct world w;
	struct fault f = { 0 };
	(void)state;

	memset(key + strlen(key), 'x', NAME_MAX_LEN - strlen(key));
	key[NAME_MAX_LEN] = '\0';
	world_open(&w, one);
	w.policy->settings[0].required = true;
	world_plan(&w, NULL);
	assert_int_equal(plan_fault(w.plan, &f), KE_UNSUPPORTED);
	assert_string_equal(f.where, key);
	world_close(&w);
}

/* What is let go and may not be written any more keeps nobody from what is wanted. */
static void a_blocked_release_refuses_nothing(void **state)
{
	static const struct host_row rows[] = { { "vm.swappiness", "60", "10" },
		{ "net.core.somaxconn", "1", "2" }, { NULL, NULL, NULL } };
	struct world w;
	(void)state;

	world_open(&w, rows);
	w.policy->settings[0].release = true;
	world_plan(&w, NULL);
	assert_int_equal(w.plan->keys[0].outcome, OUTCOME_BLOCKED);
	assert_int_equal(w.plan->verdict, 0);
	assert_int_equal(w.plan->n_order, 1);
	assert_int_equal(w.plan->order[0], 1);
	plan_free(w.plan);
	w.policy->settings[0].release = false;
	world_plan(&w, NULL);
	assert_int_equal(w.plan->verdict, KE_CEILING);
	assert_int_equal(w.plan->refuser, 0);
	world_close(&w);
}

/* In sync: each outcome, alone, with and without an excuse. */
static void in_sync(void **state)
{
	static const struct {
		enum outcome outcome;
		bool plain, optional;
	} rows[] = {
		{ OUTCOME_PLANNED, false, false },
		{ OUTCOME_APPLIED, true, true },
		{ OUTCOME_ALREADY, true, true },
		{ OUTCOME_DIFFERS, true, true },
		{ OUTCOME_PENDING, false, true },
		{ OUTCOME_UNSUPPORTED, false, true },
		{ OUTCOME_BLOCKED, false, false },
		{ OUTCOME_REFUSED, false, false },
		{ OUTCOME_CONFLICT, false, false },
		{ OUTCOME_DEGRADED, false, false },
	};
	static const struct host_row host[] = { { "net.core.somaxconn", "1", "1" },
		{ "net.ipv4.tcp_sack", "1", "1" }, { NULL, NULL, NULL } };
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world w;
		world_open(&w, host);
		world_plan(&w, NULL);
		w.plan->keys[1].outcome = rows[i].outcome;
		assert_int_equal(plan_in_sync(w.plan), rows[i].plain);
		w.policy->settings[1].optional = true;
		if (plan_in_sync(w.plan) != rows[i].optional)
			fail_msg("%s, optional", outcome_name(rows[i].outcome));
		world_close(&w);
	}
}

static void what_a_key_holds(void **state)
{
	static const struct host_row rows[] = { { "net.core.somaxconn", "100", "200" },
		{ NULL, NULL, NULL } };
	struct world w;
	(void)state;

	world_open(&w, rows);
	world_plan(&w, NULL);
	assert_true(plan_key_holds(&w.plan->keys[0], "200"));
	assert_false(plan_key_holds(&w.plan->keys[0], "300"));
	w.policy->settings[0].bound = BOUND_AT_LEAST;
	assert_true(plan_key_holds(&w.plan->keys[0], "200"));
	assert_true(plan_key_holds(&w.plan->keys[0], "300"));
	assert_false(plan_key_holds(&w.plan->keys[0], "199"));
	world_close(&w);
}

static void modes_and_required(void **state)
{
	static const struct host_row rows[] = { { "net.ipv4.tcp_fin_timeout", "60", "30" },
		{ "net.netfilter.nf_conntrack_max", NULL, "4" }, { NULL, NULL, NULL } };
	struct world w;
	struct fault f;
	(void)state;

	world_open(&w, rows);
	w.policy->settings[0].mode = SETTING_AUDIT;
	w.policy->settings[1].optional = true;
	world_plan(&w, NULL);
	assert_int_equal(w.plan->keys[0].outcome, OUTCOME_DIFFERS);
	assert_true(plan_empty(w.plan));
	assert_true(plan_in_sync(w.plan));
	plan_free(w.plan);
	w.policy->settings[0].required = true; /* it is there */
	world_plan(&w, NULL);
	assert_int_equal(w.plan->verdict, 0);
	plan_free(w.plan);
	w.policy->settings[1].required = true;
	world_plan(&w, NULL);
	assert_int_equal(w.plan->verdict, KE_UNSUPPORTED);
	assert_int_equal(plan_fault(w.plan, &f), KE_UNSUPPORTED);
	assert_non_null(strstr(f.what, "is required, but"));
	assert_string_equal(f.where, "net.netfilter.nf_conntrack_max");
	plan_free(w.plan);
	w.keys[1].reason = REASON_REMOVED;
	world_plan(&w, NULL);
	assert_int_equal(w.plan->verdict, KE_UNSUPPORTED);
	world_close(&w);
}

static void blocked_keys_refuse_the_plan(void **state)
{
	static const struct {
		struct host_row rows[2];
		const char *ceiling;
		enum key_reason reason;
		const char *remark;
	} rows[] = {
		{ { { "vm.swappiness", "60", "10" } }, NULL, REASON_CEILING, "the default ceiling is net" },
		{ { { "net.core.somaxconn", "1", "1" } }, "net.ipv4.**", REASON_CEILING,
		        "even when it would not change" },
		{ { { "kernel.ostype", "core", "|/bin/sh" } }, "kernel.**", REASON_NEVER,
		        "whatever the ceiling says" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world w;
		struct ceiling *c = NULL;
		struct fault f;
		if (rows[i].ceiling)
			assert_int_equal(ceiling_parse(rows[i].ceiling, strlen(rows[i].ceiling), &c, &f), 0);
		world_open(&w, rows[i].rows);
		/* Policies refuse these names already; here one has got through. */
		if (rows[i].reason == REASON_NEVER)
			w.keys[0].name = name_of("kernel.core_pattern");
		world_plan(&w, c);
		if (w.plan->verdict != KE_CEILING || w.plan->keys[0].outcome != OUTCOME_BLOCKED ||
		        w.plan->keys[0].old != NULL)
			fail_msg("%s: verdict %d", rows[i].remark, w.plan->verdict);
		assert_int_equal(w.plan->keys[0].reason, rows[i].reason);
		assert_true(plan_empty(w.plan));
		assert_int_equal(plan_fault(w.plan, &f), KE_CEILING);
		assert_non_null(strstr(f.what, "may not be set"));
		/* Only what the host's owner decided can be decided otherwise. */
		assert_int_equal(strstr(f.todo, "ceiling file") != NULL, rows[i].reason == REASON_CEILING);
		world_close(&w);
		ceiling_free(c);
	}
}

/* What the knowledge base calls an action, a one-way street or a secret is in no transaction, whatever the lists say. */
static void dangers_refuse_the_plan(void **state)
{
	static const struct host_row rows[] = { { "net.core.somaxconn", "1", "2" }, { NULL, NULL, NULL } };
	static const struct {
		enum knob_danger danger;
		enum key_reason reason;
	} dangers[] = { { KNOB_TRIGGER, REASON_TRIGGER }, { KNOB_ONE_WAY, REASON_ONE_WAY },
		{ KNOB_SECRET, REASON_SECRET } };
	(void)state;

	for (size_t i = 0; i < sizeof dangers / sizeof dangers[0]; i++) {
		struct world w;
		world_open(&w, rows);
		struct knob knob = *w.keys[0].knob;
		knob.danger = dangers[i].danger;
		w.keys[0].knob = &knob;
		world_plan(&w, NULL);
		assert_int_equal(w.plan->verdict, KE_CEILING);
		assert_int_equal(w.plan->keys[0].reason, dangers[i].reason);
		world_close(&w);
	}
}

static void hash_is_of_what_is_wanted(void **state)
{
	static const struct row a[] = { { "net.core.somaxconn", "1" }, { "net.ipv4.tcp_sack", "1" },
		{ NULL, NULL } };
	static const struct row b[] = { { "net.ipv4.tcp_sack", "1" }, { "net.core.somaxconn", "1" },
		{ NULL, NULL } };
	static const struct row c[] = { { "net.ipv4.tcp_sack", "1" }, { "net.core.somaxconn", "2" },
		{ NULL, NULL } };
	unsigned char ha[SHA256_LEN], hb[SHA256_LEN], hc[SHA256_LEN], expected[SHA256_LEN];
	static const char text[] = "net/core/somaxconn=1\nnet/ipv4/tcp_sack=1\n";
	struct policy *pa = policy_of(a), *pb = policy_of(b), *pc = policy_of(c);
	(void)state;

	assert_int_equal(plan_hash(pa, ha), 0);
	assert_int_equal(plan_hash(pb, hb), 0);
	assert_int_equal(plan_hash(pc, hc), 0);
	sha256(text, sizeof text - 1, expected);
	assert_memory_equal(ha, expected, SHA256_LEN);
	assert_memory_equal(ha, hb, SHA256_LEN);
	assert_memory_not_equal(ha, hc, SHA256_LEN);
	policy_free(pa);
	policy_free(pb);
	policy_free(pc);
}

/* A floor is another wish than a value, and so is a pattern with exceptions. */
static void hash_covers_the_forms(void **state)
{
	static const struct row rows[] = { { "net.core.somaxconn", "1" },
		{ "net.ipv4.conf.*.rp_filter", "2" }, { NULL, NULL } };
	static const char text[] = "net/core/somaxconn=>=1\nnet/ipv4/conf/*/rp_filter=2\n"
	                           "net/ipv4/conf/*/rp_filter!net/ipv4/conf/a/rp_filter\n"
	                           "net/ipv4/conf/*/rp_filter!net/ipv4/conf/b/rp_filter\n";
	const struct name a = name_of("net.ipv4.conf.a.rp_filter"), b = name_of("net.ipv4.conf.b.rp_filter");
	unsigned char plain[SHA256_LEN], hash[SHA256_LEN], expected[SHA256_LEN];
	struct policy *p = policy_of(rows);
	(void)state;

	assert_int_equal(plan_hash(p, plain), 0);
	p->settings[0].bound = BOUND_AT_LEAST;
	assert_int_equal(plan_hash(p, hash), 0);
	assert_memory_not_equal(plain, hash, SHA256_LEN);
	assert_int_equal(setting_except(&p->settings[1], &b, NULL), 0);
	assert_int_equal(setting_except(&p->settings[1], &a, NULL), 0);
	assert_int_equal(plan_hash(p, hash), 0);
	sha256(text, sizeof text - 1, expected);
	assert_memory_equal(hash, expected, SHA256_LEN);
	p->settings[0].bound = BOUND_AT_MOST;
	assert_int_equal(plan_hash(p, hash), 0);
	assert_memory_not_equal(hash, expected, SHA256_LEN);
	policy_free(p);
}

static void what_is_left_is_not_written(void **state)
{
	static const struct host_row rows[] = { { "net.ipv4.tcp_fin_timeout", "60", "30" },
		{ "net.ipv4.tcp_syn_retries", "6", "4" }, { "net.ipv4.tcp_retries2", "15", "15" },
		{ NULL, NULL, NULL } };
	unsigned char before[SHA256_LEN];
	struct world w;
	char text[512];
	(void)state;

	world_open(&w, rows);
	world_plan(&w, NULL);
	assert_int_equal(w.plan->changes, 2);
	memcpy(before, w.plan->hash, sizeof before);
	plan_leave(w.plan, 0);
	assert_string_equal(order_text(w.plan, text, sizeof text), "tcp_syn_retries");
	assert_int_equal(w.plan->keys[0].outcome, OUTCOME_UNTOUCHED);
	assert_int_equal(w.plan->changes, 1);
	assert_memory_equal(w.plan->hash, before, sizeof before);
	plan_leave(w.plan, 2); /* is not written anyway */
	assert_int_equal(w.plan->n_order, 1);
	assert_int_equal(w.plan->changes, 1);
	plan_leave(w.plan, 1);
	assert_true(plan_empty(w.plan));
	assert_int_equal(w.plan->changes, 0);
	world_close(&w);
}

/* A key that is written only because another changes it along does not count as a change, left or not. */
static void what_is_left_of_coupled_keys(void **state)
{
	static const struct host_row rows[] = { { "net.ipv4.conf.lo.forwarding", "0", "0" },
		{ "net.ipv4.ip_forward", "0", "1" }, { NULL, NULL, NULL } };
	struct world w;
	(void)state;

	world_open(&w, rows);
	world_plan(&w, NULL);
	assert_int_equal(w.plan->n_order, 2);
	assert_int_equal(w.plan->changes, 1);
	plan_leave(w.plan, 0);
	assert_int_equal(w.plan->n_order, 1);
	assert_int_equal(w.plan->changes, 1);
	world_close(&w);
}

static void outcomes_have_words(void **state)
{
	struct plan_key k = { .reason = REASON_MODULE, .err = EINVAL };
	char text[320], longer[200];
	(void)state;

	for (int o = OUTCOME_PLANNED; o <= OUTCOME_DEGRADED; o++) {
		k.outcome = (enum outcome)o;
		outcome_text(&k, text, sizeof text);
		assert_int_equal(strncmp(text, outcome_name(k.outcome), strlen(outcome_name(k.outcome))), 0);
	}
	k.outcome = OUTCOME_REFUSED;
	assert_string_equal(outcome_text(&k, text, sizeof text), "refused: Invalid argument");
	memset(longer, '1', sizeof longer);
	longer[sizeof longer - 1] = '\0';
	k.outcome = OUTCOME_MISMATCH;
	k.got = longer;
	assert_true(strlen(outcome_text(&k, text, sizeof text)) < 120);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes),
		cmocka_unit_test(bounds_are_met),
		cmocka_unit_test(a_released_bound),
		cmocka_unit_test(absent_unreadable_read_only),
		cmocka_unit_test(unknown_and_none),
		cmocka_unit_test(faults_name_the_key),
		cmocka_unit_test(a_blocked_release_refuses_nothing),
		cmocka_unit_test(in_sync),
		cmocka_unit_test(what_a_key_holds),
		cmocka_unit_test(modes_and_required),
		cmocka_unit_test(blocked_keys_refuse_the_plan),
		cmocka_unit_test(dangers_refuse_the_plan),
		cmocka_unit_test(hash_is_of_what_is_wanted),
		cmocka_unit_test(hash_covers_the_forms),
		cmocka_unit_test(what_is_left_is_not_written),
		cmocka_unit_test(what_is_left_of_coupled_keys),
		cmocka_unit_test(outcomes_have_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
