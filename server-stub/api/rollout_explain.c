/* rollout_explain.c — GET /v1/hosts/{id}/rollouts: of each policy, has this host got the newest rollout, and if not, why: nobody
 * can read the plan, it is meant for others, no wave holds it, its wave waits (for what), somebody held the rollout back, or
 * the host was told and has not answered, or answered otherwise. Answers operators. */
#include <stdio.h>
#include <string.h>

#include "server-stub/api/api_in.h"
#include "server-stub/api/census.h"

#define WHY_ROOM 768

struct view {
	struct api *api;
	const struct board_run *run;
	struct tally waves[ROLLOUT_MAX_WAVES]; /* of the whole fleet: what a wave waits for */
	struct jsonw *w;
	bool meant; /* the census came to the host */
};

static const char *told_why(const struct view *v, const struct census_host *h, char why[WHY_ROOM])
{
	char since[TIME_TEXT_ROOM], seen[TIME_TEXT_ROOM];
	int64_t opened = v->run->run.waves[h->wave].opened;

	switch (h->outcome) {
	case STAND_GOOD:
		snprintf(why, WHY_ROOM, "it has it%s%s", h->why[0] ? ", but " : "", h->why);
		break;
	case STAND_BEGUN:
		snprintf(why, WHY_ROOM, "it has begun: applied, and not confirmed yet");
		break;
	case STAND_SILENT:
		snprintf(why, WHY_ROOM, "it is told since %s and has not answered; last heard of %s",
		        v->run->plan->rollout->standing ? "the publication" : time_format(opened, since),
		        h->said->last_seen ? time_format(h->said->last_seen, seen) : "never");
		break;
	case STAND_FAILED:
	case STAND_REVERTED:
		snprintf(why, WHY_ROOM, "it %s: %s", stand_name(h->outcome),
		        h->why[0] ? h->why : "it does not say why");
		break;
	}
	return why;
}

static const char *why_of(const struct view *v, const struct census_host *h, char why[WHY_ROOM])
{
	const struct run *run = &v->run->run;
	char text[RUN_TEXT_ROOM];

	if (h->outcome != STAND_SILENT || run_told(run, h->wave))
		return told_why(v, h, why);
	if (run->state != RUN_RUNNING && run->state != RUN_DONE)
		snprintf(why, WHY_ROOM, "the rollout is %s%s%s", run_state_name(run->state),
		        run->reason[0] ? ": " : "", run->reason);
	else
		snprintf(why, WHY_ROOM, "wave %zu %s", h->wave + 1,
		        run_waits_for(v->run->plan->rollout, run, v->waves, h->wave, api_now(v->api), text));
	return why;
}

static int host_row(void *ctx, const struct census_host *h)
{
	struct view *v = ctx;
	char why[WHY_ROOM];

	v->meant = true;
	jsonw_int(v->w, "wave", (int64_t)h->wave + 1);
	jsonw_string(v->w, "wave_state", wave_state_name(v->run->run.waves[h->wave].state));
	jsonw_bool(v->w, "told", run_told(&v->run->run, h->wave));
	jsonw_string(v->w, "outcome", stand_name(h->outcome));
	jsonw_string(v->w, "why", why_of(v, h, why));
	return 0;
}

/* Not meant, or nobody knows: the census passes such hosts over. */
static void others_write(struct view *v, const char *host)
{
	const struct plan *plan = v->run->plan;
	char why[WHY_ROOM];
	size_t wave;

	if (!plan->rollout)
		snprintf(why, sizeof why, "it is kept back from all hosts: %s", plan->why);
	else if (!rollout_wave_of(plan->rollout, host, &wave))
		snprintf(why, sizeof why, "no wave holds it: its place is %u of 0 to 999",
		        rollout_place(plan->rollout->salt, host));
	else
		snprintf(
		        why, sizeof why, "it is meant for other hosts, by what this one last told of itself");
	jsonw_string(v->w, "why", why);
}

static int run_write(
        struct api *api, struct jsonw *w, const struct board_run *r, const char *host, struct fault *f)
{
	struct view v = { .api = api, .run = r, .w = w };
	struct census fleet = { 0 }, one = { .each = host_row, .ctx = &v };
	bool waits = r->run.state == RUN_RUNNING; /* only then a wave waits for what others answer */
	int rc = r->plan->rollout && waits ? census_take(api, r, NULL, &fleet, f) : KE_OK;

	memcpy(v.waves, fleet.waves, sizeof v.waves);
	jsonw_object(w, NULL);
	jsonw_string(w, "policy", r->policy);
	jsonw_int(w, "serial", r->plan->serial);
	jsonw_string(w, "state", r->plan->rollout ? run_state_name(r->run.state) : "unreadable");
	if (!rc && r->plan->rollout)
		rc = census_take(api, r, host, &one, f);
	if (!rc && !v.meant)
		others_write(&v, host);
	jsonw_object_end(w);
	return rc;
}

static int known_row(void *ctx, const struct store_host *h)
{
	(void)ctx;
	(void)h;
	return 0;
}

static int host_write(struct api *api, struct jsonw *w, const char *host, struct fault *f)
{
	struct board *b = NULL;
	int rc = store_host_get(api->store, host, known_row, NULL, f);

	if (!rc)
		rc = board_hold(api, &b, f);
	jsonw_string(w, "host", host);
	jsonw_array(w, "rollouts");
	for (size_t i = 0; !rc && i < b->catalogue->n; i++)
		rc = run_write(api, w, &b->newest[i], host, f);
	jsonw_array_end(w);
	if (b)
		board_let(api, b);
	return rc;
}

static void explain_run(void *arg)
{
	struct question *q = arg;
	struct buf json = BUF_INIT(API_REPLY_MAX);
	struct jsonw w = JSONW_INIT(&json, 0);
	struct fault f = { 0 };

	jsonw_object(&w, NULL);
	int rc = host_write(q->task.api, &w, q->name, &f);
	jsonw_object_end(&w);
	if (rc) {
		buf_free(&json);
		answer_fault(&q->task.answer, rc == KE_SCHEMA ? KE_STORE : rc, &f);
	} else {
		answer_json(&q->task.answer, 200, &json);
	}
	task_free(&q->task);
}

void rollouts_of_host(struct http_request *req)
{
	question_start(req, "id", explain_run);
}
