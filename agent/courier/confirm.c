/* confirm.c — does the way to the server still work after the change? Only a connection that was made after the question
 * can tell: an old one may live on under rules that would refuse it today. Not subject to the server's wish for silence: a host
 * that may not ask would undo a good plan. */
#include <stdlib.h>

#include "agent/courier/courier_in.h"
#include "agent/courier/problem.h"

static void confirmed(void *ctx, const struct transfer_answer *a)
{
	struct errand *e = ctx;
	struct courier *c = e->courier;
	struct frame fr = frame_make(FRAME_CONFIRMED, e->id);
	char text[PROBLEM_TEXT_ROOM];

	courier_heard(c, a, true);
	if (a->fault) {
		errand_failed(c, FRAME_CONFIRMED, e->id, FRAME_FAILED, 0, a->fault, NULL);
	} else if (a->status != 200 && a->status != 204) {
		errand_failed(c, FRAME_CONFIRMED, e->id, FRAME_FAILED, 0, NULL,
		        problem_text(a->status, a->body, a->len, text));
	} else {
		fr.status = FRAME_OK;
		outbox_send(&c->outbox, &fr, -1);
	}
	errand_end(e);
}

void confirm_begin(struct courier *c, const struct frame *fr)
{
	char *url = courier_url(c, "/v1/hosts/%s/assignment?wait=0", c->opt.config->host);
	struct errand *e = errand_new(c, fr->id);
	struct fault f = { 0 };
	int rc = url && e ? KE_OK : fault_set(&f, KE_NOMEM, NULL, NULL, "%s", "");

	if (!rc) {
		const struct transfer_request rq = { .url = url,
			.max = COURIER_FETCH_MAX,
			.timeout_ms = c->opt.times.confirm_ms,
			.fresh = true };
		rc = transfer_start(c->transfers, &rq, confirmed, e, &e->transfer, &f);
	}
	if (rc) {
		if (e)
			errand_end(e);
		errand_failed(c, FRAME_CONFIRMED, fr->id, FRAME_FAILED, 0, &f, NULL);
	}
	free(url);
}
