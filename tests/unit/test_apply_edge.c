/* apply_run() and apply_confirm() where the world is not as it was: what is refused before anything is written, what fails on the way,
 * what other keys' writes change along. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/engine_world.h"

static void not_without_the_lock(void **state)
{
	struct world w;
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	engine_unlock(w.e);
	assert_int_equal(run(&w, NULL), KE_USAGE);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(w.plan->keys[i].outcome, OUTCOME_UNTOUCHED);
	three_are_old(&w);
	world_close(&w);
}

/* The ceiling came down between planning and writing. */
static void the_ceiling_is_asked_again(void **state)
{
	static const char lower[] = "net.ipv4.**\n";
	struct world w;
	struct observation *o = NULL;
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(observe_policy(w.e->ps, w.policy, w.e->kernel, &o, &w.f), 0);
	assert_int_equal(plan_build(w.policy, o, w.e->ceiling, &w.plan), 0);
	observation_free(o);
	assert_int_equal(file_replace(w.t.ceiling, lower, sizeof lower - 1, 0644, FILE_VOLATILE, &w.f), 0);
	engine_start(&w, "boot-1", false);
	assert_int_equal(apply_run(w.e, w.policy, w.plan, &(struct apply_options){ 0 }, &w.f), KE_CEILING);
	assert_int_equal(w.plan->keys[1].outcome, OUTCOME_BLOCKED);
	assert_int_equal(w.plan->keys[1].reason, REASON_CEILING);
	assert_int_equal(w.plan->keys[0].outcome, OUTCOME_RESTORED);
	assert_string_equal(w.f.where, "net.core.somaxconn");
	three_are_old(&w);
	assert_int_equal(mark(&w), ATTEMPT_NONE); /* not the plan's fault */
	world_close(&w);
}

/* ---- somebody at work between two writes ---- */

struct step {
	struct world *w;
	const char *when, *key;
	const char *value; /* NULL: take the key away */
	const char *bar;   /* this one cannot be written from then on; may be NULL */
};

static void step_do(void *ctx, const struct name *n)
{
	struct step *s = ctx;
	char path[PATH_MAX];

	if (strcmp(n->path, s->when) != 0)
		return;
	tree_path(&s->w->t, s->key, path);
	if (s->value)
		tree_put(&s->w->t, s->key, s->value);
	else
		assert_int_equal(unlink(path), 0);
	if (s->bar)
		tree_mode(&s->w->t, s->bar, 0444);
}

/* A value that cannot be read back is none that was agreed on. */
static void what_cannot_be_read_is_refused(void **state)
{
	struct world w;
	char *huge = calloc(1, 300000);
	struct step s = { &w, "net/ipv4/tcp_rmem", "net/ipv4/tcp_rmem", huge, NULL };
	(void)state;

	assert_non_null(huge);
	memset(huge, '1', 299999);
	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(run(&w, &(struct apply_options){ .before_write = step_do, .ctx = &s }), KE_REFUSED);
	assert_int_equal(w.plan->keys[2].outcome, OUTCOME_REFUSED);
	assert_int_equal(w.plan->keys[2].err, EFBIG);
	assert_int_equal(w.plan->keys[0].outcome, OUTCOME_RESTORED);
	world_close(&w);
	free(huge);
}

/* What is read back is compared, not what was accepted. */
static void what_reads_otherwise_goes_back(void **state)
{
	struct world w;
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	policy_force(w.policy, 1, "1  2"); /* a file keeps both blanks; read back they are one */
	assert_int_equal(run(&w, NULL), KE_READBACK);
	assert_int_equal(w.plan->keys[1].outcome, OUTCOME_MISMATCH);
	assert_string_equal(w.plan->keys[1].got, "1 2");
	assert_int_equal(mark(&w), ATTEMPT_REVERTED);
	three_are_old(&w);
	world_close(&w);
}

/* A key that nobody knows is compared as text. */
static void unknown_keys_are_text(void **state)
{
	static const struct row rows[] = { { "net.ipv4.nobody_knows_it", "a b" }, { NULL, NULL } };
	struct world w;
	(void)state;

	world_open(&w, rows, false);
	tree_put(&w.t, "net/ipv4/nobody_knows_it", "c");
	assert_int_equal(run(&w, NULL), 0);
	assert_int_equal(w.plan->keys[0].outcome, OUTCOME_APPLIED);
	assert_string_equal(tree_get(&w.t, "net/ipv4/nobody_knows_it"), "a b");
	world_close(&w);
}

static const struct row coupled[] = { { "net.ipv4.ip_forward", "1" }, { "net.ipv4.conf.*.forwarding", "0" },
	{ "net.ipv4.tcp_fin_timeout", "30" }, { NULL, NULL } };

static void coupled_open(struct world *w)
{
	world_open(w, coupled, false);
	tree_put(&w->t, "net/ipv4/ip_forward", "0");
	tree_put(&w->t, "net/ipv4/conf/lo/forwarding", "0");
	tree_put(&w->t, "net/ipv4/tcp_fin_timeout", "60");
}

/* What a write changes along is looked at once more behind all writes. */
static void coupled_keys_are_checked_last(void **state)
{
	static const struct {
		const char *when, *key, *value;
		int rc;
		enum outcome lo;
		const char *remark;
	} rows[] = {
		{ "none", NULL, NULL, 0, OUTCOME_ALREADY, "nobody meddles" },
		{ "net/ipv4/conf/lo/forwarding", "net/ipv4/conf/lo/forwarding", "1", 0, OUTCOME_APPLIED,
		        "ip_forward switched it on: it is written" },
		{ "net/ipv4/tcp_fin_timeout", "net/ipv4/conf/lo/forwarding", "1", KE_READBACK,
		        OUTCOME_MISMATCH, "switched on behind its own write" },
		{ "net/ipv4/tcp_fin_timeout", "net/ipv4/conf/lo/forwarding", NULL, KE_REFUSED,
		        OUTCOME_REFUSED, "gone behind its own write" },
		{ "net/ipv4/tcp_fin_timeout", "net/ipv4/tcp_fin_timeout", "7", KE_CONFLICT, OUTCOME_ALREADY,
		        "another key is in conflict: this one keeps what it has" },
		{ "net/ipv4/conf/lo/forwarding", "net/ipv4/conf/lo/forwarding", NULL, 0, OUTCOME_PENDING,
		        "gone before it: it will be written when it comes again" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world w;
		struct step s = { &w, rows[i].when, rows[i].key, rows[i].value, NULL };
		coupled_open(&w);
		int rc = run(&w, &(struct apply_options){ .before_write = step_do, .ctx = &s });
		assert_string_equal(w.plan->keys[1].name.path, "net/ipv4/conf/lo/forwarding");
		if (rc != rows[i].rc || w.plan->keys[1].outcome != rows[i].lo)
			fail_msg("%s: %s, %s", rows[i].remark, err_name(rc),
			        outcome_name(w.plan->keys[1].outcome));
		assert_string_equal(tree_get(&w.t, "net/ipv4/ip_forward"), rc ? "0" : "1");
		assert_string_equal(tree_get(&w.t, "net/ipv4/tcp_fin_timeout"), rc == KE_CONFLICT ? "7"
		                                                                : rc              ? "60"
		                                                                                  : "30");
		if (rows[i].value)
			assert_string_equal(tree_get(&w.t, "net/ipv4/conf/lo/forwarding"), "0");
		world_close(&w);
	}
}

/* ---- files that are not as they should be ---- */

static void make_dir(const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct fault f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_int_equal(dir_make(path, 0755, &f), 0);
}

static void put_file(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];
	struct fault f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_int_equal(file_replace(path, text, strlen(text), 0600, FILE_VOLATILE, &f), 0);
}

/* Without its mark no plan begins. */
static void the_mark_comes_first(void **state)
{
	struct world w;
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(dir_make(w.t.state, 0700, &w.f), 0);
	make_dir(w.t.state, ATTEMPT_NAME "/in the way");
	assert_int_not_equal(run(&w, NULL), 0);
	three_are_old(&w);
	assert_false(run_file(&w, JOURNAL_NAME));
	world_close(&w);
	/* Nor where there is no room for a mark at all. */
	world_open(&w, three, false);
	three_put(&w);
	put_file(w.t.dir, "state", "");
	assert_int_not_equal(run(&w, NULL), 0);
	three_are_old(&w);
	world_close(&w);
	/* Nor where its place cannot be made. */
	world_open(&w, three, false);
	three_put(&w);
	put_file(w.t.dir, "file", "");
	free(w.e->state_dir);
	assert_true(asprintf(&w.e->state_dir, "%s/file/state", w.t.dir) > 0);
	assert_int_not_equal(run(&w, NULL), 0);
	three_are_old(&w);
	world_close(&w);
}

static void mark_is_confirmed(void *ctx, const struct name *n)
{
	(void)n;
	assert_int_equal(mark(ctx), ATTEMPT_CONFIRMED);
}

/* A plan that was confirmed once is not on trial again: a crash while it is put right must not hold it. */
static void a_confirmed_plan_keeps_its_mark(void **state)
{
	struct world w;
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(run(&w, NULL), 0);
	tree_put(&w.t, "net/core/somaxconn", "77");
	assert_int_equal(run(&w, &(struct apply_options){ .before_write = mark_is_confirmed, .ctx = &w }), 0);
	assert_int_equal(w.plan->keys[1].outcome, OUTCOME_APPLIED);
	three_are_new(&w);
	world_close(&w);
}

static void a_damaged_mark_holds(void **state)
{
	struct world w;
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(dir_make(w.t.state, 0700, &w.f), 0);
	put_file(w.t.state, ATTEMPT_NAME, "rubbish");
	assert_int_equal(run(&w, NULL), KE_HELD);
	three_are_old(&w);
	assert_int_equal(run(&w, &(struct apply_options){ .retry = true }), 0);
	three_are_new(&w);
	world_close(&w);
}

/* The host went down with it once: not again by itself. */
static void what_took_the_host_down_is_held(void **state)
{
	struct attempt a = { .state = ATTEMPT_STARTED, .time = 1 };
	struct world w;
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(dir_make(w.t.state, 0700, &w.f), 0);
	assert_int_equal(plan_hash(w.policy, a.hash), 0);
	snprintf(a.boot_id, sizeof a.boot_id, "boot-0");
	assert_int_equal(attempt_write(w.t.state, &a, &w.f), 0);
	assert_int_equal(run(&w, NULL), KE_HELD);
	assert_non_null(strstr(w.f.what, "went down"));
	three_are_old(&w);
	a.hash[0] ^= 1; /* another plan's */
	assert_int_equal(attempt_write(w.t.state, &a, &w.f), 0);
	assert_int_equal(run(&w, NULL), 0);
	three_are_new(&w);
	world_close(&w);
}

static void a_deadline_beyond_time(void **state)
{
	struct world w;
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(run(&w, &(struct apply_options){ .confirm_ms = INT64_MAX }), KE_RANGE);
	three_are_old(&w);
	assert_false(run_file(&w, JOURNAL_NAME));
	assert_false(run_file(&w, ORIGINAL_NEXT_NAME));
	world_close(&w);
}

/* Nobody has to ask why. */
static void no_fault_is_wanted(void **state)
{
	static const char *const bars[] = { NULL, "net/ipv4/tcp_fin_timeout" };
	struct world w;
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		struct observation *o = NULL;
		struct step s = { &w, "net/ipv4/tcp_rmem", "net/ipv4/tcp_rmem", "7 7 7", bars[i] };

		world_open(&w, three, false);
		three_put(&w);
		assert_int_equal(observe_policy(w.e->ps, w.policy, w.e->kernel, &o, &w.f), 0);
		assert_int_equal(plan_build(w.policy, o, w.e->ceiling, &w.plan), 0);
		observation_free(o);
		const struct apply_options ao = { .before_write = step_do, .ctx = &s };
		assert_int_equal(
		        apply_run(w.e, w.policy, w.plan, &ao, NULL), bars[i] ? KE_DEGRADED : KE_CONFLICT);
		world_close(&w);
	}
}

/* ---- confirming ---- */

static void only_what_waits_is_confirmed(void **state)
{
	const struct apply_options ao = { .confirm_ms = 1000 };
	struct world w;
	struct journal *j = NULL;
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(run(&w, &ao), 0);
	engine_start(&w, "boot-2", false);
	assert_int_equal(apply_confirm(w.e, &w.f), KE_NOENT); /* of another boot */
	engine_start(&w, "boot-1", false);
	assert_int_equal(journal_read(w.t.run, &j, &w.f), 0);
	j->state = JOURNAL_APPLYING;
	assert_int_equal(journal_write(w.t.run, j, &w.f), 0);
	assert_int_equal(apply_confirm(w.e, &w.f), KE_NOENT); /* killed on the way */
	journal_free(j);
	put_file(w.t.run, JOURNAL_NAME, "torn");
	assert_int_equal(apply_confirm(w.e, &w.f), KE_SYNTAX);
	world_close(&w);
}

static void a_confirmation_cut_short_is_finished(void **state)
{
	const struct apply_options ao = { .confirm_ms = 1000 };
	struct world w;
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(run(&w, &ao), 0);
	assert_int_equal(originals_promote(w.t.run, &w.f), 0);
	w.time.boot_ms += 5000; /* it was in time: this only puts its files in order */
	assert_int_equal(apply_confirm(w.e, &w.f), 0);
	assert_false(run_file(&w, JOURNAL_NAME));
	assert_int_equal(mark(&w), ATTEMPT_CONFIRMED);
	three_are_new(&w);
	world_close(&w);
}

static void a_confirmation_without_its_files(void **state)
{
	const struct apply_options ao = { .confirm_ms = 1000 };
	struct world w;
	(void)state;

	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(run(&w, &ao), 0);
	make_dir(w.t.run, ORIGINAL_NAME "/in the way");
	assert_int_not_equal(apply_confirm(w.e, &w.f), 0); /* whether it was promoted cannot be known */
	assert_true(run_file(&w, JOURNAL_NAME));
	struct recovery_report r;
	assert_int_not_equal(engine_recover(w.e, &r, &w.f), 0);
	recovery_report_clear(&r);
	three_are_new(&w);
	world_close(&w);
	world_open(&w, three, false);
	three_put(&w);
	assert_int_equal(run(&w, &ao), 0);
	assert_int_equal(originals_remove(w.t.run, ORIGINAL_NEXT_NAME, &w.f), 0);
	assert_int_equal(apply_confirm(w.e, &w.f), KE_NOENT);
	assert_true(run_file(&w, JOURNAL_NAME));
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_without_the_lock),
		cmocka_unit_test(the_ceiling_is_asked_again),
		cmocka_unit_test(what_cannot_be_read_is_refused),
		cmocka_unit_test(what_reads_otherwise_goes_back),
		cmocka_unit_test(unknown_keys_are_text),
		cmocka_unit_test(coupled_keys_are_checked_last),
		cmocka_unit_test(the_mark_comes_first),
		cmocka_unit_test(a_confirmed_plan_keeps_its_mark),
		cmocka_unit_test(a_damaged_mark_holds),
		cmocka_unit_test(what_took_the_host_down_is_held),
		cmocka_unit_test(a_deadline_beyond_time),
		cmocka_unit_test(no_fault_is_wanted),
		cmocka_unit_test(only_what_waits_is_confirmed),
		cmocka_unit_test(a_confirmation_cut_short_is_finished),
		cmocka_unit_test(a_confirmation_without_its_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
