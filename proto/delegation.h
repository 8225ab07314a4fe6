/* delegation.h — who may name a target path, and in which order they are asked (TUF 5.6.7).
 *
 * The search is a pre-order walk over the graph of delegations. It ends: no role is visited twice, and not more than
 * TUF_DELEGATIONS delegated roles are visited. This file knows the order; trust.c fetches and verifies what the walk
 * wants to see next.
 */
#ifndef KEDGE_PROTO_DELEGATION_H
#define KEDGE_PROTO_DELEGATION_H

#include <stdbool.h>

#include "proto/tuf.h"

/* Does the shell-style PATTERN match PATH? Segment by segment, the same number of '/'; '*' is any number of code points
 * and '?' one, neither crosses '/', a leading dot is nothing special. No other character has a meaning. */
bool delegation_pattern_matches(const char *pattern, const char *path);
/* Does D speak for PATH? */
bool delegation_matches(const struct tuf_delegation *d, const char *path);

/* One step of a search: FROM delegates to EDGE->name with EDGE->signers. */
struct walk_step {
	const struct tuf_targets *from;
	const struct tuf_delegation *edge;
};

struct walk;

/* Begin the search for PATH (copied) at the top-level targets TOP, which counts as visited. Roles given to the walk must
 * live as long as it. walk_free() it. */
int walk_new(const char *path, const struct tuf_targets *top, struct walk **ret);
/* The next role to look at. KE_NOENT: nobody is left to ask. KE_TOOBIG: the limit of visited roles is reached. */
int walk_next(struct walk *w, struct walk_step *ret);
/* TARGETS, the verified role of the last step, does not list the path: ask its own delegations next. Finding a
 * terminating one that matches forgets everybody who was to be asked later. */
int walk_expand(struct walk *w, const struct tuf_targets *targets);
void walk_free(struct walk *w);

#endif
