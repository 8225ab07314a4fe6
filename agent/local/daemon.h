/* daemon.h — asking the daemon that runs on this host. */
#ifndef KEDGE_AGENT_LOCAL_DAEMON_H
#define KEDGE_AGENT_LOCAL_DAEMON_H

#include "agent/ipc/frame.h"

/* Put WHAT to the daemon whose agent.sock lies in RUN_DIR, and wait for its answer. *RET_CODE is the exit code that it gave,
 * *RET_TEXT what it said (free()). KE_NOENT: no daemon runs; KE_ACCES: root only; KE_TIMEOUT, KE_CLOSED, KE_PROTO. */
int daemon_ask(const char *run_dir, enum ask what, int *ret_code, char **ret_text, struct fault *f);

#endif
