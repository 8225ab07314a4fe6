/* rollout_history.c — GET /v1/rollouts/{policy}/history: what was decided about a policy's rollouts, by the server and by
 * operators, newest first. The same stands in the audit trail, with its hash chain. */
#include "server-stub/api/list.h"
#include "server-stub/store/execution.h"

static int row(void *ctx, const struct store_event *e)
{
	struct list *l = ctx;
	struct jsonw *w = &l->w;

	if (!list_takes(l, e->id))
		return LIST_FULL;
	jsonw_object(w, NULL);
	jsonw_int(w, "id", e->id);
	jsonw_string(w, "policy", e->policy);
	jsonw_int(w, "serial", e->serial);
	jsonw_time(w, "time", e->time);
	jsonw_string(w, "actor", e->actor);
	jsonw_string(w, "action", e->action);
	if (e->wave)
		jsonw_int(w, "wave", e->wave);
	jsonw_string(w, "why", e->why);
	jsonw_object_end(w);
	return 0;
}

void rollouts_history(struct http_request *req)
{
	struct api *api = req->app;
	struct store_page page = { .newest = true };
	struct list l;
	struct fault f = { 0 };

	list_begin(&l, req, "events");
	int rc = query_page(req, "before", &page, &l.show, &f);
	if (!rc)
		rc = store_event_list(api->store, http_param(req, "policy"), &page, row, &l, &f);
	list_end(&l, rc, &f);
}
