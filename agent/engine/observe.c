/* observe.c — one read a key, and the reason when there is nothing to read.
 *
 * Writability is only asked where the value differs, by opening for writing without writing: a host that is in order costs
 * one open, one read and one close a key. Absence is judged from what is known about the key, so that "not yet" and
 * "never here" are told apart. Called by the plan's callers and by verify, status, explain.
 */
#include "agent/engine/observe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void detail_set(struct observed *o, enum key_reason r, const char *text, size_t len)
{
	o->reason = r;
	snprintf(o->detail, sizeof o->detail, "%.*s", (int)len, text);
}

static void detail_release(struct observed *o, enum key_reason r, uint32_t release)
{
	o->reason = r;
	snprintf(o->detail, sizeof o->detail, "%u.%u", release >> 16, release & 0xffff);
}

static bool seg_is(const char *seg, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(seg, word, len) == 0;
}

/* net/ipv4/conf/eth7/...: is it the interface that is missing? */
static bool interface_missing(struct procsys *ps, const struct name *n, const char **ret_seg, size_t *ret_len)
{
	const char *seg;
	size_t len;

	if (!name_segment(n, 0, &seg, &len) || !seg_is(seg, len, "net") || !name_segment(n, 2, &seg, &len))
		return false;
	if (!seg_is(seg, len, "conf") && !seg_is(seg, len, "neigh"))
		return false;
	return name_segment(n, 3, ret_seg, ret_len) && procsys_has_dir(ps, n, 3) &&
	       !procsys_has_dir(ps, n, 4);
}

static void absent_judge(struct procsys *ps, uint32_t kernel, struct observed *o)
{
	const struct knob *k = o->knob;
	const char *seg;
	size_t len;

	o->state = KEY_ABSENT;
	if (k && k->removed && kernel >= k->removed) {
		detail_release(o, REASON_REMOVED, k->removed);
	} else if (k && k->added && kernel < k->added) {
		detail_release(o, REASON_TOO_OLD, k->added);
	} else if (interface_missing(ps, &o->name, &seg, &len)) {
		detail_set(o, REASON_INTERFACE, seg, len);
	} else if (!k) {
		const struct knob *near = knowledge_nearest(&o->name);
		detail_set(o, REASON_UNKNOWN, near ? near->path : "", near ? strlen(near->path) : 0);
	} else if (knob_module(k)) {
		detail_set(o, REASON_MODULE, knob_module(k), strlen(knob_module(k)));
	} else if (k->scope != KNOB_NETNS) {
		o->reason = REASON_HOST_WIDE;
	} else {
		o->reason = REASON_MISSING;
	}
}

static int value_keep(struct observed *o, const char *raw, size_t len)
{
	const struct value_shape *shape = o->knob ? &o->knob->shape : &value_shape_text;

	int rc = value_observed(shape, raw, len, &o->value);
	if (rc)
		return rc;
	o->raw = malloc(len + 1);
	if (!o->raw)
		return KE_NOMEM;
	memcpy(o->raw, raw, len + 1);
	return KE_OK;
}

int observe_key(struct procsys *ps, const struct name *n, uint32_t kernel, struct observed *ret)
{
	struct observed o = { .name = *n, .knob = knowledge_find(n) };
	const char *raw;
	size_t len;
	int rc = KE_OK;

	if (o.knob && o.knob->danger == KNOB_SECRET) {
		/* Not even read: what was never in memory cannot end in a report. */
		o.state = KEY_UNREADABLE;
		o.reason = REASON_SECRET;
	} else if ((o.err = procsys_read(ps, n, &raw, &len)) == 0) {
		o.state = KEY_PRESENT;
		rc = value_keep(&o, raw, len);
	} else if (o.err == ENOENT || o.err == ENOTDIR) {
		absent_judge(ps, kernel, &o);
	} else if (o.err == ENOMEM) {
		rc = KE_NOMEM;
	} else {
		o.state = KEY_UNREADABLE;
		o.reason = REASON_UNREADABLE;
	}
	if (rc) {
		observed_clear(&o);
		return rc;
	}
	*ret = o;
	return KE_OK;
}

void observed_clear(struct observed *o)
{
	free(o->value);
	free(o->raw);
	o->value = o->raw = NULL;
}

struct gather {
	struct procsys *ps;
	const struct policy *policy;
	const struct setting *setting;
	uint32_t kernel;
	struct observation *out;
	size_t room;
	bool matched; /* the pattern matches something, be it another setting's */
};

static int row_add(struct gather *g, const struct name *n)
{
	struct observation *out = g->out;

	if (out->n == g->room) {
		size_t room = g->room ? g->room * 2 : g->policy->n + 8;
		struct observed *more = realloc(out->keys, room * sizeof *more);
		if (!more)
			return KE_NOMEM;
		out->keys = more;
		g->room = room;
	}
	struct observed *o = &out->keys[out->n];
	int rc = observe_key(g->ps, n, g->kernel, o);
	if (rc)
		return rc;
	out->n++;
	o->setting = g->setting;
	if (o->state != KEY_PRESENT || setting_holds(g->setting, o->value))
		return KE_OK;
	int err = procsys_writable(g->ps, n);
	if (err == EACCES || err == EPERM || err == EROFS) {
		o->state = KEY_READ_ONLY;
		o->err = err;
		o->reason = o->knob && o->knob->scope != KNOB_NETNS && err == EACCES ? REASON_HOST_WIDE
		                                                                     : REASON_READ_ONLY;
	}
	return KE_OK;
}

/* A key is left alone when it is excepted, left to an explicit setting, or to a later pattern that means it too: the last
 * word wins, as in a file. */
static bool taken(const struct gather *g, const struct name *n)
{
	const struct policy *p = g->policy;

	if (name_excepted(g->setting->except, g->setting->n_except, n) || policy_find(p, n))
		return true;
	for (size_t i = (size_t)(g->setting - p->settings) + 1; i < p->n; i++)
		if (setting_covers(&p->settings[i], n))
			return true;
	return false;
}

static int match_add(void *ctx, const struct name *n)
{
	struct gather *g = ctx;

	g->matched = true;
	return taken(g, n) ? KE_OK : row_add(g, n);
}

static int pattern_add(struct gather *g)
{
	size_t before = g->out->n;

	g->matched = false;
	int rc = procsys_each(g->ps, &g->setting->name, match_add, g);
	if (rc || g->matched)
		return rc;
	/* Nothing there yet: a row that says so, for the pattern itself. */
	rc = row_add(g, &g->setting->name);
	if (!rc) {
		struct observed *o = &g->out->keys[before];
		o->state = KEY_ABSENT;
		detail_set(o, REASON_INTERFACE, "", 0);
	}
	return rc;
}

int observe_policy(struct procsys *ps, const struct policy *p, uint32_t kernel, struct observation **ret,
        struct fault *f)
{
	struct observation *out = calloc(1, sizeof *out);
	struct gather g = { .ps = ps, .policy = p, .kernel = kernel, .out = out };
	int rc = out ? KE_OK : KE_NOMEM;

	for (size_t i = 0; !rc && i < p->n; i++) {
		g.setting = &p->settings[i];
		rc = name_is_pattern(&g.setting->name) ? pattern_add(&g) : row_add(&g, &g.setting->name);
		if (rc)
			fault_set(f, rc, g.setting->name.path, NULL, "cannot be observed: %s", err_text(rc));
	}
	if (rc) {
		observation_free(out);
		return out ? rc : fault_set(f, rc, NULL, NULL, "%s", "");
	}
	*ret = out;
	return KE_OK;
}

void observation_free(struct observation *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n; i++)
		observed_clear(&o->keys[i]);
	free(o->keys);
	free(o);
}
