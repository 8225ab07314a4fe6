/* source.h — FILE as people give it to a command: a policy document or a sysctl.conf, and what it is called. */
#ifndef KEDGE_POLICIES_SOURCE_H
#define KEDGE_POLICIES_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "policies/policy.h"

/* Is this a policy document? The first byte that is not blank tells: '{' opens one, everything else is a sysctl.conf. */
bool source_is_document(const char *text, size_t len);
/* A policy's name from a file's: "/etc/sysctl.d/60-web.conf" -> "60-web", "-" -> "stdin"; characters that a name may not
 * have become 'x'. Returns NAME. */
char *source_policy_name(const char *path, char name[POLICY_NAME_MAX + 1]);

#endif
