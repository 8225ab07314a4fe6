/* refusals.c — what hosts refused, and why, newest first. Answers operators. */
#include "server-stub/api/api_in.h"

struct list {
	struct jsonw w;
	size_t show, seen;
	int64_t last;
	bool more;
};

static int row(void *ctx, const struct store_refusal_row *r)
{
	struct list *l = ctx;
	struct jsonw *w = &l->w;

	if (l->seen == l->show) {
		l->more = true;
		return 1;
	}
	l->seen++;
	l->last = r->id;
	jsonw_object(w, NULL);
	jsonw_int(w, "id", r->id);
	jsonw_string(w, "host", r->host);
	jsonw_time(w, "time", r->time);
	jsonw_time(w, "received", r->received);
	jsonw_string(w, "what", r->what);
	jsonw_string(w, "name", r->name);
	jsonw_string(w, "code", r->code);
	jsonw_string(w, "reason", r->reason);
	if (r->serial >= 0)
		jsonw_int(w, "serial", r->serial);
	jsonw_object_end(w);
	return 0;
}

void refusals_list(struct http_request *req)
{
	struct api *api = req->app;
	struct answer now = answer_now(req);
	struct buf json = BUF_INIT(API_REPLY_MAX);
	struct list l = { .w = JSONW_INIT(&json, 0) };
	struct store_page page = { .newest = true };
	char host[64];
	struct fault f = { 0 };
	int has_host = query_text(req, "host", host, sizeof host, &f);
	int rc = has_host < 0 ? has_host : query_page(req, "after", &page, &l.show, &f);

	jsonw_object(&l.w, NULL);
	jsonw_array(&l.w, "refusals");
	if (!rc)
		rc = store_refusal_list(api->store, has_host ? host : NULL, &page, row, &l, &f);
	if (rc < 0) {
		buf_free(&json);
		answer_fault(&now, rc, &f);
		return;
	}
	jsonw_array_end(&l.w);
	if (l.more)
		jsonw_int(&l.w, "next", l.last);
	jsonw_object_end(&l.w);
	answer_json(&now, 200, &json);
}
