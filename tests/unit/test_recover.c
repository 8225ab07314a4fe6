/* What becomes of an apply whose process is gone, or that waits for a word: engine_recover(), apply_confirm(), the way back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/engine_world.h"

static void unconfirmed_goes_back_at_its_deadline(void **state)
{
	struct world w;
	struct apply_options ao = { .confirm_ms = 120000 };
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(apply_confirm(w.e, &w.f), KE_NOENT);
	assert_int_equal(run(&w, &ao), 0);
	three_are_new(&w);
	assert_int_equal(mark(&w), ATTEMPT_STARTED);
	assert_false(run_file(&w, ORIGINAL_NAME)); /* nothing is in force yet */
	assert_int_equal(recover(&w, 0), RECOVERY_WAITING);
	w.time.boot_ms += 120000;
	assert_int_equal(apply_confirm(w.e, &w.f), KE_TIMEOUT);
	engine_start(&w, "boot-1", false); /* a restarted agent keeps the deadline */
	assert_int_equal(recover(&w, 0), RECOVERY_RESTORED);
	three_are_old(&w);
	assert_int_equal(mark(&w), ATTEMPT_REVERTED);
	assert_false(run_file(&w, ORIGINAL_NEXT_NAME));
	assert_int_equal(run(&w, &ao), KE_HELD);
	world_close(&w);
}

static void confirmed_stays(void **state)
{
	struct world w;
	struct apply_options ao = { .confirm_ms = 120000 };
	struct revert_report r;
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(run(&w, &ao), 0);
	w.time.boot_ms += 119999;
	assert_int_equal(apply_confirm(w.e, &w.f), 0);
	assert_int_equal(mark(&w), ATTEMPT_CONFIRMED);
	assert_int_equal(recover(&w, 0), RECOVERY_NOTHING);
	three_are_new(&w);
	assert_int_equal(apply_revert(w.e, &r, &w.f), 0);
	revert_report_clear(&r);
	three_are_old(&w);
	world_close(&w);
}

/* Root's revert does not wait for a deadline. */
static void revert_undoes_what_waits(void **state)
{
	struct world w;
	struct apply_options ao = { .confirm_ms = 120000 };
	struct revert_report r;
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(run(&w, &ao), 0);
	assert_int_equal(apply_revert(w.e, &r, &w.f), 0);
	revert_report_clear(&r);
	three_are_old(&w);
	world_close(&w);
}

static void another_boot_voids_the_journal(void **state)
{
	struct world w;
	struct apply_options ao = { .confirm_ms = 120000 };
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(run(&w, &ao), 0);
	engine_start(&w, "boot-2", false);
	assert_int_equal(recover(&w, 0), RECOVERY_VOID);
	three_are_new(&w); /* no value was touched */
	assert_false(run_file(&w, JOURNAL_NAME));
	three_put(&w);
	assert_int_equal(run(&w, NULL), KE_HELD); /* the host went down with this plan unconfirmed */
	world_close(&w);
}

/* Recovery is bound by the ceiling as well: a forged journal is no way around it. */
static void recovery_keeps_to_the_ceiling(void **state)
{
	struct world w;
	struct journal *j = NULL;
	unsigned char hash[SHA256_LEN] = { 0 };
	struct name outside = name_of("vm.swappiness"), never = name_of("kernel.core_pattern");
	(void)state;

	world_open(&w, three, false);
	tree_put(&w.t, "vm/swappiness", "60");
	tree_put(&w.t, "kernel/core_pattern", "core");
	assert_int_equal(journal_new("boot-1", hash, &j), 0);
	j->serial = 1;
	assert_int_equal(journal_add(j, &outside, "1", "60"), 0);
	assert_int_equal(journal_add(j, &never, "|/bin/sh", "core"), 0);
	assert_int_equal(journal_write(w.t.run, j, &w.f), 0);
	journal_free(j);
	assert_int_equal(recover(&w, KE_DEGRADED), RECOVERY_DEGRADED);
	assert_string_equal(tree_get(&w.t, "vm/swappiness"), "60");
	assert_string_equal(tree_get(&w.t, "kernel/core_pattern"), "core");
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unconfirmed_goes_back_at_its_deadline),
		cmocka_unit_test(confirmed_stays),
		cmocka_unit_test(revert_undoes_what_waits),
		cmocka_unit_test(another_boot_voids_the_journal),
		cmocka_unit_test(recovery_keeps_to_the_ceiling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
