/* journalist.c — what happened, as records: composed, signed and synced into the spool, then pushed.
 *
 * A record that is urgent is pushed at once; telemetry waits for company. What was refused is reported once, not at every
 * round. The record key is made here at the first start and never leaves this process's directory.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/keeper/keeper.h"
#include "agent/measure/sockdiag.h"
#include "proto/fileio.h"
#include "proto/log.h"
#include "proto/signkey.h"

/* A body, with what a line has around it, is a record. */
#define RECORD_BODY_MAX  (RECORD_MAX_BYTES - 1024)

#define STATUS_SOON_S    0.3
#define STATUS_EVERY_MS  2000 /* however much happens */
#define TELEMETRY_PUSH_S 2.0
#define TOLD_MS          (24 * 3600 * 1000LL)
#define HOUR_MS          (3600 * 1000LL)
#define HOUR_REFUSALS    300
#define APPLY_ROWS       3000 /* keys in one record: the reader's limit of nodes is not far beyond */

static int record_key_make(const char *path, struct signkey **ret, struct fault *f)
{
	struct buf pem = BUF_INIT(SIGNKEY_PEM_MAX);
	struct signkey *key = NULL;
	int rc = signkey_generate(SIGNKEY_ED25519, &key, f);

	if (!rc)
		rc = signkey_save(key, NULL, &pem, f);
	if (!rc)
		rc = file_replace(path, pem.data, pem.len, 0600, FILE_DURABLE, f);
	signkey_wipe(&pem);
	if (rc) {
		signkey_free(key);
		return rc;
	}
	*ret = key;
	return KE_OK;
}

static int record_key_open(struct keeper *k, struct fault *f)
{
	char path[PATH_MAX], *pem;
	size_t len;
	int n = snprintf(path, sizeof path, "%s/record.key", k->state_dir);

	if (n <= 0 || n >= (int)sizeof path)
		return fault_set(f, KE_TOOBIG, k->state_dir, NULL, "path too long");
	int rc = file_read(path, SIGNKEY_PEM_MAX, &pem, &len, f);
	if (rc == KE_NOENT)
		return record_key_make(path, &k->key, f);
	if (rc)
		return rc;
	rc = signkey_load(pem, len, NULL, &k->key, f);
	explicit_bzero(pem, len);
	file_free(pem);
	if (rc)
		fault_at(f, "%s", path);
	return rc;
}

static int spool_start(struct keeper *k, struct fault *f)
{
	char dir[PATH_MAX], line[1024];
	struct spool_found found;
	struct spool_options so = { .dir = dir,
		.host = k->config->host,
		.boot_id = k->engine->boot_id,
		.key = k->key,
		.time = era_now(k) };
	int n = snprintf(dir, sizeof dir, "%s/spool", k->state_dir);

	if (n <= 0 || n >= (int)sizeof dir)
		return fault_set(f, KE_TOOBIG, k->state_dir, NULL, "path too long");
	if (getrandom(so.seed, sizeof so.seed, 0) != sizeof so.seed)
		return fault_set(f, KE_SYSTEM, "getrandom", NULL, "%s", strerror(errno));
	int rc = spool_open(&so, &k->spool, &found, f);
	if (!rc && found.damaged)
		log_warning("spool: %lld records lost, %lld carried on: %s", (long long)found.lost,
		        (long long)found.carried, fault_line(f, line, sizeof line));
	return rc;
}

void journalist_record(struct keeper *k, enum record_kind kind, const struct buf *body, bool urgent)
{
	struct fault f = { 0 };
	char line[1024];
	int rc = body->rc ? body->rc
	                  : spool_append(k->spool, kind, era_now(k), buf_text(body), body->len, NULL, &f);

	if (rc)
		log_error("a record of kind %s is lost: %s", record_kind_name(kind),
		        body->rc ? err_text(rc) : fault_line(&f, line, sizeof line));
	else
		link_push(k, urgent ? 0. : TELEMETRY_PUSH_S);
}

void journalist_apply(struct keeper *k, const char *policy, int64_t version, int64_t serial,
        enum apply_result result, const char *reason, const struct plan *pl, const unsigned char *hash)
{
	struct buf body = BUF_INIT(RECORD_BODY_MAX);
	struct compose_apply a = { .policy = policy,
		.version = version,
		.serial = serial,
		.result = result,
		.reason = reason,
		.plan = pl,
		.plan_hash = hash };

	if (!pl || pl->n <= APPLY_ROWS)
		compose_apply(&a, &body);
	if (body.rc == KE_TOOBIG || (pl && pl->n > APPLY_ROWS)) {
		/* Better without its keys than not at all. */
		char counted[256];
		buf_free(&body);
		body = (struct buf)BUF_INIT(RECORD_BODY_MAX);
		snprintf(counted, sizeof counted, "%s%s%zu keys are too many to list", reason ? reason : "",
		        reason ? "; " : "", pl ? pl->n : 0);
		a.plan = NULL;
		a.plan_hash = pl ? pl->hash : hash;
		a.reason = counted;
		compose_apply(&a, &body);
	}
	journalist_record(k, RECORD_APPLY, &body, true);
	buf_free(&body);
}

/* Was this very refusal reported within a day? If not, it is now. */
static bool told(struct keeper *k, const char *name, const struct fault *f)
{
	struct buf said = BUF_INIT(4096);
	struct told t = { .at_ms = clock_boot_ms(k->clock) };
	size_t at = 0;

	buf_fmt(&said, "%d %s\n%s", f->code, name, f->what);
	sha256(buf_text(&said), said.len, t.id);
	buf_free(&said);
	while (at < k->n_told && memcmp(k->told[at].id, t.id, sizeof t.id) != 0)
		at++;
	if (at < k->n_told && t.at_ms - k->told[at].at_ms < TOLD_MS)
		return true;
	if (at == k->n_told) {
		/* A new one: at the end, or in the place of the oldest. */
		at = k->next_told;
		k->next_told = (at + 1) % KEEPER_REFUSALS;
		k->n_told += k->n_told < KEEPER_REFUSALS;
	}
	k->told[at] = t;
	return false;
}

/* Names in an assignment are anybody's, and a refusal is never dropped from the spool: an hour has room for so many. */
static bool hour_full(struct keeper *k)
{
	int64_t now = clock_boot_ms(k->clock);

	if (!k->hour_ms || now - k->hour_ms >= HOUR_MS) {
		k->hour_ms = now;
		k->refusals = 0;
	}
	if (k->refusals < HOUR_REFUSALS) {
		k->refusals++;
		return false;
	}
	if (k->refusals++ == HOUR_REFUSALS)
		log_warning("more than %d refusals in an hour; the others are not reported", HOUR_REFUSALS);
	return true;
}

void journalist_refusal(
        void *ctx, enum refusal_what what, const char *name, int64_t serial, const struct fault *f)
{
	struct keeper *k = ctx;
	struct buf body = BUF_INIT(RECORD_MAX_BYTES);
	char line[1024];

	if (told(k, name, f) || hour_full(k))
		return;
	log_warning("refused %s: %s", name, fault_line(f, line, sizeof line));
	compose_refusal(what, name, f, serial, &body);
	journalist_record(k, RECORD_REFUSAL, &body, true);
	buf_free(&body);
}

void journalist_pass(void *ctx, const char *name, int64_t serial, const struct fault *f)
{
	char line[1024];
	(void)serial;

	if (!told(ctx, name, f))
		log_info("passed over %s: %s", name, fault_line(f, line, sizeof line));
}

/* ---- status ---- */

/* Value of "NAME:" in the text of /proc/PID/status into RET. */
static bool status_field(const char *text, const char *name, char *ret, size_t size)
{
	const char *at = strstr(text, name);

	if (!at)
		return false;
	at += strlen(name);
	at += strspn(at, " \t");
	size_t n = strcspn(at, " \t\n");
	if (n >= size)
		return false;
	memcpy(ret, at, n);
	ret[n] = '\0';
	return true;
}

static bool process_read(const char *name, pid_t pid, struct status_process *ret, char cap_eff[32])
{
	char path[64], uid[16], nnp[8], seccomp[8], *text;
	size_t len;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	if (pid <= 0 || file_read(path, 16384, &text, &len, NULL))
		return false;
	bool good = status_field(text, "\nUid:", uid, sizeof uid) &&
	            status_field(text, "\nCapEff:", cap_eff, 32) &&
	            status_field(text, "\nNoNewPrivs:", nnp, sizeof nnp) &&
	            status_field(text, "\nSeccomp:", seccomp, sizeof seccomp);
	file_free(text);
	if (good)
		*ret = (struct status_process){ .name = name,
			.pid = pid,
			.uid = strtoll(uid, NULL, 10),
			.cap_eff = cap_eff,
			.no_new_privs = strtoll(nnp, NULL, 10),
			.seccomp = strtoll(seccomp, NULL, 10) };
	return good;
}

static bool waits(const struct keeper *k, const char *name)
{
	return k->pending.active && strcmp(k->pending.name, name) == 0;
}

/* What is in force; then what is not, or not yet, or not in that version: the one that waits, and those that are held. */
static size_t policies_fill(const struct keeper *k, struct status_policy *rows)
{
	size_t n = 0;

	for (size_t i = 0; i < k->adopted.n; i++) {
		const struct adopted *a = &k->adopted.rows[i];
		if (!a->removed && !waits(k, a->name) && held_serial(&k->held, a->name) <= a->serial)
			rows[n++] = (struct status_policy){ a->name, a->version, a->serial,
				selector_match(a->policy->selector, &k->facts) ? "applied" : "not_selected" };
	}
	if (k->pending.active)
		rows[n++] = (struct status_policy){ k->pending.name, k->pending.version, k->pending.serial,
			"unconfirmed" };
	for (size_t i = 0; i < k->held.n; i++) {
		const struct held_row *h = &k->held.rows[i];
		const struct adopted *a = adopted_find(&k->adopted, h->name);
		if (!waits(k, h->name) && !(a && a->serial >= h->serial))
			rows[n++] = (struct status_policy){ h->name, a ? a->version : 0, h->serial, "held" };
	}
	return n;
}

static size_t exceptions_fill(
        const struct keeper *k, struct status_exception *rows, char names[][NAME_MAX_LEN + 1])
{
	for (size_t i = 0; i < k->overrides.n; i++) {
		const struct override_row *r = &k->overrides.rows[i];
		rows[i] =
		        (struct status_exception){ r->value ? name_dotted(&r->key, names[i], sizeof names[i])
			                                    : NULL,
			        r->value, r->reason, r->until };
	}
	return k->overrides.n;
}

void journalist_status_body(struct keeper *k, struct buf *out)
{
	struct status_policy policies[2 * ADOPTED_MAX + 1];
	struct status_exception exceptions[OVERRIDE_MAX];
	char names[OVERRIDE_MAX][NAME_MAX_LEN + 1];
	struct status_process processes[3];
	struct status_label labels[CONFIG_MAX_LABELS];
	char caps[3][32], release[32], kernel[sizeof(struct utsname)] = "";
	const struct trust *t = verify_trust(k->verify);
	struct spool_stats spool;
	struct utsname un;
	struct compose_status s = {
		.policies = policies, .processes = processes, .labels = labels, .exceptions = exceptions
	};

	if (!uname(&un))
		snprintf(kernel, sizeof kernel, "%s", un.release);
	snprintf(release, sizeof release, "%u.%u", k->facts.kernel >> 16, k->facts.kernel & 0xffff);
	spool_stats(k->spool, &spool);
	s.kernel = kernel;
	s.uptime_s = clock_boot_ms(k->clock) / 1000;
	s.n_policies = policies_fill(k, policies);
	s.n_exceptions = exceptions_fill(k, exceptions, names);
	s.root = trust_version(t, TUF_ROOT);
	s.timestamp = trust_version(t, TUF_TIMESTAMP);
	s.snapshot = trust_version(t, TUF_SNAPSHOT);
	s.targets = trust_version(t, TUF_TARGETS);
	s.timestamp_expires = trust_expires(t, TUF_TIMESTAMP);
	s.in_sync = k->drifted == 0 && !k->pending.active && !k->held_back;
	s.drifted = (int64_t)k->drifted;
	s.facts_kernel = release;
	s.memory_bytes = (int64_t)k->facts.memory_bytes;
	s.cpus = k->facts.cpus;
	for (size_t i = 0; i < k->facts.n_labels; i++)
		labels[s.n_labels++] =
		        (struct status_label){ k->facts.labels[i].name, k->facts.labels[i].value };
	const struct {
		const char *name;
		pid_t pid;
	} all[] = { { "supervisor", k->supervisor }, { "keeper", getpid() }, { "courier", k->courier } };
	for (size_t i = 0; i < 3; i++)
		if (process_read(all[i].name, all[i].pid, &processes[s.n_processes], caps[i]))
			s.n_processes++;
	s.source = k->bpf ? "bpf" : k->fanotify_on ? "fanotify" : "poll";
	s.attribution = k->bpf           ? bpf_watch_attribution(k)
	                : k->fanotify_on ? lookout_attribution(k)
	                                 : "unavailable";
	s.locked = (int64_t)k->n_locked;
	s.coverage = k->bpf && bpf_reader_desk(k->bpf)->whole ? "full" : "partial";
	s.confinement = k->confinement;
	s.clock = era_state(k);
	s.spool_first = spool.first_seq;
	s.spool_last = spool.last_seq;
	s.spool_bytes = (int64_t)spool.bytes;
	compose_status(&s, out);
}

static void status_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct keeper *k = w->data;
	struct buf body = BUF_INIT(RECORD_MAX_BYTES);
	(void)revents;

	journalist_status_body(k, &body);
	journalist_record(k, RECORD_STATUS, &body, false);
	buf_free(&body);
	k->status_ms = clock_boot_ms(k->clock);
	ev_timer_set(w, (double)k->config->status_s, 0.);
	ev_timer_start(loop, w);
}

void journalist_status_soon(struct keeper *k)
{
	int64_t since = clock_boot_ms(k->clock) - k->status_ms;
	double wait = since >= STATUS_EVERY_MS ? 0. : (double)(STATUS_EVERY_MS - since) / 1000.;

	if (wait < STATUS_SOON_S)
		wait = STATUS_SOON_S;
	if (!k->spool || !ev_is_active(&k->status) || ev_timer_remaining(k->loop, &k->status) <= wait)
		return;
	ev_timer_stop(k->loop, &k->status);
	ev_timer_set(&k->status, wait, 0.);
	ev_timer_start(k->loop, &k->status);
}

/* Two buffers, taken in turns: the last full measurement is what growth is told from. */
static void sockets_keep(struct keeper *k)
{
	k->look = k->report->counters;
	if (k->report->mode != SOCKETS_FULL)
		return;
	struct sockets_report *other = k->previous ? k->previous : malloc(sizeof *other);
	k->previous = other ? k->report : NULL;
	k->report = other ? other : k->report;
}

void journalist_sockets(struct keeper *k)
{
	int64_t now = clock_boot_ms(k->clock);
	struct sockets_options so = { .diag = k->diag,
		.clock = k->clock,
		.previous = k->previous,
		.counters = true,
		.look = k->look.known ? &k->look : NULL,
		.mode = cadence_due(&k->cadence, now) ? SOCKETS_FULL : SOCKETS_TOTALS,
		.timeout_ms = cadence_longest_ms(&k->cadence),
		.may_stop = true };
	struct buf body = BUF_INIT(RECORD_MAX_BYTES);
	struct jsonw json = JSONW_INIT(&body, 0);
	struct fault f = { 0 };

	if (getrandom(so.hash_key, sizeof so.hash_key, 0) != sizeof so.hash_key ||
	        sockets_measure(&so, k->report, &f)) {
		log_warning("sockets cannot be counted: %s", f.what);
		return;
	}
	if (so.mode == SOCKETS_FULL)
		cadence_spent(&k->cadence, now, k->report->cpu_us);
	sockets_report_json(k->report, NULL, &json, NULL);
	journalist_record(k, RECORD_SOCKETS, &body, false);
	buf_free(&body);
	sockets_keep(k);
}

static void sockets_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	journalist_sockets(w->data);
}

int journalist_start(struct keeper *k, struct fault *f)
{
	int rc = record_key_open(k, f);

	if (!rc)
		rc = spool_start(k, f);
	if (!rc && !(k->report = malloc(sizeof *k->report)))
		rc = fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	if (rc)
		return rc;
	ev_timer_init(&k->status, status_timer, 1., 0.);
	k->status.data = k;
	ev_timer_start(k->loop, &k->status);
	k->cadence.budget_permille = (uint32_t)k->config->sockets_cpu;
	ev_timer_init(&k->sockets, sockets_timer, 1., (double)k->config->sockets_s);
	k->sockets.data = k;
	ev_timer_start(k->loop, &k->sockets);
	return KE_OK;
}
