/* cmd_records.c — `drift`, `refusals`, `reports`: what hosts told, newest first. */
#include <string.h>

#include <cJSON.h>

#include "server-stub/ctl/ask.h"
#include "server-stub/ctl/cmd_records.h"

#define ROWS 100

/* "sysctl[4711] uid 0 login 1000", or why nobody is named. */
static void writer_text(const struct place *row, struct buf *out)
{
	char comm[64];

	if (!ask_node(row, "writer.comm")) {
		ask_text(row, "writer.state", out);
		return;
	}
	buf_fmt(out, "%s[%lld]", ask_word(row, "writer.comm", comm, sizeof comm),
	        (long long)ask_int(row, "writer.pid", 0));
	if (ask_node(row, "writer.uid"))
		buf_fmt(out, " uid %lld", (long long)ask_int(row, "writer.uid", 0));
	if (ask_int(row, "writer.loginuid", -1) >= 0)
		buf_fmt(out, " login %lld", (long long)ask_int(row, "writer.loginuid", -1));
}

const struct ask_column drift_columns[] = {
	{ "TIME", "time", NULL },
	{ "HOST", "host", NULL },
	{ "KEY", "key", NULL },
	{ "WANTED", "wanted", NULL },
	{ "CHANGED TO", "new", NULL },
	{ "ACTION", "action", NULL },
	{ "BY", NULL, writer_text },
	{ NULL, NULL, NULL },
};

const struct ask_column refusal_columns[] = {
	{ "TIME", "time", NULL },
	{ "HOST", "host", NULL },
	{ "WHAT", "what", NULL },
	{ "NAME", "name", NULL },
	{ "CODE", "code", NULL },
	{ "REASON", "reason", NULL },
	{ NULL, NULL, NULL },
};

int ctl_drift(struct ctl *c)
{
	static const struct ask_list list = { .name = "kedge_drift",
		.member = "drift",
		.cursor = "after",
		.columns = drift_columns,
		.empty = "no drift",
		.limit = ROWS };
	struct buf path = BUF_INIT(4096);
	const char *since = args_value(&c->args, "since");
	char text[TIME_TEXT_ROOM];
	struct fault f = { 0 };
	int64_t when;

	buf_str(&path, "/v1/drift");
	ask_option(c, &path, "host", "host");
	ask_option(c, &path, "sysctl", "key");
	if (since && args_since(since, clock_wall(c->clock), &when, &f)) {
		buf_free(&path);
		return ctl_complain(c, &f);
	}
	if (since) {
		buf_fmt(&path, "%csince=", strchr(buf_text(&path), '?') ? '&' : '?');
		client_quote(&path, time_format(when, text));
	}
	int code = ask_list(c, buf_text(&path), &list);
	buf_free(&path);
	return code;
}

int ctl_refusals(struct ctl *c)
{
	static const struct ask_list list = { .name = "kedge_refusals",
		.member = "refusals",
		.cursor = "after",
		.columns = refusal_columns,
		.empty = "nothing was refused",
		.limit = ROWS };
	struct buf path = BUF_INIT(4096);

	buf_str(&path, "/v1/refusals");
	ask_option(c, &path, "host", "host");
	int code = ask_list(c, buf_text(&path), &list);
	buf_free(&path);
	return code;
}

/* What the record says, in a few words. */
static void record_text(const struct place *row, struct buf *out)
{
	static const char *const members[] = { "policy", "version", "result", "key", "action", "what", "name",
		"code", "reason", "in_sync", "drifted", "sockets", NULL };
	const cJSON *node = ask_node(row, "record.body");
	struct place body = place_root(node);

	for (size_t i = 0; node && members[i]; i++) {
		if (!ask_node(&body, members[i]) || cJSON_IsObject(ask_node(&body, members[i])))
			continue;
		buf_fmt(out, "%s%s ", out->len ? ", " : "", members[i]);
		ask_text(&body, members[i], out);
	}
}

int ctl_reports(struct ctl *c)
{
	static const struct ask_column columns[] = {
		{ "TIME", "record.time", NULL },
		{ "RECEIVED", "received", NULL },
		{ ">SEQ", "record.seq", NULL },
		{ "KIND", "record.kind", NULL },
		{ "TELLS", NULL, record_text },
		{ NULL, NULL, NULL },
	};
	static const struct ask_list list = { .name = "kedge_reports",
		.member = "reports",
		.cursor = "before",
		.columns = columns,
		.empty = "no records",
		.limit = ROWS };
	struct buf path = BUF_INIT(4096);

	buf_str(&path, "/v1/hosts/");
	client_quote(&path, c->args.words[0]);
	buf_str(&path, "/reports");
	ask_option(c, &path, "kind", "kind");
	int code = ask_list(c, buf_text(&path), &list);
	buf_free(&path);
	return code;
}
