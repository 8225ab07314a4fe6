/* cache.h — verified TUF metadata on disk: what trust_next() asks to load, store, and drop.
 *
 * One file a role, exactly the bytes that were received. Beside them the history of roots, so that at every start the chain is
 * walked again from the root that came with the host: a tampered root.json cannot become the anchor.
 */
#ifndef KEDGE_KEEPER_CACHE_H
#define KEDGE_KEEPER_CACHE_H

#include "proto/trust.h"

/* Start a trusted set: read the root at ANCHOR (root-owned), then follow DIR/root_history/N.root.json as far as it goes. A file
 * of the history that does not verify ends it there, with a note in F (F->code != 0) and 0 returned. */
int cache_open(const char *dir, const char *anchor, struct trust **ret, struct fault *f);
/* Answer a LOAD, STORE, or DROP request of T with DIR. *RET_FAULTED distinguishes trouble with the disk (negative return, F). */
int cache_serve(const char *dir, struct trust *t, const struct trust_request *rq, struct fault *f);

#endif
