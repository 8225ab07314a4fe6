/* What the author of a policy has judged: what is read, what is refused, what it does to findings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policies/lint.h"

#define HEAD "{\"kedge_policy\":1,\"name\":\"p\",\"version\":1,"
#define BODY                                                                                                 \
	"\"settings\":[{\"key\":\"net.ipv4.tcp_tw_reuse\",\"value\":\"1\"},"                                 \
	"{\"key\":\"net.ipv4.tcp_syn_retries\",\"value\":\"2\"}]}"

static int parse(const char *suppress, struct policy **ret, struct fault *f)
{
	char text[16384];

	snprintf(text, sizeof text, "%s%s%s%s%s", HEAD, suppress ? "\"suppress\":" : "",
	        suppress ? suppress : "", suppress ? "," : "", BODY);
	return policy_parse(text, strlen(text), ret, f);
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *where, *remark;
	} rows[] = {
		{ "{}", KE_SCHEMA, "suppress", "no array" },
		{ "[1]", KE_SCHEMA, "suppress[0]", "no object" },
		{ "[{\"rule\":\"TW003\"}]", KE_SCHEMA, "suppress[0]", "no reason" },
		{ "[{\"rule\":\"TW003\",\"why\":\"\"}]", KE_SCHEMA, "suppress[0].why", "an empty reason" },
		{ "[{\"why\":\"x\"}]", KE_SCHEMA, "suppress[0]", "no rule" },
		{ "[{\"rule\":\"tw003\",\"why\":\"x\"}]", KE_SCHEMA, "suppress[0]", "small letters" },
		{ "[{\"rule\":\"T003\",\"why\":\"x\"}]", KE_SCHEMA, "suppress[0]", "one letter" },
		{ "[{\"rule\":\"TWICE003\",\"why\":\"x\"}]", KE_SCHEMA, "suppress[0]", "too many letters" },
		{ "[{\"rule\":\"TW03\",\"why\":\"x\"}]", KE_SCHEMA, "suppress[0]", "two digits" },
		{ "[{\"rule\":\"TW003x\",\"why\":\"x\"}]", KE_SCHEMA, "suppress[0]", "something behind it" },
		{ "[{\"rule\":\"TW003\",\"why\":\"x\",\"until\":\"y\"}]", KE_SCHEMA, "suppress[0]",
		        "a member that is none" },
		{ "[{\"rule\":\"TW003\",\"key\":\"net..x\",\"why\":\"x\"}]", KE_NAME, "suppress[0].key",
		        "no key" },
		{ "[{\"rule\":\"TW003\",\"why\":\"x\"},{\"rule\":\"TW003\",\"why\":\"y\"}]", KE_DUPLICATE,
		        "suppress[1]", "twice" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct policy *p = NULL;
		struct fault f = { 0 };
		int rc = parse(rows[i].text, &p, &f);
		if (rc != rows[i].code || !strstr(f.where, rows[i].where))
			fail_msg("%s: %s at %s: %s", rows[i].remark, err_name(rc), f.where, f.what);
		assert_null(p);
	}
}

static void too_many(void **state)
{
	char text[8192] = "[", *at = text + 1;
	struct policy *p = NULL;
	struct fault f = { 0 };
	(void)state;

	for (int i = 0; i <= SUPPRESS_MAX; i++)
		at += snprintf(at, 64, "%s{\"rule\":\"TW%03d\",\"why\":\"x\"}", i ? "," : "", i);
	snprintf(at, 2, "]");
	assert_int_equal(parse(text, &p, &f), KE_TOOBIG);
	assert_string_equal(f.where, "suppress");
}

static void comes_out_as_it_went_in(void **state)
{
	static const char text[] =
	        "[{\"rule\":\"TW003\",\"key\":\"net.ipv4.tcp_tw_reuse\",\"why\":\"judged\"},"
	        "{\"rule\":\"TMO001\",\"why\":\"a short timeout is meant\"}]";
	struct policy *p = NULL, *again = NULL;
	char *out = NULL;
	size_t len = 0;
	(void)state;

	assert_int_equal(parse(text, &p, NULL), 0);
	assert_int_equal(p->n_suppress, 2);
	assert_int_equal(policy_print(p, &out, &len), 0);
	assert_int_equal(policy_parse(out, len, &again, NULL), 0);
	assert_int_equal(again->n_suppress, 2);
	assert_string_equal(again->suppress[0].rule, "TW003");
	assert_string_equal(again->suppress[0].key.path, "net/ipv4/tcp_tw_reuse");
	assert_string_equal(again->suppress[0].why, "judged");
	assert_string_equal(again->suppress[1].key.path, "");
	free(out);
	policy_free(p);
	policy_free(again);
	/* None and an empty list are the same document. */
	assert_int_equal(parse("[]", &p, NULL), 0);
	assert_int_equal(policy_print(p, &out, &len), 0);
	assert_null(strstr(out, "suppress"));
	free(out);
	policy_free(p);
}

static const struct lint_finding *finding(const struct lint_report *r, const char *id)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->findings[i].id, id) == 0)
			return &r->findings[i];
	return NULL;
}

/* What is suppressed is marked and stays; what suppresses nothing is told. */
static void what_it_does_to_findings(void **state)
{
	static const struct {
		const char *text;
		bool tw003, tmo001; /* suppressed? */
		const char *unused; /* part of SUP001's message; NULL: there is none */
		const char *remark;
	} rows[] = {
		{ NULL, false, false, NULL, "nothing" },
		{ "[{\"rule\":\"TW003\",\"why\":\"w\"}]", true, false, NULL, "on whatever key" },
		{ "[{\"rule\":\"TW003\",\"key\":\"net/ipv4/tcp_tw_reuse\",\"why\":\"w\"}]", true, false, NULL,
		        "on its key" },
		{ "[{\"rule\":\"TW003\",\"key\":\"net.ipv4.tcp_sack\",\"why\":\"w\"}]", false, false,
		        "TW003 finds nothing on net.ipv4.tcp_sack", "on another" },
		{ "[{\"rule\":\"TW003\",\"why\":\"w\"},{\"rule\":\"TMO001\",\"why\":\"v\"}]", true, true,
		        NULL, "both" },
		{ "[{\"rule\":\"MEM001\",\"why\":\"w\"}]", false, false, "MEM001 finds nothing",
		        "one that does not fire" },
		{ "[{\"rule\":\"TW999\",\"why\":\"w\"}]", false, false, "there is no rule TW999",
		        "one that is none" },
	};
	const struct lint_target target = { .kernel = KERNEL(6, 12), .page_size = 4096 };
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct policy *p = NULL;
		struct lint_report *r = NULL;
		assert_int_equal(parse(rows[i].text, &p, NULL), 0);
		assert_int_equal(lint_policy(p, &target, &r), 0);
		const struct lint_finding *tw = finding(r, "TW003"), *tmo = finding(r, "TMO001"),
		                          *sup = finding(r, "SUP001");
		assert_non_null(tw);
		assert_non_null(tmo);
		if (!tw->suppressed == rows[i].tw003 || !tmo->suppressed == rows[i].tmo001 ||
		        !sup != !rows[i].unused)
			fail_msg("%s", rows[i].remark);
		if (tw->suppressed)
			assert_string_equal(tw->suppressed, "w");
		if (sup) {
			assert_int_equal(sup->severity, LINT_WARNING);
			assert_null(sup->suppressed);
			assert_non_null(strstr(sup->message, rows[i].unused));
		}
		lint_report_free(r);
		policy_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(too_many),
		cmocka_unit_test(comes_out_as_it_went_in),
		cmocka_unit_test(what_it_does_to_findings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
