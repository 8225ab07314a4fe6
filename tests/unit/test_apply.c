/* The transaction on a directory: all keys or none, whoever interferes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/engine_world.h"

static int open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void applies_and_reverts(void **state)
{
	struct world w;
	struct revert_report r;
	struct policy *p = NULL;
	struct originals *o = NULL;
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	int open_before = open_descriptors();
	assert_int_equal(run(&w, NULL), 0);
	assert_int_equal(open_descriptors(), open_before);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(w.plan->keys[i].outcome, OUTCOME_APPLIED);
	three_are_new(&w);
	assert_int_equal(mark(&w), ATTEMPT_CONFIRMED);
	assert_false(run_file(&w, JOURNAL_NAME));
	assert_int_equal(originals_read(w.t.run, "boot-1", &o, &w.f), 0);
	assert_int_equal(originals_policy(o, &p, &w.f), 0);
	assert_int_equal(p->n, 3);
	policy_free(p);
	originals_free(o);
	assert_int_equal(apply_revert(w.e, &r, &w.f), 0);
	assert_int_equal(r.n, 3);
	revert_report_clear(&r);
	three_are_old(&w);
	assert_int_equal(mark(&w), ATTEMPT_NONE);
	assert_int_equal(apply_revert(w.e, &r, &w.f), KE_NOENT);
	world_close(&w);
}

/* Nothing to change: no journal, no mark, no file written twice. */
static void nothing_to_do_writes_nothing(void **state)
{
	struct world w;
	struct stat a, b;
	char path[PATH_MAX];
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(run(&w, NULL), 0);
	assert_int_equal(attempt_clear(w.t.state, &w.f), 0);
	snprintf(path, sizeof path, "%s/%s", w.t.run, ORIGINAL_NAME);
	assert_int_equal(stat(path, &a), 0);
	assert_int_equal(run(&w, NULL), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(w.plan->keys[i].outcome, OUTCOME_ALREADY);
	assert_int_equal(stat(path, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino); /* not replaced */
	assert_int_equal(mark(&w), ATTEMPT_NONE);
	/* A new mode is news, though no value changes. */
	w.policy->settings[0].mode = SETTING_MONITOR;
	assert_int_equal(run(&w, NULL), 0);
	assert_int_equal(stat(path, &b), 0);
	assert_int_not_equal(a.st_ino, b.st_ino);
	world_close(&w);
}

/* The first values are the originals, over several applies, and for keys that a later policy drops. */
static void originals_last_over_several_applies(void **state)
{
	static const struct row second[] = { { "net.ipv4.tcp_fin_timeout", "20" }, { NULL, NULL } };
	struct world w;
	struct revert_report r;
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(run(&w, NULL), 0);
	policy_free(w.policy);
	plan_free(w.plan);
	w.plan = NULL;
	w.policy = policy_of(second);
	assert_int_equal(run(&w, NULL), 0);
	three_are(&w, "20", "1024", "4096 131072 16777216");
	assert_int_equal(apply_revert(w.e, &r, &w.f), 0);
	revert_report_clear(&r);
	three_are_old(&w);
	world_close(&w);
}

static void damaged_originals_are_said_so(void **state)
{
	struct world w;
	struct revert_report r;
	char path[PATH_MAX];
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(run(&w, NULL), 0);
	snprintf(path, sizeof path, "%s/%s", w.t.run, ORIGINAL_NAME);
	assert_int_equal(file_replace(path, "rubbish", 7, 0600, FILE_VOLATILE, &w.f), 0);
	assert_int_equal(apply_revert(w.e, &r, &w.f), KE_SYNTAX);
	tree_put(&w.t, "net/core/somaxconn", "77");
	assert_int_equal(run(&w, NULL), 0);
	assert_int_equal(apply_revert(w.e, &r, &w.f), 0);
	assert_int_equal(r.n, 3);
	for (size_t i = 0; i < r.n; i++)
		assert_int_equal(r.rows[i].unknown, strcmp(r.rows[i].name.path, "net/core/somaxconn") != 0);
	revert_report_clear(&r);
	three_are(&w, "30", "77", "4096 131072 16777216");
	world_close(&w);
}

struct meddler {
	struct world *w;
	const char *when, *key, *value;
	mode_t mode;
};

static void meddle(void *ctx, const struct name *n)
{
	struct meddler *m = ctx;

	if (strcmp(n->path, m->when) != 0)
		return;
	if (m->value)
		tree_put(&m->w->t, m->key, m->value);
	if (m->mode)
		tree_mode(&m->w->t, m->key, m->mode);
}

static void a_foreign_write_is_a_conflict(void **state)
{
	static const struct {
		const char *value;
		int rc;
		enum outcome first, second, third;
		const char *left, *remark;
	} rows[] = {
		{ "9999", KE_CONFLICT, OUTCOME_RESTORED, OUTCOME_CONFLICT, OUTCOME_UNTOUCHED, "9999",
		        "not overwritten" },
		{ "1024", 0, OUTCOME_APPLIED, OUTCOME_ALREADY, OUTCOME_APPLIED, "1024",
		        "the wanted value: no conflict" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world w;
		struct meddler m = { &w, "net/core/somaxconn", "net/core/somaxconn", rows[i].value, 0 };
		struct apply_options ao = { .before_write = meddle, .ctx = &m };
		world_open(&w, three, false);
		three_put(&w);
		assert_int_equal(run(&w, &ao), rows[i].rc);
		assert_int_equal(w.plan->keys[0].outcome, rows[i].first);
		assert_int_equal(w.plan->keys[1].outcome, rows[i].second);
		assert_int_equal(w.plan->keys[2].outcome, rows[i].third);
		assert_string_equal(tree_get(&w.t, "net/core/somaxconn"), rows[i].left);
		if (rows[i].rc) {
			assert_string_equal(tree_get(&w.t, "net/ipv4/tcp_fin_timeout"), "60");
			assert_int_equal(mark(&w), ATTEMPT_NONE); /* not the plan's fault: not held */
		}
		assert_false(run_file(&w, JOURNAL_NAME));
		world_close(&w);
	}
}

/* What somebody else set to the wanted value is theirs: a later failure leaves it, be it the first key or one between others. */
static void their_value_is_not_restored(void **state)
{
	static const struct row four[] = { { "net.ipv4.tcp_fin_timeout", "30" },
		{ "net.core.somaxconn", "1024" }, { "net.ipv4.tcp_rmem", "4096 131072 16777216" },
		{ "net.ipv4.tcp_sack", "0" }, { NULL, NULL } };
	static const struct {
		const char *key, *value, *first, *second;
	} rows[] = { { "net/core/somaxconn", "1024", "60", "1024" },
		{ "net/ipv4/tcp_fin_timeout", "30", "30", "4096" } };
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world w;
		struct meddler m = { &w, "net/ipv4/tcp_sack", "net/ipv4/tcp_sack", NULL, 0444 };
		struct apply_options ao = { .before_write = meddle, .ctx = &m };
		struct observation *o = NULL;
		world_open(&w, four, false);
		three_put(&w);
		tree_put(&w.t, "net/ipv4/tcp_sack", "1");
		assert_int_equal(observe_policy(w.e->ps, w.policy, w.e->kernel, &o, &w.f), 0);
		assert_int_equal(plan_build(w.policy, o, w.e->ceiling, &w.plan), 0);
		observation_free(o);
		tree_put(&w.t, rows[i].key, rows[i].value);
		assert_int_equal(apply_run(w.e, w.policy, w.plan, &ao, &w.f), KE_REFUSED);
		assert_int_equal(w.plan->keys[3].outcome, OUTCOME_REFUSED);
		assert_int_equal(w.plan->keys[3].err, EACCES);
		three_are(&w, rows[i].first, rows[i].second, "4096\t131072\t6291456");
		world_close(&w);
	}
}

static void a_refused_plan_is_held(void **state)
{
	struct world w;
	struct meddler m = { &w, "net/ipv4/tcp_rmem", "net/ipv4/tcp_rmem", NULL, 0444 };
	struct apply_options ao = { .before_write = meddle, .ctx = &m };
	struct apply_options retry = { .retry = true };
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(run(&w, &ao), KE_REFUSED);
	three_are_old(&w);
	assert_int_equal(mark(&w), ATTEMPT_REVERTED);
	tree_mode(&w.t, "net/ipv4/tcp_rmem", 0644);
	assert_int_equal(run(&w, NULL), KE_HELD);
	assert_int_equal(w.plan->keys[0].outcome, OUTCOME_UNTOUCHED);
	three_are_old(&w);
	assert_int_equal(run(&w, &retry), 0);
	three_are_new(&w);
	world_close(&w);
}

/* The way back is barred: said so, the journal stays, and the next recovery brings it to its end. */
static void a_failed_restore_is_degraded(void **state)
{
	struct world w;
	struct meddler bar = { &w, "net/ipv4/tcp_rmem", "net/ipv4/tcp_fin_timeout", NULL, 0444 };
	struct apply_options ao = { .before_write = meddle, .ctx = &bar };
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	policy_force(w.policy, 2, "010"); /* a file keeps "010"; read back it is no triple */
	tree_mode(&w.t, "net/ipv4/tcp_rmem", 0644);
	struct observation *o = NULL;
	assert_int_equal(observe_policy(w.e->ps, w.policy, w.e->kernel, &o, &w.f), 0);
	assert_int_equal(plan_build(w.policy, o, w.e->ceiling, &w.plan), 0);
	observation_free(o);
	free(w.plan->keys[2].old);
	w.plan->keys[2].old = strdup("7 7 7"); /* so that the third key is a conflict */
	assert_int_equal(apply_run(w.e, w.policy, w.plan, &ao, &w.f), KE_DEGRADED);
	assert_int_equal(w.plan->keys[0].outcome, OUTCOME_DEGRADED);
	assert_string_equal(w.plan->keys[0].got, "30");
	assert_int_equal(w.plan->keys[0].err, EACCES);
	assert_int_equal(w.plan->keys[1].outcome, OUTCOME_RESTORED);
	assert_int_equal(w.plan->keys[2].outcome, OUTCOME_CONFLICT);
	assert_true(run_file(&w, JOURNAL_NAME));
	assert_int_equal(run(&w, NULL), KE_EXIST);
	assert_int_equal(recover(&w, KE_DEGRADED), RECOVERY_DEGRADED);
	tree_mode(&w.t, "net/ipv4/tcp_fin_timeout", 0644);
	assert_int_equal(recover(&w, 0), RECOVERY_RESTORED);
	three_are_old(&w);
	assert_false(run_file(&w, JOURNAL_NAME));
	world_close(&w);
}

static void required_refuses_before_any_write(void **state)
{
	static const struct row rows[] = { { "net.ipv4.tcp_fin_timeout", "30" },
		{ "net.netfilter.nf_conntrack_max", "4" }, { NULL, NULL } };
	struct world w;
	(void)state;

	world_open(&w, rows, false);
	three_put(&w);
	w.policy->settings[1].required = true;
	assert_int_equal(run(&w, NULL), KE_UNSUPPORTED);
	three_are_old(&w);
	assert_int_equal(w.plan->keys[0].outcome, OUTCOME_UNTOUCHED);
	w.policy->settings[1].required = false;
	assert_int_equal(run(&w, NULL), 0);
	assert_int_equal(w.plan->keys[1].outcome, OUTCOME_PENDING);
	world_close(&w);
}

static void a_vanished_interface_is_pending(void **state)
{
	static const struct row rows[] = { { "net.ipv4.conf.*.rp_filter", "1" }, { NULL, NULL } };
	struct world w;
	char path[PATH_MAX];
	(void)state;

	world_open(&w, rows, false);
	tree_put(&w.t, "net/ipv4/conf/eth0/rp_filter", "0");
	tree_put(&w.t, "net/ipv4/conf/eth1/rp_filter", "0");
	struct observation *o = NULL;
	assert_int_equal(observe_policy(w.e->ps, w.policy, w.e->kernel, &o, &w.f), 0);
	assert_int_equal(plan_build(w.policy, o, w.e->ceiling, &w.plan), 0);
	observation_free(o);
	tree_path(&w.t, "net/ipv4/conf/eth0/rp_filter", path);
	assert_int_equal(unlink(path), 0);
	struct apply_options ao = { 0 };
	assert_int_equal(apply_run(w.e, w.policy, w.plan, &ao, &w.f), 0);
	assert_int_equal(w.plan->keys[0].outcome, OUTCOME_PENDING);
	assert_int_equal(w.plan->keys[1].outcome, OUTCOME_APPLIED);
	world_close(&w);
}

static void one_at_a_time(void **state)
{
	struct world w;
	struct engine *second = NULL;
	struct engine_options eo;
	(void)state;

	world_open(&w, three, false);
	eo = (struct engine_options){ .root = w.t.root,
		.kind = PROCSYS_DIRECTORY,
		.run_dir = w.t.run,
		.state_dir = w.t.state,
		.ceiling = w.t.ceiling,
		.boot_id = "boot-1",
		.clock = &w.clock };
	assert_int_equal(engine_open(&eo, &second, &w.f), 0);
	assert_int_equal(engine_lock(second, &w.f), KE_BUSY);
	struct recovery_report r;
	assert_int_equal(engine_recover(second, &r, &w.f), KE_USAGE);
	engine_close(second);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(applies_and_reverts),
		cmocka_unit_test(nothing_to_do_writes_nothing),
		cmocka_unit_test(originals_last_over_several_applies),
		cmocka_unit_test(damaged_originals_are_said_so),
		cmocka_unit_test(a_foreign_write_is_a_conflict),
		cmocka_unit_test(their_value_is_not_restored),
		cmocka_unit_test(a_refused_plan_is_held),
		cmocka_unit_test(a_failed_restore_is_degraded),
		cmocka_unit_test(required_refuses_before_any_write),
		cmocka_unit_test(a_vanished_interface_is_pending),
		cmocka_unit_test(one_at_a_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
