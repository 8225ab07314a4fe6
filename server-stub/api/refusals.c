/* refusals.c — what hosts refused, and why, newest first. Answers operators. */
#include "server-stub/api/list.h"

static int row(void *ctx, const struct store_refusal_row *r)
{
	struct list *l = ctx;
	struct jsonw *w = &l->w;

	if (!list_takes(l, r->id))
		return LIST_FULL;
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
	struct list l;
	struct store_page page = { .newest = true };
	char host[64];
	struct fault f = { 0 };

	list_begin(&l, req, "refusals");
	int has_host = query_text(req, "host", host, sizeof host, &f);
	int rc = has_host < 0 ? has_host : query_page(req, "after", &page, &l.show, &f);

	if (!rc)
		rc = store_refusal_list(api->store, has_host ? host : NULL, &page, row, &l, &f);
	list_end(&l, rc, &f);
}
