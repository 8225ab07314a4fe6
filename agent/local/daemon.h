/* daemon.h — asking the agent that runs on this host, over RUN_DIR/agent.sock.
 *
 * One question, one answer, and never a long wait: a daemon that is stopped or stuck must not make `status` hang.
 */
#ifndef KEDGE_AGENT_LOCAL_DAEMON_H
#define KEDGE_AGENT_LOCAL_DAEMON_H

#include "agent/ipc/frame.h"
#include "proto/buf.h"
#include "proto/err.h"

#define DAEMON_MAX_ANSWER (1U << 20)

/* Ask the daemon behind RUN_DIR for WHAT; its answer is appended to OUT (which has room for DAEMON_MAX_ANSWER), its exit code
 * is *RET_CODE. KE_NOENT: no daemon runs here. KE_ACCES: only root may ask. KE_TIMEOUT, KE_CLOSED, KE_PROTO, KE_IO. */
int daemon_ask(const char *run_dir, enum ask what, struct buf *out, int *ret_code, struct fault *f);
/* The same with a question that needs DOCUMENT (LEN bytes). */
int daemon_ask_with(const char *run_dir, enum ask what, const char *document, size_t len, struct buf *out,
        int *ret_code, struct fault *f);

#endif
