/* trust_doc.c — bytes, signatures, role: in this order. A root is adopted only when its predecessor's signers and its
 * own agree; a client that installs the new root before asking the new root's own keys is the bug to remember. */
#include "proto/trust_doc.h"

#include <stdlib.h>
#include <string.h>

/* Every role but root. */
static int parse_role(enum tuf_top kind, const struct place *at, struct trust_doc *doc, struct fault *f)
{
	switch (kind) {
	case TUF_TIMESTAMP:
		return tuf_timestamp_parse(at, &doc->timestamp, f);
	case TUF_SNAPSHOT:
		return tuf_snapshot_parse(at, &doc->snapshot, f);
	default:
		return tuf_targets_parse(at, &doc->targets, f);
	}
}

static int open_root(struct trust_doc *doc, const struct signers *who, struct fault *f)
{
	struct place claims = envelope_claims(doc->env);
	int rc = who ? envelope_verify(doc->env, who, f) : KE_OK;

	if (!rc)
		rc = tuf_root_parse(&claims, &doc->root, f);
	if (!rc)
		rc = envelope_verify(doc->env, &doc->root->roles[TUF_ROOT], f);
	return rc;
}

static int open_other(enum tuf_top kind, struct trust_doc *doc, const struct signers *who, struct fault *f)
{
	struct place part;
	int rc = envelope_verify(doc->env, who, f);

	if (!rc)
		rc = envelope_signed(doc->env, &part, f);
	return rc ? rc : parse_role(kind, &part, doc, f);
}

int trust_doc_open(enum tuf_top kind, const void *data, size_t len, const struct signers *who,
        struct trust_doc *ret, struct fault *f)
{
	struct trust_doc doc = { .len = len, .data = malloc(len ? len : 1) };
	int rc;

	if (!doc.data)
		return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
	if (len)
		memcpy(doc.data, data, len);
	rc = envelope_open(doc.data, len, &doc.env, f);
	if (!rc)
		rc = kind == TUF_ROOT ? open_root(&doc, who, f) : open_other(kind, &doc, who, f);
	if (rc) {
		trust_doc_free(&doc);
		return rc;
	}
	*ret = doc;
	return KE_OK;
}

int trust_doc_reopen(struct trust_doc *known, enum tuf_top kind, const void *data, size_t len,
        const struct signers *who, struct trust_doc *ret, struct fault *f)
{
	struct trust_doc doc = { 0 };

	if (data != known->data)
		return trust_doc_open(kind, data, len, who, ret, f);
	trust_doc_move(&doc, known);
	int rc = envelope_verify(doc.env, who, f);
	if (rc)
		trust_doc_free(&doc);
	else
		*ret = doc;
	return rc;
}

void trust_doc_free(struct trust_doc *doc)
{
	tuf_root_free(doc->root);
	tuf_timestamp_free(doc->timestamp);
	tuf_snapshot_free(doc->snapshot);
	tuf_targets_free(doc->targets);
	envelope_free(doc->env);
	free(doc->data);
	*doc = (struct trust_doc){ 0 };
}

void trust_doc_move(struct trust_doc *old, struct trust_doc *new)
{
	trust_doc_free(old);
	*old = *new;
	*new = (struct trust_doc){ 0 };
}

const struct tuf_header *trust_doc_header(const struct trust_doc *doc)
{
	return doc->root        ? &doc->root->header
	       : doc->timestamp ? &doc->timestamp->header
	       : doc->snapshot  ? &doc->snapshot->header
	       : doc->targets   ? &doc->targets->header
	                        : NULL;
}
