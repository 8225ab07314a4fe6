/* cmd_explain.c — `explain KEY`: what the knowledge base says of a key, what it holds here, what holds it. */
#include <stdio.h>
#include <string.h>

#include "agent/engine/observe.h"
#include "agent/engine/original.h"
#include "agent/local/local.h"
#include "proto/jsonw.h"

static const char explain_help[] = "usage: kedge-agent explain KEY\n"
                                   "Say what KEY means, which values it takes, what it holds on this host, "
                                   "whether a policy holds it, whether the\n"
                                   "ceiling lets policies touch it, and what to beware of. Exit status: 0, 1 "
                                   "when the key is neither known nor there.\n";

struct explanation {
	struct name name;
	const struct knob *knob; /* NULL: unknown */
	struct observed now;
	const struct original *held; /* by the policy in force, or NULL; borrowed from originals */
	struct originals *originals;
	enum ceiling_verdict verdict;
};

static const char *verdict_text(enum ceiling_verdict v)
{
	static const char *const texts[] = { [CEILING_ALLOWED] = "policies may set it",
		[CEILING_OUTSIDE] = "outside this host's ceiling: no policy may set it",
		[CEILING_NEVER] = "on the never-list: no policy and no ceiling can allow it" };

	return texts[v];
}

static const char *scope_text(const struct knob *k)
{
	static const char *const texts[] = { [KNOB_NETNS] = "one value per network namespace",
		[KNOB_HOST] = "one value per host, absent in other network namespaces",
		[KNOB_HOST_SHOWN] = "one value per host, shown read-only in other network namespaces",
		[KNOB_HOST_WIDE] = "one value per host" };

	return texts[k->scope];
}

static void list_text(struct local *l, const char *title, const char *list)
{
	for (const char *s = list; *s; s = knob_list_next(s))
		buf_fmt(&l->out, "%-9s %s\n", s == list ? title : "", s);
}

static void kernels_text(struct local *l, const struct knob *k)
{
	if (k->added)
		buf_fmt(&l->out, "since     Linux %u.%u\n", k->added >> 16, k->added & 0xffff);
	if (k->removed)
		buf_fmt(&l->out, "removed   in Linux %u.%u\n", k->removed >> 16, k->removed & 0xffff);
	if (knob_module(k))
		buf_fmt(&l->out, "module    %s\n", knob_module(k));
}

static void bounds_text(struct local *l, const struct value_shape *s)
{
	if (s->has_min && s->has_max)
		buf_fmt(&l->out, "bounds    %lld .. %lld\n", (long long)s->min, (long long)s->max);
	else if (s->has_min)
		buf_fmt(&l->out, "bounds    at least %lld\n", (long long)s->min);
}

/* What the knowledge base says, apart from lists. */
static void knob_text(struct local *l, const struct knob *k, const struct knob_doc *doc)
{
	buf_fmt(&l->out, "meaning   %s\nunit      %s\n", doc->meaning, doc->unit);
	list_text(l, "values", doc->words);
	bounds_text(l, &k->shape);
	if (doc->bounds_note)
		buf_fmt(&l->out, "          %s\n", doc->bounds_note);
	if (doc->initial || doc->initial_rule)
		buf_fmt(&l->out, "default   %s%s%s\n", doc->initial ? doc->initial : "",
		        doc->initial && doc->initial_rule ? "; " : "",
		        doc->initial_rule ? doc->initial_rule : "");
	if (doc->effect)
		buf_fmt(&l->out, "effect    %s\n", doc->effect);
	buf_fmt(&l->out, "scope     %s\n", scope_text(k));
	kernels_text(l, k);
}

static bool value_may_be_told(const struct explanation *x)
{
	return x->now.value && !(x->knob && x->knob->danger == KNOB_SECRET);
}

static void explain_text(struct local *l, const struct explanation *x)
{
	char dotted[NAME_MAX_LEN + 1], words[256];
	struct knob_doc doc = { 0 };

	buf_fmt(&l->out, "%s\n", name_dotted(&x->name, dotted, sizeof dotted));
	if (x->knob) {
		doc = knowledge_doc(x->knob);
		knob_text(l, x->knob, &doc);
	} else {
		buf_str(&l->out, "meaning   not in kedge's knowledge base; values are compared as text\n");
	}
	if (x->now.value)
		buf_fmt(&l->out, "now       %s\n", value_may_be_told(x) ? x->now.value : "(secret)");
	if (x->now.reason != REASON_NONE)
		buf_fmt(&l->out, "here      %s\n",
		        reason_text(x->now.reason, x->now.detail, words, sizeof words));
	if (x->held)
		buf_fmt(&l->out, "policy    %s version %lld holds it at %s%s\n", x->originals->policy,
		        (long long)x->originals->version, bound_sign(x->held->bound), x->held->wanted);
	buf_fmt(&l->out, "ceiling   %s\n", verdict_text(x->verdict));
	if (x->knob) {
		list_text(l, "beware", doc.hazards);
		list_text(l, "related", doc.relations);
		list_text(l, "history", doc.history);
		list_text(l, "source", doc.sources);
	}
}

static void list_json(struct jsonw *w, const char *name, const char *list)
{
	jsonw_array(w, name);
	for (const char *s = list; *s; s = knob_list_next(s))
		jsonw_string(w, NULL, s);
	jsonw_array_end(w);
}

static void knob_json(struct jsonw *w, const struct knob *k)
{
	struct knob_doc doc = knowledge_doc(k);

	jsonw_string(w, "meaning", doc.meaning);
	jsonw_string(w, "unit", doc.unit);
	jsonw_opt_string(w, "default", doc.initial);
	jsonw_opt_string(w, "default_rule", doc.initial_rule);
	jsonw_opt_string(w, "bounds_note", doc.bounds_note);
	jsonw_opt_string(w, "effect", doc.effect);
	jsonw_string(w, "scope", scope_text(k));
	if (k->shape.has_min)
		jsonw_int(w, "min", k->shape.min);
	if (k->shape.has_max)
		jsonw_int(w, "max", k->shape.max);
	list_json(w, "values", doc.words);
	list_json(w, "hazards", doc.hazards);
	list_json(w, "relations", doc.relations);
	list_json(w, "history", doc.history);
	list_json(w, "sources", doc.sources);
}

static void explain_json(struct local *l, const struct explanation *x)
{
	static const char *const verdicts[] = {
		[CEILING_ALLOWED] = "allowed", [CEILING_OUTSIDE] = "outside", [CEILING_NEVER] = "never"
	};
	struct jsonw w = JSONW_INIT(&l->out, 2);
	char dotted[NAME_MAX_LEN + 1];

	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_explain", 1);
	jsonw_string(&w, "key", name_dotted(&x->name, dotted, sizeof dotted));
	jsonw_bool(&w, "known", x->knob != NULL);
	if (x->knob)
		knob_json(&w, x->knob);
	if (value_may_be_told(x))
		jsonw_string(&w, "now", x->now.value);
	if (x->now.reason != REASON_NONE)
		jsonw_string(&w, "here", reason_name(x->now.reason));
	if (x->held) {
		struct buf wanted = BUF_INIT(VALUE_MAX_LEN + 4);
		buf_fmt(&wanted, "%s%s", bound_sign(x->held->bound), x->held->wanted);
		jsonw_string(&w, "wanted", buf_text(&wanted));
		buf_free(&wanted);
	}
	jsonw_string(&w, "ceiling", verdicts[x->verdict]);
	jsonw_object_end(&w);
	buf_char(&l->out, '\n');
}

static int explain(struct local *l, struct engine *e, struct explanation *x)
{
	struct fault f = { 0 };
	char dotted[NAME_MAX_LEN + 1], todo[200] = "";

	x->knob = knowledge_find(&x->name);
	x->verdict = ceiling_check(e->ceiling, &x->name);
	if (observe_key(e->ps, &x->name, e->kernel, &x->now)) {
		fault_set(&f, KE_NOMEM, NULL, NULL, "%s", "");
		return local_complain(l, &f);
	}
	if (!x->knob && x->now.state == KEY_ABSENT) {
		const struct knob *near = knowledge_nearest(&x->name);
		struct name other;
		if (near && !name_parse(near->path, strlen(near->path), &other, NULL))
			snprintf(todo, sizeof todo, "did you mean %.180s?",
			        name_dotted(&other, dotted, sizeof dotted));
		fault_set(&f, KE_UNKNOWN, name_dotted(&x->name, dotted, sizeof dotted), todo,
		        "there is no such key, and none is known");
		return local_complain(l, &f);
	}
	if (!originals_read(e->run_dir, e->boot_id, &x->originals, NULL))
		x->held = originals_holder(x->originals, &x->name);
	if (l->json)
		explain_json(l, x);
	else
		explain_text(l, x);
	return EXIT_DONE;
}

int cmd_explain(struct local *l, int argc, char **argv)
{
	static const struct option options[] = { LOCAL_OPTIONS };
	struct engine *e = NULL;
	struct explanation x = { 0 };
	struct fault f = { 0 };
	int opt, code;

	while ((opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
		int said = local_option(l, opt, argv);
		if (said == OPTION_HELP)
			buf_str(&l->out, explain_help);
		if (said != OPTION_TAKEN)
			return said == OPTION_HELP ? EXIT_DONE : EXIT_ERROR;
	}
	if (argc - optind != 1)
		return local_usage(l, "one KEY is wanted, %d given", argc - optind);
	if (name_parse(argv[optind], strlen(argv[optind]), &x.name, &f) || engine_open(&l->engine, &e, &f))
		code = local_complain(l, &f);
	else
		code = explain(l, e, &x);
	observed_clear(&x.now);
	originals_free(x.originals);
	engine_close(e);
	return code;
}
