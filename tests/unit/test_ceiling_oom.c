/* Memory runs out while a ceiling is read: there is no ceiling then, rather than one that is half read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/engine/ceiling.h"
#include "tests/support/fault_tree.h"
#include "tests/support/oom.h"

static bool fstat_fails;
int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);

int __wrap_fstat(int fd, struct stat *st)
{
	if (!fstat_fails)
		return __real_fstat(fd, st);
	errno = EIO;
	return -1;
}

static void half_a_ceiling_is_none(void **state)
{
	static const char text[] = "net.**\n!net.ipv4.ip_forward\nvm.swappiness\n";
	(void)state;
	for (size_t n = 1, fired = 1; fired; n++) {
		struct ceiling *c = NULL;
		struct fault f = { 0 };
		size_t live = oom_live();
		oom_arm(OOM_OWN, n, false);
		int rc = ceiling_parse(text, sizeof text - 1, &c, &f);
		fired = oom_disarm();
		assert_int_equal(rc, fired ? KE_NOMEM : KE_OK);
		assert_int_equal(c == NULL, fired);
		assert_true(n > 4 || fired); /* the ceiling, and one for each row */
		ceiling_free(c);
		assert_int_equal(oom_live(), live);
	}
}

/* The same from a file, whose text goes again whatever becomes of it. */
static void files_leave_nothing_behind(void **state)
{
	static const struct {
		const char *text; /* NULL: no file */
		int code;
		const char *remark;
	} rows[] = {
		{ "net.**\n!net.ipv4.ip_forward\n", KE_OK, "a good file" },
		{ "net.**\nnet..x\n", KE_NAME, "a bad line after a good one" },
		{ "", KE_OK, "an empty file" },
		{ NULL, KE_OK, "no file: the default" },
	};
	struct tree t;
	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		skip();
	}
	tree_open(&t);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fault f = { 0 };
		if (rows[i].text)
			assert_int_equal(file_replace(t.ceiling, rows[i].text, strlen(rows[i].text), 0644,
			                         FILE_VOLATILE, &f),
			        0);
		else
			assert_int_equal(unlink(t.ceiling), 0);
		for (size_t n = 1, fired = 1; fired; n++) {
			struct ceiling *c = NULL;
			size_t live = oom_live();
			oom_arm(OOM_OWN, n, false);
			int rc = ceiling_read(t.ceiling, &c, &f);
			fired = oom_disarm();
			if (rc != (fired ? KE_NOMEM : rows[i].code))
				fail_msg("%s, allocation %zu: %s", rows[i].remark, n, err_name(rc));
			ceiling_free(c);
			if (oom_live() != live)
				fail_msg("%s, allocation %zu: not freed", rows[i].remark, n);
		}
	}
	tree_close(&t);
}

/* Whose it is cannot be known: it is not taken. */
static void a_file_of_nobody(void **state)
{
	struct tree t;
	struct ceiling *c = NULL;
	struct fault f = { 0 };
	(void)state;
	tree_open(&t);
	assert_int_equal(file_replace(t.ceiling, "net.**\n", 7, 0644, FILE_VOLATILE, &f), 0);
	fstat_fails = true;
	int rc = ceiling_read(t.ceiling, &c, &f);
	fstat_fails = false;
	assert_int_equal(rc, KE_IO);
	assert_null(c);
	tree_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_a_ceiling_is_none),
		cmocka_unit_test(files_leave_nothing_behind),
		cmocka_unit_test(a_file_of_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
