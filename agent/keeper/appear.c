/* appear.c — interfaces and modules come and go.
 *
 * A pattern is expanded again, and a pending key applied, when the supervisor says that links changed, when the poll finds a key
 * gone or made anew, and now and then by itself, since nobody announces modules. What came holds the kernel's own value: it is
 * written and recorded as an apply of the policy that wants it, not as drift. What went is pending again, and no alarm.
 * While a candidate waits for its confirmation nothing is done: it would get mixed up with what may have to go back.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/keeper/keeper.h"
#include "agent/keeper/resolve.h"
#include "proto/log.h"

/* At least so long between two looks that links ask for: containers come and go in crowds. */
#define LINKS_MS 250
/* Between two looks for pending keys, as many as a poll takes at once. */
#define PENDING_MS 1000
/* After so many of them, and as often when only patterns wait, all keys are looked at. */
#define FULL_TURNS 10

static bool waits(const struct plan_key *k)
{
	return k->outcome == OUTCOME_PENDING;
}

static size_t pending_count(const struct plan *pl)
{
	size_t n = 0;

	for (size_t i = 0; i < pl->n; i++)
		n += waits(&pl->keys[i]);
	return n;
}

static bool has_patterns(const struct policy *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (name_is_pattern(&p->settings[i].name))
			return true;
	return false;
}

static void look_after(struct keeper *k, int64_t ms)
{
	ev_timer_stop(k->loop, &k->absent);
	ev_timer_set(&k->absent, (double)ms / 1000., 0.);
	ev_timer_start(k->loop, &k->absent);
}

void appear_plan(struct keeper *k)
{
	size_t pending = pending_count(k->plan);
	int64_t ms = poll_interval_ms(pending, PENDING_MS);

	/* A look at all of them is due already. */
	if (k->absent_turns >= FULL_TURNS && ev_is_active(&k->absent))
		return;
	if (!pending)
		ms = FULL_TURNS * poll_interval_ms(k->plan->n, PENDING_MS);
	ev_timer_stop(k->loop, &k->absent);
	if (pending || has_patterns(k->merged))
		look_after(k, ms);
}

void appear_soon(struct keeper *k)
{
	k->absent_turns = FULL_TURNS;
	look_after(k, 0);
}

static int any(void *ctx, const struct name *n)
{
	(void)n;
	*(bool *)ctx = true;
	return KE_OK;
}

/* Is one of the pending keys there? Asks for nothing else. */
static bool one_came(struct keeper *k)
{
	bool there = false;

	for (size_t i = 0; i < k->plan->n && !there; i++) {
		const struct name *n = &k->plan->keys[i].name;
		struct procsys_key key;
		if (!waits(&k->plan->keys[i]))
			continue;
		if (name_is_pattern(n)) {
			procsys_each(k->engine->ps, n, any, &there);
		} else if (!procsys_key_open(k->engine->ps, n, PROCSYS_READ, &key)) {
			procsys_key_close(&key);
			there = true;
		}
	}
	return there;
}

/* The row of N in PL, looked for from *HINT on: two plans of one policy have nearly the same order. */
static const struct plan_key *row_find(const struct plan *pl, const struct name *n, size_t *hint)
{
	for (size_t i = 0; i < pl->n; i++) {
		size_t at = (*hint + i) % pl->n;
		if (name_cmp(&pl->keys[at].name, n) == 0) {
			*hint = at + 1;
			return &pl->keys[at];
		}
	}
	return NULL;
}

static bool is_there(const struct plan_key *k)
{
	return k && !waits(k) && k->outcome != OUTCOME_UNSUPPORTED && k->outcome != OUTCOME_BLOCKED;
}

/* The keys that are there in NOW and are not in BEFORE; NAMES has room for all, or is NULL. */
static size_t more_in(const struct plan *now, const struct plan *before, struct name *names)
{
	size_t n = 0, hint = 0;

	for (size_t i = 0; i < now->n; i++) {
		if (!is_there(&now->keys[i]) || is_there(row_find(before, &now->keys[i].name, &hint)))
			continue;
		if (names)
			names[n] = now->keys[i].name;
		n++;
	}
	return n;
}

/* Tell of the N keys NAMES as applied, or as failed (RC), once for each policy that wants some of them. */
static void came_record(struct keeper *k, const struct name *names, size_t n, int rc, const struct fault *f)
{
	struct plan part = { .keys = calloc(n, sizeof *part.keys) };
	char line[1024];

	memcpy(part.hash, k->plan->hash, sizeof part.hash);
	for (size_t a = 0; part.keys && a < k->adopted.n; a++) {
		const struct adopted *owner = &k->adopted.rows[a];
		size_t hint = 0;
		part.n = 0;
		for (size_t i = 0; i < n; i++) {
			const struct plan_key *row = row_find(k->plan, &names[i], &hint);
			if (row && resolve_owner(&k->adopted, &k->facts, &names[i]) == owner)
				part.keys[part.n++] = *row; /* what it points to stays the plan's */
		}
		if (part.n)
			journalist_apply(k, owner->name, owner->version, owner->serial,
			        rc ? APPLY_FAILED : APPLY_CONFIRMED,
			        rc ? fault_line(f, line, sizeof line) : "keys that appeared", &part, NULL);
	}
	free(part.keys);
}

static void came_apply(struct keeper *k, const struct plan *now)
{
	struct name *names = calloc(now->n, sizeof *names);
	struct fault f = { 0 };

	if (!names) {
		appear_soon(k);
		return;
	}
	size_t n = more_in(now, k->plan, names);
	int rc = enforce_again(k, &f);
	if (rc)
		log_warning("keys appeared=%zu and cannot be set: %s", n, f.what);
	else
		log_info("keys appeared=%zu", n);
	came_record(k, names, n, rc, &f);
	free(names);
}

void appear_look(struct keeper *k)
{
	struct policy *merged = NULL;
	struct plan *now = NULL;
	struct fault f = { 0 };

	k->absent_turns = 0;
	k->appear_ms = clock_boot_ms(k->clock);
	if (!k->plan)
		return;
	if (k->pending.active || k->held_back || enforce_plan(k, &merged, &now, &f)) {
		look_after(k, PENDING_MS);
		k->absent_turns = FULL_TURNS;
		return;
	}
	size_t gone = more_in(k->plan, now, NULL);
	if (gone)
		log_info("keys gone=%zu", gone);
	if (more_in(now, k->plan, NULL)) {
		came_apply(k, now);
	} else if (gone) {
		enforce_take(k, merged, now);
		return;
	} else {
		appear_plan(k);
	}
	plan_free(now);
	policy_free(merged);
}

static void absent_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct keeper *k = w->data;
	(void)loop;
	(void)revents;

	if (!k->plan)
		return;
	if (++k->absent_turns >= FULL_TURNS || !pending_count(k->plan) || one_came(k))
		appear_look(k);
	else
		appear_plan(k);
}

static void links_ready(struct ev_loop *loop, ev_io *w, int revents)
{
	struct keeper *k = w->data;
	uint64_t count;
	(void)revents;

	ssize_t n = read(w->fd, &count, sizeof count);
	if (n != (ssize_t)sizeof count && !(n < 0 && (errno == EAGAIN || errno == EINTR))) {
		log_warning("link changes are not told any more; new interfaces are noticed later");
		ev_io_stop(loop, w);
		return;
	}
	if (!k->plan || !(has_patterns(k->merged) || pending_count(k->plan)))
		return; /* an explicit key that goes is noticed by the poll */
	int64_t since = clock_boot_ms(k->clock) - k->appear_ms,
	        pause = poll_interval_ms(k->plan->n, LINKS_MS);
	k->absent_turns = FULL_TURNS;
	look_after(k, since >= pause ? 0 : pause - since);
}

void appear_start(struct keeper *k, int fd)
{
	ev_init(&k->absent, absent_timer);
	k->absent.data = k;
	if (fd < 0)
		return;
	ev_io_init(&k->links_io, links_ready, fd, EV_READ);
	k->links_io.data = k;
	ev_io_start(k->loop, &k->links_io);
}
