/* drift.c — decides what a changed value means.
 *
 * Pure: rows and events in, drifts out. A foreign event that wrote what the key holds now explains a change best, then the
 * newest foreign event on the key; without one, the newest foreign event on a key that is known to change this one when written. Our own writes explain nothing.
 * Called by the keeper after every look at the keys.
 */
#include "agent/watch/drift.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const action_names[] = {
	[DRIFT_RESTORE] = "restore",
	[DRIFT_RESTORED] = "restored",
	[DRIFT_RESTORE_FAILED] = "restore_failed",
	[DRIFT_REPORTED] = "reported",
	[DRIFT_CONTESTED] = "contested",
	[DRIFT_HELD] = "held",
	[DRIFT_REFUSED] = "refused",
};

const char *drift_action_name(enum drift_action a)
{
	return action_names[a];
}

static bool couples(const struct knob *from, const struct name *to)
{
	return from && knob_list_matches(knob_also_changes(from), to);
}

/* Did E write what the key holds now, OBSERVED? An attempt that the kernel refused did not. */
static bool wrote(const struct drift_event *e, const char *observed)
{
	char *value = NULL;
	bool same = e->value[0] &&
	            !value_observed(knowledge_shape(&e->name), e->value, strlen(e->value), &value) &&
	            strcmp(value, observed) == 0;

	free(value);
	return same;
}

/* The event that explains best why KEY holds OBSERVED: the newest one that wrote just that, else the newest on the key, else the
 * newest on a key whose write changes it. NULL: nobody is known. */
static const struct drift_event *explain(const struct name *key, const char *observed,
        const struct drift_event *events, size_t n, bool *ret_coupled)
{
	const struct drift_event *coupled = NULL, *newest = NULL;

	*ret_coupled = false;
	for (size_t i = n; i-- > 0;) {
		const struct drift_event *e = &events[i];
		if (e->writer.state == WRITER_OURSELVES)
			continue;
		if (name_cmp(&e->name, key) == 0) {
			if (wrote(e, observed))
				return e;
			newest = newest ? newest : e;
		} else if (!coupled && couples(e->knob, key)) {
			coupled = e;
		}
	}
	if (newest)
		return newest;
	*ret_coupled = coupled != NULL;
	return coupled;
}

/* Is R a drift, and what is to be done? */
static bool decide(const struct poll_row *r, struct contest *contest, int64_t now, enum drift_action *ret)
{
	if (!r->differs || r->reborn)
		return false;
	if (r->want.held || (r->want.mode != SETTING_ENFORCE && r->want.mode != SETTING_LOCK)) {
		*ret = r->want.held ? DRIFT_HELD : DRIFT_REPORTED;
		return r->changed || !r->before;
	}
	switch (contest_ask(contest, &r->want.name, now)) {
	case CONTEST_RESTORE:
	case CONTEST_PROBE:
		*ret = DRIFT_RESTORE;
		return true;
	case CONTEST_BEGINS:
		*ret = DRIFT_CONTESTED;
		return true;
	case CONTEST_TRUCE:
		break;
	}
	return false;
}

static int fill(struct drift *d, const struct poll_row *r, const struct drift_event *by, bool coupled)
{
	*d = (struct drift){ .key = r->want.name,
		.mode = r->want.mode,
		.action = d->action,
		.bound = r->want.bound,
		.version = r->want.version,
		.source = by ? by->source : DRIFT_POLL,
		.coupled = coupled };
	if (by)
		d->writer = by->writer;
	else
		d->writer = (struct writer){ .state = WRITER_UNKNOWN, .loginuid = -1, .uid = -1 };
	if (coupled)
		d->coupled_with = by->name;
	const struct value_shape *shape = r->want.knob ? &r->want.knob->shape : &value_shape_text;
	if (asprintf(&d->wanted, "%s%s", bound_sign(r->want.bound), r->want.wanted) < 0)
		d->wanted = NULL;
	if (bound_met(shape, r->want.bound, r->want.wanted, r->observed, &d->put_right))
		return KE_NOMEM;
	d->new_value = strdup(r->observed);
	d->policy = strdup(r->want.policy);
	d->old = r->before ? strdup(r->before) : NULL;
	return d->wanted && d->new_value && d->policy && (d->old || !r->before) ? KE_OK : KE_NOMEM;
}

int drift_judge(const struct poll_row *rows, size_t n, const struct drift_event *events, size_t n_events,
        struct contest *contest, int64_t now, struct drift_list *ret)
{
	size_t room = 0;

	*ret = (struct drift_list){ 0 };
	for (size_t i = 0; i < n; i++)
		room += rows[i].differs;
	if (!room)
		return KE_OK;
	if (!(ret->rows = calloc(room, sizeof *ret->rows)))
		return KE_NOMEM;
	for (size_t i = 0; i < n; i++) {
		struct drift *d = &ret->rows[ret->n];
		bool coupled;
		if (!decide(&rows[i], contest, now, &d->action))
			continue;
		ret->n++;
		const struct drift_event *by =
		        explain(&rows[i].want.name, rows[i].observed, events, n_events, &coupled);
		int rc = fill(d, &rows[i], by, coupled);
		if (rc)
			return rc;
	}
	return KE_OK;
}

void drift_list_clear(struct drift_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->rows[i].wanted);
		free(l->rows[i].put_right);
		free(l->rows[i].old);
		free(l->rows[i].new_value);
		free(l->rows[i].policy);
	}
	free(l->rows);
	*l = (struct drift_list){ 0 };
}

int64_t drift_recheck_ms(unsigned look)
{
	static const int64_t when[] = { 0, 1, 10 };

	return look < sizeof when / sizeof when[0] ? when[look] : -1;
}

bool drift_event_fresh(int64_t at_ms, int64_t now_ms, int64_t interval_ms)
{
	/* One interval, and what a busy machine may be late by. */
	return now_ms - at_ms <= interval_ms + 500;
}

bool drift_event_told(const struct drift_event *events, size_t n, const struct name *name, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (events[i].source == DRIFT_BPF && events[i].writer.pid == pid &&
		        name_cmp(&events[i].name, name) == 0)
			return true;
	return false;
}

size_t drift_event_add(struct drift_event *events, size_t n, size_t room, const struct drift_event *e)
{
	for (size_t i = 0; i < n; i++) {
		struct drift_event *old = &events[i];
		if (old->writer.pid != e->writer.pid || old->source == e->source ||
		        name_cmp(&old->name, &e->name) != 0)
			continue;
		if (e->source == DRIFT_BPF)
			*old = *e;
		return n;
	}
	if (n == room) {
		memmove(events, events + 1, (room - 1) * sizeof *events);
		n--;
	}
	events[n] = *e;
	return n + 1;
}
