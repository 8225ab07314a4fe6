/* supervisor.h — `kedge-agent run`: the root process that starts keeper and courier and parses nothing.
 *
 * It opens what needs root (directories, the control socket, BPF and fanotify, the pair the two talk over), starts both as
 * users of their own, and waits. When one dies, both are ended and started again: they are one conversation. Its input is
 * signals, exit statuses, and "some interface changed"; it never reads what the two say.
 *
 *	kedge-keeper  --config PATH --ipc FD --control FD [--fanotify FD] [--links FD] [--bpf-ring FD --bpf-desk FD]
 *	              --supervisor-pid PID [--require-sandbox]
 *	kedge-courier --config PATH --ipc FD [--require-sandbox]
 *
 * All other descriptors are closed in them, the environment is empty but for a few names, and they get SIGTERM when
 * the supervisor dies.
 */
#ifndef KEDGE_AGENT_SUPERVISOR_SUPERVISOR_H
#define KEDGE_AGENT_SUPERVISOR_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/supervisor/restart.h"
#include "proto/clock.h"
#include "proto/err.h"

struct supervisor_options {
	const char *config;   /* path of agent.conf */
	bool require_sandbox; /* as require_sandbox = yes in agent.conf */
	const char *bin_dir;  /* where kedge-keeper and kedge-courier are; NULL: beside this executable */
	struct restart_times times;
	const struct clock *clock;
};

#define SUPERVISOR_DEFAULTS ((struct supervisor_options){ .times = RESTART_DEFAULTS, .clock = &clock_system })

/* Run until SIGTERM or SIGINT; SIGHUP reads the configuration again and restarts both. Logs through proto/log.h, since it
 * only runs in a program. 0 after an orderly end. KE_BUSY: another supervisor has RUN_DIR/supervisor.lock; else
 * KE_UNSUPPORTED: less than
 * the confinement that is required would be, or is, in force, and F says what is missing; else whatever prevented the start. Blocks SIGTERM, SIGINT, SIGHUP and SIGCHLD in the calling thread. */
int supervisor_run(const struct supervisor_options *opt, struct fault *f);

#endif
