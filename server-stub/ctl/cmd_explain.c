/* cmd_explain.c — `policy explain KEY`: what the knowledge base says of a key. It asks no host: what a key holds somewhere
 * is told by `kedge-agent explain` there. */
#include <stdio.h>
#include <string.h>

#include "policies/knowledge.h"
#include "server-stub/ctl/ctl.h"

static const char *const scopes[] = { [KNOB_NETNS] = "one value per network namespace",
	[KNOB_HOST] = "one value per host, absent in other network namespaces",
	[KNOB_HOST_SHOWN] = "one value per host, shown read-only in other network namespaces",
	[KNOB_HOST_WIDE] = "one value per host" };

static void list_text(struct buf *out, const char *title, const char *list)
{
	for (const char *s = list; *s; s = knob_list_next(s))
		buf_fmt(out, "%-9s %s\n", s == list ? title : "", s);
}

static void kernels_text(struct buf *out, const struct knob *k)
{
	if (k->added)
		buf_fmt(out, "since     Linux %u.%u\n", k->added >> 16, k->added & 0xffff);
	if (k->obsolete)
		buf_fmt(out, "obsolete  without effect since Linux %u.%u\n", k->obsolete >> 16,
		        k->obsolete & 0xffff);
	if (k->removed)
		buf_fmt(out, "removed   in Linux %u.%u\n", k->removed >> 16, k->removed & 0xffff);
	if (knob_module(k))
		buf_fmt(out, "module    %s\n", knob_module(k));
}

static const char *policy_text(const struct name *n, const struct knob *k)
{
	if (knowledge_never(n))
		return "on the never-list: no policy can set it";
	if (k->read_only)
		return "read-only: it tells, and cannot be set";
	switch (k->danger) {
	case KNOB_TRIGGER:
		return "writing it is an action: no policy can set it";
	case KNOB_ONE_WAY:
		return "it cannot be set back: no policy can set it";
	case KNOB_SECRET:
		return "a secret: no policy can set it";
	default:
		return "policies may set it where a host's ceiling lets them";
	}
}

static void explain_text(struct buf *out, const struct name *n, const struct knob *k)
{
	struct knob_doc doc = knowledge_doc(k);
	char dotted[NAME_MAX_LEN + 1];

	buf_fmt(out, "%s\nmeaning   %s\nunit      %s\n", name_dotted(n, dotted, sizeof dotted), doc.meaning,
	        doc.unit);
	list_text(out, "values", doc.words);
	if (k->shape.has_min && k->shape.has_max)
		buf_fmt(out, "bounds    %lld .. %lld\n", (long long)k->shape.min, (long long)k->shape.max);
	else if (k->shape.has_min)
		buf_fmt(out, "bounds    at least %lld\n", (long long)k->shape.min);
	if (doc.bounds_note)
		buf_fmt(out, "          %s\n", doc.bounds_note);
	if (k->earlier_before)
		buf_fmt(out, "          before Linux %u.%u: %lld .. %lld\n", k->earlier_before >> 16,
		        k->earlier_before & 0xffff, (long long)k->earlier_min, (long long)k->earlier_max);
	if (doc.readback)
		buf_fmt(out, "reads as  %s\n", doc.readback);
	if (doc.initial || doc.initial_rule)
		buf_fmt(out, "default   %s%s%s\n", doc.initial ? doc.initial : "",
		        doc.initial && doc.initial_rule ? "; " : "",
		        doc.initial_rule ? doc.initial_rule : "");
	if (doc.effect)
		buf_fmt(out, "effect    %s\n", doc.effect);
	buf_fmt(out, "scope     %s\n", scopes[k->scope]);
	if (doc.scope_since)
		buf_fmt(out, "          %s\n", doc.scope_since);
	if (doc.starts_from)
		buf_fmt(out, "          a new network namespace starts with %s\n",
		        doc.starts_from[0] == 'h' ? "a copy of the host's value" : "the kernel's default");
	if (doc.requires)
		buf_fmt(out, "needs     %s\n", doc.requires);
	kernels_text(out, k);
	buf_fmt(out, "policy    %s\n", policy_text(n, k));
	list_text(out, "beware", doc.hazards);
	list_text(out, "related", doc.relations);
	list_text(out, "history", doc.history);
	list_text(out, "source", doc.sources);
}

static void list_json(struct jsonw *w, const char *name, const char *list)
{
	jsonw_array(w, name);
	for (const char *s = list; *s; s = knob_list_next(s))
		jsonw_string(w, NULL, s);
	jsonw_array_end(w);
}

static void explain_json(struct ctl *c, const struct name *n, const struct knob *k)
{
	struct knob_doc doc = knowledge_doc(k);
	struct jsonw w = ctl_json(c, "kedge_explain");
	char dotted[NAME_MAX_LEN + 1], before[24];

	jsonw_string(&w, "key", name_dotted(n, dotted, sizeof dotted));
	jsonw_bool(&w, "known", true);
	jsonw_string(&w, "meaning", doc.meaning);
	jsonw_string(&w, "unit", doc.unit);
	jsonw_opt_string(&w, "default", doc.initial);
	jsonw_opt_string(&w, "default_rule", doc.initial_rule);
	jsonw_opt_string(&w, "bounds_note", doc.bounds_note);
	jsonw_opt_string(&w, "effect", doc.effect);
	jsonw_string(&w, "scope", scopes[k->scope]);
	jsonw_opt_string(&w, "scope_since", doc.scope_since);
	jsonw_opt_string(&w, "starts_from", doc.starts_from);
	jsonw_opt_string(&w, "requires", doc.requires);
	jsonw_opt_string(&w, "readback", doc.readback);
	if (k->shape.has_min)
		jsonw_int(&w, "min", k->shape.min);
	if (k->shape.has_max)
		jsonw_int(&w, "max", k->shape.max);
	if (k->earlier_before) {
		snprintf(before, sizeof before, "%u.%u", k->earlier_before >> 16, k->earlier_before & 0xffff);
		jsonw_object(&w, "earlier");
		jsonw_int(&w, "min", k->earlier_min);
		jsonw_int(&w, "max", k->earlier_max);
		jsonw_string(&w, "before", before);
		jsonw_object_end(&w);
	}
	jsonw_string(&w, "policy", policy_text(n, k));
	list_json(&w, "values", doc.words);
	list_json(&w, "hazards", doc.hazards);
	list_json(&w, "relations", doc.relations);
	list_json(&w, "history", doc.history);
	list_json(&w, "sources", doc.sources);
	ctl_json_end(c, &w);
}

static int unknown(const struct name *n, struct fault *f)
{
	char dotted[NAME_MAX_LEN + 1], other[NAME_MAX_LEN + 1], todo[200] = "";
	const struct knob *near = knowledge_nearest(n);
	struct name found;

	if (near && !name_parse(near->path, strlen(near->path), &found, NULL))
		snprintf(todo, sizeof todo, "did you mean %.180s?", name_dotted(&found, other, sizeof other));
	return fault_set(f, KE_UNKNOWN, name_dotted(n, dotted, sizeof dotted), todo,
	        knowledge_exists(n) ? "exists, but the knowledge base does not describe it"
	                            : "no such key is known");
}

int ctl_policy_explain(struct ctl *c)
{
	const char *key = c->args.words[0];
	const struct knob *k = NULL;
	struct fault f = { 0 };
	struct name n;
	int rc = name_parse(key, strlen(key), &n, &f);

	if (!rc && !(k = knowledge_find(&n)))
		rc = unknown(&n, &f);
	if (rc)
		return ctl_complain(c, &f);
	if (c->json)
		explain_json(c, &n, k);
	else
		explain_text(&c->out, &n, k);
	return CTL_DONE;
}
