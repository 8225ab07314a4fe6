/* cmd_rollout.c — `rollout plan`, `start`, `finish`: the signed plan that brings a policy to hosts. The serial is one more
 * than the highest that the repository lists, because hosts adopt nothing below what they hold. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/random.h>

#include <cJSON.h>

#include "policies/policy.h"
#include "proto/assignment.h"
#include "proto/fileio.h"
#include "proto/jsonw.h"
#include "server-stub/ctl/ask.h"
#include "server-stub/ctl/cmd_repo.h"
#include "server-stub/ctl/gate_args.h"
#include "server-stub/ctl/outlook.h"
#include "server-stub/ctl/rivals.h"
#include "server-stub/ctl/waves.h"

#define PATH_ROOM    (POLICY_NAME_MAX + 48)
#define FLEET_MAX    1000000
#define CANARIES_MAX 100

static int no_memory(struct fault *f)
{
	return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
}

struct highest {
	const char *policy;
	int64_t serial;
};

static int note_serial(void *ctx, const char *role, const struct tuf_target *target)
{
	struct highest *h = ctx;
	char policy[65];
	int64_t serial;

	(void)role;
	if (target_path_split("rollouts", target->path, policy, &serial) == KE_OK &&
	        strcmp(policy, h->policy) == 0 && serial > h->serial)
		h->serial = serial;
	return KE_OK;
}

/* The highest serial of POLICY that any role lists; 0: none. */
static int64_t last_serial(const struct depot *d, const char *policy)
{
	struct highest h = { .policy = policy };

	depot_each(d, false, note_serial, &h);
	return h.serial;
}

/* ---- the parts of a document ---- */

static int take_target(const struct depot *d, const char *version, struct rollout *r, struct fault *f)
{
	char path[PATH_ROOM];
	int rc = args_int(version, 1, STRICT_INT_MAX, &r->version, f);

	if (rc)
		return rc;
	snprintf(path, sizeof path, "policies/%s/%" PRId64 ".json", r->policy, r->version);
	const struct tuf_target *t = NULL;
	if (depot_find(d, path, NULL, &t) || !t->hashes.has_sha256)
		return fault_set(f, KE_NOENT, path, "sign it with kedge policy publish",
		        "the repository lists no such version");
	r->target_length = t->length;
	memcpy(r->target_sha256, t->hashes.sha256, sizeof r->target_sha256);
	r->target_path = strdup(path);
	return r->target_path ? KE_OK : no_memory(f);
}

static int take_selector(const char *text, struct rollout *r, struct fault *f)
{
	struct label *labels = NULL;
	size_t n = 0;
	int rc = args_labels(text, &labels, &n, f);

	if (!rc && n > SELECTOR_MAX_LABELS)
		rc = fault_set(f, KE_RANGE, NULL, NULL, "more than %d labels", SELECTOR_MAX_LABELS);
	if (!rc && !(r->selector = calloc(1, sizeof *r->selector)))
		rc = no_memory(f);
	if (rc) {
		args_labels_free(labels, n);
		fault_at(f, "--selector");
		return rc;
	}
	r->selector->labels = labels;
	r->selector->n_labels = n;
	return KE_OK;
}

static int take_waves(const struct ctl *c, struct rollout *r, struct fault *f)
{
	const char *start = args_value(&c->args, "start"), *wave;
	size_t at = 0;
	int rc = KE_OK;

	r->start = clock_wall(c->clock);
	if (gate_args_read(&c->args, &r->gates, f))
		return f->code;
	if (start && !time_parse(start, strlen(start), &r->start))
		return fault_set(
		        f, KE_USAGE, "--start", "write 2026-11-24T20:00:00Z", "'%.40s' is no time", start);
	while (!rc && (wave = args_next(&c->args, "wave", &at)))
		rc = waves_add(r, wave, f);
	if (!rc)
		rc = waves_default(r, f);
	if (!rc && getrandom(r->salt, sizeof r->salt, 0) != (ssize_t)sizeof r->salt)
		rc = fault_set(f, KE_SYSTEM, NULL, NULL, "no random numbers");
	return rc;
}

static int take_serial(const struct ctl *c, const struct depot *d, struct rollout *r, struct fault *f)
{
	const char *text = args_value(&c->args, "serial");
	int64_t last = last_serial(d, r->policy);

	r->serial = last + 1;
	if (!text)
		return KE_OK;
	int rc = args_int(text, 1, STRICT_INT_MAX, &r->serial, f);
	if (!rc && r->serial <= last)
		rc = fault_set(f, KE_ROLLBACK, "--serial", NULL,
		        "hosts may hold serial %" PRId64 " already: %" PRId64 " or more is wanted", last,
		        last + 1);
	return rc;
}

static int take_windows(const struct ctl *c, struct rollout *r, struct fault *f)
{
	const char *window;
	size_t at = 0;
	int rc = KE_OK;

	while (!rc && (window = args_next(&c->args, "window", &at)))
		rc = windows_add(&r->windows, window, f);
	if (rc)
		fault_at(f, "--window");
	return rc;
}

/* The document that the words and options ask for. */
static int compose(const struct ctl *c, const struct depot *d, struct rollout *r, struct fault *f)
{
	const struct args *a = &c->args;
	const char *selector = args_value(a, "selector"), *why = args_value(a, "why");
	bool remove = args_has(a, "remove");
	int rc;

	if (!policy_name_valid(a->words[1]))
		return fault_set(f, KE_NAME, a->words[1], NULL, "is no name of a policy");
	if (remove == (a->n_words == 3))
		return fault_set(f, KE_USAGE, NULL, NULL,
		        remove ? "--remove takes no VERSION"
		               : "the VERSION of the policy is wanted (or --remove)");
	if (args_has(a, "standing") && (args_has(a, "wave") || args_has(a, "start")))
		return fault_set(f, KE_USAGE, NULL, NULL, "a standing rollout has no waves and no start");
	if (args_has(a, "standing") && gate_args_any(a))
		return fault_set(f, KE_USAGE, NULL, NULL, "a standing rollout has no gates");
	r->action = remove ? ROLLOUT_REMOVE : ROLLOUT_APPLY;
	r->standing = args_has(a, "standing");
	if (!(r->policy = strdup(a->words[1])) || (why && !(r->why = strdup(why))))
		return no_memory(f);
	if ((!remove && (rc = take_target(d, a->words[2], r, f))) || (rc = take_serial(c, d, r, f)) ||
	        (selector && (rc = take_selector(selector, r, f))) || (rc = take_windows(c, r, f)))
		return rc;
	return r->standing ? KE_OK : take_waves(c, r, f);
}

/* The newest rollout of the policy in its standing form. */
static int compose_finish(const struct ctl *c, const struct depot *d, struct rollout *r, struct fault *f)
{
	const char *policy = c->args.words[1], *why = args_value(&c->args, "why");
	struct rollout *last = NULL;
	char path[PATH_ROOM], *text = NULL;
	size_t len = 0;
	int64_t serial = policy_name_valid(policy) ? last_serial(d, policy) : 0;

	if (!serial)
		return fault_set(f, KE_NOENT, policy, NULL, "has no rollout that could be finished");
	snprintf(path, sizeof path, "rollouts/%s/%" PRId64 ".json", policy, serial);
	int rc = depot_read(d, path, &text, &len, f);
	if (!rc)
		rc = rollout_parse(text, len, &last, f);
	file_free(text);
	if (!rc && last->standing)
		rc = fault_set(f, KE_EXIST, path, NULL, "is the standing form already");
	if (!rc) {
		struct rollout empty = *r;
		*r = *last;
		*last = empty;
		/* Waves stay with LAST, to be freed. */
		last->waves = r->waves;
		last->n_waves = r->n_waves;
		r->waves = NULL;
		r->n_waves = 0;
		r->gates = gates_none();
		r->standing = true;
		r->serial = serial + 1;
	}
	rollout_free(last);
	if (!rc && why) {
		free(r->why);
		r->why = strdup(why);
		rc = r->why ? KE_OK : no_memory(f);
	}
	return rc;
}

/* ---- the fleet ---- */

static int draw(void *bytes, size_t len)
{
	return getrandom(bytes, len, 0) == (ssize_t)len ? 0 : -1;
}

/* --forecast, --canaries: ask the server for its hosts, and take a salt by which no wave holds more of them than its share. */
static int take_fleet(struct ctl *c, struct rollout *r, struct outlook *ret, struct fault *f)
{
	struct client *client = NULL;
	struct cJSON *rows = NULL;

	if (r->standing || (!args_has(&c->args, "forecast") && !args_has(&c->args, "canaries")))
		return KE_OK;
	int rc = client_open(&c->config, c->clock, &client, f);
	if (!rc)
		rc = ask_rows(client, "/v1/hosts", "hosts", "after", FLEET_MAX, &rows, f);
	client_close(client);
	if (!rc)
		rc = outlook_read(rows, r, ret, f);
	cJSON_Delete(rows);
	return rc ? rc : outlook_salt(ret, r, draw, f);
}

static int fleet_text(struct ctl *c, const struct rollout *r, const struct outlook *o, struct fault *f)
{
	const char *text = args_value(&c->args, "canaries");
	int64_t n = 0;
	int rc = text ? args_int(text, 1, CANARIES_MAX, &n, f) : KE_OK;

	if (rc) {
		fault_at(f, "--canaries");
		return rc;
	}
	if (!o->hosts || c->json)
		return KE_OK;
	outlook_text(o, r, &c->out);
	if (n)
		outlook_canaries(o, r, (size_t)n, &c->out);
	return KE_OK;
}

/* ---- writing ---- */

static void told(struct ctl *c, const struct rollout *r)
{
	buf_fmt(&c->out, "rollout %s serial %" PRId64 ": ", r->policy, r->serial);
	if (r->action == ROLLOUT_APPLY)
		buf_fmt(&c->out, "version %" PRId64, r->version);
	else
		buf_str(&c->out, "remove");
	for (size_t i = 0; r->selector && i < r->selector->n_labels; i++)
		buf_fmt(&c->out, "%s%s=%s", i ? "," : ", hosts with ", r->selector->labels[i].name,
		        r->selector->labels[i].value);
	buf_char(&c->out, '\n');
	waves_text(r, &c->out);
	if (r->windows.n) {
		buf_str(&c->out, "hours   ");
		windows_text(&r->windows, &c->out);
		buf_str(&c->out, " (UTC)\n");
	}
	if (!r->standing)
		gates_text(&r->gates, &c->out);
}

/* The text is parsed again before it is signed: what hosts would refuse is refused here. */
static int print_checked(const struct rollout *r, char **ret, size_t *ret_len, struct fault *f)
{
	struct rollout *again = NULL;
	char *text;
	size_t len;
	int rc = rollout_print(r, &text, &len);

	if (rc)
		return fault_set(f, rc, NULL, NULL, "%s", err_text(rc));
	rc = rollout_parse(text, len, &again, f);
	rollout_free(again);
	if (rc) {
		free(text);
		return rc;
	}
	*ret = text;
	*ret_len = len;
	return KE_OK;
}

static int sign(struct work *w, const struct rollout *r, const char *text, size_t len, struct fault *f)
{
	struct ctl *c = w->ctl;
	struct jsonw json = { 0 };
	char path[PATH_ROOM];

	snprintf(path, sizeof path, "rollouts/%s/%" PRId64 ".json", r->policy, r->serial);
	int rc = depot_put(w->depot, args_value(&c->args, "role"), path, text, len, f);
	if (rc)
		return rc;
	if (c->json) {
		json = ctl_json(c, "kedge_repo");
		jsonw_string(&json, "target", path);
		jsonw_int(&json, "serial", r->serial);
	} else {
		told(c, r);
	}
	rc = work_write(w, c->json ? &json : NULL, f);
	if (!rc && c->json)
		ctl_json_end(c, &json);
	return rc;
}

static int rollout_run(struct ctl *c, bool plan,
        int (*make)(const struct ctl *c, const struct depot *d, struct rollout *r, struct fault *f))
{
	struct rollout *r = calloc(1, sizeof *r);
	struct outlook fleet = { 0 };
	struct work w = { .ctl = c };
	struct fault f = { 0 };
	char *text = NULL;
	size_t len = 0;
	int rc = r ? KE_OK : no_memory(&f);

	if (!rc) /* a plan needs no keys */
		rc = plan ? depot_open(c->args.words[0], &w.depot, &f)
		          : work_begin(c, c->args.words[0], &w, &f);
	if (!rc)
		rc = make(c, w.depot, r, &f);
	if (!rc && !args_has(&c->args, "allow-conflict"))
		rc = rivals_check(w.depot, r, &f);
	if (!rc)
		rc = take_fleet(c, r, &fleet, &f);
	if (!rc)
		rc = print_checked(r, &text, &len, &f);
	if (!rc && plan) {
		buf_bytes(&c->out, text, len);
		if (!c->json)
			told(c, r);
		rc = fleet_text(c, r, &fleet, &f);
	} else if (!rc && !(rc = sign(&w, r, text, len, &f))) {
		rc = fleet_text(c, r, &fleet, &f);
	}
	outlook_clear(&fleet);
	work_end(&w);
	if (!rc && !w.pending && args_has(&c->args, "publish") &&
	        !(rc = repo_send(c, c->args.words[0], NULL, &f)) && !c->json)
		buf_str(&c->out, args_has(&c->args, "dry-run") ? "" : "published\n");
	free(text);
	rollout_free(r);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}

int ctl_rollout_plan(struct ctl *c)
{
	return rollout_run(c, true, compose);
}

int ctl_rollout_start(struct ctl *c)
{
	return rollout_run(c, false, compose);
}

int ctl_rollout_finish(struct ctl *c)
{
	return rollout_run(c, false, compose_finish);
}
