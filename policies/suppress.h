/* suppress.h — findings of lint that somebody has judged: which rule, on which key, and why it is all right here.
 *
 * The member "suppress" of a policy document. Data; what it does to findings is lint's. An agent reads it and has no use for it.
 */
#ifndef KEDGE_POLICIES_SUPPRESS_H
#define KEDGE_POLICIES_SUPPRESS_H

#include <stddef.h>

#include "policies/name.h"
#include "proto/err.h"

#define SUPPRESS_MAX       64 /* of one policy */
#define SUPPRESS_RULE_ROOM 8

struct place;
struct jsonw;

struct suppression {
	char rule[SUPPRESS_RULE_ROOM]; /* "TW003" */
	struct name key;               /* path is "": of whatever key */
	char *why;
};

/* Read the array at the member "suppress" of ROOT; none: *RET_N is 0. *RET is newly allocated; suppress_free() it. KE_SCHEMA and KE_NAME
 * with the field path; KE_DUPLICATE: the same rule and key twice. Whether there is such a rule is not asked: a newer lint may
 * know it. */
int suppress_read(const struct place *root, struct suppression **ret, size_t *ret_n, struct fault *f);
/* As the member "suppress"; nothing when N is 0. */
void suppress_print(const struct suppression *list, size_t n, struct jsonw *w);
void suppress_free(struct suppression *list, size_t n);

#endif
