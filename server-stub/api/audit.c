/* audit.c — the trail of what was done, with the hashes that chain its rows, oldest first, so that a client can check it
 * from where it stopped. Answers operators. */
#include <string.h>

#include "server-stub/api/api_in.h"

struct list {
	struct jsonw w;
	size_t show, seen;
	int64_t last;
	bool more;
};

/* The detail goes out as the text that was hashed: a reader that parses and prints it again may write it otherwise. */
static int row(void *ctx, const struct store_audit_row *r)
{
	struct list *l = ctx;
	struct jsonw *w = &l->w;

	if (l->seen == l->show) {
		l->more = true;
		return 1;
	}
	l->seen++;
	l->last = r->seq;
	jsonw_object(w, NULL);
	jsonw_int(w, "seq", r->seq);
	jsonw_time(w, "time", r->time);
	jsonw_int(w, "seconds", r->time);
	jsonw_string(w, "actor", r->actor);
	jsonw_string(w, "role", r->role);
	jsonw_string(w, "action", r->action);
	jsonw_string(w, "object", r->object);
	jsonw_string(w, "detail", r->detail);
	jsonw_string(w, "prev", r->prev);
	jsonw_string(w, "hash", r->hash);
	jsonw_object_end(w);
	return 0;
}

void audit_list(struct http_request *req)
{
	struct api *api = req->app;
	struct answer now = answer_now(req);
	struct buf json = BUF_INIT(API_REPLY_MAX);
	struct list l = { .w = JSONW_INIT(&json, 0) };
	struct store_page page = { 0 };
	struct fault f = { 0 };
	int rc = query_page(req, "after", &page, &l.show, &f);

	jsonw_object(&l.w, NULL);
	jsonw_array(&l.w, "audit");
	if (!rc)
		rc = store_audit_list(api->store, &page, row, &l, &f);
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
