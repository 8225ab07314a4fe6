/* lead.c — executes rollouts: counts the fleet, asks the state machine, writes each decision down before it asks again. All
 * that it knows is in the store, so that it may be killed at any point; whoever leads next derives the same. A decision
 * carries the term of the lease and the revision that it was derived from, so a process that was overtaken (or stood
 * still for a minute) changes nothing. Called once a second by main.c, and after each publication and command. Processes
 * that share a store learn of each other's changes by asking for two numbers ten times a second: that works with every
 * database and through every proxy, and nothing is lost while a connection is away. */
#include "server-stub/api/lead.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "server-stub/api/api_in.h"
#include "server-stub/api/census.h"
#include "server-stub/api/publish.h"

static bool active(const struct board_run *r)
{
	return r->plan->rollout && !r->plan->rollout->standing && r->run.state == RUN_RUNNING;
}

static bool any_active(const struct board *b)
{
	for (size_t i = 0; i < b->catalogue->n; i++)
		if (active(&b->newest[i]))
			return true;
	return false;
}

static int holder_name(struct lead *l, struct fault *f)
{
	unsigned char bytes[8];
	char hex[2 * sizeof bytes + 1];

	if (l->holder[0])
		return KE_OK;
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return fault_set(f, KE_SYSTEM, NULL, NULL, "no random numbers");
	snprintf(l->holder, sizeof l->holder, "%s-%ld", hex_encode(bytes, sizeof bytes, hex), (long)getpid());
	return KE_OK;
}

/* Half of the lease is left, or it is renewed. */
static int lease_hold(struct api *api, int64_t now, struct fault *f)
{
	struct lead *l = &api->lead;
	int rc = holder_name(l, f);

	if (rc || l->until - now > LEASE_SECONDS / 2)
		return rc;
	l->until = 0;
	rc = store_lease_take(api->store, l->holder, now, LEASE_SECONDS, &l->term, f);
	if (!rc)
		l->until = now + LEASE_SECONDS;
	return rc;
}

static int decision_write(struct api *api, struct board_run *r, const struct run *next, enum decision d,
        size_t wave, int64_t now, struct fault *f)
{
	const struct store_actor actor = { .name = "server", .role = "", .time = now };
	const struct store_deed deed = { .action = decision_name(d),
		.wave = d == DECIDE_OPEN || d == DECIDE_SETTLE ? (int64_t)wave + 1 : 0,
		.why = next->reason,
		.term = api->lead.term };
	int rc = board_write(api, &actor, r, next, &deed, f);

	if (!rc) {
		r->run = *next;
		r->revision++;
	}
	return rc;
}

/* Decide about one rollout until there is nothing to decide. News of waves that turn twice in here are the store's. */
static int run_pass(struct api *api, const struct board_run *of, int64_t now, struct fault *f)
{
	struct board_run r = *of;
	struct census c = { 0 };
	int rc = census_take(api, &r, NULL, &c, f);

	while (!rc) {
		struct run next = r.run;
		size_t wave = 0;
		enum decision d = run_next(r.plan->rollout, c.waves, now, &next, &wave);
		if (d == DECIDE_NOTHING)
			break;
		rc = decision_write(api, &r, &next, d, wave, now, f);
	}
	return rc;
}

static int decide(struct api *api, const struct board *b, struct fault *f)
{
	int64_t now = api_now(api);
	int rc = lease_hold(api, now, f);

	if (rc)
		return rc == KE_BUSY ? KE_OK : rc;
	for (size_t i = 0; !rc && i < b->catalogue->n; i++)
		if (active(&b->newest[i])) {
			rc = run_pass(api, &b->newest[i], now, f);
			/* An operator was quicker, or another process leads: the next pass sees it. */
			if (rc == KE_CONFLICT) {
				api->lead.until = 0;
				rc = KE_OK;
			}
		}
	return rc;
}

/* Wake polls when the board is another than it was at the last time; they look at the one that is held here. */
int lead_listen(struct api *api, struct fault *f)
{
	struct lead *l = &api->lead;
	struct board *b = NULL;
	int rc = board_hold(api, &b, f);

	if (rc)
		return rc;
	pthread_mutex_lock(&l->told_lock);
	bool news = b->news.generation != l->generation || b->news.change != l->change;
	l->generation = b->news.generation;
	l->change = b->news.change;
	pthread_mutex_unlock(&l->told_lock);
	board_let(api, b);
	if (news)
		api_wake(api, PUBLISH_KEY);
	return KE_OK;
}

int lead_pass(struct api *api, struct fault *f)
{
	struct board *b = NULL;

	pthread_mutex_lock(&api->lead.lock);
	int rc = board_hold(api, &b, f);
	if (!rc && any_active(b))
		rc = decide(api, b, f);
	if (b)
		board_let(api, b);
	int told = lead_listen(api, rc ? NULL : f);
	pthread_mutex_unlock(&api->lead.lock);
	return rc ? rc : told;
}

void lead_end(struct api *api)
{
	pthread_mutex_lock(&api->lead.lock);
	if (api->lead.until)
		store_lease_end(api->store, api->lead.holder, NULL);
	api->lead.until = 0;
	pthread_mutex_unlock(&api->lead.lock);
}
