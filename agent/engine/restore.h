/* restore.h — back to the old values, verified.
 *
 * Used by a failed apply, by recovery after a crash, and by revert. First the writes are undone in reverse order; then
 * everything in the journal is compared, and what a coupled write left different is written again, at most a few
 * rounds. A key that already has its old value is not written.
 */
#ifndef KEDGE_AGENT_ENGINE_RESTORE_H
#define KEDGE_AGENT_ENGINE_RESTORE_H

#include "agent/engine/ceiling.h"
#include "agent/engine/journal.h"
#include "agent/engine/procsys.h"

enum restore_state {
	RESTORE_SAME,    /* had its old value already */
	RESTORE_WRITTEN, /* written back and verified */
	RESTORE_GONE,    /* the key is not there any more (interface or module gone): nothing to restore */
	RESTORE_LEFT,    /* set by the caller before: not ours to touch */
	RESTORE_FAILED,  /* refused, or holds something else */
};

struct restore_row {
	enum restore_state state;
	int err;   /* errno when the write was refused, else 0 */
	char *got; /* canonical, what it holds, when FAILED and readable; restore_rows_free() */
};

/* Undo J: its first N_WRITTEN entries were, or may have been, written; N_WRITTEN <= j->n. Later entries are only touched
 * when one of those changes them along. An entry is written only when C allows it, or when a written key that C allows
 * is known to change it along; the never-list is never written: such rows are RESTORE_FAILED with EPERM. Fills ROWS (j->n of them,
 * zeroed by the caller but for rows that it marks RESTORE_LEFT). 0, or KE_DEGRADED when at least one row FAILED. */
int restore_run(struct procsys *ps, const struct ceiling *c, const struct journal *j, size_t n_written,
        struct restore_row *rows);
void restore_rows_free(struct restore_row *rows, size_t n);

#endif
