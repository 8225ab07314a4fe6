/* Facts: what the kernel writes becomes numbers, or an error. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "agent/engine/facts.h"
#include "policies/facts.h"
#include "policies/knowledge.h"

static void parses_releases(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint32_t kernel;
	} rows[] = {
		{ "6.18.44-fc", 0, KERNEL(6, 18) },
		{ "5.10", 0, KERNEL(5, 10) },
		{ "7.0-rc3+", 0, KERNEL(7, 0) },
		{ "6", KE_SYNTAX, 0 },
		{ "6.", KE_SYNTAX, 0 },
		{ "six.1", KE_SYNTAX, 0 },
		{ "", KE_SYNTAX, 0 },
		{ "6.65536", KE_SYNTAX, 0 },
		{ "99999999999999999999.1", KE_SYNTAX, 0 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint32_t kernel = 0;
		assert_int_equal(facts_kernel_parse(rows[i].text, &kernel), rows[i].rc);
		assert_int_equal(kernel, rows[i].kernel);
	}
}

static void parses_memory(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t bytes;
	} rows[] = {
		{ "MemTotal:       16314340 kB\nMemFree: 1 kB\n", 0, UINT64_C(16314340) * 1024 },
		{ "MemFree: 1 kB\nMemTotal: 2 kB", 0, 2048 },
		{ "MemTotal: 2 MB\n", KE_SYNTAX, 0 },
		{ "MemTotal: kB\n", KE_SYNTAX, 0 },
		{ "MemTotal: 99999999999999999999 kB\n", KE_SYNTAX, 0 },
		{ "xMemTotal: 2 kB\n", KE_SYNTAX, 0 },
		{ "", KE_SYNTAX, 0 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t bytes = 0;
		assert_int_equal(facts_memory_parse(rows[i].text, strlen(rows[i].text), &bytes), rows[i].rc);
		assert_int_equal(bytes, rows[i].bytes);
	}
}

static void this_host(void **state)
{
	struct host_facts facts = { 0 };
	struct fault f;
	(void)state;

	assert_int_equal(facts_read(&facts, &f), 0);
	assert_true(facts.kernel >= KERNEL(3, 0));
	uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	assert_int_equal(facts.memory_bytes, pages);
	assert_int_equal(facts.cpus, sysconf(_SC_NPROCESSORS_ONLN));
	assert_int_equal(facts.n_labels, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_releases),
		cmocka_unit_test(parses_memory),
		cmocka_unit_test(this_host),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
