/* push.c — a batch of records to the server, and what became of it. Bytes go as they came: signed lines are not ours to
 * read. Compressed when worth it; a server that does not know gzip (415) is asked again without, once for all. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/courier/courier_in.h"
#include "agent/courier/gzip.h"
#include "agent/courier/problem.h"
#include "agent/ipc/seal.h"
#include "proto/log.h"

static int push_send(struct errand *e, struct fault *f);

static void acked(struct errand *e, const struct transfer_answer *a)
{
	struct frame fr = frame_make(FRAME_PUSHED, e->id);
	struct fault f = { 0 };
	uint64_t epoch = 0;

	if (acked_parse(a->body, a->len, &fr.a, &epoch, &f)) {
		fault_at(&f, "answer to the batch");
		errand_failed(e->courier, FRAME_PUSHED, e->id, FRAME_FAILED, 0, &f, NULL);
		return;
	}
	fr.status = FRAME_OK;
	fr.b = (int64_t)epoch; /* the same 64 bits */
	outbox_send(&e->courier->outbox, &fr, -1);
}

static void refused(struct errand *e, const struct transfer_answer *a)
{
	struct courier *c = e->courier;
	char text[PROBLEM_TEXT_ROOM];

	if (a->status == 409 && problem_head(a->body, a->len, text, NULL) == KE_OK)
		errand_failed(c, FRAME_PUSHED, e->id, FRAME_FORKED, 0, NULL, text);
	else if (a->status >= 400 && a->status < 500 && a->status != 429 && a->status != 408)
		errand_failed(c, FRAME_PUSHED, e->id, FRAME_REFUSED, 0, NULL,
		        problem_text(a->status, a->body, a->len, text));
	else
		errand_failed(c, FRAME_PUSHED, e->id, FRAME_FAILED, courier_hold_s(c), NULL,
		        problem_text(a->status, a->body, a->len, text));
}

static void pushed(void *ctx, const struct transfer_answer *a)
{
	struct errand *e = ctx;
	struct courier *c = e->courier;
	struct fault f = { 0 };

	courier_heard(c, a, false);
	log_debug("a batch of %zu bytes: %s %d", e->len, a->fault ? a->fault->what : "answered", a->status);
	if (!a->fault && a->status == 415 && !e->plain) {
		c->no_gzip = true;
		if (push_send(e, &f) == KE_OK)
			return;
		errand_failed(c, FRAME_PUSHED, e->id, FRAME_FAILED, 0, &f, NULL);
	} else if (a->fault) {
		errand_failed(c, FRAME_PUSHED, e->id, FRAME_FAILED, 0, a->fault, NULL);
	} else if (a->status == 200) {
		acked(e, a);
	} else {
		refused(e, a);
	}
	errand_end(e);
}

static int push_send(struct errand *e, struct fault *f)
{
	struct courier *c = e->courier;
	char *url = courier_url(c, "/v1/hosts/%s/reports", c->opt.config->host);
	unsigned char *packed = NULL;
	size_t packed_len = 0;
	int rc = url ? KE_OK : KE_NOMEM;

	e->plain = c->no_gzip || e->len < GZIP_WORTH;
	if (!rc && !e->plain)
		rc = gzip_make(e->batch, e->len, &packed, &packed_len);
	if (rc)
		fault_set(f, rc, "batch", NULL, "%s", "");
	const struct transfer_request rq = { .url = url,
		.type = "application/x-ndjson",
		.body = packed ? (const void *)packed : e->batch,
		.len = packed ? packed_len : e->len,
		.gzip = packed != NULL,
		.max = TRANSFER_PROBLEM_MAX,
		.timeout_ms = c->opt.times.push_ms };
	if (!rc)
		rc = transfer_start(c->transfers, &rq, pushed, e, &e->transfer, f);
	free(packed);
	free(url);
	return rc;
}

void push_begin(struct courier *c, const struct frame *fr, int payload)
{
	struct fault f = { 0 };
	int64_t hold = courier_hold_s(c);
	struct errand *e = errand_new(c, fr->id);
	int rc = KE_OK;

	if (!e) {
		close(payload);
		fault_set(&f, KE_NOMEM, NULL, NULL, "%s", "");
		errand_failed(c, FRAME_PUSHED, fr->id, FRAME_FAILED, hold, &f, NULL);
		return;
	}
	if (hold)
		rc = fault_set(&f, KE_BUSY, NULL, NULL, "the server asked to be left alone for %lld s",
		        (long long)hold);
	if (!rc)
		rc = seal_copy(payload, COURIER_PUSH_MAX, &e->batch, &e->len, &f);
	if (!rc)
		rc = push_send(e, &f);
	close(payload);
	if (!rc)
		return;
	errand_end(e);
	errand_failed(c, FRAME_PUSHED, fr->id, FRAME_FAILED, hold, &f, NULL);
}
