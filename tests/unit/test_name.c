/* Names: odd texts, one row each, and what they mean or that they are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policies/name.h"

#define LEN(a)  (sizeof(a) / sizeof((a)[0]))
#define TEXT(s) s, sizeof(s) - 1

static void names_are_read_in_both_forms(void **state)
{
	(void)state;
	static const struct {
		const char *text, *path, *dotted, *remark;
	} rows[] = {
		{ "net.ipv4.tcp_fin_timeout", "net/ipv4/tcp_fin_timeout", "net.ipv4.tcp_fin_timeout",
		        "dots" },
		{ "net/ipv4/tcp_fin_timeout", "net/ipv4/tcp_fin_timeout", "net.ipv4.tcp_fin_timeout",
		        "slashes" },
		{ "net.ipv4.conf.enp3s0/200.forwarding", "net/ipv4/conf/enp3s0.200/forwarding",
		        "net.ipv4.conf.enp3s0/200.forwarding", "sysctl.d(5): VLAN interface, dot form" },
		{ "net/ipv4/conf/eth0.100/rp_filter", "net/ipv4/conf/eth0.100/rp_filter",
		        "net.ipv4.conf.eth0/100.rp_filter", "VLAN interface, slash form" },
		{ "net.ipv4.conf.eth0.100.rp_filter", "net/ipv4/conf/eth0/100/rp_filter",
		        "net.ipv4.conf.eth0.100.rp_filter", "another key: six segments" },
		{ "net.ipv4.conf.*.rp_filter", "net/ipv4/conf/*/rp_filter", "net.ipv4.conf.*.rp_filter",
		        "pattern" },
		{ "net.**", "net/**", "net.**", "pattern for the rest" },
		{ "a.b", "a/b", "a.b", "the shortest" },
		{ "vm/a...b", "vm/a...b", "vm.a///b", "dots inside a segment" },
		{ "net/ipv4/conf/e-1_2@if3:x/tag", "net/ipv4/conf/e-1_2@if3:x/tag",
		        "net.ipv4.conf.e-1_2@if3:x.tag", "what interface names may contain" },
	};
	for (size_t i = 0; i < LEN(rows); i++) {
		struct name n;
		char buf[NAME_MAX_LEN + 1];
		print_message("%s\n", rows[i].remark);
		assert_int_equal(name_parse(rows[i].text, strlen(rows[i].text), &n, NULL), 0);
		assert_string_equal(n.path, rows[i].path);
		assert_string_equal(name_dotted(&n, buf, sizeof buf), rows[i].dotted);
	}
}

static void odd_names_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t len;
		const char *remark;
	} rows[] = {
		{ TEXT(""), "empty" },
		{ TEXT("kernel"), "one segment" },
		{ TEXT("net/../kernel/core_pattern"), "climbs with slashes" },
		{ TEXT("net.//.kernel.core_pattern"), "climbs with dots swapped" },
		{ TEXT("net/./ipv4/ip_forward"), "this directory" },
		{ TEXT("net./.ipv4.ip_forward"), "this directory, swapped" },
		{ TEXT("net..ipv4"), "empty segment" },
		{ TEXT("net//ipv4"), "empty segment" },
		{ TEXT("/net/ipv4/ip_forward"), "leading slash" },
		{ TEXT("/proc/sys/net/ipv4/ip_forward"), "a path, not a name" },
		{ TEXT(".net.ipv4"), "leading dot" },
		{ TEXT("net/ipv4/"), "trailing slash" },
		{ TEXT("net.ipv4."), "trailing dot" },
		{ TEXT("."), "only a dot" },
		{ TEXT("/"), "only a slash" },
		{ TEXT("net.ipv4\0.ip_forward"), "NUL" },
		{ TEXT("net.ipv4 .ip_forward"), "blank" },
		{ TEXT("net.ipv4.ip_forward\n"), "newline" },
		{ TEXT("net.ipv4.\x7fip"), "delete" },
		{ TEXT("net.ipv4.ip\xc3\xa9"), "not ASCII" },
		{ TEXT("net.ipv4.conf.eth*.rp_filter"), "wildcard inside a segment" },
		{ TEXT("net.**.rp_filter"), "** in the middle" },
		{ TEXT("net.***"), "three stars" },
		{ TEXT("a.b.c.d.e.f.g.h.i.j.k.l.m"), "13 segments" },
	};
	for (size_t i = 0; i < LEN(rows); i++) {
		struct name n = { "untouched" };
		struct fault f = { 0 };
		print_message("%s\n", rows[i].remark);
		assert_int_equal(name_parse(rows[i].text, rows[i].len, &n, &f), KE_NAME);
		assert_string_equal(n.path, "untouched");
		assert_true(f.what[0] && f.todo[0]);
	}
}

static void length_is_bounded(void **state)
{
	(void)state;
	char text[300];
	struct name n;
	memset(text, 'x', sizeof text);
	text[3] = '.';
	assert_int_equal(name_parse(text, 255, &n, NULL), 0);
	assert_int_equal(strlen(n.path), 255);
	assert_int_equal(name_parse(text, 256, &n, NULL), KE_NAME);
	assert_int_equal(name_parse(text, 300, &n, NULL), KE_NAME);
}

static struct name name_of(const char *text)
{
	struct name n;
	assert_int_equal(name_parse(text, strlen(text), &n, NULL), 0);
	return n;
}

static void patterns_match_whole_segments(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *name;
		bool matches;
	} rows[] = {
		{ "net.ipv4.conf.*.rp_filter", "net.ipv4.conf.eth0.rp_filter", true },
		{ "net.ipv4.conf.*.rp_filter", "net/ipv4/conf/eth0.100/rp_filter", true },
		{ "net.ipv4.conf.*.rp_filter", "net.ipv4.conf.eth0.100.rp_filter", false },
		{ "net.ipv4.conf.*.rp_filter", "net.ipv4.conf.eth0.log_martians", false },
		{ "net.ipv4.conf.*", "net.ipv4.conf.eth0.rp_filter", false },
		{ "net.ipv4.**", "net.ipv4.conf.eth0.rp_filter", true },
		{ "net.ipv4.**", "net.ipv4.ip_forward", true },
		{ "net.ipv4.**", "net.ipv4", false },
		{ "net.ipv4.**", "net.ipv6.bindv6only", false },
		{ "net.ipv4.ip_forward", "net.ipv4.ip_forward", true },
		{ "net.ipv4.ip_forward", "net.ipv4.ip_forward_use_pmtu", false },
		{ "net.*.tcp_rmem", "net.ipv4.tcp_rmem", true },
	};
	for (size_t i = 0; i < LEN(rows); i++) {
		struct name pattern = name_of(rows[i].pattern), n = name_of(rows[i].name);
		print_message("%s %s\n", rows[i].pattern, rows[i].name);
		assert_int_equal(name_match(&pattern, &n), rows[i].matches);
	}
	struct name p = name_of("net.ipv4.conf.*.rp_filter"), n = name_of("net.ipv4.ip_forward");
	assert_true(name_is_pattern(&p));
	assert_false(name_is_pattern(&n));
}

static void segments_are_counted_and_found(void **state)
{
	(void)state;
	struct name n = name_of("net/ipv4/conf/eth0.100/rp_filter");
	const char *seg;
	size_t len;
	assert_int_equal(name_segments(&n), 5);
	assert_true(name_segment(&n, 3, &seg, &len));
	assert_int_equal(len, 8);
	assert_memory_equal(seg, "eth0.100", 8);
	assert_true(name_segment(&n, 4, &seg, &len));
	assert_string_equal(seg, "rp_filter");
	assert_false(name_segment(&n, 5, &seg, &len));
	struct name other = name_of("net.ipv4.conf.eth0/100.rp_filter");
	assert_int_equal(name_cmp(&n, &other), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_read_in_both_forms),
		cmocka_unit_test(odd_names_are_refused),
		cmocka_unit_test(length_is_bounded),
		cmocka_unit_test(patterns_match_whole_segments),
		cmocka_unit_test(segments_are_counted_and_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
