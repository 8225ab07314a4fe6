/* cmd_sockets.c — `sockets HOST`: the host's last full measurement, as `kedge-agent sockets` would tell it there. Without a host,
 * and with --history, cmd_sockets_fleet.c answers. */
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include <cJSON.h>

#include "proto/tree.h"
#include "server-stub/ctl/cmd_sockets.h"

static void states_text(struct ctl *c, const struct place *b)
{
	const cJSON *states = ask_node(b, "states");

	for (const cJSON *s = states ? states->child : NULL; s; s = s->next)
		if (cJSON_IsNumber(s) && s->valuedouble > 0) {
			text_safe(&c->out, s->string);
			buf_fmt(&c->out, " %" PRId64 "\n", (int64_t)s->valuedouble);
		}
}

/* "10.0.0.1:443", "[fe80::1]:443" */
static void endpoint(const struct place *row, const char *address, struct buf *out)
{
	const cJSON *a = ask_node(row, address);
	bool six = cJSON_IsString(a) && strchr(a->valuestring, ':');

	buf_str(out, six ? "[" : "");
	ask_text(row, address, out);
	buf_fmt(out, "%s:%" PRId64, six ? "]" : "", ask_int(row, "port", 0));
}

static void destination_text(const struct place *row, struct buf *out)
{
	endpoint(row, "address", out);
}

void sockets_path_text(const struct place *row, struct buf *out)
{
	ask_text(row, "source", out);
	buf_str(out, " -> ");
	endpoint(row, "destination", out);
}

static void percent_text(const struct place *row, struct buf *out)
{
	int64_t n = ask_int(row, "permille", 0);

	buf_fmt(out, "%" PRId64 ".%" PRId64 "%%", n / 10, n % 10);
}

static void full_text(const struct place *row, struct buf *out)
{
	int64_t s = ask_int(row, "exhausted_in_s", -1);

	if (s >= 0 && s < 86400)
		buf_fmt(out, "%" PRId64 " s", s);
}

/* "uid 33", and the cgroup as far as it is known. */
static void owner_text(const struct place *row, struct buf *out)
{
	buf_fmt(out, "uid %" PRId64, ask_int(row, "uid", 0));
	if (ask_node(row, "cgroup_id")) {
		buf_str(out, ", cgroup id ");
		ask_text(row, "cgroup_id", out);
	}
}

static void rate_text(const struct place *row, struct buf *out)
{
	int64_t n = ask_int(row, "rate_milli", 0);

	buf_fmt(out, "%" PRId64 ".%" PRId64, n / 1000, n % 1000 / 100);
}

/* The first TOP rows of a table, with its title. */
static void section(struct ctl *c, const char *title, const struct cJSON *list,
        const struct ask_column *columns, int64_t top)
{
	/* The answer is ours: what is not shown is dropped. */
	cJSON *rows = (cJSON *)(uintptr_t)list;

	if (!cJSON_IsArray(rows) || !rows->child)
		return;
	while (cJSON_GetArraySize(rows) > top)
		cJSON_DeleteItemFromArray(rows, (int)top);
	buf_fmt(&c->out, "\n%s\n", title);
	ask_table(c, rows, columns, "  ");
}

static void advice_text(struct ctl *c, const struct place *b)
{
	const cJSON *list = ask_node(b, "advice");

	if (list && list->child)
		buf_str(&c->out, "\nadvice\n");
	for (const cJSON *item = list ? list->child : NULL; item; item = item->next) {
		struct place a = place_root(item);
		char word[64];
		buf_fmt(&c->out, "  %-8s ", ask_word(&a, "level", word, sizeof word));
		ask_text(&a, "rule", &c->out);
		buf_str(&c->out, ": ");
		ask_text(&a, "what", &c->out);
		buf_str(&c->out, "\n           ");
		ask_text(&a, "todo", &c->out);
		buf_char(&c->out, '\n');
	}
}

static void sockets_text(struct ctl *c, const struct cJSON *record, int64_t top)
{
	static const struct ask_column destinations[] = { { ">TIME_WAIT", "time_wait", NULL },
		{ "DESTINATION", NULL, destination_text }, { NULL, NULL, NULL } };
	static const struct ask_column services[] = { { ">TIME_WAIT", "time_wait", NULL },
		{ ">PORT", "port", NULL }, { ">OTHERS", "live", NULL }, { "LISTENING", "listening", NULL },
		{ NULL, NULL, NULL } };
	static const struct ask_column paths[] = { { "GRADE", "grade", NULL },
		{ ">USED%", NULL, percent_text }, { ">USED", "used", NULL },
		{ ">TIME_WAIT", "time_wait", NULL }, { ">OPEN", "live", NULL }, { ">FREE", "free", NULL },
		{ ">BEARS/S", "sustainable", NULL }, { ">FULL IN", NULL, full_text },
		{ "PATH", NULL, sockets_path_text }, { NULL, NULL, NULL } };
	static const struct ask_column owners[] = { { ">SOCKETS", "sockets", NULL },
		{ ">LISTENING", "listening", NULL }, { "OWNER", NULL, owner_text }, { NULL, NULL, NULL } };
	static const struct ask_column moved[] = { { "GROUP", "group", NULL }, { "COUNTER", "name", NULL },
		{ ">BY", "delta", NULL }, { ">A SECOND", NULL, rate_text }, { "GATE", "gate", NULL },
		{ NULL, NULL, NULL } };
	struct place r = place_root(record), b = place_root(ask_node(&r, "body"));
	struct buf title = BUF_INIT(256);
	char word[64];

	if (!b.node)
		return;
	buf_fmt(&c->out, "measured %s\n\n", ask_word(&b, "time", word, sizeof word));
	states_text(c, &b);
	section(c, "TIME_WAIT by destination (these use up ports)", ask_node(&b, "destinations"),
	        destinations, top);
	section(c, "TIME_WAIT by service (these use up no port)", ask_node(&b, "services"), services, top);
	buf_fmt(&title, "port headroom (range %" PRId64 "-%" PRId64 ", %" PRId64 " reserved)",
	        ask_int(&b, "ports.low", 0), ask_int(&b, "ports.high", 0),
	        ask_int(&b, "ports.reserved_in_range", 0));
	section(c, buf_text(&title), ask_node(&b, "paths"), paths, top);
	buf_free(&title);
	section(c, "sockets by owner (TIME_WAIT has none)", ask_node(&b, "owners"), owners, top);
	section(c, "counters that rose since the measurement before", ask_node(&b, "counters.moved"), moved,
	        1000);
	advice_text(c, &b);
}

static int one_host(struct ctl *c)
{
	const char *top = args_value(&c->args, "top");
	int64_t rows = 1000;
	struct buf path = BUF_INIT(4096);
	struct client *client = NULL;
	struct cJSON *record = NULL;
	struct fault f = { 0 };
	int rc = top ? args_int(top, 1, 1000, &rows, &f) : KE_OK;

	if (!rc)
		rc = client_open(&c->config, c->clock, &client, &f);
	buf_str(&path, "/v1/hosts/");
	client_quote(&path, c->args.words[0]);
	buf_str(&path, "/sockets");
	if (!rc)
		rc = ask_one(client, buf_text(&path), &record, &f);
	client_close(client);
	buf_free(&path);
	if (rc)
		return ctl_complain(c, &f);
	if (c->json) {
		struct jsonw w = ctl_json(c, "kedge_sockets");
		tree_write(&w, "record", record);
		ctl_json_end(c, &w);
	} else {
		sockets_text(c, record, rows);
	}
	cJSON_Delete(record);
	return CTL_DONE;
}

int ctl_sockets(struct ctl *c)
{
	bool history = args_has(&c->args, "history"), host = c->args.n_words == 1;
	struct fault f;

	if ((history && !host) || (args_has(&c->args, "label") && host) ||
	        (args_has(&c->args, "limit") && !history) || (history && args_has(&c->args, "top"))) {
		fault_set(&f, KE_USAGE, NULL, "see kedge sockets --help",
		        "HOST [--top N], HOST --history [--limit N], or [--top N] [--label K=V]");
		return ctl_complain(c, &f);
	}
	return history ? sockets_history(c) : host ? one_host(c) : sockets_fleet(c);
}
