/* confirm.h — an apply that undoes itself unless somebody says that it may stay.
 *
 * What `netplan try` is to the network's configuration: the caller has applied a plan with a deadline (apply_options) and
 * waits here. Enter on the terminal keeps it, and so does `kedge-agent confirm` from another session, which is the better
 * proof where the settings could have cut this one off. The deadline, or SIGINT, SIGTERM and SIGHUP, put everything back.
 */
#ifndef KEDGE_AGENT_LOCAL_CONFIRM_H
#define KEDGE_AGENT_LOCAL_CONFIRM_H

#include <signal.h>

#include "agent/engine/engine.h"

/* The longest wait that can be asked for, in seconds. */
#define CONFIRM_MAX_S 86400

struct confirm {
	sigset_t old;
	int signal_fd;
};

/* From here on the three signals wait to be heard: begin before the first write. confirm_end() it. */
int confirm_begin(struct confirm *ret, struct fault *f);
void confirm_end(struct confirm *c);
/* Wait for the plan that E has just applied, and whose attempt is HASH. Needs the lock, gives it up while waiting and has it
 * again afterwards. 0: it is kept. KE_TIMEOUT or KE_CONFLICT (a signal, or another session's revert): it was
 * undone. KE_DEGRADED: it was, but not every value could be put back. */
int confirm_wait(struct confirm *c, struct engine *e, const unsigned char hash[SHA256_LEN], int64_t seconds,
        struct fault *f);

#endif
