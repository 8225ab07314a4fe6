/* tried.h — the rollouts that were tried here and did not stand.
 *
 * One row a policy name: the serial that was tried last. It is on disk before the first write, so that an end of the keeper
 * or of the host in the middle is known afterwards as an attempt that failed. Such a serial is held: not tried again until a
 * higher one comes or root says retry. A row at or under the floor of adopted.h has no meaning any more.
 */
#ifndef KEDGE_KEEPER_TRIED_H
#define KEDGE_KEEPER_TRIED_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/keeper/adopted.h"

struct tried {
	char name[POLICY_NAME_MAX + 1];
	int64_t serial, version;
	bool open; /* under way, or cut off: nobody reported how it ended */
};

struct tried_list {
	struct tried rows[ADOPTED_MAX];
	size_t n;
};

/* Read STATE_DIR/tried.json. No file: an empty list. Rows that L overtook are left out. KE_SYNTAX, KE_SCHEMA, ... for a damaged
 * file: RET is empty then. */
int tried_read(const char *state_dir, const struct adopted_list *l, struct tried_list *ret, struct fault *f);
/* SERIAL of NAME is about to be tried; durable when it returns 0. The oldest row makes room when there are ADOPTED_MAX. */
int tried_begin(struct tried_list *t, const char *state_dir, const char *name, int64_t serial,
        int64_t version, struct fault *f);
/* How the attempt with NAME ended was reported: the row is no longer open. */
int tried_end(struct tried_list *t, const char *state_dir, const char *name, struct fault *f);
/* Forget NAME, or everything (NULL): it stands, was not to blame, or root wants it tried again. */
int tried_forget(struct tried_list *t, const char *state_dir, const char *name, struct fault *f);
/* Is SERIAL of NAME held? */
bool tried_holds(const struct tried_list *t, const char *name, int64_t serial);
/* The row of NAME, or NULL. */
const struct tried *tried_find(const struct tried_list *t, const char *name);

#endif
