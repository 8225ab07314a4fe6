/* hosts.c — reading hosts. A host comes with its policies, so that a list needs one call; both are read in one
 * snapshot. */
#include "server-stub/store/impl.h"

#include <stdlib.h>
#include <string.h>

#define POLICIES_MAX 256
#define HOST_COLUMNS                                                                                         \
	"id, state, cert_sha256, not_after, record_key, epoch, seq, head, last_seen, created, forks, "       \
	"labels, facts,"                                                                                     \
	" status_time, kernel, agent_version, in_sync, drifted"

struct host_walk {
	int (*row)(void *ctx, const struct store_host *h);
	void *ctx;
	bool found;
	struct buf text; /* the strings of the policies of the host at hand */
	struct store_policy_state policies[POLICIES_MAX];
};

/* Copy a column into W's text; the offset stands in for the pointer until the text has stopped moving. */
static size_t text_keep(struct host_walk *w, struct db_rows *rows, int column)
{
	size_t at = w->text.len, len;
	const void *data = db_bytes(rows, column, &len);

	buf_bytes(&w->text, data ? data : "", len);
	buf_char(&w->text, '\0');
	return at;
}

static int policies_load(struct host_walk *w, struct db *db, const char *host, size_t *ret_count)
{
	size_t at[POLICIES_MAX][4], n = 0;
	struct db_rows *rows;
	int rc = db_query(db,
	        "SELECT policy, version, serial, state, result, reason, time FROM host_policies WHERE host = "
	        "$1"
	        " ORDER BY policy LIMIT $2",
	        DB_ARGS(DB_T(host), DB_I(POLICIES_MAX)), &rows);

	if (rc)
		return rc;
	buf_clear(&w->text);
	while ((rc = db_next(rows)) > 0 && n < POLICIES_MAX) {
		w->policies[n] = (struct store_policy_state){
			.version = db_int(rows, 1), .serial = db_int(rows, 2), .time = db_int(rows, 6)
		};
		at[n][0] = text_keep(w, rows, 0);
		for (int i = 1; i < 4; i++)
			at[n][i] = text_keep(w, rows, i + 2);
		n++;
	}
	db_rows_end(rows);
	if (rc < 0 || w->text.rc)
		return rc < 0 ? rc : w->text.rc;
	for (size_t i = 0; i < n; i++) {
		w->policies[i].policy = w->text.data + at[i][0];
		w->policies[i].state = w->text.data + at[i][1];
		w->policies[i].result = w->text.data + at[i][2];
		w->policies[i].reason = w->text.data + at[i][3];
	}
	*ret_count = n;
	return KE_OK;
}

static int host_each(void *ctx, struct db *db, struct db_rows *rows)
{
	struct host_walk *w = ctx;
	struct store_host h = { .id = db_text(rows, 0),
		.state = db_text(rows, 1),
		.cert_sha256 = db_text(rows, 2),
		.not_after = db_int(rows, 3),
		.record_key = db_text(rows, 4),
		.epoch = db_text(rows, 5),
		.seq = (uint64_t)db_int(rows, 6),
		.head = db_text(rows, 7),
		.last_seen = db_int(rows, 8),
		.created = db_int(rows, 9),
		.forks = (uint64_t)db_int(rows, 10),
		.labels = db_text(rows, 11),
		.facts = db_text(rows, 12),
		.status_time = db_int(rows, 13),
		.kernel = db_text(rows, 14),
		.agent_version = db_text(rows, 15),
		.in_sync = db_int(rows, 16) != 0,
		.drifted = db_int(rows, 17),
		.policies = w->policies };
	int rc = policies_load(w, db, h.id, &h.policy_count);

	w->found = true;
	return rc ? rc : w->row(w->ctx, &h);
}

static int host_walk(struct store *s, const char *sql, const struct db_value *values, size_t count,
        struct host_walk *given, bool *ret_found, struct fault *f)
{
	struct host_walk *w = calloc(1, sizeof *w);

	if (!w)
		return fault_set(f, KE_NOMEM, "store", NULL, "%s", "");
	w->row = given->row;
	w->ctx = given->ctx;
	w->text = BUF_INIT(1 << 20);
	int rc = walk_deep(s, sql, values, count, host_each, w, f);
	*ret_found = w->found;
	buf_free(&w->text);
	free(w);
	return rc;
}

int store_host_list(struct store *s, const struct store_host_filter *filter,
        int (*row)(void *ctx, const struct store_host *h), void *ctx, struct fault *f)
{
	struct host_walk w = { .row = row, .ctx = ctx };
	const char *after = filter->after ? filter->after : "";
	bool found;
	int rc = page_check(filter->limit, f);

	if (rc)
		return rc;
	if (filter->label_name)
		return host_walk(s,
		        "SELECT " HOST_COLUMNS
		        " FROM hosts WHERE id IN (SELECT host FROM host_labels WHERE name = $1"
		        " AND value = $2) AND id > $3 AND state = COALESCE($4, state) ORDER BY id LIMIT $5",
		        DB_ARGS(DB_T(filter->label_name),
		                DB_T(filter->label_value ? filter->label_value : ""), DB_T(after),
		                DB_T(filter->state), DB_I(filter->limit)),
		        &w, &found, f);
	return host_walk(s,
	        "SELECT " HOST_COLUMNS " FROM hosts WHERE id > $1 AND state = COALESCE($2, state)"
	        " ORDER BY id LIMIT $3",
	        DB_ARGS(DB_T(after), DB_T(filter->state), DB_I(filter->limit)), &w, &found, f);
}

struct standing {
	bool found, revoked;
	int64_t created;
};

static int standing_each(void *ctx, struct db *db, struct db_rows *rows)
{
	struct standing *w = ctx;

	(void)db;
	*w = (struct standing){ true, strcmp(db_text(rows, 0), "revoked") == 0, db_int(rows, 1) };
	return KE_OK;
}

int store_host_standing(
        struct store *s, const char *id, bool *ret_revoked, int64_t *ret_created, struct fault *f)
{
	struct standing w = { 0 };
	int rc = walk(s, "SELECT state, created FROM hosts WHERE id = $1", DB_ARGS(DB_T(id)), standing_each,
	        &w, f);

	if (rc)
		return rc;
	if (!w.found)
		return fault_set(f, KE_NOENT, id, NULL, "is not known");
	*ret_revoked = w.revoked;
	*ret_created = w.created;
	return KE_OK;
}

int store_host_get(struct store *s, const char *id, int (*row)(void *ctx, const struct store_host *h),
        void *ctx, struct fault *f)
{
	struct host_walk w = { .row = row, .ctx = ctx };
	bool found = false;
	int rc = host_walk(
	        s, "SELECT " HOST_COLUMNS " FROM hosts WHERE id = $1", DB_ARGS(DB_T(id)), &w, &found, f);

	if (!rc && !found)
		return fault_set(f, KE_NOENT, id, NULL, "is not a known host");
	return rc;
}

static int key_each(void *ctx, struct db *db, struct db_rows *rows)
{
	char *key = ctx;
	const char *text = db_text(rows, 0);

	(void)db;
	if (strlen(text) >= STORE_HEX_ROOM)
		return KE_STORE;
	memcpy(key, text, strlen(text) + 1);
	return KE_OK;
}

int store_epoch_key(
        struct store *s, const char *id, const char *epoch, char ret_key[STORE_HEX_ROOM], struct fault *f)
{
	char key[STORE_HEX_ROOM] = "";
	int rc = walk(s, "SELECT record_key FROM epochs WHERE host = $1 AND epoch = $2",
	        DB_ARGS(DB_T(id), DB_T(epoch)), key_each, key, f);

	if (rc)
		return rc;
	if (!key[0])
		return fault_set(f, KE_NOENT, id, NULL, "has no epoch %s", epoch);
	memcpy(ret_key, key, sizeof key);
	return KE_OK;
}
