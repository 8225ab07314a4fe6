/* resolve.c — merging. Goes through policies from the lowest priority to the highest; a setting replaces one of lower
 * priority and clashes with one of the same. */
#include "agent/keeper/resolve.h"

#include <stdlib.h>
#include <string.h>

struct layer {
	const char *name;
	const struct policy *policy;
};

static int layer_cmp(const void *pa, const void *pb)
{
	const struct layer *a = pa, *b = pb;

	if (a->policy->priority != b->policy->priority)
		return a->policy->priority < b->policy->priority ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* The policies that count, in rising priority. */
static size_t layers_fill(const struct adopted_list *l, const struct candidate *c,
        const struct host_facts *facts, struct layer *layers)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct adopted *a = &l->rows[i];
		if (a->removed || (c && strcmp(c->name, a->name) == 0) ||
		        !selector_match(a->policy->selector, facts))
			continue;
		layers[n++] = (struct layer){ a->name, a->policy };
	}
	if (c && c->policy && selector_match(c->policy->selector, facts))
		layers[n++] = (struct layer){ c->name, c->policy };
	qsort(layers, n, sizeof *layers, layer_cmp);
	return n;
}

static int merge_setting(
        struct policy *all, const struct layer *layers, size_t at, const struct setting *s, struct fault *f)
{
	char dotted[NAME_MAX_LEN + 1];

	for (size_t above = at + 1; layers[above].policy; above++) {
		if (!policy_find(layers[above].policy, &s->name))
			continue;
		if (layers[above].policy->priority > layers[at].policy->priority)
			return KE_OK; /* overruled */
		return fault_set(f, KE_CONFLICT, name_dotted(&s->name, dotted, sizeof dotted),
		        "give one of them a higher priority",
		        "policies '%s' and '%s' both set it at priority %lld", layers[at].name,
		        layers[above].name, (long long)layers[at].policy->priority);
	}
	return policy_append_copy(all, s, NULL, f);
}

/* Its value instead of the policies'. Missing, it is no complaint: that somebody made an exception must not refuse a plan. */
static int put_override(struct policy *all, const struct override_row *row, struct fault *f)
{
	struct setting *s = policy_holder(all, &row->key), *copy;
	char *value;

	if (s && name_cmp(&s->name, &row->key) == 0) {
		int rc = value_wanted(knowledge_shape(&row->key), row->value, strlen(row->value), &value, f);
		if (rc)
			return rc;
		free(s->value);
		s->value = value;
		s->bound = BOUND_NONE; /* a person wants just this */
		return KE_OK;
	}
	enum setting_mode mode = s ? s->mode : SETTING_ENFORCE;
	int rc = policy_append(all, &row->key, row->value, row->reason, &copy, f);
	if (rc)
		return rc;
	copy->mode = mode;
	copy->optional = true;
	return KE_OK;
}

static bool wants(const struct policy *all, size_t n, const struct name *key)
{
	for (size_t i = 0; i < n; i++)
		if (setting_covers(&all->settings[i], key))
			return true;
	return false;
}

/* Keys in force that nobody wants any more. */
static int append_releases(struct policy *all, const struct originals *o, struct fault *f)
{
	size_t n = all->n; /* the settings that are wanted */

	for (size_t i = 0; o && i < o->n; i++) {
		const struct original *k = &o->keys[i];
		/* Rows that no setting holds are of keys let go before, or that only changed along with another one. */
		const struct original *by = k->value ? originals_holder(o, &k->name) : NULL;
		struct setting *s;
		char *value;
		if (!by || wants(all, n, &k->name))
			continue;
		int rc = value_observed(knowledge_shape(&k->name), k->value, strlen(k->value), &value);
		if (!rc) {
			rc = policy_append(all, &k->name, value, NULL, &s, f);
			free(value);
		}
		if (rc)
			return rc;
		s->release = true;
		s->optional = true; /* an interface may be gone by now */
		/* What somebody raised above a floor, or lowered below a ceiling, is theirs, and stays. */
		s->bound = by->bound;
		if (by->bound != BOUND_NONE && !(s->held = strdup(by->wanted)))
			return fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	}
	return KE_OK;
}

int resolve_policies(const struct adopted_list *l, const struct candidate *candidate,
        const struct override_list *over, const struct host_facts *facts, const struct originals *o,
        struct policy **ret, struct fault *f)
{
	struct policy *all = NULL;
	struct layer *layers = calloc(l->n + 2, sizeof *layers); /* ends with an empty one */
	int rc = layers ? policy_new(ORIGINAL_MERGED, 1, &all) : KE_NOMEM;
	size_t n = rc ? 0 : layers_fill(l, candidate, facts, layers);

	for (size_t i = 0; !rc && i < n; i++)
		for (size_t k = 0; !rc && k < layers[i].policy->n; k++)
			rc = merge_setting(all, layers, i, &layers[i].policy->settings[k], f);
	for (size_t i = 0; !rc && over && i < over->n; i++)
		if (over->rows[i].value)
			rc = put_override(all, &over->rows[i], f);
	if (!rc)
		rc = append_releases(all, o, f);
	free(layers);
	if (rc) {
		policy_free(all);
		return rc;
	}
	*ret = all;
	return KE_OK;
}

/* Does P set N, by its name or by a pattern? 2: by name, 1: by pattern, 0: no. */
static int sets(const struct policy *p, const struct name *n)
{
	int how = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (name_cmp(&p->settings[i].name, n) == 0)
			return 2;
		if (setting_covers(&p->settings[i], n))
			how = 1;
	}
	return how;
}

const struct adopted *resolve_owner(
        const struct adopted_list *l, const struct host_facts *facts, const struct name *n)
{
	const struct adopted *owner = NULL;
	int best = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct adopted *a = &l->rows[i];
		if (a->removed || !selector_match(a->policy->selector, facts))
			continue;
		int how = sets(a->policy, n);
		if (how > best || (how && how == best && a->policy->priority > owner->policy->priority)) {
			best = how;
			owner = a;
		}
	}
	return owner;
}
