/* forest.h — every targets role of a repository: the top one, the roles it delegates to, and theirs, each verified with its
 * delegator's keys. For whoever has to see all of a repository; hosts look for one path at a time (trust.h) and never need it.
 *
 * A role that several delegate to is opened once and has to hold for each of them. Nothing is read here: the caller brings bytes.
 */
#ifndef KEDGE_PROTO_FOREST_H
#define KEDGE_PROTO_FOREST_H

#include "proto/delegation.h"
#include "proto/trust_doc.h"

#define FOREST_ROLES_MAX 4096 /* delegated roles of one repository */
#define FOREST_DEPTH_MAX 8    /* delegations one below another */

struct forest_role {
	const char *name;                  /* "targets", or the delegated role's own */
	const struct forest_role *parent;  /* the first that delegates to it; NULL: the top */
	const struct tuf_delegation *edge; /* its delegation in PARENT; NULL: the top */
	const struct tuf_targets *targets; /* NULL: never signed yet */
	struct trust_doc doc;              /* empty for the top and for one never signed */
};

struct forest {
	struct forest_role *
	        *roles; /* in the order of reading: a parent before its children; [0] is the top */
	size_t n;
	struct forest_role **by_name; /* the same, sorted */
};

struct forest_source {
	void *ctx;
	/* The file of ROLE in VERSION, at most MAX bytes of it, to *RET, to be freed with free(). KE_NOENT: it is not there. */
	int (*read)(void *ctx, const char *role, int64_t version, size_t max, char **ret, size_t *ret_len,
	        struct fault *f);
	int64_t now; /* roles that have expired by then are refused (KE_EXPIRED); 0: expiry is not asked */
	bool unborn; /* roles that the snapshot does not list may be: they are delegated to, and were never signed */
};

/* Open all roles below TOP by SNAPSHOT, both of which have to live as long as *RET; forest_clear() it in any case. The fault
 * names the role. KE_UNTRUSTED: the snapshot does not list a role; KE_MISMATCH: a file is absent or other than listed;
 * KE_TOOBIG: more roles, or deeper, than the limits. */
int forest_load(const struct tuf_targets *top, const struct tuf_snapshot *snapshot,
        const struct forest_source *source, struct forest *ret, struct fault *f);
void forest_clear(struct forest *forest);
/* The role NAME, or NULL. */
const struct forest_role *forest_role(const struct forest *forest, const char *name);
/* The target that a client finds which looks for PATH, and the role that lists it (RET_ROLE may be NULL). KE_NOENT: none.
 * KE_UNTRUSTED: a role on the way was never signed, which ends a client's search. KE_TOOBIG: the search is too long. */
int forest_find(const struct forest *forest, const char *path, const struct forest_role **ret_role,
        const struct tuf_target **ret);

#endif
