/* cmd_lint.h — what `policy lint` found, on its way to the three forms of output. For the cmd_lint*.c files only. */
#ifndef KEDGE_SERVER_CTL_CMD_LINT_H
#define KEDGE_SERVER_CTL_CMD_LINT_H

#include "policies/lint.h"
#include "server-stub/ctl/ctl.h"
#include "server-stub/ctl/policy_file.h"

#define ENDS 4

struct fleet {
	struct lint_target targets[ENDS];
	struct lint_report *reports[ENDS];
	size_t n;
};

struct seen {
	const struct lint_finding *finding;
	unsigned ends; /* bit per target */
};

/* " [on Linux 5.4 with 4096M of memory; ...]" where the finding S does not hold for all of FL; else nothing. */
void lint_where(const struct fleet *fl, const struct seen *s, struct buf *out);
/* The N findings in LIST as a SARIF 2.1.0 log, with what could not be read of P as results, too. */
void lint_sarif(struct ctl *c, const struct policy_file *p, const struct fleet *fl, const struct seen *list,
        size_t n);

#endif
