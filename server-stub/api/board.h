/* board.h — published rollouts and what is being done with them, at one moment: the plans of the repository beside the states
 * of their execution. An assignment is read off it, decisions are derived from it.
 *
 * Immutable but for its count of holders; a newer one takes its place when the store says that something changed, in this
 * process or in another.
 */
#ifndef KEDGE_SERVER_API_BOARD_H
#define KEDGE_SERVER_API_BOARD_H

#include "server-stub/api/catalogue.h"
#include "server-stub/rollout/machine.h"
#include "server-stub/store/execution.h"

/* One rollout on the board. */
struct board_run {
	const char *policy;
	const struct plan *plan;
	struct run run;                  /* of a plan that cannot be read: no waves */
	int64_t revision;                /* 0: nothing is stored of it yet */
	int64_t news[ROLLOUT_MAX_WAVES]; /* change at which the wave's hosts began or ceased to be told */
};

struct board {
	unsigned holders; /* guarded by the API's catalogue_lock */
	struct store_news news;
	struct catalogue *catalogue;
	struct board_run *newest;   /* one for each policy of the catalogue */
	struct board_run *standing; /* likewise; plan NULL where there is none */
};

/* The board of now. board_let() *RET. KE_STORE and the like; KE_SCHEMA when the published metadata cannot be read. */
int board_hold(struct api *api, struct board **ret, struct fault *f);
void board_let(struct api *api, struct board *b);
/* The board that was held last, without asking the store whether there is a newer one: for the many who are woken because
 * somebody has just held it. */
int board_last(struct api *api, struct board **ret, struct fault *f);
/* The newest rollout of POLICY, or NULL. */
const struct board_run *board_find(const struct board *b, const char *policy);
/* What HOST is told: at most MAX target paths, which live as long as B, and the generation of this assignment, which grows
 * whenever the answer for this host changes. A host that the newest rollout of a policy has come to is told of that one,
 * or of nothing while it is held back; one that it has not come to is told of the standing one below. */
size_t board_assign(
        const struct board *b, const char *host, const char **paths, size_t max, int64_t *ret_generation);
/* Write RUN in the place of OF's state, with what was done. KE_CONFLICT: hold a newer board and derive again. */
int board_write(struct api *api, const struct store_actor *actor, const struct board_run *of,
        const struct run *run, const struct store_deed *deed, struct fault *f);

#endif
