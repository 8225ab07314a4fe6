/* rollout_commands.c — POST /v1/rollouts/{policy}/{pause,resume,abort,retry}: what operators say to a rollout, with the reason,
 * which is asked for. A command is for the newest serial; one that names another is refused, because it was meant for
 * what the operator saw. It is audited in its own transaction and in force when the answer is sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/reader.h"
#include "server-stub/api/api_in.h"
#include "server-stub/api/census.h"

#define WHY_MAX     400
#define TRIES       5
#define EXCUSED_MAX 100000

static const struct strict_limits body_limits = { .max_bytes = 8192, .max_nodes = 16, .max_depth = 2 };

struct command {
	struct task task;
	enum run_command what;
	char policy[65];
	char why[WHY_MAX + 1];
	int64_t serial; /* 0: the newest */
};

static int command_read(struct command *c, struct fault *f)
{
	static const char *const known[] = { "why", "serial", NULL };
	struct cJSON *tree = NULL;
	const char *why;
	int rc = strict_parse(c->task.body ? c->task.body : "", c->task.body_len, &body_limits, &tree, f);

	if (rc)
		return rc;
	struct place doc = place_root(tree);
	if (!(rc = read_members(&doc, known, f)) && !(rc = read_string(&doc, "why", 1, WHY_MAX, &why, f)) &&
	        !(rc = read_opt_int(&doc, "serial", 1, STRICT_INT_MAX, &c->serial, 0, f)))
		snprintf(c->why, sizeof c->why, "%s", why);
	cJSON_Delete(tree);
	return rc;
}

/* ---- hosts that a retry sets aside ---- */

struct excused {
	char **hosts;
	size_t n;
};

static int excuse_row(void *ctx, const struct census_host *h)
{
	struct excused *e = ctx;

	if (!h->fails || h->said->excused)
		return 0;
	if (e->n == EXCUSED_MAX)
		return KE_TOOBIG;
	if (!(e->n & (e->n - 1))) {
		char **more = realloc(e->hosts, (e->n ? 2 * e->n : 1) * sizeof *more);
		if (!more)
			return KE_NOMEM;
		e->hosts = more;
	}
	e->hosts[e->n] = strdup(h->said->host);
	return e->hosts[e->n] ? (e->n++, 0) : KE_NOMEM;
}

static void excused_free(struct excused *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->hosts[i]);
	free(e->hosts);
	*e = (struct excused){ 0 };
}

/* ---- doing ---- */

static int run_find(struct board *b, const struct command *c, const struct board_run **ret, struct fault *f)
{
	const struct board_run *r = board_find(b, c->policy);

	if (!r)
		return fault_set(f, KE_NOENT, c->policy, NULL, "no rollout of it is published");
	if (c->serial && c->serial != r->plan->serial)
		return fault_set(f, KE_CONFLICT, c->policy, "look at its status", "the newest serial is %lld",
		        (long long)r->plan->serial);
	if (!r->plan->rollout)
		return fault_set(
		        f, KE_CONFLICT, c->policy, NULL, "it is kept back already: %s", r->plan->why);
	*ret = r;
	return KE_OK;
}

/* Once, from the board of now. */
static int command_try(struct command *c, struct run *ret, int64_t *ret_serial, struct fault *f)
{
	struct api *api = c->task.api;
	const struct board_run *r = NULL;
	struct excused excused = { 0 };
	struct census census = { .each = excuse_row, .ctx = &excused };
	struct board *b = NULL;
	int rc = board_hold(api, &b, f);

	if (rc)
		return rc;
	rc = run_find(b, c, &r, f);
	if (!rc) {
		*ret = r->run;
		*ret_serial = r->plan->serial;
		rc = run_command(ret, c->what, c->why, c->task.actor.as.time, f);
		if (rc)
			fault_at(f, "%s serial %lld", c->policy, (long long)r->plan->serial);
	}
	if (!rc && c->what == RUN_RETRY)
		rc = census_take(api, r, NULL, &census, f);
	if (!rc) {
		const struct store_deed deed = { .action = run_command_name(c->what),
			.why = c->why,
			.excuse = (const char *const *)excused.hosts,
			.n_excuse = excused.n };
		rc = board_write(api, &c->task.actor.as, r, ret, &deed, f);
		if (rc == KE_CONFLICT)
			rc = KE_BUSY; /* the state was changed meanwhile: again */
	}
	excused_free(&excused);
	board_let(api, b);
	return rc;
}

static void command_run(void *arg)
{
	struct command *c = arg;
	struct fault f = { 0 };
	struct run run;
	int64_t serial = 0;
	int rc = command_read(c, &f);

	if (rc) {
		answer_fault_as(&c->task.answer, rc == KE_NOMEM ? 500 : 400, rc, &f);
		task_free(&c->task);
		return;
	}
	for (int i = 0; (rc = command_try(c, &run, &serial, &f)) == KE_BUSY && i < TRIES; i++)
		;
	if (rc) {
		answer_fault(&c->task.answer, rc, &f);
		task_free(&c->task);
		return;
	}
	struct buf json = BUF_INIT(2048);
	struct jsonw w = JSONW_INIT(&json, 0);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "policy", c->policy);
	jsonw_int(&w, "serial", serial);
	jsonw_string(&w, "state", run_state_name(run.state));
	jsonw_object_end(&w);
	lead_pass(c->task.api, NULL);
	answer_json(&c->task.answer, 200, &json);
	task_free(&c->task);
}

static void command_start(struct http_request *req, enum run_command what)
{
	struct command *c = calloc(1, sizeof *c);
	const char *policy = http_param(req, "policy");
	struct answer now = answer_now(req);

	if (!c) {
		answer_fault(&now, KE_NOMEM, NULL);
		return;
	}
	c->what = what;
	if (strlen(policy) >= sizeof c->policy) {
		answer_fault(&now, KE_NOENT, NULL);
		free(c);
		return;
	}
	snprintf(c->policy, sizeof c->policy, "%s", policy);
	if (!task_start(req, &c->task, command_run))
		free(c);
}

void rollouts_pause(struct http_request *req)
{
	command_start(req, RUN_PAUSE);
}

void rollouts_resume(struct http_request *req)
{
	command_start(req, RUN_RESUME);
}

void rollouts_abort(struct http_request *req)
{
	command_start(req, RUN_ABORT);
}

void rollouts_retry(struct http_request *req)
{
	command_start(req, RUN_RETRY);
}
