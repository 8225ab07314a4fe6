/* assignment.c — what a host is told: the newest rollout of each policy, at once when the repository is another than the
 * one the host has seen, else as soon as it changes. Advice only: the host looks every name up in verified metadata and
 * decides itself whether it is meant, and when. A host that is told a generation it did not ask for takes the one it is
 * told, also when it is lower (a server restored from a backup). */
#include <stdio.h>
#include <stdlib.h>

#include "proto/assignment.h"
#include "server-stub/api/api_in.h"
#include "server-stub/api/publish.h"

/* Parked with the request. */
struct poll {
	int64_t generation;
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

static void tell(struct http_request *req, const struct catalogue *c)
{
	const char *paths[ASSIGNMENT_MAX_ROLLOUTS];
	char etag[32], *body = NULL;
	struct http_field fields[] = { { "ETag", etag }, { "Cache-Control", "no-store" }, { NULL, NULL } };
	struct answer now = answer_now(req);
	size_t n = 0, len = 0;

	for (; n < c->n && n < ASSIGNMENT_MAX_ROLLOUTS; n++)
		paths[n] = c->rollouts[n].path;
	snprintf(etag, sizeof etag, "\"%lld\"", (long long)c->generation);
	int rc = assignment_print(req->who.name, c->generation, paths, n, &body, &len);
	if (rc)
		answer_fault(&now, rc, NULL);
	else
		http_reply(req, 200, API_JSON, body, len, fields);
	free(body);
}

/* Answer when there is something else than GENERATION. false: nothing new. */
static bool tell_news(struct http_request *req, int64_t generation)
{
	struct api *api = req->app;
	struct answer now = answer_now(req);
	struct catalogue *c = NULL;
	struct fault f = { 0 };
	int rc = catalogue_hold(api, &c, &f);

	if (rc) {
		answer_fault(&now, rc == KE_BUSY || rc == KE_NOMEM ? rc : KE_STORE, &f);
		return true;
	}
	bool news = c->generation > 0 && c->generation != generation;
	if (news)
		tell(req, c);
	catalogue_let(api, c);
	return news;
}

static void woken(struct http_request *req, enum http_wake why, void *arg)
{
	struct poll *p = arg;

	if (why != HTTP_GONE && !(why == HTTP_WOKEN && tell_news(req, p->generation)))
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
	if (tell_news(req, generation))
		return;
	struct poll *p = wait ? malloc(sizeof *p) : NULL;
	if (p)
		p->generation = generation;
	if (!p || http_park(req, NULL, (unsigned)wait * 1000, woken, p)) {
		free(p);
		http_reply(req, 204, NULL, NULL, 0, NULL);
	}
}
