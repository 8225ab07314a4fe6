/* cli.conf: which file, relative paths, what the command line overrides, what is refused; passphrase files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/fileio.h"
#include "server-stub/ctl/config.h"

static char dir[] = "/tmp/kedge-unit.XXXXXX";

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

static void file_write(const char *name, const char *text, char path[256])
{
	snprintf(path, 256, "%s/%s", dir, name);
	assert_int_equal(file_replace(path, text, strlen(text), 0600, FILE_VOLATILE, NULL), 0);
}

static void reading(void **state)
{
	(void)state;
	char path[256], want[300];
	file_write("cli.conf",
	        "[server]\nurl = https://a\nca = ca.crt\n[operator]\ncert = /abs.crt\n[repository]\nkeys = "
	        "k\n",
	        path);
	char *argv[] = { (char[]){ "kedge" }, (char[]){ "--config" }, path, (char[]){ "--cert" },
		(char[]){ "me.crt" } };
	struct args a;
	struct ctl_config c;

	assert_int_equal(args_read(5, argv, &a, NULL), 0);
	assert_int_equal(ctl_config_read(&a, NULL, &c, NULL), 0);
	assert_string_equal(c.url, "https://a");
	snprintf(want, sizeof want, "%s/ca.crt", dir);
	assert_string_equal(c.ca, want);
	snprintf(want, sizeof want, "%s/k", dir);
	assert_string_equal(c.keys, want);
	assert_string_equal(c.cert, "me.crt"); /* of the command line: from where one stands */
	assert_null(c.key);
	ctl_config_clear(&c);
	unlink(path);
}

static void home(void **state)
{
	(void)state;
	char path[256], folder[256];
	struct args a = { 0 };
	struct ctl_config c;

	snprintf(folder, sizeof folder, "%s/.config/kedge", dir);
	assert_int_equal(dir_make(folder, 0700, NULL), 0);
	file_write(".config/kedge/cli.conf", "[server]\nurl = https://home\n", path);
	assert_int_equal(ctl_config_read(&a, dir, &c, NULL), 0);
	assert_string_equal(c.url, "https://home");
	ctl_config_clear(&c);
	unlink(path);
	rmdir(folder);
	snprintf(folder, sizeof folder, "%s/.config", dir);
	rmdir(folder);
}

static void refusals(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *text;
		int code;
	} rows[] = {
		{ "unknown name", "[server]\nurll = x\n", KE_UNKNOWN },
		{ "unknown section", "[servers]\nurl = x\n", KE_UNKNOWN },
		{ "no section", "url = x\n", KE_UNKNOWN },
		{ "prose", "hello\n", KE_SYNTAX },
		{ "twice", "[server]\nca = a\nca = b\n", KE_DUPLICATE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char path[256];
		struct args a;
		struct ctl_config c;
		struct fault f = { 0 };
		file_write("bad.conf", rows[i].text, path);
		char *argv[] = { (char[]){ "kedge" }, (char[]){ "--config" }, path };
		assert_int_equal(args_read(3, argv, &a, NULL), 0);
		int rc = ctl_config_read(&a, NULL, &c, &f);
		if (rc != rows[i].code || !strstr(f.where, "bad.conf: line "))
			fail_msg("%s: %d at '%s'", rows[i].remark, rc, f.where);
		ctl_config_clear(&c);
		unlink(path);
		rc = ctl_config_read(&a, NULL, &c, &f);
		assert_int_equal(rc, KE_NOENT); /* one that was named has to be there */
		ctl_config_clear(&c);
	}
}

static void passphrases(void **state)
{
	(void)state;
	char path[256], *text = NULL;

	assert_int_equal(passphrase_read(NULL, &text, NULL), 0);
	assert_null(text);
	file_write("pass", "correct horse\r\nrest\n", path);
	assert_int_equal(passphrase_read(path, &text, NULL), 0);
	assert_string_equal(text, "correct horse");
	passphrase_free(text);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(passphrase_read(path, &text, NULL), KE_ACCES);
	file_write("pass", "\n", path);
	assert_int_equal(passphrase_read(path, &text, NULL), KE_USAGE);
	unlink(path);
	assert_int_equal(passphrase_read(path, &text, NULL), KE_NOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading),
		cmocka_unit_test(home),
		cmocka_unit_test(refusals),
		cmocka_unit_test(passphrases),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
