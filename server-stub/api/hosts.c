/* hosts.c — the fleet as its hosts told it, and the end of one: revoking. "online" means heard of within three polls, "mia"
 * not for a day; a revoked host is "revoked" whatever it does. Answers operators only; reads are a page each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server-stub/api/list.h"

/* What rows about hosts need to know. */
struct view {
	struct list list;
	struct jsonw *w;   /* where to: list.w, or the one host's document */
	const char *state; /* NULL: any */
	int64_t now, poll;
};

static const char *state_of(const struct store_host *h, int64_t now, int64_t poll)
{
	int64_t heard = h->last_seen ? h->last_seen : h->created;

	if (strcmp(h->state, "revoked") == 0)
		return "revoked";
	if (now - heard > API_MIA_SECONDS)
		return "mia";
	return h->last_seen && now - heard <= 3 * poll ? "online" : "offline";
}

static void policies_write(struct jsonw *w, const struct store_host *h)
{
	jsonw_array(w, "policies");
	for (size_t i = 0; i < h->policy_count; i++) {
		const struct store_policy_state *p = &h->policies[i];
		jsonw_object(w, NULL);
		jsonw_string(w, "name", p->policy);
		jsonw_int(w, "version", p->version);
		jsonw_int(w, "serial", p->serial);
		jsonw_string(w, "state", p->state);
		jsonw_string(w, "result", p->result);
		if (p->reason[0])
			jsonw_string(w, "reason", p->reason);
		if (p->time)
			jsonw_time(w, "time", p->time);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void host_write(struct jsonw *w, const struct store_host *h, int64_t now, int64_t poll)
{
	jsonw_string(w, "id", h->id);
	jsonw_string(w, "state", state_of(h, now, poll));
	jsonw_string(w, "enrolment", h->state);
	if (h->last_seen)
		jsonw_time(w, "last_seen", h->last_seen);
	if (h->status_time) {
		jsonw_time(w, "status_time", h->status_time);
		jsonw_string(w, "kernel", h->kernel);
		jsonw_string(w, "agent_version", h->agent_version);
		jsonw_bool(w, "in_sync", h->in_sync);
		jsonw_int(w, "drifted", h->drifted);
	}
	jsonw_raw(w, "labels", h->labels, strlen(h->labels));
	policies_write(w, h);
}

static int list_row(void *ctx, const struct store_host *h)
{
	struct view *v = ctx;

	if (!list_takes_text(&v->list, h->id))
		return LIST_FULL;
	if (v->state && strcmp(v->state, state_of(h, v->now, v->poll)) != 0)
		return 0;
	jsonw_object(v->w, NULL);
	host_write(v->w, h, v->now, v->poll);
	if (h->status_time)
		jsonw_raw(v->w, "facts", h->facts, strlen(h->facts));
	jsonw_object_end(v->w);
	return 0;
}

static int64_t poll_of(struct api *api)
{
	int64_t poll = settings_hold(api)->poll;

	settings_let(api);
	return poll;
}

/* "NAME=VALUE" in TEXT is cut in two. */
static int filter_read(struct http_request *req, struct store_host_filter *filter, struct view *v,
        char *label, char *after, char *state, struct fault *f)
{
	static const char *const states[] = { "online", "offline", "mia", "revoked", NULL };
	int64_t limit;
	int rc = query_int(req, "limit", 1, API_LIST_MAX, API_LIST_DEFAULT, &limit, f);

	if (!rc && (rc = query_text(req, "label", label, 512, f)) > 0) {
		char *equal = strchr(label, '=');
		if (!equal || equal == label)
			return fault_set(f, KE_SYNTAX, "label", NULL, "write label=NAME=VALUE");
		*equal = '\0';
		filter->label_name = label;
		filter->label_value = equal + 1;
	}
	if (rc >= 0 && (rc = query_text(req, "after", after, 64, f)) > 0)
		filter->after = after;
	if (rc >= 0 && (rc = query_text(req, "state", state, 16, f)) > 0) {
		size_t i = 0;
		while (states[i] && strcmp(states[i], state) != 0)
			i++;
		if (!states[i])
			return fault_set(f, KE_UNKNOWN, "state", "use online, offline, mia or revoked",
			        "'%s' is no state", state);
		v->state = state;
	}
	if (rc < 0)
		return rc;
	v->list.show = (size_t)limit;
	filter->limit = (unsigned)limit + 1;
	return KE_OK;
}

/* With ?state= a page may hold fewer hosts than asked for, or none, and still have a next one. */
void hosts_list(struct http_request *req)
{
	struct api *api = req->app;
	struct store_host_filter filter = { 0 };
	struct view v = { .w = &v.list.w, .now = api_now(api), .poll = poll_of(api) };
	char label[512], after[64], state[16];
	struct fault f = { 0 };

	list_begin(&v.list, req, "hosts");
	int rc = filter_read(req, &filter, &v, label, after, state, &f);
	if (!rc)
		rc = store_host_list(api->store, &filter, list_row, &v, &f);
	list_end(&v.list, rc, &f);
}

/* ---- one host ---- */

static int one_row(void *ctx, const struct store_host *h)
{
	struct view *v = ctx;
	struct jsonw *w = v->w;

	host_write(w, h, v->now, v->poll);
	jsonw_time(w, "created", h->created);
	jsonw_object(w, "certificate");
	jsonw_string(w, "sha256", h->cert_sha256);
	jsonw_time(w, "not_after", h->not_after);
	jsonw_object_end(w);
	jsonw_object(w, "chain");
	jsonw_string(w, "epoch", h->epoch);
	jsonw_int(w, "seq", (int64_t)h->seq);
	jsonw_string(w, "head", h->head);
	jsonw_int(w, "forks", (int64_t)h->forks);
	jsonw_object_end(w);
	jsonw_raw(w, "facts", h->facts, strlen(h->facts));
	return 0;
}

static int refusal_row(void *ctx, const struct store_refusal_row *r)
{
	struct jsonw *w = ctx;

	jsonw_object(w, NULL);
	jsonw_time(w, "time", r->time);
	jsonw_string(w, "what", r->what);
	jsonw_string(w, "name", r->name);
	jsonw_string(w, "code", r->code);
	jsonw_string(w, "reason", r->reason);
	if (r->serial >= 0)
		jsonw_int(w, "serial", r->serial);
	jsonw_object_end(w);
	return 0;
}

static int status_row(void *ctx, const struct store_record_row *r)
{
	jsonw_raw(ctx, "status", r->line, r->line_len);
	return 0;
}

void hosts_get(struct http_request *req)
{
	struct api *api = req->app;
	struct answer now = answer_now(req);
	struct buf json = BUF_INIT(API_REPLY_MAX);
	struct jsonw w = JSONW_INIT(&json, 0);
	struct view v = { .w = &w, .now = api_now(api), .poll = poll_of(api) };
	const struct store_page newest = { .limit = 20, .newest = true };
	const char *id = http_param(req, "id");
	struct fault f = { 0 };

	jsonw_object(&w, NULL);
	int rc = store_host_get(api->store, id, one_row, &v, &f);
	if (!rc && (rc = store_record_latest(api->store, id, "status", NULL, status_row, &w, &f)) == KE_NOENT)
		rc = KE_OK;
	jsonw_array(&w, "refusals");
	if (!rc)
		rc = store_refusal_list(api->store, id, &newest, refusal_row, &w, &f);
	if (rc) {
		buf_free(&json);
		answer_fault(&now, rc, &f);
		return;
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	answer_json(&now, 200, &json);
}

/* ---- its records ---- */

static int record_row(void *ctx, const struct store_record_row *r)
{
	struct list *l = ctx;

	if (!list_takes(l, r->id))
		return LIST_FULL;
	jsonw_object(&l->w, NULL);
	jsonw_int(&l->w, "id", r->id);
	jsonw_time(&l->w, "received", r->received);
	jsonw_raw(&l->w, "record", r->line, r->line_len);
	jsonw_object_end(&l->w);
	return 0;
}

static int known_row(void *ctx, const struct store_host *h)
{
	(void)ctx;
	(void)h;
	return 0;
}

/* Newest first; "next" is the value for ?before= of the following page. */
void hosts_reports(struct http_request *req)
{
	struct api *api = req->app;
	struct list l;
	struct store_page page = { .newest = true };
	const char *id = http_param(req, "id");
	char kind[16];
	struct fault f = { 0 };

	list_begin(&l, req, "reports");
	int has_kind = query_text(req, "kind", kind, sizeof kind, &f);
	int rc = has_kind < 0 ? has_kind : query_page(req, "before", &page, &l.show, &f);
	if (!rc)
		rc = store_host_get(api->store, id, known_row, NULL, &f);
	if (!rc)
		rc = store_record_list(api->store, id, has_kind ? kind : NULL, &page, record_row, &l, &f);
	list_end(&l, rc, &f);
}

static int line_row(void *ctx, const struct store_record_row *r)
{
	http_reply(ctx, 200, API_JSON, r->line, r->line_len, NULL);
	return 0;
}

void hosts_sockets(struct http_request *req)
{
	struct api *api = req->app;
	struct answer now = answer_now(req);
	struct fault f = { 0 };
	int rc = store_record_latest(api->store, http_param(req, "id"), "sockets", NULL, line_row, req, &f);

	if (rc)
		answer_fault(&now, rc, &f);
}

/* ---- revoking ---- */

struct revoke {
	struct task task;
	char host[HTTP_TARGET_MAX];
};

static int print_row(void *ctx, const struct store_host *h)
{
	return hex_decode(h->cert_sha256, strlen(h->cert_sha256), ctx, SHA256_LEN) ? 0 : KE_STORE;
}

static void revoke_run(void *arg)
{
	struct revoke *r = arg;
	unsigned char print[SHA256_LEN];
	struct fault f = { 0 };
	int known = store_host_get(r->task.api->store, r->host, print_row, print, NULL);
	int rc = store_host_revoke(r->task.api->store, &r->task.actor.as, r->host, &f);

	if (rc) {
		answer_fault(&r->task.answer, rc, &f);
	} else {
		/* Its open connections would be refused at their next request; a parked one ends now. */
		if (!known)
			api_drop(r->task.api, print);
		answer_empty(&r->task.answer, 204);
	}
	task_free(&r->task);
}

void hosts_delete(struct http_request *req)
{
	struct revoke *r = calloc(1, sizeof *r);
	struct answer now = answer_now(req);

	if (!r) {
		answer_fault(&now, KE_NOMEM, NULL);
		return;
	}
	snprintf(r->host, sizeof r->host, "%s", http_param(req, "id"));
	if (!task_start(req, &r->task, revoke_run))
		free(r);
}
