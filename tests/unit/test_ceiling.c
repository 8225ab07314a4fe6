/* The ceiling: what it lets through, and what it refuses to be. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/engine/ceiling.h"
#include "tests/support/fault_tree.h"

static void judges_keys(void **state)
{
	static const struct {
		const char *text, *key;
		enum ceiling_verdict verdict;
		const char *remark;
	} rows[] = {
		{ "net.**\n", "net.ipv4.tcp_rmem", CEILING_ALLOWED, "the default's own pattern" },
		{ " \t net.**\n", "net.ipv4.tcp_rmem", CEILING_ALLOWED, "blanks in front" },
		{ "net.ipv4.*\n", "net.ipv4.tcp_rmem", CEILING_ALLOWED, "one segment" },
		{ "net.ipv4.*\n", "net.ipv4.conf.lo.rp_filter", CEILING_OUTSIDE, "a star is one segment" },
		{ "net.ipv4.conf.*.rp_filter", "net/ipv4/conf/eth0.1/rp_filter", CEILING_ALLOWED,
		        "dot in a name" },
		{ "net.**\n!net.ipv4.ip_forward\n", "net.ipv4.ip_forward", CEILING_OUTSIDE, "taken out" },
		{ "!net.ipv4.ip_forward\nnet.**\n", "net.ipv4.ip_forward", CEILING_OUTSIDE,
		        "wherever it stands" },
		{ "net.**\n! net.ipv4.** # all\n", "net.core.somaxconn", CEILING_ALLOWED, "the rest stays" },
		{ "", "net.core.somaxconn", CEILING_OUTSIDE, "an empty file allows nothing" },
		{ "# net.**\n\n \t\n", "net.core.somaxconn", CEILING_OUTSIDE, "comments are no patterns" },
		{ "net.**\r\n", "net.core.somaxconn", CEILING_ALLOWED, "written elsewhere" },
		{ "vm.swappiness", "vm.swappiness", CEILING_ALLOWED, "no newline at the end" },
		{ "kernel.**\nkernel.core_pattern\n", "kernel.core_pattern", CEILING_NEVER,
		        "not even when named" },
		{ "fs.**\n", "fs.binfmt_misc.register", CEILING_NEVER, "nor below a pattern" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct ceiling *c = NULL;
		struct fault f;
		struct name n = name_of(rows[i].key);
		assert_int_equal(ceiling_parse(rows[i].text, strlen(rows[i].text), &c, &f), 0);
		if (ceiling_check(c, &n) != rows[i].verdict)
			fail_msg("row %zu: %s", i, rows[i].remark);
		ceiling_free(c);
	}
}

/* What stands behind the given length is not looked at. */
static void the_length_counts(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		int rc;
		const char *remark;
	} rows[] = {
		{ " \t  net..x", 2, KE_OK, "blanks go on behind the end" },
		{ "net.**  .x", 8, KE_OK, "blanks before the end" },
		{ "net.**  .x", 7, KE_OK, "a blank on both sides of it" },
		{ "net.**.x", 6, KE_OK, "a name goes on" },
		{ "!   net.**", 2, KE_NAME, "blanks go on, with nothing taken out" },
		{ "net.**\nnet..x", 7, KE_OK, "a line behind the end" },
		{ "", 0, KE_OK, "nothing" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct ceiling *c = NULL;
		struct fault f;
		if (ceiling_parse(rows[i].text, rows[i].len, &c, &f) != rows[i].rc)
			fail_msg("%s: %s", rows[i].remark, f.what);
		ceiling_free(c);
	}
}

/* Without a ceiling of its own a host has the one of the default text. */
static void no_ceiling_is_the_default(void **state)
{
	static const struct {
		const char *key;
		enum ceiling_verdict verdict;
		const char *remark;
	} rows[] = {
		{ "net.core.somaxconn", CEILING_ALLOWED, "below net" },
		{ "net/ipv4/conf/eth0.1/rp_filter", CEILING_ALLOWED, "deep below net" },
		{ "net.x", CEILING_ALLOWED, "the shortest name" },
		{ "network.x", CEILING_OUTSIDE, "begins with the letters only" },
		{ "ne.x", CEILING_OUTSIDE, "less than that" },
		{ "kernel.core_pattern", CEILING_NEVER, "the never-list holds all the same" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct name n = name_of(rows[i].key);
		if (ceiling_check(NULL, &n) != rows[i].verdict)
			fail_msg("%s", rows[i].remark);
	}
}

static void bad_lines_refuse_the_file(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		int rc;
		const char *where, *remark;
	} rows[] = {
		{ "net.**\nnet..x\n", 13, KE_NAME, "line 2", "an empty segment" },
		{ "net.** vm.**\n", 13, KE_NAME, "line 1", "two in one line" },
		{ "net\n", 4, KE_NAME, "line 1", "one segment" },
		{ "!\n", 2, KE_NAME, "line 1", "nothing taken out" },
		{ "net.\0**\n", 8, KE_SYNTAX, "", "NUL" },
		{ "net/../kernel/x\n", 16, KE_NAME, "line 1", "the way out" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct ceiling *c = NULL;
		struct fault f;
		int rc = ceiling_parse(rows[i].text, rows[i].len, &c, &f);
		if (rc != rows[i].rc || strncmp(f.where, rows[i].where, strlen(rows[i].where)) != 0)
			fail_msg("%s: %d %s", rows[i].remark, rc, f.where);
		assert_null(c);
	}
}

static void too_much_is_refused(void **state)
{
	static char text[CEILING_MAX_LEN + 1];
	struct ceiling *c = NULL;
	struct fault f;
	size_t n = 0;
	(void)state;

	for (int i = 0; i <= CEILING_MAX_ROWS; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "net.k%d\n", i);
	assert_int_equal(ceiling_parse(text, n, &c, &f), KE_TOOBIG);
	memset(text, '\n', sizeof text);
	assert_int_equal(ceiling_parse(text, sizeof text, &c, &f), KE_TOOBIG);
	assert_int_equal(ceiling_parse(text, CEILING_MAX_LEN, &c, &f), 0);
	ceiling_free(c);
	c = NULL;
	/* One row less fits. */
	n = 0;
	for (int i = 0; i < CEILING_MAX_ROWS; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "net.k%d\n", i);
	assert_int_equal(ceiling_parse(text, n, &c, &f), 0);
	ceiling_free(c);
}

static void only_roots_file_counts(void **state)
{
	struct tree t;
	struct ceiling *c = NULL;
	struct fault f;
	(void)state;

	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		skip();
	}
	tree_open(&t);
	struct name in = name_of("net.core.somaxconn"), out = name_of("vm.swappiness");
	assert_int_equal(ceiling_read(t.ceiling, &c, &f), 0);
	assert_int_equal(ceiling_check(c, &in), CEILING_ALLOWED);
	assert_int_equal(ceiling_check(c, &out), CEILING_OUTSIDE);
	ceiling_free(c);
	c = NULL;
	assert_int_equal(ceiling_check(NULL, &in), CEILING_ALLOWED);
	assert_int_equal(ceiling_check(NULL, &out), CEILING_OUTSIDE);
	assert_int_equal(file_replace(t.ceiling, "vm.**\n", 6, 0644, FILE_VOLATILE, &f), 0);
	assert_int_equal(ceiling_read(t.ceiling, &c, &f), 0);
	assert_int_equal(ceiling_check(c, &out), CEILING_ALLOWED);
	ceiling_free(c);
	c = NULL;
	assert_int_equal(chmod(t.ceiling, 0664), 0);
	assert_int_equal(ceiling_read(t.ceiling, &c, &f), KE_ACCES);
	assert_int_equal(chmod(t.ceiling, 0644), 0);
	assert_int_equal(chown(t.ceiling, 1, 0), 0);
	assert_int_equal(ceiling_read(t.ceiling, &c, &f), KE_ACCES);
	assert_int_equal(ceiling_read(t.dir, &c, &f), KE_ACCES);
	/* What is no folder has no files; only what is not there stands for the default. */
	assert_int_not_equal(ceiling_read("/dev/null/ceiling.conf", &c, &f), 0);
	assert_non_null(strstr(f.what, "cannot open"));
	assert_int_equal(unlink(t.ceiling), 0);
	assert_int_equal(mkfifo(t.ceiling, 0600), 0);
	assert_int_equal(ceiling_read(t.ceiling, &c, &f), KE_ACCES);
	tree_close(&t);
}

/* A fault says which file and which line; and no file stays open, whatever becomes of it. */
static void faults_say_which_file(void **state)
{
	static char big[CEILING_MAX_LEN + 2];
	static const struct {
		const char *text;
		int rc;
		const char *where; /* behind the path */
		const char *remark;
	} rows[] = {
		{ "net.**\n", KE_OK, NULL, "good" },
		{ "net.**\nnet..x\n", KE_NAME, ": line 2", "a bad line" },
		{ big, KE_TOOBIG, "", "too large" },
		{ "", KE_OK, NULL, "empty" },
	};
	struct tree t;
	(void)state;

	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		skip();
	}
	memset(big, '\n', sizeof big - 1);
	tree_open(&t);
	int before = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(before >= 0);
	close(before);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct ceiling *c = NULL;
		struct fault f = { 0 };
		char where[256];
		assert_int_equal(
		        file_replace(t.ceiling, rows[i].text, strlen(rows[i].text), 0644, FILE_VOLATILE, &f),
		        0);
		int rc = ceiling_read(t.ceiling, &c, &f);
		snprintf(where, sizeof where, "%s%s", t.ceiling, rows[i].where ? rows[i].where : "");
		if (rc != rows[i].rc || (rc && strncmp(f.where, where, strlen(where)) != 0))
			fail_msg("%s: %s at '%s'", rows[i].remark, err_name(rc), f.where);
		ceiling_free(c);
	}
	int after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(after);
	assert_int_equal(after, before);
	tree_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges_keys),
		cmocka_unit_test(the_length_counts),
		cmocka_unit_test(no_ceiling_is_the_default),
		cmocka_unit_test(bad_lines_refuse_the_file),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(only_roots_file_counts),
		cmocka_unit_test(faults_say_which_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
