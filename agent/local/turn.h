/* turn.h — the right to change something on this host, which one kedge has at a time. */
#ifndef KEDGE_AGENT_LOCAL_TURN_H
#define KEDGE_AGENT_LOCAL_TURN_H

#include "agent/local/local.h"

/* Take the lock of E's run directory, and undo, and say, what an earlier, killed apply left behind. KE_BUSY: another kedge is at
 * work; when it is the daemon, F says what to do instead. */
int turn_take(struct local *l, struct engine *e, struct fault *f);
/* Options of a command that takes no arguments: as local_option(). */
int turn_no_arguments(struct local *l, int argc, char **argv, const char *help);

#endif
