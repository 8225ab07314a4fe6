/* cmd_sockets_fleet.c — `sockets` without a host: the paths of the whole fleet that are nearest to running out of ports; and
 * `sockets HOST --history`: what one host measured, time after time.
 *
 * The server keeps each host's last full measurement, so this asks once a host, over one connection, and holds no more rows
 * than are wanted. A host that has told nothing yet is passed over.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/tree.h"
#include "server-stub/ctl/ask.h"
#include "server-stub/ctl/cmd_sockets.h"

#define TOP_PRESET 20
#define TOP_MAX    10000
#define HOSTS_MAX  1000000

/* Rows sorted, fullest first. Not a list of cJSON's while it grows: its insertion in the middle is not to be trusted (1.7.15 loses
 * an item). */
struct top {
	cJSON **rows; /* owned, limit + 1 places */
	size_t n, limit;
};

static int64_t permille_of(const cJSON *row)
{
	struct place p = place_root(row);

	return ask_int(&p, "path.permille", 0);
}

/* ROW to its place; of what is then too many the last goes. Equals stay in the order in which they came. */
static void row_insert(struct top *t, cJSON *row)
{
	size_t at = t->n;

	for (; at > 0 && permille_of(t->rows[at - 1]) < permille_of(row); at--)
		t->rows[at] = t->rows[at - 1];
	t->rows[at] = row;
	if (t->n < t->limit)
		t->n++;
	else
		cJSON_Delete(t->rows[t->n]);
}

/* The paths of RECORD, of the host ID. */
static void paths_take(const char *id, struct cJSON *record, struct top *t)
{
	struct place r = place_root(record);
	const cJSON *time = ask_node(&r, "body.time"), *list = ask_node(&r, "body.paths");

	for (const cJSON *path = cJSON_IsArray(list) ? list->child : NULL; path; path = path->next) {
		cJSON *row = cJSON_CreateObject(), *copy = cJSON_Duplicate(path, true);
		if (!row || !cJSON_AddStringToObject(row, "host", id) ||
		        !cJSON_AddStringToObject(
		                row, "time", cJSON_IsString(time) ? time->valuestring : "") ||
		        !cJSON_AddItemToObject(row, "path", copy)) {
			cJSON_Delete(row);
			cJSON_Delete(copy);
			return;
		}
		row_insert(t, row);
	}
}

static int host_take(struct client *client, const cJSON *host, struct top *t, struct fault *f)
{
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(host, "id");
	struct buf path = BUF_INIT(4096);
	struct cJSON *record = NULL;

	if (!cJSON_IsString(id))
		return fault_set(f, KE_PROTO, "server", NULL, "a host without an id");
	buf_str(&path, "/v1/hosts/");
	client_quote(&path, id->valuestring);
	buf_str(&path, "/sockets");
	int rc = ask_one(client, buf_text(&path), &record, f);
	buf_free(&path);
	if (!rc)
		paths_take(id->valuestring, record, t);
	cJSON_Delete(record);
	return rc == KE_NOENT ? KE_OK : rc;
}

static int fleet_ask(struct ctl *c, struct top *t, struct fault *f)
{
	struct buf path = BUF_INIT(4096);
	struct client *client = NULL;
	struct cJSON *hosts = NULL;
	int rc = client_open(&c->config, c->clock, &client, f);

	buf_str(&path, "/v1/hosts");
	ask_option(c, &path, "label", "label");
	if (!rc)
		rc = ask_rows(client, buf_text(&path), "hosts", "after", HOSTS_MAX, &hosts, f);
	for (const cJSON *h = hosts ? hosts->child : NULL; h && !rc; h = h->next)
		rc = host_take(client, h, t, f);
	client_close(client);
	cJSON_Delete(hosts);
	buf_free(&path);
	return rc;
}

static void path_cell(const struct place *row, struct buf *out)
{
	struct place p = place_root(ask_node(row, "path"));

	if (p.node)
		sockets_path_text(&p, out);
}

static void percent_cell(const struct place *row, struct buf *out)
{
	int64_t n = ask_int(row, "path.permille", 0);

	buf_fmt(out, "%" PRId64 ".%" PRId64 "%%", n / 10, n % 10);
}

int sockets_fleet(struct ctl *c)
{
	static const struct ask_column columns[] = { { "HOST", "host", NULL }, { "MEASURED", "time", NULL },
		{ "GRADE", "path.grade", NULL }, { ">USED%", NULL, percent_cell },
		{ ">TIME_WAIT", "path.time_wait", NULL }, { ">FREE", "path.free", NULL },
		{ ">BEARS/S", "path.sustainable", NULL }, { "PATH", NULL, path_cell }, { NULL, NULL, NULL } };
	const char *top = args_value(&c->args, "top");
	int64_t limit = TOP_PRESET;
	struct fault f = { 0 };
	struct top t = { 0 };
	cJSON *rows = cJSON_CreateArray();
	int rc = top ? args_int(top, 1, TOP_MAX, &limit, &f) : KE_OK;

	t.limit = (size_t)limit;
	if (!rc && (!rows || !(t.rows = calloc(t.limit + 1, sizeof *t.rows))))
		rc = fault_set(&f, KE_NOMEM, NULL, NULL, "out of memory");
	if (!rc)
		rc = fleet_ask(c, &t, &f);
	for (size_t i = 0; i < t.n; i++)
		cJSON_AddItemToArray(rows, t.rows[i]);
	free(t.rows);
	if (rc) {
		cJSON_Delete(rows);
		return ctl_complain(c, &f);
	}
	if (c->json) {
		struct jsonw w = ctl_json(c, "kedge_sockets_top");
		tree_write(&w, "paths", rows);
		ctl_json_end(c, &w);
	} else if (rows->child) {
		ask_table(c, rows, columns, "");
	} else {
		buf_str(&c->out, "no outgoing connection was told of\n");
	}
	cJSON_Delete(rows);
	return CTL_DONE;
}

/* ---- history ---- */

/* The fullest path of a record, told first. */
static void worst_cell(const struct place *row, struct buf *out)
{
	const cJSON *paths = ask_node(row, "record.body.paths"), *worst = NULL;
	int64_t most = -1;

	for (const cJSON *p = cJSON_IsArray(paths) ? paths->child : NULL; p; p = p->next) {
		struct place at = place_root(p);
		if (ask_int(&at, "permille", 0) > most) {
			most = ask_int(&at, "permille", 0);
			worst = p;
		}
	}
	if (!worst)
		return;
	struct place at = place_root(worst);
	buf_fmt(out, "%" PRId64 ".%" PRId64 "%% ", most / 10, most % 10);
	sockets_path_text(&at, out);
}

int sockets_history(struct ctl *c)
{
	static const struct ask_column columns[] = {
		{ "MEASURED", "record.body.time", NULL },
		{ "MODE", "record.body.mode", NULL },
		{ ">TIME_WAIT", "record.body.states.TIME_WAIT", NULL },
		{ ">ESTABLISHED", "record.body.states.ESTABLISHED", NULL },
		{ ">CLOSE_WAIT", "record.body.states.CLOSE_WAIT", NULL },
		{ ">MINISOCKETS", "record.body.sockstat.tw_after", NULL },
		{ "FULLEST PATH", NULL, worst_cell },
		{ NULL, NULL, NULL },
	};
	static const struct ask_list list = { .name = "kedge_reports",
		.member = "reports",
		.cursor = "before",
		.columns = columns,
		.empty = "no measurements",
		.limit = 60 };
	struct buf path = BUF_INIT(4096);

	buf_str(&path, "/v1/hosts/");
	client_quote(&path, c->args.words[0]);
	buf_str(&path, "/reports?kind=sockets");
	int code = ask_list(c, buf_text(&path), &list);
	buf_free(&path);
	return code;
}
