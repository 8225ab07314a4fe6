/* cmd_audit.c — `audit list` and `audit verify`: what operators did. Verifying recomputes every hash here, so that the
 * server need not be believed; what it can still do is cut off the end, which a hash that was noted earlier (--head) tells. */
#include <inttypes.h>
#include <string.h>

#include <cJSON.h>

#include "proto/audit.h"
#include "server-stub/ctl/ask.h"

int ctl_audit_list(struct ctl *c)
{
	static const struct ask_column columns[] = {
		{ ">SEQ", "seq", NULL },
		{ "TIME", "time", NULL },
		{ "WHO", "actor", NULL },
		{ "ROLE", "role", NULL },
		{ "ACTION", "action", NULL },
		{ "OBJECT", "object", NULL },
		{ "DETAIL", "detail", NULL },
		{ NULL, NULL, NULL },
	};
	static const struct ask_list list = { .name = "kedge_audit",
		.member = "audit",
		.cursor = "after",
		.columns = columns,
		.empty = "nothing was done",
		.limit = 100,
		.reverse = true };

	return ask_list(c, "/v1/audit", &list);
}

struct walk {
	int64_t first, last;
	char hash[AUDIT_HEX_ROOM];
	bool head_seen;
};

static int row_read(const struct place *at, struct audit_row *r, const char **ret_hash, struct fault *f)
{
	int rc;

	(void)((rc = read_int(at, "seq", 1, STRICT_INT_MAX, &r->seq, f)) ||
	        (rc = read_int(at, "seconds", 0, STRICT_INT_MAX, &r->time, f)) ||
	        (rc = read_string(at, "actor", 0, 4096, &r->actor, f)) ||
	        (rc = read_string(at, "role", 0, 4096, &r->role, f)) ||
	        (rc = read_string(at, "action", 0, 4096, &r->action, f)) ||
	        (rc = read_string(at, "object", 0, 65536, &r->object, f)) ||
	        (rc = read_string(at, "detail", 0, 1 << 20, &r->detail, f)) ||
	        (rc = read_string(at, "prev", 64, 64, &r->prev, f)) ||
	        (rc = read_string(at, "hash", 64, 64, ret_hash, f)));
	return rc;
}

/* The next row. The first one's predecessor is taken as told when retention took older rows. */
static int row_verify(struct walk *w, const struct place *at, const char *head, struct fault *f)
{
	static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
	struct audit_row r = { 0 };
	char hash[AUDIT_HEX_ROOM];
	const char *told = NULL, *before;
	int rc = row_read(at, &r, &told, f);

	if (!rc && (rc = audit_row_hash(&r, hash)))
		fault_set(f, rc, NULL, NULL, "%s", "");
	if (rc)
		return rc;
	before = w->last ? w->hash : r.seq == 1 ? zeros : r.prev;
	if ((w->last && r.seq != w->last + 1) || strcmp(r.prev, before) != 0 || strcmp(told, hash) != 0)
		return fault_set(f, KE_CHAIN, "audit", "compare with a backup of the server's store",
		        "row %" PRId64 " does not fit the chain", r.seq);
	if (!w->first)
		w->first = r.seq;
	w->last = r.seq;
	memcpy(w->hash, hash, sizeof hash);
	if (head && strcmp(hash, head) == 0)
		w->head_seen = true;
	return KE_OK;
}

static void told(struct ctl *c, const struct walk *w)
{
	if (c->json) {
		struct jsonw j = ctl_json(c, "kedge_audit_verify");
		jsonw_bool(&j, "ok", true);
		jsonw_int(&j, "first", w->first);
		jsonw_int(&j, "last", w->last);
		jsonw_string(&j, "head", w->hash);
		ctl_json_end(c, &j);
		return;
	}
	if (!w->last) {
		buf_str(&c->out, "the trail is empty\n");
		return;
	}
	buf_fmt(&c->out, "rows %" PRId64 " to %" PRId64 " fit together\nhead %s\n", w->first, w->last,
	        w->hash);
	if (w->first > 1)
		buf_str(&c->out,
		        "older rows were taken by retention: the first one's predecessor is not checked\n");
	buf_str(&c->out,
	        "note the head elsewhere; with --head it tells next time whether the end was cut off\n");
}

int ctl_audit_verify(struct ctl *c)
{
	const char *head = args_value(&c->args, "head");
	struct client *client = NULL;
	struct cJSON *rows = NULL;
	struct walk w = { 0 };
	struct fault f = { 0 };
	int rc = KE_OK;

	if (head && (strlen(head) != 64 || strspn(head, "0123456789abcdef") != 64))
		rc = fault_set(&f, KE_USAGE, "--head", NULL, "is 64 digits of lower-case hex");
	if (!rc)
		rc = client_open(&c->config, c->clock, &client, &f);
	if (!rc)
		rc = ask_rows(client, "/v1/audit", "audit", "after", INT64_MAX, &rows, &f);
	client_close(client);
	for (const cJSON *item = rc ? NULL : rows->child; item && !rc; item = item->next) {
		struct place at = place_root(item);
		rc = row_verify(&w, &at, head, &f);
	}
	if (!rc && head && !w.head_seen)
		rc = fault_set(&f, KE_CHAIN, "audit", "compare with a backup of the server's store",
		        "no row has the hash that was noted: the end was cut off, or the trail was written "
		        "anew");
	if (!rc)
		told(c, &w);
	cJSON_Delete(rows);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}
