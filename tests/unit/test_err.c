/* The words for errors: every code has its own, and faults read as sentences. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/err.h"

static void every_code_has_words(void **state)
{
	(void)state;
	static const int codes[] = { KE_OK, KE_NOMEM, KE_IO, KE_NOENT, KE_ACCES, KE_EXIST, KE_BUSY, KE_TOOBIG,
		KE_TIMEOUT, KE_CLOSED, KE_SYSTEM, KE_UNSUPPORTED, KE_USAGE, KE_SYNTAX, KE_SCHEMA, KE_RANGE,
		KE_NAME, KE_VALUE, KE_DUPLICATE, KE_UNKNOWN, KE_SIGNATURE, KE_KEY, KE_EXPIRED, KE_ROLLBACK,
		KE_MISMATCH, KE_UNTRUSTED, KE_SELECTOR, KE_WINDOW, KE_CEILING, KE_CHAIN, KE_CLOCK, KE_REFUSED,
		KE_READBACK, KE_CONFLICT, KE_DEGRADED, KE_HELD, KE_PROTO, KE_TLS, KE_HTTP, KE_STORE,
		KE_FORBIDDEN, KE_FORK };
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		assert_string_not_equal(err_text(codes[i]), err_text(-9999));
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(err_name(codes[i]), err_name(codes[j]));
			assert_string_not_equal(err_text(codes[i]), err_text(codes[j]));
		}
	}
}

static void fault_reads_as_a_sentence(void **state)
{
	(void)state;
	struct fault f;
	char line[1024];
	assert_int_equal(fault_set(&f, KE_RANGE, "line 3", "use 1..5", "'%s' is too large", "9"), KE_RANGE);
	fault_at(&f, "%s", "a.conf");
	assert_string_equal(fault_line(&f, line, sizeof line), "a.conf: line 3: '9' is too large; use 1..5");
	assert_int_equal(fault_set(NULL, KE_IO, NULL, NULL, "ignored"), KE_IO);
	fault_set(&f, KE_IO, NULL, NULL, "%s", "");
	assert_string_equal(fault_line(&f, line, sizeof line), "input/output error");
}

static void long_texts_are_cut(void **state)
{
	(void)state;
	struct fault f;
	char longtext[2000];
	memset(longtext, 'x', sizeof longtext - 1);
	longtext[sizeof longtext - 1] = '\0';
	fault_set(&f, KE_IO, longtext, longtext, "%s", longtext);
	assert_int_equal(strlen(f.where), sizeof f.where - 1);
	fault_at(&f, "%s", longtext);
	assert_int_equal(strlen(f.where), sizeof f.where - 1);
}

static void faults_are_one_line(void **state)
{
	(void)state;
	struct fault f;
	char line[1024];
	fault_set(&f, KE_SCHEMA, "a\nb", "do\nthis", "unknown '%s'", "x\r\n\033[2Jforged\x7f");
	fault_at(&f, "%s", "file\nname");
	assert_string_equal(
	        fault_line(&f, line, sizeof line), "file?name: a?b: unknown 'x???[2Jforged?'; do?this");
}

static void errno_maps(void **state)
{
	(void)state;
	assert_int_equal(err_from_errno(0), KE_OK);
	assert_int_equal(err_from_errno(ENOENT), KE_NOENT);
	assert_int_equal(err_from_errno(EROFS), KE_ACCES);
	assert_int_equal(err_from_errno(EINVAL), KE_SYSTEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_words),
		cmocka_unit_test(fault_reads_as_a_sentence),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(faults_are_one_line),
		cmocka_unit_test(errno_maps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
