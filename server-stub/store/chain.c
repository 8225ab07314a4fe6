/* chain.c — where a batch belongs in the history of its host: exactly once, or nowhere. A batch either continues the
 * stored (epoch, seq, head), or repeats what is stored, or opens an epoch; anything else is a second history and is
 * refused with the stored head. Because each record names the hash of the one before, comparing one boundary record
 * compares all before it. Several processes: the host's row is locked before it is looked at, and all that a batch writes
 * belongs to that host, so READ COMMITTED is as good as alone; the head is set only where it still is what was read all
 * the same. Called by the writer's thread for every batch; reads no JSON. */
#include "server-stub/store/impl.h"

#include <string.h>

#include "proto/codec.h"

#define SEQ_MAX (1ULL << 53) /* numbers in JSON are exact up to here */

struct head {
	char epoch[STORE_EPOCH_ROOM];
	uint64_t seq;
	char hash[STORE_HEX_ROOM];
	bool fresh; /* enrolled since the last record: the next epoch needs no predecessor */
	bool revoked, forked;
};

static void hex_hash(const void *data, size_t len, char ret[STORE_HEX_ROOM])
{
	unsigned char digest[SHA256_LEN];

	sha256(data, len, digest);
	hex_encode(digest, sizeof digest, ret);
}

/* A copy that fits the room; false when TEXT is longer. */
static bool text_copy(char *to, size_t room, const char *text)
{
	size_t len = strlen(text);

	if (len >= room)
		return false;
	memcpy(to, text, len + 1);
	return true;
}

static int head_load(struct db *db, const char *host, struct head *ret)
{
	struct db_rows *rows;
	int rc = db_query(db, "SELECT epoch, seq, head, fresh, state FROM hosts WHERE id = $1" DB_FOR_UPDATE,
	        DB_ARGS(DB_T(host)), &rows);

	if (rc)
		return rc;
	rc = db_next(rows);
	if (rc > 0) {
		struct head h = { .seq = (uint64_t)db_int(rows, 1), .fresh = db_int(rows, 3) != 0 };
		h.revoked = !strcmp(db_text(rows, 4), "revoked");
		h.forked = !strcmp(db_text(rows, 4), "forked");
		rc = text_copy(h.epoch, sizeof h.epoch, db_text(rows, 0)) &&
		                     text_copy(h.hash, sizeof h.hash, db_text(rows, 2))
		             ? KE_OK
		             : KE_STORE;
		if (!rc)
			*ret = h;
	} else if (rc == 0) {
		rc = KE_NOENT;
	}
	db_rows_end(rows);
	return rc;
}

/* Do the records hang together? RET_HASH: that of the last line. */
static int batch_check(
        const struct store_batch *b, char ret_hash[STORE_HEX_ROOM], size_t *ret_at, struct fault *f)
{
	char hash[STORE_HEX_ROOM] = "";

	for (size_t i = 0; i < b->count; i++) {
		const struct store_record *r = &b->records[i];
		*ret_at = i;
		if (r->seq < 1 || r->seq > SEQ_MAX || !record_complete(r))
			return fault_set(
			        f, KE_SCHEMA, "record", NULL, "lacks the fields of kind '%s'", r->kind);
		if (i && r->seq != b->records[i - 1].seq + 1)
			return fault_set(f, KE_CHAIN, "seq", NULL, "%llu follows %llu",
			        (unsigned long long)r->seq, (unsigned long long)b->records[i - 1].seq);
		if (strcmp(r->prev, i ? hash : r->seq == 1 ? STORE_ZERO_HASH : r->prev) != 0)
			return fault_set(f, KE_CHAIN, "prev", NULL, "is not the hash of the record before");
		if ((r->seq == 1) != !strcmp(r->kind, "epoch"))
			return fault_set(
			        f, KE_SCHEMA, "kind", NULL, "an epoch begins with kind 'epoch', once");
		hex_hash(r->line, r->line_len, hash);
	}
	if (b->count && b->records[0].seq == 1 && (!b->record_key || strlen(b->record_key) != 64)) {
		*ret_at = 0;
		return fault_set(
		        f, KE_SCHEMA, "record_key", NULL, "the first record of an epoch names its key");
	}
	memcpy(ret_hash, hash, sizeof hash);
	return KE_OK;
}

/* Is record R of the batch the one that is stored in its place? Rows that retention took count as the same: they were
 * acknowledged once, and nothing can be compared. *RET is the answer. */
static int same_as_stored(struct db *db, const struct store_batch *b, const struct store_record *r, bool *ret)
{
	struct db_rows *rows;
	int rc = db_query(db, "SELECT line FROM records WHERE host = $1 AND epoch = $2 AND seq = $3",
	        DB_ARGS(DB_T(b->host), DB_T(b->epoch), DB_I((int64_t)r->seq)), &rows);

	if (rc)
		return rc;
	rc = db_next(rows);
	if (rc >= 0) {
		size_t len = 0;
		const void *line = rc ? db_bytes(rows, 0, &len) : NULL;
		*ret = rc == 0 || (len == r->line_len && line && !memcmp(line, r->line, len));
		rc = KE_OK;
	}
	db_rows_end(rows);
	return rc;
}

/* The host row says from now on that a second history was seen. */
static int fork_mark(struct db *db, const struct store_batch *b, struct store_ack *ack)
{
	ack->forked = true;
	return db_run(db,
	        "UPDATE hosts SET state = 'forked', forks = forks + 1, last_seen = $1 WHERE id = $2",
	        DB_ARGS(DB_I(b->received), DB_T(b->host)), NULL);
}

static int seen_mark(struct db *db, const struct store_batch *b)
{
	return db_run(db, "UPDATE hosts SET last_seen = $1 WHERE id = $2 AND last_seen < $3",
	        DB_ARGS(DB_I(b->received), DB_T(b->host), DB_I(b->received)), NULL);
}

/* How many records at the front of B are stored already, given that the chain of its epoch ends with (SEQ, HASH). B
 * begins at or before SEQ + 1. KE_FORK: it tells another story. */
static int duplicates_count(
        struct db *db, const struct store_batch *b, uint64_t seq, const char *hash, size_t *ret_skip)
{
	uint64_t first = b->records[0].seq, known = seq + 1 - first;
	size_t skip = known < b->count ? (size_t)known : b->count;
	bool same = true;

	if (skip == 0) {
		same = !strcmp(b->records[0].prev, hash);
	} else if (known <= b->count) { /* the last known one is in the batch: its hash is the head */
		char last[STORE_HEX_ROOM];
		hex_hash(b->records[skip - 1].line, b->records[skip - 1].line_len, last);
		same = !strcmp(last, hash);
	} else {
		int rc = same_as_stored(db, b, &b->records[skip - 1], &same);
		if (rc)
			return rc;
	}
	if (!same)
		return KE_FORK;
	*ret_skip = skip;
	return KE_OK;
}

/* A batch of an epoch that is not the host's present one, but was. Only what was acknowledged then is welcome. */
static int old_epoch_repeat(
        struct db *db, const struct store_batch *b, uint64_t seq, const char *hash, struct store_ack *ack)
{
	size_t skip = 0;

	if (b->records[b->count - 1].seq > seq)
		return KE_FORK;
	int rc = duplicates_count(db, b, seq, hash, &skip);
	if (rc)
		return rc;
	*ack = (struct store_ack){ .acked = seq, .duplicates = (unsigned)skip, .forked = ack->forked };
	text_copy(ack->epoch, sizeof ack->epoch, b->epoch);
	text_copy(ack->head, sizeof ack->head, hash);
	return KE_OK;
}

/* Close the present epoch and open the batch's. *RET_FORKED: the host has a history that the new epoch ignores. */
static int epoch_open(struct db *db, const struct store_batch *b, const struct head *h, bool *ret_forked)
{
	int rc = KE_OK;

	if (h->epoch[0])
		rc = db_run(db, "UPDATE epochs SET seq = $1, head = $2 WHERE host = $3 AND epoch = $4",
		        DB_ARGS(DB_I((int64_t)h->seq), DB_T(h->hash), DB_T(b->host), DB_T(h->epoch)), NULL);
	if (!rc)
		rc = db_run(db,
		        "INSERT INTO epochs (host, epoch, record_key, opened) VALUES ($1, $2, $3, $4)",
		        DB_ARGS(DB_T(b->host), DB_T(b->epoch), DB_T(b->record_key), DB_I(b->received)), NULL);
	if (rc)
		return rc;
	bool follows = b->after_epoch && b->after_head && !strcmp(b->after_epoch, h->epoch) &&
	               b->after_seq == h->seq && !strcmp(b->after_head, h->hash);
	*ret_forked = h->epoch[0] && !h->fresh && !follows;
	return KE_OK;
}

struct epoch_row {
	bool known;
	uint64_t seq;
	char hash[STORE_HEX_ROOM];
};

static int epoch_find(struct db *db, const struct store_batch *b, struct epoch_row *ret)
{
	struct db_rows *rows;
	int rc = db_query(db, "SELECT seq, head FROM epochs WHERE host = $1 AND epoch = $2",
	        DB_ARGS(DB_T(b->host), DB_T(b->epoch)), &rows);

	if (rc)
		return rc;
	rc = db_next(rows);
	if (rc > 0) {
		ret->known = true;
		ret->seq = (uint64_t)db_int(rows, 0);
		rc = text_copy(ret->hash, sizeof ret->hash, db_text(rows, 1)) ? KE_OK : KE_STORE;
	}
	db_rows_end(rows);
	return rc;
}

/* Write the records from index SKIP on and move the host's head, which must still be H: compare and set. */
static int head_advance(struct db *db, const struct store_batch *b, size_t skip, const struct head *h,
        const char *hash, bool forked)
{
	const struct store_record *last = &b->records[b->count - 1];
	int64_t changes = 0;
	int rc = KE_OK;

	for (size_t i = skip; i < b->count && !rc; i++)
		rc = record_add(db, b, &b->records[i]);
	if (!rc)
		rc = db_run(db,
		        "UPDATE hosts SET epoch = $1, seq = $2, head = $3, last_seen = $4, fresh = 0,"
		        " record_key = COALESCE($5, record_key), forks = forks + $6,"
		        " state = CASE WHEN $7 = 1 THEN 'forked' ELSE state END"
		        " WHERE id = $8 AND epoch = $9 AND seq = $10 AND head = $11",
		        DB_ARGS(DB_T(b->epoch), DB_I((int64_t)last->seq), DB_T(hash), DB_I(b->received),
		                DB_T(b->records[0].seq == 1 ? b->record_key : NULL), DB_I(forked),
		                DB_I(forked), DB_T(b->host), DB_T(h->epoch), DB_I((int64_t)h->seq),
		                DB_T(h->hash)),
		        &changes);
	if (!rc && changes != 1)
		rc = KE_BUSY; /* another server process moved it meanwhile: the client comes again */
	return rc;
}

static int take_new(struct db *db, const struct store_batch *b, size_t skip, const struct head *h,
        const char *hash, bool forked, struct store_ack *ack)
{
	if (skip == b->count) {
		ack->duplicates = (unsigned)skip;
		return seen_mark(db, b);
	}
	int rc = head_advance(db, b, skip, h, hash, forked);
	if (rc)
		return rc;
	text_copy(ack->epoch, sizeof ack->epoch, b->epoch);
	text_copy(ack->head, sizeof ack->head, hash);
	ack->acked = b->records[b->count - 1].seq;
	ack->duplicates = (unsigned)skip;
	ack->stored = (unsigned)(b->count - skip);
	ack->forked = ack->forked || forked;
	return KE_OK;
}

/* The batch continues the present epoch, or a hole is before it: a hole is no second history, only a batch that came
 * too early, so the host is not marked. */
static int same_epoch(struct db *db, const struct store_batch *b, const struct head *h, const char *hash,
        struct store_ack *ack)
{
	size_t skip = 0;

	if (b->records[0].seq > h->seq + 1)
		return KE_FORK;
	int rc = duplicates_count(db, b, h->seq, h->hash, &skip);
	if (rc == KE_FORK) {
		rc = fork_mark(db, b, ack);
		return rc ? rc : KE_FORK;
	}
	return rc ? rc : take_new(db, b, skip, h, hash, false, ack);
}

static int other_epoch(struct db *db, const struct store_batch *b, const struct head *h, const char *hash,
        struct store_ack *ack)
{
	struct epoch_row old = { 0 };
	bool forked = false;
	int rc = epoch_find(db, b, &old);

	if (rc)
		return rc;
	if (old.known)
		rc = old_epoch_repeat(db, b, old.seq, old.hash, ack);
	else if (b->records[0].seq != 1)
		rc = KE_FORK;
	else
		rc = epoch_open(db, b, h, &forked);
	if (rc == KE_FORK) {
		/* a server that lost its database knows no history: nothing to fork from */
		int marked = h->epoch[0] ? fork_mark(db, b, ack) : KE_OK;
		return marked ? marked : KE_FORK;
	}
	if (rc)
		return rc;
	return old.known ? seen_mark(db, b) : take_new(db, b, 0, h, hash, forked, ack);
}

/* Judge and write. A refusal (but for a fork, whose mark shall stay) comes before anything was written. */
static int batch_take(struct db *db, const struct store_batch *b, struct store_ack *ack, struct fault *f)
{
	struct head h;
	char hash[STORE_HEX_ROOM] = "";

	*ack = (struct store_ack){ 0 };
	int rc = head_load(db, b->host, &h);
	if (rc == KE_NOENT)
		return fault_set(f, rc, b->host, "enrol it", "is not an enrolled host");
	if (rc)
		return rc;
	if (h.revoked)
		return fault_set(f, KE_FORBIDDEN, b->host, NULL, "is revoked");
	memcpy(ack->epoch, h.epoch, sizeof ack->epoch);
	memcpy(ack->head, h.hash, sizeof ack->head);
	ack->acked = h.seq;
	ack->forked = h.forked;
	if (!b->count)
		return seen_mark(db, b);
	if (strlen(b->epoch) != STORE_EPOCH_ROOM - 1)
		return fault_set(f, KE_SCHEMA, "epoch", NULL, "is not 16 hex digits");
	rc = batch_check(b, hash, &ack->at, f);
	if (rc)
		return rc;
	ack->at = 0;
	rc = !strcmp(h.epoch, b->epoch) ? same_epoch(db, b, &h, hash, ack)
	                                : other_epoch(db, b, &h, hash, ack);
	if (rc == KE_FORK)
		fault_set(f, rc, b->host, "open a new epoch", "does not continue epoch %s after record %llu",
		        h.epoch[0] ? h.epoch : "(none)", (unsigned long long)h.seq);
	return rc;
}

int chain_append(struct db *db, const struct store_batch *b, struct store_ack *ack, struct fault *f)
{
	int rc = batch_take(db, b, ack, f);

	/* a row is there whose place was free: half of the batch is written, so the transaction is lost */
	return rc == KE_EXIST ? KE_STORE : rc;
}
