/* The knowledge base: look-ups, that the data is whole, and the never-list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policies/knowledge.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct name name_of(const char *text)
{
	struct name n;
	assert_int_equal(name_parse(text, strlen(text), &n, NULL), 0);
	return n;
}

static const struct knob *find(const char *text)
{
	struct name n = name_of(text);
	return knowledge_find(&n);
}

static void keys_are_found(void **state)
{
	(void)state;
	static const struct {
		const char *text, *path;
	} rows[] = {
		{ "net.ipv4.tcp_fin_timeout", "net/ipv4/tcp_fin_timeout" },
		{ "net.ipv4.conf.eth0.rp_filter", "net/ipv4/conf/*/rp_filter" },
		{ "net/ipv4/conf/eth0.100/rp_filter", "net/ipv4/conf/*/rp_filter" },
		{ "net.ipv4.conf.*.rp_filter", "net/ipv4/conf/*/rp_filter" },
		{ "net.ipv4.conf.all.forwarding", "net/ipv4/conf/all/forwarding" },
		{ "net.ipv4.conf.eth0.forwarding", "net/ipv4/conf/*/forwarding" },
		{ "fs.nr_open", "fs/nr_open" },
		{ "net.ipv4.tcp_timestsmps", NULL },
		{ "net.ipv4.tcp_fin_timeout2", NULL },
		{ "zz.zz", NULL },
		{ "a.a", NULL },
	};
	for (size_t i = 0; i < LEN(rows); i++) {
		const struct knob *k = find(rows[i].text);
		print_message("%s\n", rows[i].text);
		if (rows[i].path)
			assert_string_equal(k->path, rows[i].path);
		else
			assert_null(k);
	}
	struct name unknown = name_of("zz.zz");
	assert_ptr_equal(knowledge_shape(&unknown), &value_shape_text);
}

static void facts_are_the_measured_ones(void **state)
{
	(void)state;
	const struct knob *k = find("net.ipv4.tcp_tw_recycle");
	assert_int_equal(k->removed, KERNEL(4, 12));
	k = find("net.ipv4.tcp_tw_reuse_delay");
	assert_int_equal(k->added, KERNEL(6, 14));
	k = find("net.ipv4.tcp_rmem");
	assert_int_equal(k->shape.type, VALUE_VECTOR);
	assert_int_equal(k->shape.count, 3);
	assert_int_equal(k->scope, KNOB_NETNS);
	k = find("net.core.rmem_max");
	assert_int_equal(k->scope, KNOB_HOST_SHOWN);
	assert_int_equal(k->shape.min, 2304);
	k = find("net.ipv4.tcp_mem");
	assert_int_equal(k->scope, KNOB_HOST);
	assert_string_equal(knowledge_doc(k).unit, "pages");
	assert_null(knowledge_doc(k).initial);
	k = find("net.ipv4.ip_local_port_range");
	assert_string_equal(knob_after(k), "net/ipv4/ip_unprivileged_port_start");
	assert_string_equal(knob_list_next(knob_after(k)), "");
	assert_string_equal(knob_after_raised(find("net.ipv4.ip_unprivileged_port_start")), k->path);
	k = find("net.ipv4.ip_forward");
	assert_string_equal(knob_also_changes(k), "net/ipv4/conf/*/forwarding");
	assert_string_equal(knob_list_next(knob_also_changes(k)), "net/ipv4/conf/*/accept_redirects");
	assert_string_equal(knob_after(k), "");
	assert_string_equal(knob_module(find("net.netfilter.nf_conntrack_max")), "nf_conntrack");
	assert_null(knob_module(k));
	assert_int_equal(find("net.ipv4.tcp_fastopen_key")->danger, KNOB_SECRET);
	assert_int_equal(find("net.core.rps_sock_flow_entries")->shape.rounding, VALUE_UP_POW2);
	assert_int_equal(find("net.ipv4.tcp_max_tw_buckets")->shape.unlimited, VALUE_UNLIMITED_NEGATIVE);
	assert_int_equal(find("net.netfilter.nf_conntrack_max")->shape.unlimited, VALUE_UNLIMITED_ZERO);
	assert_true(find("net.ipv4.tcp_available_congestion_control")->read_only);
	assert_int_equal(find("net.ipv4.tcp_low_latency")->obsolete, KERNEL(4, 14));
	k = find("net.ipv4.tcp_syncookies");
	assert_int_equal(knowledge_bounds(k, KERNEL(5, 12)).max, INT32_MAX);
	assert_int_equal(knowledge_bounds(k, KERNEL(5, 13)).max, 255);
	assert_int_equal(knowledge_bounds(k, 0).max, 255);
	assert_int_equal(knowledge_bounds(find("net.ipv4.tcp_ecn"), KERNEL(6, 18)).max, 2);
	assert_string_equal(knowledge_doc(find("net.ipv4.tcp_rmem")).starts_from, "host");
	struct knob_doc doc = knowledge_doc(find("net.ipv4.tcp_tw_reuse"));
	assert_string_equal(doc.words, "0=off");
	assert_string_equal(knob_list_next(doc.words), "1=on for every destination");
	assert_string_equal(doc.initial, "2");
	assert_string_equal(knowledge_doc(find("net.ipv4.ip_local_reserved_ports")).initial, "");
}

/* Every row of the table: sorted, findable, with texts, and a default that its own shape accepts. */
static void every_knob_is_whole(void **state)
{
	(void)state;
	size_t n;
	const struct knob *all = knowledge_all(&n);
	assert_true(n >= 155);
	for (size_t i = 0; i < n; i++) {
		struct knob_doc doc = knowledge_doc(&all[i]);
		print_message("%s\n", all[i].path);
		assert_true(i == 0 || strcmp(all[i - 1].path, all[i].path) < 0);
		assert_ptr_equal(find(all[i].path), &all[i]);
		assert_true(doc.unit[0] && doc.meaning[0] && doc.sources[0]);
		if (doc.initial) {
			char *out = NULL;
			assert_int_equal(
			        value_wanted(&all[i].shape, doc.initial, strlen(doc.initial), &out, NULL), 0);
			free(out);
		}
		for (const char *a = knob_after(&all[i]); *a; a = knob_list_next(a))
			assert_non_null(find(a));
	}
}

static void spelling_is_corrected(void **state)
{
	(void)state;
	static const struct {
		const char *text, *near;
	} rows[] = {
		{ "net.ipv4.tcp_timestsmps", "net/ipv4/tcp_timestamps" },
		{ "net.ipv4.tcp_fin_timeut", "net/ipv4/tcp_fin_timeout" },
		{ "net.core.sommaxconn", "net/core/somaxconn" },
		{ "net.ipv4.tcp_tw_resue", "net/ipv4/tcp_tw_reuse" },
		{ "net.ipv4.tcp_fin_timeout", "net/ipv4/tcp_fin_timeout" },
		{ "net.ipv4.completely_different", NULL },
		{ "zz.zz", NULL },
	};
	for (size_t i = 0; i < LEN(rows); i++) {
		struct name n = name_of(rows[i].text);
		const struct knob *k = knowledge_nearest(&n);
		print_message("%s\n", rows[i].text);
		if (rows[i].near)
			assert_string_equal(k->path, rows[i].near);
		else
			assert_null(k);
	}
}

static void keys_known_by_name_only(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool exists;
	} rows[] = {
		{ "net.ipv4.udp_wmem_min", true },
		{ "net.ipv4.conf.eth0.proxy_arp", true },
		{ "net.ipv6.conf.all.accept_ra", true },
		{ "net.ipv4.neigh.eth0.gc_stale_time", true },
		{ "vm.swappiness", true },
		{ "net.ipv4.tcp_rmem", true },
		{ "net.ipv4.tcp_timestsmps", false },
		{ "net.ipv4.xconf.eth0.proxy_arp", false },
	};
	for (size_t i = 0; i < LEN(rows); i++) {
		struct name n = name_of(rows[i].text);
		print_message("%s\n", rows[i].text);
		assert_int_equal(knowledge_exists(&n), rows[i].exists);
	}
}

static void never_list(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool never;
	} rows[] = {
		{ "kernel.core_pattern", true },
		{ "kernel/core_pattern", true },
		{ "kernel.core_pipe_limit", true },
		{ "kernel.modprobe", true },
		{ "kernel.hotplug", true },
		{ "kernel.poweroff_cmd", true },
		{ "kernel.usermodehelper.bset", true },
		{ "kernel.modules_disabled", true },
		{ "kernel.kexec_load_disabled", true },
		{ "kernel.sysrq", true },
		{ "kernel.ns_last_pid", true },
		{ "kernel.randomize_va_space", true },
		{ "fs.suid_dumpable", true },
		{ "fs.protected_hardlinks", true },
		{ "fs.binfmt_misc.register", true },
		{ "vm.mmap_min_addr", true },
		{ "vm.drop_caches", true },
		{ "vm.compact_memory", true },
		{ "net.ipv4.route.flush", true },
		{ "net.ipv6.route.flush", true },
		{ "dev.tty.ldisc_autoload", true },
		{ "net.core.bpf_jit_enable", true },
		{ "net.ipv6.conf.eth0.stable_secret", true },
		{ "net.ipv4.tcp_fastopen_key", true },
		{ "kernel.*", true },
		{ "net.*.*", true },
		{ "net.**", true },
		{ "net.ipv4.route.*", true },
		{ "*.core_pattern", true },
		{ "kernel.usermodehelper.*", true },
		{ "kernel.core_pattern2", false },
		{ "kernel.pid_max", false },
		{ "net.ipv4.tcp_fastopen", false },
		{ "net.ipv4.conf.*.rp_filter", false },
		{ "net.ipv4.tcp_rmem", false },
		{ "net.core.somaxconn", false },
		{ "fs.nr_open", false },
		{ "vm.swappiness", false },
	};
	for (size_t i = 0; i < LEN(rows); i++) {
		struct name n = name_of(rows[i].text);
		print_message("%s\n", rows[i].text);
		assert_int_equal(knowledge_never(&n), rows[i].never);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_found),
		cmocka_unit_test(facts_are_the_measured_ones),
		cmocka_unit_test(every_knob_is_whole),
		cmocka_unit_test(spelling_is_corrected),
		cmocka_unit_test(keys_known_by_name_only),
		cmocka_unit_test(never_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
