/* enrol.h — a host's first contact: from a token to a certificate, the server's CAs, and the first trusted root.
 *
 * Runs as the courier's user (`kedge-courier --enrol`, started by `kedge-agent enrol`). The key never leaves its directory;
 * what root has to install goes back over the socket:
 *
 *	root's command                                  courier
 *	ASK a = ENROL_FORCE or 0, text = token   ─▶
 *	                                         ◀─   FETCHED id = ENROL_CA, sealed PEM
 *	                                         ◀─   FETCHED id = ENROL_ROOT, sealed root.json
 *	                                         ◀─   ANSWER a = 0, or a code and "WHERE\nWHAT\nTODO"
 */
#ifndef KEDGE_AGENT_COURIER_ENROL_H
#define KEDGE_AGENT_COURIER_ENROL_H

#include <stddef.h>

#include "agent/config/config.h"
#include "proto/clock.h"
#include "proto/err.h"

#define ENROL_FORCE    1 /* also when there is a certificate already */
#define ENROL_CA       1
#define ENROL_ROOT     2
#define ENROL_CA_MAX   262144
#define ENROL_ROOT_MAX 524288

struct ev_loop;

/* Answer the one request on IPC, waiting for it. 0: done and told; else also told. */
int enrol_run(const struct agent_config *config, int ipc, struct ev_loop *loop, const struct clock *clock,
        struct fault *f);

#endif
