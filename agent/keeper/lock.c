/* lock.c — keys that nobody else may write.
 *
 * The BPF program refuses; this file tells it what, and records who was refused. A policy's `lock` counts only where
 * agent.conf says `lock = yes` and the program can tell whose key it is; elsewhere it is `enforce`, and the log says so. Who
 * tries again and again is recorded once a minute with the number of attempts. Ends with the keeper, and with the link in
 * any case.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/keeper/keeper.h"
#include "proto/log.h"

#define LOCK_ROWS    64 /* keys whose refusals are counted apart */
#define LOCK_TELL_MS 60000

struct lock_row {
	struct drift_event last; /* name "": free */
	char value[BPF_VALUE_ROOM];
	int64_t told_ms;  /* boot time of its last record; INT64_MIN: none */
	int64_t attempts; /* since then */
};

static const char *why_not(const struct keeper *k)
{
	return !k->config->lock                  ? "agent.conf does not say lock = yes"
	       : !k->bpf                         ? "there is no BPF here"
	       : !bpf_reader_desk(k->bpf)->locks ? "the kernel's types are not known"
	                                         : NULL;
}

void lock_set(struct keeper *k, const struct poll_want *wants, size_t n)
{
	struct name *keys = calloc(n + 1, sizeof *keys);
	size_t asked = 0, n_keys = 0;
	const char *reason = why_not(k);
	int rc = keys ? KE_OK : KE_NOMEM;

	for (size_t i = 0; keys && i < n; i++) {
		/* On hold, people change keys by hand. */
		if (wants[i].mode != SETTING_LOCK || wants[i].held)
			continue;
		asked++;
		/* Others belong to no network namespace: the program would not know whose they are. */
		if (!reason && strncmp(wants[i].name.path, "net/", 4) == 0)
			keys[n_keys++] = wants[i].name;
	}
	if (k->bpf && !rc)
		rc = bpf_lock_set(k->bpf, keys, n_keys, getpid());
	if (rc) {
		n_keys = 0;
		reason = err_text(rc);
	}
	if (asked != n_keys)
		log_warning("keys are enforced, not locked: %zu of %zu reason=\"%s\"", asked - n_keys, asked,
		        reason ? reason : "they belong to no network namespace");
	else if (n_keys != k->n_locked)
		log_info("locked keys=%zu", n_keys);
	k->n_locked = n_keys;
	free(keys);
}

static void tell(struct keeper *k, struct lock_row *row)
{
	struct buf body = BUF_INIT(RECORD_MAX_BYTES);
	char dotted[NAME_MAX_LEN + 1];
	const struct poll_row *now;

	/* Not watched any more: then it is not ours to tell about either. */
	if (poller_run_key(k->poller, &row->last.name, &now) == KE_OK) {
		struct drift d = { .key = row->last.name,
			.wanted = (char *)(uintptr_t)now->want.wanted,
			.old = (char *)(uintptr_t)now->observed,
			.new_value = row->value,
			.mode = now->want.mode,
			.action = DRIFT_REFUSED,
			.source = DRIFT_BPF,
			.policy = (char *)(uintptr_t)now->want.policy,
			.version = now->want.version,
			.writer = row->last.writer,
			.attempts = row->attempts };
		log_info("refused key=%s tried=%s attempts=%lld writer=%s pid=%d",
		        name_dotted(&d.key, dotted, sizeof dotted), row->value, (long long)row->attempts,
		        d.writer.comm, (int)d.writer.pid);
		compose_drift(&d, k->config->report_cmdline, &body);
		journalist_record(k, RECORD_DRIFT, &body, true);
		buf_free(&body);
	}
	row->told_ms = clock_boot_ms(k->clock);
	row->attempts = 0;
}

/* The row of key N, or a free one, or the one that was told longest ago. */
static struct lock_row *row_of(struct keeper *k, const struct name *n)
{
	struct lock_row *oldest = &k->locks[0];

	for (size_t i = 0; i < LOCK_ROWS; i++) {
		struct lock_row *row = &k->locks[i];
		if (!row->last.name.path[0]) {
			row->told_ms = INT64_MIN;
			return row;
		}
		if (name_cmp(&row->last.name, n) == 0)
			return row;
		if (row->told_ms < oldest->told_ms)
			oldest = row;
	}
	if (oldest->attempts)
		tell(k, oldest);
	*oldest = (struct lock_row){ .told_ms = INT64_MIN };
	return oldest;
}

static bool due(const struct lock_row *row, int64_t now)
{
	return row->attempts && (row->told_ms == INT64_MIN || now - row->told_ms >= LOCK_TELL_MS);
}

void lock_refused(struct keeper *k, const struct drift_event *e, const char *value)
{
	if (!k->locks && !(k->locks = calloc(LOCK_ROWS, sizeof *k->locks))) {
		log_error("a refused write is not recorded: %s", err_text(KE_NOMEM));
		return;
	}
	struct lock_row *row = row_of(k, &e->name);
	size_t len = strcspn(value, "\n");

	row->last = *e;
	if (len >= sizeof row->value)
		len = sizeof row->value - 1;
	memcpy(row->value, value, len);
	row->value[len] = '\0';
	row->attempts++;
	if (due(row, clock_boot_ms(k->clock)))
		tell(k, row);
}

void lock_tell(struct keeper *k)
{
	int64_t now = clock_boot_ms(k->clock);

	for (size_t i = 0; k->locks && i < LOCK_ROWS; i++)
		if (due(&k->locks[i], now))
			tell(k, &k->locks[i]);
}
