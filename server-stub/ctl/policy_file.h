/* policy_file.h — FILE of the policy commands: a policy document or a sysctl.conf, told apart by its first byte. */
#ifndef KEDGE_SERVER_CTL_POLICY_FILE_H
#define KEDGE_SERVER_CTL_POLICY_FILE_H

#include "policies/policy.h"
#include "policies/sysctl_conf.h"
#include "proto/jsonw.h"

struct policy_file {
	const char *path;
	char *text; /* as read */
	size_t len;
	struct policy *policy;
	struct conf *conf; /* NULL for a policy document */
	unsigned errors;   /* lines of a sysctl.conf that cannot be used */
};

/* Read PATH ("-": standard input). A bad policy document is an error; bad lines of a sysctl.conf are counted in
 * RET->errors. NAME (may be NULL) is the name of a policy made from a sysctl.conf, else it comes from the file's name.
 * policy_file_clear() *RET in any case. */
int policy_file_read(const char *path, const char *name, struct policy_file *ret, struct fault *f);
void policy_file_clear(struct policy_file *p);

#endif
