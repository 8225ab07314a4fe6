/* sockstat texts, good and bad, and this machine's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/measure/sockstat.h"

static void texts(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int rc;
		int64_t inuse, tw, mem, inuse6;
		const char *remark;
	} rows[] = {
		{ "sockets: used 288\nTCP: inuse 27 orphan 1 tw 1280 alloc 32 mem 5\nUDP: inuse 3 mem 2\n", 0,
		        27, 1280, 5, -1, "a kernel's text" },
		{ "TCP6: inuse 9\nUDP6: inuse 1\nFRAG6: inuse 0 memory 0\n", 0, -1, -1, -1, 9, "sockstat6" },
		{ "", 0, -1, -1, -1, -1, "nothing" },
		{ "TCP: inuse 1 news 5\n", 0, 1, -1, -1, -1, "an unknown name is passed over" },
		{ "TCP: inuse 1", 0, 1, -1, -1, -1, "without the last newline" },
		{ "UDP: tw 5\n", 0, -1, -1, -1, -1, "the name counts in its group only" },
		{ "TCP inuse 1\n", KE_SYNTAX, -1, -1, -1, -1, "no colon" },
		{ "TCP: inuse\n", KE_SYNTAX, -1, -1, -1, -1, "no number" },
		{ "TCP: inuse x\n", KE_SYNTAX, -1, -1, -1, -1, "not a number" },
		{ "TCP: inuse -1\n", KE_SYNTAX, -1, -1, -1, -1, "negative" },
		{ "TCP: inuse 99999999999999999999\n", KE_SYNTAX, -1, -1, -1, -1, "too large" },
		{ "TCP: inuse 9223372036854775808\n", KE_SYNTAX, -1, -1, -1, -1, "too large by one" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sockstat s;
		struct fault f;
		sockstat_init(&s);
		int rc = sockstat_parse(rows[i].text, strlen(rows[i].text), &s, &f);
		if (rc != rows[i].rc || s.tcp_inuse != rows[i].inuse || s.tcp_tw != rows[i].tw ||
		        s.tcp_mem != rows[i].mem || s.tcp6_inuse != rows[i].inuse6)
			fail_msg("%s: rc %d", rows[i].remark, rc);
	}
}

static void fault_names_the_line(void **state)
{
	(void)state;
	struct sockstat s;
	struct fault f;
	static const char text[] = "sockets: used 1\nTCP: inuse\n";
	sockstat_init(&s);
	assert_int_equal(sockstat_parse(text, sizeof text - 1, &s, &f), KE_SYNTAX);
	assert_string_equal(f.where, "line 2");
}

static void own_kernel(void **state)
{
	(void)state;
	struct sockstat s;
	struct fault f;
	assert_int_equal(sockstat_read("/proc/net", &s, &f), 0);
	assert_true(s.sockets_used >= 0 && s.tcp_inuse >= 0 && s.tcp_tw >= 0 && s.tcp_alloc >= 0);
	s.tcp_tw = -7;
	assert_int_equal(sockstat_read("/nonexistent", &s, &f), KE_NOENT);
	assert_int_equal(s.tcp_tw, -7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(fault_names_the_line),
		cmocka_unit_test(own_kernel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
