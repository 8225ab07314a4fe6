/* parking.c — the table of watched keys of one loop.
 *
 * A request watches a key from http_watch() until it is answered. News that come while it is parked make it ready;
 * news that come while it is not parked yet (another thread is still looking at the database for it) are noted, and
 * parking then ends at once: that is how no news is lost between looking and waiting. Continuations run from the
 * ready list and never from inside another request's code. Called by loop.c, conn.c and request.c.
 */
#include "server-stub/http/parking.h"

#include <stdlib.h>
#include <string.h>

static uint32_t key_hash(const char *key)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 16777619u;
	return hash;
}

static struct conn **bucket_of(struct loop *loop, uint32_t hash)
{
	return &loop->watchers[(hash ^ hash >> 16) % LOOP_WATCH_BUCKET];
}

static void ready_add(struct conn *c)
{
	struct loop *loop = c->loop;

	if (c->in_ready)
		return;
	c->in_ready = true;
	c->ready_next = NULL;
	*loop->ready_tail = c;
	loop->ready_tail = &c->ready_next;
	ev_async_send(loop->ev, &loop->news);
}

static void ready_remove(struct conn *c)
{
	struct loop *loop = c->loop;
	struct conn **at = &loop->ready;

	if (!c->in_ready)
		return;
	while (*at != c)
		at = &(*at)->ready_next;
	*at = c->ready_next;
	if (loop->ready_tail == &c->ready_next)
		loop->ready_tail = at;
	c->in_ready = false;
}

int parking_watch(struct conn *c, const char *key)
{
	size_t len = strlen(key);

	if (c->key && strcmp(c->key, key) == 0)
		return KE_OK; /* news noted so far stay noted */
	if (len > PARKING_KEY_MAX)
		return KE_TOOBIG;
	char *copy = strdup(key);
	if (!copy)
		return KE_NOMEM;
	parking_forget(c);
	c->key = copy;
	c->key_hash = key_hash(key);
	struct conn **bucket = bucket_of(c->loop, c->key_hash);
	c->watch_prev = NULL;
	c->watch_next = *bucket;
	if (*bucket)
		(*bucket)->watch_prev = c;
	*bucket = c;
	return KE_OK;
}

void parking_forget(struct conn *c)
{
	ready_remove(c);
	c->woken = false;
	if (!c->key)
		return;
	if (c->watch_prev)
		c->watch_prev->watch_next = c->watch_next;
	else
		*bucket_of(c->loop, c->key_hash) = c->watch_next;
	if (c->watch_next)
		c->watch_next->watch_prev = c->watch_prev;
	free(c->key);
	c->key = NULL;
}

void parking_park(struct conn *c, unsigned wait_ms, http_wake_fn *fn, void *arg)
{
	unsigned longest = c->loop->server->config.limits.park_ms;

	c->phase = PHASE_PARK;
	c->exchange->timed = false;
	c->wake = fn;
	c->wake_arg = arg;
	count(c->loop->server, COUNT_PARKED, 1);
	conn_deadline(c, c->loop->stopping ? 0 : wait_ms < longest ? wait_ms : longest);
	if (c->woken)
		ready_add(c);
}

void parking_end(struct conn *c, enum http_wake why)
{
	http_wake_fn *fn = c->wake;

	ready_remove(c);
	c->woken = false; /* the continuation looks at the state after this */
	c->phase =
	        why == HTTP_GONE ? PHASE_DRAIN : PHASE_RUN; /* gone: nothing can be done with it any more */
	c->wake = NULL;
	count(c->loop->server, COUNT_PARKED, -1);
	ev_timer_stop(c->loop->ev, &c->timer);
	fn(&c->exchange->req, why, c->wake_arg);
	if (why != HTTP_GONE)
		conn_handled(c);
}

void parking_wake(struct loop *loop, const char *key)
{
	uint32_t hash = key_hash(key);

	for (struct conn *c = *bucket_of(loop, hash); c; c = c->watch_next) {
		if (c->key_hash != hash || strcmp(c->key, key) != 0)
			continue;
		c->woken = true;
		if (c->phase == PHASE_PARK)
			ready_add(c);
	}
}

void parking_run_ready(struct loop *loop)
{
	/* Only what is ready now: a continuation that parks again under constant news must not hold the loop. */
	struct conn *list = loop->ready;
	unsigned n = 0;

	for (struct conn *c = list; c; c = c->ready_next)
		n++;
	while (n-- && loop->ready)
		parking_end(loop->ready, HTTP_WOKEN);
}
