/* Memory runs out at every single allocation of an apply, of its way back, of its confirmation, of recovery and of revert, once and
 * for ever: the host is all-old or all-new after the next recovery, what is noted as in force is what it holds, what was a whole
 * file is never taken for a damaged one, and nothing leaks. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/engine_world.h"
#include "tests/support/oom.h"

struct saved {
	char *data;
	size_t len;
};

struct stage {
	struct world w;
	struct observation *seen;
	struct saved journal; /* as it was before the last write */
};

struct scenario {
	const char *remark;
	void (*prepare)(struct stage *s);
	int (*act)(struct stage *s);
	bool goes_back; /* what it comes to when no allocation fails: all-old, else all-new */
	int code;       /* that it then answers */
};

/* ---- what is done before memory gets scarce ---- */

static void plan_it(struct stage *s)
{
	assert_int_equal(observe_policy(s->w.e->ps, s->w.policy, s->w.e->kernel, &s->seen, &s->w.f), 0);
	assert_int_equal(plan_build(s->w.policy, s->seen, s->w.e->ceiling, &s->w.plan), 0);
}

static void nothing(struct stage *s)
{
	(void)s;
}

static void keep_journal(void *ctx, const struct name *n)
{
	struct stage *s = ctx;
	char path[PATH_MAX];

	if (strcmp(n->path, "net/ipv4/tcp_rmem") != 0)
		return;
	snprintf(path, sizeof path, "%s/%s", s->w.t.run, JOURNAL_NAME);
	assert_int_equal(file_read(path, JOURNAL_MAX_BYTES, &s->journal.data, &s->journal.len, &s->w.f), 0);
}

/* The journal that an apply left which was killed right before, or right after, it was committed. */
static void journal_left(struct stage *s)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", s->w.t.run, JOURNAL_NAME);
	assert_int_equal(
	        file_replace(path, s->journal.data, s->journal.len, 0600, FILE_VOLATILE, &s->w.f), 0);
	file_free(s->journal.data);
	s->journal.data = NULL;
}

static void applied(struct stage *s)
{
	const struct apply_options ao = { .before_write = keep_journal, .ctx = s };

	assert_int_equal(run(&s->w, &ao), 0);
}

static void killed_after_commit(struct stage *s)
{
	applied(s);
	journal_left(s);
}

static void killed_before_commit(struct stage *s)
{
	applied(s);
	journal_left(s);
	assert_int_equal(originals_remove(s->w.t.run, ORIGINAL_NAME, &s->w.f), 0);
}

/* The ceiling came down since: somaxconn cannot be put back. */
static void applied_then_barred(struct stage *s)
{
	static const char lower[] = "net.ipv4.**\n";

	applied(s);
	assert_int_equal(
	        file_replace(s->w.t.ceiling, lower, sizeof lower - 1, 0644, FILE_VOLATILE, &s->w.f), 0);
	engine_start(&s->w, "boot-1", false);
	/* The room for what is read is made at the first read, and kept. */
	const char *text;
	size_t len;
	struct name n = name_of("net.core.somaxconn");
	assert_int_equal(procsys_read(s->w.e->ps, &n, &text, &len), 0);
}

static void waits(struct stage *s)
{
	const struct apply_options ao = { .confirm_ms = 1000 };

	assert_int_equal(run(&s->w, &ao), 0);
}

static void overdue(struct stage *s)
{
	waits(s);
	s->w.time.boot_ms += 2000;
}

/* ---- what is done while it is ---- */

static int apply_planned(struct stage *s, const struct apply_options *ao)
{
	return apply_run(s->w.e, s->w.policy, s->w.plan, ao, &s->w.f);
}

static int apply(struct stage *s)
{
	return apply_planned(s, &(struct apply_options){ 0 });
}

static int apply_to_wait(struct stage *s)
{
	return apply_planned(s, &(struct apply_options){ .confirm_ms = 1000 });
}

/* The third key cannot be opened for writing: the first two go back. */
static void bar_third(void *ctx, const struct name *n)
{
	const struct stage *s = ctx;
	char path[PATH_MAX], aside[PATH_MAX + 8];

	if (strcmp(n->path, "net/ipv4/tcp_rmem") != 0)
		return;
	tree_path(&s->w.t, n->path, path);
	snprintf(aside, sizeof aside, "%s.aside", path);
	assert_int_equal(rename(path, aside), 0);
}

static void unbar(struct stage *s)
{
	char path[PATH_MAX], aside[PATH_MAX + 8];

	tree_path(&s->w.t, "net/ipv4/tcp_rmem", path);
	snprintf(aside, sizeof aside, "%s.aside", path);
	if (access(aside, F_OK) == 0)
		assert_int_equal(rename(aside, path), 0);
	if (unlink(s->w.t.ceiling) == 0)
		engine_start(&s->w, "boot-1", false);
}

static int apply_refused(struct stage *s)
{
	return apply_planned(s, &(struct apply_options){ .before_write = bar_third, .ctx = s });
}

static int confirm(struct stage *s)
{
	return apply_confirm(s->w.e, &s->w.f);
}

static int recover_now(struct stage *s)
{
	struct recovery_report r;
	int rc = engine_recover(s->w.e, &r, &s->w.f);

	recovery_report_clear(&r);
	return rc;
}

static int revert(struct stage *s)
{
	struct revert_report r;
	int rc = apply_revert(s->w.e, &r, &s->w.f);

	revert_report_clear(&r);
	return rc;
}

static const struct scenario scenarios[] = {
	{ "apply", plan_it, apply, false, 0 },
	{ "apply, to be confirmed", plan_it, apply_to_wait, false, 0 },
	{ "apply, refused at the third key", plan_it, apply_refused, true, KE_REFUSED },
	{ "confirm", waits, confirm, false, 0 },
	{ "recovery of one that is overdue", overdue, recover_now, true, 0 },
	{ "recovery of one killed before it was committed", killed_before_commit, recover_now, true, 0 },
	{ "recovery of one killed after it was committed", killed_after_commit, recover_now, false, 0 },
	{ "recovery with nothing to do", nothing, recover_now, true, 0 },
	{ "revert", applied, revert, true, 0 },
	{ "revert of one that waits", waits, revert, true, 0 },
	{ "revert, refused at the second key", applied_then_barred, revert, true, KE_DEGRADED },
};

/* ---- what has to hold ---- */

static bool value_is(struct stage *s, const char *key, const char *value)
{
	return strcmp(tree_get(&s->w.t, key), value) == 0;
}

static bool all_old(struct stage *s)
{
	return value_is(s, "net/ipv4/tcp_fin_timeout", "60") && value_is(s, "net/core/somaxconn", "4096") &&
	       value_is(s, "net/ipv4/tcp_rmem", "4096\t131072\t6291456");
}

static bool all_new(struct stage *s)
{
	return value_is(s, "net/ipv4/tcp_fin_timeout", "30") && value_is(s, "net/core/somaxconn", "1024") &&
	       value_is(s, "net/ipv4/tcp_rmem", "4096 131072 16777216");
}

static bool damaged_files(struct stage *s)
{
	struct originals *o = NULL;
	int rc = originals_read(s->w.t.run, "boot-1", &o, NULL);
	bool lost = false;

	for (size_t i = 0; o && i < o->n; i++)
		lost = lost || o->keys[i].lost;
	originals_free(o);
	return (rc && rc != KE_NOENT) || lost || run_file(&s->w, JOURNAL_NAME ".torn");
}

/* Is the policy noted as the one in force? */
static bool in_force(struct stage *s)
{
	struct originals *o = NULL;
	bool is = originals_read(s->w.t.run, "boot-1", &o, NULL) == 0 && o->policy[0];

	originals_free(o);
	return is;
}

/* The host is old or new, then old for good: memory is back, and whoever comes next puts things in order. */
static void put_in_order(struct stage *s, const struct scenario *c, size_t n, bool for_ever)
{
	struct revert_report r;

	unbar(s);
	s->w.time.boot_ms += 10000;
	int rc = recover_now(s);
	if (rc)
		fail_msg("%s, allocation %zu%s: no recovery: %s", c->remark, n, for_ever ? "+" : "",
		        s->w.f.what);
	if (damaged_files(s))
		fail_msg("%s, allocation %zu%s: a whole file is called damaged", c->remark, n,
		        for_ever ? "+" : "");
	/* A revert that was refused says so, and the next one goes on where it ended. */
	if (c->code != KE_DEGRADED && !all_old(s) && !all_new(s))
		fail_msg("%s, allocation %zu%s: neither old nor new", c->remark, n, for_ever ? "+" : "");
	/* A revert that was cut has put the values back and its note not yet: the next one takes it. */
	if (c->act != revert && in_force(s) != all_new(s))
		fail_msg("%s, allocation %zu%s: %s is noted as in force", c->remark, n, for_ever ? "+" : "",
		        in_force(s) ? "what is gone" : "nothing");
	rc = apply_revert(s->w.e, &r, &s->w.f);
	revert_report_clear(&r);
	if ((rc && rc != KE_NOENT) || !all_old(s) || in_force(s))
		fail_msg("%s, allocation %zu%s: no way back", c->remark, n, for_ever ? "+" : "");
}

/* False when there are no N allocations in it. */
static bool try(const struct scenario *c, size_t n, bool for_ever)
{
	struct stage s = { 0 };

	world_open(&s.w, three, false);
	three_put(&s.w);
	c->prepare(&s);
	size_t live = oom_live();
	oom_arm(OOM_OWN, n, for_ever);
	int rc = c->act(&s);
	bool fired = oom_disarm();
	/* What the plan says of its keys is the plan's until it is freed. */
	size_t kept = 0;
	for (size_t i = 0; s.seen && i < s.w.plan->n; i++)
		kept += s.w.plan->keys[i].got != NULL;
	if (oom_live() != live + kept)
		fail_msg("%s, allocation %zu%s: %zd are not freed", c->remark, n, for_ever ? "+" : "",
		        (ssize_t)(oom_live() - live - kept));
	bool barred = c->code != 0; /* one of the keys cannot be what it should */
	if (!fired && (rc != c->code || (!barred && (c->goes_back ? !all_old(&s) : !all_new(&s)))))
		fail_msg("%s: without any failure: %s", c->remark, rc ? s.w.f.what : "");
	if (fired && !rc && c->act != recover_now && c->act != revert && !all_new(&s))
		fail_msg("%s, allocation %zu: success is claimed", c->remark, n);
	put_in_order(&s, c, n, for_ever);
	observation_free(s.seen);
	file_free(s.journal.data);
	world_close(&s.w);
	return fired;
}

static void sweep(void **state)
{
	size_t tried = 0;
	(void)state;

	for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
		size_t n = 1;
		while (try(&scenarios[i], n, false) && try(&scenarios[i], n, true))
			n++;
		print_message("%s: %zu allocations\n", scenarios[i].remark, n - 1);
		tried += n - 1;
	}
	assert_true(tried > 100);
}

/* Switched on again and again while others are written: what it held is told once, and leaves nothing behind. */
static void switch_on(void *ctx, const struct name *n)
{
	struct world *w = ctx;

	if (strcmp(n->path, "net/ipv4/ip_forward") != 0)
		tree_put(&w->t, "net/ipv4/conf/lo/forwarding", "1");
}

static void what_a_key_got_is_kept_once(void **state)
{
	static const struct row rows[] = { { "net.ipv4.ip_forward", "1" },
		{ "net.ipv4.conf.lo.forwarding", "0" }, { "net.ipv4.tcp_fin_timeout", "30" },
		{ NULL, NULL } };
	struct world w;
	(void)state;

	size_t live = oom_live();
	world_open(&w, rows, false);
	tree_put(&w.t, "net/ipv4/ip_forward", "0");
	tree_put(&w.t, "net/ipv4/conf/lo/forwarding", "0");
	tree_put(&w.t, "net/ipv4/tcp_fin_timeout", "60");
	const struct apply_options ao = { .before_write = switch_on, .ctx = &w };
	assert_int_equal(run(&w, &ao), KE_READBACK);
	assert_int_equal(w.plan->keys[1].outcome, OUTCOME_MISMATCH);
	assert_string_equal(w.plan->keys[1].got, "1");
	world_close(&w);
	assert_int_equal(oom_live(), live);
}

int main(void)
{
	/* Some thousand synced files, and what syncing is good for is not the matter here. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sweep),
		cmocka_unit_test(what_a_key_got_is_kept_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
