/* rivals.c — finds at planning what hosts would refuse: of two policies that set one key at one priority a host takes the older
 * and refuses the newer whole. Looks at the newest rollout of each policy of the repository. Called by the rollout
 * commands. */
#include "server-stub/ctl/rivals.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policies/policy.h"
#include "proto/assignment.h"

#define RIVALS_MAX 1024
#define PATH_ROOM  (POLICY_NAME_MAX + 48)

/* The newest rollout of each other policy. */
struct newest {
	const char *own;
	size_t n;
	struct {
		char policy[65];
		int64_t serial;
	} rows[RIVALS_MAX];
};

static int note(void *ctx, const char *role, const struct tuf_target *target)
{
	struct newest *w = ctx;
	char policy[65];
	int64_t serial;
	size_t i = 0;

	(void)role;
	if (target_path_split("rollouts", target->path, policy, &serial) || strcmp(policy, w->own) == 0)
		return KE_OK;
	while (i < w->n && strcmp(w->rows[i].policy, policy) != 0)
		i++;
	if (i == RIVALS_MAX)
		return KE_OK;
	if (i == w->n)
		w->n++;
	else if (w->rows[i].serial > serial)
		return KE_OK;
	memcpy(w->rows[i].policy, policy, strlen(policy) + 1);
	w->rows[i].serial = serial;
	return KE_OK;
}

static struct policy *policy_at(const struct depot *d, const char *path)
{
	struct policy *p = NULL;
	char *text = NULL;
	size_t len = 0;

	if (!depot_read(d, path, &text, &len, NULL))
		policy_parse(text, len, &p, NULL);
	free(text);
	return p;
}

static struct rollout *rollout_at(const struct depot *d, const char *path)
{
	struct rollout *r = NULL;
	char *text = NULL;
	size_t len = 0;

	if (!depot_read(d, path, &text, &len, NULL))
		rollout_parse(text, len, &r, NULL);
	free(text);
	return r;
}

static bool labels_meet(const struct selector *a, const struct selector *b)
{
	for (size_t i = 0; i < a->n_labels; i++)
		for (size_t k = 0; k < b->n_labels; k++)
			if (strcmp(a->labels[i].name, b->labels[k].name) == 0 &&
			        strcmp(a->labels[i].value, b->labels[k].value) != 0)
				return false;
	return true;
}

/* Ranges with 0 as an open end. */
static bool ranges_meet(uint64_t min_a, uint64_t max_a, uint64_t min_b, uint64_t max_b)
{
	return (!max_a || min_b <= max_a) && (!max_b || min_a <= max_b);
}

bool rivals_meet(const struct selector *a, const struct selector *b)
{
	return !a || !b ||
	       (labels_meet(a, b) &&
	               ranges_meet(a->kernel_min, a->kernel_max, b->kernel_min, b->kernel_max) &&
	               ranges_meet(a->memory_min, a->memory_max, b->memory_min, b->memory_max));
}

/* The first key of A that B sets, too. Patterns meet keys, not patterns. */
static const struct setting *shared(const struct policy *a, const struct policy *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++)
			if (name_cmp(&a->settings[i].name, &b->settings[k].name) == 0 ||
			        setting_covers(&b->settings[k], &a->settings[i].name) ||
			        setting_covers(&a->settings[i], &b->settings[k].name))
				return &a->settings[i];
	return NULL;
}

static int judge(const struct rollout *r, const struct policy *own, const struct rollout *other,
        const struct policy *theirs, struct fault *f)
{
	const struct setting *s = own->priority == theirs->priority ? shared(own, theirs) : NULL;

	if (!s || !rivals_meet(r->selector, other->selector) ||
	        !rivals_meet(own->selector, theirs->selector) ||
	        !rivals_meet(r->selector, theirs->selector) || !rivals_meet(own->selector, other->selector))
		return KE_OK;
	return fault_set(f, KE_CONFLICT, s->name.path,
	        "give one of the two another priority, or other hosts (or --allow-conflict)",
	        "policy %s (rollout %" PRId64 ") sets it, too, at the same priority %" PRId64
	        ": hosts would refuse the newer one",
	        other->policy, other->serial, own->priority);
}

int rivals_check(const struct depot *d, const struct rollout *r, struct fault *f)
{
	struct newest *w = calloc(1, sizeof *w);
	struct policy *own = r->action == ROLLOUT_APPLY ? policy_at(d, r->target_path) : NULL;
	char path[PATH_ROOM];
	int rc = KE_OK;

	if (!w) {
		policy_free(own);
		return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
	}
	w->own = r->policy;
	if (own)
		depot_each(d, false, note, w);
	for (size_t i = 0; !rc && i < w->n; i++) {
		snprintf(path, sizeof path, "rollouts/%s/%" PRId64 ".json", w->rows[i].policy,
		        w->rows[i].serial);
		struct rollout *other = rollout_at(d, path);
		struct policy *theirs =
		        other && other->action == ROLLOUT_APPLY ? policy_at(d, other->target_path) : NULL;
		if (theirs)
			rc = judge(r, own, other, theirs, f);
		policy_free(theirs);
		rollout_free(other);
	}
	policy_free(own);
	free(w);
	return rc;
}
