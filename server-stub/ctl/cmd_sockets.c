/* cmd_sockets.c — `sockets HOST`: the host's last measurement, as `kedge-agent sockets` would tell it there. */
#include <inttypes.h>
#include <string.h>

#include <cJSON.h>

#include "proto/tree.h"
#include "server-stub/ctl/ask.h"

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

static void path_text(const struct place *row, struct buf *out)
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

static void section(
        struct ctl *c, const char *title, const struct cJSON *rows, const struct ask_column *columns)
{
	if (!rows || !rows->child)
		return;
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

static void sockets_text(struct ctl *c, const struct cJSON *record)
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
		{ "PATH", NULL, path_text }, { NULL, NULL, NULL } };
	struct place r = place_root(record), b = place_root(ask_node(&r, "body"));
	struct buf title = BUF_INIT(256);
	char word[64];

	if (!b.node)
		return;
	buf_fmt(&c->out, "measured %s\n\n", ask_word(&b, "time", word, sizeof word));
	states_text(c, &b);
	section(c, "TIME_WAIT by destination (these use up ports)", ask_node(&b, "destinations"),
	        destinations);
	section(c, "TIME_WAIT by service (these use up no port)", ask_node(&b, "services"), services);
	buf_fmt(&title, "port headroom (range %" PRId64 "-%" PRId64 ", %" PRId64 " reserved)",
	        ask_int(&b, "ports.low", 0), ask_int(&b, "ports.high", 0),
	        ask_int(&b, "ports.reserved_in_range", 0));
	section(c, buf_text(&title), ask_node(&b, "paths"), paths);
	buf_free(&title);
	advice_text(c, &b);
}

int ctl_sockets(struct ctl *c)
{
	struct buf path = BUF_INIT(4096);
	struct client *client = NULL;
	struct cJSON *record = NULL;
	struct fault f = { 0 };
	int rc = client_open(&c->config, c->clock, &client, &f);

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
		sockets_text(c, record);
	}
	cJSON_Delete(record);
	return CTL_DONE;
}
