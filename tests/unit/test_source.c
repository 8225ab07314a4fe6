/* What kind of file it is, and what its policy is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policies/source.h"

static void kinds(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool document;
	} rows[] = {
		{ "{}", true }, { " \t\r\n{", true }, { "", false }, { "  ", false }, { "# {\n", false },
		{ "net.ipv4.ip_forward = 1\n", false },
		{ "\xef\xbb\xbf{}", false }, /* a BOM is no blank: the document reader would refuse it too */
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (source_is_document(rows[i].text, strlen(rows[i].text)) != rows[i].document)
			fail_msg("'%s'", rows[i].text);
}

static void names(void **state)
{
	(void)state;
	static const struct {
		const char *path, *name;
	} rows[] = {
		{ "/etc/sysctl.d/60-web.conf", "60-web" },
		{ "sysctl.conf", "sysctl" },
		{ "-", "stdin" },
		{ "/tmp/My File.conf", "myxfile" },
		{ ".conf", "xconf" },
		{ "a.conf", "a" },
		{ "/dir/", "" },
	};
	char name[POLICY_NAME_MAX + 1], longest[200];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_string_equal(source_policy_name(rows[i].path, name), rows[i].name);
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(strlen(source_policy_name(longest, name)), POLICY_NAME_MAX);
	assert_true(policy_name_valid(name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
