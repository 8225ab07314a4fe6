/* timeline.c — a fleet's life as a calendar of seconds with lists of what happens in each. A host is counted again whenever
 * something of it changes, and all are when a wave opens, so that 100,000 hosts cost a tenth of a second a rollout. Called by
 * fleet_in_time.c. */
#include "tests/sim/timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN   1000000 /* 0 would be "never" to what is simulated */
#define HORIZON 86400   /* seconds after which a life is over */
#define LOOK    5       /* seconds between two looks of the leader */
#define SITES   20
#define SALTS   64 /* tried for one that fits */
#define NONE    UINT32_MAX

enum fate { TAKES_IT, REFUSES, GOES_BACK, DIES };
enum stage { KNOWS_NOTHING, APPLIES, CONFIRMED, FAILED, WENT_BACK, DEAD };
enum what { IS_TOLD, WRITES, ENDS, GOES, COMES, FALLS_QUIET, CUT_OFF, HEALED };

struct host {
	int32_t seen; /* heard from last; meaningful while it is away */
	uint8_t wave; /* ROLLOUT_MAX_WAVES: in none */
	uint8_t fate, stage;
	uint8_t away; /* reasons at once: reboot, partition */
	uint8_t counted;
	bool breaks;
	struct host_said said; /* as it was counted */
};

struct event {
	uint32_t host, next;
	uint8_t what;
};

struct life {
	const struct timeline_plan *plan;
	struct rollout rollout; /* the plan's with this life's salt */
	struct host *hosts;
	struct event *events;
	uint32_t n_events, room;
	uint32_t *first; /* of each second; NONE */
	struct tally waves[ROLLOUT_MAX_WAVES];
	struct run run;
	int64_t now, opened_last;
	uint64_t random;
	bool no_memory;
	struct timeline_end *end;
};

static uint64_t draw(struct life *l)
{
	uint64_t z = l->random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* 0 .. n-1 */
static int64_t below(struct life *l, int64_t n)
{
	return (int64_t)(draw(l) % (uint64_t)n);
}

static bool happens(struct life *l, int64_t per_mille)
{
	return below(l, 1000) < per_mille;
}

static void later(struct life *l, int64_t seconds, uint32_t host, enum what what)
{
	int64_t at = l->now + (seconds < 1 ? 1 : seconds);

	if (at >= BEGIN + HORIZON)
		return;
	if (l->n_events == l->room) {
		uint32_t room = l->room ? 2 * l->room : 1 << 16;
		struct event *more = realloc(l->events, room * sizeof *more);
		if (!more) {
			l->no_memory = true;
			return;
		}
		l->events = more;
		l->room = room;
	}
	l->events[l->n_events] = (struct event){ host, l->first[at - BEGIN], (uint8_t)what };
	l->first[at - BEGIN] = l->n_events++;
}

/* ---- what the server knows ---- */

static struct host_said said_of(const struct life *l, const struct host *h)
{
	static const char *const results[] = { [KNOWS_NOTHING] = "",
		[APPLIES] = "applied",
		[CONFIRMED] = "confirmed",
		[FAILED] = "failed",
		[WENT_BACK] = "reverted",
		[DEAD] = "applied" };
	struct host_said said = { .at_serial = h->stage != KNOWS_NOTHING,
		.result = results[h->stage],
		.state = "",
		.refusal = "" };

	said_heard(&said, h->away ? h->seen : l->now, l->run.waves[h->wave].opened, l->opened_last, l->now,
	        l->plan->poll);
	return said;
}

static void take_off(struct tally *t, const struct host_said *said)
{
	struct tally one = { 0 };

	tally_add(&one, said);
	t->hosts -= one.hosts;
	t->reached -= one.reached;
	t->answered -= one.answered;
	t->begun -= one.begun;
	t->good -= one.good;
	t->failed -= one.failed;
	t->reverted -= one.reverted;
	t->watched -= one.watched;
	t->lost -= one.lost;
}

/* Something of H changed. */
static void count(struct life *l, struct host *h)
{
	if (h->wave == ROLLOUT_MAX_WAVES)
		return;
	if (h->counted)
		take_off(&l->waves[h->wave], &h->said);
	h->said = said_of(l, h);
	h->counted = 1;
	tally_add(&l->waves[h->wave], &h->said);
}

/* ---- what happens to hosts ---- */

static bool told(const struct life *l, const struct host *h)
{
	return h->wave < l->run.n_waves && run_told(&l->run, h->wave) &&
	       l->now < l->rollout.start + l->rollout.waves[h->wave].opens_before;
}

static void goes(struct life *l, uint32_t i)
{
	struct host *h = &l->hosts[i];

	if (!h->away++)
		h->seen = (int32_t)l->now;
	later(l, 3 * l->plan->poll + 1, i, FALLS_QUIET);
}

static void comes(struct life *l, uint32_t i)
{
	struct host *h = &l->hosts[i];

	if (h->stage == DEAD || !h->away || --h->away)
		return;
	if (h->stage == KNOWS_NOTHING && told(l, h))
		later(l, 1 + below(l, 5), i, IS_TOLD);
}

static void writes(struct life *l, uint32_t i)
{
	struct host *h = &l->hosts[i];

	h->stage = APPLIES;
	l->end->touched++;
	l->end->broken += h->breaks;
	switch ((enum fate)h->fate) {
	case TAKES_IT:
		later(l, 1 + below(l, 5), i, ENDS);
		break;
	case REFUSES:
		h->stage = FAILED;
		break;
	case GOES_BACK: /* no confirmation in 120 s */
		later(l, 120 + below(l, 5), i, ENDS);
		break;
	case DIES:
		h->stage = DEAD;
		goes(l, i);
		break;
	}
}

static void ends(struct life *l, uint32_t i)
{
	struct host *h = &l->hosts[i];

	if (h->away) /* it tells when it is back */
		later(l, 10, i, ENDS);
	else if (h->stage == APPLIES)
		h->stage = h->fate == GOES_BACK ? WENT_BACK : CONFIRMED;
}

/* A site: every host whose number has the same rest. */
static void site(struct life *l, uint32_t rest, bool cut)
{
	for (uint32_t i = rest; i < (uint32_t)l->plan->hosts; i += SITES) {
		if (cut)
			goes(l, i);
		else
			comes(l, i);
		count(l, &l->hosts[i]);
	}
}

static void happen(struct life *l, const struct event *e)
{
	struct host *h = &l->hosts[e->host];

	switch ((enum what)e->what) {
	case IS_TOLD:
		if (h->stage == KNOWS_NOTHING && !h->away && told(l, h))
			later(l, 1 + below(l, 15), e->host, WRITES);
		break;
	case WRITES:
		if (h->stage == KNOWS_NOTHING && !h->away)
			writes(l, e->host);
		break;
	case ENDS:
		ends(l, e->host);
		break;
	case GOES: /* a reboot: 20 s to 4 min */
		if (h->stage != DEAD) {
			goes(l, e->host);
			later(l, 20 + below(l, 220), e->host, COMES);
		}
		break;
	case COMES:
		comes(l, e->host);
		break;
	case FALLS_QUIET:
		break;
	case CUT_OFF:
		site(l, e->host, true);
		later(l, 300 + below(l, 600), e->host, HEALED);
		return;
	case HEALED:
		site(l, e->host, false);
		return;
	}
	count(l, h);
}

/* ---- a life ---- */

static enum fate fate_of(struct life *l, struct host *h)
{
	h->breaks = happens(l, l->plan->fault);
	if (h->breaks && happens(l, l->plan->deadly))
		return DIES;
	if (h->breaks || happens(l, l->plan->background))
		return happens(l, 667) ? REFUSES : GOES_BACK;
	return TAKES_IT;
}

/* Who knows the fleet draws salts until no wave holds more than its share, as `kedge rollout start` does. */
static void draw_salt(struct life *l)
{
	int64_t counts[ROLLOUT_MAX_WAVES + 1];
	char id[32];

	for (int tries = 0; tries < SALTS; tries++) {
		memset(counts, 0, sizeof counts);
		for (size_t i = 0; i < ROLLOUT_SALT_LEN; i++)
			l->rollout.salt[i] = (unsigned char)draw(l);
		for (uint32_t i = 0; i < (uint32_t)l->plan->hosts; i++) {
			size_t wave;
			snprintf(id, sizeof id, "host-%06u", i);
			l->hosts[i].wave =
			        rollout_wave_of(&l->rollout, id, &wave) ? (uint8_t)wave : ROLLOUT_MAX_WAVES;
			counts[l->hosts[i].wave]++;
		}
		if (rollout_fits(&l->rollout, counts, l->plan->hosts))
			return;
	}
}

static void born(struct life *l)
{
	draw_salt(l);
	for (uint32_t i = 0; i < (uint32_t)l->plan->hosts; i++) {
		struct host *h = &l->hosts[i];
		h->fate = (uint8_t)fate_of(l, h);
		if (happens(l, l->plan->offline)) {
			h->away = 1;
			h->seen = BEGIN - 7200;
			later(l, below(l, 86400), i, COMES);
		}
		if (happens(l, 30)) /* one reboot a month, on a day that is as good as another */
			later(l, below(l, HORIZON), i, GOES);
		count(l, h);
	}
	for (int64_t i = 0; i < l->plan->partitions; i++)
		later(l, below(l, 3600), (uint32_t)below(l, SITES), CUT_OFF);
}

static void note(struct life *l, enum decision d, size_t wave)
{
	const uint64_t words[] = { (uint64_t)d, wave, (uint64_t)(l->now - BEGIN) };

	for (size_t i = 0; i < 3; i++)
		l->end->digest = (l->end->digest ^ words[i]) * 1099511628211u;
}

/* What the leader does: decide until there is nothing to decide. */
static void look(struct life *l)
{
	size_t wave = 0;
	enum decision d;

	while ((d = run_next(&l->rollout, l->waves, l->now, &l->run, &wave)) != DECIDE_NOTHING) {
		note(l, d, wave);
		if (d != DECIDE_OPEN)
			continue;
		l->end->wave = wave + 1;
		l->opened_last = l->now;
		for (uint32_t i = 0; i < (uint32_t)l->plan->hosts; i++) {
			count(l, &l->hosts[i]);
			if (l->hosts[i].wave == wave && !l->hosts[i].away)
				later(l, 1 + below(l, 3), i, IS_TOLD);
		}
	}
}

static void live(struct life *l)
{
	int64_t over = 0;

	for (l->now = BEGIN; l->now < BEGIN + HORIZON && !l->no_memory; l->now++) {
		/* What happens adds to later seconds only. */
		for (uint32_t at = l->first[l->now - BEGIN]; at != NONE; at = l->events[at].next) {
			struct event e = l->events[at];
			happen(l, &e);
		}
		if (l->now % LOOK == 0)
			look(l);
		if (!over && l->run.state != RUN_RUNNING) {
			over = l->now;
			l->end->seconds = over - BEGIN;
		}
		if (over && l->now >= over + 60) /* who was told goes on */
			break;
	}
}

int timeline_live(const struct timeline_plan *plan, uint64_t seed, struct timeline_end *ret)
{
	struct life *l = calloc(1, sizeof *l);
	int rc = -1;

	*ret = (struct timeline_end){ .digest = 1469598103934665603u };
	if (!l)
		return -1;
	l->plan = plan;
	l->end = ret;
	l->random = seed * 0x9e3779b97f4a7c15u;
	l->rollout = *plan->rollout;
	l->rollout.start = BEGIN;
	l->run = run_start(&l->rollout, BEGIN);
	l->hosts = calloc((size_t)plan->hosts, sizeof *l->hosts);
	l->first = malloc(HORIZON * sizeof *l->first);
	if (l->hosts && l->first) {
		memset(l->first, 0xff, HORIZON * sizeof *l->first);
		l->now = BEGIN;
		born(l);
		live(l);
		ret->state = l->run.state;
		snprintf(ret->reason, sizeof ret->reason, "%s", l->run.reason);
		rc = l->no_memory ? -1 : 0;
	}
	free(l->events);
	free(l->first);
	free(l->hosts);
	free(l);
	return rc;
}
