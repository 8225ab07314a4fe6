/* Which of many lines decides, for each of the two programs. The same rules against the programs: system/181-precedence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policies/precedence.h"

#define FIN "net.ipv4.tcp_fin_timeout"
#define RPF "net.ipv4.conf.lo.rp_filter"

static void who_wins(void **state)
{
	static const struct {
		const char *key;
		const char *files[3];
		const char *systemd, *procps; /* the winning value; NULL: nobody sets it */
		const char *remark;
	} rows[] = {
		{ FIN, { FIN " = 1", FIN " = 2" }, "2", "2", "a later file" },
		{ FIN, { FIN " = 1\n" FIN " = 2" }, "2", "2", "a later line" },
		{ FIN, { "net/ipv4/tcp_fin_timeout=1" }, "1", "1", "slashes" },
		{ FIN, { "  -" FIN "  =  1  2 " }, "1  2", "1  2", "failure is no matter; blanks around" },
		{ FIN, { "# " FIN " = 1\n; " FIN " = 2" }, NULL, NULL, "comments" },
		{ FIN, { FIN " = 1 # one" }, "1 # one", "1 # one", "no comment: a part of the value" },
		{ FIN, { FIN }, NULL, NULL, "no assignment" },
		{ FIN, { FIN "x = 1\n" FIN ".x = 1\nnet.ipv4 = 1" }, NULL, NULL, "other keys" },
		{ FIN, { FIN " = 1\r\n" }, "1", "1", "lines of another system" },
		{ FIN, { FIN " =" }, "", "", "an empty value" },
		{ FIN, { "= 1\n-= 1\n-\n=" }, NULL, NULL, "nothing before it" },
		{ FIN, { "net.ipv4.tcp_fin_* = 1" }, "1", "1", "a glob" },
		{ FIN, { "net.*.tcp_fin_timeout = 1" }, "1", "1", "a glob in the middle" },
		{ FIN, { "net.* = 1\n*fin_timeout = 1" }, NULL, NULL, "a glob does not cross directories" },
		{ FIN, { FIN " = 1", "net.ipv4.tcp_fin_* = 2" }, "1", "1",
		        "a name in full beats a later glob" },
		{ FIN, { "net.ipv4.tcp_fin_* = 1", "net.ipv4.*_timeout = 2" }, "2", "2", "the later glob" },
		{ FIN, { "net.ipv4.tcp_fin_* = 1", "-" FIN }, NULL, NULL, "an exclusion" },
		{ FIN, { "-" FIN, "net.ipv4.tcp_fin_* = 1" }, NULL, NULL, "also when it stands before" },
		{ FIN, { FIN " = 1", "-" FIN }, NULL, "1", "systemd-sysctl: it replaces the assignment" },
		{ FIN, { "-" FIN, FIN " = 1" }, "1", "1", "and is replaced by it" },
		{ FIN, { FIN " = 1", "-" FIN, FIN " = 2" }, "2", "2", "back and forth" },
		{ RPF, { "net.ipv4.conf.*.rp_filter = 1", "-net.ipv4.conf.lo.*" }, "1", "1",
		        "an exclusion by a glob" },
		{ RPF, { "net.ipv4.conf.*.rp_filter = 1", "-net.ipv4.conf.*.rp_filter" }, NULL, "1",
		        "by the same one" },
		{ FIN, { "net.ipv4.tcp_fin_* = 1\nnet.ipv4.*_timeout = 2", "net.ipv4.tcp_fin_* = 1" }, "2",
		        "1", "systemd-sysctl: the same again stays in its place" },
		{ FIN, { "net.ipv4.tcp_fin_* = 1\nnet.ipv4.*_timeout = 2", "net.ipv4.tcp_fin_* = 3" }, "3",
		        "3", "another value goes behind" },
		{ FIN, { "-net.ipv4.tcp_fin_*", "net.ipv4.tcp_fin_* = 1" }, "1", "1",
		        "and then the glob again" },
		{ "net.ipv4.conf.eth0/1.rp_filter", { "net.ipv4.conf.eth0/1.rp_filter = 1" }, "1", "1",
		        "a dot in an interface's name" },
		{ "net.ipv4.conf.eth0/1.rp_filter", { "net/ipv4/conf/eth0.1/rp_filter = 1" }, "1", "1",
		        "the other way round" },
		{ FIN, { "- " FIN " = 1" }, "1", NULL, "a blank behind the dash" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct precedence_file files[3];
		struct precedence p;
		struct name key;
		size_t n = 0;
		assert_int_equal(name_parse(rows[i].key, strlen(rows[i].key), &key, NULL), 0);
		for (; n < 3 && rows[i].files[n]; n++)
			files[n] = (struct precedence_file){ rows[i].files[n], strlen(rows[i].files[n]) };
		for (int program = 0; program < PRECEDENCE_PROGRAMS; program++) {
			const char *want = program == PRECEDENCE_SYSTEMD ? rows[i].systemd : rows[i].procps;
			assert_int_equal(
			        precedence_judge((enum precedence_program)program, files, n, &key, &p), 0);
			const struct precedence_row *winner = precedence_winner(&p);
			if (!winner != !want || (want && strcmp(winner->value, want) != 0))
				fail_msg("%s: %s: %s, not %s", rows[i].remark, program ? "procps" : "systemd",
				        winner ? winner->value : "nobody", want ? want : "nobody");
			precedence_clear(&p);
		}
	}
}

static void what_becomes_of_each_line(void **state)
{
	const struct precedence_file files[] = { { "net.ipv4.tcp_fin_* = 1\n\n", 24 },
		{ "x = 1\n" FIN " = 2\n-" FIN "\n", 6 + 29 + 26 } };
	struct precedence p;
	struct name key;
	(void)state;

	assert_int_equal(name_parse(FIN, strlen(FIN), &key, NULL), 0);
	assert_int_equal(precedence_judge(PRECEDENCE_SYSTEMD, files, 2, &key, &p), 0);
	assert_int_equal(p.n, 3);
	assert_string_equal(p.rows[0].written, "net.ipv4.tcp_fin_*");
	assert_false(p.rows[0].exact);
	assert_int_equal(p.rows[0].effect, PRECEDENCE_EXCLUDED);
	assert_int_equal(p.rows[1].file, 1);
	assert_int_equal(p.rows[1].line, 2);
	assert_true(p.rows[1].exact);
	assert_int_equal(p.rows[1].effect, PRECEDENCE_EXCLUDED);
	assert_null(p.rows[2].value);
	assert_int_equal(p.rows[2].effect, PRECEDENCE_EXCLUDES);
	precedence_clear(&p);
	assert_int_equal(precedence_judge(PRECEDENCE_PROCPS, files, 2, &key, &p), 0);
	assert_int_equal(p.rows[0].effect, PRECEDENCE_OVERRIDDEN);
	assert_int_equal(p.rows[1].effect, PRECEDENCE_WINS);
	assert_int_equal(p.rows[2].effect, PRECEDENCE_EXCLUDES);
	assert_string_equal(precedence_effect_name(p.rows[2].effect), "excludes");
	precedence_clear(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_wins),
		cmocka_unit_test(what_becomes_of_each_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
