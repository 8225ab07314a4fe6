/* In which order to write: the policy's own, bent only where it must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/plan_world.h"

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
		{ { { "net.ipv4.ip_local_port_range", "32768 60999", "9000 65000" },
		          { "net.ipv4.ip_unprivileged_port_start", "9500", "8900" } },
		        "ip_unprivileged_port_start ip_local_port_range", "whatever the digits" },
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
		{ { { "net.ipv4.conf.lo.send_redirects", "1", "1" },
		          { "net.ipv4.conf.default.send_redirects", "1", "0" },
		          { "net.ipv4.conf.all.send_redirects", "1", "1" },
		          { "net.ipv4.conf.lo.rp_filter", "0", "0" } },
		        "conf/default/send_redirects conf/lo/send_redirects",
		        "default goes over an interface that stands: that is written behind it" },
		{ { { "net.ipv4.conf.lo.arp_notify", "0", "0" },
		          { "net.ipv4.conf.default.arp_notify", "0", "1" } },
		        "conf/default/arp_notify conf/lo/arp_notify",
		        "the same of a key that the knowledge base lacks" },
		{ { { "net.ipv6.conf.lo.forwarding", "0", "0" },
		          { "net.ipv6.conf.default.forwarding", "0", "1" } },
		        "net/ipv6/conf/default/forwarding", "IPv6 does no such thing" },
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

/* The rules are the knowledge base's: a key that it does not know has none, and no rule of another finds it. */
static void unknown_keys_keep_their_place(void **state)
{
	static const struct host_row rows[] = { { "net.ipv4.ip_local_port_range", "32768 60999",
		                                        "10000 65000" },
		{ "net.ipv4.ip_unprivileged_port_start", "20000", "5000" }, { NULL, NULL, NULL } };
	char text[512];
	(void)state;

	for (size_t unknown = 0; unknown < 3; unknown++) {
		struct world w;
		world_open(&w, rows);
		if (unknown < 2)
			w.keys[unknown].knob = NULL;
		world_plan(&w, NULL);
		/* Known or not, the start is one that the range's rule names; a start that nobody knows has no rule of its own. */
		assert_string_equal(order_text(w.plan, text, sizeof text),
		        unknown == 0 ? "ip_local_port_range ip_unprivileged_port_start"
		                     : "ip_unprivileged_port_start ip_local_port_range");
		world_close(&w);
	}
}

/* What is only looked at joins no write, though a write changes it along; what joins already does not join twice. */
static void only_what_is_enforced_joins(void **state)
{
	static const struct host_row rows[] = { { "net.ipv4.conf.lo.forwarding", "0", "0" },
		{ "net.ipv4.conf.all.forwarding", "0", "1" }, { "net.ipv4.ip_forward", "0", "1" },
		{ NULL, NULL, NULL } };
	char text[512];
	struct world w;
	(void)state;

	world_open(&w, rows);
	w.policy->settings[0].mode = SETTING_AUDIT;
	world_plan(&w, NULL);
	assert_string_equal(order_text(w.plan, text, sizeof text), "ip_forward conf/all/forwarding");
	assert_int_equal(w.plan->keys[0].outcome, OUTCOME_ALREADY);
	assert_false(w.plan->keys[0].coupled);
	plan_free(w.plan);
	w.policy->settings[0].mode = SETTING_ENFORCE;
	world_plan(&w, NULL);
	assert_string_equal(
	        order_text(w.plan, text, sizeof text), "ip_forward conf/all/forwarding conf/lo/forwarding");
	assert_true(w.plan->keys[0].coupled);
	assert_true(w.plan->keys[1].coupled);
	assert_true(w.plan->keys[2].coupled); /* conf/all/forwarding is the same switch */
	assert_int_equal(w.plan->changes, 2);
	world_close(&w);
}

/* Both names of the switch are one key: neither waits for itself. */
static void no_key_is_its_own_coupler(void **state)
{
	static const struct host_row rows[] = { { "net.ipv4.conf.all.forwarding", "0", "1" },
		{ "net.ipv4.tcp_sack", "1", "0" }, { NULL, NULL, NULL } };
	struct world w;
	(void)state;

	world_open(&w, rows);
	world_plan(&w, NULL);
	assert_false(w.plan->keys[0].coupled);
	assert_int_equal(w.plan->n_order, 2);
	world_close(&w);
}

/* What joins the writes may change others along itself. */
static void what_joins_draws_others_in(void **state)
{
	static const struct host_row rows[] = { { "net.ipv4.conf.lo.forwarding", "0", "0" },
		{ "net.ipv4.conf.all.forwarding", "0", "0" }, { "net.ipv4.ip_forward", "0", "1" },
		{ NULL, NULL, NULL } };
	struct world w;
	(void)state;

	world_open(&w, rows);
	world_plan(&w, NULL);
	assert_int_equal(w.plan->n_order, 3);
	assert_int_equal(w.plan->changes, 1);
	/* The two switches change each other, so one of them is first; the narrow key is behind both. */
	assert_int_equal(w.plan->order[2], 0);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders_writes),
		cmocka_unit_test(bounds_are_ordered_by_what_they_come_to),
		cmocka_unit_test(after_is_obeyed),
		cmocka_unit_test(unknown_keys_keep_their_place),
		cmocka_unit_test(only_what_is_enforced_joins),
		cmocka_unit_test(no_key_is_its_own_coupler),
		cmocka_unit_test(what_joins_draws_others_in),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
