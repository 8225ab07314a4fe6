/* counts.c — how many: hosts per rollout and result, and the sums for /metrics. */
#include "server-stub/store/impl.h"

struct count_walk {
	int (*row)(void *ctx, const struct store_rollout_count *c);
	void *ctx;
};

static int count_each(void *ctx, struct db *db, struct db_rows *rows)
{
	struct count_walk *w = ctx;
	struct store_rollout_count c = { .policy = db_text(rows, 0),
		.serial = db_int(rows, 1),
		.result = db_text(rows, 2),
		.hosts = (uint64_t)db_int(rows, 3) };

	(void)db;
	return w->row(w->ctx, &c);
}

int store_rollout_counts(struct store *s, const char *policy,
        int (*row)(void *ctx, const struct store_rollout_count *c), void *ctx, struct fault *f)
{
	struct count_walk w = { row, ctx };

	return walk(s,
	        "SELECT p.policy, p.serial, p.result, count(*) FROM host_policies AS p JOIN hosts AS h"
	        " ON h.id = p.host WHERE h.state <> 'revoked' AND p.policy = COALESCE($1, p.policy)"
	        " GROUP BY p.policy, p.serial, p.result ORDER BY p.policy, p.serial, p.result",
	        DB_ARGS(DB_T(policy)), count_each, &w, f);
}

static int summary_each(void *ctx, struct db *db, struct db_rows *rows)
{
	struct store_summary *sum = ctx;

	(void)db;
	*sum = (struct store_summary){ .enrolled = (uint64_t)db_int(rows, 0),
		.revoked = (uint64_t)db_int(rows, 1),
		.forked = (uint64_t)db_int(rows, 2),
		.in_sync = (uint64_t)db_int(rows, 3),
		.out_of_sync = (uint64_t)db_int(rows, 4),
		.records = (uint64_t)db_int(rows, 5),
		.drifts = (uint64_t)db_int(rows, 6),
		.refusals = (uint64_t)db_int(rows, 7) };
	return KE_OK;
}

int store_summary(struct store *s, struct store_summary *ret, struct fault *f)
{
	struct store_summary sum = { 0 };
	/* rows come and go only at the ends, so the distance of the ends is their number, without a scan */
	int rc = walk(s,
	        "SELECT COALESCE(sum(CASE WHEN state = 'enrolled' THEN 1 ELSE 0 END), 0),"
	        " COALESCE(sum(CASE WHEN state = 'revoked' THEN 1 ELSE 0 END), 0),"
	        " COALESCE(sum(CASE WHEN state = 'forked' THEN 1 ELSE 0 END), 0),"
	        " COALESCE(sum(CASE WHEN state <> 'revoked' AND status_time > 0 AND in_sync = 1 THEN 1 ELSE "
	        "0 END), 0),"
	        " COALESCE(sum(CASE WHEN state <> 'revoked' AND status_time > 0 AND in_sync = 0 THEN 1 ELSE "
	        "0 END), 0),"
	        " COALESCE((SELECT max(id) FROM records) - (SELECT min(id) FROM records) + 1, 0),"
	        " COALESCE((SELECT max(id) FROM drifts) - (SELECT min(id) FROM drifts) + 1, 0),"
	        " COALESCE((SELECT max(id) FROM refusals) - (SELECT min(id) FROM refusals) + 1, 0) FROM hosts",
	        DB_NO_ARGS, summary_each, &sum, f);

	if (!rc)
		*ret = sum;
	return rc;
}

static int ends_each(void *ctx, struct db *db, struct db_rows *rows)
{
	uint64_t *n = ctx;

	(void)db;
	for (int i = 0; i < 5; i++)
		n[i] = (uint64_t)db_int(rows, i);
	return KE_OK;
}

int store_cert_ends(struct store *s, int64_t now, struct store_cert_ends *ret, struct fault *f)
{
	const int64_t day = 86400;
	/* Ended before now, within 1, 7, 30 days of it (each with those before), all. */
	uint64_t n[5] = { 0 };
	int rc = walk(s,
	        "SELECT COALESCE(sum(CASE WHEN not_after < $1 THEN 1 ELSE 0 END), 0),"
	        " COALESCE(sum(CASE WHEN not_after < $2 THEN 1 ELSE 0 END), 0),"
	        " COALESCE(sum(CASE WHEN not_after < $3 THEN 1 ELSE 0 END), 0),"
	        " COALESCE(sum(CASE WHEN not_after < $4 THEN 1 ELSE 0 END), 0), count(*)"
	        " FROM hosts WHERE state <> 'revoked'",
	        DB_ARGS(DB_I(now), DB_I(now + day), DB_I(now + 7 * day), DB_I(now + 30 * day)), ends_each, n,
	        f);

	if (!rc)
		*ret = (struct store_cert_ends){ n[0], n[1] - n[0], n[2] - n[1], n[3] - n[2], n[4] - n[3] };
	return rc;
}
