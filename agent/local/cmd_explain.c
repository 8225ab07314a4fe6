/* cmd_explain.c — `explain KEY`: what the knowledge base says of a key, what it holds here, what holds it, which files speak of
 * it, and what it will hold after the next boot. Reads only; a daemon that runs is asked what it knows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/observe.h"
#include "agent/engine/original.h"
#include "agent/local/boot.h"
#include "agent/local/known.h"
#include "agent/local/local.h"
#include "agent/local/managers.h"
#include "proto/jsonw.h"

static const char explain_help[] = "usage: kedge-agent explain KEY [--files DIR]\n"
                                   "Say what KEY means, which values it takes, what it holds on this host "
                                   "and held before, which policy or "
                                   "override holds it, who\n"
                                   "changed it last, whether the ceiling lets policies touch it, and what to "
                                   "beware of. Then every line of the "
                                   "sysctl.d files that\n"
                                   "speaks of it, which one wins for systemd-sysctl and which for 'sysctl "
                                   "--system', and what the key will hold "
                                   "after the next boot.\n"
                                   "  --files DIR  look for the files of the boot below DIR instead of /\n"
                                   "Exit status: 0, 1 when the key is neither known nor there.\n";

struct explanation {
	struct name name;
	const struct knob *knob; /* NULL: unknown */
	struct observed now;
	char *wanted; /* by the policy in force, with its sign when it is a bound; NULL: it holds it not */
	char *original; /* canonical, from before kedge touched it since boot; NULL: it did not, or it is not known */
	struct originals *originals;
	enum ceiling_verdict verdict;
	struct known known; /* of the daemon */
	struct boot_view boot;
	struct manager_hits others;
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

/* What comes last at the next boot: the daemon's value, or that of a file, or NULL: the kernel's. */
struct forecast {
	const char *value, *by;
	const struct boot_row *row; /* of the loader; NULL: no file says anything */
	bool kedge;
};

/* Does the daemon's plan hold it, as far as its notes of this boot tell? */
static bool merged(const struct explanation *x)
{
	return x->wanted && strcmp(x->originals->policy, ORIGINAL_MERGED) == 0;
}

static struct forecast forecast(const struct explanation *x)
{
	struct forecast f = { .row = boot_winner(&x->boot, x->boot.loader), .by = "the kernel" };
	const char *held = x->known.answered ? known_at_boot(&x->known) : merged(x) ? x->wanted : NULL;

	if (f.row) {
		f.value = f.row->value;
		f.by = boot_loader_name(x->boot.loader);
	}
	if (held && x->boot.unit == BOOT_UNIT_ENABLED) {
		f.value = held;
		f.by = "kedge-agent";
		f.kedge = true;
	}
	return f;
}

static void row_text(struct local *l, const char *title, const struct boot_row *r)
{
	buf_fmt(&l->out, "%-9s %s:%u  %s%s", title, r->path, r->line, r->value ? "" : "-", r->written);
	if (r->value)
		buf_fmt(&l->out, " = %s", r->value);
	if (r->masked_by)
		buf_fmt(&l->out, "  (masked by %s)\n", r->masked_by);
	else if (strcmp(r->effects[0], r->effects[1]) == 0)
		buf_fmt(&l->out, "  (%s)\n", r->effects[0]);
	else
		buf_fmt(&l->out, "  (systemd-sysctl: %s, sysctl --system: %s)\n",
		        r->effects[PRECEDENCE_SYSTEMD], r->effects[PRECEDENCE_PROCPS]);
}

static void others_text(struct local *l, const struct manager_hits *h)
{
	for (size_t i = 0; i < h->n; i++) {
		const struct manager_hit *r = &h->rows[i];
		buf_fmt(&l->out, "%-9s %s (%s): ", i ? "" : "also by", r->name, manager_state_name(r->state));
		if (r->file)
			buf_fmt(&l->out, "%s:%u: ", r->file, r->line);
		buf_fmt(&l->out, "%s\n", r->text);
	}
}

/* The files, and the next boot. */
static void boot_text(struct local *l, const struct explanation *x)
{
	struct forecast f = forecast(x);

	for (size_t i = 0; i < x->boot.n; i++)
		row_text(l, i ? "" : "files", &x->boot.rows[i]);
	if (!x->boot.n)
		buf_str(&l->out, "files     none of sysctl.d speaks of it\n");
	others_text(l, &x->others);
	if (f.kedge)
		buf_fmt(&l->out, "boot      %s, by kedge-agent, after %s\n", f.value,
		        boot_loader_name(x->boot.loader));
	else if (f.value)
		buf_fmt(&l->out, "boot      %s, by %s from %s:%u\n", f.value, f.by, f.row->path, f.row->line);
	else
		buf_fmt(&l->out, "boot      the kernel's default: %s sets it\n",
		        x->boot.loader == PRECEDENCE_PROGRAMS ? "nothing" : "no file");
	if (!f.kedge && (known_at_boot(&x->known) || (!x->known.answered && merged(x))))
		buf_fmt(&l->out, "          kedge holds it now, but its unit is %s\n",
		        boot_unit_name(x->boot.unit));
	else if (!f.kedge && x->wanted && !merged(x))
		buf_str(&l->out, "          what kedge-agent apply wrote is not written again at a boot\n");
}

static void boot_json(const struct explanation *x, struct jsonw *w)
{
	struct forecast f = forecast(x);

	boot_files_json(&x->boot, w);
	manager_hits_json(&x->others, "managers", w);
	jsonw_object(w, "boot");
	jsonw_string(w, "loader", boot_loader_name(x->boot.loader));
	jsonw_string(w, "agent", boot_unit_name(x->boot.unit));
	jsonw_string(w, "by", f.by);
	if (f.value)
		jsonw_string(w, "value", f.value);
	else
		jsonw_null(w, "value");
	jsonw_object_end(w);
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
	if (x->original)
		buf_fmt(&l->out, "before    %s\n", value_may_be_told(x) ? x->original : "(secret)");
	if (x->known.answered)
		known_text(&x->known, &l->out);
	else if (x->wanted)
		buf_fmt(&l->out, "policy    %s version %lld holds it at %s\n", x->originals->policy,
		        (long long)x->originals->version, x->wanted);
	buf_fmt(&l->out, "ceiling   %s\n", verdict_text(x->verdict));
	if (x->knob) {
		list_text(l, "beware", doc.hazards);
		list_text(l, "related", doc.relations);
		list_text(l, "history", doc.history);
		list_text(l, "source", doc.sources);
	}
	boot_text(l, x);
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
	if (value_may_be_told(x))
		jsonw_opt_string(&w, "original", x->original);
	jsonw_opt_string(&w, "wanted", x->wanted);
	jsonw_string(&w, "ceiling", verdicts[x->verdict]);
	if (x->known.answered)
		jsonw_raw(&w, "daemon", buf_text(&x->known.said), x->known.said.len);
	else
		jsonw_null(&w, "daemon");
	boot_json(x, &w);
	jsonw_object_end(&w);
	buf_char(&l->out, '\n');
}

static int originals_look(struct engine *e, struct explanation *x)
{
	const struct original *o, *by;

	if (originals_read(e->run_dir, e->boot_id, &x->originals, NULL))
		return KE_OK;
	o = originals_find(x->originals, &x->name);
	by = originals_holder(x->originals, &x->name);
	if (by && asprintf(&x->wanted, "%s%s", bound_sign(by->bound), by->wanted) < 0) {
		x->wanted = NULL;
		return KE_NOMEM;
	}
	return o && o->value
	               ? value_observed(knowledge_shape(&x->name), o->value, strlen(o->value), &x->original)
	               : KE_OK;
}

static int explain(struct local *l, struct engine *e, const char *files, struct explanation *x)
{
	struct fault f = { 0 };
	char dotted[NAME_MAX_LEN + 1], todo[200] = "";
	struct managers managers;

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
	known_ask(e->run_dir, &x->name, &x->known);
	managers_look(files, "/proc", &managers);
	/* Texts of others are not searched for keys that nobody may be told. */
	if (originals_look(e, x) || boot_read(files, &x->name, &x->boot) ||
	        (!(x->knob && x->knob->danger == KNOB_SECRET) &&
	                managers_touch(&managers, &x->name, &x->others))) {
		fault_set(&f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
		return local_complain(l, &f);
	}
	for (size_t i = 0; x->knob && x->knob->danger == KNOB_SECRET && i < x->boot.n; i++)
		x->boot.rows[i].value = x->boot.rows[i].value ? "(secret)" : NULL;
	if (l->json)
		explain_json(l, x);
	else
		explain_text(l, x);
	return EXIT_DONE;
}

int cmd_explain(struct local *l, int argc, char **argv)
{
	static const struct option options[] = { { "files", required_argument, NULL, 'D' }, LOCAL_OPTIONS };
	struct engine *e = NULL;
	struct explanation x = { .known = KNOWN_INIT };
	struct fault f = { 0 };
	const char *files = "";
	int opt, code;

	while ((opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
		if (opt == 'D') {
			files = optarg;
			continue;
		}
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
		code = explain(l, e, files, &x);
	observed_clear(&x.now);
	free(x.original);
	free(x.wanted);
	known_clear(&x.known);
	boot_clear(&x.boot);
	manager_hits_clear(&x.others);
	originals_free(x.originals);
	engine_close(e);
	return code;
}
