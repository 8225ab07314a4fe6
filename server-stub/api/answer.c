/* answer.c — the ways in which this API answers: JSON, problems with the words of our faults, at once or by ticket. The
 * one place where an error code becomes a status. Used by every resource. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server-stub/api/api_in.h"
#include "server-stub/http/answer.h"

struct answer answer_now(struct http_request *req)
{
	return (struct answer){ .req = req };
}

bool answer_later(struct http_request *req, struct answer *ret)
{
	struct answer a = { .server = req->server };

	if (!http_defer(req, &a.ticket))
		return false;
	*ret = a;
	return true;
}

void answer_bytes(const struct answer *a, int status, const char *type, const void *body, size_t len,
        const struct http_field *fields)
{
	if (a->req)
		http_reply(a->req, status, type, body, len, fields);
	else if (http_reply_later(a->server, a->ticket, status, type, body, len, fields))
		/* Without memory for the answer: a small one, else the server's own deadline answers. */
		http_reply_later(a->server, a->ticket, 503, NULL, NULL, 0, NULL);
}

void answer_empty(const struct answer *a, int status)
{
	answer_bytes(a, status, NULL, NULL, 0, NULL);
}

void answer_json(const struct answer *a, int status, struct buf *json)
{
	if (json->rc)
		answer_fault(a, json->rc, NULL);
	else
		answer_bytes(a, status, API_JSON, json->data, json->len, NULL);
	buf_free(json);
}

int status_of(int code)
{
	switch (code) {
	case KE_NOENT:
		return 404;
	case KE_FORBIDDEN:
		return 403;
	case KE_EXIST:
	case KE_CONFLICT:
	case KE_FORK:
		return 409;
	case KE_TOOBIG:
		return 413;
	case KE_BUSY:
	case KE_STORE:
	case KE_CLOSED:
		return 503;
	case KE_USAGE:
	case KE_SYNTAX:
	case KE_RANGE:
	case KE_NAME:
	case KE_VALUE:
	case KE_DUPLICATE:
	case KE_UNKNOWN:
		return 400;
	case KE_NOMEM:
	case KE_IO:
	case KE_SYSTEM:
		return 500;
	default:
		return 422;
	}
}

void problem_open(struct jsonw *w, int status, int code, const struct fault *f)
{
	char type[64], text[1024];

	snprintf(type, sizeof type, "urn:kedge:error:%s", err_name(code));
	jsonw_object(w, NULL);
	jsonw_string(w, "type", type);
	jsonw_string(w, "title", http_status_text(status));
	jsonw_int(w, "status", status);
	jsonw_string(w, "detail", f && f->code ? fault_line(f, text, sizeof text) : err_text(code));
	jsonw_string(w, "code", err_name(code));
}

void problem_send(const struct answer *a, int status, struct jsonw *w)
{
	static const struct http_field later[] = { { "Retry-After", "2" }, { NULL, NULL } };
	static const struct http_field challenge[] = { { "WWW-Authenticate", "Basic realm=\"kedge\"" },
		{ NULL, NULL } };

	jsonw_object_end(w);
	answer_bytes(a, status, HTTP_PROBLEM_TYPE, w->out->rc ? NULL : w->out->data,
	        w->out->rc ? 0 : w->out->len,
	        status == 503   ? later
	        : status == 401 ? challenge
	                        : NULL);
	buf_free(w->out);
}

void answer_fault_as(const struct answer *a, int status, int code, const struct fault *f)
{
	struct buf json = BUF_INIT(HTTP_PROBLEM_MAX);
	struct jsonw w = JSONW_INIT(&json, 0);

	problem_open(&w, status, code, f);
	problem_send(a, status, &w);
}

void answer_fault(const struct answer *a, int code, const struct fault *f)
{
	answer_fault_as(a, status_of(code), code, f);
}

/* ---- tasks ---- */

bool task_start(struct http_request *req, struct task *t, worker_fn *run)
{
	struct api *api = req->app;

	t->api = api;
	actor_of(&t->actor, req);
	if (!answer_later(req, &t->answer))
		return false;
	t->body = http_body_take(req, &t->body_len);
	int rc = worker_post(api->worker, run, t);
	if (!rc)
		return true;
	answer_fault(&t->answer, rc, NULL);
	free(t->body);
	t->body = NULL;
	return false;
}

void task_free(struct task *t)
{
	free(t->body);
	free(t);
}

void question_start(struct http_request *req, const char *param, worker_fn *run)
{
	const char *name = param ? http_param(req, param) : "";
	struct question *q = calloc(1, sizeof *q);
	struct answer now = answer_now(req);

	if (!q || strlen(name) >= sizeof q->name) {
		answer_fault(&now, q ? KE_NOENT : KE_NOMEM, NULL);
		free(q);
		return;
	}
	memcpy(q->name, name, strlen(name) + 1);
	if (!task_start(req, &q->task, run))
		free(q);
}
