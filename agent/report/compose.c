/* compose.c — the bodies of records as JSON: one function a kind, straight-line code. Values are cut at COMPOSE_VALUE_MAX,
 * because a port list can have 84 KB and a record is bounded. Called by the keeper, which hands the text to
 * spool_append(). */
#include "agent/report/compose.h"

#include <string.h>

#include "proto/jsonw.h"

static const char *const result_names[] = {
	[APPLY_APPLIED] = "applied",
	[APPLY_ALREADY] = "already",
	[APPLY_FAILED] = "failed",
	[APPLY_REVERTED] = "reverted",
	[APPLY_CONFIRMED] = "confirmed",
	[APPLY_REMOVED] = "removed",
	[APPLY_DEGRADED] = "degraded",
};

static const char *const source_names[] = {
	[DRIFT_POLL] = "poll",
	[DRIFT_FANOTIFY] = "fanotify",
	[DRIFT_BPF] = "bpf",
};

static const char *const refusal_names[] = {
	[REFUSAL_METADATA] = "metadata",
	[REFUSAL_ROLLOUT] = "rollout",
	[REFUSAL_POLICY] = "policy",
};

/* A sysctl's value: nothing when it is not known. */
static void value_write(struct jsonw *w, const char *name, const char *value)
{
	struct buf cut = BUF_INIT(COMPOSE_VALUE_MAX);

	if (!value)
		return;
	size_t len = strlen(value);
	if (len <= COMPOSE_VALUE_MAX) {
		jsonw_string_n(w, name, value, len);
		return;
	}
	buf_bytes(&cut, value, COMPOSE_VALUE_MAX - 3);
	buf_str(&cut, "...");
	if (cut.rc)
		w->out->rc = w->out->rc ? w->out->rc : cut.rc;
	else
		jsonw_string_n(w, name, cut.data, cut.len);
	buf_free(&cut);
}

static void name_write(struct jsonw *w, const char *member, const struct name *n)
{
	char text[NAME_MAX_LEN + 1];

	jsonw_string(w, member, name_dotted(n, text, sizeof text));
}

/* What the key holds after the plan, as far as it is known. */
static const char *value_after(const struct plan_key *k)
{
	switch (k->outcome) {
	case OUTCOME_APPLIED:
		return k->wanted;
	case OUTCOME_CONFLICT:
	case OUTCOME_DEGRADED:
		return k->got;
	default:
		return k->old;
	}
}

static void plan_key_write(struct jsonw *w, const struct plan_key *k)
{
	char text[512];

	jsonw_object(w, NULL);
	name_write(w, "key", &k->name);
	jsonw_string(w, "outcome", outcome_name(k->outcome));
	value_write(w, "old", k->old);
	value_write(w, "new", value_after(k));
	if (k->outcome != OUTCOME_APPLIED && k->outcome != OUTCOME_ALREADY)
		jsonw_string(w, "detail", outcome_text(k, text, sizeof text));
	jsonw_object_end(w);
}

void compose_apply(const struct compose_apply *a, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out, 0);
	const unsigned char *hash = a->plan ? a->plan->hash : a->plan_hash;

	jsonw_object(&w, NULL);
	jsonw_string(&w, "policy", a->policy);
	jsonw_int(&w, "version", a->version);
	jsonw_int(&w, "serial", a->serial);
	if (hash)
		jsonw_hex(&w, "plan", hash, SHA256_LEN);
	jsonw_string(&w, "result", result_names[a->result]);
	jsonw_opt_string(&w, "reason", a->reason);
	jsonw_array(&w, "keys");
	for (size_t i = 0; a->plan && i < a->plan->n; i++)
		plan_key_write(&w, &a->plan->keys[i]);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}

static void chain_write(struct jsonw *w, const struct writer *p)
{
	if (!p->n_chain)
		return;
	jsonw_array(w, "chain");
	for (size_t i = 0; i < p->n_chain; i++) {
		jsonw_object(w, NULL);
		jsonw_int(w, "pid", p->chain[i].pid);
		jsonw_string(w, "comm", p->chain[i].comm);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void writer_write(struct jsonw *w, const char *name, const struct writer *p, bool cmdline)
{
	jsonw_object(w, name);
	if (p->state == WRITER_UNKNOWN) {
		jsonw_string(w, "state", "unknown");
	} else if (p->state == WRITER_GONE) {
		jsonw_string(w, "state", "exited before identified");
		jsonw_int(w, "pid", p->pid);
	} else {
		size_t len = cmdline ? strlen(p->cmdline) : p->word_len;
		jsonw_int(w, "pid", p->pid);
		jsonw_string(w, "comm", p->comm);
		jsonw_int(w, "loginuid", p->loginuid);
		if (p->uid >= 0)
			jsonw_int(w, "uid", p->uid);
		jsonw_string(w, "cgroup", p->cgroup);
		if (len)
			jsonw_string_n(w, "cmdline", p->cmdline, len);
		if (p->exe[0])
			jsonw_string(w, "exe", p->exe);
		chain_write(w, p);
	}
	jsonw_object_end(w);
}

void compose_drift(const struct drift *d, bool cmdline, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out, 0);

	jsonw_object(&w, NULL);
	name_write(&w, "key", &d->key);
	value_write(&w, "wanted", d->wanted);
	value_write(&w, "old", d->old);
	value_write(&w, "new", d->new_value);
	jsonw_string(&w, "mode", setting_mode_name(d->mode));
	jsonw_string(&w, "action", drift_action_name(d->action));
	jsonw_string(&w, "source", source_names[d->source]);
	jsonw_string(&w, "policy", d->policy);
	jsonw_int(&w, "version", d->version);
	writer_write(&w, "writer", &d->writer, cmdline);
	if (d->coupled)
		name_write(&w, "coupled_with", &d->coupled_with);
	if (d->attempts)
		jsonw_int(&w, "attempts", d->attempts);
	jsonw_object_end(&w);
}

void compose_refusal(
        enum refusal_what what, const char *name, const struct fault *f, int64_t serial, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out, 0);
	char line[1024];

	jsonw_object(&w, NULL);
	jsonw_string(&w, "what", refusal_names[what]);
	jsonw_string(&w, "name", name);
	jsonw_string(&w, "code", err_name(f->code));
	jsonw_string(&w, "reason", fault_line(f, line, sizeof line));
	if (serial >= 0)
		jsonw_int(&w, "serial", serial);
	jsonw_object_end(&w);
}

void compose_override(const struct compose_override *o, bool cmdline, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out, 0);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "action", o->action);
	jsonw_string(&w, "scope", o->key ? "key" : "host");
	jsonw_opt_string(&w, "key", o->key);
	value_write(&w, "value", o->value);
	jsonw_opt_string(&w, "policy", o->policy);
	jsonw_string(&w, "reason", o->reason);
	jsonw_opt_string(&w, "why", o->why);
	jsonw_int(&w, "seconds", o->seconds);
	jsonw_time(&w, "until", o->until);
	if (o->by)
		writer_write(&w, "by", o->by, cmdline);
	jsonw_object_end(&w);
}

void compose_gap(const char *kind, int64_t from_seq, int64_t to_seq, int64_t count, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out, 0);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "kind", kind ? kind : "unknown");
	jsonw_int(&w, "from_seq", from_seq);
	jsonw_int(&w, "to_seq", to_seq);
	jsonw_int(&w, "count", count);
	jsonw_object_end(&w);
}

static void trust_write(struct jsonw *w, const struct compose_status *s)
{
	jsonw_object(w, "trust");
	jsonw_int(w, "root", s->root);
	jsonw_int(w, "timestamp", s->timestamp);
	jsonw_int(w, "snapshot", s->snapshot);
	jsonw_int(w, "targets", s->targets);
	if (s->timestamp_expires)
		jsonw_time(w, "timestamp_expires", s->timestamp_expires);
	jsonw_object_end(w);
}

static void facts_write(struct jsonw *w, const struct compose_status *s)
{
	jsonw_object(w, "facts");
	jsonw_string(w, "kernel", s->facts_kernel);
	jsonw_int(w, "memory_bytes", s->memory_bytes);
	jsonw_int(w, "cpus", s->cpus);
	jsonw_object(w, "labels");
	for (size_t i = 0; i < s->n_labels; i++)
		jsonw_string(w, s->labels[i].name, s->labels[i].value);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void policies_write(struct jsonw *w, const struct compose_status *s)
{
	jsonw_array(w, "policies");
	for (size_t i = 0; i < s->n_policies; i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "name", s->policies[i].name);
		jsonw_int(w, "version", s->policies[i].version);
		jsonw_int(w, "serial", s->policies[i].serial);
		jsonw_string(w, "state", s->policies[i].state);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void processes_write(struct jsonw *w, const struct compose_status *s)
{
	jsonw_array(w, "processes");
	for (size_t i = 0; i < s->n_processes; i++) {
		const struct status_process *p = &s->processes[i];
		jsonw_object(w, NULL);
		jsonw_string(w, "name", p->name);
		jsonw_int(w, "pid", p->pid);
		jsonw_int(w, "uid", p->uid);
		jsonw_string(w, "cap_eff", p->cap_eff);
		jsonw_int(w, "no_new_privs", p->no_new_privs);
		jsonw_int(w, "seccomp", p->seccomp);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void exception_write(struct jsonw *w, const char *name, const struct status_exception *x)
{
	jsonw_object(w, name);
	jsonw_opt_string(w, "key", x->key);
	value_write(w, "value", x->value);
	jsonw_string(w, "reason", x->reason);
	jsonw_time(w, "until", x->until);
	jsonw_object_end(w);
}

/* "overrides" and "hold", where there are any. */
static void exceptions_write(struct jsonw *w, const struct compose_status *s)
{
	size_t keys = 0;

	for (size_t i = 0; i < s->n_exceptions; i++) {
		if (s->exceptions[i].key)
			keys++;
		else
			exception_write(w, "hold", &s->exceptions[i]);
	}
	if (!keys)
		return;
	jsonw_array(w, "overrides");
	for (size_t i = 0; i < s->n_exceptions; i++)
		if (s->exceptions[i].key)
			exception_write(w, NULL, &s->exceptions[i]);
	jsonw_array_end(w);
}

void compose_status(const struct compose_status *s, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out, 0);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "agent_version", KEDGE_VERSION);
	jsonw_string(&w, "kernel", s->kernel);
	jsonw_int(&w, "uptime_s", s->uptime_s);
	policies_write(&w, s);
	trust_write(&w, s);
	jsonw_bool(&w, "in_sync", s->in_sync);
	jsonw_int(&w, "drifted", s->drifted);
	exceptions_write(&w, s);
	facts_write(&w, s);
	processes_write(&w, s);
	jsonw_string(&w, "attribution", s->attribution);
	jsonw_string(&w, "source", s->source);
	jsonw_string(&w, "coverage", s->coverage);
	jsonw_int(&w, "locked", s->locked);
	jsonw_string(&w, "confinement", s->confinement);
	jsonw_string(&w, "clock", s->clock);
	jsonw_object(&w, "spool");
	jsonw_int(&w, "first_seq", s->spool_first);
	jsonw_int(&w, "last_seq", s->spool_last);
	jsonw_int(&w, "bytes", s->spool_bytes);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
}
