/* lint.c — runs the rules and keeps their findings; what rules ask is answered here.
 *
 * Pure: settings and facts come in, findings go out. Rules that need a fact which is not known stay silent, so that
 * a finding is never a guess about the host. Called by `lint`, `import`, and before a policy is signed.
 */
#include "policies/lint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policies/lint_rules.h"
#include "proto/buf.h"

#define MAX_FINDINGS 10000

const struct lint_rule *const lint_tables[] = { lint_key_rules, lint_format_rules, lint_tw_rules,
	lint_port_rules, lint_queue_rules, lint_timeout_rules, lint_mem_rules, lint_buf_rules, lint_tcp_rules,
	lint_host_rules, NULL };

static const char *const ids[] = { "KEY001", "KEY002", "KEY003", "KEY004", "KEY005", "KEY006", "KEY007",
	"KEY008", "KEY009", "FMT001", "FMT002", "FMT003", "FMT004", "FMT005", "FMT006", "FMT007", "FMT008",
	"FMT009", "FMT010", "TW001", "TW002", "TW003", "TW004", "TW005", "TW006", "TW007", "TW008", "TW009",
	"TW010", "TW011", "DOC001", "PORT001", "PORT002", "PORT003", "PORT004", "PORT005", "PORT006",
	"PORT007", "PORT008", "PORT009", "PORT010", "PORT011", "BL001", "BL002", "BL003", "BL004", "BL005",
	"BL006", "BL007", "BL008", "BL009", "TMO001", "TMO002", "TMO003", "TMO004", "TMO005", "TMO006",
	"TMO007", "TMO008", "MEM001", "MEM002", "MEM003", "MEM004", "MEM005", "MEM006", "MEM007", "MEM008",
	"BUF001", "BUF002", "BUF003", "BUF004", "BUF005", "BUF006", "BUF007", "BUF008", "OPT001", "OPT002",
	"OPT003", "OPT004", "OPT005", "OPT006", "OPT007", "CC001", "CC002", "CC003", "CC004", "CT001",
	"CT002", "CT003", "CT004", "NET001", "NET002", "NET003", "NET004", "LIM001", "SEC001", "APL001",
	"APL002", "APL003", NULL };

const char *const *lint_ids(void)
{
	return ids;
}

const char *lint_severity_text(enum lint_severity s)
{
	return s == LINT_ERROR ? "error" : s == LINT_WARNING ? "warning" : "info";
}

const struct lint_line *view_about(const struct lint_view *v, const struct conf_line *l)
{
	return &v->lines[l - v->conf->lines];
}

const struct conf_line *view_line(const struct lint_view *v, const char *path)
{
	for (size_t i = v->conf->n_lines; i-- > 0;)
		if (strcmp(v->conf->lines[i].name.path, path) == 0)
			return &v->conf->lines[i];
	return NULL;
}

unsigned numbers_parse(const char *text, int64_t ret[VALUE_MAX_ELEMENTS])
{
	unsigned n = 0;
	for (;;) {
		char *end;
		text += strspn(text, " \t");
		if (!*text)
			return n;
		errno = 0;
		long long number = strtoll(text, &end, 10);
		if (end == text || errno || n == VALUE_MAX_ELEMENTS || (*end && *end != ' ' && *end != '\t'))
			return 0;
		ret[n++] = number;
		text = end;
	}
}

bool numbers_rise(const int64_t *v, unsigned n)
{
	for (unsigned i = 1; i < n; i++)
		if (v[i - 1] > v[i])
			return false;
	return true;
}

unsigned view_numbers(const struct lint_view *v, const char *path, int64_t ret[VALUE_MAX_ELEMENTS])
{
	const struct conf_line *l = view_line(v, path);
	return l ? numbers_parse(l->value, ret) : 0;
}

static bool one_number(const char *text, int64_t *ret)
{
	int64_t numbers[VALUE_MAX_ELEMENTS];
	if (!text || numbers_parse(text, numbers) != 1)
		return false;
	*ret = numbers[0];
	return true;
}

bool view_number(const struct lint_view *v, const char *path, int64_t *ret)
{
	const struct conf_line *l = view_line(v, path);
	return l && one_number(l->value, ret);
}

const char *view_current(const struct lint_view *v, const char *path)
{
	struct name n;
	if (!v->target->current || name_parse(path, strlen(path), &n, NULL))
		return NULL;
	return v->target->current(v->target->ctx, &n);
}

const char *view_text(const struct lint_view *v, const char *path)
{
	const struct conf_line *l = view_line(v, path);
	return l ? l->value : view_current(v, path);
}

bool view_effective(const struct lint_view *v, const char *path, int64_t *ret)
{
	return one_number(view_text(v, path), ret);
}

unsigned view_effective_numbers(const struct lint_view *v, const char *path, int64_t ret[VALUE_MAX_ELEMENTS])
{
	const char *text = view_text(v, path);
	return text ? numbers_parse(text, ret) : 0;
}

bool view_intent(const struct lint_view *v, const char *path, int64_t *ret, const struct conf_line **ret_line)
{
	const struct conf_line *l = view_line(v, path);
	for (size_t i = v->conf->n_lines; !l && i-- > 0;)
		if (v->lines[i].near && strcmp(v->lines[i].near->path, path) == 0)
			l = &v->conf->lines[i];
	if (!l || !one_number(l->value, ret))
		return false;
	*ret_line = l;
	return true;
}

int64_t default_tw_buckets(const struct lint_target *t)
{
	/* One bucket for each 128 KiB, rounded up to a power of two, at most 512 Ki; half of that. */
	uint64_t want = t->memory_bytes / (128 * 1024), buckets = 1;
	if (!want)
		return 0;
	while (buckets < want && buckets < 512 * 1024)
		buckets *= 2;
	return (int64_t)buckets / 2;
}

void check_number(struct lint_view *v)
{
	const struct lint_rule *r = v->rule;
	int64_t n;
	if (!view_number(v, r->key, &n))
		return;
	if (r->op == OP_EQ ? n == r->arg : r->op == OP_LT ? n < r->arg : n > r->arg)
		view_find(v, view_line(v, r->key), "%s", r->message);
}

void view_find(struct lint_view *v, const struct conf_line *line, const char *fmt, ...)
{
	struct lint_report *report = v->report;
	struct lint_finding f = { .id = v->rule->id,
		.severity = v->rule->severity,
		.line = line ? line->line : 0,
		.fix = v->rule->fix,
		.sources = v->rule->sources };
	struct buf text = BUF_INIT(2048);
	va_list ap;
	if (v->rc || report->n == MAX_FINDINGS)
		return;
	if (line)
		f.name = line->name;
	va_start(ap, fmt);
	buf_vfmt(&text, fmt, ap);
	va_end(ap);
	v->rc = buf_take(&text, &f.message, NULL);
	if (v->rc)
		return;
	if (!(report->n & (report->n - 1))) {
		void *more = realloc(report->findings, (report->n ? 2 * report->n : 1) * sizeof f);
		if (!more) {
			free(f.message);
			v->rc = KE_NOMEM;
			return;
		}
		report->findings = more;
	}
	report->findings[report->n++] = f;
}

static int finding_cmp(const void *a, const void *b)
{
	const struct lint_finding *x = a, *y = b;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	int d = strcmp(x->id, y->id);
	return d ? d : name_cmp(&x->name, &y->name);
}

static struct lint_line *lines_look_up(const struct conf *conf)
{
	struct lint_line *lines = calloc(conf->n_lines + 1, sizeof lines[0]);
	for (size_t i = 0; lines && i < conf->n_lines; i++) {
		const struct name *n = &conf->lines[i].name;
		lines[i].knob = knowledge_find(n);
		lines[i].near = knowledge_exists(n) ? NULL : knowledge_nearest(n);
		lines[i].wins = true;
		for (size_t j = i + 1; j < conf->n_lines && lines[i].wins; j++)
			lines[i].wins = name_cmp(&conf->lines[j].name, n) != 0;
	}
	return lines;
}

/* P: the policy that CONF was made of, whose order of lines will be put right; NULL: none. */
static int run(const struct conf *conf, const struct lint_target *target, const struct policy *p,
        struct lint_report **ret)
{
	struct lint_line *lines = lines_look_up(conf);
	struct lint_view v = { .conf = conf, .lines = lines, .target = target, .ordered = p != NULL };
	v.report = calloc(1, sizeof *v.report);
	if (!v.report || !lines)
		v.rc = KE_NOMEM;
	for (const struct lint_rule *const *table = lint_tables; *table && !v.rc; table++) {
		for (const struct lint_rule *r = *table; *r->id && !v.rc; r++) {
			v.rule = r;
			r->check(&v);
		}
	}
	if (p && !v.rc)
		lint_suppress(&v, p);
	free(lines);
	if (v.rc) {
		lint_report_free(v.report);
		return v.rc;
	}
	if (v.report->n)
		qsort(v.report->findings, v.report->n, sizeof v.report->findings[0], finding_cmp);
	*ret = v.report;
	return 0;
}

int lint_run(const struct conf *conf, const struct lint_target *target, struct lint_report **ret)
{
	return run(conf, target, NULL, ret);
}

/* One "# text" line for each line of TEXT. */
static void comment_append(struct buf *b, const char *text)
{
	while (text && *text) {
		size_t n = strcspn(text, "\n");
		buf_str(b, "# ");
		buf_bytes(b, text, n);
		buf_char(b, '\n');
		text += n + (text[n] == '\n');
	}
}

/* The value that a bound comes to on the target, as far as its present value is known; else the bound itself. */
static int value_met(const struct setting *s, const struct lint_target *t, char **ret)
{
	const char *now = t->current && !name_is_pattern(&s->name) ? t->current(t->ctx, &s->name) : NULL;
	char *canonical = NULL;
	int rc = now ? value_observed(knowledge_shape(&s->name), now, strlen(now), &canonical) : 0;
	if (rc == 0)
		rc = setting_wanted(s, canonical, ret);
	free(canonical);
	return rc;
}

int lint_policy(const struct policy *p, const struct lint_target *target, struct lint_report **ret)
{
	struct conf conf = { 0 };
	struct buf text = BUF_INIT(64 << 20);
	int rc = 0;
	conf.lines = calloc(p->n + 1, sizeof conf.lines[0]);
	if (!conf.lines)
		return KE_NOMEM;
	comment_append(&text, p->description);
	for (size_t i = 0; i < p->n && rc == 0; i++) {
		const struct setting *s = &p->settings[i];
		char *value = NULL;
		rc = value_met(s, target, &value);
		conf.lines[conf.n_lines++] = (struct conf_line){ .line = s->line,
			.name = s->name,
			.value = value,
			.remark = s->why,
			.optional = s->optional };
		comment_append(&text, s->why);
	}
	if (rc == 0)
		rc = buf_take(&text, &conf.text, NULL);
	if (rc == 0)
		rc = run(&conf, target, p, ret);
	buf_free(&text);
	for (size_t i = 0; i < conf.n_lines; i++)
		free(conf.lines[i].value);
	free(conf.text);
	free(conf.lines);
	return rc;
}

void lint_report_free(struct lint_report *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		free(r->findings[i].message);
	free(r->findings);
	free(r);
}
