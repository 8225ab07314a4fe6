/* Memory runs out at every single allocation of planning, once and for ever: there is no plan then, and nothing leaks. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/oom.h"
#include "tests/support/plan_world.h"

static void no_plan_without_memory(void **state)
{
	static const struct host_row rows[] = { { "net.core.somaxconn", "128", "4096" },
		{ "net.ipv4.ip_forward", "0", "1" }, { "net.ipv4.conf.*.forwarding", "0", "0" },
		{ "net.netfilter.nf_conntrack_max", NULL, "4" }, { NULL, NULL, NULL } };
	const struct name except = name_of("net.ipv4.conf.eth0.forwarding");
	(void)state;

	for (int for_ever = 0; for_ever < 2; for_ever++) {
		for (size_t n = 1, fired = 1; fired; n++) {
			struct world w;
			world_open(&w, rows);
			w.policy->settings[0].bound = BOUND_AT_LEAST;
			assert_int_equal(setting_except(&w.policy->settings[2], &except, NULL), 0);
			w.keys[2].name = name_of("net.ipv4.conf.lo.forwarding");
			size_t live = oom_live();
			oom_arm(OOM_OWN, n, for_ever);
			int rc = plan_build(w.policy, &w.o, NULL, &w.plan);
			fired = oom_disarm();
			assert_int_equal(rc, fired ? KE_NOMEM : KE_OK);
			assert_int_equal(w.plan == NULL, fired);
			if (fired)
				assert_int_equal(oom_live(), live);
			assert_true(n > 12 || fired);
			world_close(&w);
		}
	}
}

/* What a bound comes to takes memory, too. */
static void no_value_without_memory(void **state)
{
	static const struct host_row rows[] = {
		{ "net.ipv4.tcp_rmem", "4096 87380 6291456", "8192 131072 6291456" }, { NULL, NULL, NULL }
	};
	(void)state;

	for (int release = 0; release < 2; release++) {
		for (size_t n = 1, fired = 1; fired; n++) {
			struct world w;
			char *wanted = NULL;
			world_open(&w, rows);
			struct setting *s = &w.policy->settings[0];
			s->bound = BOUND_AT_LEAST;
			s->release = release;
			size_t live = oom_live();
			oom_arm(OOM_OWN, n, false);
			int rc = setting_wanted(s, "4096 87380 6291456", &wanted);
			fired = oom_disarm();
			assert_int_equal(rc, fired ? KE_NOMEM : KE_OK);
			assert_int_equal(wanted == NULL, fired);
			free(wanted);
			assert_int_equal(oom_live(), live);
			assert_true(n > 1 || fired);
			world_close(&w);
		}
	}
}

/* All that a setting may own goes with its policy. */
static void policies_leave_nothing(void **state)
{
	static const struct host_row rows[] = { { "net.ipv4.conf.*.forwarding", "0", "0" },
		{ NULL, NULL, NULL } };
	const struct name except = name_of("net.ipv4.conf.eth0.forwarding");
	struct world w;
	(void)state;

	size_t live = oom_live();
	world_open(&w, rows);
	struct setting *s = &w.policy->settings[0];
	s->why = strdup("why");
	s->held = strdup("1");
	assert_int_equal(setting_except(s, &except, NULL), 0);
	s->bound = BOUND_AT_LEAST;
	s->release = true;
	assert_true(setting_holds(s, "0"));
	char *wanted = NULL;
	s->bound = BOUND_NONE;
	oom_arm(OOM_OWN, 1, false);
	int rc = setting_wanted(s, "0", &wanted);
	assert_true(oom_disarm());
	assert_int_equal(rc, KE_NOMEM);
	assert_null(wanted);
	world_close(&w);
	assert_int_equal(oom_live(), live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_plan_without_memory),
		cmocka_unit_test(no_value_without_memory),
		cmocka_unit_test(policies_leave_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
