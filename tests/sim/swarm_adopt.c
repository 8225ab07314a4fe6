/* swarm_adopt.c — one rollout on its way to one host: a whole TUF refresh over the wire, the rollout's target, the policy's target,
 * the host's own checks, a kernel that is simulated, and a confirmation over a connection of its own. Every byte is verified,
 * by every host. Whatever does not pass ends the adoption; the next assignment begins another. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/plan.h"
#include "tests/sim/swarm_in.h"

enum fetches { REFRESHES, FINDS_ROLLOUT, FINDS_POLICY };

struct adoption {
	char path[TARGET_PATH_MAX + 1];
	int64_t generation, serial;
	enum fetches stage;
	bool target; /* the fetch under way is of the target itself */
	struct trust *trust;
	struct rollout *rollout;
	unsigned char hash[SHA256_LEN];
	bool waits;      /* for its confirmation */
	int64_t written; /* when */
};

#define CONFIRM_TIMEOUT 120 /* seconds, as the agent's */
#define RECONFIRM       2

static void step(struct sim_host *h);

void adopt_drop(struct sim_host *h)
{
	struct adoption *a = h->adoption;

	if (!a)
		return;
	trust_free(a->trust);
	rollout_free(a->rollout);
	free(a);
	h->adoption = NULL;
	wire_close(h->second);
	h->second = NULL;
}

/* It will not be; poll on. */
static void failed(struct sim_host *h, const struct fault *f)
{
	struct adoption *a = h->adoption;

	host_trouble(h, a->path, f);
	h->generation = a->generation;
	adopt_drop(h);
	host_go(h);
}

static struct held_policy *held(struct sim_host *h, const char *name)
{
	for (size_t i = 0; i < HOST_POLICIES; i++)
		if (!h->held[i].serial || strcmp(h->held[i].name, name) == 0)
			return &h->held[i];
	return NULL;
}

/* ---- the kernel ---- */

static enum apply_result fate(const struct sim_host *h, int64_t serial)
{
	uint64_t z = (h->swarm->opt.seed + (uint64_t)serial) * 0x9e3779b97f4a7c15u + h->index;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	unsigned draw = (unsigned)((z ^ z >> 31) % 1000);
	if (draw < h->swarm->opt.refuses)
		return APPLY_FAILED;
	return draw < h->swarm->opt.refuses + h->swarm->opt.goes_back ? APPLY_REVERTED : APPLY_CONFIRMED;
}

static void ended(struct sim_host *h, enum apply_result result, const char *reason)
{
	struct adoption *a = h->adoption;
	struct held_policy *p = held(h, a->rollout->policy);

	say_apply(h, a->rollout, result, reason, a->hash);
	if (p)
		p->state = result == APPLY_CONFIRMED ? "applied" : "held";
	say_status(h);
	h->swarm->counts.confirmed += result == APPLY_CONFIRMED;
	h->swarm->counts.failed += result == APPLY_FAILED;
	h->swarm->counts.reverted += result == APPLY_REVERTED;
	int64_t serial = a->serial;
	adopt_drop(h);
	h->counted = serial; /* when the outbox is empty next time, the server knows how it ended */
	if (h->stage < STAGE_WRITTEN)
		host_stage(h, serial, STAGE_WRITTEN);
}

static void confirm(struct sim_host *h);

static void confirmed(void *ctx, const struct wire_answer *answer)
{
	struct sim_host *h = ctx;
	bool good = answer->status == 200 || answer->status == 204;
	struct fault f = { 0 };

	wire_close(h->second);
	h->second = NULL;
	if (!h->adoption)
		return;
	if (!good) {
		fault_set(
		        &f, KE_HTTP, "confirmation", NULL, "status %d %.100s", answer->status, answer->body);
		host_trouble(h, "not confirmed", &f);
		if (swarm_now() < h->adoption->written + CONFIRM_TIMEOUT) {
			host_after(h, RECONFIRM);
			return;
		}
	}
	h->adoption->waits = false;
	ended(h, good ? APPLY_CONFIRMED : APPLY_REVERTED, good ? NULL : "no confirmation in time");
	if (!h->sending)
		host_go(h);
}

/* Is the way to the server still there after the write? */
static void confirm(struct sim_host *h)
{
	struct wire_to to = h->swarm->as_host;
	char path[128];

	to.cert = h->cert;
	to.key = h->key;
	snprintf(path, sizeof path, "/v1/hosts/%s/assignment?wait=0", h->id);
	h->second = wire_open(&to);
	if (!h->second || !wire_ask(h->second, "GET", path, "", NULL, 0, confirmed, h)) {
		const struct wire_answer none = { .etag = "", .body = "" };
		confirmed(h, &none);
	}
}

static void write_kernel(struct sim_host *h)
{
	struct adoption *a = h->adoption;
	struct held_policy *p = held(h, a->rollout->policy);
	enum apply_result result = fate(h, a->serial);

	h->generation = a->generation;
	trust_free(a->trust);
	a->trust = NULL;
	if (p) {
		snprintf(p->name, sizeof p->name, "%s", a->rollout->policy);
		p->version = a->rollout->version;
		p->serial = a->serial;
		p->state = "unconfirmed";
	}
	if (result == APPLY_FAILED) {
		ended(h, result, "net.ipv4.tcp_syn_retries: Invalid argument");
	} else if (result == APPLY_REVERTED) {
		ended(h, result, "no confirmation in time");
	} else {
		say_apply(h, a->rollout, APPLY_APPLIED, NULL, a->hash);
		say_status(h);
		host_stage(h, a->serial, STAGE_WRITTEN);
		a->waits = true;
		a->written = swarm_now();
		confirm(h);
	}
	host_go(h);
}

/* ---- fetching ---- */

static int take_policy(struct sim_host *h, const void *data, size_t len, struct fault *f)
{
	struct adoption *a = h->adoption;
	struct policy *p = NULL;
	int rc = policy_parse(data, len, &p, f);

	if (!rc)
		rc = selector_check(p->selector, &h->facts, f);
	if (!rc)
		rc = plan_hash(p, a->hash);
	policy_free(p);
	return rc;
}

static int take_rollout(struct sim_host *h, const void *data, size_t len, struct fault *f)
{
	struct adoption *a = h->adoption;
	int rc = rollout_parse(data, len, &a->rollout, f);

	if (!rc && a->rollout->serial != a->serial)
		rc = fault_set(f, KE_MISMATCH, a->path, NULL, "says another serial");
	if (!rc && (rc = rollout_check(a->rollout, h->id, &h->facts, swarm_now(), f))) {
		say_refusal(h, a->rollout, a->path, f);
		h->swarm->counts.refused++;
	}
	return rc;
}

static int take_target(struct sim_host *h, const void *data, size_t len, struct fault *f)
{
	struct adoption *a = h->adoption;
	const struct tuf_target *t = NULL;
	int rc = trust_target(a->trust, &t);

	if (!rc && !(rc = trust_target_check(t, data, len, f)))
		rc = a->stage == FINDS_ROLLOUT ? take_rollout(h, data, len, f) : take_policy(h, data, len, f);
	return rc;
}

static void came(void *ctx, const struct wire_answer *answer)
{
	struct sim_host *h = ctx;
	struct adoption *a = h->adoption;
	struct fault f = { 0 };
	int rc;

	if (!answer->status || answer->status >= 500 || !a) {
		host_retreat(h); /* and begin anew */
		return;
	}
	bool there = answer->status == 200;
	if (!a->target) {
		rc = trust_give(a->trust, there ? answer->body : NULL, there ? answer->len : 0, &f);
	} else {
		a->target = false;
		rc = there ? take_target(h, answer->body, answer->len, &f)
		           : fault_set(&f, KE_NOENT, a->path, NULL, "status %d", answer->status);
		if (!rc && a->stage == FINDS_ROLLOUT && a->rollout->action == ROLLOUT_APPLY) {
			a->stage = FINDS_POLICY;
			rc = trust_find(a->trust, a->rollout->target_path, &f);
		} else if (!rc) {
			write_kernel(h);
			return;
		}
	}
	if (rc)
		failed(h, &f);
	else
		step(h);
}

static int ask(struct sim_host *h, const char *kind, const char *file)
{
	char path[512];

	snprintf(path, sizeof path, "/v1/repo/%s/%.400s", kind, file);
	return h->wire && wire_ask(h->wire, "GET", path, "", NULL, 0, came, h) ? KE_OK : KE_IO;
}

/* The search is over: fetch what it found. */
static int ask_target(struct sim_host *h, struct fault *f)
{
	struct adoption *a = h->adoption;
	const struct tuf_target *t = NULL;
	struct buf file = BUF_INIT(1024);
	int rc = trust_target(a->trust, &t);

	if (!rc)
		rc = trust_target_file(a->trust, t, &file);
	if (rc)
		return fault_set(f, rc, a->path, NULL, "%s", err_text(rc));
	a->target = true;
	rc = ask(h, "targets", buf_text(&file));
	buf_free(&file);
	return rc;
}

static int next(struct sim_host *h, struct fault *f)
{
	struct adoption *a = h->adoption;
	struct trust_request rq;
	int rc;

	while (!(rc = trust_next(a->trust, &rq, f))) {
		if (rq.ask == TRUST_FETCH)
			return ask(h, "metadata", rq.file);
		if (rq.ask == TRUST_LOAD) /* there is no disk */
			rc = trust_give(a->trust, NULL, 0, f);
		if (rc)
			return rc;
		if (rq.ask != TRUST_DONE)
			continue;
		if (a->stage != REFRESHES)
			return ask_target(h, f);
		a->stage = FINDS_ROLLOUT;
		if ((rc = trust_find(a->trust, a->path, f)))
			return rc;
	}
	return rc;
}

static void step(struct sim_host *h)
{
	struct fault f = { 0 };
	int rc = next(h, &f);

	if (rc == KE_IO)
		host_retreat(h);
	else if (rc)
		failed(h, &f);
}

/* ---- beginning ---- */

/* The first of A's rollouts that this host does not have. */
static const char *wanted(struct sim_host *h, const struct assignment *a, int64_t *ret_serial)
{
	char name[65];

	for (size_t i = 0; i < a->n; i++) {
		if (target_path_split("rollouts", a->rollouts[i], name, ret_serial))
			continue;
		const struct held_policy *p = held(h, name);
		if (p && *ret_serial > p->serial)
			return a->rollouts[i];
	}
	return NULL;
}

bool adopt_begin(struct sim_host *h, const char *body, size_t len)
{
	struct assignment *as = NULL;
	struct fault f = { 0 };
	int64_t serial = 0;

	if (assignment_parse(body, len, &as, &f)) {
		host_trouble(h, "its assignment", &f);
		return false;
	}
	const char *path = wanted(h, as, &serial);
	struct adoption *a = path && !h->adoption ? calloc(1, sizeof *a) : NULL;
	if (a) {
		snprintf(a->path, sizeof a->path, "%s", path);
		a->generation = as->generation;
		a->serial = serial;
		h->adoption = a;
		host_stage(h, serial, STAGE_TOLD);
	} else {
		h->generation = as->generation;
	}
	assignment_free(as);
	return a != NULL;
}

void adopt_go(struct sim_host *h)
{
	struct adoption *a = h->adoption;
	struct fault f = { 0 };

	if (a->waits) {
		if (!h->second && !ev_is_active(&h->timer))
			confirm(h);
		return;
	}
	a->stage = REFRESHES;
	if (trust_new(h->swarm->root, h->swarm->root_len, &a->trust, &f)) {
		failed(h, &f);
		return;
	}
	trust_begin(a->trust, swarm_now());
	step(h);
}
