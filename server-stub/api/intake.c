/* intake.c — the door for reports. A line counts only when its signature verifies with the key that its epoch was opened
 * with; that key is in the store, or, for an epoch that begins here, in the record itself, for which the certificate of
 * the connection vouches. Whether the batch continues the host's history is the store's to judge, in its transaction.
 * Called by reports.c on a worker. */
#include "server-stub/api/intake.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/codec.h"

static size_t lines_count(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n + (len && text[len - 1] != '\n');
}

/* The key of the batch's epoch, with which every line is verified. */
static int key_choose(struct store *store, struct intake *in, const struct record *first,
        unsigned char *ret_key, struct fault *f)
{
	char known[STORE_HEX_ROOM];
	struct record_epoch e;
	int rc = store_epoch_key(store, in->host, in->epoch, known, f);

	if (rc && rc != KE_NOENT)
		return rc;
	bool is_known = !rc;
	if (is_known && !hex_decode(known, strlen(known), ret_key, RECORD_KEY_LEN))
		return fault_set(f, KE_STORE, in->host, NULL, "the stored record key cannot be read");
	if (first->kind != RECORD_EPOCH)
		return is_known ? KE_OK
		                : fault_set(f, KE_FORK, in->host, "open a new epoch",
		                          "epoch %s is not known here", in->epoch);
	rc = record_epoch_read(first, &e, f);
	if (rc)
		return rc;
	if (is_known && memcmp(e.key, ret_key, RECORD_KEY_LEN) != 0)
		return fault_set(f, KE_FORK, in->host, "open a new epoch", "epoch %s has another record key",
		        in->epoch);
	memcpy(ret_key, e.key, RECORD_KEY_LEN);
	return KE_OK;
}

/* The batch begins: host, epoch, and for its first record what opens it. */
static int first_line(
        struct store *store, struct intake *in, struct chain *chain, unsigned char *ret_key, struct fault *f)
{
	const struct record *r = &in->lines[0].record;

	if (strcmp(r->host, in->host) != 0)
		return fault_set(f, KE_FORBIDDEN, "host", NULL, "the record is %s's", r->host);
	snprintf(in->epoch, sizeof in->epoch, "%016" PRIx64, r->epoch);
	*chain = (struct chain){ .epoch = r->epoch, .seq = r->seq - 1 };
	memcpy(chain->host, r->host, sizeof chain->host);
	memcpy(chain->head, r->prev, sizeof chain->head);
	/* A chain begins with zeros; for later records the store compares what comes before. */
	if (r->seq == 1)
		memset(chain->head, 0, sizeof chain->head);
	return key_choose(store, in, r, ret_key, f);
}

static void epoch_point(struct intake *in)
{
	const struct record_epoch *e = &in->lines[0].body.epoch;

	if (in->lines[0].record.kind != RECORD_EPOCH)
		return;
	in->batch.record_key = hex_encode(e->key, sizeof e->key, in->record_key);
	if (!e->has_after)
		return;
	snprintf(in->after_epoch, sizeof in->after_epoch, "%016" PRIx64, e->after_epoch);
	in->batch.after_epoch = in->after_epoch;
	in->batch.after_seq = (uint64_t)e->after_seq;
	in->batch.after_head = hex_encode(e->after_head, sizeof e->after_head, in->after_head);
}

static int line_read(struct store *store, struct intake *in, const char *line, size_t len,
        struct chain *chain, unsigned char *key, struct fault *f)
{
	struct intake_line *l = &in->lines[in->n];
	struct store_record *out = &in->records[in->n];
	int rc = record_parse(line, len, &l->record, f);

	in->n++; /* what it holds is to be freed from here on */
	if (rc)
		return rc;
	if (in->n == 1 && (rc = first_line(store, in, chain, key, f)))
		return rc;
	if (strcmp(l->record.host, in->host) != 0)
		return fault_set(f, KE_FORBIDDEN, "host", NULL, "the record is %s's", l->record.host);
	if ((rc = record_verify(line, len, key, f)) || (rc = chain_continue(chain, &l->record, f)) ||
	        (rc = body_read(&l->record, &l->body, f)))
		return rc;
	*out = (struct store_record){ .seq = (uint64_t)l->record.seq,
		.prev = hex_encode(l->record.prev, sizeof l->record.prev, l->prev),
		.time = l->record.time,
		.kind = record_kind_name(l->record.kind),
		.line = line,
		.line_len = len };
	body_point(&l->record, &l->body, out);
	return KE_OK;
}

int intake_read(struct store *store, const char *host, const char *text, size_t len, struct intake *ret,
        struct fault *f)
{
	unsigned char key[RECORD_KEY_LEN] = { 0 };
	struct chain chain = { 0 };
	size_t lines = lines_count(text, len);
	int rc = KE_OK;

	*ret = (struct intake){ .line = 1 };
	snprintf(ret->host, sizeof ret->host, "%s", host);
	if (!lines)
		return fault_set(f, KE_SYNTAX, NULL, NULL, "there is no record");
	if (lines > INTAKE_RECORDS_MAX)
		return fault_set(
		        f, KE_TOOBIG, NULL, "send fewer at once", "more than %d records", INTAKE_RECORDS_MAX);
	ret->lines = calloc(lines, sizeof *ret->lines);
	ret->records = calloc(lines, sizeof *ret->records);
	if (!ret->lines || !ret->records)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	for (const char *p = text, *end = text + len; !rc && p < end; ret->line++) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		size_t n = stop ? (size_t)(stop - p) : (size_t)(end - p);
		rc = line_read(store, ret, p, n, &chain, key, f);
		if (rc)
			return rc;
		p += n + 1;
	}
	ret->batch = (struct store_batch){
		.host = ret->host, .epoch = ret->epoch, .records = ret->records, .count = ret->n
	};
	epoch_point(ret);
	return KE_OK;
}

void intake_clear(struct intake *in)
{
	for (size_t i = 0; i < in->n; i++) {
		record_clear(&in->lines[i].record);
		body_clear(&in->lines[i].body);
	}
	free(in->lines);
	free(in->records);
	*in = (struct intake){ 0 };
}
