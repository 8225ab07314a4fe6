/* restart.c — the pause between two lives doubles, so that a child that dies at once costs nothing, and is forgotten after
 * a healthy life. No chance in it: one host's processes wait for nobody else's. */
#include "agent/supervisor/restart.h"

int64_t restart_pause(const struct restart_times *t, int64_t last_ms, int64_t alive_ms)
{
	if (last_ms <= 0 || alive_ms >= t->healthy_ms)
		return t->first_ms;
	return last_ms > t->max_ms / 2 ? t->max_ms : 2 * last_ms;
}
