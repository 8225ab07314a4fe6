#include "policies/lint.h"
int lint_run(const struct conf *c, const struct lint_target *t, struct lint_report **r)
{
	(void)c;
	(void)t;
	(void)r;
	return KE_UNSUPPORTED;
}
int lint_policy(const struct policy *c, const struct lint_target *t, struct lint_report **r)
{
	(void)c;
	(void)t;
	(void)r;
	return KE_UNSUPPORTED;
}
void lint_report_free(struct lint_report *r)
{
	(void)r;
}
const char *lint_severity_text(enum lint_severity s)
{
	(void)s;
	return "";
}
