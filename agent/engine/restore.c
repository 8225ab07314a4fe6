/* restore.c — reverse, then compare until nothing differs.
 *
 * The way back is the way there backwards, since each state on it was once accepted: forward order would be refused where
 * two keys bound each other. A coupled write (ip_forward) disturbs what was put back already, so rounds of compare
 * and write follow. Works from what it reads, never from what it believes; called again, it goes on where it stopped.
 */
#include "agent/engine/restore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policies/knowledge.h"

#define ROUNDS 4

struct restorer {
	struct procsys *ps;
	const struct ceiling *ceiling;
	const struct journal *journal;
	size_t n_written;
	struct restore_row *rows;
};

/* Same value, whatever the blanks? OLD is the kernel's own text of an earlier read. */
static bool same(const struct name *n, const char *old, const char *now, size_t len)
{
	const struct value_shape *shape = knowledge_shape(n);
	char *a = NULL, *b = NULL;

	if (strlen(old) == len && memcmp(old, now, len) == 0)
		return true;
	bool equal = value_observed(shape, old, strlen(old), &a) == 0 &&
	             value_observed(shape, now, len, &b) == 0 && strcmp(a, b) == 0;
	free(a);
	free(b);
	return equal;
}

/* Is entry I one that a written, allowed key changes along? Asked of the knowledge base, not of the journal. */
static bool coupled(const struct restorer *r, size_t i)
{
	const struct name *n = &r->journal->entries[i].name;

	for (size_t w = 0; w < r->n_written; w++) {
		const struct journal_entry *e = &r->journal->entries[w];
		const struct knob *k = e->new &&w != i ? knowledge_find(&e->name) : NULL;
		if (k && knob_list_matches(knob_also_changes(k), n) &&
		        ceiling_check(r->ceiling, &e->name) == CEILING_ALLOWED)
			return true;
	}
	return false;
}

static bool allowed(const struct restorer *r, size_t i)
{
	switch (ceiling_check(r->ceiling, &r->journal->entries[i].name)) {
	case CEILING_ALLOWED:
		return true;
	case CEILING_OUTSIDE:
		return coupled(r, i);
	case CEILING_NEVER:
		break;
	}
	return false;
}

static bool gone(int err)
{
	return err == ENOENT || err == ENOTDIR;
}

/* Write the old value of entry I and look whether it stands. 0 or an errno value. */
static int entry_write(struct restorer *r, size_t i)
{
	const struct journal_entry *e = &r->journal->entries[i];
	struct procsys_key k;

	if (!allowed(r, i))
		return EPERM;
	int err = procsys_key_open(r->ps, &e->name, PROCSYS_WRITE, &k);
	if (err)
		return err;
	err = procsys_key_write(&k, e->old, strlen(e->old));
	procsys_key_close(&k);
	return err;
}

/* Look at entry I and write it when it differs. Does it still differ? */
static bool entry_differs(struct restorer *r, size_t i, bool write)
{
	const struct journal_entry *e = &r->journal->entries[i];
	struct restore_row *row = &r->rows[i];
	const char *now;
	size_t len;

	int err = procsys_read(r->ps, &e->name, &now, &len);
	if (!err && same(&e->name, e->old, now, len)) {
		if (row->state == RESTORE_FAILED)
			row->state = RESTORE_WRITTEN;
		return false;
	}
	if (gone(err)) {
		row->state = RESTORE_GONE;
		return false;
	}
	if (!write) {
		row->state = RESTORE_FAILED;
		row->err = row->err ? row->err : err;
		return true;
	}
	row->state = RESTORE_WRITTEN;
	row->err = entry_write(r, i);
	return true;
}

static bool in_question(const struct restorer *r, size_t i)
{
	if (r->rows[i].state == RESTORE_LEFT)
		return false;
	return i < r->n_written || coupled(r, i);
}

/* What a failed row holds now, for the report. */
static void got_keep(struct restorer *r, size_t i)
{
	const struct name *n = &r->journal->entries[i].name;
	const char *now;
	size_t len;

	if (procsys_read(r->ps, n, &now, &len) == 0 &&
	        value_observed(knowledge_shape(n), now, len, &r->rows[i].got) != 0)
		r->rows[i].got = NULL;
}

int restore_run(struct procsys *ps, const struct ceiling *c, const struct journal *j, size_t n_written,
        struct restore_row *rows)
{
	struct restorer r = { ps, c, j, n_written, rows };
	bool differs = true;
	int rc = KE_OK;

	for (size_t i = n_written; i-- > 0;)
		if (rows[i].state != RESTORE_LEFT)
			entry_differs(&r, i, true);
	for (int round = 0; differs && round <= ROUNDS; round++) {
		differs = false;
		for (size_t i = 0; i < j->n; i++)
			if (in_question(&r, i) && entry_differs(&r, i, round < ROUNDS))
				differs = true;
	}
	for (size_t i = 0; i < j->n; i++) {
		if (rows[i].state != RESTORE_FAILED) {
			rows[i].err = 0;
			continue;
		}
		got_keep(&r, i);
		rc = KE_DEGRADED;
	}
	return rc;
}

void restore_rows_free(struct restore_row *rows, size_t n)
{
	if (!rows)
		return;
	for (size_t i = 0; i < n; i++)
		free(rows[i].got);
	free(rows);
}
