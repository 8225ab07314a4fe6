/* tokens.c — one-time enrolment tokens. Only the SHA-256 of a secret is kept, and compared in constant time; an unknown
 * id and a wrong secret get the same answer, so that nobody learns which ids exist. */
#include "server-stub/store/token.h"

#include <string.h>

#include "proto/jsonw.h"

void cert_detail(struct buf *out, const char *cert_sha256, const char *token)
{
	struct jsonw w = JSONW_INIT(out, 0);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "cert_sha256", cert_sha256);
	jsonw_opt_string(&w, "token", token);
	jsonw_object_end(&w);
}

/* Hex digests: their length is no secret, their bytes are. */
static bool equal_constant_time(const char *a, const char *b)
{
	size_t len = strlen(b);
	volatile unsigned char differ = 0;

	if (strlen(a) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return !differ;
}

/* The rules, for a token whose row is at hand: secret, single use, binding, expiry, in this order. */
static int token_judge(
        struct db_rows *rows, const struct store_enrolment *e, int64_t now, bool *ret_bound, struct fault *f)
{
	const char *host = db_text(rows, 1);

	if (!equal_constant_time(db_text(rows, 0), e->token_sha256 ? e->token_sha256 : ""))
		return fault_set(f, KE_FORBIDDEN, "token", NULL, "is not valid");
	if (db_int(rows, 3))
		return fault_set(f, KE_FORBIDDEN, "token", "ask for a new one", "was used already");
	if (host[0] && strcmp(host, e->host) != 0)
		return fault_set(f, KE_FORBIDDEN, "token", NULL, "is bound to another host id");
	if (db_int(rows, 2) <= now)
		return fault_set(f, KE_EXPIRED, "token", "ask for a new one", "has expired");
	*ret_bound = host[0] != '\0';
	return KE_OK;
}

static int token_look(
        struct db *db, const struct store_enrolment *e, int64_t now, bool *ret_bound, struct fault *f)
{
	struct db_rows *rows;
	int rc = db_query(db, "SELECT secret_sha256, host, expires, used FROM tokens WHERE id = $1",
	        DB_ARGS(DB_T(e->token_id)), &rows);

	if (rc)
		return rc;
	rc = db_next(rows);
	if (rc > 0)
		rc = token_judge(rows, e, now, ret_bound, f);
	else if (rc == 0)
		rc = fault_set(f, KE_FORBIDDEN, "token", NULL, "is not valid");
	db_rows_end(rows);
	return rc;
}

int token_labels_load(struct db *db, const char *id, struct token_labels *ret)
{
	size_t at[STORE_LABELS_MAX][2], n = 0;
	struct db_rows *rows;
	int rc = db_query(db, "SELECT name, value FROM token_labels WHERE token = $1 ORDER BY name",
	        DB_ARGS(DB_T(id)), &rows);

	if (rc)
		return rc;
	buf_clear(&ret->text);
	while ((rc = db_next(rows)) > 0 && n < STORE_LABELS_MAX) {
		for (int i = 0; i < 2; i++) {
			at[n][i] = ret->text.len;
			buf_str(&ret->text, db_text(rows, i));
			buf_char(&ret->text, '\0');
		}
		n++;
	}
	db_rows_end(rows);
	if (rc < 0 || ret->text.rc)
		return rc < 0 ? rc : ret->text.rc;
	for (size_t i = 0; i < n; i++)
		ret->labels[i] = (struct store_label){ .name = ret->text.data + at[i][0],
			.value = ret->text.data + at[i][1] };
	ret->count = n;
	return KE_OK;
}

/* Nothing is locked by looking: of two processes that take one token, the second waits at the UPDATE for the first and
 * then finds it used. */
int token_take(struct db *db, const struct store_enrolment *e, int64_t now, bool *ret_bound,
        struct token_labels *ret_labels, struct fault *f)
{
	int64_t changes = 0;
	int rc = token_look(db, e, now, ret_bound, f);

	if (!rc)
		rc = db_run(db, "UPDATE tokens SET used = $1, used_by = $2 WHERE id = $3 AND used = 0",
		        DB_ARGS(DB_I(now), DB_T(e->host), DB_T(e->token_id)), &changes);
	if (!rc && changes != 1)
		rc = fault_set(f, KE_FORBIDDEN, "token", "ask for a new one", "was used already");
	return rc ? rc : token_labels_load(db, e->token_id, ret_labels);
}

int store_token_check(struct store *s, const char *id, const char *secret_sha256, const char *host,
        int64_t now, struct fault *f)
{
	struct store_enrolment e = { .host = host, .token_id = id, .token_sha256 = secret_sha256 };
	struct db *db;
	bool bound;
	int rc = read_one(s, &db, f);

	return rc ? rc : read_end(s, db, token_look(db, &e, now, &bound, f), f);
}

/* ---- making, listing, removing ---- */

static void token_detail(struct buf *out, const struct store_token *t)
{
	struct jsonw w = JSONW_INIT(out, 0);

	jsonw_object(&w, NULL);
	jsonw_time(&w, "expires", t->expires);
	jsonw_opt_string(&w, "host", t->host && t->host[0] ? t->host : NULL);
	jsonw_object(&w, "labels");
	for (size_t i = 0; i < t->label_count; i++)
		jsonw_string(&w, t->labels[i].name, t->labels[i].value);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
}

static int token_insert(
        struct db *db, const struct store_actor *actor, const struct store_token *t, struct fault *f)
{
	struct buf json = BUF_INIT(64 << 10);
	int rc = db_run(db,
	        "INSERT INTO tokens (id, secret_sha256, host, created, created_by, expires)"
	        " VALUES ($1, $2, $3, $4, $5, $6)",
	        DB_ARGS(DB_T(t->id), DB_T(t->secret_sha256), DB_T(t->host ? t->host : ""), DB_I(actor->time),
	                DB_T(actor->name), DB_I(t->expires)),
	        NULL);

	for (size_t i = 0; i < t->label_count && !rc; i++) {
		rc = db_run(db, "INSERT INTO token_labels (token, name, value) VALUES ($1, $2, $3)",
		        DB_ARGS(DB_T(t->id), DB_T(t->labels[i].name), DB_T(t->labels[i].value)), NULL);
		if (rc == KE_EXIST)
			return fault_set(f, KE_DUPLICATE, t->labels[i].name, NULL, "label is given twice");
	}
	if (rc == KE_EXIST)
		return fault_set(f, rc, t->id, NULL, "token id is taken");
	token_detail(&json, t);
	if (!rc)
		rc = json.rc ? json.rc : audit_row_add(db, actor, "token.create", t->id, buf_text(&json));
	buf_free(&json);
	return rc;
}

int store_token_create(
        struct store *s, const struct store_actor *actor, const struct store_token *t, struct fault *f)
{
	struct db *db;

	if (t->expires <= actor->time)
		return fault_set(f, KE_RANGE, "expires", NULL, "is not in the future");
	if (t->label_count > STORE_LABELS_MAX)
		return fault_set(f, KE_TOOBIG, "labels", NULL, "are more than %d", STORE_LABELS_MAX);
	int rc = write_begin(s, &db, f);
	return rc ? rc : write_end(s, db, token_insert(db, actor, t, f), f);
}

static int token_delete(struct db *db, const struct store_actor *actor, const char *id, struct fault *f)
{
	int64_t changes = 0;
	int rc = db_run(db, "DELETE FROM tokens WHERE id = $1", DB_ARGS(DB_T(id)), &changes);

	if (!rc && !changes)
		return fault_set(f, KE_NOENT, id, NULL, "is not a known token");
	return rc ? rc : audit_row_add(db, actor, "token.remove", id, NULL);
}

int store_token_remove(struct store *s, const struct store_actor *actor, const char *id, struct fault *f)
{
	struct db *db;
	int rc = write_begin(s, &db, f);

	return rc ? rc : write_end(s, db, token_delete(db, actor, id, f), f);
}

struct token_walk {
	int (*row)(void *ctx, const struct store_token *t);
	void *ctx;
};

static int token_each(void *ctx, struct db *db, struct db_rows *rows)
{
	struct token_walk *w = ctx;
	struct token_labels held = { .text = BUF_INIT(64 << 10) };
	struct store_token t = { .id = db_text(rows, 0),
		.secret_sha256 = "",
		.host = db_text(rows, 1),
		.created = db_int(rows, 2),
		.created_by = db_text(rows, 3),
		.expires = db_int(rows, 4),
		.used = db_int(rows, 5),
		.used_by = db_text(rows, 6),
		.labels = held.labels };
	int rc = token_labels_load(db, t.id, &held);

	t.label_count = held.count;
	if (!rc)
		rc = w->row(w->ctx, &t);
	buf_free(&held.text);
	return rc;
}

int store_token_list(struct store *s, const char *after, unsigned limit,
        int (*row)(void *ctx, const struct store_token *t), void *ctx, struct fault *f)
{
	struct token_walk w = { row, ctx };
	int rc = page_check(limit, f);

	if (rc)
		return rc;
	return walk_deep(s,
	        "SELECT id, host, created, created_by, expires, used, used_by FROM tokens WHERE id > $1"
	        " ORDER BY id LIMIT $2",
	        DB_ARGS(DB_T(after ? after : ""), DB_I(limit)), token_each, &w, f);
}
