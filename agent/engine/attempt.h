/* attempt.h — the mark that outlives a crash of the host.
 *
 * Before the first write of a plan that was never confirmed here, its hash and the boot id are synced to disk, so that a
 * plan that takes the host down is not tried again at the next start. The one file an apply has to sync.
 */
#ifndef KEDGE_AGENT_ENGINE_ATTEMPT_H
#define KEDGE_AGENT_ENGINE_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/clock.h"
#include "proto/codec.h"
#include "proto/err.h"

#define ATTEMPT_NAME "attempt"

enum attempt_state {
	ATTEMPT_NONE,      /* no mark */
	ATTEMPT_STARTED,   /* written before the first write, not yet ended */
	ATTEMPT_CONFIRMED, /* ended well */
	ATTEMPT_REVERTED,  /* went back: failure, timeout, or recovery after a crash */
};

struct attempt {
	enum attempt_state state;
	unsigned char hash[SHA256_LEN]; /* of the plan */
	char boot_id[BOOT_ID_ROOM];     /* where the attempt was made */
	int64_t time;                   /* wall clock, seconds: for people */
};

/* Parse the mark's text. KE_SYNTAX. */
int attempt_parse(const char *text, size_t len, struct attempt *ret);
/* Read STATE_DIR's mark; no file gives ATTEMPT_NONE. A damaged mark is KE_SYNTAX: the caller must not guess. */
int attempt_read(const char *state_dir, struct attempt *ret, struct fault *f);
/* Write and sync it. */
int attempt_write(const char *state_dir, const struct attempt *a, struct fault *f);
/* Root's retry: remove the mark. */
int attempt_clear(const char *state_dir, struct fault *f);
/* Is the plan HASH held, given the mark A and the present boot? Held: A is for HASH and was reverted, or was started in
 * another boot and never ended. */
bool attempt_holds(const struct attempt *a, const unsigned char hash[SHA256_LEN], const char *boot_id);
const char *attempt_state_name(enum attempt_state s);

#endif
