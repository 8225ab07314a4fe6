/* trust_doc.h — one metadata file that passed its door: its bytes, and the role parsed from them.
 *
 * Used by trust.c only. A document is built aside from a candidate; whoever holds one holds something whose signatures
 * verified under the signers named when it was opened. Versions, expiry and rollback are compared by the caller.
 */
#ifndef KEDGE_PROTO_TRUST_DOC_H
#define KEDGE_PROTO_TRUST_DOC_H

#include "proto/envelope.h"
#include "proto/tuf.h"

struct trust_doc {
	char *data; /* as received; NULL: no document */
	size_t len;
	struct envelope *env;
	/* exactly one of these, by kind */
	struct tuf_root *root;
	struct tuf_timestamp *timestamp;
	struct tuf_snapshot *snapshot;
	struct tuf_targets *targets;
};

/* Open LEN bytes of DATA (copied) as KIND; delegated roles are TUF_TARGETS. WHO must have signed it. A root is verified
 * with WHO, which may be NULL for the very first one, and with its own keys besides. *RET is untouched on error. */
int trust_doc_open(enum tuf_top kind, const void *data, size_t len, const struct signers *who,
        struct trust_doc *ret, struct fault *f);
/* The same for DATA that may be KNOWN's own bytes. Then they are not parsed again, but WHO must have signed them as ever,
 * and KNOWN is moved to *RET or freed. */
int trust_doc_reopen(struct trust_doc *known, enum tuf_top kind, const void *data, size_t len,
        const struct signers *who, struct trust_doc *ret, struct fault *f);
/* Free what DOC holds and leave it empty. */
void trust_doc_free(struct trust_doc *doc);
/* Free *OLD, then move *NEW there and leave NEW empty. */
void trust_doc_move(struct trust_doc *old, struct trust_doc *new);
const struct tuf_header *trust_doc_header(const struct trust_doc *doc);

#endif
