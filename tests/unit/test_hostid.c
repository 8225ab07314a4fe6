/* Names: what follows the grammar, and the URI that carries them, there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "certs/hostid.h"

#define N16 "abcdefghijklmnop"

static void names_follow_the_grammar(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool good;
		const char *remark;
	} rows[] = {
		{ "a", true, "shortest" },
		{ "0", true, "a digit" },
		{ "web-1.north.example", true, "a host name" },
		{ "a--b", true, "hyphens inside" },
		{ N16 N16 N16 "abcdefghijklmno", true, "63 characters" },
		{ N16 N16 N16 N16, false, "64 characters" },
		{ "", false, "empty" },
		{ "A", false, "capital" },
		{ "a_b", false, "underscore" },
		{ "-a", false, "hyphen first" },
		{ "a-", false, "hyphen last" },
		{ ".a", false, "dot first" },
		{ "a.", false, "dot last" },
		{ "..", false, "a directory" },
		{ ".", false, "a directory" },
		{ "a..b", false, "empty label" },
		{ "a.-b", false, "label begins with a hyphen" },
		{ "a-.b", false, "label ends with a hyphen" },
		{ "a/b", false, "slash" },
		{ "a b", false, "space" },
		{ "a\n", false, "line end" },
		{ "caf\xc3\xa9", false, "not ASCII" },
		{ "a%2fb", false, "escape" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (hostid_valid(rows[i].name, strlen(rows[i].name)) != rows[i].good)
			fail_msg("%s: '%s'", rows[i].remark, rows[i].name);
		assert_int_equal(hostid_check("host id", rows[i].name, NULL), rows[i].good ? KE_OK : KE_NAME);
	}
	assert_false(hostid_valid("a\0b", 3));
}

static void identities_parse_strictly(void **state)
{
	(void)state;
	static const struct {
		const char *uri;
		enum identity_kind kind;
		const char *fleet, *name, *remark;
	} rows[] = {
		{ "spiffe://north/host/web-1", IDENTITY_HOST, "north", "web-1", "a host" },
		{ "spiffe://n.example/operator/ann", IDENTITY_OPERATOR, "n.example", "ann", "a person" },
		{ "spiffe://north/host/web-1/", IDENTITY_NONE, NULL, NULL, "slash at the end" },
		{ "spiffe://north/host/", IDENTITY_NONE, NULL, NULL, "no name" },
		{ "spiffe://north/host", IDENTITY_NONE, NULL, NULL, "no name, no slash" },
		{ "spiffe://north", IDENTITY_NONE, NULL, NULL, "only the fleet" },
		{ "spiffe:///host/web-1", IDENTITY_NONE, NULL, NULL, "no fleet" },
		{ "spiffe://north/hosts/web-1", IDENTITY_NONE, NULL, NULL, "unknown kind" },
		{ "spiffe://north/none/web-1", IDENTITY_NONE, NULL, NULL, "the word for no kind" },
		{ "spiffe://north/host/a/b", IDENTITY_NONE, NULL, NULL, "two names" },
		{ "SPIFFE://north/host/a", IDENTITY_NONE, NULL, NULL, "scheme in capitals" },
		{ "spiffe://North/host/a", IDENTITY_NONE, NULL, NULL, "capital in the fleet" },
		{ "spiffe://north:443/host/a", IDENTITY_NONE, NULL, NULL, "port" },
		{ "spiffe://u@north/host/a", IDENTITY_NONE, NULL, NULL, "user" },
		{ "spiffe://north/host/a?x", IDENTITY_NONE, NULL, NULL, "query" },
		{ "spiffe://north/host/%61", IDENTITY_NONE, NULL, NULL, "escape" },
		{ "https://north/host/a", IDENTITY_NONE, NULL, NULL, "another scheme" },
		{ "", IDENTITY_NONE, NULL, NULL, "empty" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct identity id = { .kind = IDENTITY_NONE, .name = "untouched" };
		char uri[IDENTITY_ROOM];
		int rc = identity_parse(rows[i].uri, strlen(rows[i].uri), &id, NULL);
		if ((rc == 0) != (rows[i].kind != IDENTITY_NONE))
			fail_msg("%s: %s", rows[i].remark, rows[i].uri);
		if (rc) {
			assert_string_equal(id.name, "untouched");
			continue;
		}
		assert_int_equal(id.kind, rows[i].kind);
		assert_string_equal(id.fleet, rows[i].fleet);
		assert_string_equal(id.name, rows[i].name);
		assert_string_equal(identity_format(&id, uri), rows[i].uri);
	}
	struct identity id;
	assert_int_equal(identity_parse("spiffe://a/host/b\0c", 19, &id, NULL), KE_NAME);
}

static void the_longest_identity_fits(void **state)
{
	(void)state;
	struct identity id, back;
	char longest[64], uri[IDENTITY_ROOM];
	memset(longest, 'a', 63);
	longest[63] = '\0';
	assert_int_equal(identity_make(IDENTITY_OPERATOR, longest, longest, &id, NULL), 0);
	identity_format(&id, uri);
	assert_int_equal(strlen(uri), 9 + 63 + 10 + 63);
	assert_int_equal(identity_parse(uri, strlen(uri), &back, NULL), 0);
	assert_memory_equal(&id, &back, sizeof id);
	assert_int_equal(identity_make(IDENTITY_NONE, "a", "b", &id, NULL), KE_VALUE);
	assert_int_equal(identity_make(IDENTITY_HOST, "a", "B", &id, NULL), KE_NAME);
	assert_int_equal(identity_make(IDENTITY_HOST, "", "b", &id, NULL), KE_NAME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_follow_the_grammar),
		cmocka_unit_test(identities_parse_strictly),
		cmocka_unit_test(the_longest_identity_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
