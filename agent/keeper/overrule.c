/* overrule.c — what root asked for over agent.sock, granted for a while.
 *
 * An override of a key is merged over the policies in force and written by the engine like any of their values: ceiling, never-list,
 * journal, read back. Its end is one more such plan: the policies' value comes back, or, of a key that no policy manages, the
 * original. A hold writes nothing and lets nothing be written until it ends. Both are recorded with the one who asked. What the
 * kernel refuses at a later start, or what the host went down with, is dropped: an exception never keeps the policies from being
 * applied. Called by control.c and by its own timer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/keeper/keeper.h"
#include "agent/keeper/wish.h"
#include "proto/log.h"

#define SAVE_MS  60000 /* between two counts: what a crash with a clock set back can lengthen a row by */
#define BLOCK_MS 1000  /* to the next look, where a row cannot end because a rollout is unsettled */

static struct override_now override_now(const struct keeper *k)
{
	return (struct override_now){ k->engine->boot_id, clock_boot_ms(k->clock), era_now(k) };
}

bool overrule_hold(struct keeper *k)
{
	return override_find(&k->overrides, NULL) != NULL;
}

/* Look again when the first row ends, and at least once a minute: timers of the loop stand still while the host sleeps. */
static void tick_arm(struct keeper *k)
{
	int64_t next = override_next_ms(&k->overrides);

	ev_timer_stop(k->loop, &k->exceptions);
	if (next == INT64_MAX)
		return;
	next = next > SAVE_MS ? SAVE_MS : next <= 0 ? BLOCK_MS : next;
	ev_now_update(k->loop);
	ev_timer_set(&k->exceptions, (double)next / 1000., 0.);
	ev_timer_start(k->loop, &k->exceptions);
}

static void save(struct keeper *k, bool durable)
{
	struct fault f = { 0 };
	char line[1024];

	if (override_write(&k->overrides, k->state_dir, durable, &f))
		log_error("overrides are not kept over a restart: %s", fault_line(&f, line, sizeof line));
	tick_arm(k);
}

/* ROW was set, or is no more. BY NULL: nobody asked. */
static void tell(struct keeper *k, const struct override_row *row, const char *action, const char *why,
        const struct writer *by)
{
	char dotted[NAME_MAX_LEN + 1];
	struct buf body = BUF_INIT(RECORD_MAX_BYTES - 1024);
	const struct adopted *owner = row->value ? resolve_owner(&k->adopted, &k->facts, &row->key) : NULL;
	const struct compose_override o = { .action = action,
		.key = row->value ? name_dotted(&row->key, dotted, sizeof dotted) : NULL,
		.value = row->value,
		.policy = owner ? owner->name : NULL,
		.reason = row->reason,
		.why = why,
		.seconds = row->seconds,
		.until = row->until,
		.by = by };

	log_info("%s %s%s%s%s%s: %s", row->value ? "override" : "hold", row->value ? o.key : "",
	        row->value ? " " : "", action, why ? ": " : "", why ? why : "", row->reason);
	compose_override(&o, k->config->report_cmdline, &body);
	journalist_record(k, RECORD_OVERRIDE, &body, true);
	buf_free(&body);
	journalist_status_soon(k);
}

/* Take row AT out of the list, and say so. What is in force is the caller's business. */
static void row_end(struct keeper *k, size_t at, const char *action, const char *why, const struct writer *by)
{
	struct override_row row;

	override_take(&k->overrides, at, &row);
	tell(k, &row, action, why, by);
	if (row.value)
		contest_forget(k->contest, &row.key);
	override_row_clear(&row);
}

/* What is wanted has changed: write it, unless that has to wait. */
static void settle(struct keeper *k)
{
	struct fault f = { 0 };
	char line[1024];

	if (k->pending.active || !k->plan)
		return; /* it is merged anew when the rollout is settled */
	if (enforce_again(k, &f))
		log_error("what is in force now cannot be applied: %s", fault_line(&f, line, sizeof line));
	if (!overrule_hold(k))
		link_refresh(k);
}

/* May KEY hold VALUE at all? *RET_VALUE is its canonical form, newly allocated. */
static int value_allowed(
        struct keeper *k, const struct name *key, const char *value, char **ret_value, struct fault *f)
{
	struct policy *scratch = NULL;
	struct setting *s;
	char dotted[NAME_MAX_LEN + 1];
	enum ceiling_verdict v = ceiling_check(k->engine->ceiling, key);

	if (v != CEILING_ALLOWED)
		return fault_set(f, KE_CEILING, name_dotted(key, dotted, sizeof dotted), NULL,
		        v == CEILING_NEVER ? "kedge may never set this key"
		                           : "lies outside this host's ceiling");
	int rc = policy_new("override", 1, &scratch);
	if (!rc)
		rc = policy_append(scratch, key, value, NULL, &s, f);
	if (!rc && !(*ret_value = strdup(s->value)))
		rc = KE_NOMEM;
	policy_free(scratch);
	return rc;
}

/* Expired rows end; FIRST: before anything is in force, and rows that are not allowed here any more are dropped. */
static bool rows_judge(struct keeper *k, bool first)
{
	bool any = false;

	for (size_t at = k->overrides.n; at-- > 0;) {
		struct override_row *row = &k->overrides.rows[at];
		struct fault f = { 0 };
		char line[1024], *value = NULL;
		if (row->left_ms <= 0 && (!row->value || !k->pending.active)) {
			row_end(k, at, "expired", NULL, NULL);
			any = true;
		} else if (first && row->value && value_allowed(k, &row->key, row->value, &value, &f)) {
			row_end(k, at, "dropped", fault_line(&f, line, sizeof line), NULL);
			any = true;
		}
		free(value);
	}
	return any;
}

void overrule_look(struct keeper *k)
{
	const struct override_now now = override_now(k);

	override_pass(&k->overrides, &now);
	bool any = rows_judge(k, false);
	save(k, any);
	if (any)
		settle(k);
}

static void exceptions_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	overrule_look(w->data);
}

void overrule_start(struct keeper *k)
{
	const struct override_now now = override_now(k);
	struct fault f = { 0 };
	char line[1024];

	ev_init(&k->exceptions, exceptions_timer);
	k->exceptions.data = k;
	if (override_read(k->state_dir, &k->overrides, &f))
		log_error("overrides and hold are lost, the policies are in force: %s",
		        fault_line(&f, line, sizeof line));
	if (!k->overrides.n)
		return;
	override_pass(&k->overrides, &now);
	save(k, rows_judge(k, true));
}

void overrule_stop(struct keeper *k)
{
	const struct override_now now = override_now(k);

	if (!k->overrides.n)
		return;
	override_pass(&k->overrides, &now);
	save(k, true);
}

bool overrule_drop(struct keeper *k, const char *why)
{
	bool any = false;

	for (size_t at = k->overrides.n; at-- > 0;) {
		if (!k->overrides.rows[at].value)
			continue;
		row_end(k, at, "dropped", why, NULL);
		any = true;
	}
	if (any)
		save(k, true);
	return any;
}

/* ---- what is asked for ---- */

static int row_make(struct keeper *k, const struct wish *w, const struct writer *by, struct override_row *ret,
        struct fault *f)
{
	*ret = (struct override_row){ .key = w->key,
		.seconds = w->seconds,
		.since = era_now(k),
		.until = era_now(k) + w->seconds,
		.left_ms = 1000 * w->seconds,
		.by = { .uid = by->uid, .loginuid = by->loginuid, .pid = by->pid } };
	snprintf(ret->by.comm, sizeof ret->by.comm, "%s", by->comm);
	int rc = w->what == WISH_SET ? value_allowed(k, &w->key, w->value, &ret->value, f) : KE_OK;
	if (!rc && !(ret->reason = strdup(w->reason)))
		rc = fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	if (rc)
		override_row_clear(ret);
	return rc;
}

/* An exception may be made or unmade now. */
static int free_to_write(struct keeper *k, struct fault *f)
{
	if (k->pending.active)
		return fault_set(f, KE_BUSY, k->pending.name, "wait until it is settled",
		        "serial %lld waits for its confirmation", (long long)k->pending.serial);
	if (k->held_back)
		return fault_set(f, KE_HELD, NULL, "look at what happened, then kedge-agent retry",
		        "the host went down with what is adopted, and nothing is written");
	return KE_OK;
}

/* Write ROW's value, then the list; all of it or nothing. */
static int row_grant(struct keeper *k, const struct override_row *row, struct fault *f)
{
	struct override_row old = { 0 }, *was = override_find(&k->overrides, row->value ? &row->key : NULL);

	if (was)
		override_take(&k->overrides, (size_t)(was - k->overrides.rows), &old);
	if (override_put(&k->overrides, row))
		return fault_set(
		        f, KE_TOOBIG, NULL, "end one of them", "more than %d overrides", OVERRIDE_MAX);
	int rc = row->value ? enforce_trial(k, &row->key, f) : KE_OK;
	bool written = !rc;
	if (!rc)
		rc = override_write(&k->overrides, k->state_dir, true, f);
	if (!rc) {
		override_row_clear(&old);
		return KE_OK;
	}
	k->overrides.n--; /* ROW stays the caller's */
	if (old.reason)
		override_put(&k->overrides, &old);
	if (written && row->value)
		settle(k);
	return rc;
}

static int wish_set(struct keeper *k, const struct wish *w, const struct writer *by, struct fault *f)
{
	struct override_row row;
	int rc = free_to_write(k, f);

	if (!rc && overrule_hold(k))
		rc = fault_set(f, KE_HELD, NULL, "end the hold first, or write the key yourself",
		        "this host is on hold, and nothing is written");
	if (!rc)
		rc = row_make(k, w, by, &row, f);
	if (rc)
		return rc;
	rc = row_grant(k, &row, f);
	if (rc) {
		override_row_clear(&row);
		return rc;
	}
	contest_forget(k->contest, &row.key);
	tell(k, &row, "set", NULL, by);
	tick_arm(k);
	return KE_OK;
}

static int wish_hold(struct keeper *k, const struct wish *w, const struct writer *by, struct fault *f)
{
	struct override_row row;
	int rc = row_make(k, w, by, &row, f);

	if (rc)
		return rc;
	rc = row_grant(k, &row, f);
	if (rc) {
		override_row_clear(&row);
		return rc;
	}
	tell(k, &row, "set", NULL, by);
	tick_arm(k);
	if (k->plan && !k->pending.active)
		lookout_set(k);
	return KE_OK;
}

static int wish_end(struct keeper *k, const struct wish *w, const struct writer *by, struct fault *f)
{
	char dotted[NAME_MAX_LEN + 1];
	bool host = w->what == WISH_RELEASE;
	struct override_row *row = override_find(&k->overrides, host ? NULL : &w->key);

	if (!row && host)
		return fault_set(f, KE_NOENT, NULL, NULL, "this host is not on hold");
	if (!row)
		return fault_set(f, KE_NOENT, name_dotted(&w->key, dotted, sizeof dotted),
		        "see kedge-agent override list", "no override holds this key");
	int rc = host ? KE_OK : free_to_write(k, f);
	if (rc)
		return rc;
	row_end(k, (size_t)(row - k->overrides.rows), "ended", NULL, by);
	save(k, true);
	settle(k);
	return KE_OK;
}

int overrule_ask(struct keeper *k, const char *text, size_t len, pid_t peer, struct buf *out, struct fault *f)
{
	const struct override_now now = override_now(k);
	const struct writer_options wo = { .proc_fd = k->proc_fd };
	struct jsonw w = JSONW_INIT(out, 0);
	struct writer by;
	struct wish wish;
	int rc = wish_parse(text, len, &wish, f);

	if (!rc) {
		/* The asker waits for the answer, so it is still there to be looked at. */
		writer_identify(&wo, peer, &by);
		override_pass(&k->overrides, &now);
		switch (wish.what) {
		case WISH_LIST:
		case WISH_ABOUT:
			break;
		case WISH_SET:
			rc = wish_set(k, &wish, &by, f);
			break;
		case WISH_HOLD:
			rc = wish_hold(k, &wish, &by, f);
			break;
		case WISH_END:
		case WISH_RELEASE:
			rc = wish_end(k, &wish, &by, f);
			break;
		}
	}
	wish_clear(&wish);
	if (!rc && wish.what == WISH_ABOUT)
		about_json(k, &wish.key, &w);
	else if (!rc)
		override_json(&k->overrides, &w);
	return rc;
}
