/* restart.h — when to start the children again: pure arithmetic. */
#ifndef KEDGE_AGENT_SUPERVISOR_RESTART_H
#define KEDGE_AGENT_SUPERVISOR_RESTART_H

#include <stdint.h>

struct restart_times {
	int64_t first_ms;   /* pause after the first death */
	int64_t max_ms;     /* longest pause */
	int64_t healthy_ms; /* alive this long: the next death is a first one again */
	int64_t end_ms;     /* patience between SIGTERM and SIGKILL */
};

#define RESTART_DEFAULTS                                                                                     \
	((struct restart_times){ .first_ms = 1000, .max_ms = 60000, .healthy_ms = 300000, .end_ms = 5000 })

/* The pause after a death, when the children lived ALIVE_MS and the pause before that life was LAST_MS (0: none): doubled
 * up to max_ms, or first_ms again after a healthy life. */
int64_t restart_pause(const struct restart_times *t, int64_t last_ms, int64_t alive_ms);

#endif
