/* fetch.c — one file of the repository, as bytes. Whether they are good is the keeper's question; here only their number is
 * bounded. 403 counts as absent, as with a CDN that hides what is missing. */
#include <stdlib.h>
#include <unistd.h>

#include "agent/courier/courier_in.h"
#include "agent/courier/problem.h"
#include "agent/courier/url.h"
#include "agent/ipc/seal.h"

static void fetched(void *ctx, const struct transfer_answer *a)
{
	struct errand *e = ctx;
	struct courier *c = e->courier;
	struct frame fr = frame_make(FRAME_FETCHED, e->id);
	char text[PROBLEM_TEXT_ROOM];
	struct fault f = { 0 };
	int fd = -1;

	courier_heard(c, a, false);
	if (a->fault) {
		errand_failed(c, FRAME_FETCHED, e->id, FRAME_FAILED, 0, a->fault, NULL);
	} else if (a->status == 404 || a->status == 403) {
		errand_failed(c, FRAME_FETCHED, e->id, FRAME_ABSENT, 0, NULL,
		        problem_text(a->status, a->body, a->len, text));
	} else if (a->status != 200) {
		errand_failed(c, FRAME_FETCHED, e->id, FRAME_FAILED, courier_hold_s(c), NULL,
		        problem_text(a->status, a->body, a->len, text));
	} else if (seal_make("kedge-fetched", a->body, a->len, &fd, &f)) {
		errand_failed(c, FRAME_FETCHED, e->id, FRAME_FAILED, 0, &f, NULL);
	} else {
		fr.status = FRAME_OK;
		fr.a = (int64_t)a->len;
		outbox_send(&c->outbox, &fr, fd);
	}
	errand_end(e);
}

static int fetch_url(const struct courier *c, const struct frame *fr, struct buf *url, struct fault *f)
{
	const char *repo = c->opt.config->repo;

	if (repo)
		buf_str(url, repo);
	else
		buf_fmt(url, "%s/v1/repo", c->opt.config->server);
	buf_str(url, fr->a == FETCH_METADATA ? "/metadata" : "/targets");
	int rc = url_append(url, fr->text);
	return rc ? fault_set(f, rc, fr->text, NULL, "cannot be asked for") : KE_OK;
}

void fetch_begin(struct courier *c, const struct frame *fr)
{
	struct buf url = BUF_INIT(URL_MAX);
	struct fault f = { 0 };
	int64_t hold = courier_hold_s(c);
	struct errand *e = NULL;
	int rc = KE_OK;

	if (hold)
		rc = fault_set(&f, KE_BUSY, NULL, NULL, "the server asked to be left alone for %lld s",
		        (long long)hold);
	if (!rc)
		rc = fetch_url(c, fr, &url, &f);
	if (!rc && !(e = errand_new(c, fr->id)))
		rc = fault_set(&f, KE_NOMEM, NULL, NULL, "%s", "");
	if (!rc) {
		const struct transfer_request rq = { .url = buf_text(&url),
			.max = fr->b > COURIER_FETCH_MAX ? COURIER_FETCH_MAX : (size_t)fr->b,
			.timeout_ms = c->opt.times.fetch_ms };
		rc = transfer_start(c->transfers, &rq, fetched, e, &e->transfer, &f);
	}
	if (rc) {
		if (e)
			errand_end(e);
		errand_failed(c, FRAME_FETCHED, fr->id, FRAME_FAILED, hold, &f, NULL);
	}
	buf_free(&url);
}
