/* sysctl_conf_in.h — what the two halves of the import share, conf_parse() and conf_to_policy(). */
#ifndef KEDGE_POLICIES_SYSCTL_CONF_IN_H
#define KEDGE_POLICIES_SYSCTL_CONF_IN_H

#include "policies/sysctl_conf.h"

/* Append an issue about LINE to C; KEY and what to do about it may be NULL, and are copied. Fails only for want of memory. */
int conf_issue_add(struct conf *c, unsigned line, enum conf_severity severity, int code, const char *key,
        const char *todo, const char *fmt, ...) __attribute__((format(printf, 7, 8)));

#endif
