/* drift.c — who changed what, newest first: by host, key and time. Answers operators. */
#include <string.h>

#include "server-stub/api/list.h"

static int row(void *ctx, const struct store_drift_row *r)
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
	jsonw_string(w, "key", r->key);
	jsonw_string(w, "wanted", r->wanted);
	jsonw_string(w, "old", r->old_value);
	jsonw_string(w, "new", r->new_value);
	jsonw_string(w, "mode", r->mode);
	jsonw_string(w, "action", r->action);
	jsonw_string(w, "source", r->source);
	jsonw_string(w, "policy", r->policy);
	jsonw_int(w, "version", r->version);
	jsonw_raw(w, "writer", r->writer, strlen(r->writer));
	jsonw_object_end(w);
	return 0;
}

/* ?since= is seconds since 1970 or a time as it stands in the answers. */
static int since_read(struct http_request *req, int64_t *ret, struct fault *f)
{
	char text[24];
	int rc = query_text(req, "since", text, sizeof text, f);

	if (rc <= 0) {
		*ret = 0;
		return rc;
	}
	if (time_parse(text, strlen(text), ret))
		return KE_OK;
	return query_int(req, "since", 0, API_TIME_IN_STORE, 0, ret, f);
}

/* "next" is the value for ?after= of the following page. */
void drift_list(struct http_request *req)
{
	struct api *api = req->app;
	struct list l;
	struct store_drift_filter filter = { .page.newest = true };
	char host[64], key[256];
	struct fault f = { 0 };

	list_begin(&l, req, "drift");
	int rc = query_text(req, "host", host, sizeof host, &f);
	if (rc > 0)
		filter.host = host;
	if (rc >= 0 && (rc = query_text(req, "key", key, sizeof key, &f)) > 0)
		filter.key = key;
	if (rc >= 0)
		rc = since_read(req, &filter.since, &f);
	if (!rc)
		rc = query_page(req, "after", &filter.page, &l.show, &f);
	if (!rc)
		rc = store_drift_list(api->store, &filter, row, &l, &f);
	list_end(&l, rc, &f);
}
