/* tokens.c — one-time enrolment tokens: made, listed, withdrawn, by admins. The secret leaves the server once, in the
 * answer to its making; the store keeps its hash. A token carries the pin of the server CA and the hash of the newest
 * published root.json, so before the first publication none can be made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "certs/hostid.h"
#include "certs/token.h"
#include "proto/reader.h"
#include "server-stub/api/list.h"

#define LABELS_MAX    32
#define LIFETIME_MAX  (30 * 86400)
#define LIFETIME_USED 3600

static const struct strict_limits body_limits = { .max_bytes = 16384, .max_nodes = 256, .max_depth = 3 };

struct wish {
	struct cJSON *tree; /* owned; labels point into it */
	const char *host;   /* "" none */
	struct store_label labels[LABELS_MAX];
	size_t n_labels;
	int64_t expires_in;
};

static int labels_read(const struct place *doc, struct wish *w, struct fault *f)
{
	struct place labels, item = { 0 };
	int rc = read_object(doc, "labels", &labels, f);

	if (!rc && place_count(&labels) > LABELS_MAX)
		return place_fault(&labels, f, KE_RANGE, NULL, "more than %d labels", LABELS_MAX);
	while (!rc && place_next(&labels, &item)) {
		struct store_label *l = &w->labels[w->n_labels];
		l->name = item.name;
		if (!item.name[0] || strlen(item.name) > 64)
			return place_fault(&item, f, KE_NAME, NULL, "a label's name has 1 to 64 bytes");
		if (!(rc = place_string(&item, 0, 255, &l->value, f)))
			w->n_labels++;
	}
	return rc;
}

static int wish_read(const struct task *t, struct wish *w, struct fault *f)
{
	static const char *const known[] = { "host", "labels", "expires_in", NULL };
	int rc = strict_parse(t->body ? t->body : "", t->body_len, &body_limits, &w->tree, f);

	if (rc)
		return rc;
	struct place doc = place_root(w->tree);
	if ((rc = read_members(&doc, known, f)) ||
	        (rc = read_opt_string(&doc, "host", 63, &w->host, "", f)) ||
	        (rc = read_opt_int(&doc, "expires_in", 60, LIFETIME_MAX, &w->expires_in, LIFETIME_USED, f)))
		return rc;
	if (w->host[0] && (rc = hostid_check("host", w->host, f)))
		return rc;
	return read_has(&doc, "labels") ? labels_read(&doc, w, f) : KE_OK;
}

static int make(
        struct task *t, const struct wish *w, struct token *ret, int64_t *ret_expires, struct fault *f)
{
	unsigned char root[SHA256_LEN], digest[SHA256_LEN];
	char hash[STORE_HEX_ROOM];
	int rc = catalogue_root(t->api, root, f);

	if (rc)
		return rc == KE_NOENT ? KE_CONFLICT : rc; /* 409: not now */
	const struct settings *s = settings_hold(t->api);
	rc = token_make(s->pin, root, ret, f);
	settings_let(t->api);
	if (rc)
		return rc;
	token_hash(ret, digest);
	struct store_token entry = { .id = ret->id,
		.secret_sha256 = hex_encode(digest, sizeof digest, hash),
		.host = w->host,
		.labels = w->labels,
		.label_count = w->n_labels,
		.expires = t->actor.as.time + w->expires_in };
	*ret_expires = entry.expires;
	return store_token_create(t->api->store, &t->actor.as, &entry, f);
}

static void create_run(void *arg)
{
	struct task *t = arg;
	struct wish wish = { 0 };
	struct token token = { 0 };
	struct fault f = { 0 };
	char text[TOKEN_ROOM];
	int64_t expires = 0;
	int rc = wish_read(t, &wish, &f);

	if (rc == KE_SCHEMA)
		answer_fault_as(&t->answer, 400, rc, &f);
	if (!rc)
		rc = make(t, &wish, &token, &expires, &f);
	if (!rc) {
		static const struct http_field fields[] = { { "Cache-Control", "no-store" }, { NULL, NULL } };
		struct buf json = BUF_INIT(1024);
		struct jsonw w = JSONW_INIT(&json, 0);
		jsonw_object(&w, NULL);
		jsonw_string(&w, "token", token_format(&token, text));
		jsonw_string(&w, "id", token.id);
		jsonw_time(&w, "expires", expires);
		jsonw_object_end(&w);
		answer_bytes(&t->answer, json.rc ? 500 : 201, API_JSON, json.data, json.len, fields);
		buf_free(&json);
	} else if (rc != KE_SCHEMA) {
		answer_fault(&t->answer, rc, &f);
	}
	explicit_bzero(text, sizeof text);
	token_wipe(&token);
	cJSON_Delete(wish.tree);
	task_free(t);
}

void tokens_create(struct http_request *req)
{
	struct task *t = calloc(1, sizeof *t);
	struct answer now = answer_now(req);

	if (!t)
		answer_fault(&now, KE_NOMEM, NULL);
	else if (!task_start(req, t, create_run))
		free(t);
}

/* ---- listing ---- */

static int row(void *ctx, const struct store_token *t)
{
	struct list *l = ctx;
	struct jsonw *w = &l->w;

	if (!list_takes_text(l, t->id))
		return LIST_FULL;
	jsonw_object(w, NULL);
	jsonw_string(w, "id", t->id);
	if (t->host[0])
		jsonw_string(w, "host", t->host);
	jsonw_object(w, "labels");
	for (size_t i = 0; i < t->label_count; i++)
		jsonw_string(w, t->labels[i].name, t->labels[i].value);
	jsonw_object_end(w);
	jsonw_time(w, "created", t->created);
	jsonw_string(w, "created_by", t->created_by);
	jsonw_time(w, "expires", t->expires);
	if (t->used) {
		jsonw_time(w, "used", t->used);
		jsonw_string(w, "used_by", t->used_by);
	}
	jsonw_object_end(w);
	return 0;
}

void tokens_list(struct http_request *req)
{
	struct api *api = req->app;
	struct list l;
	char after[64];
	int64_t limit = 0;
	struct fault f = { 0 };

	list_begin(&l, req, "tokens");
	int has_after = query_text(req, "after", after, sizeof after, &f);
	int rc = has_after < 0 ? has_after
	                       : query_int(req, "limit", 1, API_LIST_MAX, API_LIST_DEFAULT, &limit, &f);

	l.show = (size_t)limit;
	if (!rc)
		rc = store_token_list(api->store, has_after ? after : NULL, (unsigned)limit + 1, row, &l, &f);
	list_end(&l, rc, &f);
}

/* ---- withdrawing ---- */

struct withdrawal {
	struct task task;
	char id[HTTP_TARGET_MAX];
};

static void delete_run(void *arg)
{
	struct withdrawal *d = arg;
	struct fault f = { 0 };
	int rc = store_token_remove(d->task.api->store, &d->task.actor.as, d->id, &f);

	if (rc)
		answer_fault(&d->task.answer, rc, &f);
	else
		answer_empty(&d->task.answer, 204);
	task_free(&d->task);
}

void tokens_delete(struct http_request *req)
{
	struct withdrawal *d = calloc(1, sizeof *d);
	struct answer now = answer_now(req);

	if (!d) {
		answer_fault(&now, KE_NOMEM, NULL);
		return;
	}
	snprintf(d->id, sizeof d->id, "%s", http_param(req, "id"));
	if (!task_start(req, &d->task, delete_run))
		free(d);
}
