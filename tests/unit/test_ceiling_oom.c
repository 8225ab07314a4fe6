/* Memory runs out while a ceiling is read: there is no ceiling then, rather than one that is half read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/engine/ceiling.h"
#include "tests/support/oom.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(half_a_ceiling_is_none) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
