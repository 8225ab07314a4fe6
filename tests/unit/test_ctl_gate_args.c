/* Options that become gates: what they are, what is refused, and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server-stub/ctl/gate_args.h"

/* WORDS split at blanks, as a command line. */
static int read_words(const char *words, struct gates *ret, struct fault *f)
{
	static char copy[512];
	char *argv[32] = { copy };
	int argc = 1;
	struct args a;

	snprintf(copy, sizeof copy, "%s", words);
	for (char *save = NULL, *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	assert_int_equal(args_read(argc, argv, &a, f), 0);
	assert_int_equal(gate_args_any(&a), words[0] != '\0');
	return gate_args_read(&a, ret, f);
}

static void good(void **state)
{
	(void)state;
	const struct gates preset = gates_default();
	struct gates g;

	assert_int_equal(read_words("", &g, NULL), 0);
	assert_memory_equal(&g, &preset, sizeof g);
	assert_int_equal(read_words("--no-gates", &g, NULL), 0);
	assert_true(gates_idle(&g));
	assert_int_equal(read_words("--soak 1h --answered 95.5% --evidence 0 --failed 3,1.4% --reverted none "
	                            "--contested 0 --drifted 0% --background 0.2% --excess 1.5%",
	                         &g, NULL),
	        0);
	assert_int_equal(g.soak, 3600);
	assert_int_equal(g.answered, 955);
	assert_int_equal(g.evidence, 0);
	assert_int_equal(g.limits[GATE_FAILED].hosts, 3);
	assert_int_equal(g.limits[GATE_FAILED].share, 14);
	assert_int_equal(g.limits[GATE_REVERTED].hosts, GATES_NO_LIMIT);
	assert_int_equal(g.limits[GATE_REVERTED].share, GATES_NO_LIMIT);
	assert_int_equal(g.limits[GATE_CONTESTED].hosts, 0);
	assert_int_equal(g.limits[GATE_CONTESTED].share, GATES_NO_LIMIT);
	assert_int_equal(g.limits[GATE_DRIFTED].share, 0);
	assert_int_equal(g.background, 2);
	assert_int_equal(g.excess, 15);
	assert_int_equal(read_words("--excess none", &g, NULL), 0);
	assert_int_equal(g.background, GATES_NO_LIMIT);
	assert_int_equal(g.excess, GATES_NO_LIMIT);
}

static void refused(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *words;
		int code;
		const char *where;
	} rows[] = {
		{ "two shares", "--failed 3%,4%", KE_USAGE, "--failed" },
		{ "two numbers", "--failed 3,4", KE_USAGE, "--failed" },
		{ "nothing behind the comma", "--failed 3,", KE_USAGE, "--failed" },
		{ "all of them", "--failed 100%", KE_USAGE, "--failed" },
		{ "finer than a plan holds", "--drifted 0.05%", KE_USAGE, "--drifted" },
		{ "a minus", "--contested -3", KE_USAGE, "--contested" },
		{ "no percent sign", "--answered 90", KE_USAGE, "--answered" },
		{ "more than all", "--answered 101%", KE_USAGE, "--answered" },
		{ "a soak of years", "--soak 60000000", KE_RANGE, "--soak" },
		{ "evidence of nobody's fleet", "--evidence 1000001", KE_USAGE, "--evidence" },
		{ "an excess of nothing", "--excess 0%", KE_USAGE, "--excess" },
		{ "a background of most", "--background 51%", KE_USAGE, "--background" },
		{ "gates and none", "--no-gates --failed 3", KE_USAGE, "failed" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct gates g = { .soak = 77 };
		struct fault f = { 0 };
		int rc = read_words(rows[i].words, &g, &f);
		if (rc != rows[i].code || strcmp(f.where, rows[i].where) != 0 || g.soak != 77)
			fail_msg("%s: %d at '%s': %s", rows[i].remark, rc, f.where, f.what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
