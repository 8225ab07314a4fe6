/* reports.c — POST /v1/hosts/{id}/reports: signed lines in, an acknowledgement out, after the commit and never before.
 * Sending the same batch again is acknowledged again and stores nothing. A second history is answered with the head that
 * is stored (409), so that the host can say that it starts anew. Reading and verifying is a worker's job, storing the
 * store's writer's; a full queue says 503. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server-stub/api/api_in.h"
#include "server-stub/api/gunzip.h"
#include "server-stub/api/intake.h"

struct report {
	struct task task;
	char host[64];
	bool gzip;
	struct buf text; /* of a gzip body */
	struct intake intake;
};

static void report_free(struct report *r)
{
	intake_clear(&r->intake);
	buf_free(&r->text);
	task_free(&r->task);
}

/* Zeros stand for "nothing yet": a head of a form that hosts read always. */
static void head_write(struct jsonw *w, const char *epoch, uint64_t seq, const char *head)
{
	static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

	jsonw_object(w, "head");
	jsonw_string(w, "epoch", epoch[0] ? epoch : zeros + STORE_HEX_ROOM - STORE_EPOCH_ROOM);
	jsonw_int(w, "seq", (int64_t)seq);
	jsonw_string(w, "head", head[0] ? head : zeros);
	jsonw_object_end(w);
}

static int head_row(void *ctx, const struct store_host *h)
{
	head_write(ctx, h->epoch, h->seq, h->head);
	return 0;
}

/* A problem with the stored head, from ACK or from the host's row. */
static void fork_answer(struct report *r, const struct store_ack *ack, const struct fault *f)
{
	struct buf json = BUF_INIT(HTTP_PROBLEM_MAX);
	struct jsonw w = JSONW_INIT(&json, 0);

	problem_open(&w, 409, KE_FORK, f);
	if (ack)
		head_write(&w, ack->epoch, ack->acked, ack->head);
	else
		store_host_get(r->task.api->store, r->host, head_row, &w, NULL);
	problem_send(&r->task.answer, 409, &w);
}

static void line_answer(struct report *r, int rc, size_t line, const struct fault *f)
{
	struct buf json = BUF_INIT(HTTP_PROBLEM_MAX);
	struct jsonw w = JSONW_INIT(&json, 0);

	problem_open(&w, 422, rc, f);
	jsonw_int(&w, "line", (int64_t)line);
	jsonw_string(&w, "path", f->where);
	problem_send(&r->task.answer, 422, &w);
}

static void refuse(struct report *r, int rc, const struct fault *f)
{
	if (rc == KE_FORBIDDEN || rc == KE_SIGNATURE || rc == KE_FORK) {
		char reason[64];
		snprintf(reason, sizeof reason, "reports: %s", err_name(rc));
		store_denial_count(r->task.api->store, r->task.actor.name, reason, r->task.actor.as.time);
	}
	if (rc == KE_FORK)
		fork_answer(r, NULL, f);
	else if (rc == KE_FORBIDDEN || rc == KE_TOOBIG || status_of(rc) >= 500)
		answer_fault(&r->task.answer, rc, f);
	else
		line_answer(r, rc, r->intake.line, f);
}

/* On the store's writer: hand over and return. */
static void stored(void *ctx, int rc, const struct store_ack *ack, const struct fault *f)
{
	struct report *r = ctx;
	struct buf json = BUF_INIT(512);
	struct jsonw w = JSONW_INIT(&json, 0);

	if (rc == KE_FORK) {
		fork_answer(r, ack, f);
	} else if (rc == KE_CHAIN || rc == KE_SCHEMA) {
		line_answer(r, rc, ack->at + 1, f);
	} else if (rc) {
		answer_fault(&r->task.answer, rc == KE_NOENT ? KE_FORBIDDEN : rc, f);
	} else {
		jsonw_object(&w, NULL);
		jsonw_int(&w, "acked", (int64_t)ack->acked);
		jsonw_string(&w, "epoch", ack->epoch);
		jsonw_object_end(&w);
		answer_json(&r->task.answer, 200, &json);
	}
	report_free(r);
}

static int report_read(struct report *r, struct fault *f)
{
	const char *text = r->task.body ? r->task.body : "";
	size_t len = r->task.body_len;

	if (r->gzip) {
		int rc = gunzip(text, len, &r->text);
		if (rc)
			return fault_set(f, rc, "body", NULL, "%s",
			        rc == KE_SYNTAX ? "is not one gzip member" : "is larger than allowed");
		text = buf_text(&r->text);
		len = r->text.len;
	}
	return intake_read(r->task.api->store, r->host, text, len, &r->intake, f);
}

static void report_run(void *arg)
{
	struct report *r = arg;
	struct fault f = { 0 };
	int rc = report_read(r, &f);

	if (!rc) {
		r->intake.batch.received = r->task.actor.as.time;
		r->intake.batch.done = stored;
		r->intake.batch.ctx = r;
		rc = store_submit(r->task.api->store, &r->intake.batch);
		if (!rc)
			return; /* R is the writer's now */
		fault_set(&f, rc, NULL, NULL, "%s", err_text(rc));
	}
	refuse(r, rc, &f);
	report_free(r);
}

/* Exactly WANTED, parameters aside. */
static bool type_is(const char *type, const char *wanted)
{
	size_t n = strlen(wanted);

	return type && strncasecmp(type, wanted, n) == 0 && (!type[n] || type[n] == ';' || type[n] == ' ');
}

void reports_post(struct http_request *req)
{
	const char *coding = http_field_get(req, "content-encoding");
	struct answer now = answer_now(req);
	bool gzip = coding && strcasecmp(coding, "gzip") == 0;

	if (!type_is(http_field_get(req, "content-type"), "application/x-ndjson") ||
	        (coding && !gzip && strcasecmp(coding, "identity") != 0)) {
		struct fault f = { 0 };
		answer_fault_as(&now, 415,
		        fault_set(&f, KE_UNSUPPORTED, "Content-Type", NULL,
		                "application/x-ndjson is wanted, plain or gzip"),
		        &f);
		return;
	}
	struct report *r = calloc(1, sizeof *r);
	if (!r) {
		answer_fault(&now, KE_NOMEM, NULL);
		return;
	}
	r->gzip = gzip;
	r->text = BUF_INIT(INTAKE_BYTES_MAX);
	snprintf(r->host, sizeof r->host, "%.63s", req->who.name);
	if (!task_start(req, &r->task, report_run))
		free(r);
}
