/* verify.c — the machine behind verify.h. `drive` runs until bytes are needed; each step names what it waits for. The order of
 * checks is the one of the architecture: target of current metadata, then the rollout's own words (host, window), the
 * floor, then the policy against what the rollout promised. */
#include "agent/keeper/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/keeper/cache.h"
#include "proto/codec.h"

#define POLICY_MAX_BYTES (4 << 20)

enum step {
	STEP_IDLE,
	STEP_REFRESH,
	STEP_NEXT, /* begin with paths[at] */
	STEP_FIND_ROLLOUT,
	STEP_GET_ROLLOUT,
	STEP_FIND_POLICY,
	STEP_GET_POLICY,
};

struct verify {
	struct trust *trust;
	struct verify_owner owner;
	enum step step;
	uint32_t next_id;
	uint32_t awaited; /* id of the fetch under way; 0: none */
	size_t most;      /* bytes of its answer */
	int64_t now;
	char **paths; /* rollouts of this round */
	size_t n_paths, at;
	int64_t serial;          /* of paths[at] */
	struct rollout *rollout; /* verified */
};

int verify_new(struct trust *t, const struct verify_owner *owner, struct verify **ret)
{
	struct verify *v = calloc(1, sizeof *v);

	if (!v)
		return KE_NOMEM;
	v->trust = t;
	v->owner = *owner;
	*ret = v;
	return KE_OK;
}

static void paths_clear(struct verify *v)
{
	for (size_t i = 0; i < v->n_paths; i++)
		free(v->paths[i]);
	free(v->paths);
	v->paths = NULL;
	v->n_paths = v->at = 0;
	rollout_free(v->rollout);
	v->rollout = NULL;
}

void verify_free(struct verify *v)
{
	if (!v)
		return;
	paths_clear(v);
	trust_free(v->trust);
	free(v);
}

bool verify_busy(const struct verify *v)
{
	return v->step != STEP_IDLE;
}

const struct trust *verify_trust(const struct verify *v)
{
	return v->trust;
}

static void round_end(struct verify *v, int rc, const struct fault *f)
{
	v->step = STEP_IDLE;
	v->awaited = 0;
	paths_clear(v);
	v->owner.done(v->owner.ctx, rc, f);
}

static int ask(struct verify *v, enum fetch_where where, const char *name, size_t max)
{
	v->awaited = ++v->next_id ? v->next_id : ++v->next_id;
	v->most = max;
	int rc = v->owner.fetch(v->owner.ctx, v->awaited, where, name, max);
	if (rc)
		v->awaited = 0;
	return rc;
}

/* Serve the trusted set until it wants something fetched (*RET_WAIT) or is done. */
static int drive_trust(struct verify *v, bool *ret_wait, struct fault *f)
{
	struct trust_request rq;
	int rc;

	*ret_wait = false;
	while (!(rc = trust_next(v->trust, &rq, f)) && rq.ask != TRUST_DONE) {
		if (rq.ask == TRUST_FETCH) {
			*ret_wait = true;
			return ask(v, FETCH_METADATA, rq.file, rq.max);
		}
		if ((rc = cache_serve(v->owner.cache_dir, v->trust, &rq, f)))
			break;
	}
	return rc;
}

/* Fetch the target that the last search found. */
static int get_target(struct verify *v, const char *path, int64_t max, struct fault *f)
{
	const struct tuf_target *target;
	struct buf file = BUF_INIT(2048);
	int rc = trust_target(v->trust, &target);

	if (rc)
		return fault_set(f, KE_UNTRUSTED, path, NULL, "is not named by trusted metadata");
	if (target->length < 1)
		return fault_set(f, KE_SCHEMA, path, NULL, "is empty");
	if (target->length > max)
		return fault_set(f, KE_TOOBIG, path, NULL, "%lld bytes are more than the limit of %lld",
		        (long long)target->length, (long long)max);
	rc = trust_target_file(v->trust, target, &file);
	if (!rc)
		rc = ask(v, FETCH_TARGET, buf_text(&file), (size_t)target->length);
	buf_free(&file);
	return rc;
}

/* Does the rollout still mean this host, now that everything is there? */
static int still_open(const struct verify *v, struct fault *f)
{
	int64_t now = 0;
	int rc = v->owner.now(v->owner.ctx, &now, f);

	return rc ? rc : rollout_check(v->rollout, v->owner.host, v->owner.facts, now, f);
}

static void rollout_done(struct verify *v)
{
	rollout_free(v->rollout);
	v->rollout = NULL;
	v->at++;
	v->step = STEP_NEXT;
}

/* That a serial is adopted already is no news at all. */
static void pass(struct verify *v, int rc, const struct fault *f)
{
	if (rc != KE_EXIST)
		v->owner.pass(v->owner.ctx, v->paths[v->at], v->serial, f);
	rollout_done(v);
}

static void refuse(struct verify *v, enum refusal_what what, const char *name, const struct fault *f)
{
	v->owner.refuse(v->owner.ctx, what, name, v->serial, f);
	rollout_done(v);
}

/* Look for paths[at]. Rollouts at or under the floor need no bytes. */
static int begin_find(struct verify *v, struct fault *f)
{
	char policy[65];
	int rc = target_path_split("rollouts", v->paths[v->at], policy, &v->serial);

	if (!rc)
		rc = v->owner.floor(v->owner.ctx, policy, v->serial, f);
	return rc ? rc : trust_find(v->trust, v->paths[v->at], f);
}

/* Look for the rollout's policy; a removal has none. */
static int begin_policy(struct verify *v, struct fault *f)
{
	int rc;

	if (v->rollout->action == ROLLOUT_REMOVE) {
		rc = still_open(v, f);
		if (!rc)
			rc = v->owner.adopt(v->owner.ctx, v->rollout, NULL, NULL, 0, f);
		if (!rc)
			round_end(v, KE_OK, NULL);
		return rc;
	}
	rc = trust_find(v->trust, v->rollout->target_path, f);
	if (!rc)
		v->step = STEP_FIND_POLICY;
	return rc;
}

static int check_rollout(struct verify *v, const void *data, size_t len, struct fault *f)
{
	const struct tuf_target *target;
	char policy[65];
	int64_t serial;
	int rc = trust_target(v->trust, &target);

	if (!rc)
		rc = trust_target_check(target, data, len, f);
	if (!rc)
		rc = rollout_parse(data, len, &v->rollout, f);
	if (rc)
		return rc;
	target_path_split("rollouts", v->paths[v->at], policy, &serial);
	if (strcmp(v->rollout->policy, policy) != 0 || v->rollout->serial != serial)
		return fault_set(f, KE_MISMATCH, NULL, NULL, "says it is serial %lld of '%s'",
		        (long long)v->rollout->serial, v->rollout->policy);
	return rollout_check(v->rollout, v->owner.host, v->owner.facts, v->now, f);
}

static int check_policy(struct verify *v, const void *data, size_t len, struct fault *f)
{
	const struct rollout *r = v->rollout;
	const struct tuf_target *target;
	unsigned char digest[SHA256_LEN];
	struct policy *p = NULL;
	int rc = trust_target(v->trust, &target);

	if (!rc)
		rc = trust_target_check(target, data, len, f);
	if (rc)
		return rc;
	sha256(data, len, digest);
	if ((int64_t)len != r->target_length || memcmp(digest, r->target_sha256, sizeof digest) != 0)
		return fault_set(
		        f, KE_MISMATCH, r->target_path, NULL, "is not the document that the rollout names");
	if ((rc = policy_parse(data, len, &p, f)))
		return rc;
	if (strcmp(p->name, r->policy) != 0 || p->version != r->version)
		rc = fault_set(f, KE_MISMATCH, r->target_path, NULL, "says it is version %lld of '%s'",
		        (long long)p->version, p->name);
	if (!rc)
		rc = selector_check(p->selector, v->owner.facts, f);
	if (!rc)
		rc = still_open(v, f);
	if (!rc)
		rc = v->owner.adopt(v->owner.ctx, r, p, data, len, f);
	if (rc)
		policy_free(p);
	return rc;
}

/* A rollout for others, or for later, is no refusal. */
static bool is_quiet(int rc, const struct fault *f)
{
	return rc == KE_EXIST || rc == KE_SELECTOR || (rc == KE_WINDOW && strstr(f->what, "opens at"));
}

static void rollout_failed(struct verify *v, int rc, struct fault *f)
{
	bool policy = v->step == STEP_FIND_POLICY || v->step == STEP_GET_POLICY;

	f->code = rc;
	if (rc == KE_HTTP)
		round_end(v, rc, f); /* no answer is no verdict */
	else if (is_quiet(rc, f))
		pass(v, rc, f);
	else
		refuse(v, policy ? REFUSAL_POLICY : REFUSAL_ROLLOUT,
		        policy ? v->rollout->target_path : v->paths[v->at], f);
}

static bool refresh_step(struct verify *v)
{
	struct fault f = { 0 };
	bool wait;
	int rc = drive_trust(v, &wait, &f);

	if (rc == KE_HTTP && !f.code)
		fault_set(&f, rc, NULL, NULL, "nobody takes the question");
	if (rc)
		round_end(v, rc, &f);
	else if (!wait)
		v->step = STEP_NEXT;
	return !rc && !wait;
}

static bool next_step(struct verify *v)
{
	struct fault f = { 0 };

	if (v->at == v->n_paths) {
		round_end(v, KE_OK, NULL);
		return false;
	}
	int rc = begin_find(v, &f);
	if (rc)
		rollout_failed(v, rc, &f);
	else
		v->step = STEP_FIND_ROLLOUT;
	return true;
}

/* Search, then ask for what was found. */
static bool find_step(struct verify *v)
{
	struct fault f = { 0 };
	bool wait, policy = v->step == STEP_FIND_POLICY;
	int rc = drive_trust(v, &wait, &f);

	if (!rc && wait)
		return false;
	if (!rc)
		rc = policy ? get_target(v, v->rollout->target_path, POLICY_MAX_BYTES, &f)
		            : get_target(v, v->paths[v->at], ROLLOUT_MAX_BYTES, &f);
	if (rc) {
		rollout_failed(v, rc == KE_NOENT ? KE_UNTRUSTED : rc, &f);
		return true;
	}
	v->step = policy ? STEP_GET_POLICY : STEP_GET_ROLLOUT;
	return false;
}

/* One step; false when it waits for bytes or the round ended. */
static bool step_run(struct verify *v)
{
	switch (v->step) {
	case STEP_REFRESH:
		return refresh_step(v);
	case STEP_NEXT:
		return next_step(v);
	case STEP_FIND_ROLLOUT:
	case STEP_FIND_POLICY:
		return find_step(v);
	case STEP_IDLE:
	case STEP_GET_ROLLOUT:
	case STEP_GET_POLICY:
		break;
	}
	return false;
}

static void drive(struct verify *v)
{
	while (step_run(v))
		;
}

bool verify_start(struct verify *v, int64_t now, const struct assignment *a)
{
	if (verify_busy(v))
		return false;
	paths_clear(v);
	if (a && a->n) {
		v->paths = calloc(a->n, sizeof *v->paths);
		for (size_t i = 0; v->paths && i < a->n; i++)
			if ((v->paths[v->n_paths] = strdup(a->rollouts[i])))
				v->n_paths++;
	}
	v->now = now;
	trust_begin(v->trust, now);
	v->step = STEP_REFRESH;
	drive(v);
	return true;
}

static void target_came(struct verify *v, enum frame_status status, const void *data, size_t len)
{
	struct fault f = { 0 };
	bool policy = v->step == STEP_GET_POLICY;
	int rc;

	if (status == FRAME_ABSENT)
		rc = fault_set(&f, KE_NOENT, policy ? v->rollout->target_path : v->paths[v->at], NULL,
		        "is named by trusted metadata, but the repository does not have it");
	else if (policy)
		rc = check_policy(v, data, len, &f);
	else if (!(rc = check_rollout(v, data, len, &f)))
		rc = begin_policy(v, &f);
	if (rc)
		rollout_failed(v, rc, &f);
	else if (policy)
		round_end(v, KE_OK, NULL); /* one adoption a round */
}

static void metadata_came(struct verify *v, enum frame_status status, const void *data, size_t len)
{
	struct fault f = { 0 };
	int rc = trust_give(v->trust, status == FRAME_OK ? data : NULL, len, &f);

	if (rc && v->step == STEP_REFRESH)
		round_end(v, rc, &f);
	else if (rc)
		rollout_failed(v, rc == KE_NOENT ? KE_UNTRUSTED : rc, &f);
}

void verify_give_up(struct verify *v, const char *text)
{
	if (verify_busy(v))
		verify_fetched(v, v->awaited, FRAME_FAILED, NULL, 0, text);
}

size_t verify_awaits(const struct verify *v, uint32_t id)
{
	return id && id == v->awaited ? v->most : 0;
}

void verify_fetched(struct verify *v, uint32_t id, enum frame_status status, const void *data, size_t len,
        const char *text)
{
	struct fault f = { 0 };

	if (!id || id != v->awaited)
		return;
	v->awaited = 0;
	if (status == FRAME_OK && len > v->most) {
		status = FRAME_FAILED;
		text = "more bytes than were asked for";
	}
	if (status != FRAME_OK && status != FRAME_ABSENT) {
		/* No answer is no verdict: the round ends, nothing is refused. */
		fault_set(&f, KE_HTTP, NULL, NULL, "%s", text);
		round_end(v, KE_HTTP, &f);
		return;
	}
	if (v->step == STEP_GET_ROLLOUT || v->step == STEP_GET_POLICY)
		target_came(v, status, data, len);
	else
		metadata_came(v, status, data, len);
	drive(v);
}
