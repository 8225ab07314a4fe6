/* policy_diff.c — compares two policies key by key. Values are canonical already, so "1  2" and "1 2" do not differ.
 * Called by `policy diff`. */
#include "server-stub/ctl/policy_diff.h"

#include <stdlib.h>
#include <string.h>

static const struct name *name_of(const struct policy_change *c)
{
	return c->before ? &c->before->name : &c->after->name;
}

static int by_name(const void *a, const void *b)
{
	return name_cmp(name_of(a), name_of(b));
}

int policy_diff(const struct policy *a, const struct policy *b, struct policy_change **ret, size_t *ret_n)
{
	struct policy_change *list = calloc(a->n + b->n + 1, sizeof *list);
	size_t n = 0;

	if (!list)
		return KE_NOMEM;
	for (size_t i = 0; i < a->n; i++) {
		const struct setting *other = policy_find(b, &a->settings[i].name);
		if (!other || !setting_same(&a->settings[i], other))
			list[n++] = (struct policy_change){ &a->settings[i], other };
	}
	for (size_t i = 0; i < b->n; i++)
		if (!policy_find(a, &b->settings[i].name))
			list[n++] = (struct policy_change){ NULL, &b->settings[i] };
	qsort(list, n, sizeof *list, by_name);
	*ret = list;
	*ret_n = n;
	return KE_OK;
}
