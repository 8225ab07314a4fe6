/* health.c — for load balancers: does the process answer, and can it store what it is sent? Answers everybody, with no
 * more than a status. */
#include "server-stub/api/api_in.h"

void health_live(struct http_request *req)
{
	http_reply(req, 204, NULL, NULL, 0, NULL);
}

void health_ready(struct http_request *req)
{
	struct api *api = req->app;

	if (store_ready(api->store, NULL))
		http_problem_busy(req, 503, 5, NULL);
	else
		http_reply(req, 204, NULL, NULL, 0, NULL);
}
