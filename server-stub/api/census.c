/* census.c — walks what hosts said of one serial (store/said.c), puts each into its wave and counts. Called by the leader before
 * it decides, and by all that shows a rollout. */
#include "server-stub/api/census.h"

#include "server-stub/api/api_in.h"

struct walk {
	const struct board_run *run;
	struct census *census;
	int64_t now, poll;
	int64_t opened_last;
	int64_t canaries; /* named hosts that are enrolled */
};

/* When the rollout began: what was refused or contested before is another's. */
static int64_t began(const struct board_run *r, int64_t now)
{
	return r->run.n_waves && r->run.waves[0].opened ? r->run.waves[0].opened : now;
}

/* When a wave was last opened. */
static int64_t opened_last(const struct run *run, int64_t now)
{
	int64_t last = 0;

	for (size_t i = 0; i < run->n_waves; i++)
		if (run->waves[i].opened > last)
			last = run->waves[i].opened;
	return last ? last : now;
}

static const char *why_of(const struct store_said *said, enum stand o, bool at_serial)
{
	if (o == STAND_FAILED && !at_serial)
		return said->refusal_why;
	if (o == STAND_FAILED || o == STAND_REVERTED)
		return said->reason;
	return said->contested ? "somebody there insists on another value"
	       : said->drifted ? "keys are off"
	                       : "";
}

static int said_row(void *ctx, const struct store_said *said)
{
	struct walk *w = ctx;
	const struct run *run = &w->run->run;
	const struct rollout *plan = w->run->plan->rollout;
	size_t wave = ROLLOUT_MAX_WAVES;
	bool meant = plans_wave(w->run->plan, said, &wave);

	if (wave == 0 && !plan->standing && plan->waves[0].n_canaries)
		w->canaries++;
	if (!meant)
		return 0;
	struct host_said h = { .at_serial = said->serial == w->run->plan->serial,
		.result = said->result,
		.state = said->state,
		.refusal = said->refusal,
		.contested = said->contested && !said->excused,
		.drifted = said->excused ? 0 : said->drifted };
	said_heard(&h, said->last_seen, run->waves[wave].opened, w->opened_last, w->now, w->poll);
	struct census_host c = { .said = said, .wave = wave, .outcome = stand_of(&h) };
	c.fails = c.outcome == STAND_FAILED || c.outcome == STAND_REVERTED ||
	          (c.outcome == STAND_GOOD && (h.contested || h.drifted > 0));
	c.why = why_of(said, c.outcome, h.at_serial);
	if (!said->excused || c.outcome == STAND_GOOD)
		tally_add(&w->census->waves[wave], &h);
	return w->census->each ? w->census->each(w->census->ctx, &c) : 0;
}

int census_of(struct store *store, const struct board_run *r, int64_t now, int64_t poll, const char *host,
        struct census *c, struct fault *f)
{
	const struct rollout *plan = r->plan->rollout;
	struct walk w = {
		.run = r, .census = c, .now = now, .poll = poll, .opened_last = opened_last(&r->run, now)
	};
	const struct store_said_filter filter = { .policy = r->policy,
		.version = plan ? plan->version : 0,
		.serial = r->plan->serial,
		.since = began(r, now),
		.host = host,
		.bare = plan && !plan->selector && !r->plan->meant };
	int rc = store_said_list(store, &filter, said_row, &w, f);

	/* A canary that is not enrolled (or is misspelt) is waited for, not passed over. */
	if (!rc && !host && plan && !plan->standing)
		c->waves[0].missing = (int64_t)plan->waves[0].n_canaries - w.canaries;
	return rc;
}

int census_take(
        struct api *api, const struct board_run *r, const char *host, struct census *c, struct fault *f)
{
	int64_t poll = settings_hold(api)->poll;

	settings_let(api);
	return census_of(api->store, r, api_now(api), poll, host, c, f);
}
