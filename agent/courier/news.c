/* news.c — the long poll: one request is always out, or a pause is running. The server keeps it until there is an
 * assignment newer than what we have seen. Failures double the pause; a server that answers at once and has nothing is not
 * asked more than once in a gap. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/courier/courier_in.h"
#include "agent/courier/problem.h"
#include "agent/ipc/seal.h"
#include "proto/assignment.h"
#include "proto/log.h"

#define POLL_GRACE_MS 15000 /* beyond the server's own patience */

static void wait_ms(struct courier *c, int64_t ms)
{
	ev_timer_stop(c->opt.loop, &c->news.timer);
	ev_now_update(c->opt.loop);
	ev_timer_set(&c->news.timer, ms > 0 ? (double)ms / 1000.0 : 0.0, 0.0);
	ev_timer_start(c->opt.loop, &c->news.timer);
}

/* "12", with the quotes: the generation. */
static bool generation_of(const char *etag, int64_t *ret)
{
	size_t len = strlen(etag);
	int64_t n = 0;

	if (len < 3 || len > 18 || etag[0] != '"' || etag[len - 1] != '"')
		return false;
	for (size_t i = 1; i < len - 1; i++) {
		if (etag[i] < '0' || etag[i] > '9')
			return false;
		n = 10 * n + (etag[i] - '0');
	}
	*ret = n;
	return true;
}

static int tell_news(struct courier *c, const struct transfer_answer *a, struct fault *f)
{
	struct frame fr = frame_make(FRAME_NEWS, 0);
	int fd = -1;

	if (!generation_of(a->etag, &fr.a))
		return fault_set(f, KE_PROTO, "assignment", NULL, "without a generation in its ETag");
	int rc = seal_make("kedge-assignment", a->body, a->len, &fd, f);
	if (rc)
		return rc;
	c->news.generation = fr.a;
	outbox_send(&c->outbox, &fr, fd);
	return KE_OK;
}

static void poll_failed(struct courier *c, const struct fault *f, int64_t retry_after)
{
	struct news *n = &c->news;
	int64_t ms = backoff_failed(&n->backoff, c->opt.chance(c->opt.chance_ctx), retry_after);
	char line[1024];

	/* The first is news to whoever reads the log, the hundredth is not. */
	if (n->backoff.failures == 1)
		log_warning("no news from the server retry_ms=%" PRId64 " reason=\"%s\"", ms,
		        fault_line(f, line, sizeof line));
	else
		log_debug("no news from the server retry_ms=%" PRId64 " reason=\"%s\"", ms,
		        fault_line(f, line, sizeof line));
	wait_ms(c, ms);
}

static void polled(void *ctx, const struct transfer_answer *a)
{
	struct courier *c = ctx;
	struct news *n = &c->news;
	struct fault f = { 0 };
	char text[PROBLEM_TEXT_ROOM];

	n->transfer = 0;
	courier_heard(c, a, false);
	if (a->fault) {
		poll_failed(c, a->fault, 0);
		return;
	}
	int rc = KE_OK;
	if (a->status == 200)
		rc = tell_news(c, a, &f);
	else if (a->status != 204)
		rc = fault_set(&f, KE_HTTP, NULL, NULL, "%s", problem_text(a->status, a->body, a->len, text));
	if (rc) {
		poll_failed(c, &f, a->retry_after);
		return;
	}
	if (n->backoff.failures)
		log_info("the server answers again");
	backoff_succeeded(&n->backoff);
	wait_ms(c, n->begun_ms + c->opt.times.gap_ms - courier_now(c));
}

static void poll_begin(struct courier *c)
{
	struct news *n = &c->news;
	struct fault f = { 0 };
	char *url = courier_url(c, "/v1/hosts/%s/assignment?wait=%" PRId64 "&generation=%" PRId64,
	        c->opt.config->host, c->opt.times.poll_s, n->generation);
	const struct transfer_request rq = { .url = url,
		.max = ASSIGNMENT_MAX_BYTES,
		.timeout_ms = c->opt.times.poll_s * 1000 + POLL_GRACE_MS,
		.patient = true };

	n->begun_ms = courier_now(c);
	int rc = url ? transfer_start(c->transfers, &rq, polled, c, &n->transfer, &f) : KE_NOMEM;
	if (rc)
		poll_failed(c, &f, 0);
	free(url);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	poll_begin(timer->data);
}

void news_open(struct courier *c)
{
	c->news.backoff = (struct backoff){ .first_ms = c->opt.times.first_ms,
		.max_ms = c->opt.config->retry_max_s * 1000 };
	ev_init(&c->news.timer, on_timer);
	c->news.timer.data = c;
}

/* While a pause after a failure runs, it is kept: asking is no reason to hurry. */
void news_from(struct courier *c, int64_t generation)
{
	struct news *n = &c->news;

	n->generation = generation;
	n->wanted = true;
	if (n->transfer) {
		transfer_cancel(c->transfers, n->transfer);
		n->transfer = 0;
	}
	if (!ev_is_active(&n->timer))
		wait_ms(c, 0);
}

void news_close(struct courier *c)
{
	ev_timer_stop(c->opt.loop, &c->news.timer);
}
