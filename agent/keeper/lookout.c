/* lookout.c — watches the keys in force.
 *
 * Events say at once who wrote; the poll says what is true. After an event the keys are read at once, after 1 and after 10
 * milliseconds, because an event can come before the value is visible. What drifted is restored where its mode says so,
 * unless two parties fight over it; everything is recorded with the writer's name as far as it is known.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/keeper/keeper.h"
#include "proto/fileio.h"
#include "proto/log.h"

#include <limits.h>
#include <stdio.h>

static int contest_path(const struct keeper *k, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/contest.json", k->state_dir);

	return n > 0 && n < PATH_MAX ? KE_OK : KE_TOOBIG;
}

static void contest_save(const struct keeper *k)
{
	struct buf text = BUF_INIT(CONTEST_TEXT_MAX);
	char path[PATH_MAX];
	struct fault f;

	contest_write(k->contest, &text);
	if (!text.rc && !contest_path(k, path) &&
	        file_replace(path, text.data, text.len, 0600, FILE_VOLATILE, &f))
		log_warning("contests are not kept over a restart: %s", f.what);
	buf_free(&text);
}

static int contest_open(struct keeper *k)
{
	char path[PATH_MAX], *text;
	size_t len;

	if (!contest_path(k, path) && !file_read(path, CONTEST_TEXT_MAX, &text, &len, NULL)) {
		int rc = contest_read(text, len, &k->contest, NULL);
		file_free(text);
		if (!rc)
			return KE_OK;
	}
	return contest_new(&k->contest);
}

/* Compare, write, read back. The value is one that the confirmed plan holds, so nothing new is decided here. */
static bool restore(struct keeper *k, const struct drift *d)
{
	const struct value_shape *shape = knowledge_shape(&d->key);
	const char *wanted = d->put_right;
	struct procsys_key pk;
	const char *raw;
	char *now = NULL;
	size_t len;
	bool good = false;

	if (ceiling_check(k->engine->ceiling, &d->key) != CEILING_ALLOWED ||
	        procsys_key_open(k->engine->ps, &d->key, PROCSYS_WRITE, &pk))
		return false;
	if (!procsys_key_read(&pk, &raw, &len) && !value_observed(shape, raw, len, &now)) {
		good = bound_holds(shape, d->bound, wanted, now);
		/* Changed again since it was seen: the next look will judge that. */
		bool same = d->new_value && strcmp(now, d->new_value) == 0;
		free(now);
		now = NULL;
		if (!good && same && !procsys_key_write(&pk, wanted, strlen(wanted)) &&
		        !procsys_key_read(&pk, &raw, &len) && !value_observed(shape, raw, len, &now))
			good = strcmp(now, wanted) == 0;
		free(now);
	}
	procsys_key_close(&pk);
	return good;
}

static void settle(struct keeper *k, struct drift *d)
{
	char dotted[NAME_MAX_LEN + 1];
	struct buf body = BUF_INIT(RECORD_MAX_BYTES);

	if (d->action == DRIFT_RESTORE) {
		bool good = restore(k, d);
		d->action = good ? DRIFT_RESTORED : DRIFT_RESTORE_FAILED;
		/* One that failed counts as well: a key that cannot be restored must not be tried, and told, for ever. */
		contest_restored(k->contest, &d->key, era_now(k));
		if (good)
			poller_expect(k->poller, &d->key, d->put_right);
	}
	log_info("drift key=%s wanted=%s now=%s action=%s writer=%s pid=%d",
	        name_dotted(&d->key, dotted, sizeof dotted), d->wanted,
	        d->new_value ? d->new_value : "(gone)", drift_action_name(d->action),
	        d->writer.state == WRITER_KNOWN  ? d->writer.comm
	        : d->writer.state == WRITER_GONE ? "(exited before identified)"
	                                         : "(unknown)",
	        (int)d->writer.pid);
	compose_drift(d, k->config->report_cmdline, &body);
	journalist_record(k, RECORD_DRIFT, &body, true);
	about_note(k, &d->key, &body);
	buf_free(&body);
}

static void events_expire(struct keeper *k)
{
	int64_t now = clock_boot_ms(k->clock), interval = poll_interval_ms(k->plan->n, k->config->poll_ms);
	size_t kept = 0;

	for (size_t i = 0; i < k->n_events; i++)
		if (drift_event_fresh(k->events[i].at_ms, now, interval))
			k->events[kept++] = k->events[i];
	k->n_events = kept;
}

/* Keys that are gone, and those that were made anew: no drift, appear.c's. Returns how many of the latter differ. */
static size_t gone_or_reborn(struct keeper *k, const struct poll_row *rows, size_t n)
{
	size_t differ = 0;
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		if (!rows[i].reborn && rows[i].err != ENOENT)
			continue;
		any = true;
		differ += rows[i].differs;
		for (size_t j = 0; rows[i].reborn && j < k->plan->n; j++)
			if (name_cmp(&k->plan->keys[j].name, &rows[i].want.name) == 0)
				k->plan->keys[j].outcome = OUTCOME_PENDING;
	}
	if (any)
		appear_soon(k);
	return differ;
}

/* Look at all keys once. */
static void look(struct keeper *k)
{
	const struct poll_row *rows;
	struct drift_list list = { 0 };
	size_t n, drifted = 0;

	if (!k->plan || k->pending.active)
		return;
	if (poller_run(k->poller, &rows, &n) ||
	        drift_judge(rows, n, k->events, k->n_events, k->contest, era_now(k), &list)) {
		log_error("the keys cannot be looked at: %s", err_text(KE_NOMEM));
		drift_list_clear(&list);
		return;
	}
	for (size_t i = 0; i < n; i++)
		drifted += rows[i].differs;
	drifted -= gone_or_reborn(k, rows, n);
	bool was_fighting = contest_next(k->contest, era_now(k)) != INT64_MAX;
	for (size_t i = 0; i < list.n; i++) {
		settle(k, &list.rows[i]);
		drifted -= list.rows[i].action == DRIFT_RESTORED && drifted;
	}
	if (list.n || was_fighting)
		contest_save(k);
	drift_list_clear(&list);
	events_expire(k);
	if (drifted != k->drifted) {
		k->drifted = drifted;
		journalist_status_soon(k);
	}
}

static void poll_again(struct keeper *k)
{
	double seconds = (double)poll_interval_ms(k->plan ? k->plan->n : 0, k->config->poll_ms) / 1000.;

	ev_timer_stop(k->loop, &k->poll);
	ev_timer_set(&k->poll, seconds, 0.);
	ev_timer_start(k->loop, &k->poll);
}

static void poll_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	look(w->data);
	lock_tell(w->data);
	poll_again(w->data);
}

static void recheck_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct keeper *k = w->data;
	(void)loop;
	(void)revents;

	look(k);
	int64_t next = drift_recheck_ms(++k->looks);
	if (next < 0)
		return;
	ev_timer_set(&k->recheck, (double)(next - drift_recheck_ms(k->looks - 1)) / 1000., 0.);
	ev_timer_start(k->loop, &k->recheck);
}

void lookout_soon(struct keeper *k)
{
	k->looks = 0;
	ev_timer_stop(k->loop, &k->recheck);
	ev_timer_set(&k->recheck, 0., 0.);
	ev_timer_start(k->loop, &k->recheck);
}

void lookout_event(struct keeper *k, const struct drift_event *e)
{
	k->n_events = drift_event_add(k->events, k->n_events, KEEPER_EVENTS, e);
}

static void remember(struct keeper *k, const struct fanotify_event *e)
{
	/* Not the courier: it has nothing to write there, and it would be its own word which pid it has. */
	const pid_t own[] = { getpid(), k->supervisor };
	const struct writer_options wo = { .proc_fd = k->proc_fd,
		.own = own,
		.n_own = sizeof own / sizeof own[0],
		.event_ms = clock_boot_ms(k->clock) };

	if (!e->ours || !e->name.path[0] || drift_event_told(k->events, k->n_events, &e->name, e->pid))
		return;
	struct drift_event d = { .name = e->name,
		.knob = knowledge_find(&e->name),
		.at_ms = wo.event_ms,
		.source = DRIFT_FANOTIFY };
	writer_identify(&wo, e->pid, &d.writer);
	lookout_event(k, &d);
}

static void resume_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct keeper *k = w->data;
	(void)revents;

	ev_io_start(loop, &k->fanotify_io);
}

static void fanotify_ready(struct ev_loop *loop, ev_io *w, int revents)
{
	struct keeper *k = w->data;
	struct fanotify_event events[32];
	int64_t resume = 0, now = clock_boot_ms(k->clock);
	unsigned what;
	size_t n;
	(void)revents;

	do {
		what = fanotify_source_read(
		        &k->fanotify, now, events, sizeof events / sizeof events[0], &n, &resume);
		for (size_t i = 0; i < n; i++)
			remember(k, &events[i]);
	} while (what & FANOTIFY_MORE);
	if (what & FANOTIFY_FLOODED) {
		ev_io_stop(loop, w);
		ev_timer_stop(loop, &k->resume);
		ev_timer_set(&k->resume, (double)(resume > now ? resume - now : 1) / 1000., 0.);
		ev_timer_start(loop, &k->resume);
		journalist_status_soon(k);
	}
	if (what & FANOTIFY_DEAD) {
		ev_io_stop(loop, w);
		k->fanotify_on = false;
		log_warning("events are not available any more; the poll goes on");
		journalist_status_soon(k);
	}
	lookout_soon(k);
}

int lookout_start(struct keeper *k, int fanotify_fd, struct fault *f)
{
	int rc = contest_open(k);

	if (!rc)
		rc = poller_new(k->engine->ps, 0, &k->poller);
	if (rc)
		return fault_set(f, rc, "lookout", NULL, "%s", err_text(rc));
	ev_init(&k->poll, poll_timer);
	ev_init(&k->recheck, recheck_timer);
	ev_init(&k->resume, resume_timer);
	k->poll.data = k->recheck.data = k->resume.data = k;
	k->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int root = open(PROCSYS_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k->proc_fd < 0 || root < 0)
		return fault_set(f, err_from_errno(errno), "/proc", NULL, "%s", strerror(errno));
	k->fanotify = FANOTIFY_SOURCE(fanotify_fd, root);
	k->fanotify_on = fanotify_fd >= 0;
	if (k->fanotify_on) {
		ev_io_init(&k->fanotify_io, fanotify_ready, fanotify_fd, EV_READ);
		k->fanotify_io.data = k;
		ev_io_start(k->loop, &k->fanotify_io);
	}
	return KE_OK;
}

const char *lookout_attribution(const struct keeper *k)
{
	/* Nobody reads when nothing comes any more. */
	return k->fanotify.flooded && clock_boot_ms(k->clock) - k->fanotify.second_ms < 2000 ? "flooded"
	                                                                                     : "fanotify";
}

void lookout_stop(struct keeper *k)
{
	ev_timer_stop(k->loop, &k->poll);
	ev_timer_stop(k->loop, &k->recheck);
}

/* Does the row stand for a key that can be watched? */
static bool watchable(const struct plan_key *key)
{
	return !key->setting->release &&
	       (key->outcome == OUTCOME_APPLIED || key->outcome == OUTCOME_ALREADY ||
	               key->outcome == OUTCOME_DIFFERS || key->outcome == OUTCOME_PLANNED ||
	               key->outcome == OUTCOME_UNTOUCHED || key->outcome == OUTCOME_RESTORED ||
	               key->outcome == OUTCOME_CONFLICT);
}

void lookout_set(struct keeper *k)
{
	struct poll_want *wants = calloc(k->plan->n ? k->plan->n : 1, sizeof *wants);
	size_t n = 0;

	for (size_t i = 0; wants && !k->held_back && i < k->plan->n; i++) {
		const struct plan_key *key = &k->plan->keys[i];
		const struct adopted *owner = resolve_owner(&k->adopted, &k->facts, &key->name);
		bool over = override_find(&k->overrides, &key->name) != NULL;
		if (!watchable(key) || (!owner && !over))
			continue;
		wants[n++] = (struct poll_want){ .name = key->name,
			.knob = key->knob,
			.bound = key->setting->bound,
			.wanted = key->setting->value,
			.mode = key->setting->mode,
			.held = overrule_hold(k),
			.policy = over ? OVERRIDE_POLICY : owner->name,
			.version = over ? 0 : owner->version };
	}
	if (!wants || poller_set(k->poller, wants, n))
		log_error("the keys cannot be watched: %s", err_text(KE_NOMEM));
	else
		lock_set(k, wants, n);
	free(wants);
	look(k);
	poll_again(k);
}
