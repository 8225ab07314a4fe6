/* release_state.h — what release.c (edits) and release_write.c (writing) share. Nobody else includes this. */
#ifndef KEDGE_PROTO_RELEASE_STATE_H
#define KEDGE_PROTO_RELEASE_STATE_H

#include "proto/release.h"
#include "proto/trust_doc.h"

/* One role: the signed part as it is being edited. */
struct draft {
	char *name;
	struct cJSON *tree;
	struct cJSON *next; /* while writing: the tree with its new version */
	int64_t version;    /* last used; 0: never written */
	bool dirty;
	struct draft *link;
};

struct release {
	struct draft *drafts;  /* in order of creation: parents before children */
	struct trust_doc root; /* the published root; empty before the first write */
};

/* The role being edited, or NULL. */
struct draft *release_find(const struct release *r, const char *role);
/* Add a role. Takes TREE over, also on failure; NULL is out of memory. Version 0 is dirty. */
int release_draft_add(
        struct release *r, const char *name, struct cJSON *tree, int64_t version, struct fault *f);
/* Does D, as it is being edited or written, delegate to ROLE? */
bool release_delegates(const struct draft *d, const char *role);
/* The index of the delegation to NAME in the array ROLES; -1: there is none. */
int release_role_index(const struct cJSON *roles, const char *name);
/* Drop the keys that no role of DELEGATIONS names. */
void release_keys_sweep(struct cJSON *delegations);
/* An empty targets role, or NULL. */
struct cJSON *release_targets_tree(void);
/* KEY into the map KEYS under its id, and the id into the list KEYIDS, each once. KE_KEY: clients cannot use it. */
int release_key_list(struct cJSON *keys, struct cJSON *keyids, const struct cJSON *key, struct fault *f);

#endif
