/* rollouts.c — how far each policy's newest rollout has come: its state, its waves with their hosts counted by what they said,
 * who fails and why; and the same from one host's side: what has it got, and why has it not. "hosts" counts results as
 * hosts reported them for exactly that serial; "elsewhere" are enrolled hosts that have not said anything of it. Answers
 * operators. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server-stub/api/api_in.h"
#include "server-stub/api/census.h"

#define FAILING_MAX 100

/* How many hosts stand where, asked once for all that is told of it. */
struct count {
	char policy[65], result[32];
	int64_t serial;
	uint64_t hosts;
};
struct counts {
	struct count *rows; /* owned */
	size_t n;
};

static int count_row(void *ctx, const struct store_rollout_count *r)
{
	struct counts *c = ctx;
	struct count *more =
	        c->n & (c->n - 1) ? c->rows : realloc(c->rows, (c->n ? 2 * c->n : 1) * sizeof *more);

	if (!more)
		return KE_NOMEM;
	c->rows = more;
	struct count *at = &c->rows[c->n++];
	*at = (struct count){ .serial = r->serial, .hosts = r->hosts };
	snprintf(at->policy, sizeof at->policy, "%s", r->policy);
	snprintf(at->result, sizeof at->result, "%s", r->result[0] ? r->result : "pending");
	return 0;
}

static void counts_write(const struct counts *c, struct jsonw *w, const struct board_run *r, uint64_t fleet)
{
	uint64_t told = 0;

	jsonw_object(w, "hosts");
	for (size_t i = 0; i < c->n; i++)
		if (c->rows[i].serial == r->plan->serial && strcmp(c->rows[i].policy, r->policy) == 0) {
			told += c->rows[i].hosts;
			jsonw_int(w, c->rows[i].result, (int64_t)c->rows[i].hosts);
		}
	jsonw_object_end(w);
	jsonw_int(w, "told", (int64_t)told);
	jsonw_int(w, "elsewhere", fleet > told ? (int64_t)(fleet - told) : 0);
}

static void serials_write(const struct counts *c, struct jsonw *w)
{
	jsonw_array(w, "standing_at");
	for (size_t i = 0; i < c->n; i++) {
		jsonw_object(w, NULL);
		jsonw_int(w, "serial", c->rows[i].serial);
		jsonw_string(w, "result", c->rows[i].result);
		jsonw_int(w, "hosts", (int64_t)c->rows[i].hosts);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

/* ---- waves ---- */

static void opt_time(struct jsonw *w, const char *name, int64_t time)
{
	if (time)
		jsonw_time(w, name, time);
}

static void tally_write(struct jsonw *w, const struct tally *t)
{
	jsonw_int(w, "hosts", t->hosts);
	if (t->missing)
		jsonw_int(w, "missing", t->missing);
	jsonw_int(w, "reached", t->reached);
	jsonw_int(w, "answered", t->answered);
	jsonw_int(w, "begun", t->begun);
	jsonw_int(w, "good", t->good);
	for (enum gate g = 0; g < GATE_COUNT; g++)
		jsonw_int(w, gate_name(g), tally_of(t, g));
}

static void wave_write(
        struct jsonw *w, const struct board_run *r, const struct tally *waves, size_t i, int64_t now)
{
	const struct rollout *plan = r->plan->rollout;
	const struct wave_run *run = &r->run.waves[i];
	char text[RUN_TEXT_ROOM];

	jsonw_object(w, NULL);
	jsonw_int(w, "wave", (int64_t)i + 1);
	if (!plan->standing) {
		if (plan->waves[i].n_canaries)
			jsonw_int(w, "canaries", (int64_t)plan->waves[i].n_canaries);
		else
			jsonw_int(w, "share", plan->waves[i].share);
		jsonw_time(w, "opens", plan->start + plan->waves[i].opens_after);
		jsonw_time(w, "closes", plan->start + plan->waves[i].opens_before);
	}
	jsonw_string(w, "state", wave_state_name(run->state));
	jsonw_bool(w, "told", run_told(&r->run, i));
	opt_time(w, "opened", plan->standing ? 0 : run->opened);
	opt_time(w, "settled", plan->standing ? 0 : run->settled);
	tally_write(w, &waves[i]);
	jsonw_string(w, "waits_for", run_waits_for(plan, &r->run, waves, i, now, text));
	jsonw_object_end(w);
}

struct failing {
	struct jsonw w;
	unsigned n;
};

static int failing_row(void *ctx, const struct census_host *h)
{
	struct failing *list = ctx;
	struct jsonw *w = &list->w;

	if (!h->fails || list->n++ >= FAILING_MAX)
		return 0;
	jsonw_object(w, NULL);
	jsonw_string(w, "host", h->said->host);
	jsonw_int(w, "wave", (int64_t)h->wave + 1);
	jsonw_string(w, "outcome", stand_name(h->outcome));
	jsonw_string(w, "why", h->why);
	if (h->said->excused)
		jsonw_bool(w, "excused", true);
	jsonw_object_end(w);
	return 0;
}

/* The waves, and who fails: one walk over the fleet, so that they agree. */
static int waves_write(struct api *api, struct jsonw *w, const struct board_run *r, struct fault *f)
{
	struct buf text = BUF_INIT(API_REPLY_MAX);
	struct failing failing = { .w = JSONW_INIT(&text, 0) };
	struct census c = { .each = failing_row, .ctx = &failing };

	jsonw_array(&failing.w, NULL);
	int rc = census_take(api, r, NULL, &c, f);
	jsonw_array_end(&failing.w);
	if (!rc && text.rc)
		rc = fault_set(f, text.rc, NULL, NULL, "%s", "");
	jsonw_array(w, "waves");
	for (size_t i = 0; !rc && i < r->run.n_waves; i++)
		wave_write(w, r, c.waves, i, api_now(api));
	jsonw_array_end(w);
	jsonw_int(w, "failing", failing.n);
	jsonw_raw(w, "failing_hosts", rc ? "[]" : buf_text(&text), rc ? 2 : text.len);
	buf_free(&text);
	return rc;
}

static int rollout_write(struct api *api, struct jsonw *w, const struct board_run *r,
        const struct counts *counts, uint64_t fleet, struct fault *f)
{
	const struct rollout *plan = r->plan->rollout;
	int rc;

	jsonw_object(w, NULL);
	jsonw_string(w, "policy", r->policy);
	jsonw_int(w, "serial", r->plan->serial);
	jsonw_string(w, "path", r->plan->path);
	jsonw_string(w, "state", plan ? run_state_name(r->run.state) : "unreadable");
	jsonw_string(w, "reason", plan ? r->run.reason : r->plan->why);
	if (plan) {
		jsonw_string(w, "action", plan->action == ROLLOUT_APPLY ? "apply" : "remove");
		jsonw_int(w, "version", plan->version);
		jsonw_bool(w, "standing", plan->standing);
		if (r->revision)
			jsonw_time(w, "since", r->run.since);
		gates_print(&plan->gates, w);
	}
	counts_write(counts, w, r, fleet);
	rc = waves_write(api, w, r, f);
	jsonw_object_end(w);
	return rc;
}

/* The rollouts of all policies (POLICY NULL), or of one with every serial that hosts stand at. */
static int rollouts_write(struct api *api, struct jsonw *w, const char *policy, struct fault *f)
{
	struct board *b = NULL;
	struct counts counts = { 0 };
	struct store_summary sum;
	bool found = !policy;
	int rc = board_hold(api, &b, f);

	if (!rc)
		rc = store_summary(api->store, &sum, f);
	if (!rc)
		rc = store_rollout_counts(api->store, policy, count_row, &counts, f);
	if (!rc)
		jsonw_int(w, "generation", b->news.generation);
	jsonw_array(w, "rollouts");
	for (size_t i = 0; !rc && i < b->catalogue->n; i++) {
		if (policy && strcmp(policy, b->newest[i].policy) != 0)
			continue;
		found = true;
		rc = rollout_write(api, w, &b->newest[i], &counts, sum.enrolled + sum.forked, f);
	}
	jsonw_array_end(w);
	if (!rc && !found)
		rc = fault_set(f, KE_NOENT, policy, NULL, "no rollout of it is published");
	if (!rc && policy)
		serials_write(&counts, w);
	free(counts.rows);
	if (b)
		board_let(api, b);
	return rc;
}

static void rollouts_run(void *arg)
{
	struct question *q = arg;
	struct buf json = BUF_INIT(API_REPLY_MAX);
	struct jsonw w = JSONW_INIT(&json, 0);
	struct fault f = { 0 };

	jsonw_object(&w, NULL);
	int rc = rollouts_write(q->task.api, &w, q->name[0] ? q->name : NULL, &f);
	jsonw_object_end(&w);
	if (rc) {
		buf_free(&json);
		answer_fault(&q->task.answer, rc == KE_SCHEMA ? KE_STORE : rc, &f);
	} else {
		answer_json(&q->task.answer, 200, &json);
	}
	task_free(&q->task);
}

void rollouts_list(struct http_request *req)
{
	question_start(req, NULL, rollouts_run);
}

void rollouts_get(struct http_request *req)
{
	question_start(req, "policy", rollouts_run);
}
