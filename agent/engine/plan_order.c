/* plan_order.c — in which order to write.
 *
 * The policy's own order, bent where it must be: a key's "after" list; a key that another write changes along comes behind
 * that write and is checked again there, even if it has its value now (ip_forward flips every conf/X/forwarding, and IPv4's
 * conf/default/X goes over each interface's X that nobody has written yet: measured on 6.18); and the one pair
 * whose order depends on the values. A depth-first walk: before a key goes out, what it waits for does. A circle (two keys
 * that change each other) is cut where it is met; the final check of the apply then decides.
 */
#include "agent/engine/plan_in.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sorter {
	struct plan *pl;
	bool *visited;
	size_t *planned; /* indices of keys to write, in policy order */
	size_t n_planned;
	size_t *couplers; /* those of them that change others along */
	size_t n_couplers;
};

/* Does K's (first) number go up? Of a key that is planned: its old value is known. */
static bool rises(const struct plan_key *k)
{
	return strtoll(k->wanted, NULL, 10) > strtoll(k->old, NULL, 10);
}

static bool after_raised(const struct plan_key *k, const struct plan_key *other)
{
	return k->knob && rises(k) && knob_list_matches(knob_after_raised(k->knob), &other->name);
}

/* A port range must never begin below ip_unprivileged_port_start: the start goes first when it falls, the range when the
 * start rises. So "after_raised" overrules "after". Of a K that waits_at_all(). */
static bool waits_for(const struct plan_key *k, const struct plan_key *other)
{
	if (after_raised(k, other))
		return true;
	return knob_list_matches(knob_after(k->knob), &other->name) && !after_raised(other, k);
}

static bool waits_at_all(const struct plan_key *k)
{
	return k->knob && (*knob_after(k->knob) || *knob_after_raised(k->knob));
}

#define SEEDS "net/ipv4/conf/default/"

static bool is_coupler(const struct plan_key *k)
{
	return (k->knob && *knob_also_changes(k->knob)) || strncmp(k->name.path, SEEDS, strlen(SEEDS)) == 0;
}

/* Does a write to K, a coupler, change the key N along? Of conf/default/X: every X below conf but its own. */
static bool changes_along(const struct plan_key *k, const struct name *n)
{
	struct name all;

	if (k->knob && knob_list_matches(knob_also_changes(k->knob), n))
		return true;
	if (strncmp(k->name.path, SEEDS, strlen(SEEDS)) != 0)
		return false;
	snprintf(all.path, sizeof all.path, "net/ipv4/conf/*/%s", k->name.path + strlen(SEEDS));
	return name_covers(&all, n);
}

static void visit(struct sorter *s, size_t i)
{
	struct plan_key *k = &s->pl->keys[i];

	if (s->visited[i])
		return;
	s->visited[i] = true;
	for (size_t j = 0; j < s->n_couplers; j++) {
		const struct plan_key *other = &s->pl->keys[s->couplers[j]];
		if (s->couplers[j] != i && changes_along(other, &k->name))
			visit(s, s->couplers[j]);
	}
	for (size_t j = 0; waits_at_all(k) && j < s->n_planned; j++)
		if (s->planned[j] != i && waits_for(k, &s->pl->keys[s->planned[j]]))
			visit(s, s->planned[j]);
	s->pl->order[s->pl->n_order++] = i;
}

/* Mark what the couplers change along; what had its value already joins the writes, and may be a coupler itself. */
static void couple(struct sorter *s)
{
	struct plan *pl = s->pl;

	for (size_t c = 0; c < s->n_couplers; c++) {
		for (size_t i = 0; i < pl->n; i++) {
			struct plan_key *k = &pl->keys[i];
			bool joins = k->outcome == OUTCOME_ALREADY && k->setting->mode != SETTING_AUDIT;
			if (i == s->couplers[c] || k->coupled || (!joins && k->outcome != OUTCOME_PLANNED))
				continue;
			if (!changes_along(&pl->keys[s->couplers[c]], &k->name))
				continue;
			k->coupled = true;
			if (joins) {
				k->outcome = OUTCOME_PLANNED;
				if (is_coupler(k))
					s->couplers[s->n_couplers++] = i;
			}
		}
	}
}

int plan_order(struct plan *pl)
{
	size_t n = pl->n ? pl->n : 1;
	struct sorter s = { .pl = pl,
		.visited = calloc(n, sizeof(bool)),
		.planned = calloc(n, sizeof(size_t)),
		.couplers = calloc(n, sizeof(size_t)) };
	int rc = KE_NOMEM;

	pl->order = calloc(n, sizeof *pl->order);
	if (!s.visited || !s.planned || !s.couplers || !pl->order)
		goto out;
	for (size_t i = 0; i < pl->n; i++) {
		if (pl->keys[i].outcome != OUTCOME_PLANNED)
			continue;
		pl->changes++;
		if (is_coupler(&pl->keys[i]))
			s.couplers[s.n_couplers++] = i;
	}
	couple(&s);
	for (size_t i = 0; i < pl->n; i++)
		if (pl->keys[i].outcome == OUTCOME_PLANNED)
			s.planned[s.n_planned++] = i;
	for (size_t i = 0; i < s.n_planned; i++)
		visit(&s, s.planned[i]);
	rc = KE_OK;
out:
	free(s.visited);
	free(s.planned);
	free(s.couplers);
	return rc;
}
