/* cmd_status.c — `status`: what is in force on this host, whether it still holds, and what stands in the way. Reads only, and
 * needs no FILE: the engine's own notes say what was applied. When the agent runs, what it says of itself is added; when it
 * does not answer, that is said, and the rest is told all the same. */
#include <stdio.h>
#include <string.h>

#include <cJSON.h>

#include "agent/engine/attempt.h"
#include "agent/engine/journal.h"
#include "agent/engine/original.h"
#include "agent/engine/plan.h"
#include "agent/local/daemon.h"
#include "agent/local/local.h"
#include "agent/local/managers.h"
#include "proto/jsonw.h"
#include "proto/reader.h"

static const char status_help[] =
        "usage: kedge-agent status [--files DIR]\n"
        "Say which policy is in force since boot, whether every key still holds "
        "it, and whether an attempt is held or an\n"
        "apply was interrupted. When 'kedge-agent run' is at work on the same --run-dir, what it "
        "says is added.\n"
        "Other programs of this host that are enabled or run, and that touch keys of the policy, are named: "
        "tuned, "
        "systemd-networkd,\n"
        "NetworkManager, kubelet, kube-proxy, docker.\n"
        "  --files DIR  look for their files below DIR instead of /\n"
        "Exit status: 0, or 1 when that cannot be read.\n";

struct status {
	struct engine *e;
	struct originals *originals; /* NULL: nothing was applied since boot */
	struct policy *policy;       /* NULL: nothing is in force */
	struct observation *observed;
	struct plan *plan;
	struct attempt attempt;
	const char *journal;  /* "none", "unfinished", "unconfirmed", "damaged" */
	bool daemon;          /* one runs here */
	struct fault silent;  /* code != 0: why it did not answer */
	struct buf said;      /* its answer, JSON */
	struct cJSON *answer; /* the same, read */
	struct managers others;
};

/* Ask the daemon, if there is one. Trouble with it is part of the answer. */
static void daemon_read(struct status *s)
{
	struct place root, at;
	int code = 0, rc = daemon_ask(s->e->run_dir, ASK_STATUS, &s->said, &code, &s->silent);

	s->daemon = rc != KE_NOENT;
	if (!rc && code)
		rc = fault_set(&s->silent, KE_PROTO, NULL, NULL, "the daemon cannot tell its status");
	if (!rc)
		rc = strict_parse(
		        buf_text(&s->said), s->said.len, &strict_limits_default, &s->answer, &s->silent);
	if (!rc) {
		root = place_root(s->answer);
		rc = read_object(&root, "status", &at, &s->silent);
	}
	s->silent.code = rc;
}

static int policy_line(const struct place *at, struct buf *out, struct fault *f)
{
	const char *name, *state;
	int64_t version, serial;
	int rc;

	if ((rc = read_string(at, "name", 1, 64, &name, f)) ||
	        (rc = read_string(at, "state", 1, 64, &state, f)) ||
	        (rc = read_int(at, "version", 0, STRICT_INT_MAX, &version, f)) ||
	        (rc = read_int(at, "serial", 0, STRICT_INT_MAX, &serial, f)))
		return rc;
	buf_fmt(out, "  policy %s ", name);
	if (version) /* 0: of what is held, only the serial is kept */
		buf_fmt(out, "version %lld ", (long long)version);
	buf_fmt(out, "serial %lld: %s%s\n", (long long)serial, state,
	        strcmp(state, "held") == 0 ? " (it went back; a new serial or kedge-agent retry tries again)"
	                                   : "");
	return KE_OK;
}

/* What is in force in the process NAME, which may not have told yet. */
static int confinement_lines(const struct place *all, const char *name, struct buf *out, struct fault *f)
{
	struct place at;
	const char *caps, *missing, *selftest;
	int64_t uid, landlock;
	bool seccomp;
	int rc;

	if ((rc = read_any(all, name, &at, f)))
		return rc;
	if (!place_is_object(&at)) {
		buf_fmt(out, "  %s: has not told its confinement\n", name);
		return KE_OK;
	}
	if ((rc = read_int(&at, "uid", 0, UINT32_MAX, &uid, f)) ||
	        (rc = read_string(&at, "capabilities", 16, 16, &caps, f)) ||
	        (rc = read_int(&at, "landlock", 0, INT32_MAX, &landlock, f)) ||
	        (rc = read_bool(&at, "seccomp", &seccomp, f)) ||
	        (rc = read_string(&at, "missing", 0, 1024, &missing, f)) ||
	        (rc = read_string(&at, "selftest", 0, 1024, &selftest, f)))
		return rc;
	caps += strspn(caps, "0");
	buf_fmt(out, "  %s: uid %lld, capabilities %s, Landlock ABI %lld, %s; lacks %s\n", name,
	        (long long)uid, *caps ? caps : "none", (long long)landlock,
	        seccomp ? "seccomp" : "no seccomp", *missing ? missing : "nothing");
	buf_fmt(out, "    refused at start: %s\n", selftest);
	return KE_OK;
}

static int exception_line(const struct place *at, struct buf *out, struct fault *f)
{
	const char *key, *value, *until, *reason;
	int rc;

	if ((rc = read_opt_string(at, "key", NAME_MAX_LEN, &key, NULL, f)) ||
	        (rc = read_opt_string(at, "value", 4096, &value, "", f)) ||
	        (rc = read_string(at, "until", 20, 20, &until, f)) ||
	        (rc = read_string(at, "reason", 1, 4096, &reason, f)))
		return rc;
	if (key)
		buf_fmt(out, "  override %s = %s until %s: %s\n", key, value, until, reason);
	else
		buf_fmt(out, "  ON HOLD until %s: %s\n", until, reason);
	return KE_OK;
}

/* Keys that root overrides, and the hold, where there are any. */
static int exception_lines(const struct place *status, struct buf *out, struct fault *f)
{
	struct place list, hold, item = { 0 };
	int rc = KE_OK;

	if (read_has(status, "hold") && !(rc = read_object(status, "hold", &hold, f)))
		rc = exception_line(&hold, out, f);
	if (!rc && read_has(status, "overrides") && !(rc = read_array(status, "overrides", &list, f)))
		while (!rc && place_next(&list, &item))
			rc = exception_line(&item, out, f);
	return rc;
}

/* What the daemon said, in lines. */
static int daemon_lines(const struct place *root, struct buf *out, struct fault *f)
{
	struct place status, policies, spool, confined, item = { 0 };
	const char *host, *server, *attribution, *source, *coverage, *confinement, *clock;
	int64_t drifted, first, last, locked;
	int rc;

	if ((rc = read_string(root, "host", 1, 255, &host, f)) ||
	        (rc = read_string(root, "server", 1, 4096, &server, f)) ||
	        (rc = read_object(root, "confinement", &confined, f)) ||
	        (rc = read_object(root, "status", &status, f)) ||
	        (rc = read_int(&status, "drifted", 0, STRICT_INT_MAX, &drifted, f)) ||
	        (rc = read_string(&status, "attribution", 1, 64, &attribution, f)) ||
	        (rc = read_opt_int(&status, "locked", 0, STRICT_INT_MAX, &locked, 0, f)) ||
	        (rc = read_opt_string(&status, "source", 64, &source, "", f)) ||
	        (rc = read_opt_string(&status, "coverage", 64, &coverage, "", f)) ||
	        (rc = read_string(&status, "confinement", 1, 64, &confinement, f)) ||
	        (rc = read_string(&status, "clock", 1, 64, &clock, f)) ||
	        (rc = read_object(&status, "spool", &spool, f)) ||
	        (rc = read_int(&spool, "first_seq", 0, STRICT_INT_MAX, &first, f)) ||
	        (rc = read_int(&spool, "last_seq", 0, STRICT_INT_MAX, &last, f)) ||
	        (rc = read_array(&status, "policies", &policies, f)))
		return rc;
	buf_fmt(out, "daemon: host %s, server %s, %lld drifted\n", host, server, (long long)drifted);
	while (!rc && place_next(&policies, &item))
		rc = policy_line(&item, out, f);
	if (!place_count(&policies))
		buf_str(out, "  no policy\n");
	if (!rc)
		rc = exception_lines(&status, out, f);
	buf_fmt(out, "  attribution %s, confinement %s, clock %s\n", attribution, confinement, clock);
	if (*source) /* a daemon of an older version does not say */
		buf_fmt(out, "  events from %s, coverage %s\n", source, coverage);
	if (locked)
		buf_fmt(out, "  %lld keys locked\n", (long long)locked);
	if (!rc)
		rc = confinement_lines(&confined, "keeper", out, f);
	if (!rc)
		rc = confinement_lines(&confined, "courier", out, f);
	if (first && last >= first)
		buf_fmt(out, "  records waiting for the server: %lld\n", (long long)(last - first + 1));
	return rc;
}

static void daemon_text(struct local *l, const struct status *s)
{
	struct fault f = s->silent;
	struct buf lines = BUF_INIT(DAEMON_MAX_ANSWER);
	char line[1024];

	if (!s->daemon)
		return;
	if (!f.code) {
		const struct place root = place_root(s->answer);
		f.code = daemon_lines(&root, &lines, &f);
	}
	if (f.code)
		buf_fmt(&l->out, "daemon: runs, but does not tell: %s\n", fault_line(&f, line, sizeof line));
	else
		buf_bytes(&l->out, lines.data, lines.len);
	buf_free(&lines);
}

static void daemon_json(struct jsonw *w, const struct status *s)
{
	char line[1024];

	if (!s->daemon) {
		jsonw_null(w, "daemon");
	} else if (s->silent.code) {
		jsonw_object(w, "daemon");
		jsonw_string(w, "error", fault_line(&s->silent, line, sizeof line));
		jsonw_object_end(w);
	} else {
		jsonw_raw(w, "daemon", buf_text(&s->said), s->said.len);
	}
}

static int status_read(struct status *s, struct fault *f)
{
	struct journal *j = NULL;
	int rc = originals_read(s->e->run_dir, s->e->boot_id, &s->originals, f);

	if (rc && rc != KE_NOENT)
		return rc;
	if (s->originals && (rc = originals_policy(s->originals, &s->policy, f)) && rc != KE_NOENT)
		return rc;
	if (s->policy && ((rc = observe_policy(s->e->ps, s->policy, s->e->kernel, &s->observed, f)) ||
	                         (rc = plan_build(s->policy, s->observed, s->e->ceiling, &s->plan))))
		return rc;
	rc = journal_read(s->e->run_dir, &j, NULL);
	s->journal = rc == KE_NOENT                ? "none"
	             : rc                          ? "damaged"
	             : j->state == JOURNAL_APPLIED ? "unconfirmed"
	                                           : "unfinished";
	journal_free(j);
	rc = attempt_read(s->e->state_dir, &s->attempt, f);
	return rc == KE_NOENT ? KE_OK : rc;
}

static bool key_drifted(const struct plan_key *k)
{
	return k->outcome != OUTCOME_ALREADY;
}

static size_t status_drifted(const struct status *s)
{
	size_t n = 0;

	for (size_t i = 0; s->plan && i < s->plan->n; i++)
		n += key_drifted(&s->plan->keys[i]);
	return n;
}

static bool status_held(const struct status *s)
{
	return attempt_holds(&s->attempt, s->attempt.hash, s->e->boot_id);
}

/* The keys in force that manager I touches: call EACH with them. Returns how many. */
static size_t shared_keys(
        const struct status *s, size_t i, void (*each)(void *ctx, const char *key), void *ctx)
{
	char dotted[NAME_MAX_LEN + 1];
	size_t n = 0;

	for (size_t k = 0; s->plan && k < s->plan->n; k++) {
		const struct name *name = &s->plan->keys[k].name;
		if (!managers_one_touches(&s->others, i, name))
			continue;
		n++;
		if (each)
			each(ctx, name_dotted(name, dotted, sizeof dotted));
	}
	return n;
}

static void key_text(void *ctx, const char *key)
{
	buf_fmt(ctx, " %s", key);
}

static void key_json(void *ctx, const char *key)
{
	jsonw_string(ctx, NULL, key);
}

static void others_text(struct local *l, const struct status *s)
{
	for (size_t i = 0; i < MANAGERS; i++) {
		struct buf keys = BUF_INIT(LOCAL_MAX_OUTPUT);
		if (shared_keys(s, i, key_text, &keys))
			buf_fmt(&l->out, "also written by %s (%s):%s\n", managers_name(i),
			        manager_state_name(s->others.states[i]), buf_text(&keys));
		buf_free(&keys);
	}
}

static void others_json(struct jsonw *w, const struct status *s)
{
	jsonw_array(w, "managers");
	for (size_t i = 0; i < MANAGERS; i++) {
		if (!shared_keys(s, i, NULL, NULL))
			continue;
		jsonw_object(w, NULL);
		jsonw_string(w, "name", managers_name(i));
		jsonw_string(w, "state", manager_state_name(s->others.states[i]));
		jsonw_array(w, "keys");
		shared_keys(s, i, key_json, w);
		jsonw_array_end(w);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void status_text(struct local *l, const struct status *s)
{
	char time[TIME_TEXT_ROOM], dotted[NAME_MAX_LEN + 1], words[512];

	if (!s->policy)
		buf_str(&l->out, "policy: none was applied since boot\n");
	else
		buf_fmt(&l->out, "policy: %s version %lld, applied %s, %zu keys\n", s->policy->name,
		        (long long)s->policy->version, time_format(s->originals->time, time), s->plan->n);
	if (s->policy)
		buf_fmt(&l->out, "state: %s\n", status_drifted(s) ? "drifted" : "in sync");
	for (size_t i = 0; s->plan && i < s->plan->n; i++) {
		const struct plan_key *k = &s->plan->keys[i];
		if (!key_drifted(k))
			continue;
		name_dotted(&k->name, dotted, sizeof dotted);
		if (k->outcome == OUTCOME_PLANNED || k->outcome == OUTCOME_DIFFERS)
			buf_fmt(&l->out, "  %s: is %s, wanted %s\n", dotted, k->old ? k->old : "unreadable",
			        k->wanted);
		else
			buf_fmt(&l->out, "  %s: %s\n", dotted, outcome_text(k, words, sizeof words));
	}
	if (s->attempt.state != ATTEMPT_NONE)
		buf_fmt(&l->out, "last attempt: %s at %s%s\n", attempt_state_name(s->attempt.state),
		        time_format(s->attempt.time, time),
		        status_held(s) ? "; this plan is held (kedge-agent retry)" : "");
	buf_fmt(&l->out, "journal: %s\n", s->journal);
	others_text(l, s);
	daemon_text(l, s);
}

static void status_json(struct local *l, const struct status *s)
{
	struct jsonw w = JSONW_INIT(&l->out, 2);
	char dotted[NAME_MAX_LEN + 1], kernel[32];

	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_status", 1);
	jsonw_string(&w, "version", KEDGE_VERSION);
	jsonw_string(&w, "boot_id", s->e->boot_id);
	snprintf(kernel, sizeof kernel, "%u.%u", s->e->kernel >> 16, s->e->kernel & 0xffff);
	jsonw_string(&w, "kernel", kernel);
	if (s->policy) {
		jsonw_object(&w, "policy");
		jsonw_string(&w, "name", s->policy->name);
		jsonw_int(&w, "version", s->policy->version);
		jsonw_time(&w, "applied_at", s->originals->time);
		jsonw_int(&w, "keys", (int64_t)s->plan->n);
		jsonw_object_end(&w);
	} else {
		jsonw_null(&w, "policy");
	}
	jsonw_bool(&w, "in_sync", !status_drifted(s));
	jsonw_array(&w, "drifted");
	for (size_t i = 0; s->plan && i < s->plan->n; i++) {
		const struct plan_key *k = &s->plan->keys[i];
		if (!key_drifted(k))
			continue;
		jsonw_object(&w, NULL);
		jsonw_string(&w, "key", name_dotted(&k->name, dotted, sizeof dotted));
		jsonw_string(&w, "outcome", outcome_name(k->outcome));
		jsonw_string(&w, "wanted", k->wanted);
		jsonw_opt_string(&w, "now", k->old);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object(&w, "attempt");
	jsonw_string(&w, "state", attempt_state_name(s->attempt.state));
	jsonw_bool(&w, "held", s->attempt.state != ATTEMPT_NONE && status_held(s));
	if (s->attempt.state != ATTEMPT_NONE)
		jsonw_time(&w, "time", s->attempt.time);
	jsonw_object_end(&w);
	jsonw_string(&w, "journal", s->journal);
	others_json(&w, s);
	daemon_json(&w, s);
	jsonw_object_end(&w);
	buf_char(&l->out, '\n');
}

int cmd_status(struct local *l, int argc, char **argv)
{
	static const struct option options[] = { { "files", required_argument, NULL, 'D' }, LOCAL_OPTIONS };
	const char *files = "";
	struct status s = { .said = BUF_INIT(DAEMON_MAX_ANSWER) };
	struct fault f = { 0 };
	int opt, code = EXIT_DONE;

	while ((opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
		if (opt == 'D') {
			files = optarg;
			continue;
		}
		int said = local_option(l, opt, argv);
		if (said == OPTION_HELP)
			buf_str(&l->out, status_help);
		if (said != OPTION_TAKEN)
			return said == OPTION_HELP ? EXIT_DONE : EXIT_ERROR;
	}
	if (argc != optind)
		return local_usage(l, "takes no arguments, '%s' given", argv[optind]);
	if (engine_open(&l->engine, &s.e, &f) || status_read(&s, &f)) {
		code = local_complain(l, &f);
	} else {
		daemon_read(&s);
		managers_look(files, "/proc", &s.others);
		if (l->json)
			status_json(l, &s);
		else
			status_text(l, &s);
	}
	cJSON_Delete(s.answer);
	buf_free(&s.said);
	plan_free(s.plan);
	observation_free(s.observed);
	policy_free(s.policy);
	originals_free(s.originals);
	engine_close(s.e);
	return code;
}
