/* plan_world.h — a made-up host and what a policy wants of it, row by row, for the tests of the planner. Everything asserts. */
#ifndef KEDGE_TESTS_SUPPORT_PLAN_WORLD_H
#define KEDGE_TESTS_SUPPORT_PLAN_WORLD_H

#include "agent/engine/plan.h"
#include "tests/support/fault_tree.h"

#define MAX_KEYS 12

struct host_row {
	const char *key, *have, *want; /* have NULL: absent */
};

struct world {
	struct policy *policy;
	struct observation o;
	struct observed keys[MAX_KEYS];
	struct plan *plan;
};

/* Policy and observation of ROWS, both in their order; up to a NULL key. */
static inline void world_open(struct world *w, const struct host_row *rows)
{
	struct row policy_rows[MAX_KEYS + 1] = { { NULL, NULL } };
	size_t n = 0;

	memset(w, 0, sizeof *w);
	for (; rows[n].key; n++)
		policy_rows[n] = (struct row){ rows[n].key, rows[n].want };
	w->policy = policy_of(policy_rows);
	for (size_t i = 0; i < n; i++) {
		struct observed *k = &w->keys[i];
		k->name = w->policy->settings[i].name;
		k->setting = &w->policy->settings[i];
		k->knob = knowledge_find(&k->name);
		k->state = rows[i].have ? KEY_PRESENT : KEY_ABSENT;
		k->reason = rows[i].have ? REASON_NONE : REASON_MODULE;
		if (!rows[i].have)
			continue;
		k->raw = strdup(rows[i].have);
		assert_int_equal(value_observed(knowledge_shape(&k->name), rows[i].have, strlen(rows[i].have),
		                         &k->value),
		        0);
	}
	w->o = (struct observation){ w->keys, n };
}

static inline void world_plan(struct world *w, const struct ceiling *c)
{
	assert_int_equal(plan_build(w->policy, &w->o, c, &w->plan), 0);
}

static inline void world_close(struct world *w)
{
	for (size_t i = 0; i < w->o.n; i++)
		observed_clear(&w->keys[i]);
	plan_free(w->plan);
	policy_free(w->policy);
}

/* The names of the writes in order, joined by blanks. */
static inline const char *order_text(const struct plan *pl, char *buf, size_t size)
{
	buf[0] = '\0';
	for (size_t i = 0; i < pl->n_order; i++) {
		size_t len = strlen(buf);
		const char *path = pl->keys[pl->order[i]].name.path;
		snprintf(buf + len, size - len, "%s%s", i ? " " : "",
		        strncmp(path, "net/ipv4/", 9) ? path : path + 9);
	}
	return buf;
}

#endif
