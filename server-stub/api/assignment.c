/* assignment.c — what a host is told: of each policy the newest rollout whose wave has come to this host, at once when that is
 * another answer than the one the host has seen, else as soon as it becomes one. Advice only: the host looks every name up
 * in verified metadata and decides itself whether it is meant, and when. A host that is told a generation it did not ask
 * for takes the one it is told, also when it is lower (a server restored from a backup). Polls are woken by any change;
 * those that it does not concern go on waiting, without a word to the host. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/assignment.h"
#include "server-stub/api/api_in.h"
#include "server-stub/api/board.h"
#include "server-stub/api/publish.h"

/* Parked with the request. */
struct poll {
	int64_t generation;
	int64_t until_ms; /* by the boot-time clock */
};

static void seen_done(void *ctx, int rc, const struct store_ack *ack, const struct fault *f)
{
	(void)rc;
	(void)ack;
	(void)f;
	free(ctx);
}

/* A poll is a sign of life; a full queue may drop it. */
static void seen(struct api *api, const char *host)
{
	struct seen {
		struct store_batch batch;
		char host[64];
	} *s = calloc(1, sizeof *s);

	if (!s)
		return;
	snprintf(s->host, sizeof s->host, "%.63s", host);
	s->batch = (struct store_batch){
		.host = s->host, .received = api_now(api), .done = seen_done, .ctx = s
	};
	if (store_submit(api->store, &s->batch))
		free(s);
}

static void tell(struct http_request *req, const char *const *paths, size_t n, int64_t generation)
{
	char etag[32], *body = NULL;
	struct http_field fields[] = { { "ETag", etag }, { "Cache-Control", "no-store" }, { NULL, NULL } };
	struct answer now = answer_now(req);
	size_t len = 0;

	snprintf(etag, sizeof etag, "\"%lld\"", (long long)generation);
	int rc = assignment_print(req->who.name, generation, paths, n, &body, &len);
	if (rc)
		answer_fault(&now, rc, NULL);
	else
		http_reply(req, 200, API_JSON, body, len, fields);
	free(body);
}

/* Answer when there is something else than GENERATION on the board that HOLD gives. false: nothing new. */
static bool tell_news(struct http_request *req, int64_t generation,
        int (*hold)(struct api *api, struct board **ret, struct fault *f))
{
	const char *paths[ASSIGNMENT_MAX_ROLLOUTS];
	struct api *api = req->app;
	struct answer now = answer_now(req);
	struct board *b = NULL;
	struct fault f = { 0 };
	int64_t present = 0;
	int rc = hold(api, &b, &f);

	if (rc) {
		answer_fault(&now, rc == KE_BUSY || rc == KE_NOMEM ? rc : KE_STORE, &f);
		return true;
	}
	size_t n = board_assign(b, req->who.name, paths, ASSIGNMENT_MAX_ROLLOUTS, &present);
	bool news = b->news.generation > 0 && present != generation;
	if (news)
		tell(req, paths, n, present);
	board_let(api, b);
	return news;
}

static http_wake_fn woken;

/* Park until there is news or P's time is up; P is the request's then. false: it cannot be parked. */
static bool wait_on(struct http_request *req, struct poll *p)
{
	const struct api *api = req->app;
	int64_t left = p->until_ms - clock_boot_ms(api->clock);

	/* Watch, look, park: news in between are not missed. */
	return left > 0 && !http_watch(req, PUBLISH_KEY) && !http_park(req, NULL, (unsigned)left, woken, p);
}

static void woken(struct http_request *req, enum http_wake why, void *arg)
{
	struct poll *p = arg;

	if (why == HTTP_GONE) {
		free(p);
		return;
	}
	bool woken_up = why == HTTP_WOKEN && !http_watch(req, PUBLISH_KEY);
	if (woken_up && tell_news(req, p->generation, board_last)) {
		free(p);
		return;
	}
	if (woken_up && wait_on(req, p))
		return;
	http_reply(req, 204, NULL, NULL, 0, NULL);
	free(p);
}

void assignment_get(struct http_request *req)
{
	struct answer now = answer_now(req);
	int64_t wait = 0, generation = 0;
	struct fault f = { 0 };
	int rc = query_int(req, "wait", 0, 60, 0, &wait, &f);

	if (!rc)
		rc = query_int(req, "generation", 0, STRICT_INT_MAX, 0, &generation, &f);
	/* Watch, look, park: a publication in between is not missed. */
	if (!rc && wait && (rc = http_watch(req, PUBLISH_KEY)))
		fault_set(&f, rc, NULL, NULL, "%s", err_text(rc));
	if (rc) {
		answer_fault(&now, rc, &f);
		return;
	}
	seen(req->app, req->who.name);
	if (tell_news(req, generation, board_hold))
		return;
	struct poll *p = wait ? malloc(sizeof *p) : NULL;
	if (p)
		*p = (struct poll){ generation,
			clock_boot_ms(((struct api *)req->app)->clock) + wait * 1000 };
	if (!p || !wait_on(req, p)) {
		free(p);
		http_reply(req, 204, NULL, NULL, 0, NULL);
	}
}
