/* release_state.h — what release.c (edits), release_write.c (writing), release_pending.c (signatures that come one after
 * another) and release_check.c share. Nobody else includes this. */
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
	struct trust_doc base;        /* as published; empty for root, which is in struct release */
	const struct trust_doc *lent; /* the same, owned by who gave it to release_adopt(); NULL: see base */
	struct trust_doc fresh;       /* while writing: what becomes the base */
	struct envelope *held;        /* the pending file that TREE came from; NULL: none */
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

/* Sign D's next tree for WHO and ALSO (may be NULL) with those of the N KEYS that they name, on top of what D holds. A
 * role that held signatures suffice for gets no more, so that its bytes, and what lists them, stay. *RET is complete
 * but for the version, and allocated. */
int release_seal(const struct draft *d, const struct signers *who, const struct signers *also,
        const struct signkey *const *keys, size_t n, struct release_pending *ret, struct fault *f);
/* Free what ITEM holds. */
void release_pending_clear(struct release_pending *item);
/* Refuse a signed part that other clients could not read, or whose thresholds cannot be reached (release_check.c):
 * unknown key types, roles besides the four, key ids that are listed twice or without a key. KE_KEY, KE_NAME,
 * KE_DUPLICATE, KE_RANGE. */
int release_check_root(const struct cJSON *tree, struct fault *f);
int release_check_targets(const struct cJSON *tree, struct fault *f);

#endif
