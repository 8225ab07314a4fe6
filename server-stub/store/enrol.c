/* enrol.c — hosts come, renew and go. The token is used up in the transaction that writes the host's row: of two who
 * race with one token, one finds it used. An id that exists is taken over only with a token that was bound to it, so
 * that a free token is no key to somebody else's name. */
#include "server-stub/store/impl.h"

#include "server-stub/store/token.h"

/* Make the row. *RET_NEW: false when the id is taken. Of two processes the second waits here for the first. */
static int host_insert(struct db *db, const struct store_actor *actor, const struct store_enrolment *e,
        const char *labels, bool *ret_new)
{
	int64_t changes = 0;
	int rc = db_run(db,
	        "INSERT INTO hosts (id, state, cert_sha256, not_after, created, labels)"
	        " VALUES ($1, 'enrolled', $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING",
	        DB_ARGS(DB_T(e->host), DB_T(e->cert_sha256), DB_I(e->not_after), DB_I(actor->time),
	                DB_T(labels)),
	        &changes);

	if (!rc)
		*ret_new = changes == 1;
	return rc;
}

static int host_take_over(
        struct db *db, const struct store_actor *actor, const struct store_enrolment *e, const char *labels)
{
	int rc = db_run(db,
	        "UPDATE hosts SET state = 'enrolled', cert_sha256 = $1, not_after = $2, labels = $3, created "
	        "= $4,"
	        " fresh = 1 WHERE id = $5",
	        DB_ARGS(DB_T(e->cert_sha256), DB_I(e->not_after), DB_T(labels), DB_I(actor->time),
	                DB_T(e->host)),
	        NULL);

	return rc ? rc
	          : db_run(db, "DELETE FROM host_labels WHERE host = $1 AND origin = 'enrolment'",
	                    DB_ARGS(DB_T(e->host)), NULL);
}

static int labels_add(
        struct db *db, const struct store_enrolment *e, const struct store_label *labels, size_t count)
{
	int rc = KE_OK;

	for (size_t i = 0; i < count && !rc; i++)
		rc = db_run(db,
		        "INSERT INTO host_labels (host, origin, name, value) VALUES ($1, 'enrolment', $2, $3)"
		        " ON CONFLICT (host, origin, name) DO UPDATE SET value = excluded.value",
		        DB_ARGS(DB_T(e->host), DB_T(labels[i].name), DB_T(labels[i].value)), NULL);
	return rc;
}

static int host_row(struct db *db, const struct store_actor *actor, const struct store_enrolment *e,
        const char *labels, bool free_token, struct fault *f)
{
	bool is_new = false;
	int rc = host_insert(db, actor, e, labels, &is_new);

	if (rc || is_new)
		return rc;
	if (free_token)
		return fault_set(f, KE_EXIST, e->host, "use a token that is bound to this host id",
		        "is enrolled already");
	return host_take_over(db, actor, e, labels);
}

static int host_write(struct db *db, const struct store_actor *actor, const struct store_enrolment *e,
        const struct store_label *labels, size_t count, bool free_token, struct fault *f)
{
	struct buf json = BUF_INIT(64 << 10);

	labels_write(&json, labels, count);
	int rc = json.rc ? json.rc : host_row(db, actor, e, buf_text(&json), free_token, f);
	if (!rc)
		rc = labels_add(db, e, labels, count);
	buf_clear(&json);
	cert_detail(&json, e->cert_sha256, e->token_id);
	if (!rc)
		rc = json.rc ? json.rc : audit_row_add(db, actor, "host.enrol", e->host, buf_text(&json));
	buf_free(&json);
	return rc;
}

static int enrol(
        struct db *db, const struct store_actor *actor, const struct store_enrolment *e, struct fault *f)
{
	struct token_labels held = { .text = BUF_INIT(64 << 10) };
	bool bound = false;
	int rc = KE_OK;

	if (!e->token_id)
		return host_write(db, actor, e, e->labels, e->label_count, false, f);
	rc = token_take(db, e, actor->time, &bound, &held, f);
	if (!rc)
		rc = host_write(db, actor, e, held.labels, held.count, !bound, f);
	buf_free(&held.text);
	return rc;
}

int store_host_enrol(
        struct store *s, const struct store_actor *actor, const struct store_enrolment *e, struct fault *f)
{
	struct db *db;
	int rc = write_begin(s, &db, f);

	return rc ? rc : write_end(s, db, enrol(db, actor, e, f), f);
}

static int state_check(struct db *db, const char *id, bool *ret_revoked, struct fault *f)
{
	int64_t revoked;
	int rc = db_number(db,
	        "SELECT CASE WHEN state = 'revoked' THEN 1 ELSE 0 END FROM hosts WHERE id = $1" DB_FOR_UPDATE,
	        DB_ARGS(DB_T(id)), &revoked);

	if (rc == KE_NOENT)
		return fault_set(f, rc, id, NULL, "is not a known host");
	if (!rc)
		*ret_revoked = revoked != 0;
	return rc;
}

static int renew(struct db *db, const struct store_actor *actor, const char *id, const char *cert_sha256,
        int64_t not_after, struct fault *f)
{
	struct buf json = BUF_INIT(4096);
	bool revoked = false;
	int rc = state_check(db, id, &revoked, f);

	if (!rc && revoked)
		rc = fault_set(f, KE_FORBIDDEN, id, "enrol it again with a token bound to it", "is revoked");
	if (!rc)
		rc = db_run(db, "UPDATE hosts SET cert_sha256 = $1, not_after = $2 WHERE id = $3",
		        DB_ARGS(DB_T(cert_sha256), DB_I(not_after), DB_T(id)), NULL);
	cert_detail(&json, cert_sha256, NULL);
	if (!rc)
		rc = json.rc ? json.rc : audit_row_add(db, actor, "host.renew", id, buf_text(&json));
	buf_free(&json);
	return rc;
}

int store_host_renew(struct store *s, const struct store_actor *actor, const char *id,
        const char *cert_sha256, int64_t not_after, struct fault *f)
{
	struct db *db;
	int rc = write_begin(s, &db, f);

	return rc ? rc : write_end(s, db, renew(db, actor, id, cert_sha256, not_after, f), f);
}

static int revoke(struct db *db, const struct store_actor *actor, const char *id, struct fault *f)
{
	bool revoked = false;
	int rc = state_check(db, id, &revoked, f);

	if (rc || revoked)
		return rc;
	rc = db_run(db, "UPDATE hosts SET state = 'revoked' WHERE id = $1", DB_ARGS(DB_T(id)), NULL);
	return rc ? rc : audit_row_add(db, actor, "host.revoke", id, NULL);
}

int store_host_revoke(struct store *s, const struct store_actor *actor, const char *id, struct fault *f)
{
	struct db *db;
	int rc = write_begin(s, &db, f);

	return rc ? rc : write_end(s, db, revoke(db, actor, id, f), f);
}
