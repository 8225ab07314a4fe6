/* The plan is pure: from a made-up host to outcomes and an order of writes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/engine/plan.h"
#include "tests/support/fault_tree.h"

#define MAX_KEYS 12

struct host_row {
	const char *key, *have, *want; /* have NULL: absent */
};

struct world {
	struct policy *policy;
	struct observation o;
	struct observed keys[MAX_KEYS];
	struct plan *plan;
};

/* Policy and observation of ROWS, both in their order; up to a NULL key. */
static void world_open(struct world *w, const struct host_row *rows)
{
	struct row policy_rows[MAX_KEYS + 1] = { { NULL, NULL } };
	size_t n = 0;

	memset(w, 0, sizeof *w);
	for (; rows[n].key; n++)
		policy_rows[n] = (struct row){ rows[n].key, rows[n].want };
	w->policy = policy_of(policy_rows);
	for (size_t i = 0; i < n; i++) {
		struct observed *k = &w->keys[i];
		k->name = w->policy->settings[i].name;
		k->setting = &w->policy->settings[i];
		k->knob = knowledge_find(&k->name);
		k->state = rows[i].have ? KEY_PRESENT : KEY_ABSENT;
		k->reason = rows[i].have ? REASON_NONE : REASON_MODULE;
		if (!rows[i].have)
			continue;
		k->raw = strdup(rows[i].have);
		assert_int_equal(value_observed(knowledge_shape(&k->name), rows[i].have, strlen(rows[i].have),
		                         &k->value),
		        0);
	}
	w->o = (struct observation){ w->keys, n };
}

static void world_plan(struct world *w, const struct ceiling *c)
{
	assert_int_equal(plan_build(w->policy, &w->o, c, &w->plan), 0);
}

static void world_close(struct world *w)
{
	for (size_t i = 0; i < w->o.n; i++)
		observed_clear(&w->keys[i]);
	plan_free(w->plan);
	policy_free(w->policy);
}

/* The names of the writes in order, joined by blanks. */
static const char *order_text(const struct plan *pl, char *buf, size_t size)
{
	buf[0] = '\0';
	for (size_t i = 0; i < pl->n_order; i++) {
		size_t len = strlen(buf);
		const char *path = pl->keys[pl->order[i]].name.path;
		snprintf(buf + len, size - len, "%s%s", i ? " " : "",
		        strncmp(path, "net/ipv4/", 9) ? path : path + 9);
	}
	return buf;
}

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

/* The pair's order follows the values that will be written, not the policy's numbers. */
static void bounds_are_ordered_by_what_they_come_to(void **state)
{
	static const struct host_row rows[] = { { "net.ipv4.ip_unprivileged_port_start", "1024", "40000" },
		{ "net.ipv4.ip_local_port_range", "32768 60999", "50000 60000" }, { NULL, NULL, NULL } };
	char text[512];
	struct world w;
	(void)state;

	world_open(&w, rows);
	w.policy->settings[0].bound = BOUND_AT_LEAST;
	world_plan(&w, NULL);
	assert_string_equal(
	        order_text(w.plan, text, sizeof text), "ip_local_port_range ip_unprivileged_port_start");
	plan_free(w.plan);
	/* At most 40000 it is already. */
	w.policy->settings[0].bound = BOUND_AT_MOST;
	world_plan(&w, NULL);
	assert_string_equal(order_text(w.plan, text, sizeof text), "ip_local_port_range");
	world_close(&w);
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
	w.policy->settings[1].required = true;
	world_plan(&w, NULL);
	assert_int_equal(w.plan->verdict, KE_UNSUPPORTED);
	assert_int_equal(plan_fault(w.plan, &f), KE_UNSUPPORTED);
	assert_string_equal(f.where, "net.netfilter.nf_conntrack_max");
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

static void orders_writes(void **state)
{
	static const struct {
		struct host_row rows[5];
		const char *order, *remark;
	} rows[] = {
		{ { { "net.ipv4.tcp_sack", "1", "0" }, { "net.ipv4.tcp_fin_timeout", "60", "30" } },
		        "tcp_sack tcp_fin_timeout", "the policy's order" },
		{ { { "net.ipv4.ip_local_port_range", "32768 60999", "10000 65000" },
		          { "net.ipv4.ip_unprivileged_port_start", "20000", "5000" } },
		        "ip_unprivileged_port_start ip_local_port_range",
		        "lower the start before the range" },
		{ { { "net.ipv4.ip_unprivileged_port_start", "1024", "40000" },
		          { "net.ipv4.ip_local_port_range", "32768 60999", "50000 60000" } },
		        "ip_local_port_range ip_unprivileged_port_start",
		        "raise the range before the start" },
		{ { { "net.ipv4.ip_local_port_range", "32768 60999", "50000 60000" },
		          { "net.ipv4.ip_unprivileged_port_start", "1024", "40000" } },
		        "ip_local_port_range ip_unprivileged_port_start",
		        "the same, listed the other way round" },
		{ { { "net.ipv4.ip_unprivileged_port_start", "20000", "5000" },
		          { "net.ipv4.ip_local_port_range", "32768 60999", "10000 65000" } },
		        "ip_unprivileged_port_start ip_local_port_range", "and this one" },
		{ { { "net.ipv4.ip_unprivileged_port_start", "1024", "9000" },
		          { "net.ipv4.ip_local_port_range", "32768 60999", "10000 65000" } },
		        "ip_local_port_range ip_unprivileged_port_start", "one digit rises as well" },
		{ { { "net.ipv4.conf.lo.forwarding", "0", "0" }, { "net.ipv4.ip_forward", "0", "1" },
		          { "net.ipv6.conf.lo.forwarding", "0", "0" },
		          { "net.ipv6.conf.all.forwarding", "0", "1" } },
		        "ip_forward conf/lo/forwarding net/ipv6/conf/all/forwarding "
		        "net/ipv6/conf/lo/forwarding",
		        "each behind its own" },
		{ { { "net.ipv4.ip_unprivileged_port_start", "1024", "5000" },
		          { "net.ipv4.ip_local_port_range", "32768 60999", "10000 65000" } },
		        "ip_local_port_range ip_unprivileged_port_start",
		        "the start rises, the range falls" },
		{ { { "net.ipv4.ip_local_port_range", "32768 60999", "40000 65000" },
		          { "net.ipv4.ip_unprivileged_port_start", "20000", "5000" } },
		        "ip_unprivileged_port_start ip_local_port_range",
		        "the start falls, the range rises" },
		{ { { "net.ipv4.tcp_reordering", "3", "400" },
		          { "net.ipv4.tcp_max_reordering", "300", "500" } },
		        "tcp_max_reordering tcp_reordering", "the most before what it bounds, going up" },
		{ { { "net.ipv4.tcp_reordering", "400", "3" },
		          { "net.ipv4.tcp_max_reordering", "500", "300" } },
		        "tcp_max_reordering tcp_reordering", "and going down" },
		{ { { "net.netfilter.nf_conntrack_max", "262144", "524288" },
		          { "net.netfilter.nf_conntrack_buckets", "65536", "131072" } },
		        "net/netfilter/nf_conntrack_buckets net/netfilter/nf_conntrack_max",
		        "buckets before entries, going up" },
		{ { { "net.netfilter.nf_conntrack_max", "524288", "262144" },
		          { "net.netfilter.nf_conntrack_buckets", "131072", "65536" } },
		        "net/netfilter/nf_conntrack_buckets net/netfilter/nf_conntrack_max",
		        "and going down" },
		{ { { "net.ipv4.tcp_allowed_congestion_control", "cubic reno", "reno" },
		          { "net.ipv4.tcp_congestion_control", "cubic", "reno" } },
		        "tcp_congestion_control tcp_allowed_congestion_control",
		        "the default widens the list" },
		{ { { "net.ipv4.tcp_allowed_congestion_control", "reno", "cubic reno" },
		          { "net.ipv4.tcp_congestion_control", "reno", "cubic" } },
		        "tcp_congestion_control tcp_allowed_congestion_control", "both ways" },
		{ { { "net.ipv4.conf.lo.forwarding", "0", "1" }, { "net.ipv4.conf.all.forwarding", "0", "1" },
		          { "net.ipv4.ip_forward", "0", "1" } },
		        "ip_forward conf/all/forwarding conf/lo/forwarding",
		        "from broad to narrow, switching on" },
		{ { { "net.ipv4.conf.lo.forwarding", "1", "0" }, { "net.ipv4.conf.all.forwarding", "1", "0" },
		          { "net.ipv4.ip_forward", "1", "0" } },
		        "ip_forward conf/all/forwarding conf/lo/forwarding", "and off" },
		{ { { "net.ipv4.conf.all.accept_redirects", "1", "1" }, { "net.ipv4.ip_forward", "0", "1" } },
		        "ip_forward conf/all/accept_redirects", "forwarding switches redirects off" },
		{ { { "net.ipv6.conf.lo.disable_ipv6", "0", "0" },
		          { "net.ipv6.conf.all.disable_ipv6", "0", "1" } },
		        "net/ipv6/conf/all/disable_ipv6 net/ipv6/conf/lo/disable_ipv6",
		        "all before one that stays, switching off" },
		{ { { "net.ipv6.conf.lo.disable_ipv6", "1", "1" },
		          { "net.ipv6.conf.all.disable_ipv6", "1", "0" } },
		        "net/ipv6/conf/all/disable_ipv6 net/ipv6/conf/lo/disable_ipv6", "and on" },
		{ { { "net.ipv6.conf.lo.forwarding", "0", "0" },
		          { "net.ipv6.conf.all.forwarding", "0", "1" } },
		        "net/ipv6/conf/all/forwarding net/ipv6/conf/lo/forwarding", "the same of IPv6" },
		{ { { "net.ipv6.conf.lo.forwarding", "1", "1" },
		          { "net.ipv6.conf.all.forwarding", "1", "0" } },
		        "net/ipv6/conf/all/forwarding net/ipv6/conf/lo/forwarding", "both ways" },
		{ { { "net.ipv4.ip_local_port_range", "32768 60999", "10000 65000" },
		          { "net.ipv4.tcp_sack", "1", "0" } },
		        "ip_local_port_range tcp_sack", "the pair's other half does not change" },
		{ { { "net.ipv4.conf.lo.forwarding", "0", "0" }, { "net.ipv4.ip_forward", "0", "1" } },
		        "ip_forward conf/lo/forwarding",
		        "changed along: written after, though it is right now" },
		{ { { "net.ipv4.conf.lo.forwarding", "0", "0" }, { "net.ipv4.ip_forward", "1", "1" } }, "",
		        "nothing changes, nothing is changed along" },
	};
	char text[512];
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world w;
		world_open(&w, rows[i].rows);
		world_plan(&w, NULL);
		if (strcmp(order_text(w.plan, text, sizeof text), rows[i].order) != 0)
			fail_msg("%s: %s", rows[i].remark, text);
		world_close(&w);
	}
}

/* Whatever the knowledge base says in "after" comes out that way, even from a policy that lists it backwards. */
static void after_is_obeyed(void **state)
{
	size_t n, seen = 0;
	const struct knob *all = knowledge_all(&n);
	(void)state;

	for (size_t i = 0; i < n; i++) {
		struct name first, second;
		const char *after = knob_after(&all[i]);
		if (!*after || strchr(all[i].path, '*'))
			continue;
		assert_int_equal(name_parse(all[i].path, strlen(all[i].path), &second, NULL), 0);
		assert_int_equal(name_parse(after, strlen(after), &first, NULL), 0);
		if (name_is_pattern(&first) || all[i].danger != KNOB_PLAIN || !knowledge_find(&first))
			continue;
		struct policy *p = NULL;
		struct observation o = { calloc(2, sizeof(struct observed)), 2 };
		struct plan *pl = NULL;
		assert_int_equal(policy_new("t", 1, &p), 0);
		p->settings = calloc(2, sizeof *p->settings);
		p->n = 2;
		p->settings[0] = (struct setting){ .name = second, .value = strdup("2") };
		p->settings[1] = (struct setting){ .name = first, .value = strdup("2") };
		for (size_t k = 0; k < 2; k++)
			o.keys[k] = (struct observed){ .name = p->settings[k].name,
				.setting = &p->settings[k],
				.knob = knowledge_find(&p->settings[k].name),
				.value = strdup("1"),
				.raw = strdup("1") };
		assert_int_equal(plan_build(p, &o, NULL, &pl), 0);
		/* The pair with the value-dependent order is tested above. */
		if (pl->n_order == 2 && !strstr(all[i].path, "ip_local_port_range") &&
		        !strstr(all[i].path, "ip_unprivileged_port_start")) {
			assert_int_equal(pl->order[0], 1);
			seen++;
		}
		for (size_t k = 0; k < 2; k++)
			observed_clear(&o.keys[k]);
		free(o.keys);
		plan_free(pl);
		policy_free(p);
	}
	assert_true(seen > 0);
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
	plan_leave(w.plan, 1);
	assert_true(plan_empty(w.plan));
	assert_int_equal(w.plan->changes, 0);
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
		cmocka_unit_test(bounds_are_ordered_by_what_they_come_to),
		cmocka_unit_test(a_released_bound),
		cmocka_unit_test(modes_and_required),
		cmocka_unit_test(blocked_keys_refuse_the_plan),
		cmocka_unit_test(dangers_refuse_the_plan),
		cmocka_unit_test(orders_writes),
		cmocka_unit_test(after_is_obeyed),
		cmocka_unit_test(hash_is_of_what_is_wanted),
		cmocka_unit_test(hash_covers_the_forms),
		cmocka_unit_test(what_is_left_is_not_written),
		cmocka_unit_test(outcomes_have_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
