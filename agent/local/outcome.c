/* outcome.c — plans as text and JSON. The only place that turns outcomes into words for the local commands. */
#include "agent/local/outcome.h"

#include <stdio.h>
#include <string.h>

#include "proto/jsonw.h"

/* The wanted value would be, or was, written. */
static bool is_change(const struct plan_key *k)
{
	return k->outcome == OUTCOME_PLANNED || k->outcome == OUTCOME_APPLIED ||
	       k->outcome == OUTCOME_DIFFERS;
}

/* A value as it is told: an empty one needs a word. */
static const char *shown(const char *value)
{
	return !value ? "(unknown)" : value[0] ? value : "(empty)";
}

/* " (>=4096)" behind what a bound came to; "" for plain values. */
static void form_text(const struct setting *s, char *buf, size_t size)
{
	*buf = '\0';
	if (s->bound != BOUND_NONE && !s->release)
		snprintf(buf, size, " (%s%s)", bound_sign(s->bound), s->value);
}

static void row_text(struct local *l, const struct plan_key *k, bool dry_run)
{
	char dotted[NAME_MAX_LEN + 1], words[512], form[256];

	form_text(k->setting, form, sizeof form);
	buf_str(&l->out, name_dotted(&k->name, dotted, sizeof dotted));
	if (is_change(k))
		buf_fmt(&l->out, ": %s -> %s%s%s\n", shown(k->old), shown(k->wanted), form,
		        k->outcome == OUTCOME_DIFFERS ? " (audit: reported only)" : "");
	else if (k->outcome == OUTCOME_ALREADY)
		buf_fmt(&l->out, ": %s%s%s\n", dry_run ? "" : "already ", shown(k->wanted), form);
	else
		buf_fmt(&l->out, ": %s\n", outcome_text(k, words, sizeof words));
}

struct tally {
	size_t changed, already, missing, failed;
};

static struct tally tally_count(const struct plan *pl)
{
	struct tally t = { 0 };

	for (size_t i = 0; i < pl->n; i++) {
		switch (pl->keys[i].outcome) {
		case OUTCOME_PLANNED:
		case OUTCOME_APPLIED:
		case OUTCOME_DIFFERS:
			t.changed++;
			break;
		case OUTCOME_ALREADY:
			t.already++;
			break;
		case OUTCOME_PENDING:
		case OUTCOME_UNSUPPORTED:
		case OUTCOME_BLOCKED:
			t.missing++;
			break;
		default:
			t.failed++;
		}
	}
	return t;
}

static void tell_text(struct local *l, const struct outcome_view *v)
{
	for (size_t i = 0; i < v->plan->n; i++) {
		const struct plan_key *k = &v->plan->keys[i];
		if (v->rows == OUTCOME_ALL || k->outcome != OUTCOME_ALREADY)
			row_text(l, k, v->dry_run);
	}
	struct tally t = tally_count(v->plan);
	buf_fmt(&l->out, "%s: %zu %s, %zu already right", v->result, t.changed,
	        v->dry_run ? "to change" : "changed", t.already);
	if (t.missing)
		buf_fmt(&l->out, ", %zu not possible here", t.missing);
	if (t.failed)
		buf_fmt(&l->out, ", %zu not changed", t.failed);
	buf_char(&l->out, '\n');
}

static void key_json(struct jsonw *w, const struct plan_key *k)
{
	char dotted[NAME_MAX_LEN + 1], words[512];

	jsonw_object(w, NULL);
	jsonw_string(w, "key", name_dotted(&k->name, dotted, sizeof dotted));
	jsonw_string(w, "outcome", outcome_name(k->outcome));
	jsonw_string(w, "wanted", k->wanted);
	if (k->setting->bound != BOUND_NONE && !k->setting->release) {
		snprintf(words, sizeof words, "%s%s", bound_sign(k->setting->bound), k->setting->value);
		jsonw_string(w, "bound", words);
	}
	jsonw_opt_string(w, "old", k->old);
	jsonw_opt_string(w, "got", k->got);
	if (k->reason != REASON_NONE)
		jsonw_string(w, "reason", reason_name(k->reason));
	if (k->outcome != OUTCOME_ALREADY && !is_change(k))
		jsonw_string(w, "text", outcome_text(k, words, sizeof words));
	if (k->setting->line)
		jsonw_int(w, "line", k->setting->line);
	jsonw_object_end(w);
}

static void tell_json(struct local *l, const struct outcome_view *v)
{
	struct jsonw w = JSONW_INIT(&l->out, 2);
	char line[1024];

	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_outcome", 1);
	jsonw_string(&w, "command", l->command);
	jsonw_bool(&w, "dry_run", v->dry_run);
	if (v->input)
		jsonw_string(&w, "file", v->input->path);
	jsonw_object(&w, "policy");
	jsonw_string(&w, "name", v->policy->name);
	jsonw_int(&w, "version", v->policy->version);
	jsonw_object_end(&w);
	jsonw_string(&w, "result", v->result);
	jsonw_int(&w, "exit_code", v->exit_code);
	if (v->fault)
		jsonw_string(&w, "error", fault_line(v->fault, line, sizeof line));
	if (v->input)
		conf_issues_json(v->input->conf, &w);
	jsonw_array(&w, "keys");
	for (size_t i = 0; i < v->plan->n; i++)
		if (v->rows == OUTCOME_ALL || v->plan->keys[i].outcome != OUTCOME_ALREADY)
			key_json(&w, &v->plan->keys[i]);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	buf_char(&l->out, '\n');
}

void outcome_tell(struct local *l, const struct outcome_view *v)
{
	if (l->json)
		tell_json(l, v);
	else
		tell_text(l, v);
}

int outcome_exit(const struct plan *pl)
{
	int code = EXIT_DONE;

	for (size_t i = 0; i < pl->n; i++) {
		const struct plan_key *k = &pl->keys[i];
		if (is_change(k))
			code |= EXIT_DIFFERS;
		else if (k->outcome != OUTCOME_ALREADY && !k->setting->optional)
			code |= EXIT_FAILED;
	}
	return code;
}
