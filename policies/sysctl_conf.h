/* sysctl_conf.h — importing sysctl.conf(5) and sysctl.d(5) text.
 *
 * Every line is accounted for: it is a setting, a blank, a comment, or an issue with its line number. What tools
 * silently misread (a '#' behind a value, a full-width digit, a BOM) becomes an issue with the fix.
 */
#ifndef KEDGE_POLICIES_SYSCTL_CONF_H
#define KEDGE_POLICIES_SYSCTL_CONF_H

#include "policies/policy.h"
#include "proto/jsonw.h"

#define CONF_MAX_BYTES  (256 * 1024)
#define CONF_MAX_LINES  2000 /* assignments */
#define CONF_MAX_ISSUES 5000 /* that conf_parse() finds */

enum conf_severity { CONF_NOTE, CONF_WARNING, CONF_ERROR };

struct conf_issue {
	unsigned line; /* 1-based */
	enum conf_severity severity;
	int code;   /* KE_SYNTAX, KE_NAME, KE_VALUE, KE_RANGE, KE_DUPLICATE, KE_UNKNOWN, KE_CEILING */
	char *key;  /* dotted name as written, or NULL */
	char *text; /* what is wrong */
	char *todo; /* what to do about it; may be NULL */
};

/* One assignment as written, in file order, kept for lint: also the ones that a later line overrides, unknown keys
 * and values that do not fit. */
struct conf_line {
	unsigned line;
	struct name name;
	char *value;   /* text as written, trimmed, without the trailing comment */
	char *remark;  /* comment behind the value, and the comment lines above it; NULL when none */
	bool optional; /* "-" prefix */
};

/* A line "-KEY" without "=", as in sysctl.d(5): no pattern of the file, before or behind it, means KEY. */
struct conf_exclusion {
	unsigned line;
	struct name name;
};

struct conf {
	struct conf_line *lines;
	size_t n_lines;
	struct conf_exclusion *exclusions;
	size_t n_exclusions;
	struct conf_issue *issues;
	size_t n_issues;
	char *text; /* the whole file as valid UTF-8 text, for rules that search the comments */
};

/* Read LEN bytes of TEXT. Only out-of-memory and size limits fail; everything else becomes an issue. *RET is newly
 * allocated; conf_free() it. */
int conf_parse(const char *text, size_t len, struct conf **ret, struct fault *f);
void conf_free(struct conf *c);
/* The settings of C as a policy named NAME, the last assignment of a key winning. Lines whose value does not fit the
 * key or whose key is unknown to the knowledge base add an issue to C; unknown keys are still put into the policy
 * (knob NULL), values that do not fit and keys on the never-list are not. Remarks become the settings' "why", exclusions the exceptions of the patterns that
 * they are from; one that also follows the key's own assignment takes that back. A '*' behind "conf" or "neigh" also adds settings for
 * "all" (conf only) and "default", each with a note, unless C names them: sysctl(8) writes them, a policy's '*' does not. */
int conf_to_policy(struct conf *c, const char *name, struct policy **ret, struct fault *f);

/* "note", "warning", "error" */
const char *conf_severity_text(enum conf_severity s);
/* The issues of C (may be NULL) as the JSON array "messages". */
void conf_issues_json(const struct conf *c, struct jsonw *w);

#endif
