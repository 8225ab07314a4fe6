/* engine_in.h — how apply, revert and recovery end a transaction; shared by those three files, nobody else. */
#ifndef KEDGE_AGENT_ENGINE_ENGINE_IN_H
#define KEDGE_AGENT_ENGINE_ENGINE_IN_H

#include "agent/engine/attempt.h"
#include "agent/engine/engine.h"

/* Note how the attempt of plan HASH ended: an attempt that is STARTED becomes END (ATTEMPT_NONE: its mark goes). A mark of
 * another plan, or one that was confirmed before, stays. */
int engine_attempt_end(
        struct engine *e, const unsigned char hash[SHA256_LEN], enum attempt_state end, struct fault *f);
/* Make the state directory when it is not there. Only an apply that writes needs it. */
int engine_state_ready(struct engine *e, struct fault *f);
/* The serial of the last committed transaction of this boot; 0 when there is none, or when the file that knew it is damaged. Fails
 * where it cannot be known now (KE_NOMEM, KE_IO): whether a journal was committed must not be guessed. */
int engine_serial(const struct engine *e, uint64_t *ret, struct fault *f);

#endif
