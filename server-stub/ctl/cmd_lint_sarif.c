/* cmd_lint_sarif.c — findings as a SARIF 2.1.0 log, which code review tools show beside the line. One run; a rule is described once;
 * what the author suppressed is told as suppressed, with the reason. */
#include <string.h>

#include "server-stub/ctl/cmd_lint.h"

#define SARIF_SCHEMA "https://json.schemastore.org/sarif-2.1.0.json"
#define UNREADABLE   "CONF" /* the id of what the import says; err_name() is in the message */

static const char *level(enum lint_severity s)
{
	return s == LINT_ERROR ? "error" : s == LINT_WARNING ? "warning" : "note";
}

static void text_json(struct jsonw *w, const char *name, const char *text)
{
	jsonw_object(w, name);
	jsonw_string(w, "text", text);
	jsonw_object_end(w);
}

/* The first of LIST with the rule of finding I. */
static size_t first_of_rule(const struct seen *list, size_t i)
{
	size_t k = 0;

	while (strcmp(list[k].finding->id, list[i].finding->id) != 0)
		k++;
	return k;
}

static void rules_json(struct jsonw *w, const struct seen *list, size_t n, bool unreadable)
{
	jsonw_array(w, "rules");
	for (size_t i = 0; i < n; i++) {
		const struct lint_finding *f = list[i].finding;
		if (first_of_rule(list, i) != i)
			continue;
		struct buf sources = BUF_INIT(4096);
		for (size_t k = 0; f->sources && f->sources[k]; k++)
			buf_fmt(&sources, "%s%s", k ? "; " : "known from: ", f->sources[k]);
		jsonw_object(w, NULL);
		jsonw_string(w, "id", f->id);
		text_json(w, "shortDescription", f->fix && f->fix[0] ? f->fix : f->id);
		text_json(w, "help", buf_text(&sources));
		jsonw_object(w, "defaultConfiguration");
		jsonw_string(w, "level", level(f->severity));
		jsonw_object_end(w);
		jsonw_object_end(w);
		buf_free(&sources);
	}
	if (unreadable) {
		jsonw_object(w, NULL);
		jsonw_string(w, "id", UNREADABLE);
		text_json(w, "shortDescription", "a line that cannot be used as it stands");
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void place_json(struct jsonw *w, const struct policy_file *p, unsigned line, const struct name *key)
{
	char dotted[NAME_MAX_LEN + 1];

	jsonw_array(w, "locations");
	jsonw_object(w, NULL);
	jsonw_object(w, "physicalLocation");
	jsonw_object(w, "artifactLocation");
	jsonw_string(w, "uri", p->path);
	jsonw_object_end(w);
	if (line) {
		jsonw_object(w, "region");
		jsonw_int(w, "startLine", line);
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
	if (key && key->path[0]) {
		jsonw_array(w, "logicalLocations");
		jsonw_object(w, NULL);
		jsonw_string(w, "fullyQualifiedName", name_dotted(key, dotted, sizeof dotted));
		jsonw_object_end(w);
		jsonw_array_end(w);
	}
	jsonw_object_end(w);
	jsonw_array_end(w);
}

static void finding_json(
        struct jsonw *w, const struct policy_file *p, const struct fleet *fl, const struct seen *s)
{
	const struct lint_finding *f = s->finding;
	struct buf text = BUF_INIT(8192);
	char dotted[NAME_MAX_LEN + 1];

	if (f->name.path[0])
		buf_fmt(&text, "%s: ", name_dotted(&f->name, dotted, sizeof dotted));
	buf_str(&text, f->message);
	lint_where(fl, s, &text);
	jsonw_object(w, NULL);
	jsonw_string(w, "ruleId", f->id);
	jsonw_string(w, "level", level(f->severity));
	text_json(w, "message", buf_text(&text));
	place_json(w, p, f->line, &f->name);
	if (f->suppressed) {
		jsonw_array(w, "suppressions");
		jsonw_object(w, NULL);
		jsonw_string(w, "kind", "inSource");
		jsonw_string(w, "justification", f->suppressed);
		jsonw_object_end(w);
		jsonw_array_end(w);
	}
	jsonw_object_end(w);
	buf_free(&text);
}

static bool told_by_a_rule(const struct conf_issue *is)
{
	return is->code == KE_UNKNOWN;
}

static void issue_json(struct jsonw *w, const struct policy_file *p, const struct conf_issue *is)
{
	struct buf text = BUF_INIT(8192);

	buf_fmt(&text, "%s: %s%s%s", err_name(is->code), is->key ? is->key : "", is->key ? ": " : "",
	        is->text);
	jsonw_object(w, NULL);
	jsonw_string(w, "ruleId", UNREADABLE);
	jsonw_string(w, "level", conf_severity_text(is->severity));
	text_json(w, "message", buf_text(&text));
	place_json(w, p, is->line, NULL);
	jsonw_object_end(w);
	buf_free(&text);
}

void lint_sarif(
        struct ctl *c, const struct policy_file *p, const struct fleet *fl, const struct seen *list, size_t n)
{
	struct jsonw w = JSONW_INIT(&c->out, 2);
	size_t n_issues = p->conf ? p->conf->n_issues : 0, unreadable = 0;

	for (size_t i = 0; i < n_issues; i++)
		unreadable += !told_by_a_rule(&p->conf->issues[i]);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "$schema", SARIF_SCHEMA);
	jsonw_string(&w, "version", "2.1.0");
	jsonw_array(&w, "runs");
	jsonw_object(&w, NULL);
	jsonw_object(&w, "tool");
	jsonw_object(&w, "driver");
	jsonw_string(&w, "name", "kedge policy lint");
	jsonw_string(&w, "version", KEDGE_VERSION);
	rules_json(&w, list, n, unreadable > 0);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	jsonw_array(&w, "results");
	for (size_t i = 0; i < n_issues; i++)
		if (!told_by_a_rule(&p->conf->issues[i]))
			issue_json(&w, p, &p->conf->issues[i]);
	for (size_t i = 0; i < n; i++)
		finding_json(&w, p, fl, &list[i]);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	buf_char(&c->out, '\n');
}
