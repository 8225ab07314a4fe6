/* What root may ask a running daemon for: each kind has exactly its members. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/keeper/wish.h"

#define SET(KEY, VALUE, SECONDS, REASON)                                                                     \
	"{\"kedge_wish\":1,\"what\":\"set\",\"key\":\"" KEY "\",\"value\":\"" VALUE                          \
	"\",\"seconds\":" SECONDS ",\"reason\":\"" REASON "\"}"
#define FIN "net.ipv4.tcp_fin_timeout"

static void wishes(void **state)
{
	static const struct {
		const char *text;
		int rc;
		enum wish_what what;
		const char *remark;
	} rows[] = {
		{ SET(FIN, "20", "7200", "incident 4711"), 0, WISH_SET, "everything there" },
		{ SET(FIN, "", "1", "x"), 0, WISH_SET, "an empty value is for the key to judge" },
		{ SET(FIN, "20", "2592000", "x"), 0, WISH_SET, "thirty days" },
		{ SET(FIN, "20", "2592001", "x"), KE_RANGE, 0, "and no second more" },
		{ SET(FIN, "20", "0", "x"), KE_RANGE, 0, "no time at all" },
		{ SET(FIN, "20", "-5", "x"), KE_RANGE, 0, "time that is over" },
		{ SET(FIN, "20", "60", "  "), KE_VALUE, 0, "a reason that says nothing" },
		{ SET(FIN, "20", "60", ""), KE_SCHEMA, 0, "no reason" },
		{ SET(FIN, "20", "60", "a\\nb"), KE_VALUE, 0, "a reason that forges a line of the log" },
		{ SET(FIN, "20", "60", "a\\u001b[2J"), KE_VALUE, 0, "or speaks to the terminal" },
		{ SET(FIN, "20", "60", "a\\u009b2J"), KE_VALUE, 0, "in eight bits too" },
		{ SET("net.ipv4.conf.*.rp_filter", "1", "60", "x"), KE_NAME, 0, "a pattern" },
		{ SET("net/../kernel/core_pattern", "1", "60", "x"), KE_NAME, 0, "a way around" },
		{ "{\"kedge_wish\":1,\"what\":\"set\",\"key\":\"" FIN "\",\"seconds\":60,\"reason\":\"x\"}",
		        KE_SCHEMA, 0, "no value" },
		{ "{\"kedge_wish\":1,\"what\":\"end\",\"key\":\"" FIN "\"}", 0, WISH_END, "the end of one" },
		{ "{\"kedge_wish\":1,\"what\":\"end\"}", KE_SCHEMA, 0, "of which?" },
		{ "{\"kedge_wish\":1,\"what\":\"end\",\"key\":\"" FIN "\",\"value\":\"1\"}", KE_SCHEMA, 0,
		        "an end has no value" },
		{ "{\"kedge_wish\":1,\"what\":\"hold\",\"seconds\":60,\"reason\":\"x\"}", 0, WISH_HOLD,
		        "a hold" },
		{ "{\"kedge_wish\":1,\"what\":\"hold\",\"seconds\":60}", KE_SCHEMA, 0, "without a reason" },
		{ "{\"kedge_wish\":1,\"what\":\"hold\",\"key\":\"" FIN "\",\"seconds\":60,\"reason\":\"x\"}",
		        KE_SCHEMA, 0, "a hold has no key" },
		{ "{\"kedge_wish\":1,\"what\":\"release\"}", 0, WISH_RELEASE, "the end of a hold" },
		{ "{\"kedge_wish\":1,\"what\":\"list\"}", 0, WISH_LIST, "only a question" },
		{ "{\"kedge_wish\":1,\"what\":\"about\",\"key\":\"" FIN "\"}", 0, WISH_ABOUT, "about a key" },
		{ "{\"kedge_wish\":1,\"what\":\"about\"}", KE_SCHEMA, 0, "about nothing" },
		{ "{\"kedge_wish\":1,\"what\":\"revert\"}", KE_SCHEMA, 0, "something else" },
		{ "{\"kedge_wish\":2,\"what\":\"list\"}", KE_RANGE, 0, "of another time" },
		{ "{\"kedge_wish\":1,\"what\":\"list\",\"what\":\"release\"}", KE_DUPLICATE, 0, "two minds" },
		{ "[]", KE_SCHEMA, 0, "no object" },
		{ "{\"kedge_wish\":1,\"what\":\"list\"} x", KE_SYNTAX, 0, "more behind it" },
		{ "", KE_SYNTAX, 0, "nothing" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fault f = { 0 };
		struct wish w;
		int rc = wish_parse(rows[i].text, strlen(rows[i].text), &w, &f);
		if (rc != rows[i].rc)
			fail_msg("%s: %d, not %d (%s)", rows[i].remark, rc, rows[i].rc, f.what);
		if (!rc)
			assert_int_equal(w.what, rows[i].what);
		wish_clear(&w);
	}
}

static void what_is_read(void **state)
{
	static const char text[] = SET("net/ipv4/conf/eth0.1/rp_filter", " 2 ", "90", "because");
	struct fault f;
	struct wish w;
	(void)state;

	assert_int_equal(wish_parse(text, sizeof text - 1, &w, &f), 0);
	assert_string_equal(w.key.path, "net/ipv4/conf/eth0.1/rp_filter");
	assert_string_equal(w.value, " 2 ");
	assert_string_equal(w.reason, "because");
	assert_int_equal(w.seconds, 90);
	wish_clear(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wishes),
		cmocka_unit_test(what_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
