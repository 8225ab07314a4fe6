/* cmd_lint.c — `policy lint FILE`: the rules of policies/lint.h for a fleet instead of one host. They run once for each
 * combination of the ends of the ranges; a finding that holds for all is told once, others say for which hosts. Without
 * ranges only what is true everywhere is found: rules that need a fact stay silent. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server-stub/ctl/cmd_lint.h"

static int fleet_of(const struct ctl *c, struct fleet *ret, struct fault *f)
{
	const char *kernels = args_value(&c->args, "kernel"), *memory = args_value(&c->args, "mem");
	uint32_t kernel[2] = { 0, 0 };
	uint64_t mem[2] = { 0, 0 };
	int rc = kernels ? args_kernels(kernels, &kernel[0], &kernel[1], f) : KE_OK;

	if (!rc && memory)
		rc = args_memory(memory, &mem[0], &mem[1], f);
	if (rc)
		return rc;
	*ret = (struct fleet){ 0 };
	for (int k = 0; k < (kernel[0] == kernel[1] ? 1 : 2); k++)
		for (int m = 0; m < (mem[0] == mem[1] ? 1 : 2); m++)
			ret->targets[ret->n++] = (struct lint_target){
				.kernel = kernel[k], .memory_bytes = mem[m], .page_size = 4096
			};
	return KE_OK;
}

/* "Linux 5.4, 4G" */
static void end_text(const struct lint_target *t, struct buf *out)
{
	if (t->kernel)
		buf_fmt(out, "Linux %u.%u", t->kernel >> 16, t->kernel & 0xffff);
	if (t->kernel && t->memory_bytes)
		buf_str(out, " with ");
	if (t->memory_bytes)
		buf_fmt(out, "%lluM of memory", (unsigned long long)(t->memory_bytes >> 20));
}

static bool same(const struct lint_finding *a, const struct lint_finding *b)
{
	return strcmp(a->id, b->id) == 0 && a->line == b->line && strcmp(a->name.path, b->name.path) == 0 &&
	       strcmp(a->message, b->message) == 0;
}

static int by_line(const void *a, const void *b)
{
	const struct lint_finding *x = ((const struct seen *)a)->finding,
	                          *y = ((const struct seen *)b)->finding;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	int order = strcmp(x->id, y->id);
	return order ? order : strcmp(x->message, y->message);
}

static bool everywhere(const struct fleet *fl, const struct seen *s)
{
	return s->ends == (1U << fl->n) - 1;
}

/* All findings, each once. */
static int merge(const struct fleet *fl, struct seen **ret, size_t *ret_n)
{
	size_t room = 1, n = 0;

	for (size_t e = 0; e < fl->n; e++)
		room += fl->reports[e]->n;
	struct seen *list = calloc(room, sizeof *list);
	if (!list)
		return KE_NOMEM;
	for (size_t e = 0; e < fl->n; e++)
		for (size_t i = 0; i < fl->reports[e]->n; i++) {
			const struct lint_finding *fi = &fl->reports[e]->findings[i];
			size_t k = 0;
			while (k < n && !same(list[k].finding, fi))
				k++;
			list[k].finding = fi;
			list[k].ends |= 1U << e;
			n += k == n;
		}
	/* What suppresses something on one kind of host is of use. */
	size_t kept = 0;
	for (size_t k = 0; k < n; k++)
		if (strcmp(list[k].finding->id, "SUP001") != 0 || everywhere(fl, &list[k]))
			list[kept++] = list[k];
	n = kept;
	qsort(list, n, sizeof *list, by_line);
	*ret = list;
	*ret_n = n;
	return KE_OK;
}

static int lint_exit(const struct policy_file *p, const struct seen *list, size_t n)
{
	int code = p->errors ? CTL_FAILED : CTL_DONE;

	for (size_t i = 0; i < n; i++)
		code |= list[i].finding->suppressed                 ? 0
		        : list[i].finding->severity == LINT_WARNING ? CTL_DIFFERS
		        : list[i].finding->severity == LINT_ERROR   ? CTL_FAILED
		                                                    : 0;
	return code;
}

void lint_where(const struct fleet *fl, const struct seen *s, struct buf *out)
{
	bool some = false;

	if (everywhere(fl, s))
		return;
	buf_str(out, " [on ");
	for (size_t e = 0; e < fl->n; e++) {
		if (!(s->ends & 1U << e))
			continue;
		buf_str(out, some ? "; " : "");
		end_text(&fl->targets[e], out);
		some = true;
	}
	buf_char(out, ']');
}

static void finding_text(
        struct ctl *c, const struct policy_file *p, const struct fleet *fl, const struct seen *s)
{
	const struct lint_finding *fi = s->finding;
	char dotted[NAME_MAX_LEN + 1];

	buf_str(&c->out, p->path);
	if (fi->line)
		buf_fmt(&c->out, ":%u", fi->line);
	buf_fmt(&c->out, ": %s %s: ", fi->suppressed ? "suppressed" : lint_severity_text(fi->severity),
	        fi->id);
	if (fi->name.path[0])
		buf_fmt(&c->out, "%s: ", name_dotted(&fi->name, dotted, sizeof dotted));
	buf_str(&c->out, fi->message);
	lint_where(fl, s, &c->out);
	buf_char(&c->out, '\n');
	if (fi->suppressed)
		buf_fmt(&c->out, "    why: %s\n", fi->suppressed);
	else if (fi->fix && fi->fix[0])
		buf_fmt(&c->out, "    fix: %s\n", fi->fix);
}

static void issue_text(struct ctl *c, const struct policy_file *p, const struct conf_issue *is)
{
	buf_fmt(&c->out, "%s:%u: %s %s: %s%s%s\n", p->path, is->line, conf_severity_text(is->severity),
	        err_name(is->code), is->key ? is->key : "", is->key ? ": " : "", is->text);
	if (is->todo)
		buf_fmt(&c->out, "    fix: %s\n", is->todo);
}

static void lint_text(
        struct ctl *c, const struct policy_file *p, const struct fleet *fl, const struct seen *list, size_t n)
{
	size_t counts[4] = { 0 }, next = 0, n_issues = p->conf ? p->conf->n_issues : 0;

	for (size_t i = 0; i <= n; i++) {
		unsigned line = i < n ? list[i].finding->line : UINT_MAX;
		for (; next < n_issues && p->conf->issues[next].line <= line; next++)
			if (p->conf->issues[next].code != KE_UNKNOWN) /* of those a rule says more */
				issue_text(c, p, &p->conf->issues[next]);
		if (i == n)
			break;
		finding_text(c, p, fl, &list[i]);
		counts[list[i].finding->suppressed ? 3 : list[i].finding->severity]++;
	}
	buf_fmt(&c->out, "%zu errors, %zu warnings, %zu notes from the rules", counts[LINT_ERROR],
	        counts[LINT_WARNING], counts[LINT_INFO]);
	if (counts[3])
		buf_fmt(&c->out, ", %zu suppressed", counts[3]);
	buf_fmt(&c->out, "; %u lines cannot be used\n", p->errors);
}

static void finding_json(struct jsonw *w, const struct fleet *fl, const struct seen *s)
{
	const struct lint_finding *fi = s->finding;
	char dotted[NAME_MAX_LEN + 1];

	jsonw_object(w, NULL);
	jsonw_string(w, "id", fi->id);
	jsonw_string(w, "severity", lint_severity_text(fi->severity));
	if (fi->line)
		jsonw_int(w, "line", fi->line);
	if (fi->name.path[0])
		jsonw_string(w, "key", name_dotted(&fi->name, dotted, sizeof dotted));
	jsonw_string(w, "message", fi->message);
	jsonw_opt_string(w, "fix", fi->fix);
	jsonw_opt_string(w, "suppressed", fi->suppressed);
	if (!everywhere(fl, s)) {
		jsonw_array(w, "only_on");
		for (size_t e = 0; e < fl->n; e++)
			if (s->ends & 1U << e) {
				struct buf text = BUF_INIT(256);
				end_text(&fl->targets[e], &text);
				jsonw_string(w, NULL, buf_text(&text));
				buf_free(&text);
			}
		jsonw_array_end(w);
	}
	jsonw_array(w, "sources");
	for (size_t k = 0; fi->sources && fi->sources[k]; k++)
		jsonw_string(w, NULL, fi->sources[k]);
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static void lint_json(struct ctl *c, const struct policy_file *p, const struct fleet *fl,
        const struct seen *list, size_t n, int code)
{
	struct jsonw w = ctl_json(c, "kedge_lint");

	jsonw_string(&w, "file", p->path);
	jsonw_int(&w, "exit_code", code);
	conf_issues_json(p->conf, &w);
	jsonw_array(&w, "findings");
	for (size_t i = 0; i < n; i++)
		finding_json(&w, fl, &list[i]);
	jsonw_array_end(&w);
	ctl_json_end(c, &w);
}

int ctl_policy_lint(struct ctl *c)
{
	struct policy_file p = { 0 };
	struct fleet fl = { 0 };
	struct seen *list = NULL;
	struct fault f = { 0 };
	size_t n = 0;
	int code = CTL_DONE, rc = fleet_of(c, &fl, &f);

	if (!rc)
		rc = policy_file_read(c->args.words[0], NULL, &p, &f);
	for (size_t e = 0; e < fl.n && !rc; e++) {
		rc = p.conf ? lint_run(p.conf, &fl.targets[e], &fl.reports[e])
		            : lint_policy(p.policy, &fl.targets[e], &fl.reports[e]);
		if (rc)
			fault_set(&f, rc, p.path, NULL, "%s", "");
	}
	if (!rc && (rc = merge(&fl, &list, &n)))
		fault_set(&f, rc, NULL, NULL, "out of memory");
	if (!rc) {
		code = lint_exit(&p, list, n);
		if (c->sarif)
			lint_sarif(c, &p, &fl, list, n);
		else if (c->json)
			lint_json(c, &p, &fl, list, n, code);
		else
			lint_text(c, &p, &fl, list, n);
	}
	free(list);
	for (size_t e = 0; e < fl.n; e++)
		lint_report_free(fl.reports[e]);
	policy_file_clear(&p);
	return rc ? ctl_complain(c, &f) : code;
}
