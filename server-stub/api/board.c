/* board.c — joins plans (catalogue.c) and executions (the store), once for each change of either. Called by assignments, by the
 * leader and by all that shows rollouts. A state that this program does not know is an error, not a guess. */
#include "server-stub/api/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server-stub/api/api_in.h"

static void board_free(struct api *api, struct board *b)
{
	if (!b)
		return;
	if (b->catalogue)
		catalogue_let(api, b->catalogue);
	free(b->newest);
	free(b->standing);
	free(b);
}

static struct board_run *run_find(struct board *b, const char *policy, int64_t serial)
{
	for (size_t i = 0; i < b->catalogue->n; i++) {
		if (strcmp(b->newest[i].policy, policy) != 0)
			continue;
		if (b->newest[i].plan->serial == serial)
			return &b->newest[i];
		return b->standing[i].plan && b->standing[i].plan->serial == serial ? &b->standing[i] : NULL;
	}
	return NULL;
}

/* Rows of plans that are not on the board any more are history. */
static int execution_row(void *ctx, const struct store_execution *e)
{
	struct board_run *r = run_find(ctx, e->policy, e->serial);

	if (!r)
		return 0;
	r->revision = e->revision;
	if (e->n_waves != r->run.n_waves) {
		r->run.state = RUN_HALTED;
		snprintf(r->run.reason, sizeof r->run.reason,
		        "another plan was published under this serial: a new serial is needed");
		return 0;
	}
	if (run_state_parse(e->state, &r->run.state))
		return KE_STORE;
	r->run.since = e->since;
	snprintf(r->run.reason, sizeof r->run.reason, "%s", e->reason);
	for (size_t i = 0; i < e->n_waves; i++) {
		struct wave_run *w = &r->run.waves[i];
		if (wave_state_parse(e->waves[i].state, &w->state))
			return KE_STORE;
		w->opened = e->waves[i].opened;
		w->settled = e->waves[i].settled;
		r->news[i] = e->waves[i].news;
	}
	return 0;
}

static void run_set(struct board_run *r, const char *policy, const struct plan *plan, int64_t now)
{
	r->policy = policy;
	r->plan = plan;
	if (plan && plan->rollout)
		r->run = run_start(plan->rollout, now);
}

static int board_load(struct api *api, struct board **ret, struct fault *f)
{
	struct board *b = calloc(1, sizeof *b);
	int rc = b ? catalogue_hold(api, &b->catalogue, f) : fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");

	if (!rc) {
		size_t n = b->catalogue->n;
		b->newest = calloc(n ? n : 1, sizeof *b->newest);
		b->standing = calloc(n ? n : 1, sizeof *b->standing);
		if (!b->newest || !b->standing)
			rc = fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
		for (size_t i = 0; !rc && i < n; i++) {
			const struct catalogue_rollout *c = &b->catalogue->rollouts[i];
			run_set(&b->newest[i], c->policy, c->newest, api_now(api));
			run_set(&b->standing[i], c->policy, c->standing, api_now(api));
		}
	}
	if (!rc)
		rc = store_execution_list(api->store, &b->news, execution_row, b, f);
	if (!rc && b->news.generation != b->catalogue->generation)
		rc = fault_set(f, KE_BUSY, NULL, NULL, "the repository is being published");
	if (rc) {
		board_free(api, b);
		return rc;
	}
	b->holders = 1;
	*ret = b;
	return KE_OK;
}

void board_let(struct api *api, struct board *b)
{
	pthread_mutex_lock(&api->board_lock);
	bool last = --b->holders == 0;
	pthread_mutex_unlock(&api->board_lock);
	if (last)
		board_free(api, b);
}

int board_hold(struct api *api, struct board **ret, struct fault *f)
{
	struct store_news news;
	struct board *b = NULL, *old;
	int rc = store_news(api->store, &news, f);

	if (rc)
		return rc;
	/* The lock is held while loading: who comes meanwhile wants the same. */
	pthread_mutex_lock(&api->board_lock);
	old = api->board;
	if (old && old->news.generation >= news.generation && old->news.change >= news.change) {
		old->holders++;
		pthread_mutex_unlock(&api->board_lock);
		*ret = old;
		return KE_OK;
	}
	rc = board_load(api, &b, f);
	if (!rc) {
		api->board = b;
		b->holders++;
	}
	pthread_mutex_unlock(&api->board_lock);
	if (rc)
		return rc;
	if (old)
		board_let(api, old);
	*ret = b;
	return KE_OK;
}

int board_last(struct api *api, struct board **ret, struct fault *f)
{
	pthread_mutex_lock(&api->board_lock);
	struct board *b = api->board;
	if (b)
		b->holders++;
	pthread_mutex_unlock(&api->board_lock);
	if (!b)
		return board_hold(api, ret, f);
	*ret = b;
	return KE_OK;
}

const struct board_run *board_find(const struct board *b, const char *policy)
{
	for (size_t i = 0; i < b->catalogue->n; i++)
		if (strcmp(b->newest[i].policy, policy) == 0)
			return &b->newest[i];
	return NULL;
}

static void newer(int64_t *stamp, int64_t news)
{
	if (news > *stamp)
		*stamp = news;
}

/* The path that HOST is told of the policy at I, or NULL. */
static const char *assign_one(const struct board *b, size_t i, const char *host, int64_t *stamp)
{
	const struct board_run *r = &b->newest[i], *below = &b->standing[i];
	size_t wave;

	if (r->plan->rollout && rollout_wave_of(r->plan->rollout, host, &wave)) {
		newer(stamp, r->news[wave]);
		if (run_told(&r->run, wave))
			return r->plan->path;
		if (r->run.waves[wave].state != WAVE_WAITS)
			return NULL; /* it may have it already: what is older would be an order to go back */
	}
	if (!below->plan)
		return NULL;
	newer(stamp, below->news[0]);
	return run_told(&below->run, 0) ? below->plan->path : NULL;
}

size_t board_assign(
        const struct board *b, const char *host, const char **paths, size_t max, int64_t *ret_generation)
{
	int64_t stamp = b->news.floor;
	size_t n = 0;

	for (size_t i = 0; i < b->catalogue->n; i++) {
		const char *path = assign_one(b, i, host, &stamp);
		if (path && n < max)
			paths[n++] = path;
	}
	*ret_generation = b->news.generation + stamp;
	return n;
}

int board_write(struct api *api, const struct store_actor *actor, const struct board_run *of,
        const struct run *run, const struct store_deed *deed, struct fault *f)
{
	struct store_execution e = { .policy = of->policy,
		.serial = of->plan->serial,
		.revision = of->revision,
		.state = run_state_name(run->state),
		.reason = run->reason,
		.since = run->since,
		.n_waves = run->n_waves };

	for (size_t i = 0; i < run->n_waves; i++)
		e.waves[i] = (struct store_wave){ .state = wave_state_name(run->waves[i].state),
			.opened = run->waves[i].opened,
			.settled = run->waves[i].settled,
			.turned = run_told(run, i) != run_told(&of->run, i) };
	return store_execution_write(api->store, actor, &e, deed, f);
}
