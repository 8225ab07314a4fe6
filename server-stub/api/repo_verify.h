/* repo_verify.h — would a client accept this repository, all of it? */
#ifndef KEDGE_SERVER_API_REPO_VERIFY_H
#define KEDGE_SERVER_API_REPO_VERIFY_H

#include "server-stub/api/repo_set.h"

/* Verify SET at NOW as a client that trusts ROOT (NULL: the first root of SET, which is thereby pinned) and has seen
 * what is published: the chain of roots, timestamp, snapshot, targets, every role delegated to, and every listed target
 * with its length and hash. Fresh targets that no role lists are refused (KE_UNTRUSTED), like a versioned metadata file
 * that is published with other bytes (KE_EXIST). Marks files as listed. The codes of trust.h. */
int repo_verify(struct repo_set *set, const void *root, size_t root_len, int64_t now, struct fault *f);

#endif
