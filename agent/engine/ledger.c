/* ledger.c — the snapshot of a transaction, and its place in the originals file.
 *
 * What a write changes along (ip_forward: every conf/X/forwarding) is asked of the knowledge base and read here, before the
 * first write; otherwise a way back would leave those changed, and drift detection would accuse our own write. Called by
 * apply only.
 */
#include "agent/engine/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int wanted_set(struct originals *o, const struct setting *s)
{
	struct original *row = NULL;
	int rc = originals_note(o, &s->name, NULL, &row);

	if (rc)
		return rc;
	free(row->wanted);
	row->wanted = strdup(s->value);
	row->bound = s->bound;
	row->mode = s->mode;
	row->required = s->required;
	row->optional = s->optional;
	free(row->except);
	row->except = s->n_except ? malloc(s->n_except * sizeof *row->except) : NULL;
	row->n_except = row->except ? s->n_except : 0;
	if (row->except)
		memcpy(row->except, s->except, s->n_except * sizeof *row->except);
	return row->wanted && row->n_except == s->n_except ? KE_OK : KE_NOMEM;
}

/* Keys that have their value already: what they hold is their original, unless the file that knew better is damaged. */
static int already_note(struct originals *o, const struct plan *pl, bool damaged)
{
	for (size_t i = 0; i < pl->n; i++) {
		const struct plan_key *k = &pl->keys[i];
		struct original *row = NULL;
		if (!k->old_raw || k->outcome != OUTCOME_ALREADY)
			continue;
		int rc = originals_note(o, &k->name, damaged ? NULL : k->old_raw, &row);
		if (rc)
			return rc;
		row->lost = row->lost || (damaged && !row->value);
	}
	return KE_OK;
}

static int policy_enter(struct originals *o, const struct policy *p, const struct plan *pl, struct engine *e)
{
	for (size_t i = 0; i < o->n; i++) {
		free(o->keys[i].wanted);
		o->keys[i].wanted = NULL;
	}
	free(o->policy);
	o->policy = strdup(p->name);
	if (!o->policy)
		return KE_NOMEM;
	o->version = p->version;
	o->time = clock_wall(e->clock);
	memcpy(o->hash, pl->hash, SHA256_LEN);
	for (size_t i = 0; i < p->n; i++) {
		int rc = p->settings[i].release ? KE_OK : wanted_set(o, &p->settings[i]);
		if (rc)
			return rc;
	}
	return KE_OK;
}

/* Same policy, and the rows that it wants have the same modes? Values and exceptions are covered by the hash. */
static bool in_force(struct originals *o, const struct policy *p, const struct plan *pl)
{
	if (strcmp(o->policy, p->name) != 0 || o->version != p->version ||
	        memcmp(o->hash, pl->hash, SHA256_LEN) != 0)
		return false;
	for (size_t i = 0, at = 0; i < p->n; i++) {
		const struct setting *s = &p->settings[i];
		/* The rows were written in the policy's order: the next wanted one is nearly always it. */
		while (at < o->n && name_cmp(&o->keys[at].name, &s->name) != 0)
			at++;
		const struct original *row = at < o->n ? &o->keys[at] : originals_find(o, &s->name);
		if (at == o->n)
			at = 0;
		if (s->release && (!row || !row->wanted))
			continue;
		if (s->release || !row || !row->wanted || row->mode != s->mode ||
		        row->required != s->required || row->optional != s->optional)
			return false;
	}
	return true;
}

int ledger_next(struct engine *e, const struct policy *p, const struct plan *pl, struct originals **ret,
        bool *ret_same, struct fault *f)
{
	struct originals *o = NULL;
	bool same = false;
	int rc = originals_read(e->run_dir, e->boot_id, &o, f);
	bool damaged = rc == KE_SYNTAX;

	if (rc == KE_NOENT || damaged) {
		rc = originals_new(e->boot_id, &o);
	} else if (!rc) {
		same = in_force(o, p, pl);
	}
	if (!rc && !same)
		rc = policy_enter(o, p, pl, e);
	if (!rc && !same)
		rc = already_note(o, pl, damaged);
	if (rc) {
		originals_free(o);
		return fault_set(
		        f, rc, e->run_dir, NULL, "what is in force cannot be noted: %s", err_text(rc));
	}
	o->serial++;
	o->time = clock_wall(e->clock);
	*ret = o;
	*ret_same = same;
	return KE_OK;
}

struct sides {
	struct name *names;
	size_t n, room;
};

static int side_add(void *ctx, const struct name *n)
{
	struct sides *s = ctx;

	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 32;
		struct name *more = realloc(s->names, room * sizeof *more);
		if (!more)
			return KE_NOMEM;
		s->names = more;
		s->room = room;
	}
	s->names[s->n++] = *n;
	return KE_OK;
}

/* conf/all before conf/default before interfaces: writing a broad key changes the narrow ones, not the other way. */
static int breadth(const struct name *n)
{
	return strstr(n->path, "/all/") ? 0 : strstr(n->path, "/default/") ? 1 : 2;
}

static int side_cmp(const void *a, const void *b)
{
	int d = breadth(a) - breadth(b);

	return d ? d : name_cmp(a, b);
}

static int plain_cmp(const void *a, const void *b)
{
	return name_cmp(a, b);
}

static int sides_gather(struct procsys *ps, const struct plan *pl, struct sides *s)
{
	int rc = KE_OK;

	for (size_t i = 0; !rc && i < pl->n_order; i++) {
		const struct knob *k = pl->keys[pl->order[i]].knob;
		for (const char *p = k ? knob_also_changes(k) : ""; !rc && *p; p = knob_list_next(p)) {
			struct name pattern;
			if (name_parse(p, strlen(p), &pattern, NULL) == 0)
				rc = procsys_each_coupled(ps, &pattern, side_add, s);
		}
	}
	if (s->n)
		qsort(s->names, s->n, sizeof *s->names, side_cmp);
	return rc;
}

static int sides_add(struct engine *e, const struct sides *s, const struct name *written, size_t n_written,
        struct journal *j)
{
	int rc = KE_OK;

	for (size_t i = 0; !rc && i < s->n; i++) {
		const struct name *n = &s->names[i];
		const char *raw;
		size_t len;
		if (i && name_cmp(n, &s->names[i - 1]) == 0)
			continue;
		if (bsearch(n, written, n_written, sizeof *written, plain_cmp))
			continue;
		/* Gone since the listing, or unreadable: then it cannot be put back either, and restoring will say so. */
		if (procsys_read(e->ps, n, &raw, &len) == 0)
			rc = journal_add(j, n, raw, NULL);
	}
	return rc;
}

int ledger_snapshot(
        struct engine *e, const struct plan *pl, struct originals *o, struct journal **ret, struct fault *f)
{
	struct sides s = { 0 };
	struct name *written = calloc(pl->n_order, sizeof *written);
	struct journal *j = NULL;
	int rc = written ? journal_new(e->boot_id, pl->hash, &j) : KE_NOMEM;

	for (size_t i = 0; !rc && i < pl->n_order; i++) {
		const struct plan_key *k = &pl->keys[pl->order[i]];
		written[i] = k->name;
		rc = journal_add(j, &k->name, k->old_raw, k->wanted);
	}
	if (!rc) {
		qsort(written, pl->n_order, sizeof *written, plain_cmp);
		rc = sides_gather(e->ps, pl, &s);
	}
	if (!rc)
		rc = sides_add(e, &s, written, pl->n_order, j);
	for (size_t i = 0; !rc && i < j->n; i++)
		rc = originals_note(o, &j->entries[i].name, j->entries[i].old, NULL);
	free(s.names);
	free(written);
	if (rc) {
		journal_free(j);
		return fault_set(
		        f, rc, NULL, NULL, "the values from before cannot be kept: %s", err_text(rc));
	}
	*ret = j;
	return KE_OK;
}
