/* trust.h — the trusted set of a TUF client, without I/O.
 *
 * A caller owns a directory and a way to fetch; this module owns the decisions. It tells the caller what it wants:
 *
 *	struct trust *t;
 *	rc = trust_new(root_bytes, root_len, &t, &f);
 *	trust_begin(t, now);
 *	while (!(rc = trust_next(t, &req, &f)) && req.ask != TRUST_DONE)
 *		switch (req.ask) {
 *		case TRUST_LOAD:  bytes of req.file in the directory, or NULL;   rc = trust_give(t, bytes, len, &f); break;
 *		case TRUST_FETCH: bytes of metadata URL + req.file, or NULL;     rc = trust_give(t, bytes, len, &f); break;
 *		case TRUST_STORE: write req.data to req.file, atomically;        break;
 *		case TRUST_DROP:  remove req.file;                               break;
 *		}
 *
 * The order of requests is the order of the specification (5.2 to 5.6), what is stored passed every check of its step,
 * and nothing stored is rolled back by a later failure. The next trust_next() after a STORE or DROP says that it is
 * done; whoever cannot write stops. A failure ends the refresh: the fault says which file and why, trust_next() repeats
 * it until the next trust_begin(), and no target is handed out meanwhile.
 *
 * Faults: KE_SIGNATURE, KE_EXPIRED, KE_ROLLBACK, KE_MISMATCH, KE_UNTRUSTED (not listed by the snapshot), KE_NOENT (a
 * file that has to exist is absent), KE_TOOBIG, and those of the parsers.
 */
#ifndef KEDGE_PROTO_TRUST_H
#define KEDGE_PROTO_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"
#include "proto/tuf.h"

enum trust_ask { TRUST_DONE, TRUST_LOAD, TRUST_FETCH, TRUST_STORE, TRUST_DROP };

struct trust_request {
	enum trust_ask ask;
	const char *
	        role; /* "root", "timestamp", ..., or a delegated role's own name; valid until the next call */
	char file
	        [TUF_FILE_ROOM]; /* percent-encoded. FETCH: what follows the metadata URL ("7.root.json"); others: the
	                           * name in the cache, without version ("root.json") */
	size_t max;              /* LOAD, FETCH: more bytes than this are refused; do not read on */
	const void *data; /* STORE: the bytes exactly as they were received; valid until the next call */
	size_t len;
};

struct trust;

/* Start from a trusted root (its expiry is not looked at, TUF 5.2). It must carry enough signatures by its own keys.
 * trust_free() it. */
int trust_new(const void *root, size_t len, struct trust **ret, struct fault *f);
void trust_free(struct trust *t);
/* Follow one root of a chain that the caller kept, before trust_begin(): the same checks as for a fetched one, but
 * nothing asks to be stored. Lets a client start from the root it shipped with and replay its history. */
int trust_replay(struct trust *t, const void *root, size_t len, struct fault *f);

/* Begin a refresh. NOW (seconds since 1970) is the one reference time until the next call. Allowed at any time. */
void trust_begin(struct trust *t, int64_t now);
/* Begin the search for the target PATH; drive it with trust_next() too, then ask trust_target(). KE_UNTRUSTED before a
 * refresh is complete; KE_NAME for a path that is empty, absolute, or has "." or ".." as a segment. When nobody lists
 * PATH, trust_next() or trust_give() returns KE_NOENT; when a role on the way cannot be verified, that ends the search
 * with its fault (TUF 5.6.7). Either way the next search may begin. */
int trust_find(struct trust *t, const char *path, struct fault *f);

/* A path becomes a URL and a file name: not empty, not absolute, no "." or ".." as a segment, not too long. */
bool trust_path_ok(const char *path);

/* What is wanted next. *RET is untouched on error. */
int trust_next(struct trust *t, struct trust_request *ret, struct fault *f);
/* Answer a LOAD or FETCH. DATA NULL: there is no such file (for a FETCH: the server says 404 or 403). Any other trouble
 * is the caller's to report; it stops then. A LOADed file that does not pass is treated like an absent one. */
int trust_give(struct trust *t, const void *data, size_t len, struct fault *f);

/* Is a refresh complete? */
bool trust_ready(const struct trust *t);
/* The target that the last search found; lives until the next trust_begin() or trust_free(). KE_NOENT. */
int trust_target(const struct trust *t, const struct tuf_target **ret);
/* The name that follows the targets URL: "dir/HASH.name" with consistent snapshots, else the path. Not encoded. */
int trust_target_file(const struct trust *t, const struct tuf_target *target, struct buf *out);
/* Is DATA what TARGET promises? KE_MISMATCH. */
int trust_target_check(const struct tuf_target *target, const void *data, size_t len, struct fault *f);

/* The trusted version of a top-level role; 0 when there is none. */
int64_t trust_version(const struct trust *t, enum tuf_top role);
/* When that role expires, in seconds since 1970; 0 when there is none. */
int64_t trust_expires(const struct trust *t, enum tuf_top role);
/* The top-level targets; NULL before a refresh is complete. */
const struct tuf_targets *trust_targets(const struct trust *t);
/* The snapshot; NULL before a refresh is complete. */
const struct tuf_snapshot *trust_snapshot(const struct trust *t);
/* The parsed trusted root; never NULL. */
const struct tuf_root *trust_root(const struct trust *t);

#endif
