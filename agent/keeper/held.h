/* held.h — rollouts that were begun and not adopted, kept over restarts.
 *
 * A row is written and synced before the first value of a rollout is. It goes when the rollout is adopted, or when it did
 * nothing and is not to blame (a full disk). What is found at a start was cut by a crash, an unclean boot, or went back:
 * it is not tried again until a new serial, or root's retry. The engine's attempt mark knows one plan, and forgets it with the next
 * one, such as what was in force before.
 */
#ifndef KEDGE_KEEPER_HELD_H
#define KEDGE_KEEPER_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/policy.h"
#include "proto/err.h"

#define HELD_MAX 256 /* policy names; the oldest row makes room */

struct held_row {
	char name[POLICY_NAME_MAX + 1];
	int64_t serial;
};

struct held {
	struct held_row rows[HELD_MAX]; /* one a name, oldest first */
	size_t n;
};

/* Read STATE_DIR/held.json; no file: none. KE_SYNTAX, KE_SCHEMA and others: damaged; *RET is untouched. */
int held_read(const char *state_dir, struct held *ret, struct fault *f);
/* The file's bytes. */
int held_parse(const char *text, size_t len, struct held *ret, struct fault *f);
/* SERIAL of NAME is held from now on. Durable when it returns 0; else H is as it was. */
int held_set(struct held *h, const char *state_dir, const char *name, int64_t serial, struct fault *f);
/* NAME is not held any more; H forgets it even when the file cannot be written. */
int held_drop(struct held *h, const char *state_dir, const char *name, struct fault *f);
/* Nothing is held any more. */
int held_clear(struct held *h, const char *state_dir, struct fault *f);
/* The serial of NAME that is held, and with it every one before; 0: none. */
int64_t held_serial(const struct held *h, const char *name);

#endif
