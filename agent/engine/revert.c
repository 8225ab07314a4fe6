/* revert.c — back to the values from before the first apply of this boot.
 *
 * Journaled like an apply, with the originals as its old values: cut by kill -9, the next recovery brings it to its end.
 * A row whose original was never known is told, not guessed.
 */
#include "agent/engine/apply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/attempt.h"
#include "agent/engine/engine_in.h"
#include "agent/engine/original.h"

void revert_report_clear(struct revert_report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->rows[i].result.got);
		free(r->rows[i].value);
	}
	free(r->rows);
	*r = (struct revert_report){ 0 };
}

/* An unconfirmed or unfinished plan goes first; it has its own journal. */
static int pending_undo(struct engine *e, bool *ret_undone, struct fault *f)
{
	struct recovery_report r;
	int rc = engine_recover_now(e, true, &r, f);

	*ret_undone = r.result == RECOVERY_RESTORED;
	recovery_report_clear(&r);
	return rc;
}

static int journal_fill(struct engine *e, const struct originals *o, struct journal **ret)
{
	struct journal *j = NULL;
	int rc = journal_new(e->boot_id, o->hash, &j);

	if (!rc)
		j->serial = o->serial + 1;
	for (size_t i = 0; !rc && i < o->n; i++)
		if (o->keys[i].value)
			rc = journal_add(j, &o->keys[i].name, o->keys[i].value, o->keys[i].wanted);
	if (rc) {
		journal_free(j);
		return rc;
	}
	*ret = j;
	return KE_OK;
}

/* Wanted but never there, or never different: nothing was done to it, and there is nothing to say. */
static bool reported(const struct original *k)
{
	return k->value || k->lost;
}

/* One row for each concrete key; ROWS are the restore's, in the order of the known ones. Their texts become the report's. */
static int report_fill(const struct originals *o, struct restore_row *rows, struct revert_report *ret)
{
	struct revert_report r = { .rows = calloc(o->n ? o->n : 1, sizeof *r.rows) };
	struct restore_row *known = rows;

	if (!r.rows)
		return KE_NOMEM;
	for (size_t i = 0; i < o->n; i++) {
		const struct original *k = &o->keys[i];
		if (!reported(k))
			continue;
		struct revert_row *row = &r.rows[r.n++];
		row->name = k->name;
		row->unknown = k->lost;
		if (k->value && !(row->value = strdup(k->value))) {
			revert_report_clear(&r);
			return KE_NOMEM;
		}
	}
	for (size_t i = 0; i < r.n; i++) {
		if (!r.rows[i].value)
			continue;
		r.rows[i].result = *known;
		known++->got = NULL;
	}
	*ret = r;
	return KE_OK;
}

/* After a revert that could not do everything: keep the rows that failed, for the next one. */
static int failed_keep(struct engine *e, struct originals *o, const struct restore_row *rows, struct fault *f)
{
	size_t known = 0, kept = 0;

	for (size_t i = 0; i < o->n; i++) {
		struct original k = o->keys[i];
		bool keep = k.value && rows[known].state == RESTORE_FAILED;
		known += k.value ? 1 : 0;
		free(k.wanted);
		k.wanted = NULL;
		if (keep)
			o->keys[kept++] = k;
		else {
			free(k.value);
			free(k.except);
		}
	}
	o->n = kept;
	free(o->policy);
	o->policy = strdup("");
	if (!o->policy)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	memset(o->hash, 0, SHA256_LEN);
	o->serial += 2; /* the revert's own journal took one */
	return originals_write(e->run_dir, ORIGINAL_NAME, o, f);
}

/* Reverted by root's own hand: the plan may be applied again, as one that was never confirmed. */
static int mark_clear(struct engine *e, const struct originals *o, struct fault *f)
{
	struct attempt a;
	int rc = attempt_read(e->state_dir, &a, f);

	if (rc == KE_SYNTAX || (!rc && (a.state == ATTEMPT_NONE || memcmp(a.hash, o->hash, SHA256_LEN) != 0)))
		return KE_OK;
	return rc ? rc : attempt_clear(e->state_dir, f);
}

static int originals_restore(
        struct engine *e, struct originals *o, struct revert_report *ret, struct fault *f)
{
	struct journal *j = NULL;
	struct restore_row *rows = NULL;
	int restored = KE_OK, rc = journal_fill(e, o, &j);

	if (!rc && !(rows = calloc(j->n ? j->n : 1, sizeof *rows)))
		rc = KE_NOMEM;
	if (rc) {
		fault_set(f, rc, NULL, NULL, "%s", err_text(rc));
		goto out;
	}
	rc = journal_write(e->run_dir, j, f);
	if (rc)
		goto out;
	restored = restore_run(e->ps, e->ceiling, j, j->n, rows);
	rc = report_fill(o, rows, ret);
	if (rc)
		fault_set(f, rc, NULL, "revert again", "%s", err_text(rc));
	if (!rc)
		rc = mark_clear(e, o, f);
	if (!rc)
		rc = restored ? failed_keep(e, o, rows, f) : originals_remove(e->run_dir, ORIGINAL_NAME, f);
	if (!rc)
		rc = journal_remove(e->run_dir, f);
	if (!rc && restored)
		rc = fault_set(f, restored, NULL, "look at the keys named, then revert again",
		        "not every original could be put back");
out:
	if (j)
		restore_rows_free(rows, j->n);
	journal_free(j);
	return rc;
}

int apply_revert(struct engine *e, struct revert_report *ret, struct fault *f)
{
	struct originals *o = NULL;
	bool undone = false;

	*ret = (struct revert_report){ 0 };
	if (e->lock_fd < 0)
		return fault_set(f, KE_USAGE, "apply_revert", NULL, "called without the lock");
	int rc = pending_undo(e, &undone, f);
	if (rc)
		return rc;
	rc = originals_read(e->run_dir, e->boot_id, &o, f);
	if (rc == KE_NOENT && undone)
		return KE_OK;
	if (rc == KE_NOENT)
		return fault_set(f, rc, NULL, NULL, "nothing was applied since boot");
	if (rc)
		return rc;
	rc = originals_restore(e, o, ret, f);
	originals_free(o);
	return rc;
}
