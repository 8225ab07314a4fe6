/* Counters by name, differences, rates, resets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/measure/netstat.h"

static int at(const char *name)
{
	int i = netstat_index(name);
	if (i < 0)
		fail_msg("%s is not on the list", name);
	return i;
}

static void texts(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int rc;
		const char *name; /* is present then */
		uint64_t value;
		const char *remark;
	} rows[] = {
		{ "TcpExt: SyncookiesSent TW TWKilled\nTcpExt: 1 22 333\n", 0, "TW", 22, "a pair of lines" },
		{ "TcpExt: TW\nTcpExt: 18446744073709551615\n", 0, "TW", UINT64_MAX, "the largest number" },
		{ "Ip: A\nIp: 1\nTcp: RtoMin MaxConn ActiveOpens\nTcp: 200 -1 7\n", 0, "ActiveOpens", 7,
		        "a negative value that nobody reads" },
		{ "TcpExt: Brandnew TW\nTcpExt: 1 2", 0, "TW", 2, "unknown column, no last newline" },
		{ "IpExt: TW\nIpExt: 5\n", 0, NULL, 0, "the right name in another group" },
		{ "", 0, NULL, 0, "nothing" },
		{ "TcpExt: TW\n", KE_SYNTAX, NULL, 0, "values are missing" },
		{ "TcpExt: TW TWKilled\nTcpExt: 1\n", KE_SYNTAX, "TW", 1, "one value too few" },
		{ "TcpExt: TW\nTcpExt: 1 2\n", KE_SYNTAX, "TW", 1, "one value too many" },
		{ "TcpExt: TW\nTcp: 1\n", KE_SYNTAX, NULL, 0, "groups differ" },
		{ "TcpExt: TW\nTcpExt: -1\n", KE_SYNTAX, NULL, 0, "a counter is never negative" },
		{ "TcpExt: TW\nTcpExt: 1x\n", KE_SYNTAX, NULL, 0, "not a number" },
		{ "TcpExt: TW\nTcpExt: 18446744073709551616\n", KE_SYNTAX, NULL, 0, "too large" },
		{ "TcpExt TW\nTcpExt 1\n", KE_SYNTAX, NULL, 0, "no colon" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct netstat s = { 0 };
		struct fault f;
		int rc = netstat_parse(rows[i].text, strlen(rows[i].text), &s, &f);
		size_t present = 0;
		for (size_t k = 0; k < netstat_count; k++)
			present += s.present[k];
		if (rc != rows[i].rc)
			fail_msg("%s: rc %d", rows[i].remark, rc);
		if (rows[i].name ? !s.present[at(rows[i].name)] || s.value[at(rows[i].name)] != rows[i].value
		                 : present != 0)
			fail_msg("%s: wrong values", rows[i].remark);
	}
}

static void names_are_unique(void **state)
{
	(void)state;
	assert_true(netstat_count >= 60);
	for (size_t i = 0; i < netstat_count; i++)
		assert_int_equal(netstat_index(netstat_counters[i].name), i);
	assert_int_equal(netstat_index("NoSuchCounter"), -1);
	assert_int_equal(netstat_counters[at("TCPTimeWaitOverflow")].gate, NETSTAT_HARD);
	assert_true(netstat_counters[at("CurrEstab")].gauge);
}

static void differences(void **state)
{
	(void)state;
	struct netstat before = { 0 }, after = { 0 };
	struct netstat_delta d;
	int tw = at("TW"), overflow = at("TCPTimeWaitOverflow"), level = at("CurrEstab"),
	    late = at("PAWSOldAck");
	before.present[tw] = before.present[overflow] = before.present[level] = true;
	memcpy(after.present, before.present, sizeof after.present);
	before.value[tw] = 100;
	after.value[tw] = 28300;
	before.value[overflow] = after.value[overflow] = 3;
	before.value[level] = 50;
	after.value[level] = 10;
	after.present[late] = true;
	assert_int_equal(netstat_diff(&before, &after, 60000, &d), 0);
	assert_false(d.reset);
	assert_true(d.known[tw] && d.known[overflow]);
	assert_int_equal(d.delta[tw], 28200);
	assert_int_equal(d.rate_milli[tw], 470000);
	assert_int_equal(d.delta[overflow], 0);
	assert_false(d.known[level]); /* a gauge that fell is no reset */
	assert_false(d.known[late]);

	after.value[overflow] = 2;
	assert_int_equal(netstat_diff(&before, &after, 60000, &d), 0);
	assert_true(d.reset);
	assert_false(d.known[overflow]);
	assert_int_equal(netstat_diff(&before, &after, 0, &d), KE_RANGE);

	before.value[tw] = 0;
	after.value[tw] = UINT64_MAX;
	assert_int_equal(netstat_diff(&before, &after, 1, &d), 0);
	assert_true(d.rate_milli[tw] == UINT64_MAX);
	assert_int_equal(netstat_diff(&before, &after, INT64_MAX, &d), 0);
	assert_true(d.rate_milli[tw] >= 1000000 && d.rate_milli[tw] <= 2000000);
}

static void own_kernel(void **state)
{
	(void)state;
	struct netstat s;
	struct fault f;
	assert_int_equal(netstat_read("/proc/net", &s, &f), 0);
	assert_true(s.present[at("TCPTimeWaitOverflow")] && s.present[at("ActiveOpens")]);
	assert_int_equal(netstat_read("/nonexistent", &s, &f), KE_NOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(names_are_unique),
		cmocka_unit_test(differences),
		cmocka_unit_test(own_kernel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
