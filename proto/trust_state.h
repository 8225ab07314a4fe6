/* trust_state.h — what trust.c (refresh) and trust_find.c (search) share. Nobody else includes this. */
#ifndef KEDGE_PROTO_TRUST_STATE_H
#define KEDGE_PROTO_TRUST_STATE_H

#include "proto/delegation.h"
#include "proto/trust.h"
#include "proto/trust_doc.h"

enum trust_step {
	STEP_IDLE, /* before the first refresh */
	STEP_ROOT, /* FETCH the next root */
	STEP_TIMESTAMP_LOCAL,
	STEP_TIMESTAMP,
	STEP_SNAPSHOT_LOCAL,
	STEP_SNAPSHOT,
	STEP_TARGETS_LOCAL,
	STEP_TARGETS,
	STEP_READY,
	STEP_SEARCH, /* somebody of the walk may be known already */
	STEP_ROLE_LOCAL,
	STEP_ROLE,
	STEP_FAILED,
};

/* A STORE or DROP that the caller has not seen yet. */
struct trust_event {
	enum trust_ask ask;
	const char *role;
	const struct trust_doc *doc; /* STORE: whose bytes */
};

/* A delegated role, verified with the keys that FROM has for it. Another delegator's verdict does not count. */
struct trust_role {
	const struct tuf_targets *from;
	const char *name;
	struct trust_doc doc;
	struct trust_role *next;
};

struct trust {
	struct trust_doc root, timestamp, snapshot, targets;
	struct trust_role *roles;
	enum trust_step step;
	bool ready;
	int64_t now;
	unsigned root_steps;
	struct trust_event events[4];
	size_t n_events, next_event;
	struct fault why; /* of STEP_FAILED */
	struct walk *walk;
	struct walk_step edge; /* the role that is being looked at */
	char *path;            /* of the search */
	const struct tuf_target *found;
};

/* Queue a STORE or DROP. */
void trust_event_add(struct trust *t, enum trust_ask ask, const char *role, const struct trust_doc *doc);
/* A candidate root against the trusted one: its signers and its own, and exactly the next version (5.3.4, 5.3.5). */
int trust_root_open(
        const struct trust *t, const void *data, size_t len, struct trust_doc *ret, struct fault *f);
/* The answer DATA (NULL: absent) to the question of the present step. */
int trust_step_give(struct trust *t, const void *data, size_t len, struct fault *f);
/* Open DATA as the targets role NAME, signed by WHO, with every check of TUF 5.6: listed in the snapshot, length and
 * hashes, signatures, version, expiry. DATA may be KNOWN's own bytes (trust_doc_reopen()). */
int trust_targets_open(const struct trust *t, const char *name, const struct signers *who,
        struct trust_doc *known, const void *data, size_t len, struct trust_doc *ret, struct fault *f);
/* Bytes that may be read of the file META (NULL: not listed), FALLBACK when it lists no length. */
size_t trust_cap(const struct tuf_meta *meta, size_t fallback);
/* Forget a search and all delegated roles. */
void trust_search_reset(struct trust *t);
void trust_roles_free(struct trust *t);
/* The steps SEARCH, ROLE_LOCAL and ROLE. */
int trust_search_step(struct trust *t, struct fault *f);
int trust_search_give(struct trust *t, const void *data, size_t len, struct fault *f);

#endif
