/* assignment.h — what the server tells one host: which rollouts are open to it now.
 *
 * Unsigned advice. It can delay or point at nothing; it can neither forge nor remove, because every name in it is
 * looked up in verified TUF metadata and a rollout that is not named stays where it is.
 * Document: {"kedge_assignment":1,"host":ID,"generation":N,"rollouts":[TARGET PATH,...]}.
 */
#ifndef KEDGE_PROTO_ASSIGNMENT_H
#define KEDGE_PROTO_ASSIGNMENT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

#define ASSIGNMENT_MAX_BYTES    65536
#define ASSIGNMENT_MAX_ROLLOUTS 256
#define TARGET_PATH_MAX         255

struct assignment {
	char *host;
	int64_t generation; /* grows with every change on the server; 0 is never used */
	char **rollouts;    /* "rollouts/NAME/SERIAL.json", in the server's order */
	size_t n;
};

/* Strict: LEN bytes; target paths must be "rollouts/NAME/SERIAL.json" with NAME of [a-z0-9._-] and a decimal SERIAL.
 * *RET is newly allocated; assignment_free() it. */
int assignment_parse(const char *json, size_t len, struct assignment **ret, struct fault *f);
/* Compact JSON of an assignment for HOST that names the N ROLLOUTS; newly allocated (free()). */
int assignment_print(const char *host, int64_t generation, const char *const *rollouts, size_t n, char **ret,
        size_t *ret_len);
void assignment_free(struct assignment *a);

/* Split "rollouts/NAME/SERIAL.json" (or "policies/NAME/VERSION.json" with KIND "policies"): NAME into NAME_RET (at
 * least 65 bytes), number into *RET_NUMBER. KE_NAME when PATH is not of that form. */
int target_path_split(const char *kind, const char *path, char name_ret[65], int64_t *ret_number);

#endif
