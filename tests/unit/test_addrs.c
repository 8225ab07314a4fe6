/* Counting by address: limits of connections and handshakes, what is one address, and that nothing is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "server-stub/http/addrs.h"

static struct addr_key key_of(const char *text)
{
	struct addr_key key;
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
		addr_key_of((struct sockaddr *)&in, &key);
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
		addr_key_of((struct sockaddr *)&in6, &key);
	}
	return key;
}

static void what_is_one_address(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		int same;
	} rows[] = {
		{ "10.0.0.1", "10.0.0.1", 1 },
		{ "10.0.0.1", "10.0.0.2", 0 },
		{ "10.0.0.1", "::ffff:10.0.0.1", 1 },
		{ "2001:db8::1", "2001:db8::2", 1 },
		{ "2001:db8:0:1::1", "2001:db8:0:2::1", 0 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct addr_key a = key_of(rows[i].a), b = key_of(rows[i].b);
		if ((memcmp(&a, &b, sizeof a) == 0) != rows[i].same)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
	}
}

static void limits(void **state)
{
	(void)state;
	struct addrs *t = addrs_new(3, 2);
	struct addr_key a = key_of("10.0.0.1"), b = key_of("10.0.0.2");

	assert_true(addrs_enter(t, &a));
	assert_true(addrs_enter(t, &a));
	assert_false(addrs_enter(t, &a)); /* two handshakes */
	assert_true(addrs_enter(t, &b));
	addrs_handshaken(t, &a);
	assert_true(addrs_enter(t, &a));
	addrs_handshaken(t, &a);
	addrs_handshaken(t, &a);
	assert_false(addrs_enter(t, &a)); /* three connections */
	addrs_leave(t, &a, false);
	assert_true(addrs_enter(t, &a));
	addrs_leave(t, &a, true);
	addrs_leave(t, &a, false);
	addrs_leave(t, &a, false);
	assert_true(addrs_enter(t, &a)); /* counts begin again */
	assert_true(addrs_enter(t, &a));
	assert_false(addrs_enter(t, &a));
	addrs_free(t);
}

static void no_limits_and_many_addresses(void **state)
{
	(void)state;
	struct addrs *t = addrs_new(0, 0);
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct addr_key key;

	for (uint32_t i = 0; i < 20000; i++) {
		in.sin_addr.s_addr = htonl(0x0a000000u + i);
		addr_key_of((struct sockaddr *)&in, &key);
		assert_true(addrs_enter(t, &key));
		assert_true(addrs_enter(t, &key));
	}
	for (uint32_t i = 0; i < 20000; i++) {
		in.sin_addr.s_addr = htonl(0x0a000000u + i);
		addr_key_of((struct sockaddr *)&in, &key);
		addrs_leave(t, &key, true);
		addrs_leave(t, &key, true);
		addrs_leave(t, &key, true); /* once too often is harmless */
	}
	addrs_free(t);
	addrs_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_one_address),
		cmocka_unit_test(limits),
		cmocka_unit_test(no_limits_and_many_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
