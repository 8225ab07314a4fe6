/* rollouts.c — how far each policy's newest rollout has come: what hosts said of it, beside how many there are. "hosts"
 * counts results as hosts reported them for exactly that serial; "elsewhere" are enrolled hosts that have not said
 * anything of it: those that the rollout does not select among them, which only they know. Answers operators. */
#include <string.h>

#include "server-stub/api/api_in.h"

struct counts {
	struct jsonw *w;
	const char *policy;
	int64_t serial;
	uint64_t told;
};

static int count_row(void *ctx, const struct store_rollout_count *r)
{
	struct counts *c = ctx;

	if (r->serial != c->serial || strcmp(r->policy, c->policy) != 0)
		return 0;
	c->told += r->hosts;
	jsonw_int(c->w, r->result[0] ? r->result : "pending", (int64_t)r->hosts);
	return 0;
}

static int rollout_write(
        struct api *api, struct jsonw *w, const struct catalogue_rollout *r, uint64_t fleet, struct fault *f)
{
	struct counts c = { .w = w, .policy = r->policy, .serial = r->serial };

	jsonw_object(w, NULL);
	jsonw_string(w, "policy", r->policy);
	jsonw_int(w, "serial", r->serial);
	jsonw_string(w, "path", r->path);
	jsonw_object(w, "hosts");
	int rc = store_rollout_counts(api->store, r->policy, count_row, &c, f);
	jsonw_object_end(w);
	jsonw_int(w, "told", (int64_t)c.told);
	jsonw_int(w, "elsewhere", fleet > c.told ? (int64_t)(fleet - c.told) : 0);
	jsonw_object_end(w);
	return rc;
}

static int earlier_row(void *ctx, const struct store_rollout_count *r)
{
	struct jsonw *w = ctx;

	jsonw_object(w, NULL);
	jsonw_int(w, "serial", r->serial);
	jsonw_string(w, "result", r->result[0] ? r->result : "pending");
	jsonw_int(w, "hosts", (int64_t)r->hosts);
	jsonw_object_end(w);
	return 0;
}

/* All policies (POLICY NULL), or one with every serial that hosts stand at. */
static void rollouts_answer(struct http_request *req, const char *policy)
{
	struct api *api = req->app;
	struct answer now = answer_now(req);
	struct buf json = BUF_INIT(API_REPLY_MAX);
	struct jsonw w = JSONW_INIT(&json, 0);
	struct catalogue *c = NULL;
	struct store_summary sum;
	struct fault f = { 0 };
	bool found = !policy;
	int rc = catalogue_hold(api, &c, &f);

	if (!rc)
		rc = store_summary(api->store, &sum, &f);
	jsonw_object(&w, NULL);
	if (!rc)
		jsonw_int(&w, "generation", c->generation);
	jsonw_array(&w, "rollouts");
	for (size_t i = 0; !rc && i < c->n; i++) {
		if (policy && strcmp(policy, c->rollouts[i].policy) != 0)
			continue;
		found = true;
		rc = rollout_write(api, &w, &c->rollouts[i], sum.enrolled + sum.forked, &f);
	}
	jsonw_array_end(&w);
	if (!rc && !found)
		rc = fault_set(&f, KE_NOENT, policy, NULL, "no rollout of it is published");
	if (!rc && policy) {
		jsonw_array(&w, "standing_at");
		rc = store_rollout_counts(api->store, policy, earlier_row, &w, &f);
		jsonw_array_end(&w);
	}
	jsonw_object_end(&w);
	if (c)
		catalogue_let(api, c);
	if (rc) {
		buf_free(&json);
		answer_fault(&now, rc == KE_SCHEMA ? KE_STORE : rc, &f);
		return;
	}
	answer_json(&now, 200, &json);
}

void rollouts_list(struct http_request *req)
{
	rollouts_answer(req, NULL);
}

void rollouts_get(struct http_request *req)
{
	rollouts_answer(req, http_param(req, "policy"));
}
