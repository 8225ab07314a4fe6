/* envelope.h — {"signed": ..., "signatures": [...]}: the one door through which metadata becomes trusted.
 *
 * envelope_open() reads the form and hands nothing out. Only after envelope_verify() found enough signatures does
 * envelope_signed() give the signed part away. Signatures cover the canonical form of that part, not the file's bytes.
 */
#ifndef KEDGE_PROTO_ENVELOPE_H
#define KEDGE_PROTO_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buf.h"
#include "proto/err.h"
#include "proto/pubkey.h"
#include "proto/reader.h"
#include "proto/signkey.h"

struct envelope;

/* One signature as it stands in the file. An empty HEX holds the place of somebody who has not signed yet. */
struct envelope_sig {
	const char *keyid, *hex;
};

/* Whose signatures count, and how many different keys of them have to be there. */
struct signers {
	const struct pubkey **keys; /* allocated; the keys themselves belong to somebody else */
	size_t n;
	int64_t threshold; /* >= 1 */
};

/* Parse a metadata file strictly. Refused: what strict_parse() refuses, a missing or mistyped signed, signatures,
 * keyid or sig (KE_SCHEMA), one keyid twice in signatures (KE_DUPLICATE), too many signatures (KE_TOOBIG).
 * envelope_free() it. */
int envelope_open(const void *data, size_t len, struct envelope **ret, struct fault *f);
void envelope_free(struct envelope *env);

/* Are there valid signatures by WHO->threshold different keys? A signature that is no hex, by an unknown key or by an
 * unusable one does not count; two ids of one key count once. KE_SIGNATURE says how many there are; KE_NOMEM. */
int envelope_verify(struct envelope *env, const struct signers *who, struct fault *f);
/* The count alone, for files that are still being signed: *RET valid signatures by different keys of WHO. KE_NOMEM. */
int envelope_count(const struct envelope *env, const struct signers *who, size_t *ret, struct fault *f);
/* Is there a valid signature under the id of KEY? */
bool envelope_holds(const struct envelope *env, const struct pubkey *key);
/* The signatures, owned by ENV, in the order of the file, valid or not; returns how many. */
size_t envelope_sigs(const struct envelope *env, const struct envelope_sig **ret);
/* The signed part, owned by ENV. KE_SIGNATURE before envelope_verify() succeeded. */
int envelope_signed(const struct envelope *env, struct place *ret, struct fault *f);
/* The signed part before any verification. For the one case that needs it: a root carries its own keys, and is
 * verified with them right after it was read. The publisher's pending files (release_pending.c) are drafts, and the other reader of this. */
struct place envelope_claims(const struct envelope *env);

/* Write a metadata file that has the N_KEPT signatures KEPT, which are not looked at, and new ones by those of the N KEYS
 * that are not among them; appended to OUT. Empty ones come last, and only for keys that do not sign. */
int envelope_reseal(const struct cJSON *tree, const struct envelope_sig *kept, size_t n_kept,
        const struct signkey *const *keys, size_t n, struct buf *out, struct fault *f);
/* Write a metadata file: TREE signed by each of the N KEYS (a key given twice signs once), appended to OUT. */
int envelope_seal(const struct cJSON *tree, const struct signkey *const *keys, size_t n, struct buf *out,
        struct fault *f);

#endif
