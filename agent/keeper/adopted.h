/* adopted.h — the policies that this host has taken on, and the floor under their serials.
 *
 * One row a policy name, for ever: the highest serial that was ever adopted is the floor that no rollout may go under, also after
 * the policy was removed. The document of each applied policy lies beside it, as received. The file is replaced as a
 * whole and synced; what it says is what the keeper enforces after a restart, without server or network.
 */
#ifndef KEDGE_KEEPER_ADOPTED_H
#define KEDGE_KEEPER_ADOPTED_H

#include <stdbool.h>
#include <stdint.h>

#include "policies/policy.h"
#include "proto/codec.h"

#define ADOPTED_MAX 256

struct adopted {
	char name[POLICY_NAME_MAX + 1];
	int64_t serial;  /* floor: highest ever adopted */
	int64_t version; /* of the policy; 0 when removed */
	bool removed;
	unsigned char sha256[SHA256_LEN]; /* of the document */
	struct policy *policy;            /* owned; NULL when removed */
};

struct adopted_list {
	struct adopted *rows; /* by name */
	size_t n;
};

/* Read STATE_DIR/adopted.json and the documents it names. No file: an empty list. KE_SYNTAX, KE_SCHEMA: damaged; the caller
 * must not guess a floor. adopted_clear() it. */
int adopted_read(const char *state_dir, struct adopted_list *ret, struct fault *f);
/* The bytes of that file; the documents are read from STATE_DIR. */
int adopted_parse(
        const char *text, size_t len, const char *state_dir, struct adopted_list *ret, struct fault *f);
/* Take on SERIAL of NAME: its DOCUMENT (LEN bytes, already parsed as P, which is taken over on success), or its removal with
 * DOCUMENT NULL. Durable when it returns 0. KE_ROLLBACK: SERIAL is not higher than the floor. */
int adopted_set(struct adopted_list *l, const char *state_dir, const char *name, int64_t serial,
        struct policy *p, const char *document, size_t len, struct fault *f);
/* The row of NAME, or NULL. */
const struct adopted *adopted_find(const struct adopted_list *l, const char *name);
void adopted_clear(struct adopted_list *l);

#endif
