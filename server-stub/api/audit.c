/* audit.c — the trail of what was done, with the hashes that chain its rows, oldest first, so that a client can check it
 * from where it stopped. Answers operators. */
#include <string.h>

#include "server-stub/api/list.h"

/* The detail goes out as the text that was hashed: a reader that parses and prints it again may write it otherwise. */
static int row(void *ctx, const struct store_audit_row *r)
{
	struct list *l = ctx;
	struct jsonw *w = &l->w;

	if (!list_takes(l, r->seq))
		return LIST_FULL;
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
	struct list l;
	struct store_page page = { 0 };
	struct fault f = { 0 };

	list_begin(&l, req, "audit");
	int rc = query_page(req, "after", &page, &l.show, &f);

	if (!rc)
		rc = store_audit_list(api->store, &page, row, &l, &f);
	list_end(&l, rc, &f);
}
