/* plan.c — policy × observation × ceiling → what to do with each key.
 *
 * Pure. What is blocked refuses the plan, since a policy that reaches beyond the ceiling is not the policy that the host's
 * owner agreed to; what is only missing does so when it is required. The order of the writes is plan_order.c's.
 */
#include "agent/engine/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/plan_in.h"
#include "proto/buf.h"

static enum key_reason blocked_by(const struct plan_key *k, const struct ceiling *c)
{
	static const enum key_reason verdicts[] = { [CEILING_ALLOWED] = REASON_NONE,
		[CEILING_OUTSIDE] = REASON_CEILING,
		[CEILING_NEVER] = REASON_NEVER };
	static const enum key_reason dangers[] = { [KNOB_PLAIN] = REASON_NONE,
		[KNOB_TRIGGER] = REASON_TRIGGER,
		[KNOB_ONE_WAY] = REASON_ONE_WAY,
		[KNOB_SECRET] = REASON_SECRET };
	enum ceiling_verdict v = ceiling_check(c, &k->name);

	return v == CEILING_ALLOWED && k->knob ? dangers[k->knob->danger] : verdicts[v];
}

/* Why it is not there decides whether it may still come. */
static enum outcome absent_judge(enum key_reason why)
{
	return why == REASON_MODULE || why == REASON_INTERFACE ? OUTCOME_PENDING : OUTCOME_UNSUPPORTED;
}

static enum outcome outcome_judge(const struct plan_key *k, const struct observed *o)
{
	bool audit = k->setting->mode == SETTING_AUDIT;

	if (o->state == KEY_ABSENT)
		return absent_judge(o->reason);
	if (o->state == KEY_UNREADABLE)
		return OUTCOME_UNSUPPORTED;
	if (o->state == KEY_READ_ONLY)
		return audit ? OUTCOME_DIFFERS : OUTCOME_UNSUPPORTED;
	if (strcmp(o->value, k->wanted) == 0)
		return OUTCOME_ALREADY;
	return audit ? OUTCOME_DIFFERS : OUTCOME_PLANNED;
}

static int copy(const char *s, char **ret)
{
	if (!s)
		return KE_OK;
	*ret = strdup(s);
	return *ret ? KE_OK : KE_NOMEM;
}

static int key_build(struct plan_key *k, const struct observed *o, const struct ceiling *c)
{
	k->name = o->name;
	k->setting = o->setting;
	k->knob = o->knob;
	k->wanted = o->setting->value;
	k->err = o->err;
	int rc;
	enum key_reason blocked = blocked_by(k, c);
	if (blocked) {
		/* The old value is not told either: a key that may not be touched is not to be spied out. */
		k->outcome = OUTCOME_BLOCKED;
		k->reason = blocked;
		return KE_OK;
	}
	/* A bound is turned into a value here, where it is known what the key holds. */
	if (o->setting->bound != BOUND_NONE && o->value) {
		if ((rc = setting_wanted(o->setting, o->value, &k->met)))
			return rc;
		k->wanted = k->met;
	}
	k->outcome = outcome_judge(k, o);
	k->reason = o->reason;
	memcpy(k->detail, o->detail, sizeof k->detail);
	rc = copy(o->value, &k->old);
	return rc ? rc : copy(o->raw, &k->old_raw);
}

static void verdict_judge(struct plan *pl)
{
	for (size_t i = 0; i < pl->n && !pl->verdict; i++) {
		const struct plan_key *k = &pl->keys[i];
		/* A release that is not allowed any more leaves one key as it is; it does not keep the others from what is wanted. */
		if (k->outcome == OUTCOME_BLOCKED && !k->setting->release)
			pl->verdict = KE_CEILING;
		else if (k->setting->required &&
		         (k->outcome == OUTCOME_PENDING || k->outcome == OUTCOME_UNSUPPORTED))
			pl->verdict = KE_UNSUPPORTED;
		pl->refuser = i;
	}
}

int plan_build(
        const struct policy *p, const struct observation *o, const struct ceiling *c, struct plan **ret)
{
	struct plan *pl = calloc(1, sizeof *pl);
	int rc = KE_NOMEM;

	if (!pl)
		return rc;
	pl->keys = calloc(o->n ? o->n : 1, sizeof *pl->keys);
	if (!pl->keys)
		goto out;
	for (; pl->n < o->n; pl->n++) {
		rc = key_build(&pl->keys[pl->n], &o->keys[pl->n], c);
		if (rc) {
			pl->n++;
			goto out;
		}
	}
	verdict_judge(pl);
	rc = plan_order(pl);
	if (!rc)
		rc = plan_hash(p, pl->hash);
	if (!rc) {
		*ret = pl;
		pl = NULL;
	}
out:
	plan_free(pl);
	return rc;
}

void plan_free(struct plan *pl)
{
	if (!pl)
		return;
	for (size_t i = 0; i < pl->n; i++) {
		free(pl->keys[i].met);
		free(pl->keys[i].old);
		free(pl->keys[i].old_raw);
		free(pl->keys[i].got);
	}
	free(pl->keys);
	free(pl->order);
	free(pl);
}

static int setting_cmp(const void *a, const void *b)
{
	const struct setting *const *x = a, *const *y = b;

	return name_cmp(&(*x)->name, &(*y)->name);
}

static int except_cmp(const void *a, const void *b)
{
	return name_cmp(a, b);
}

static int hash_except(struct buf *text, const struct setting *s)
{
	struct name *sorted = malloc(s->n_except * sizeof *sorted);

	if (!sorted)
		return KE_NOMEM;
	memcpy(sorted, s->except, s->n_except * sizeof *sorted);
	qsort(sorted, s->n_except, sizeof *sorted, except_cmp);
	for (size_t i = 0; i < s->n_except; i++) {
		buf_str(text, s->name.path);
		buf_char(text, '!');
		buf_str(text, sorted[i].path);
		buf_char(text, '\n');
	}
	free(sorted);
	return KE_OK;
}

static int hash_setting(struct buf *text, const struct setting *s)
{
	buf_str(text, s->name.path);
	buf_char(text, '=');
	buf_str(text, bound_sign(s->bound));
	buf_str(text, s->value);
	buf_char(text, '\n');
	return s->n_except ? hash_except(text, s) : KE_OK;
}

int plan_hash(const struct policy *p, unsigned char hash[SHA256_LEN])
{
	struct buf text = BUF_INIT(64U << 20);
	const struct setting **by_name = malloc((p->n ? p->n : 1) * sizeof(*by_name));

	if (!by_name)
		return KE_NOMEM;
	size_t n = 0;
	for (size_t i = 0; i < p->n; i++)
		if (!p->settings[i].release)
			by_name[n++] = &p->settings[i];
	qsort(by_name, n, sizeof(*by_name), setting_cmp);
	int rc = KE_OK;
	for (size_t i = 0; !rc && i < n; i++)
		rc = hash_setting(&text, by_name[i]);
	rc = rc ? rc : text.rc;
	if (!rc)
		sha256(buf_text(&text), text.len, hash);
	buf_free(&text);
	free(by_name);
	return rc;
}

void plan_leave(struct plan *pl, size_t i)
{
	size_t kept = 0;

	for (size_t at = 0; at < pl->n_order; at++)
		if (pl->order[at] != i)
			pl->order[kept++] = pl->order[at];
	pl->changes -= kept < pl->n_order && strcmp(pl->keys[i].old, pl->keys[i].wanted) != 0;
	pl->n_order = kept;
	pl->keys[i].outcome = OUTCOME_UNTOUCHED;
}

bool plan_key_holds(const struct plan_key *k, const char *now)
{
	return strcmp(now, k->wanted) == 0 ||
	       (k->setting->bound != BOUND_NONE && setting_holds(k->setting, now));
}

bool plan_empty(const struct plan *pl)
{
	return pl->n_order == 0;
}

bool plan_in_sync(const struct plan *pl)
{
	for (size_t i = 0; i < pl->n; i++) {
		const struct plan_key *k = &pl->keys[i];
		bool excused = k->setting->optional &&
		               (k->outcome == OUTCOME_PENDING || k->outcome == OUTCOME_UNSUPPORTED);
		if (k->outcome != OUTCOME_APPLIED && k->outcome != OUTCOME_ALREADY &&
		        k->outcome != OUTCOME_DIFFERS && !excused)
			return false;
	}
	return true;
}

int plan_fault(const struct plan *pl, struct fault *f)
{
	char why[160], key[NAME_MAX_LEN + 1];

	if (!pl->verdict)
		return KE_OK;
	const struct plan_key *k = &pl->keys[pl->refuser];
	reason_text(k->reason, k->detail, why, sizeof why);
	name_dotted(&k->name, key, sizeof key);
	if (pl->verdict == KE_CEILING)
		return fault_set(f, pl->verdict, key,
		        k->reason == REASON_CEILING
		                ? "take it out of the policy, or allow it in the ceiling file"
		                : "take it out of the policy",
		        "may not be set: %s", why);
	return fault_set(
	        f, pl->verdict, key, "drop \"required\" to go without it", "is required, but %s", why);
}
