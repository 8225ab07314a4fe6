/* apply.c — the transaction.
 *
 * In order: may it (verdict, held, nothing left behind) — what could change (the writes, and what they change along) —
 * mark and journal — key by key — the originals file, whose rename is the commit — journal and mark away. Whatever fails
 * before the commit goes back through restore_run(). A key is never written blindly: it must hold what the plan saw. Called by
 * the local commands and the keeper; dry runs never get here.
 */
#include "agent/engine/apply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/attempt.h"
#include "agent/engine/engine_in.h"
#include "agent/engine/ledger.h"

struct transaction {
	struct engine *e;
	const struct policy *policy;
	struct plan *plan;
	const struct apply_options *opt;
	struct journal *journal;
	struct originals *ledger; /* as it will be when this succeeds */
	bool ledger_same;         /* the file says the same already */
	size_t n_written;         /* writes that were or may have been made: journal entries 0..n_written-1 */
	struct restore_row *rows;
};

static struct plan_key *order_key(const struct transaction *t, size_t i)
{
	return &t->plan->keys[t->plan->order[i]];
}

static int key_fault(struct fault *f, int code, const struct plan_key *k)
{
	char dotted[NAME_MAX_LEN + 1], text[256];

	return fault_set(f, code, name_dotted(&k->name, dotted, sizeof dotted),
	        "every key was put back; mend this one or take it out", "%s",
	        outcome_text(k, text, sizeof text));
}

/* The canonical text of what an open key holds. 0 or an errno value. */
static int key_canonical(struct procsys_key *pk, const struct plan_key *k, char **ret)
{
	const char *raw;
	size_t len;
	int err = procsys_key_read(pk, &raw, &len);

	if (err)
		return err;
	return value_observed(k->knob ? &k->knob->shape : &value_shape_text, raw, len, ret) ? ENOMEM : 0;
}

static void got_set(struct plan_key *k, char *got)
{
	free(k->got);
	k->got = got;
}

/* Is the value that the key holds right now one that may be overwritten? Sets the outcome when not, or when there is
 * nothing to do. */
static bool key_agreed(struct procsys_key *pk, struct plan_key *k)
{
	char *now = NULL;

	k->err = key_canonical(pk, k, &now);
	if (k->err) {
		k->outcome = OUTCOME_REFUSED;
	} else if (plan_key_holds(k, now)) {
		k->outcome = OUTCOME_ALREADY;
	} else if (!k->coupled && strcmp(now, k->old) != 0) {
		k->outcome = OUTCOME_CONFLICT;
		got_set(k, now);
		return false;
	} else {
		free(now);
		return true;
	}
	free(now);
	return false;
}

/* One write, then what it came to. A refused write is read as well: it may have changed half a vector. */
static void key_write(struct procsys_key *pk, struct plan_key *k)
{
	char *now = NULL;
	int werr = procsys_key_write(pk, k->wanted, strlen(k->wanted));
	int rerr = key_canonical(pk, k, &now);

	got_set(k, now);
	k->err = werr ? werr : rerr;
	if (k->err)
		k->outcome = OUTCOME_REFUSED;
	else if (strcmp(now, k->wanted) != 0)
		k->outcome = OUTCOME_MISMATCH;
	else
		k->outcome = OUTCOME_APPLIED;
}

/* Write number I. 0, KE_REFUSED, KE_READBACK, KE_CONFLICT, KE_CEILING. */
static int write_run(struct transaction *t, size_t i, struct fault *f)
{
	struct plan_key *k = order_key(t, i);
	struct procsys_key pk;

	if (t->opt->before_write)
		t->opt->before_write(t->opt->ctx, &k->name);
	if (ceiling_check(t->e->ceiling, &k->name) != CEILING_ALLOWED) {
		k->outcome = OUTCOME_BLOCKED;
		k->reason = REASON_CEILING;
		return key_fault(f, KE_CEILING, k);
	}
	k->err = procsys_key_open(t->e->ps, &k->name, PROCSYS_WRITE, &pk);
	if (k->err == ENOENT && name_is_pattern(&k->setting->name)) {
		/* The interface left since it was listed; had it left a moment earlier, it would not be in the plan. */
		k->outcome = OUTCOME_PENDING;
		k->reason = REASON_INTERFACE;
		return KE_OK;
	}
	if (k->err) {
		k->outcome = OUTCOME_REFUSED;
		return key_fault(f, KE_REFUSED, k);
	}
	if (key_agreed(&pk, k)) {
		t->n_written = i + 1;
		key_write(&pk, k);
	}
	procsys_key_close(&pk);
	switch (k->outcome) {
	case OUTCOME_CONFLICT:
		return key_fault(f, KE_CONFLICT, k);
	case OUTCOME_MISMATCH:
		return key_fault(f, KE_READBACK, k);
	case OUTCOME_REFUSED:
		return key_fault(f, KE_REFUSED, k);
	default:
		return KE_OK;
	}
}

/* After all writes: does a key that others change along still hold what is wanted? Catches circles. */
static int coupled_check(struct transaction *t, struct fault *f)
{
	for (size_t i = 0; i < t->plan->n_order; i++) {
		struct plan_key *k = order_key(t, i);
		struct procsys_key pk;
		char *now = NULL;
		if (!k->coupled || k->outcome == OUTCOME_PENDING)
			continue;
		k->err = procsys_key_open(t->e->ps, &k->name, PROCSYS_READ, &pk);
		if (!k->err) {
			k->err = key_canonical(&pk, k, &now);
			procsys_key_close(&pk);
		}
		if (!k->err && plan_key_holds(k, now)) {
			free(now);
			continue;
		}
		got_set(k, now);
		k->outcome = k->err ? OUTCOME_REFUSED : OUTCOME_MISMATCH;
		return key_fault(f, k->err ? KE_REFUSED : KE_READBACK, k);
	}
	return KE_OK;
}

static int all_write(struct transaction *t, struct fault *f)
{
	int rc = KE_OK;

	for (size_t i = 0; !rc && i < t->plan->n_order; i++)
		rc = write_run(t, i, f);
	return rc ? rc : coupled_check(t, f);
}

/* The journal says where each key stood; the plan's rows tell it to people. */
static void outcomes_settle(struct transaction *t)
{
	for (size_t i = 0; i < t->plan->n_order; i++) {
		struct plan_key *k = order_key(t, i);
		struct restore_row *row = &t->rows[i];
		if (row->state == RESTORE_FAILED) {
			k->outcome = OUTCOME_DEGRADED;
			k->err = row->err;
			got_set(k, row->got);
			row->got = NULL;
		} else if (k->outcome == OUTCOME_APPLIED) {
			k->outcome = OUTCOME_RESTORED;
		} else if (k->outcome == OUTCOME_PLANNED) {
			k->outcome = OUTCOME_UNTOUCHED;
		}
	}
}

/* Undo. Returns CAUSE, or KE_DEGRADED. A plan that the kernel refused is held; one that met a full disk or another writer
 * is not to blame. */
static int roll_back(struct transaction *t, int cause, struct fault *f)
{
	bool guilty = cause == KE_REFUSED || cause == KE_READBACK;

	/* What somebody else wrote, be it the very value that we wanted, is theirs. */
	for (size_t i = 0; i < t->plan->n_order; i++) {
		const struct plan_key *k = order_key(t, i);
		if (k->outcome == OUTCOME_CONFLICT || (k->outcome == OUTCOME_ALREADY && !k->coupled))
			t->rows[i].state = RESTORE_LEFT;
	}
	int restored = restore_run(t->e->ps, t->e->ceiling, t->journal, t->n_written, t->rows);
	outcomes_settle(t);
	int rc = engine_attempt_end(t->e, t->journal->hash,
	        restored || guilty ? ATTEMPT_REVERTED : ATTEMPT_NONE, restored ? NULL : f);
	originals_remove(t->e->run_dir, ORIGINAL_NEXT_NAME, NULL);
	if (restored) {
		fault_set(f, KE_DEGRADED, f ? f->where : NULL,
		        "look at the keys named; kedge tries again at its next start",
		        "not every old value could be put back (after: %s)", err_text(cause));
		return KE_DEGRADED;
	}
	if (!rc)
		rc = journal_remove(t->e->run_dir, f);
	return rc ? rc : cause;
}

/* Mark first, then journal: a journal without its mark would let a plan that kills the host be tried again. */
static int begin(struct transaction *t, const struct attempt *mark, struct fault *f)
{
	bool confirmed =
	        mark->state == ATTEMPT_CONFIRMED && memcmp(mark->hash, t->plan->hash, SHA256_LEN) == 0;

	if (!confirmed) {
		struct attempt a = { .state = ATTEMPT_STARTED, .time = clock_wall(t->e->clock) };
		memcpy(a.hash, t->plan->hash, SHA256_LEN);
		snprintf(a.boot_id, sizeof a.boot_id, "%s", t->e->boot_id);
		int rc = attempt_write(t->e->state_dir, &a, f);
		if (rc)
			return rc;
	}
	t->journal->serial = t->ledger->serial;
	return journal_write(t->e->run_dir, t->journal, f);
}

/* Everything stands. Confirmed at once, the rename of the originals commits; else the journal stays, with a deadline. */
static int commit(struct transaction *t, struct fault *f)
{
	struct engine *e = t->e;
	bool wait = t->opt->confirm_ms > 0;

	int rc = originals_write(e->run_dir, wait ? ORIGINAL_NEXT_NAME : ORIGINAL_NAME, t->ledger, f);
	if (rc || !wait)
		return rc;
	int64_t deadline;
	if (__builtin_add_overflow(clock_boot_ms(e->clock), t->opt->confirm_ms, &deadline))
		return fault_set(f, KE_RANGE, "confirm timeout", NULL, "too large");
	t->journal->state = JOURNAL_APPLIED;
	t->journal->deadline_ms = deadline;
	return journal_write(e->run_dir, t->journal, f);
}

static int writes_run(struct transaction *t, const struct attempt *mark, struct fault *f)
{
	int rc = ledger_snapshot(t->e, t->plan, t->ledger, &t->journal, f);

	if (rc)
		return rc;
	t->rows = calloc(t->journal->n, sizeof *t->rows);
	if (!t->rows)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	rc = begin(t, mark, f);
	if (!rc)
		rc = all_write(t, f);
	if (!rc)
		rc = commit(t, f);
	if (rc)
		return roll_back(t, rc, f);
	if (t->opt->confirm_ms > 0)
		return KE_OK;
	/* Committed: what fails from here on is finished by the next recovery. */
	rc = engine_attempt_end(t->e, t->journal->hash, ATTEMPT_CONFIRMED, f);
	return rc ? rc : journal_remove(t->e->run_dir, f);
}

static void untouched_set(struct plan *pl)
{
	for (size_t i = 0; i < pl->n; i++)
		if (pl->keys[i].outcome == OUTCOME_PLANNED)
			pl->keys[i].outcome = OUTCOME_UNTOUCHED;
}

static int permitted(struct engine *e, const struct plan *pl, const struct apply_options *opt,
        struct attempt *ret_mark, struct fault *f)
{
	if (e->lock_fd < 0)
		return fault_set(f, KE_USAGE, "apply_run", NULL, "called without the lock");
	if (pl->verdict)
		return plan_fault(pl, f);
	if (journal_exists(e->run_dir))
		return fault_set(f, KE_EXIST, e->run_dir, "confirm or revert it first",
		        "an earlier plan waits for its confirmation, or could not be put back");
	if (plan_empty(pl))
		return KE_OK;
	int rc = attempt_read(e->state_dir, ret_mark, f);
	if (rc == KE_SYNTAX && opt->retry) {
		*ret_mark = (struct attempt){ .state = ATTEMPT_NONE };
		rc = KE_OK;
	}
	if (rc == KE_SYNTAX)
		return fault_set(f, KE_HELD, e->state_dir, "look at what happened, then retry",
		        "the mark of an earlier attempt is damaged");
	if (!rc && !opt->retry && attempt_holds(ret_mark, pl->hash, e->boot_id))
		return fault_set(f, KE_HELD, NULL, "look at what happened, then retry",
		        "this plan was tried before and %s",
		        ret_mark->state == ATTEMPT_REVERTED ? "went back" : "the host went down with it");
	return rc;
}

int apply_run(struct engine *e, const struct policy *p, struct plan *pl, const struct apply_options *opt,
        struct fault *f)
{
	struct transaction t = { .e = e, .policy = p, .plan = pl, .opt = opt };
	struct attempt mark = { .state = ATTEMPT_NONE };
	int rc = permitted(e, pl, opt, &mark, f);

	if (rc)
		goto out;
	rc = ledger_next(e, p, pl, &t.ledger, &t.ledger_same, f);
	if (rc)
		goto out;
	if (!plan_empty(pl)) {
		rc = engine_state_ready(e, f);
		if (!rc)
			rc = writes_run(&t, &mark, f);
	} else if (!t.ledger_same) {
		rc = originals_write(e->run_dir, ORIGINAL_NAME, t.ledger, f);
	}
out:
	if (rc)
		untouched_set(pl);
	if (t.journal)
		restore_rows_free(t.rows, t.journal->n);
	journal_free(t.journal);
	originals_free(t.ledger);
	return rc;
}

int apply_confirm(struct engine *e, struct fault *f)
{
	struct journal *j = NULL;
	int rc = journal_read(e->run_dir, &j, f);

	if (rc)
		return rc;
	if (strcmp(j->boot_id, e->boot_id) != 0 || j->state != JOURNAL_APPLIED) {
		rc = fault_set(f, KE_NOENT, NULL, NULL, "no plan waits for its confirmation");
		goto out;
	}
	uint64_t committed;
	rc = engine_serial(e, &committed, f);
	if (rc)
		goto out;
	/* Promoted already: an earlier confirmation was cut short. */
	if (j->serial != committed) {
		if (clock_boot_ms(e->clock) >= j->deadline_ms) {
			rc = fault_set(f, KE_TIMEOUT, NULL, "the plan is undone at the next recovery",
			        "the confirmation came too late");
			goto out;
		}
		rc = originals_promote(e->run_dir, f);
		if (rc)
			goto out;
	}
	rc = engine_attempt_end(e, j->hash, ATTEMPT_CONFIRMED, f);
	if (!rc)
		rc = journal_remove(e->run_dir, f);
out:
	journal_free(j);
	return rc;
}
