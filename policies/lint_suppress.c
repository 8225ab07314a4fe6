/* lint_suppress.c — findings that the policy's author has judged. They stay in the report, marked with the reason, and count for no
 * exit status. A suppression that meets nothing is itself a finding: what it was made for is gone, or it hides what comes
 * later. Called by lint.c after all rules have run. */
#include <string.h>

#include "policies/lint_rules.h"

static const struct lint_rule unused = { .id = "SUP001",
	.severity = LINT_WARNING,
	.fix = "take it out, or correct rule and key",
	.sources = SOURCES("kedge") };

static bool known(const char *rule)
{
	for (const char *const *id = lint_ids(); *id; id++)
		if (strcmp(*id, rule) == 0)
			return true;
	return false;
}

/* Mark what S means; does it mean anything? */
static bool mark(struct lint_report *r, const struct suppression *s)
{
	bool any = false;

	for (size_t i = 0; i < r->n; i++) {
		struct lint_finding *f = &r->findings[i];
		if (strcmp(f->id, s->rule) != 0 || (s->key.path[0] && name_cmp(&f->name, &s->key) != 0))
			continue;
		f->suppressed = s->why;
		any = true;
	}
	return any;
}

void lint_suppress(struct lint_view *v, const struct policy *p)
{
	char dotted[NAME_MAX_LEN + 1];

	v->rule = &unused;
	for (size_t i = 0; i < p->n_suppress && !v->rc; i++) {
		const struct suppression *s = &p->suppress[i];
		size_t before = v->report->n;
		if (mark(v->report, s))
			continue;
		if (!known(s->rule))
			view_find(v, NULL, "there is no rule %s to suppress", s->rule);
		else if (s->key.path[0])
			view_find(v, NULL, "%s finds nothing on %s: nothing is suppressed", s->rule,
			        name_dotted(&s->key, dotted, sizeof dotted));
		else
			view_find(v, NULL, "%s finds nothing: nothing is suppressed", s->rule);
		if (v->report->n > before)
			v->report->findings[before].name = s->key;
	}
}
