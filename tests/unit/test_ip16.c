/* Both families in one form, and back as text. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/measure/ip16.h"

static void addresses(void **state)
{
	(void)state;
	static const struct {
		const char *text, *endpoint;
		bool v4, loopback;
		const char *remark;
	} rows[] = {
		{ "10.0.0.5", "10.0.0.5:3306", true, false, "IPv4" },
		{ "0.0.0.0", "0.0.0.0:3306", true, false, "any, IPv4" },
		{ "127.0.0.1", "127.0.0.1:3306", true, true, "loopback" },
		{ "127.255.0.9", "127.255.0.9:3306", true, true, "all of 127/8 is" },
		{ "128.0.0.1", "128.0.0.1:3306", true, false, "128/8 is not" },
		{ "2001:db8::1", "[2001:db8::1]:3306", false, false, "IPv6" },
		{ "::1", "[::1]:3306", false, true, "loopback, IPv6" },
		{ "::", "[::]:3306", false, false, "any, IPv6" },
		{ "::2", "[::2]:3306", false, false, "next to loopback" },
		{ "fe80::ffff:7f00:1", "[fe80::ffff:7f00:1]:3306", false, false, "looks mapped, is not" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		unsigned char bytes[16];
		char text[IP16_TEXT_ROOM], endpoint[IP16_ENDPOINT_ROOM];
		int family = rows[i].v4 ? AF_INET : AF_INET6;
		assert_int_equal(inet_pton(family, rows[i].text, bytes), 1);
		struct ip16 a = rows[i].v4 ? ip16_v4(bytes) : ip16_v6(bytes);
		assert_string_equal(ip16_text(&a, text), rows[i].text);
		assert_string_equal(ip16_endpoint(&a, 3306, endpoint), rows[i].endpoint);
		if (ip16_is_v4(&a) != rows[i].v4 || ip16_is_loopback(&a) != rows[i].loopback)
			fail_msg("%s", rows[i].remark);
	}
}

static void mapped_is_the_same(void **state)
{
	(void)state;
	unsigned char four[4], mapped[16];
	assert_int_equal(inet_pton(AF_INET, "10.1.2.3", four), 1);
	assert_int_equal(inet_pton(AF_INET6, "::ffff:10.1.2.3", mapped), 1);
	struct ip16 a = ip16_v4(four), b = ip16_v6(mapped);
	assert_true(ip16_equal(&a, &b));
	mapped[15]++;
	b = ip16_v6(mapped);
	assert_false(ip16_equal(&a, &b));
}

static void parsed(void **state)
{
	(void)state;
	static const struct {
		const char *text, *endpoint; /* NULL: refused */
		const char *remark;
	} rows[] = {
		{ "10.0.0.5", "10.0.0.5:0", "no port" },
		{ "10.0.0.5:3306", "10.0.0.5:3306", "a port" },
		{ "10.0.0.5:65535", "10.0.0.5:65535", "the last one" },
		{ "2001:db8::1", "[2001:db8::1]:0", "IPv6 alone" },
		{ "::1", "[::1]:0", "loopback" },
		{ "[2001:db8::1]", "[2001:db8::1]:0", "brackets" },
		{ "[2001:db8::1]:443", "[2001:db8::1]:443", "brackets and a port" },
		{ "::ffff:10.0.0.5", "10.0.0.5:0", "mapped is IPv4" },
		{ "", NULL, "nothing" },
		{ "10.0.0.5:", NULL, "an empty port" },
		{ "10.0.0.5:0", NULL, "port 0 is none" },
		{ "10.0.0.5:65536", NULL, "beyond" },
		{ "10.0.0.5:99999999999", NULL, "far beyond" },
		{ "10.0.0.5:80x", NULL, "rubbish behind" },
		{ "10.0.0:80", NULL, "three numbers" },
		{ "[10.0.0.5]:80", NULL, "IPv4 in brackets" },
		{ "[::1", NULL, "one bracket" },
		{ "[::1]x", NULL, "rubbish behind the bracket" },
		{ "[::1]:", NULL, "an empty port" },
		{ "web1:80", NULL, "names are not looked up" },
		{ "[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]:1", NULL, "long" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[IP16_ENDPOINT_ROOM];
		struct ip16 a = { { 1, 2 } };
		uint16_t port = 7;
		int rc = ip16_parse(rows[i].text, &a, &port);
		if ((rc == 0) != (rows[i].endpoint != NULL))
			fail_msg("%s: rc %d", rows[i].remark, rc);
		if (rc == 0)
			assert_string_equal(ip16_endpoint(&a, port, text), rows[i].endpoint);
		else if (a.w[0] != 1 || port != 7)
			fail_msg("%s: touched", rows[i].remark);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(parsed),
		cmocka_unit_test(mapped_is_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
