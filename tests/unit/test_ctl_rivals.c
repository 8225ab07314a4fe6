/* May one host match two selectors? Rivals in a whole repository are found by tests/system/700. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policies/knowledge.h"
#include "server-stub/ctl/rivals.h"

static char role[] = "role", web[] = "web", db[] = "db", dc[] = "dc", fra[] = "fra";
static struct label role_web = { role, web }, role_db = { role, db }, dc_fra = { dc, fra };

static void meet(void **state)
{
	(void)state;
	static const struct {
		const char *remark;
		struct selector a, b;
		bool meet;
	} rows[] = {
		{ "everybody", { .n_labels = 0 }, { .n_labels = 0 }, true },
		{ "some and everybody", { .labels = &role_web, .n_labels = 1 }, { .n_labels = 0 }, true },
		{ "the same label", { .labels = &role_web, .n_labels = 1 },
		        { .labels = &role_web, .n_labels = 1 }, true },
		{ "another value of it", { .labels = &role_web, .n_labels = 1 },
		        { .labels = &role_db, .n_labels = 1 }, false },
		{ "another label", { .labels = &role_web, .n_labels = 1 },
		        { .labels = &dc_fra, .n_labels = 1 }, true },
		{ "kernels that touch", { .kernel_max = KERNEL(6, 1) }, { .kernel_min = KERNEL(6, 1) },
		        true },
		{ "kernels apart", { .kernel_max = KERNEL(5, 10) }, { .kernel_min = KERNEL(6, 1) }, false },
		{ "kernels apart, the other way round", { .kernel_min = KERNEL(6, 1) },
		        { .kernel_max = KERNEL(5, 10) }, false },
		{ "memory apart", { .memory_max = 1ull << 30 }, { .memory_min = 1ull << 32 }, false },
		{ "memory within", { .memory_max = 1ull << 40 },
		        { .memory_min = 1ull << 32, .memory_max = 1ull << 33 }, true },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rivals_meet(&rows[i].a, &rows[i].b) != rows[i].meet)
			fail_msg("%s", rows[i].remark);
	assert_true(rivals_meet(NULL, &rows[0].a) && rivals_meet(&rows[0].a, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(meet) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
