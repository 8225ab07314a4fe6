/* said.c — what the hosts of the fleet said of one serial, a row each, and the history of rollouts. One walk over hosts, whose
 * rows carry what gates count; the few that refused or quarrel are looked up by index. */
#include "server-stub/store/execution.h"

#include <stdio.h>

#include "server-stub/store/impl.h"

struct said_walk {
	int (*row)(void *ctx, const struct store_said *said);
	void *ctx;
};

static int said_each(void *ctx, struct db *db, struct db_rows *rows)
{
	struct said_walk *w = ctx;
	struct store_said said = { .host = db_text(rows, 0),
		.last_seen = db_int(rows, 1),
		.kernel = db_text(rows, 2),
		.facts = db_text(rows, 3),
		.drifted = db_int(rows, 4),
		.version = db_int(rows, 5),
		.serial = db_int(rows, 6),
		.result = db_text(rows, 7),
		.state = db_text(rows, 8),
		.reason = db_text(rows, 9),
		.refusal = db_text(rows, 10),
		.refusal_why = db_text(rows, 11),
		.contested = db_int(rows, 12) != 0,
		.excused = db_int(rows, 13) != 0 };

	(void)db;
	return w->row(w->ctx, &said);
}

/* Parameters: serial, policy, version, since, the two names a refusal may have, and the host. A refusal counts until an
 * apply record of the serial says more. What most rollouts have none of is first asked for without the host, once. */
#define SAID(facts)                                                                                          \
	"SELECT h.id, h.last_seen, " facts ", h.drifted, COALESCE(p.version, 0),"                            \
	" COALESCE(p.serial, 0), COALESCE(p.result, ''), COALESCE(p.state, ''), COALESCE(p.reason, ''),"     \
	" COALESCE(x.code, ''), COALESCE(x.reason, ''),"                                                     \
	" CASE WHEN p.serial = $1 AND EXISTS (SELECT 1 FROM drifts WHERE policy = $2 AND version = $3 AND"   \
	"  action = 'contested') AND EXISTS (SELECT 1 FROM drifts AS d WHERE d.policy = $2 AND"              \
	"  d.version = $3 AND d.host = h.id AND d.action = 'contested' AND d.received >= $4) THEN 1 ELSE"    \
	"  0 END, CASE WHEN EXISTS (SELECT 1 FROM execution_excused WHERE policy = $2 AND serial = $1) AND"  \
	"  EXISTS (SELECT 1 FROM execution_excused AS e WHERE e.policy = $2 AND e.serial = $1 AND"           \
	"  e.host = h.id) THEN 1 ELSE 0 END"                                                                 \
	" FROM hosts AS h LEFT JOIN host_policies AS p ON p.host = h.id AND p.policy = $2"                   \
	" LEFT JOIN refusals AS x ON x.id = CASE WHEN p.serial = $1 THEN NULL ELSE (SELECT max(y.id) FROM"   \
	"  refusals AS y WHERE y.host = h.id AND y.serial = $1 AND y.received >= $4 AND"                     \
	"  (y.name = $5 OR y.name = $6)) END"

int store_said_list(struct store *s, const struct store_said_filter *filter,
        int (*row)(void *ctx, const struct store_said *said), void *ctx, struct fault *f)
{
	struct said_walk w = { row, ctx };
	char rollout[128], policy[128];

	snprintf(rollout, sizeof rollout, "rollouts/%s/%lld.json", filter->policy, (long long)filter->serial);
	snprintf(policy, sizeof policy, "policies/%s/%lld.json", filter->policy, (long long)filter->version);
	if (filter->host)
		return walk(s, SAID("h.kernel, h.facts") " WHERE h.state <> 'revoked' AND h.id = $7",
		        DB_ARGS(DB_I(filter->serial), DB_T(filter->policy), DB_I(filter->version),
		                DB_I(filter->since), DB_T(rollout), DB_T(policy), DB_T(filter->host)),
		        said_each, &w, f);
	return walk_deep(s,
	        filter->bare ? SAID("'', ''") " WHERE h.state <> 'revoked' ORDER BY h.id" DB_MANY
	                     : SAID("h.kernel, h.facts") " WHERE h.state <> 'revoked' ORDER BY h.id" DB_MANY,
	        DB_ARGS(DB_I(filter->serial), DB_T(filter->policy), DB_I(filter->version),
	                DB_I(filter->since), DB_T(rollout), DB_T(policy)),
	        said_each, &w, f);
}

/* ---- history ---- */

struct event_walk {
	int (*row)(void *ctx, const struct store_event *e);
	void *ctx;
};

static int event_each(void *ctx, struct db *db, struct db_rows *rows)
{
	struct event_walk *w = ctx;
	struct store_event e = { .id = db_int(rows, 0),
		.policy = db_text(rows, 1),
		.serial = db_int(rows, 2),
		.time = db_int(rows, 3),
		.actor = db_text(rows, 4),
		.action = db_text(rows, 5),
		.wave = db_int(rows, 6),
		.why = db_text(rows, 7) };

	(void)db;
	return w->row(w->ctx, &e);
}

#define EVENTS "SELECT id, policy, serial, time, actor, action, wave, why FROM execution_events WHERE"

int store_event_list(struct store *s, const char *policy, const struct store_page *page,
        int (*row)(void *ctx, const struct store_event *e), void *ctx, struct fault *f)
{
	struct event_walk w = { row, ctx };
	int rc = page_check(page->limit, f);

	if (rc)
		return rc;
	return walk(s,
	        page->newest ? EVENTS " id < $1 AND policy = COALESCE($2, policy) ORDER BY id DESC LIMIT $3"
	                     : EVENTS " id > $1 AND policy = COALESCE($2, policy) ORDER BY id LIMIT $3",
	        DB_ARGS(DB_I(page_cursor(page)), DB_T(policy), DB_I(page->limit)), event_each, &w, f);
}
