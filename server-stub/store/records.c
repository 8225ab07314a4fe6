/* records.c — the rows that one verified record becomes: its raw line always, and by kind a drift, a refusal, the
 * latest of its kind, and the quick columns of the host. Runs inside the batch's transaction, whose last statement (the
 * head of the host) also hears of what went wrong here. */
#include "server-stub/store/impl.h"

#include <string.h>

bool record_complete(const struct store_record *r)
{
	bool drift = !strcmp(r->kind, "drift"), refusal = !strcmp(r->kind, "refusal");
	bool apply = !strcmp(r->kind, "apply"), status = !strcmp(r->kind, "status");

	return r->prev && r->line && (r->drift != NULL) == drift && (r->refusal != NULL) == refusal &&
	       (r->apply != NULL) == apply && (r->status != NULL) == status;
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static int line_add(struct db *db, const struct store_batch *b, const struct store_record *r)
{
	return db_later(db,
	        "INSERT INTO records (host, epoch, seq, kind, time, received, line)"
	        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
	        DB_ARGS(DB_T(b->host), DB_T(b->epoch), DB_I((int64_t)r->seq), DB_T(r->kind), DB_I(r->time),
	                DB_I(b->received), DB_TN(r->line, r->line_len)));
}

static int latest_set(
        struct db *db, const struct store_batch *b, const struct store_record *r, const char *policy)
{
	return db_later(db,
	        "INSERT INTO latest (host, kind, policy, epoch, seq, time, received, line)"
	        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (host, kind, policy) DO UPDATE SET"
	        " epoch = excluded.epoch, seq = excluded.seq, time = excluded.time, received = "
	        "excluded.received,"
	        " line = excluded.line",
	        DB_ARGS(DB_T(b->host), DB_T(r->kind), DB_T(policy), DB_T(b->epoch), DB_I((int64_t)r->seq),
	                DB_I(r->time), DB_I(b->received), DB_TN(r->line, r->line_len)));
}

static int drift_add(struct db *db, const struct store_batch *b, const struct store_record *r)
{
	const struct store_drift_in *d = r->drift;

	return db_later(db,
	        "INSERT INTO drifts (host, time, received, key, wanted, old_value, new_value, mode, action, "
	        "source,"
	        " policy, version, writer) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
	        DB_ARGS(DB_T(b->host), DB_I(r->time), DB_I(b->received), DB_T(or_empty(d->key)),
	                DB_T(or_empty(d->wanted)), DB_T(or_empty(d->old_value)), DB_T(or_empty(d->new_value)),
	                DB_T(or_empty(d->mode)), DB_T(or_empty(d->action)), DB_T(or_empty(d->source)),
	                DB_T(or_empty(d->policy)), DB_I(d->version), DB_T(d->writer ? d->writer : "{}")));
}

static int refusal_add(struct db *db, const struct store_batch *b, const struct store_record *r)
{
	const struct store_refusal_in *x = r->refusal;

	return db_later(db,
	        "INSERT INTO refusals (host, time, received, what, name, code, reason, serial)"
	        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
	        DB_ARGS(DB_T(b->host), DB_I(r->time), DB_I(b->received), DB_T(or_empty(x->what)),
	                DB_T(or_empty(x->name)), DB_T(or_empty(x->code)), DB_T(or_empty(x->reason)),
	                DB_I(x->serial)));
}

/* The result belongs to the serial it names; one about an older serial than we know of changes nothing. */
static int apply_set(struct db *db, const struct store_batch *b, const struct store_record *r)
{
	const struct store_apply_in *a = r->apply;
	int rc = latest_set(db, b, r, or_empty(a->policy));

	if (rc)
		return rc;
	return db_later(db,
	        "INSERT INTO host_policies (host, policy, version, serial, result, reason, time)"
	        " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (host, policy) DO UPDATE SET"
	        " version = excluded.version, serial = excluded.serial, result = excluded.result,"
	        " reason = excluded.reason, time = excluded.time WHERE excluded.serial >= "
	        "host_policies.serial",
	        DB_ARGS(DB_T(b->host), DB_T(or_empty(a->policy)), DB_I(a->version), DB_I(a->serial),
	                DB_T(or_empty(a->result)), DB_T(or_empty(a->reason)), DB_I(r->time)));
}

/* States come from the status; a serial that no apply record told us of yet has no result. */
static int policy_states_set(struct db *db, const char *host, const struct store_status_in *st)
{
	int rc = db_later(db, "UPDATE host_policies SET state = '' WHERE host = $1", DB_ARGS(DB_T(host)));

	for (size_t i = 0; i < st->policy_count && !rc; i++) {
		const struct store_policy_state *p = &st->policies[i];
		rc = db_later(db,
		        "INSERT INTO host_policies (host, policy, version, serial, state)"
		        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (host, policy) DO UPDATE SET"
		        " state = excluded.state, version = CASE WHEN excluded.serial > host_policies.serial"
		        " THEN excluded.version ELSE host_policies.version END,"
		        " result = CASE WHEN excluded.serial > host_policies.serial THEN '' ELSE"
		        " host_policies.result END, reason = CASE WHEN excluded.serial > host_policies.serial"
		        " THEN '' ELSE host_policies.reason END, serial = CASE WHEN"
		        " excluded.serial > host_policies.serial THEN excluded.serial ELSE "
		        "host_policies.serial END",
		        DB_ARGS(DB_T(host), DB_T(p->policy), DB_I(p->version), DB_I(p->serial),
		                DB_T(or_empty(p->state))));
	}
	return rc;
}

static int host_labels_set(struct db *db, const char *host, const struct store_status_in *st)
{
	int rc = db_later(
	        db, "DELETE FROM host_labels WHERE host = $1 AND origin = 'host'", DB_ARGS(DB_T(host)));

	for (size_t i = 0; i < st->label_count && !rc; i++)
		rc = db_later(db,
		        "INSERT INTO host_labels (host, origin, name, value) VALUES ($1, 'host', $2, $3)"
		        " ON CONFLICT (host, origin, name) DO UPDATE SET value = excluded.value",
		        DB_ARGS(DB_T(host), DB_T(st->labels[i].name), DB_T(st->labels[i].value)));
	return rc;
}

static int status_set(struct db *db, const struct store_batch *b, const struct store_record *r)
{
	const struct store_status_in *st = r->status;
	int rc = latest_set(db, b, r, "");

	if (!rc)
		rc = db_later(db,
		        "UPDATE hosts SET kernel = $1, agent_version = $2, facts = $3, in_sync = $4, drifted "
		        "= $5,"
		        " status_time = $6 WHERE id = $7",
		        DB_ARGS(DB_T(or_empty(st->kernel)), DB_T(or_empty(st->agent_version)),
		                DB_T(st->facts ? st->facts : "{}"), DB_I(st->in_sync), DB_I(st->drifted),
		                DB_I(r->time), DB_T(b->host)));
	if (!rc)
		rc = policy_states_set(db, b->host, st);
	return rc ? rc : host_labels_set(db, b->host, st);
}

/* A measurement of totals alone does not take the place of the last full one. Lines are compact, and a quote inside a string is
 * escaped: the words can only be the member. */
static int sockets_set(struct db *db, const struct store_batch *b, const struct store_record *r)
{
	static const char totals[] = "\"mode\":\"totals\"";
	bool only = memmem(r->line, r->line_len, totals, sizeof totals - 1);

	return latest_set(db, b, r, only ? "totals" : "");
}

int record_add(struct db *db, const struct store_batch *b, const struct store_record *r)
{
	int rc = line_add(db, b, r);

	if (rc)
		return rc; /* KE_EXIST: the head said that this place is free, so the database is wrong */
	if (r->drift)
		return drift_add(db, b, r);
	if (r->refusal)
		return refusal_add(db, b, r);
	if (r->apply)
		return apply_set(db, b, r);
	if (r->status)
		return status_set(db, b, r);
	return strcmp(r->kind, "sockets") ? KE_OK : sockets_set(db, b, r);
}
