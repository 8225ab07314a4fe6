/* Importing sysctl.conf text: every line accounted for, and the article's list as it was copied for years. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policies/sysctl_conf.h"
#include "proto/fileio.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define FIN    "net.ipv4.tcp_fin_timeout"

static struct conf *parse_n(const char *text, size_t len)
{
	struct conf *c = NULL;
	struct fault f = { 0 };
	assert_int_equal(conf_parse(text, len, &c, &f), 0);
	return c;
}

static struct conf *parse(const char *text)
{
	return parse_n(text, strlen(text));
}

static void lines_become_settings_or_issues(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *value;  /* of the first line, or NULL: no setting */
		const char *remark; /* NULL: none */
		int issue;          /* code of the first issue, or 0: none */
		const char *about;
	} rows[] = {
		{ FIN " = 30\n", "30", NULL, 0, "plain" },
		{ FIN "=30", "30", NULL, 0, "no blanks, no newline at the end" },
		{ "  net/ipv4/tcp_fin_timeout\t=\t30 \n", "30", NULL, 0, "slashes and tabs" },
		{ "", NULL, NULL, 0, "nothing" },
		{ "\n\n  \t\n", NULL, NULL, 0, "blank lines" },
		{ "# a\n; b\n", NULL, NULL, 0, "comments" },
		{ "# why\n" FIN " = 30\n", "30", "why", 0, "a comment above is the remark" },
		{ "# one\n; two\n" FIN " = 30\n", "30", "one\ntwo", 0, "two lines above" },
		{ "# far\n\n" FIN " = 30\n", "30", NULL, 0, "a blank line between" },
		{ FIN " = 30 # half a minute\n", "30", "half a minute", KE_SYNTAX, "the article's mistake" },
		{ FIN " = 30#x\n", "30", "x", KE_SYNTAX, "no blank before it" },
		{ FIN " = 30 ; x\n", "30", "x", KE_SYNTAX, "semicolon" },
		{ "# a\n" FIN " = 30 # b\n", "30", "a\nb", KE_SYNTAX, "above and behind" },
		{ FIN " = 30;\n", "30;", NULL, 0, "a semicolon without a blank belongs to the value" },
		{ "net.x.url = a#b\n", "a#b", NULL, 0, "text may contain '#'" },
		{ "-" FIN " = 30\n", "30", NULL, 0, "may be missing" },
		{ "- " FIN " = 30\n", "30", NULL, 0, "blank behind the dash" },
		{ FIN " = 30\r\n", "30", NULL, KE_SYNTAX, "CR LF" },
		{ "\xef\xbb\xbf" FIN " = 30\n", "30", NULL, KE_SYNTAX, "BOM" },
		{ FIN " \xef\xbc\x9d 30\n", NULL, NULL, KE_SYNTAX, "full-width equals sign" },
		{ "the settings above need a restart\n", NULL, NULL, KE_SYNTAX, "prose" },
		{ "net.ipv4.tcp_mem[0]: below this\n", NULL, NULL, KE_SYNTAX,
		        "prose that begins with a key" },
		{ "use a = b\n", NULL, NULL, KE_NAME, "prose with '='" },
		{ FIN "\n", NULL, NULL, KE_SYNTAX, "a key alone" },
		{ "= 30\n", NULL, NULL, KE_NAME, "a value alone" },
		{ "net.ipv4.conf.*.rp_filter = 2\n", "2", NULL, 0, "a whole segment" },
		{ "net.ipv4.conf.eth*.rp_filter = 2\n", NULL, NULL, KE_NAME, "a glob" },
		{ "-net.ipv4.conf.eth0.rp_filter\n", NULL, NULL, 0, "an exclusion" },
		{ "-net..rp_filter\n", NULL, NULL, KE_SYNTAX, "of what is no key" },
		{ "-net.ipv4.conf.*.rp_filter\n", NULL, NULL, KE_SYNTAX, "an exclusion with a '*'" },
		{ "-net.ipv4.conf.eth*.rp_filter\n", NULL, NULL, KE_SYNTAX, "an exclusion with a glob" },
		{ "net/../kernel/x = 1\n", NULL, NULL, KE_NAME, "climbing" },
		{ FIN " = 1 = 2\n", "1 = 2", NULL, 0, "the first '=' divides" },
		{ FIN " =\n", "", NULL, 0, "empty value" },
		{ FIN " = \xff\n", "\xef\xbf\xbd", NULL, KE_SYNTAX, "not UTF-8" },
	};
	for (size_t i = 0; i < LEN(rows); i++) {
		print_message("%s\n", rows[i].about);
		struct conf *c = parse(rows[i].text);
		assert_int_equal(c->n_lines, rows[i].value != NULL);
		if (rows[i].value)
			assert_string_equal(c->lines[0].value, rows[i].value);
		if (rows[i].value && rows[i].remark)
			assert_string_equal(c->lines[0].remark, rows[i].remark);
		else if (rows[i].value)
			assert_null(c->lines[0].remark);
		assert_int_equal(c->n_issues, rows[i].issue != 0);
		if (rows[i].issue) {
			assert_int_equal(c->issues[0].code, rows[i].issue);
			assert_true(c->issues[0].text[0]);
			assert_true(c->issues[0].line >= 1);
		}
		conf_free(c);
	}
}

static void details_of_a_line(void **state)
{
	(void)state;
	static const char text[] = "# a\0b\n-" FIN " = 30\nnet.core.somaxconn = 4096\n";
	struct conf *c = parse_n(text, sizeof text - 1);
	assert_string_equal(c->lines[0].remark, "a\xef\xbf\xbd"
	                                        "b");
	assert_true(c->lines[0].optional);
	assert_int_equal(c->lines[0].line, 2);
	assert_string_equal(c->lines[0].name.path, "net/ipv4/tcp_fin_timeout");
	assert_false(c->lines[1].optional);
	conf_free(c);
}

/* "-KEY" without "=": from every pattern, wherever it stands; and against the key's own line, when it follows that. */
static void exclusions_become_exceptions(void **state)
{
#define RP(i)   "net.ipv4.conf." i ".rp_filter"
#define Q(key)  "\n        \"" key "\""
#define END     "\n      ]"
#define NOBROAD "-" RP("all") "\n-" RP("default") "\n" /* the '*' of the rows means interfaces */
	static const struct {
		const char *text, *json; /* of the settings */
		unsigned issues;
		const char *about;
	} rows[] = {
		{ NOBROAD RP("*") " = 2\n-" RP("docker0") "\n- " RP("a") "\n",
		        "\"value\": \"2\",\n      \"except\": [" Q(RP("docker0")) "," Q(RP("a")) END, 0,
		        "behind the pattern" },
		{ NOBROAD "-" RP("docker0") "\n" RP("*") " = 2\n", "\"except\": [" Q(RP("docker0")) END, 0,
		        "before it" },
		{ NOBROAD RP("*") " = 2\n-" RP("a") "\n-" RP("a") "\n", "\"except\": [" Q(RP("a")) END, 0,
		        "twice" },
		{ NOBROAD RP("*") " = 2\n-net.ipv4.conf.a.forwarding\n", "\"value\": \"2\"\n", 1,
		        "from nothing: a note" },
		{ NOBROAD RP("a") " = 1\n" RP("*") " = 2\n-" RP("a") "\n",
		        "\"settings\": [\n    {\n      \"key\": \"" RP("*") "\"", 0, "takes the line back" },
		{ NOBROAD "-" RP("a") "\n" RP("*") " = 2\n" RP("a") " = 1\n", "\"key\": \"" RP("a") "\"", 0,
		        "the line takes it back" },
	};
	(void)state;

	for (size_t i = 0; i < LEN(rows); i++) {
		struct conf *c = parse(rows[i].text);
		struct policy *p = NULL;
		char *json = NULL;
		assert_int_equal(conf_to_policy(c, "local", &p, NULL), 0);
		assert_int_equal(policy_print(p, &json, NULL), 0);
		if (!strstr(json, rows[i].json) || c->n_issues != rows[i].issues)
			fail_msg("%s: %zu issues, %s", rows[i].about, c->n_issues, json);
		free(json);
		policy_free(p);
		conf_free(c);
	}
}

/* sysctl's '*' writes "all" and "default", a policy's does not: they are added, where the file says nothing of its own. */
static void a_star_means_what_it_means_to_sysctl(void **state)
{
#define PREFIX   "net.ipv4.neigh."
#define NEIGH(i) PREFIX i ".gc_stale_time"
	static const struct {
		const char *text;
		size_t settings, issues;
		const char *all, *value_all, *def,
		        *value_def; /* keys, and what is wanted of them; NULL: no setting */
		const char *about;
	} rows[] = {
		{ RP("*") " = 2\n", 3, 2, RP("all"), "2", RP("default"), "2", "both" },
		{ RP("all") " = 0\n" RP("*") " = 2\n", 3, 1, RP("all"), "0", RP("default"), "2",
		        "all before" },
		{ RP("*") " = 2\n" RP("default") " = 1\n", 3, 1, RP("all"), "2", RP("default"), "1",
		        "default behind" },
		{ RP("*") " = 2\n-" RP("all") "\n", 2, 1, RP("all"), NULL, RP("default"), "2", "excluded" },
		{ RP("*") " = 1\n" RP("*") " = 2\n", 3, 3, RP("all"), "2", RP("default"), "2",
		        "the last line" },
		{ NEIGH("*") " = 30\n", 2, 2, NEIGH("all"), NULL, NEIGH("default"), "30",
		        "neigh has no all; and the key is unknown" },
		{ RP("*") " = x\n", 0, 1, RP("all"), NULL, RP("default"), NULL,
		        "a value that is refused, once" },
		{ RP("a") " = 2\n", 1, 0, RP("all"), NULL, RP("default"), NULL, "no star" },
	};
	(void)state;

	for (size_t i = 0; i < LEN(rows); i++) {
		const char *const want[][2] = { { rows[i].all, rows[i].value_all },
			{ rows[i].def, rows[i].value_def } };
		struct conf *c = parse(rows[i].text);
		struct policy *p = NULL;
		assert_int_equal(conf_to_policy(c, "local", &p, NULL), 0);
		if (p->n != rows[i].settings || c->n_issues != rows[i].issues)
			fail_msg("%s: %zu settings, %zu issues", rows[i].about, p->n, c->n_issues);
		for (size_t k = 0; k < 2; k++) {
			struct name n;
			assert_int_equal(name_parse(want[k][0], strlen(want[k][0]), &n, NULL), 0);
			const struct setting *s = policy_find(p, &n);
			if (!s != !want[k][1] || (s && strcmp(s->value, want[k][1]) != 0))
				fail_msg(
				        "%s: %s is '%s'", rows[i].about, want[k][0], s ? s->value : "absent");
		}
		policy_free(p);
		conf_free(c);
	}
}

/* A file for sysctl(8) has no such values: they would reach the kernel as text. */
static void bounds_are_for_documents(void **state)
{
	static const char *const lines[] = { "net.core.somaxconn = >=4096\n", "net.new.key = <=1\n" };
	(void)state;

	for (size_t i = 0; i < LEN(lines); i++) {
		struct conf *c = parse(lines[i]);
		struct policy *p = NULL;
		assert_int_equal(conf_to_policy(c, "local", &p, NULL), 0);
		assert_int_equal(p->n, 0);
		assert_int_equal(c->n_issues, 1);
		assert_int_equal(c->issues[0].severity, CONF_ERROR);
		assert_int_equal(c->issues[0].code, KE_VALUE);
		assert_non_null(strstr(c->issues[0].todo, "policy document"));
		policy_free(p);
		conf_free(c);
	}
}

static void the_later_line_wins(void **state)
{
	(void)state;
	struct conf *c =
	        parse(FIN " = 30\nnet.core.somaxconn = 4096\n\n" FIN " = 60\nnet/core/somaxconn = 4096\n");
	struct policy *p = NULL;
	assert_int_equal(c->n_lines, 4);
	assert_int_equal(c->n_issues, 2);
	assert_int_equal(c->issues[0].code, KE_DUPLICATE);
	assert_int_equal(c->issues[0].severity, CONF_WARNING);
	assert_int_equal(c->issues[0].line, 4);
	assert_string_equal(c->issues[0].key, FIN);
	assert_string_equal(c->issues[0].todo, "delete line 1");
	assert_int_equal(c->issues[1].severity, CONF_NOTE);
	assert_int_equal(conf_to_policy(c, "local", &p, NULL), 0);
	assert_int_equal(p->n, 2);
	assert_string_equal(p->settings[0].value, "60");
	assert_int_equal(p->settings[0].line, 4);
	policy_free(p);
	conf_free(c);
}

static void what_does_not_fit_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t settings;
		int issue;
		const char *todo; /* a part of it, or NULL */
	} rows[] = {
		{ FIN " = 30", 1, 0, NULL },
		{ FIN " = \xef\xbc\x93\xef\xbc\x90", 0, KE_VALUE, "ASCII digits: 30" },
		{ FIN " = 010", 0, KE_VALUE, "reads 010 as 8" },
		{ FIN " = 30;", 0, KE_VALUE, "the number alone" },
		{ FIN " = 30s", 0, KE_VALUE, "the number alone" },
		{ FIN " =", 0, KE_VALUE, NULL },
		{ "net.ipv4.tcp_tw_reuse = 3", 0, KE_RANGE, NULL },
		{ "net.ipv4.tcp_timestsmps = 0", 1, KE_UNKNOWN, "net.ipv4.tcp_timestamps" },
		{ "net.vendor.speed = 1", 1, KE_UNKNOWN, NULL },
		{ "kernel.core_pattern = |/bin/x", 0, KE_CEILING, NULL },
		{ "net.ipv4.route.flush = 1", 0, KE_CEILING, NULL },
		{ "net.ipv4.tcp_rmem = 4096 131072", 0, KE_VALUE, "all elements" },
	};
	for (size_t i = 0; i < LEN(rows); i++) {
		struct policy *p = NULL;
		struct conf *c = parse(rows[i].text);
		print_message("%s\n", rows[i].text);
		assert_int_equal(conf_to_policy(c, "local", &p, NULL), 0);
		assert_int_equal(p->n, rows[i].settings);
		assert_int_equal(c->n_issues, rows[i].issue != 0);
		if (rows[i].issue) {
			assert_int_equal(c->issues[0].code, rows[i].issue);
			if (rows[i].todo)
				assert_non_null(strstr(c->issues[0].todo, rows[i].todo));
		}
		policy_free(p);
		conf_free(c);
	}
}

/* A policy made from a file can be written, signed and read again. */
static void imported_policies_are_documents(void **state)
{
	(void)state;
	struct policy *p = NULL, *again = NULL;
	struct conf *c = parse("# for \"orphans\"\n-" FIN " = 30\nnet.ipv4.ip_local_reserved_ports = 9,8\n");
	char *json = NULL;
	size_t len;
	assert_int_equal(conf_to_policy(c, "local", &p, NULL), 0);
	assert_int_equal(policy_print(p, &json, &len), 0);
	assert_int_equal(policy_parse(json, len, &again, NULL), 0);
	assert_string_equal(again->settings[0].why, "for \"orphans\"");
	assert_true(again->settings[0].optional);
	assert_string_equal(again->settings[1].value, "8-9");
	free(json);
	policy_free(again);
	policy_free(p);
	conf_free(c);
}

static void limits_hold(void **state)
{
	(void)state;
	size_t len = CONF_MAX_BYTES + 1;
	char *big = malloc(len);
	struct conf *c = NULL;
	struct fault f = { 0 };
	assert_non_null(big);
	memset(big, 'x', len);
	assert_int_equal(conf_parse(big, len, &c, &f), KE_TOOBIG);
	for (size_t i = 1; i < len; i += 2)
		big[i] = '\n';
	assert_int_equal(conf_parse(big, len - 1, &c, &f), KE_TOOBIG);
	assert_int_equal(f.code, KE_TOOBIG);
	size_t n = 0;
	for (unsigned i = 0; i <= CONF_MAX_LINES; i++)
		n += (size_t)snprintf(big + n, len - n, "net.x.k%u=1\n", i);
	assert_int_equal(conf_parse(big, n, &c, &f), KE_TOOBIG);
	assert_null(c);
	/* As many unknown keys as there may be lines: each is an issue, none is too many. */
	struct policy *p = NULL;
	n = 0;
	for (unsigned i = 0; i < CONF_MAX_LINES; i++)
		n += (size_t)snprintf(big + n, len - n, "net.ipv4.tcp_timestsmp%u=1 # x\n", i);
	assert_int_equal(conf_parse(big, n, &c, &f), 0);
	assert_int_equal(c->n_issues, CONF_MAX_LINES);
	assert_int_equal(conf_to_policy(c, "local", &p, &f), 0);
	assert_int_equal(p->n, CONF_MAX_LINES);
	assert_int_equal(c->n_issues, 2 * CONF_MAX_LINES);
	policy_free(p);
	conf_free(c);
	free(big);
}

static void the_article_is_accounted_for(void **state)
{
	(void)state;
	char *text = NULL;
	size_t len;
	struct policy *p = NULL;
	unsigned behind = 0, prose = 0, twice = 0, unknown = 0;
	assert_int_equal(
	        file_read(KEDGE_SOURCE_DIR "/policies/examples/article-2021.conf", 65536, &text, &len, NULL),
	        0);
	struct conf *c = parse_n(text, len);
	assert_int_equal(c->n_lines, 24);
	assert_int_equal(conf_to_policy(c, "article", &p, NULL), 0);
	for (size_t i = 0; i < c->n_issues; i++) {
		behind += c->issues[i].code == KE_SYNTAX && c->issues[i].severity == CONF_WARNING;
		prose += c->issues[i].code == KE_SYNTAX && c->issues[i].severity == CONF_ERROR;
		twice += c->issues[i].code == KE_DUPLICATE;
		unknown += c->issues[i].code == KE_UNKNOWN;
	}
	assert_int_equal(p->n, 21);
	assert_int_equal(behind, 22);
	assert_int_equal(prose, 8);
	assert_int_equal(twice, 3);
	assert_int_equal(unknown, 1);
	assert_int_equal(c->n_issues, behind + prose + twice + unknown);
	policy_free(p);
	conf_free(c);
	file_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_become_settings_or_issues),
		cmocka_unit_test(details_of_a_line),
		cmocka_unit_test(exclusions_become_exceptions),
		cmocka_unit_test(a_star_means_what_it_means_to_sysctl),
		cmocka_unit_test(bounds_are_for_documents),
		cmocka_unit_test(the_later_line_wins),
		cmocka_unit_test(what_does_not_fit_is_told),
		cmocka_unit_test(imported_policies_are_documents),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(the_article_is_accounted_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
