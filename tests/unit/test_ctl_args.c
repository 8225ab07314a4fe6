/* The command line of kedge: words and options, durations, ranges, labels, waves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policies/knowledge.h"
#include "server-stub/ctl/args.h"

static void words_and_options(void **state)
{
	(void)state;
	char *argv[] = { (char[]){ "kedge" }, (char[]){ "repo" }, (char[]){ "--keys" }, (char[]){ "K" },
		(char[]){ "init" }, (char[]){ "--expires=root=1d" }, (char[]){ "-n" }, (char[]){ "-o" },
		(char[]){ "out" }, (char[]){ "--expires" }, (char[]){ "targets=2d" }, (char[]){ "-" },
		(char[]){ "--" }, (char[]){ "--keys" } };
	struct args a;
	size_t at = 0;

	assert_int_equal(args_read(sizeof argv / sizeof argv[0], argv, &a, NULL), 0);
	assert_int_equal(a.n_words, 4);
	assert_string_equal(a.words[0], "repo");
	assert_string_equal(a.words[1], "init");
	assert_string_equal(a.words[2], "-");
	assert_string_equal(a.words[3], "--keys");
	assert_string_equal(args_value(&a, "keys"), "K");
	assert_string_equal(args_value(&a, "output"), "out");
	assert_true(args_has(&a, "dry-run"));
	assert_false(args_has(&a, "wave"));
	assert_null(args_value(&a, "wave"));
	assert_string_equal(args_next(&a, "expires", &at), "root=1d");
	assert_string_equal(args_next(&a, "expires", &at), "targets=2d");
	assert_null(args_next(&a, "expires", &at));
}

static void wrong_options(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *option, *next, *says;
	} rows[] = {
		{ "unknown", "--wavs", "1%", "there is no option '--wavs'" },
		{ "abbreviated", "--wav", "1%", "there is no option '--wav'" },
		{ "unknown letter", "-x", NULL, "there is no option '-x'" },
		{ "letters joined", "-nn", NULL, "there is no option '-nn'" },
		{ "no value", "--wave", NULL, "--wave wants a value: WAVE" },
		{ "a value too many", "--dry-run=yes", NULL, "--dry-run takes no value" },
		{ "nothing but dashes", "---", NULL, "there is no option '---'" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *option = strdup(rows[i].option), *next = rows[i].next ? strdup(rows[i].next) : NULL;
		char *argv[] = { (char[]){ "kedge" }, option, next };
		struct args a;
		struct fault f = { 0 };
		int rc = args_read(next ? 3 : 2, argv, &a, &f);
		if (rc != KE_USAGE || strcmp(f.what, rows[i].says) != 0)
			fail_msg("%s: %d '%s'", rows[i].remark, rc, f.what);
		free(option);
		free(next);
	}
}

static void durations(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t seconds; /* -1: refused */
	} rows[] = { { "90", 90 }, { "90s", 90 }, { "15m", 900 }, { "1h", 3600 }, { "7d", 604800 },
		{ "2w", 1209600 }, { "0s", 0 }, { "", -1 }, { "h", -1 }, { "1y", -1 }, { "1h30m", -1 },
		{ "-1h", -1 }, { "1 h", -1 }, { "1.5h", -1 }, { "1H", -1 }, { "5300w", -1 },
		{ "99999999999999999999s", -1 } };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t got = -1;
		int rc = args_duration(rows[i].text, &got, NULL);
		if (got != rows[i].seconds || (rc == 0) != (rows[i].seconds >= 0))
			fail_msg("'%s': %d, %lld", rows[i].text, rc, (long long)got);
	}
}

static void since(void **state)
{
	(void)state;
	int64_t got = -1;

	assert_int_equal(args_since("2h", 10000, &got, NULL), 0);
	assert_int_equal(got, 2800);
	assert_int_equal(args_since("1970-01-01T00:01:00Z", 10000, &got, NULL), 0);
	assert_int_equal(got, 60);
	assert_int_equal(args_since("1d", 10000, &got, NULL), 0);
	assert_int_equal(got, 0);
	assert_int_equal(args_since("yesterday", 10000, &got, NULL), KE_USAGE);
	assert_int_equal(args_since("2026-02-30T00:00:00Z", 10000, &got, NULL), KE_USAGE);
}

static void numbers(void **state)
{
	(void)state;
	int64_t got = -1;

	assert_int_equal(args_int("7", 1, 9, &got, NULL), 0);
	assert_int_equal(got, 7);
	static const char *const bad[] = { "", "0", "10", "-1", "7x", " 7", "0x7", "99999999999999999999" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (args_int(bad[i], 1, 9, &got, NULL) != KE_USAGE)
			fail_msg("'%s' is a number", bad[i]);
	assert_int_equal(got, 7);
}

static void kernels(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint32_t low, high; /* 0: refused */
	} rows[] = { { "6.1", KERNEL(6, 1), KERNEL(6, 1) }, { "5.4..6.12", KERNEL(5, 4), KERNEL(6, 12) },
		{ "6", 0, 0 }, { "6.", 0, 0 }, { "6.12..5.4", 0, 0 }, { "5.4-6.12", 0, 0 }, { "5.4..", 0, 0 },
		{ "5.4..6", 0, 0 }, { "5.4..6.1.2", 0, 0 }, { "", 0, 0 }, { "300.1", 0, 0 } };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint32_t low = 0, high = 0;
		int rc = args_kernels(rows[i].text, &low, &high, NULL);
		if (low != rows[i].low || high != rows[i].high || (rc == 0) != (rows[i].low != 0))
			fail_msg("'%s': %d, %x..%x", rows[i].text, rc, low, high);
	}
}

static void memory(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t low, high; /* 0: refused */
	} rows[] = { { "4G..256G", 4ULL << 30, 256ULL << 30 }, { "512M", 512ULL << 20, 512ULL << 20 },
		{ "1024K..1T", 1 << 20, 1ULL << 40 }, { "4g", 0, 0 }, { "4", 0, 0 }, { "0G", 0, 0 },
		{ "8G..4G", 0, 0 }, { "G", 0, 0 }, { "4GB", 0, 0 }, { "99999999G", 0, 0 } };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t low = 0, high = 0;
		int rc = args_memory(rows[i].text, &low, &high, NULL);
		if (low != rows[i].low || high != rows[i].high || (rc == 0) != (rows[i].low != 0))
			fail_msg("'%s': %d", rows[i].text, rc);
	}
}

static void labels(void **state)
{
	(void)state;
	struct label *list = NULL;
	size_t n = 0;

	assert_int_equal(args_labels("role=web,site=", &list, &n, NULL), 0);
	assert_int_equal(args_labels("x=a=b", &list, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_string_equal(list[0].name, "role");
	assert_string_equal(list[0].value, "web");
	assert_string_equal(list[1].name, "site");
	assert_string_equal(list[1].value, "");
	assert_string_equal(list[2].value, "a=b");
	assert_int_equal(args_labels("role=db", &list, &n, NULL), KE_DUPLICATE);
	assert_int_equal(args_labels("", &list, &n, NULL), KE_USAGE);
	assert_int_equal(args_labels("role", &list, &n, NULL), KE_USAGE);
	assert_int_equal(args_labels("=web", &list, &n, NULL), KE_USAGE);
	assert_int_equal(args_labels("y=1,", &list, &n, NULL), KE_USAGE);
	args_labels_free(list, n);
}

/* A row that repeats a name or a letter would never be found. */
static void table(void **state)
{
	(void)state;
	for (const struct args_option *o = args_options; o->name; o++)
		for (const struct args_option *p = o + 1; p->name; p++)
			if (strcmp(o->name, p->name) == 0 || (o->letter && o->letter == p->letter))
				fail_msg("--%s and --%s", o->name, p->name);
}

/* The first row of a name counts: a second one would never be found. */
static void each_once(void **state)
{
	(void)state;
	for (const struct args_option *a = args_options; a->name; a++)
		for (const struct args_option *b = a + 1; b->name; b++)
			if (strcmp(a->name, b->name) == 0 || (a->letter && a->letter == b->letter))
				fail_msg("--%s and --%s", a->name, b->name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_options),
		cmocka_unit_test(wrong_options),
		cmocka_unit_test(durations),
		cmocka_unit_test(since),
		cmocka_unit_test(numbers),
		cmocka_unit_test(kernels),
		cmocka_unit_test(memory),
		cmocka_unit_test(labels),
		cmocka_unit_test(table),
		cmocka_unit_test(each_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
