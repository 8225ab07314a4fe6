/* input.h — FILE of apply, diff, verify and lint: a policy document or a sysctl.conf.
 *
 * Which of the two is told by the first byte that is not blank: '{' opens a policy. A sysctl.conf is complete only when
 * every line could be read: an error in any line refuses the file, and every message says its line.
 */
#ifndef KEDGE_AGENT_LOCAL_INPUT_H
#define KEDGE_AGENT_LOCAL_INPUT_H

#include "agent/local/local.h"
#include "policies/policy.h"
#include "policies/sysctl_conf.h"

#define INPUT_MAX_BYTES (4U << 20)

struct input {
	const char *path;
	struct policy *policy; /* NULL only after an error */
	struct conf *conf;     /* NULL for a policy document */
	unsigned errors;       /* lines of a sysctl.conf that refuse it */
};

/* Read PATH ("-": standard input). A file that cannot be read or a policy that is not valid is an error with its fault;
 * a sysctl.conf with bad lines is not: RET->errors counts them. input_clear() *RET in any case. */
int input_read(const char *path, struct input *ret, struct fault *f);
void input_clear(struct input *in);
/* The bad and doubtful lines as "FILE:LINE: key: what; todo", on standard error. */
void input_tell(const struct local *l, const struct input *in);
/* Issue I of a sysctl.conf as text: what, where, in which other lines it is the same, what to do. Nothing when an earlier
 * issue told it already: a list pasted from a page has the same fault in every line. */
void input_issue(const struct input *in, size_t i, struct buf *out);

#endif
