/* trust_refresh.c — the steps of a refresh, TUF 1.0.34 sections 5.3 to 5.6: one function per step.
 *
 * Each builds its candidate aside (trust_doc), compares it with what is trusted, and swaps it in as its last act; a
 * candidate that fails leaves the trusted set as it was. Local copies pass the same door as fetched ones: signatures
 * under the *current* root. That rule also undoes a fast-forward attack once the root rotates keys. */
#include <inttypes.h>
#include <string.h>

#include "proto/clock.h"
#include "proto/strict.h"
#include "proto/trust_state.h"

static const struct signers *signers_of(const struct trust *t, enum tuf_top role)
{
	return &t->root.root->roles[role];
}

static bool expired(const struct trust *t, const struct trust_doc *doc)
{
	return t->now >= trust_doc_header(doc)->expires;
}

static int expired_fault(const struct trust_doc *doc, struct fault *f)
{
	char text[TIME_TEXT_ROOM];

	return fault_set(f, KE_EXPIRED, NULL, "publish a new version, or check this host's clock",
	        "version %" PRId64 " expired at %s", trust_doc_header(doc)->version,
	        time_format(trust_doc_header(doc)->expires, text));
}

/* A candidate root against the trusted one: its signers and its own, and exactly the next version (5.3.4, 5.3.5). */
int trust_root_open(
        const struct trust *t, const void *data, size_t len, struct trust_doc *ret, struct fault *f)
{
	struct trust_doc doc = { 0 };
	int64_t want = t->root.root->header.version + 1;
	int rc = trust_doc_open(TUF_ROOT, data, len, signers_of(t, TUF_ROOT), &doc, f);

	if (!rc && doc.root->header.version != want)
		rc = fault_set(f, doc.root->header.version < want ? KE_ROLLBACK : KE_MISMATCH, NULL, NULL,
		        "version %" PRId64 ", %" PRId64 " is next", doc.root->header.version, want);
	if (rc) {
		trust_doc_free(&doc);
		return rc;
	}
	*ret = doc;
	return KE_OK;
}

/* 5.3.10: expiry is asked of the last root only. */
static int root_end(struct trust *t, struct fault *f)
{
	if (expired(t, &t->root))
		return expired_fault(&t->root, f);
	t->step = STEP_TIMESTAMP_LOCAL;
	return KE_OK;
}

static int root_give(struct trust *t, const void *data, size_t len, struct fault *f)
{
	struct trust_doc doc = { 0 };
	int rc;

	if (!data)
		return root_end(t, f);
	rc = trust_root_open(t, data, len, &doc, f);
	if (rc)
		return rc;
	/* 5.3.11. The old files go before the new root is stored: after a crash between the two, the old root and the
	 * next refresh do it again. */
	if (tuf_root_rotated(t->root.root, doc.root, TUF_TIMESTAMP) ||
	        tuf_root_rotated(t->root.root, doc.root, TUF_SNAPSHOT)) {
		trust_doc_free(&t->timestamp);
		trust_doc_free(&t->snapshot);
		trust_event_add(t, TRUST_DROP, tuf_top_names[TUF_TIMESTAMP], NULL);
		trust_event_add(t, TRUST_DROP, tuf_top_names[TUF_SNAPSHOT], NULL);
	}
	trust_doc_move(&t->root, &doc);
	trust_event_add(t, TRUST_STORE, tuf_top_names[TUF_ROOT], &t->root);
	if (++t->root_steps == TUF_ROOT_STEPS || t->root.root->header.version == STRICT_INT_MAX)
		return root_end(t, f);
	return KE_OK;
}

/* A local copy of ROLE becomes DOC when its signatures hold, however old it is; else DOC stays empty. KE_NOMEM ends the
 * refresh: a copy that could not be read for want of memory would no longer guard against a rollback. */
static int local_open(const struct trust *t, enum tuf_top role, const void *data, size_t len,
        struct trust_doc *doc, struct fault *f)
{
	struct trust_doc local = { 0 };
	int rc = data ? trust_doc_reopen(doc, role, data, len, signers_of(t, role), &local, f) : KE_NOENT;

	trust_doc_move(doc, &local);
	return rc == KE_NOMEM ? rc : KE_OK;
}

static int timestamp_local(struct trust *t, const void *data, size_t len, struct fault *f)
{
	int rc = local_open(t, TUF_TIMESTAMP, data, len, &t->timestamp, f);

	if (!rc)
		t->step = STEP_TIMESTAMP;
	return rc;
}

/* 5.4.3: neither the timestamp nor the snapshot that it names may go back. */
static int timestamp_follows(
        const struct tuf_timestamp *old, const struct tuf_timestamp *new, struct fault *f)
{
	if (new->header.version < old->header.version)
		return fault_set(f, KE_ROLLBACK, NULL, NULL, "version %" PRId64 " is older than %" PRId64,
		        new->header.version, old->header.version);
	if (new->header.version > old->header.version &&new->snapshot.version < old->snapshot.version)
		return fault_set(f, KE_ROLLBACK, NULL, NULL,
		        "names snapshot version %" PRId64 ", older than %" PRId64, new->snapshot.version,
		        old->snapshot.version);
	return KE_OK;
}

static int timestamp_give(struct trust *t, const void *data, size_t len, struct fault *f)
{
	const struct tuf_timestamp *old = t->timestamp.timestamp;
	struct trust_doc doc = { 0 };
	/* Most refreshes find nothing new: bytes that are known need no second reading, only their signatures. */
	bool same = old && len == t->timestamp.len && memcmp(data, t->timestamp.data, len) == 0;
	int rc = same ? envelope_verify(t->timestamp.env, signers_of(t, TUF_TIMESTAMP), f)
	              : trust_doc_open(TUF_TIMESTAMP, data, len, signers_of(t, TUF_TIMESTAMP), &doc, f);

	if (!rc && !same && old)
		rc = timestamp_follows(old, doc.timestamp, f);
	if (rc)
		goto out;
	/* An equal version changes nothing, and the stored one stays the reference: going on with it, a client whose
	 * last snapshot download failed recovers without waiting for the next timestamp. */
	bool equal = same || (old && old->header.version == doc.timestamp->header.version);
	const struct trust_doc *used = equal ? &t->timestamp : &doc;
	if (expired(t, used)) {
		rc = expired_fault(used, f);
		goto out;
	}
	if (!equal) {
		trust_doc_move(&t->timestamp, &doc);
		trust_event_add(t, TRUST_STORE, tuf_top_names[TUF_TIMESTAMP], &t->timestamp);
	}
	t->step = STEP_SNAPSHOT_LOCAL;
out:
	trust_doc_free(&doc);
	return rc;
}

static const struct tuf_meta *snapshot_meta(const struct trust *t)
{
	return &t->timestamp.timestamp->snapshot;
}

static int version_check(const struct trust_doc *doc, const struct tuf_meta *meta, struct fault *f)
{
	int64_t got = trust_doc_header(doc)->version;

	if (got == meta->version)
		return KE_OK;
	return fault_set(
	        f, KE_MISMATCH, NULL, NULL, "version %" PRId64 ", %" PRId64 " is listed", got, meta->version);
}

/* The local snapshot is kept for the rollback check even when it is not the one wanted now. */
static int snapshot_local(struct trust *t, const void *data, size_t len, struct fault *f)
{
	const struct tuf_meta *meta = snapshot_meta(t);
	int rc = local_open(t, TUF_SNAPSHOT, data, len, &t->snapshot, f);

	if (rc)
		return rc;
	bool current =
	        t->snapshot.snapshot &&
	        !tuf_bytes_check(t->snapshot.data, t->snapshot.len, meta->length, &meta->hashes, NULL) &&
	        !version_check(&t->snapshot, meta, NULL) && !expired(t, &t->snapshot);
	t->step = current ? STEP_TARGETS_LOCAL : STEP_SNAPSHOT;
	return KE_OK;
}

/* 5.5.2 to 5.5.6, in this order. */
static int snapshot_give(struct trust *t, const void *data, size_t len, struct fault *f)
{
	const struct tuf_meta *meta = snapshot_meta(t);
	struct trust_doc doc = { 0 };
	int rc = tuf_bytes_check(data, len, meta->length, &meta->hashes, f);

	if (!rc)
		rc = trust_doc_open(TUF_SNAPSHOT, data, len, signers_of(t, TUF_SNAPSHOT), &doc, f);
	if (!rc)
		rc = version_check(&doc, meta, f);
	if (!rc && t->snapshot.snapshot)
		rc = tuf_snapshot_follows(t->snapshot.snapshot, doc.snapshot, f);
	if (!rc && expired(t, &doc))
		rc = expired_fault(&doc, f);
	if (!rc) {
		trust_doc_move(&t->snapshot, &doc);
		trust_event_add(t, TRUST_STORE, tuf_top_names[TUF_SNAPSHOT], &t->snapshot);
		t->step = STEP_TARGETS_LOCAL;
	}
	trust_doc_free(&doc);
	return rc;
}

int trust_targets_open(const struct trust *t, const char *name, const struct signers *who,
        struct trust_doc *known, const void *data, size_t len, struct trust_doc *ret, struct fault *f)
{
	const struct tuf_meta *meta = tuf_snapshot_find(t->snapshot.snapshot, name);
	struct trust_doc doc = { 0 };
	int rc;

	if (!meta)
		return fault_set(f, KE_UNTRUSTED, NULL, NULL, "the snapshot does not list it");
	if ((rc = tuf_bytes_check(data, len, meta->length, &meta->hashes, f)) ||
	        (rc = trust_doc_reopen(known, TUF_TARGETS, data, len, who, &doc, f)))
		return rc;
	rc = version_check(&doc, meta, f);
	if (!rc && expired(t, &doc))
		rc = expired_fault(&doc, f);
	if (rc) {
		trust_doc_free(&doc);
		return rc;
	}
	*ret = doc;
	return KE_OK;
}

static int targets_give(struct trust *t, const void *data, size_t len, bool local, struct fault *f)
{
	struct trust_doc doc = { 0 };
	int rc = KE_NOENT;

	if (data)
		rc = trust_targets_open(t, tuf_top_names[TUF_TARGETS], signers_of(t, TUF_TARGETS),
		        &t->targets, data, len, &doc, f);
	trust_doc_move(&t->targets, &doc);
	if (rc && rc != KE_NOMEM && local) {
		t->step = STEP_TARGETS;
		return KE_OK;
	}
	if (rc)
		return rc;
	if (!local)
		trust_event_add(t, TRUST_STORE, tuf_top_names[TUF_TARGETS], &t->targets);
	t->ready = true;
	t->step = STEP_READY;
	return KE_OK;
}

int trust_step_give(struct trust *t, const void *data, size_t len, struct fault *f)
{
	switch (t->step) {
	case STEP_ROOT:
		return root_give(t, data, len, f);
	case STEP_TIMESTAMP_LOCAL:
		return timestamp_local(t, data, len, f);
	case STEP_TIMESTAMP:
		return timestamp_give(t, data, len, f);
	case STEP_SNAPSHOT_LOCAL:
		return snapshot_local(t, data, len, f);
	case STEP_SNAPSHOT:
		return snapshot_give(t, data, len, f);
	case STEP_TARGETS_LOCAL:
	case STEP_TARGETS:
		return targets_give(t, data, len, t->step == STEP_TARGETS_LOCAL, f);
	default: /* STEP_ROLE_LOCAL, STEP_ROLE: trust_give() lets no other step pass */
		return trust_search_give(t, data, len, f);
	}
}
