/* engine_world.h — an engine on a directory that plays /proc/sys, or on the kernel's own in a namespace: a clock that stands, a
 * policy, a run. Everything asserts. For the tests of the transaction. */
#ifndef KEDGE_TESTS_SUPPORT_ENGINE_WORLD_H
#define KEDGE_TESTS_SUPPORT_ENGINE_WORLD_H

#include "agent/engine/apply.h"
#include "agent/engine/attempt.h"
#include "tests/support/fault_tree.h"

struct time_source {
	int64_t boot_ms;
};

static inline int64_t fake_wall(void *ctx)
{
	(void)ctx;
	return 1795553333;
}

static inline int64_t fake_boot(void *ctx)
{
	return ((const struct time_source *)ctx)->boot_ms;
}

struct world {
	struct tree t;
	struct time_source time;
	struct clock clock;
	struct engine *e;
	struct policy *policy;
	struct plan *plan; /* of the last run() */
	struct fault f;
};

static inline void engine_start(struct world *w, const char *boot_id, bool kernel)
{
	struct engine_options eo = { .root = kernel ? PROCSYS_ROOT : w->t.root,
		.kind = kernel ? PROCSYS_KERNEL : PROCSYS_DIRECTORY,
		.run_dir = w->t.run,
		.state_dir = w->t.state,
		.ceiling = w->t.ceiling,
		.boot_id = boot_id,
		.kernel = kernel ? 0 : KERNEL(6, 12),
		.clock = &w->clock };

	engine_close(w->e);
	w->e = NULL;
	assert_int_equal(engine_open(&eo, &w->e, &w->f), 0);
	assert_int_equal(engine_lock(w->e, &w->f), 0);
}

static inline void world_open(struct world *w, const struct row *rows, bool kernel)
{
	memset(w, 0, sizeof *w);
	w->time.boot_ms = 1000;
	w->clock = (struct clock){ fake_wall, fake_boot, &w->time };
	tree_open(&w->t);
	w->policy = policy_of(rows);
	engine_start(w, "boot-1", kernel);
}

static inline void world_close(struct world *w)
{
	plan_free(w->plan);
	policy_free(w->policy);
	engine_close(w->e);
	tree_close(&w->t);
}

static inline int run(struct world *w, const struct apply_options *ao)
{
	static const struct apply_options none;
	struct observation *o = NULL;

	plan_free(w->plan);
	w->plan = NULL;
	assert_int_equal(observe_policy(w->e->ps, w->policy, w->e->kernel, &o, &w->f), 0);
	assert_int_equal(plan_build(w->policy, o, w->e->ceiling, &w->plan), 0);
	observation_free(o);
	return apply_run(w->e, w->policy, w->plan, ao ? ao : &none, &w->f);
}

static inline enum recovery recover(struct world *w, int expected)
{
	struct recovery_report r;

	assert_int_equal(engine_recover(w->e, &r, &w->f), expected);
	enum recovery result = r.result;
	recovery_report_clear(&r);
	return result;
}

static inline enum attempt_state mark(struct world *w)
{
	struct attempt a;

	assert_int_equal(attempt_read(w->t.state, &a, &w->f), 0);
	return a.state;
}

static inline bool run_file(struct world *w, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", w->t.run, name);
	return access(path, F_OK) == 0;
}

static const struct row three[] = { { "net.ipv4.tcp_fin_timeout", "30" }, { "net.core.somaxconn", "1024" },
	{ "net.ipv4.tcp_rmem", "4096 131072 16777216" }, { NULL, NULL } };

static inline void three_put(struct world *w)
{
	tree_put(&w->t, "net/ipv4/tcp_fin_timeout", "60");
	tree_put(&w->t, "net/core/somaxconn", "4096");
	tree_put(&w->t, "net/ipv4/tcp_rmem", "4096\t131072\t6291456");
}

static inline void three_are(struct world *w, const char *a, const char *b, const char *c)
{
	assert_string_equal(tree_get(&w->t, "net/ipv4/tcp_fin_timeout"), a);
	assert_string_equal(tree_get(&w->t, "net/core/somaxconn"), b);
	assert_string_equal(tree_get(&w->t, "net/ipv4/tcp_rmem"), c);
}

static inline void three_are_old(struct world *w)
{
	three_are(w, "60", "4096", "4096\t131072\t6291456");
}

static inline void three_are_new(struct world *w)
{
	three_are(w, "30", "1024", "4096 131072 16777216");
}

#endif
