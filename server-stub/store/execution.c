/* execution.c — rollouts that are executed, as rows. A change is written whole (at most 33 rows), behind the revision that it
 * was derived from and, for the leader, behind its term: the UPDATE that touches nothing is how a process learns that it
 * has been overtaken. Called by api/board.c, api/lead.c and the commands of operators. */
#include "server-stub/store/execution.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/jsonw.h"
#include "server-stub/store/impl.h"

/* ---- reading ---- */

static int news_read(struct db *db, struct store_news *ret)
{
	struct db_rows *rows;
	int rc = db_query(db,
	        "SELECT r.generation, c.change, r.news FROM repo_state AS r, rollout_change AS c", DB_NO_ARGS,
	        &rows);

	if (rc)
		return rc;
	rc = db_next(rows);
	if (rc > 0)
		*ret = (struct store_news){ db_int(rows, 0), db_int(rows, 1), db_int(rows, 2) };
	db_rows_end(rows);
	return rc > 0 ? KE_OK : rc ? rc : KE_STORE;
}

int store_news(struct store *s, struct store_news *ret, struct fault *f)
{
	struct db *db;
	int rc = read_one(s, &db, f);

	return rc ? rc : read_end(s, db, news_read(db, ret), f);
}

/* A row of the join of executions and their waves; ordered, so a wave above 1 continues the row before. */
struct list {
	int (*row)(void *ctx, const struct store_execution *e);
	void *ctx;
	struct store_execution e;
	char policy[80], state[16], reason[1024], wave_states[STORE_WAVES_MAX][16];
};

static int list_tell(struct list *l)
{
	return l->e.n_waves ? l->row(l->ctx, &l->e) : KE_OK;
}

static void list_begin(struct list *l, struct db_rows *rows)
{
	snprintf(l->policy, sizeof l->policy, "%s", db_text(rows, 0));
	snprintf(l->state, sizeof l->state, "%s", db_text(rows, 3));
	snprintf(l->reason, sizeof l->reason, "%s", db_text(rows, 4));
	l->e = (struct store_execution){ .policy = l->policy,
		.serial = db_int(rows, 1),
		.revision = db_int(rows, 2),
		.state = l->state,
		.reason = l->reason,
		.since = db_int(rows, 5) };
}

static int list_each(struct list *l, struct db_rows *rows)
{
	int64_t wave = db_int(rows, 6);
	int rc = KE_OK;

	if (wave < 0 || wave >= STORE_WAVES_MAX)
		return KE_STORE;
	if (wave == 0) {
		rc = list_tell(l);
		list_begin(l, rows);
	}
	if (wave != (int64_t)l->e.n_waves)
		return KE_STORE;
	snprintf(l->wave_states[wave], sizeof l->wave_states[wave], "%s", db_text(rows, 7));
	l->e.waves[wave] = (struct store_wave){ .state = l->wave_states[wave],
		.opened = db_int(rows, 8),
		.settled = db_int(rows, 9),
		.news = db_int(rows, 10) };
	l->e.n_waves++;
	return rc;
}

static int list_read(struct db *db, struct list *l)
{
	struct db_rows *rows;
	int rc = db_query(db,
	        "SELECT e.policy, e.serial, e.revision, e.state, e.reason, e.since, w.wave, w.state, "
	        "w.opened,"
	        " w.settled, w.news FROM executions AS e JOIN execution_waves AS w ON w.policy = e.policy AND"
	        " w.serial = e.serial ORDER BY e.policy, e.serial, w.wave",
	        DB_NO_ARGS, &rows);

	if (rc)
		return rc;
	while ((rc = db_next(rows)) > 0 && !(rc = list_each(l, rows)))
		;
	db_rows_end(rows);
	return rc ? rc : list_tell(l);
}

int store_execution_list(struct store *s, struct store_news *ret,
        int (*row)(void *ctx, const struct store_execution *e), void *ctx, struct fault *f)
{
	struct list l = { .row = row, .ctx = ctx };
	struct store_news news = { 0 };
	struct db *db;
	int rc = read_begin(s, &db, f);

	if (rc)
		return rc;
	rc = news_read(db, &news);
	if (!rc)
		rc = list_read(db, &l);
	rc = read_end(s, db, rc, f);
	if (!rc)
		*ret = news;
	return rc;
}

/* ---- writing ---- */

static int overtaken(const struct store_execution *e, struct fault *f)
{
	return fault_set(f, KE_CONFLICT, e->policy, "look again", "serial %" PRId64 " was changed meanwhile",
	        e->serial);
}

static int head_write(struct db *db, const struct store_execution *e, struct fault *f)
{
	int64_t changes = 0;
	int rc;

	if (e->revision == 0) {
		rc = db_run(db,
		        "INSERT INTO executions (policy, serial, revision, state, reason, since)"
		        " VALUES ($1, $2, 1, $3, $4, $5)",
		        DB_ARGS(DB_T(e->policy), DB_I(e->serial), DB_T(e->state), DB_T(e->reason),
		                DB_I(e->since)),
		        NULL);
		return rc == KE_EXIST ? overtaken(e, f) : rc;
	}
	rc = db_run(db,
	        "UPDATE executions SET state = $1, reason = $2, since = $3, revision = revision + 1"
	        " WHERE policy = $4 AND serial = $5 AND revision = $6",
	        DB_ARGS(DB_T(e->state), DB_T(e->reason), DB_I(e->since), DB_T(e->policy), DB_I(e->serial),
	                DB_I(e->revision)),
	        &changes);
	return !rc && !changes ? overtaken(e, f) : rc;
}

static int waves_write(struct db *db, const struct store_execution *e, int64_t change)
{
	int rc = KE_OK;

	for (size_t i = 0; !rc && i < e->n_waves; i++) {
		const struct store_wave *w = &e->waves[i];
		rc = db_run(db,
		        "INSERT INTO execution_waves (policy, serial, wave, state, opened, settled, news)"
		        " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (policy, serial, wave) DO UPDATE "
		        "SET"
		        " state = excluded.state, opened = excluded.opened, settled = excluded.settled,"
		        " news = CASE WHEN excluded.news > 0 THEN excluded.news ELSE execution_waves.news "
		        "END",
		        DB_ARGS(DB_T(e->policy), DB_I(e->serial), DB_I((int64_t)i), DB_T(w->state),
		                DB_I(w->opened), DB_I(w->settled), DB_I(w->turned ? change : 0)),
		        NULL);
	}
	return rc;
}

static int excuses_write(struct db *db, const struct store_execution *e, const struct store_deed *deed)
{
	int rc = KE_OK;

	for (size_t i = 0; !rc && i < deed->n_excuse; i++)
		rc = db_run(db,
		        "INSERT INTO execution_excused (policy, serial, host) VALUES ($1, $2, $3)"
		        " ON CONFLICT (policy, serial, host) DO NOTHING",
		        DB_ARGS(DB_T(e->policy), DB_I(e->serial), DB_T(deed->excuse[i])), NULL);
	return rc;
}

static int event_write(struct db *db, const struct store_actor *actor, const struct store_execution *e,
        const struct store_deed *deed)
{
	struct buf detail = BUF_INIT(16384);
	struct jsonw w = JSONW_INIT(&detail, 0);
	char action[64], object[128];
	int rc = db_run(db,
	        "INSERT INTO execution_events (policy, serial, time, actor, action, wave, why)"
	        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
	        DB_ARGS(DB_T(e->policy), DB_I(e->serial), DB_I(actor->time), DB_T(actor->name),
	                DB_T(deed->action), DB_I(deed->wave), DB_T(deed->why ? deed->why : "")),
	        NULL);

	if (rc)
		return rc;
	snprintf(action, sizeof action, "rollout.%s", deed->action);
	snprintf(object, sizeof object, "rollouts/%s/%" PRId64 ".json", e->policy, e->serial);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "state", e->state);
	if (deed->wave)
		jsonw_int(&w, "wave", deed->wave);
	if (deed->why && deed->why[0])
		jsonw_string(&w, "why", deed->why);
	if (deed->n_excuse)
		jsonw_int(&w, "excused", (int64_t)deed->n_excuse);
	jsonw_object_end(&w);
	rc = detail.rc ? detail.rc : audit_row_add(db, actor, action, object, buf_text(&detail));
	buf_free(&detail);
	return rc;
}

/* The leader's term must be the present one; its row is touched, so that two processes cannot pass it at once. */
static int term_hold(struct db *db, const struct store_deed *deed, struct fault *f)
{
	int64_t changes = 0;
	int rc = deed->term ? db_run(db, "UPDATE rollout_lease SET term = term WHERE term = $1",
	                              DB_ARGS(DB_I(deed->term)), &changes)
	                    : KE_OK;

	return !rc && deed->term && !changes
	               ? fault_set(f, KE_CONFLICT, "lease", NULL, "term %" PRId64 " is over", deed->term)
	               : rc;
}

/* Several processes: the UPDATE of the lease and that of the execution each wait for whoever holds the row and then judge
 * it by its new state (READ COMMITTED does, and the condition is on that row alone); the change is counted under its row's
 * lock, which publishing takes too, so that changes become visible in their order. */
int store_execution_write(struct store *s, const struct store_actor *actor, const struct store_execution *e,
        const struct store_deed *deed, struct fault *f)
{
	int64_t change = 0;
	struct db *db;

	if (!e->n_waves || e->n_waves > STORE_WAVES_MAX)
		return fault_set(f, KE_RANGE, e->policy, NULL, "%zu waves", e->n_waves);
	int rc = write_begin(s, &db, f);
	if (rc)
		return rc;
	if (!(rc = term_hold(db, deed, f)) && !(rc = head_write(db, e, f)) &&
	        !(rc = db_number(db, "UPDATE rollout_change SET change = change + 1 RETURNING change",
	                  DB_NO_ARGS, &change)) &&
	        !(rc = waves_write(db, e, change)) && !(rc = excuses_write(db, e, deed)))
		rc = event_write(db, actor, e, deed);
	return write_end(s, db, rc, f);
}

/* ---- the lease ----
 * One row and one statement whose condition is on that row: who waited judges what the other left. */

int store_lease_take(
        struct store *s, const char *holder, int64_t now, int64_t seconds, int64_t *ret_term, struct fault *f)
{
	int64_t term = 0;
	struct db *db;
	int rc = write_begin(s, &db, f);

	if (rc)
		return rc;
	rc = db_number(db,
	        "UPDATE rollout_lease SET term = CASE WHEN holder = $1 THEN term ELSE term + 1 END,"
	        " holder = $1, until = $2 WHERE holder = $1 OR until <= $3 RETURNING term",
	        DB_ARGS(DB_T(holder), DB_I(now + seconds), DB_I(now)), &term);
	bool taken = rc == KE_NOENT;
	rc = write_end(s, db, rc, f);
	if (taken)
		return fault_set(f, KE_BUSY, "lease", NULL, "another server executes rollouts");
	if (!rc)
		*ret_term = term;
	return rc;
}

int store_lease_end(struct store *s, const char *holder, struct fault *f)
{
	struct db *db;
	int rc = write_begin(s, &db, f);

	return rc ? rc
	          : write_end(s, db,
	                    db_run(db, "UPDATE rollout_lease SET until = 0 WHERE holder = $1",
	                            DB_ARGS(DB_T(holder)), NULL),
	                    f);
}
