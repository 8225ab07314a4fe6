/* The table of certificate kinds: lifetimes, names of servers, and what each kind says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "certs/cert.h"
#include "certs/issue.h"
#include "certs/profile.h"

#define NOW INT64_C(1795550000)

static void lifetimes_have_bounds(void **state)
{
	(void)state;
	static const struct {
		enum profile_kind kind;
		int64_t ask, get; /* get 0: refused */
		const char *remark;
	} rows[] = {
		{ PROFILE_HOST, 0, 30 * 86400, "the default" },
		{ PROFILE_HOST, 60, 60, "shortest" },
		{ PROFILE_HOST, 59, 0, "too short" },
		{ PROFILE_HOST, -1, 0, "negative" },
		{ PROFILE_HOST, 400 * 86400, 400 * 86400, "longest" },
		{ PROFILE_HOST, 400 * 86400 + 1, 0, "too long" },
		{ PROFILE_SERVER, 825 * 86400, 825 * 86400, "longest of a server" },
		{ PROFILE_OPERATOR, INT64_MAX, 0, "absurd" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t got = 0;
		int rc = profile_lifetime(rows[i].kind, rows[i].ask, &got, NULL);
		if (got != rows[i].get || rc != (rows[i].get ? KE_OK : KE_RANGE))
			fail_msg("%s", rows[i].remark);
	}
}

static void server_names_are_judged(void **state)
{
	(void)state;
	static const struct {
		const char *dns, *ip;
		int rc;
		const char *remark;
	} rows[] = {
		{ "localhost", NULL, KE_OK, "one label" },
		{ "kedge.example.org", "192.0.2.1", KE_OK, "both" },
		{ NULL, "2001:db8::1", KE_OK, "IPv6" },
		{ NULL, NULL, KE_NAME, "none at all" },
		{ "", NULL, KE_NAME, "empty" },
		{ "a..b", NULL, KE_NAME, "empty label" },
		{ "a.", NULL, KE_NAME, "dot at the end" },
		{ "-a", NULL, KE_NAME, "hyphen first" },
		{ "a-", NULL, KE_NAME, "hyphen last" },
		{ "a-.b", NULL, KE_NAME, "label ends in a hyphen" },
		{ "*.example.org", NULL, KE_NAME, "wildcard" },
		{ "a,DNS:b", NULL, KE_NAME, "a second name smuggled in" },
		{ "a b", NULL, KE_NAME, "space" },
		{ NULL, "192.0.2.256", KE_NAME, "no address" },
		{ NULL, "192.0.2.1/24", KE_NAME, "a network" },
		{ NULL, "1", KE_NAME, "a number" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct profile_names names = { &rows[i].dns, rows[i].dns ? 1 : 0, &rows[i].ip,
			rows[i].ip ? 1 : 0 };
		if (profile_names_check(&names, NULL) != rows[i].rc)
			fail_msg("%s", rows[i].remark);
	}
	const char *many[PROFILE_NAMES_MAX + 1];
	for (size_t i = 0; i < PROFILE_NAMES_MAX + 1; i++)
		many[i] = "a";
	struct profile_names names = { many, PROFILE_NAMES_MAX + 1, NULL, 0 };
	assert_int_equal(profile_names_check(&names, NULL), KE_TOOBIG);
	names.dns_count--;
	assert_int_equal(profile_names_check(&names, NULL), KE_OK);
}

/* A certificate of each kind passes as its own kind and as no other. Host and operator differ in name and CA only. */
static void kinds_do_not_pass_for_each_other(void **state)
{
	(void)state;
	static const char *dns[] = { "localhost" };
	for (int kind = 0; kind < PROFILE_COUNT; kind++) {
		const struct profile *p = profile_get((enum profile_kind)kind);
		struct ca *ca;
		X509 *cert = NULL;
		assert_int_equal(ca_make(p->issuer, "north", KEY_P256, NOW, 0, &ca, NULL), 0);
		EVP_PKEY *key;
		assert_int_equal(key_make(KEY_P256, &key, NULL), 0);
		struct issue what = { .kind = (enum profile_kind)kind,
			.key = key,
			.now = NOW,
			.id = { p->subject, "north", "web-1" },
			.names = { dns, 1, NULL, 0 } };
		if (!p->is_ca)
			assert_int_equal(issue_cert(ca, &what, &cert, NULL), 0);
		for (int as = 0; as < PROFILE_COUNT; as++) {
			const struct profile *q = profile_get((enum profile_kind)as);
			bool same = p->is_ca == q->is_ca &&
			            (p->is_ca || strcmp(p->ext_key_usage, q->ext_key_usage) == 0);
			int rc = profile_check((enum profile_kind)as, cert ? cert : ca_cert(ca), NULL);
			if (rc != (same ? KE_OK : KE_UNTRUSTED))
				fail_msg("%s as %s: %d", p->name, q->name, rc);
		}
		cert_free(cert);
		key_free(key);
		ca_free(ca);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lifetimes_have_bounds),
		cmocka_unit_test(server_names_are_judged),
		cmocka_unit_test(kinds_do_not_pass_for_each_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
