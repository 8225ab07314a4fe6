/* enforce.c — from an adopted rollout to keys that hold it.
 *
 * A candidate is merged with everything in force, planned, and applied with a deadline. Only a new round trip to the server
 * confirms it; then it is written down as adopted (the floor rises) and watched. No confirmation in time, or a kernel that
 * refuses: everything goes back, and the rollout is not tried again until a new serial comes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_in.h"
#include "agent/engine/original.h"
#include "agent/keeper/keeper.h"
#include "agent/keeper/resolve.h"
#include "proto/log.h"

#define RECONFIRM_S 2.0 /* between two tries to confirm */
#define ABSENT_S    5.0 /* between two looks for keys that were not there yet */

int enforce_floor(void *ctx, const char *policy, int64_t serial, struct fault *f)
{
	const struct keeper *k = ctx;
	const struct adopted *a = adopted_find(&k->adopted, policy);

	if (a && serial < a->serial)
		return fault_set(f, KE_ROLLBACK, NULL, "publish a higher serial",
		        "serial %lld of '%s' is older than %lld, which this host adopted", (long long)serial,
		        policy, (long long)a->serial);
	return (a && serial == a->serial) || tried_holds(&k->tried, policy, serial) ? KE_EXIST : KE_OK;
}

/* A key that was written in this boot, and that CANDIDATE (may be NULL) does not speak of, is not written again here: if it
 * differs by now, that is drift, and the lookout's to report and to restore, or to leave alone. */
static bool leave_to_lookout(
        const struct plan_key *key, const struct candidate *candidate, struct originals *o)
{
	const struct original *was;

	if (key->outcome != OUTCOME_PLANNED || key->setting->release)
		return false;
	if (candidate && candidate->policy && policy_find(candidate->policy, &key->setting->name))
		return false;
	was = originals_find(o, &key->setting->name);
	if (!was || !was->wanted || strcmp(was->wanted, key->wanted) != 0)
		return false;
	was = originals_find(o, &key->name);
	return was && (was->value || was->lost);
}

static void leave_drift(struct plan *pl, const struct candidate *candidate, struct originals *o)
{
	for (size_t i = 0; o && i < pl->n; i++)
		if (leave_to_lookout(&pl->keys[i], candidate, o))
			plan_leave(pl, i);
}

/* Merge, observe and plan what is in force with CANDIDATE. */
static int merge_plan(struct keeper *k, const struct candidate *candidate, struct policy **ret_policy,
        struct plan **ret, struct fault *f)
{
	struct originals *o = NULL;
	struct policy *merged = NULL;
	struct observation *seen = NULL;
	int rc = originals_read(k->engine->run_dir, k->engine->boot_id, &o, f);

	if (rc && rc != KE_NOENT && rc != KE_SYNTAX)
		return rc;
	rc = resolve_policies(&k->adopted, candidate, &k->facts, o, &merged, f);
	if (!rc)
		rc = observe_policy(k->engine->ps, merged, k->engine->kernel, &seen, f);
	if (!rc && (rc = plan_build(merged, seen, k->engine->ceiling, ret)))
		fault_set(f, rc, NULL, NULL, "%s", err_text(rc));
	if (!rc)
		leave_drift(*ret, candidate, o);
	observation_free(seen);
	originals_free(o);
	if (rc) {
		policy_free(merged);
		return rc;
	}
	*ret_policy = merged;
	return KE_OK;
}

/* MERGED and PL are what is in force from now on; both become the keeper's. */
static void in_force(struct keeper *k, struct policy *merged, struct plan *pl)
{
	bool absent = false;

	plan_free(k->plan);
	policy_free(k->merged);
	k->plan = pl;
	k->merged = merged;
	for (size_t i = 0; i < pl->n; i++)
		absent = absent || pl->keys[i].outcome == OUTCOME_PENDING;
	ev_timer_stop(k->loop, &k->absent);
	if (absent) {
		ev_timer_set(&k->absent, ABSENT_S, 0.);
		ev_timer_start(k->loop, &k->absent);
	}
	lookout_set(k);
	journalist_status_soon(k);
}

/* Plan what is adopted anew and take it as what is in force, writing what differs. */
static int reapply(struct keeper *k, struct fault *f)
{
	const struct apply_options ao = { 0 };
	struct policy *merged = NULL;
	struct plan *pl = NULL;
	int rc = merge_plan(k, NULL, &merged, &pl, f);

	if (rc)
		return rc;
	rc = apply_run(k->engine, merged, pl, &ao, f);
	in_force(k, merged, pl);
	return rc;
}

static void pending_clear(struct keeper *k)
{
	policy_free(k->pending.policy);
	free(k->pending.document);
	k->pending = (struct pending){ 0 };
	ev_timer_stop(k->loop, &k->deadline);
	ev_timer_stop(k->loop, &k->reconfirm);
	k->confirm_id = 0;
}

/* The candidate is no more; what was in force before is watched again. */
static void pending_gone(struct keeper *k, enum apply_result result, const char *reason)
{
	struct fault f = { 0 };
	char name[POLICY_NAME_MAX + 1];

	snprintf(name, sizeof name, "%s", k->pending.name);
	log_warning("policy=%s serial=%lld %s: %s", name, (long long)k->pending.serial,
	        result == APPLY_DEGRADED ? "degraded" : "reverted", reason);
	journalist_apply(
	        k, name, k->pending.version, k->pending.serial, result, reason, NULL, k->pending.hash);
	pending_clear(k);
	if (tried_end(&k->tried, k->state_dir, name, &f))
		log_error("policy=%s is held until the next start only: %s", name, f.what);
	if (reapply(k, &f))
		log_error("what was in force before cannot be held: %s", f.what);
	if (k->again)
		link_refresh(k);
}

/* Written down, in force, confirmed. */
static void pending_adopted(struct keeper *k)
{
	struct pending *p = &k->pending;
	struct fault f = { 0 };
	char line[1024];
	bool removal = !p->document;
	int rc = adopted_set(
	        &k->adopted, k->state_dir, p->name, p->serial, p->policy, p->document, p->len, &f);

	if (rc) {
		/* Applied and confirmed, but a restart will not know: say so, and let the next serial heal it. */
		log_error("policy=%s serial=%lld cannot be written down: %s", p->name, (long long)p->serial,
		        fault_line(&f, line, sizeof line));
	} else {
		p->policy = NULL; /* the list's now */
	}
	if (tried_forget(&k->tried, k->state_dir, p->name, &f))
		log_warning("tried.json: %s", f.what); /* the floor says more */
	log_info("policy=%s version=%lld serial=%lld %s", p->name, (long long)p->version,
	        (long long)p->serial, removal ? "removed" : "confirmed");
	journalist_apply(k, p->name, p->version, p->serial, removal ? APPLY_REMOVED : APPLY_CONFIRMED, NULL,
	        NULL, p->hash);
	pending_clear(k);
	if ((rc = reapply(k, &f)))
		log_error("in force, but not as planned: %s", fault_line(&f, line, sizeof line));
	if (k->again)
		link_refresh(k);
}

static void undo(struct keeper *k, const char *why)
{
	struct recovery_report report;
	struct fault f = { 0 };
	int rc = engine_recover(k->engine, &report, &f);

	if (!rc && report.result == RECOVERY_WAITING) {
		/* The deadline is a moment away by the other clock. */
		ev_timer_set(&k->deadline, 0.2, 0.);
		ev_timer_start(k->loop, &k->deadline);
		recovery_report_clear(&report);
		return;
	}
	recovery_report_clear(&report);
	pending_gone(k, rc ? APPLY_DEGRADED : APPLY_REVERTED, why);
}

static void deadline_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	undo(w->data, "no confirmation by the server in time");
}

static void reconfirm_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	link_confirm(w->data);
}

void enforce_confirmed(struct keeper *k, int rc, const char *why)
{
	struct fault f = { 0 };

	if (!k->pending.active)
		return;
	k->confirm_id = 0;
	if (rc) {
		log_info("not confirmed yet: %s", why);
		ev_timer_set(&k->reconfirm, RECONFIRM_S, 0.);
		ev_timer_start(k->loop, &k->reconfirm);
		return;
	}
	rc = apply_confirm(k->engine, &f);
	if (rc == KE_TIMEOUT)
		undo(k, "the confirmation came too late");
	else if (rc)
		log_error("the confirmation cannot be written down: %s", f.what);
	else
		pending_adopted(k);
}

/* Every key must lie under the ceiling; patterns are judged key by key when they are expanded. */
static int check_ceiling(const struct keeper *k, const struct policy *p, struct fault *f)
{
	char dotted[NAME_MAX_LEN + 1];

	for (size_t i = 0; p && i < p->n; i++) {
		const struct name *n = &p->settings[i].name;
		if (name_is_pattern(n))
			continue;
		enum ceiling_verdict v = ceiling_check(k->engine->ceiling, n);
		if (v != CEILING_ALLOWED)
			return fault_set(f, KE_CEILING, name_dotted(n, dotted, sizeof dotted), NULL,
			        v == CEILING_NEVER ? "no policy may ever set this key"
			                           : "lies outside this host's ceiling (%s)",
			        k->config->ceiling);
	}
	return KE_OK;
}

static int pending_set(
        struct keeper *k, const struct rollout *r, const char *document, size_t len, const struct plan *pl)
{
	struct pending *p = &k->pending;

	*p = (struct pending){ .active = true, .serial = r->serial, .version = r->version, .len = len };
	snprintf(p->name, sizeof p->name, "%s", r->policy);
	memcpy(p->hash, pl->hash, sizeof p->hash);
	if (document) {
		if (!(p->document = malloc(len ? len : 1)))
			return KE_NOMEM;
		memcpy(p->document, document, len);
	}
	return KE_OK;
}

/* The candidate is written: wait for its confirmation, unless nothing had to be written. */
static void applied(struct keeper *k, const struct policy *p, struct plan *pl)
{
	int64_t confirm_s = p && p->confirm_timeout ? p->confirm_timeout : k->config->confirm_s;
	struct pending *c = &k->pending;

	if (plan_empty(pl)) {
		journalist_apply(k, c->name, c->version, c->serial, APPLY_ALREADY, NULL, pl, NULL);
		pending_adopted(k);
		return;
	}
	log_info("policy=%s version=%lld serial=%lld applied, waiting %lld s for confirmation", c->name,
	        (long long)c->version, (long long)c->serial, (long long)confirm_s);
	journalist_apply(k, c->name, c->version, c->serial, APPLY_APPLIED, NULL, pl, NULL);
	lookout_stop(k); /* nothing is restored while nobody knows which values stay */
	ev_timer_set(&k->deadline, (double)confirm_s, 0.);
	ev_timer_start(k->loop, &k->deadline);
	link_confirm(k);
}

/* The candidate was not applied, because of RC. 0: that is told as an apply that failed, not as a refusal. */
static int undone(struct keeper *k, const struct rollout *r, const struct plan *pl, int rc, struct fault *f)
{
	struct fault ignored;
	char line[1024];

	pending_clear(k);
	if (rc == KE_REFUSED || rc == KE_READBACK || rc == KE_CONFLICT || rc == KE_DEGRADED) {
		log_warning("policy=%s serial=%lld undone: %s", r->policy, (long long)r->serial,
		        fault_line(f, line, sizeof line));
		journalist_apply(k, r->policy, r->version, r->serial,
		        rc == KE_DEGRADED ? APPLY_DEGRADED : APPLY_FAILED, line, pl, NULL);
		tried_end(&k->tried, k->state_dir, r->policy, &ignored);
		journalist_status_soon(k);
		return KE_OK;
	}
	if (rc == KE_HELD)
		tried_end(&k->tried, k->state_dir, r->policy, &ignored);
	else /* a full disk and the like: not the rollout's fault */
		tried_forget(&k->tried, k->state_dir, r->policy, &ignored);
	return rc;
}

int enforce_adopt(void *ctx, const struct rollout *r, struct policy *p, const char *document, size_t len,
        struct fault *f)
{
	struct keeper *k = ctx;
	const struct candidate candidate = { .name = r->policy, .policy = p };
	struct policy *merged = NULL;
	struct plan *pl = NULL;
	int rc = check_ceiling(k, p, f);

	if (!rc)
		rc = merge_plan(k, &candidate, &merged, &pl, f);
	if (!rc && pl->verdict)
		rc = plan_fault(pl, f);
	if (!rc)
		rc = pending_set(k, r, document, len, pl);
	if (rc)
		goto out;
	struct apply_options ao = { .confirm_ms = 1000 * (p && p->confirm_timeout ? p->confirm_timeout
		                                                                  : k->config->confirm_s),
		/* An earlier serial went back: whoever published this one knows. */
		.retry = tried_find(&k->tried, r->policy) != NULL };
	if (!plan_empty(pl) &&
	        (rc = tried_begin(&k->tried, k->state_dir, r->policy, r->serial, r->version, f))) {
		tried_forget(&k->tried, k->state_dir, r->policy, NULL);
		pending_clear(k);
		goto out;
	}
	rc = apply_run(k->engine, merged, pl, &ao, f);
	if (!rc) {
		k->pending.policy = p; /* ours now */
		applied(k, p, pl);
	} else {
		rc = undone(k, r, pl, rc, f);
		if (!rc)
			policy_free(p);
	}
out:
	plan_free(pl);
	policy_free(merged);
	return rc;
}

/* Keys that were pending: are they there by now? */
static void absent_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct keeper *k = w->data;
	struct policy *merged = NULL;
	struct plan *pl = NULL;
	struct fault f = { 0 };
	bool came = false, absent = false;
	(void)loop;
	(void)revents;

	if (k->pending.active || merge_plan(k, NULL, &merged, &pl, &f)) {
		absent = true;
	} else {
		for (size_t i = 0; i < pl->n; i++)
			absent = absent || pl->keys[i].outcome == OUTCOME_PENDING;
		/* An interface makes rows out of one pattern, so the number of rows tells too. */
		came = pl->n != k->plan->n;
		for (size_t i = 0; !came && i < pl->n; i++)
			came = k->plan->keys[i].outcome == OUTCOME_PENDING &&
			       pl->keys[i].outcome != OUTCOME_PENDING;
	}
	plan_free(pl);
	policy_free(merged);
	if (came && reapply(k, &f))
		log_warning("keys that appeared cannot be set: %s", f.what);
	if (absent && !ev_is_active(&k->absent)) {
		ev_timer_set(&k->absent, ABSENT_S, 0.);
		ev_timer_start(k->loop, &k->absent);
	}
}

/* Attempts that were under way when an earlier keeper ended: nobody said yet how they ended. */
static void cut_off_report(struct keeper *k)
{
	struct fault f = { 0 };

	for (size_t i = 0; i < k->tried.n; i++) {
		struct tried *t = &k->tried.rows[i];
		if (!t->open)
			continue;
		log_warning("policy=%s serial=%lld held: the agent ended before it was confirmed", t->name,
		        (long long)t->serial);
		journalist_apply(k, t->name, t->version, t->serial, APPLY_REVERTED,
		        "the agent ended before it was confirmed", NULL, NULL);
		if (tried_end(&k->tried, k->state_dir, t->name, &f))
			log_error("tried.json: %s", f.what);
	}
}

int enforce_retry(struct keeper *k, struct fault *f)
{
	int rc = k->pending.active ? KE_OK : attempt_clear(k->engine->state_dir, f);

	if (!rc)
		rc = tried_forget(&k->tried, k->state_dir, NULL, f);
	if (!rc)
		link_refresh(k);
	return rc;
}

int enforce_start(struct keeper *k, struct fault *f)
{
	struct recovery_report report;
	char line[1024];
	int rc = engine_lock(k->engine, f);

	ev_init(&k->deadline, deadline_timer);
	ev_init(&k->reconfirm, reconfirm_timer);
	ev_init(&k->absent, absent_timer);
	k->deadline.data = k->reconfirm.data = k->absent.data = k;
	if (rc)
		return rc;
	rc = engine_recover(k->engine, &report, f);
	if (!rc && report.result == RECOVERY_WAITING) {
		/* Nobody is left who could confirm it. Only this plan goes back, not what was in force before it. */
		recovery_report_clear(&report);
		rc = engine_recover_now(k->engine, true, &report, f);
		recovery_report_clear(&report);
		log_warning("a plan that waited for its confirmation was undone");
	} else {
		if (!rc && report.result == RECOVERY_RESTORED)
			log_warning("an unfinished apply was undone");
		recovery_report_clear(&report);
	}
	if (rc == KE_DEGRADED) {
		log_error("not every old value could be put back: %s", fault_line(f, line, sizeof line));
		rc = KE_OK;
	}
	if (rc)
		return rc;
	cut_off_report(k);
	if (reapply(k, f))
		log_error("what was adopted cannot be applied: %s", fault_line(f, line, sizeof line));
	return KE_OK;
}
