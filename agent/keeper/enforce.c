/* enforce.c — from an adopted rollout to keys that hold it.
 *
 * A candidate is merged with everything in force, planned, and applied with a deadline. Only a new round trip to the server
 * confirms it; then it is written down as adopted (the floor rises) and watched. No confirmation in time, or a kernel that
 * refuses: everything goes back, and the rollout is held, on disk, until a new serial comes or root says "retry".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/attempt.h"
#include "agent/engine/original.h"
#include "agent/keeper/keeper.h"
#include "proto/log.h"

#define RECONFIRM_S 2.0 /* between two tries to confirm */

int enforce_floor(void *ctx, const char *policy, int64_t serial, struct fault *f)
{
	const struct keeper *k = ctx;
	const struct adopted *a = adopted_find(&k->adopted, policy);

	if (a && serial < a->serial)
		return fault_set(f, KE_ROLLBACK, NULL, "publish a higher serial",
		        "serial %lld of '%s' is older than %lld, which this host adopted", (long long)serial,
		        policy, (long long)a->serial);
	/* On hold, nothing is news; when that ends, everything is looked at again. */
	if (overrule_hold(ctx))
		return KE_EXIST;
	return (a && serial == a->serial) || serial <= held_serial(&k->held, policy) ? KE_EXIST : KE_OK;
}

/* Did KEY appear under a setting that was in force already, so that what it holds is the kernel's own and not somebody's drift? */
static bool is_new_here(const struct keeper *k, const struct plan_key *key)
{
	if (!k->plan || !policy_find(k->merged, &key->setting->name))
		return false;
	for (size_t i = 0; i < k->plan->n; i++)
		if (name_cmp(&k->plan->keys[i].name, &key->name) == 0)
			return k->plan->keys[i].outcome == OUTCOME_PENDING;
	return true;
}

/* A key that was written in this boot, and that CANDIDATE (may be NULL) does not speak of, is not written again here: if it
 * differs by now, that is drift, and the lookout's to report and to restore, or to leave alone. */
static bool leave_to_lookout(const struct keeper *k, const struct plan_key *key,
        const struct candidate *candidate, struct originals *o)
{
	const struct original *was;

	if (key->outcome != OUTCOME_PLANNED || key->setting->release)
		return false;
	if (candidate && candidate->policy && policy_find(candidate->policy, &key->setting->name))
		return false;
	was = originals_find(o, &key->setting->name);
	if (!was || !was->wanted || was->bound != key->setting->bound ||
	        strcmp(was->wanted, key->setting->value) != 0)
		return false;
	was = originals_find(o, &key->name);
	return was && (was->value || was->lost) && !is_new_here(k, key);
}

static void leave_drift(
        const struct keeper *k, struct plan *pl, const struct candidate *candidate, struct originals *o)
{
	for (size_t i = 0; o && i < pl->n; i++)
		if (leave_to_lookout(k, &pl->keys[i], candidate, o))
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
	rc = resolve_policies(&k->adopted, candidate, &k->overrides, &k->facts, o, &merged, f);
	if (!rc)
		rc = observe_policy(k->engine->ps, merged, k->engine->kernel, &seen, f);
	if (!rc && (rc = plan_build(merged, seen, k->engine->ceiling, ret)))
		fault_set(f, rc, NULL, NULL, "%s", err_text(rc));
	if (!rc)
		leave_drift(k, *ret, candidate, o);
	observation_free(seen);
	originals_free(o);
	if (rc) {
		policy_free(merged);
		return rc;
	}
	*ret_policy = merged;
	return KE_OK;
}

int enforce_plan(struct keeper *k, struct policy **ret_merged, struct plan **ret, struct fault *f)
{
	return merge_plan(k, NULL, ret_merged, ret, f);
}

void enforce_take(struct keeper *k, struct policy *merged, struct plan *pl)
{
	plan_free(k->plan);
	policy_free(k->merged);
	k->plan = pl;
	k->merged = merged;
	appear_plan(k);
	lookout_set(k);
	journalist_status_soon(k);
}

/* What an apply left behind because it could not be put back: try again, or nothing could ever be written. */
static int leftovers_clear(struct keeper *k, struct fault *f)
{
	struct recovery_report report;
	int rc = engine_recover_now(k->engine, true, &report, f);

	recovery_report_clear(&report);
	return rc;
}

/* Did the host go down while this very plan was written? A damaged mark might say so. */
static bool went_down(const struct keeper *k, const struct plan *pl)
{
	struct attempt a;

	return attempt_read(k->engine->state_dir, &a, NULL) ||
	       (a.state == ATTEMPT_STARTED && attempt_holds(&a, pl->hash, k->engine->boot_id));
}

/* Plan what is adopted anew and take it as what is in force, writing what differs. It was confirmed once: that the kernel
 * refused it since then is no reason not to try again. */
static int reapply_once(struct keeper *k, struct fault *f)
{
	struct policy *merged = NULL;
	struct plan *pl = NULL;
	int left = leftovers_clear(k, f), rc = merge_plan(k, NULL, &merged, &pl, f);

	if (rc) {
		if (k->plan)
			lookout_set(k);
		return rc;
	}
	if (overrule_hold(k)) {
		enforce_take(k, merged, pl);
		return KE_OK;
	}
	const struct apply_options ao = { .retry = !went_down(k, pl) };
	rc = left ? left : apply_run(k->engine, merged, pl, &ao, f);
	k->held_back = rc == KE_HELD;
	enforce_take(k, merged, pl);
	return rc;
}

/* An override must not keep the policies from being applied: where the plan with it does not stand, the plan without it may. */
static int reapply(struct keeper *k, struct fault *f)
{
	int rc = reapply_once(k, f);

	if ((rc == KE_HELD && overrule_drop(k, "the host went down while it was written")) ||
	        ((rc == KE_REFUSED || rc == KE_READBACK) &&
	                overrule_drop(k, "the kernel refused what is in force with it")))
		rc = reapply_once(k, f);
	return rc;
}

int enforce_again(struct keeper *k, struct fault *f)
{
	return reapply(k, f);
}

/* Is KEY in PL as one that can be, or is, what it shall be? */
static int key_possible(const struct plan *pl, const struct name *key, struct fault *f)
{
	char dotted[NAME_MAX_LEN + 1], words[512];

	name_dotted(key, dotted, sizeof dotted);
	for (size_t i = 0; i < pl->n; i++) {
		const struct plan_key *k = &pl->keys[i];
		if (name_cmp(&k->name, key) != 0)
			continue;
		if (k->outcome == OUTCOME_PLANNED || k->outcome == OUTCOME_ALREADY ||
		        k->outcome == OUTCOME_DIFFERS || k->outcome == OUTCOME_UNTOUCHED)
			return KE_OK;
		return fault_set(f, KE_UNSUPPORTED, dotted, NULL, "cannot be set here: %s",
		        outcome_text(k, words, sizeof words));
	}
	return fault_set(f, KE_UNKNOWN, dotted, NULL, "is not on this host");
}

int enforce_trial(struct keeper *k, const struct name *key, struct fault *f)
{
	const struct apply_options ao = { .retry = true };
	struct policy *merged = NULL;
	struct plan *pl = NULL;
	int rc = leftovers_clear(k, f);

	if (!rc)
		rc = merge_plan(k, NULL, &merged, &pl, f);
	if (!rc)
		rc = key_possible(pl, key, f);
	if (!rc)
		rc = apply_run(k->engine, merged, pl, &ao, f);
	if (rc) {
		plan_free(pl);
		policy_free(merged);
		return rc;
	}
	enforce_take(k, merged, pl);
	return KE_OK;
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

/* One rollout is settled: is there another one? */
static void round_again(struct keeper *k)
{
	k->again = true;
	link_refresh(k);
}

/* The candidate is no more; what was in force before is watched again. Its row among the held ones stays. */
static void pending_gone(struct keeper *k, enum apply_result result, const char *reason)
{
	const struct pending *p = &k->pending;
	struct fault f = { 0 };

	log_warning("policy=%s serial=%lld %s: %s", p->name, (long long)p->serial,
	        result == APPLY_DEGRADED ? "degraded" : "reverted", reason);
	journalist_apply(k, p->name, p->version, p->serial, result, reason, NULL, p->hash);
	pending_clear(k);
	if (reapply(k, &f))
		log_error("what was in force before cannot be held: %s", f.what);
	round_again(k);
}

/* The floor rises, on disk. From here on a restart applies it by itself. */
static int write_down(struct keeper *k, struct fault *f)
{
	struct pending *p = &k->pending;
	int rc =
	        adopted_set(&k->adopted, k->state_dir, p->name, p->serial, p->policy, p->document, p->len, f);

	if (rc)
		return rc;
	p->policy = NULL;                                 /* the list's now */
	held_drop(&k->held, k->state_dir, p->name, NULL); /* left in the file, it is under the floor */
	return KE_OK;
}

/* Written down: it is in force. */
static void pending_adopted(struct keeper *k)
{
	const struct pending *p = &k->pending;
	struct fault f = { 0 };
	char line[1024];
	bool removal = !p->document;

	log_info("policy=%s version=%lld serial=%lld %s", p->name, (long long)p->version,
	        (long long)p->serial, removal ? "removed" : "confirmed");
	journalist_apply(k, p->name, p->version, p->serial, removal ? APPLY_REMOVED : APPLY_CONFIRMED, NULL,
	        NULL, p->hash);
	pending_clear(k);
	if (reapply(k, &f))
		log_error("in force, but not as planned: %s", fault_line(&f, line, sizeof line));
	round_again(k);
}

/* Take the candidate back; FORCE: before its deadline. */
static void undo(struct keeper *k, bool force, const char *why)
{
	struct recovery_report report;
	struct fault f = { 0 };
	int rc = engine_recover_now(k->engine, force, &report, &f);
	bool waits = !rc && report.result == RECOVERY_WAITING;

	recovery_report_clear(&report);
	if (waits) {
		/* The deadline is a moment away by the other clock. */
		ev_timer_set(&k->deadline, 0.2, 0.);
		ev_timer_start(k->loop, &k->deadline);
		return;
	}
	pending_gone(k, rc ? APPLY_DEGRADED : APPLY_REVERTED, why);
}

static void deadline_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	undo(w->data, false, "no confirmation by the server in time");
}

static void reconfirm_soon(struct keeper *k)
{
	ev_timer_stop(k->loop, &k->reconfirm);
	ev_timer_set(&k->reconfirm, RECONFIRM_S, 0.);
	ev_timer_start(k->loop, &k->reconfirm);
}

static void reconfirm_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	if (link_confirm(w->data))
		reconfirm_soon(w->data);
}

void enforce_confirmed(struct keeper *k, int rc, const char *why)
{
	struct fault f = { 0 };
	char line[1024];

	if (!k->pending.active)
		return;
	k->confirm_id = 0;
	if (rc) {
		log_info("not confirmed yet: %s", why);
		reconfirm_soon(k);
		return;
	}
	if (clock_boot_ms(k->clock) >= k->pending.until_ms) {
		undo(k, false, "the confirmation came too late");
		return;
	}
	/* First where a restart looks; cut after this, the restart applies it. */
	if (write_down(k, &f)) {
		undo(k, true, fault_line(&f, line, sizeof line));
		return;
	}
	if (apply_confirm(k->engine, &f))
		log_warning("its journal stays for a moment: %s", fault_line(&f, line, sizeof line));
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

static int pending_set(struct keeper *k, const struct rollout *r, const struct policy *policy,
        const char *document, size_t len, const struct plan *pl)
{
	int64_t confirm_s =
	        policy && policy->confirm_timeout ? policy->confirm_timeout : k->config->confirm_s;
	struct pending *p = &k->pending;

	*p = (struct pending){ .active = true, .serial = r->serial, .version = r->version, .len = len };
	p->until_ms = clock_boot_ms(k->clock) + 1000 * confirm_s;
	snprintf(p->name, sizeof p->name, "%s", r->policy);
	memcpy(p->hash, pl->hash, sizeof p->hash);
	if (document) {
		if (!(p->document = malloc(len ? len : 1)))
			return KE_NOMEM;
		memcpy(p->document, document, len);
	}
	return KE_OK;
}

/* Did the apply end in a way that another try would end in too? */
static bool is_verdict(int rc)
{
	return rc == KE_REFUSED || rc == KE_READBACK || rc == KE_CONFLICT || rc == KE_DEGRADED;
}

/* Write the candidate's values, held on disk until it is adopted; what failed for other reasons may be tried again. */
static int candidate_run(struct keeper *k, const struct policy *merged, struct plan *pl, struct fault *f)
{
	const struct pending *c = &k->pending;
	/* Whether it is held was asked by its serial; the engine asks by the values, which a new serial may want again. */
	const struct apply_options ao = { .confirm_ms = c->until_ms - clock_boot_ms(k->clock),
		.retry = true };
	int64_t before = held_serial(&k->held, c->name);
	int rc = plan_empty(pl) ? KE_OK : held_set(&k->held, k->state_dir, c->name, c->serial, f);

	if (!rc)
		rc = apply_run(k->engine, merged, pl, &ao, f);
	if (!rc || is_verdict(rc))
		return rc;
	if (before)
		held_set(&k->held, k->state_dir, c->name, before, NULL);
	else
		held_drop(&k->held, k->state_dir, c->name, NULL);
	return rc;
}

/* The candidate P stands: wait for its confirmation, unless nothing had to be written. P is taken over when it returns 0. */
static int applied(struct keeper *k, struct policy *p, struct plan *pl, struct fault *f)
{
	struct pending *c = &k->pending;
	int64_t wait_ms = c->until_ms - clock_boot_ms(k->clock);

	c->policy = p;
	if (plan_empty(pl)) {
		int rc = write_down(k, f);
		if (rc) {
			c->policy = NULL;
			pending_clear(k);
			reapply(k, NULL); /* the engine notes what is in force; it is still the old */
			return rc;
		}
		journalist_apply(k, c->name, c->version, c->serial, APPLY_ALREADY, NULL, pl, NULL);
		pending_adopted(k);
		return KE_OK;
	}
	log_info("policy=%s version=%lld serial=%lld applied, waiting %lld s for confirmation", c->name,
	        (long long)c->version, (long long)c->serial, (long long)wait_ms / 1000);
	journalist_apply(k, c->name, c->version, c->serial, APPLY_APPLIED, NULL, pl, NULL);
	lookout_stop(k); /* nothing is restored while nobody knows which values stay */
	ev_now_update(k->loop);
	ev_timer_set(&k->deadline, (double)wait_ms / 1000., 0.);
	ev_timer_start(k->loop, &k->deadline);
	if (link_confirm(k))
		reconfirm_soon(k);
	return KE_OK;
}

/* The kernel would not have it: told as an apply that failed, not as a refusal. */
static void candidate_failed(struct keeper *k, int rc, const struct plan *pl, struct fault *f)
{
	const struct pending *c = &k->pending;
	char line[1024];

	fault_line(f, line, sizeof line);
	log_warning("policy=%s serial=%lld undone: %s", c->name, (long long)c->serial, line);
	journalist_apply(k, c->name, c->version, c->serial, rc == KE_DEGRADED ? APPLY_DEGRADED : APPLY_FAILED,
	        line, pl, NULL);
	pending_clear(k);
	round_again(k);
}

int enforce_adopt(void *ctx, const struct rollout *r, struct policy *p, const char *document, size_t len,
        struct fault *f)
{
	struct keeper *k = ctx;
	const struct candidate candidate = { .name = r->policy, .policy = p };
	struct policy *merged = NULL;
	struct plan *pl = NULL;
	int rc = overrule_hold(k) ? KE_EXIST : check_ceiling(k, p, f);

	if (!rc)
		rc = leftovers_clear(k, f);
	if (!rc)
		rc = merge_plan(k, &candidate, &merged, &pl, f);
	if (!rc && pl->verdict)
		rc = plan_fault(pl, f);
	if (!rc)
		rc = pending_set(k, r, p, document, len, pl);
	if (!rc)
		rc = candidate_run(k, merged, pl, f);
	if (!rc) {
		rc = applied(k, p, pl, f);
	} else if (is_verdict(rc) && k->pending.active) {
		candidate_failed(k, rc, pl, f);
		policy_free(p);
		rc = KE_OK;
	} else {
		pending_clear(k);
	}
	plan_free(pl);
	policy_free(merged);
	return rc;
}

/* What was begun in this boot and not adopted is back at its old values: say so. */
static void undone_tell(struct keeper *k)
{
	log_warning("a plan that was unfinished, or waited for its confirmation, was undone");
	if (!k->held.n)
		return;
	const struct held_row *row = &k->held.rows[k->held.n - 1];
	const struct adopted *a = adopted_find(&k->adopted, row->name);
	if (!a || a->serial < row->serial)
		journalist_apply(k, row->name, 0, row->serial, APPLY_REVERTED,
		        "the agent ended before it was confirmed", NULL, NULL);
}

int enforce_start(struct keeper *k, struct fault *f)
{
	struct recovery_report report;
	char line[1024];
	int rc = engine_lock(k->engine, f);

	ev_init(&k->deadline, deadline_timer);
	ev_init(&k->reconfirm, reconfirm_timer);
	k->deadline.data = k->reconfirm.data = k;
	if (rc)
		return rc;
	/* Nobody is left who could confirm what waits for it. What was confirmed before stays untouched. */
	rc = engine_recover_now(k->engine, true, &report, f);
	if (!rc && report.result == RECOVERY_RESTORED)
		undone_tell(k);
	recovery_report_clear(&report);
	if (rc == KE_DEGRADED)
		log_error("not every old value could be put back: %s", fault_line(f, line, sizeof line));
	else if (rc)
		return rc;
	overrule_start(k);
	if (reapply(k, f))
		log_error("what was adopted cannot be applied: %s", fault_line(f, line, sizeof line));
	return KE_OK;
}

int enforce_retry(struct keeper *k, struct fault *f)
{
	char line[1024];

	if (k->pending.active)
		return fault_set(f, KE_BUSY, k->pending.name, "wait until it is settled",
		        "serial %lld waits for its confirmation", (long long)k->pending.serial);
	int rc = held_clear(&k->held, k->state_dir, f);
	if (!rc)
		rc = attempt_clear(k->engine->state_dir, f);
	if (rc)
		return rc;
	if (k->held_back && reapply(k, f))
		log_error("what was adopted cannot be applied: %s", fault_line(f, line, sizeof line));
	link_refresh(k);
	return KE_OK;
}

void enforce_stop(struct keeper *k)
{
	if (k->pending.active)
		undo(k, true, "the agent was stopped before it was confirmed");
	overrule_stop(k);
}
