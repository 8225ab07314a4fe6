/* bodies.c — one reader a kind of record, each in the order of the schema. Unknown members are refused where the schema
 * closes the object; a status and its policies may say more than this server knows, because agents are updated first on
 * some hosts. Called by intake.c for lines whose signature is good. */
#include "server-stub/api/bodies.h"

#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/tree.h"

#define TEXT_MAX 4096
#define NAME_LEN 255

static int object_text(const struct place *at, struct buf *out, struct fault *f)
{
	struct jsonw w = JSONW_INIT(out, 0);

	tree_write(&w, NULL, at->node);
	return out->rc ? place_fault(at, f, out->rc == KE_NOMEM ? KE_NOMEM : KE_SCHEMA, NULL, "%s",
	                         err_text(out->rc))
	               : KE_OK;
}

static int read_chain(const struct place *writer, struct fault *f)
{
	static const char *const known[] = { "pid", "comm", NULL };
	struct place list, item = { 0 };
	const char *text;
	int64_t pid;
	int rc = read_array(writer, "chain", &list, f);

	if (!rc && place_count(&list) > 16)
		return place_fault(&list, f, KE_RANGE, NULL, "more than 16 ancestors");
	while (!rc && place_next(&list, &item))
		if (!(rc = read_members(&item, known, f)) &&
		        !(rc = read_int(&item, "pid", 0, STRICT_INT_MAX, &pid, f)))
			rc = read_string(&item, "comm", 0, NAME_LEN, &text, f);
	return rc;
}

/* Who wrote, or asked, in the member NAME, or why that is not known. */
static int read_writer(const struct place *body, const char *name, struct place *ret, struct fault *f)
{
	static const char *const named[] = { "pid", "comm", "loginuid", "uid", "cgroup", "cmdline", "exe",
		"chain", NULL };
	static const char *const nameless[] = { "state", "pid", NULL };
	static const char *const states[] = { "exited before identified", "unknown", NULL };
	const char *text;
	unsigned state;
	int64_t n;
	int rc = read_object(body, name, ret, f);

	if (rc)
		return rc;
	if (read_has(ret, "state"))
		return (rc = read_members(ret, nameless, f)) ||
		                       (rc = read_word(ret, "state", states, &state, f))
		               ? rc
		               : read_opt_int(ret, "pid", 0, STRICT_INT_MAX, &n, 0, f);
	if ((rc = read_members(ret, named, f)) || (rc = read_int(ret, "pid", 0, STRICT_INT_MAX, &n, f)) ||
	        (rc = read_opt_string(ret, "comm", NAME_LEN, &text, "", f)) ||
	        (rc = read_opt_int(ret, "loginuid", -1, STRICT_INT_MAX, &n, -1, f)) ||
	        (rc = read_opt_int(ret, "uid", 0, STRICT_INT_MAX, &n, 0, f)) ||
	        (rc = read_opt_string(ret, "cgroup", TEXT_MAX, &text, "", f)) ||
	        (rc = read_opt_string(ret, "cmdline", TEXT_MAX, &text, "", f)) ||
	        (rc = read_opt_string(ret, "exe", TEXT_MAX, &text, "", f)))
		return rc;
	return read_has(ret, "chain") ? read_chain(ret, f) : KE_OK;
}

static int read_drift(const struct place *at, struct body *b, struct fault *f)
{
	static const char *const known[] = { "key", "wanted", "old", "new", "mode", "action", "source",
		"policy", "version", "writer", "coupled_with", "attempts", NULL };
	static const char *const modes[] = { "enforce", "monitor", "audit", "lock", NULL };
	static const char *const actions[] = { "restored", "reported", "contested", "held", "restore_failed",
		"refused", NULL };
	static const char *const sources[] = { "bpf", "fanotify", "poll", NULL };
	struct store_drift_in d = { 0 };
	unsigned mode, action, source;
	struct place writer;
	const char *coupled;
	int64_t attempts;
	int rc;

	if ((rc = read_members(at, known, f)) || (rc = read_string(at, "key", 1, NAME_LEN, &d.key, f)) ||
	        (rc = read_string(at, "wanted", 0, TEXT_MAX, &d.wanted, f)) ||
	        (rc = read_opt_string(at, "old", TEXT_MAX, &d.old_value, "", f)) ||
	        (rc = read_string(at, "new", 0, TEXT_MAX, &d.new_value, f)) ||
	        (rc = read_word(at, "mode", modes, &mode, f)) ||
	        (rc = read_word(at, "action", actions, &action, f)) ||
	        (rc = read_word(at, "source", sources, &source, f)) ||
	        (rc = read_opt_string(at, "policy", NAME_LEN, &d.policy, "", f)) ||
	        (rc = read_opt_int(at, "version", 0, STRICT_INT_MAX, &d.version, 0, f)) ||
	        (rc = read_writer(at, "writer", &writer, f)) ||
	        (rc = read_opt_string(at, "coupled_with", NAME_LEN, &coupled, "", f)) ||
	        (rc = read_opt_int(at, "attempts", 1, STRICT_INT_MAX, &attempts, 1, f)) ||
	        (rc = object_text(&writer, &b->json, f)))
		return rc;
	d.mode = modes[mode];
	d.action = actions[action];
	d.source = sources[source];
	d.writer = buf_text(&b->json);
	b->in.drift = d;
	return KE_OK;
}

static int read_refusal(const struct place *at, struct body *b, struct fault *f)
{
	static const char *const known[] = { "what", "name", "code", "reason", "serial", NULL };
	static const char *const whats[] = { "metadata", "rollout", "policy", NULL };
	struct store_refusal_in r = { 0 };
	unsigned what;
	int rc;

	if ((rc = read_members(at, known, f)) || (rc = read_word(at, "what", whats, &what, f)) ||
	        (rc = read_string(at, "name", 0, 1024, &r.name, f)) ||
	        (rc = read_string(at, "code", 1, 64, &r.code, f)) ||
	        (rc = read_string(at, "reason", 0, TEXT_MAX, &r.reason, f)) ||
	        (rc = read_opt_int(at, "serial", 0, STRICT_INT_MAX, &r.serial, -1, f)))
		return rc;
	r.what = whats[what];
	b->in.refusal = r;
	return KE_OK;
}

static int read_key_outcome(const struct place *at, struct fault *f)
{
	static const char *const known[] = { "key", "outcome", "old", "new", "detail", NULL };
	static const char *const outcomes[] = { "planned", "applied", "already", "differs", "pending",
		"unsupported", "blocked", "refused", "mismatch", "conflict", "restored", "untouched",
		"degraded", NULL };
	const char *text;
	unsigned outcome;
	int rc;

	if ((rc = read_members(at, known, f)) || (rc = read_string(at, "key", 1, NAME_LEN, &text, f)) ||
	        (rc = read_word(at, "outcome", outcomes, &outcome, f)) ||
	        (rc = read_opt_string(at, "old", TEXT_MAX, &text, "", f)) ||
	        (rc = read_opt_string(at, "new", TEXT_MAX, &text, "", f)))
		return rc;
	return read_opt_string(at, "detail", TEXT_MAX, &text, "", f);
}

static int read_apply(const struct place *at, struct body *b, struct fault *f)
{
	static const char *const known[] = { "policy", "version", "serial", "plan", "result", "reason",
		"keys", NULL };
	static const char *const results[] = { "applied", "already", "failed", "reverted", "confirmed",
		"removed", "degraded", NULL };
	struct store_apply_in a = { 0 };
	unsigned char plan[SHA256_LEN];
	struct place list, item = { 0 };
	unsigned result;
	int rc;

	if ((rc = read_members(at, known, f)) || (rc = read_string(at, "policy", 1, 64, &a.policy, f)) ||
	        (rc = read_int(at, "version", 0, STRICT_INT_MAX, &a.version, f)) ||
	        (rc = read_int(at, "serial", 0, STRICT_INT_MAX, &a.serial, f)) ||
	        (rc = read_has(at, "plan") ? read_hex(at, "plan", plan, sizeof plan, f) : KE_OK) ||
	        (rc = read_word(at, "result", results, &result, f)) ||
	        (rc = read_opt_string(at, "reason", TEXT_MAX, &a.reason, "", f)) ||
	        (rc = read_has(at, "keys") ? read_array(at, "keys", &list, f) : KE_OK))
		return rc;
	while (read_has(at, "keys") && place_next(&list, &item))
		if ((rc = read_key_outcome(&item, f)))
			return rc;
	a.result = results[result];
	b->in.apply = a;
	return KE_OK;
}

static int read_policies(const struct place *at, struct body *b, struct store_status_in *st, struct fault *f)
{
	struct place list, item = { 0 };
	int rc = read_array(at, "policies", &list, f);

	if (!rc && place_count(&list) > BODY_POLICIES_MAX)
		return place_fault(&list, f, KE_RANGE, NULL, "more than %d policies", BODY_POLICIES_MAX);
	if (!rc && !(b->policies = calloc(place_count(&list) + 1, sizeof *b->policies)))
		return KE_NOMEM;
	while (!rc && place_next(&list, &item)) {
		struct store_policy_state *p = &b->policies[st->policy_count];
		if ((rc = read_string(&item, "name", 1, 64, &p->policy, f)) ||
		        (rc = read_int(&item, "version", 0, STRICT_INT_MAX, &p->version, f)) ||
		        (rc = read_int(&item, "serial", 0, STRICT_INT_MAX, &p->serial, f)) ||
		        (rc = read_string(&item, "state", 0, 64, &p->state, f)))
			return rc;
		st->policy_count++;
	}
	st->policies = b->policies;
	return rc;
}

static int read_facts(const struct place *at, struct body *b, struct store_status_in *st, struct fault *f)
{
	struct place facts, labels, item = { 0 };
	int rc = read_object(at, "facts", &facts, f);

	if (!rc)
		rc = object_text(&facts, &b->json, f);
	if (rc)
		return rc;
	st->facts = buf_text(&b->json);
	if (!read_has(&facts, "labels"))
		return KE_OK;
	rc = read_object(&facts, "labels", &labels, f);
	if (!rc && place_count(&labels) > BODY_LABELS_MAX)
		return place_fault(&labels, f, KE_RANGE, NULL, "more than %d labels", BODY_LABELS_MAX);
	if (!rc && !(b->labels = calloc(place_count(&labels) + 1, sizeof *b->labels)))
		return KE_NOMEM;
	while (!rc && place_next(&labels, &item)) {
		struct store_label *l = &b->labels[st->label_count];
		l->name = item.name;
		if (!(rc = place_string(&item, 0, NAME_LEN, &l->value, f)))
			st->label_count++;
	}
	st->labels = b->labels;
	return rc;
}

static int read_status(const struct place *at, struct body *b, struct fault *f)
{
	static const char *const attributions[] = { "bpf", "fanotify", "unavailable", "flooded", NULL };
	static const char *const sources[] = { "bpf", "fanotify", "poll", NULL };
	static const char *const confinements[] = { "full", "partial", NULL };
	static const char *const clocks[] = { "ok", "behind", "ahead", NULL };
	struct store_status_in st = { 0 };
	unsigned word;
	int64_t uptime;
	int rc;

	if ((rc = read_string(at, "agent_version", 1, 64, &st.agent_version, f)) ||
	        (rc = read_string(at, "kernel", 1, NAME_LEN, &st.kernel, f)) ||
	        (rc = read_opt_int(at, "uptime_s", 0, STRICT_INT_MAX, &uptime, 0, f)) ||
	        (rc = read_bool(at, "in_sync", &st.in_sync, f)) ||
	        (rc = read_opt_int(at, "drifted", 0, STRICT_INT_MAX, &st.drifted, 0, f)) ||
	        (rc = read_opt_word(at, "attribution", attributions, &word, 0, f)) ||
	        (rc = read_opt_word(at, "source", sources, &word, 0, f)) ||
	        (rc = read_opt_word(at, "coverage", confinements, &word, 0, f)) ||
	        (rc = read_opt_word(at, "confinement", confinements, &word, 0, f)) ||
	        (rc = read_opt_word(at, "clock", clocks, &word, 0, f)) ||
	        (rc = read_has(at, "policies") ? read_policies(at, b, &st, f) : KE_OK) ||
	        (rc = read_has(at, "facts") ? read_facts(at, b, &st, f) : KE_OK))
		return rc;
	b->in.status = st;
	return KE_OK;
}

static int read_gap(const struct place *at, struct fault *f)
{
	static const char *const known[] = { "kind", "from_seq", "to_seq", "count", NULL };
	const char *kind;
	int64_t n;
	int rc;

	if ((rc = read_members(at, known, f)) || (rc = read_string(at, "kind", 1, 64, &kind, f)) ||
	        (rc = read_int(at, "from_seq", 1, STRICT_INT_MAX, &n, f)) ||
	        (rc = read_int(at, "to_seq", n, STRICT_INT_MAX, &n, f)))
		return rc;
	return read_int(at, "count", 1, STRICT_INT_MAX, &n, f);
}

/* Kept and shown as it is, but only in its form. */
static int read_override(const struct place *at, struct fault *f)
{
	static const char *const known[] = { "action", "scope", "key", "value", "policy", "reason", "why",
		"seconds", "until", "by", NULL };
	static const char *const actions[] = { "set", "ended", "expired", "dropped", NULL };
	static const char *const scopes[] = { "key", "host", NULL };
	unsigned action, scope;
	struct place by;
	const char *text;
	int64_t n;
	int rc;

	if ((rc = read_members(at, known, f)) || (rc = read_word(at, "action", actions, &action, f)) ||
	        (rc = read_word(at, "scope", scopes, &scope, f)) ||
	        (rc = read_opt_string(at, "key", NAME_LEN, &text, "", f)) ||
	        (rc = read_opt_string(at, "value", TEXT_MAX, &text, "", f)) ||
	        (rc = read_opt_string(at, "policy", 64, &text, "", f)) ||
	        (rc = read_string(at, "reason", 1, TEXT_MAX, &text, f)) ||
	        (rc = read_opt_string(at, "why", TEXT_MAX, &text, "", f)) ||
	        (rc = read_int(at, "seconds", 1, STRICT_INT_MAX, &n, f)) ||
	        (rc = read_time(at, "until", &n, f)))
		return rc;
	if ((scope == 0) != read_has(at, "key"))
		return place_fault(at, f, KE_SCHEMA, NULL, "of a key, or of the host?");
	return read_has(at, "by") ? read_writer(at, "by", &by, f) : KE_OK;
}

int body_read(const struct record *r, struct body *ret, struct fault *f)
{
	*ret = (struct body){ .json = BUF_INIT(RECORD_MAX_BYTES) };
	switch (r->kind) {
	case RECORD_EPOCH:
		return record_epoch_read(r, &ret->epoch, f);
	case RECORD_APPLY:
		return read_apply(&r->body, ret, f);
	case RECORD_DRIFT:
		return read_drift(&r->body, ret, f);
	case RECORD_STATUS:
		return read_status(&r->body, ret, f);
	case RECORD_REFUSAL:
		return read_refusal(&r->body, ret, f);
	case RECORD_GAP:
		return read_gap(&r->body, f);
	case RECORD_OVERRIDE:
		return read_override(&r->body, f);
	case RECORD_SOCKETS: /* kept and shown as it is; nothing here depends on it */
	case RECORD_KINDS:
		break;
	}
	return KE_OK;
}

void body_point(const struct record *r, const struct body *b, struct store_record *out)
{
	if (r->kind == RECORD_DRIFT)
		out->drift = &b->in.drift;
	else if (r->kind == RECORD_REFUSAL)
		out->refusal = &b->in.refusal;
	else if (r->kind == RECORD_APPLY)
		out->apply = &b->in.apply;
	else if (r->kind == RECORD_STATUS)
		out->status = &b->in.status;
}

void body_clear(struct body *b)
{
	buf_free(&b->json);
	free(b->policies);
	free(b->labels);
	*b = (struct body){ 0 };
}
