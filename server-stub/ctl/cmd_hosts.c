/* cmd_hosts.c — `hosts`, `host ID`, `host revoke ID`: the fleet as its hosts told it. */
#include <inttypes.h>
#include <string.h>

#include <cJSON.h>

#include "proto/tree.h"
#include "server-stub/ctl/ask.h"
#include "server-stub/ctl/cmd_records.h"

/* "web 3 applied, base 1 held" */
static void policies_text(const struct place *row, struct buf *out)
{
	const cJSON *list = ask_node(row, "policies");

	for (const cJSON *item = list ? list->child : NULL; item; item = item->next) {
		struct place p = place_root(item);
		char word[64];
		buf_str(out, out->len ? ", " : "");
		ask_text(&p, "name", out);
		buf_char(out, ' ');
		ask_text(&p, "version", out);
		const char *state = ask_word(&p, "state", word, sizeof word);
		if (strcmp(state, "-") == 0)
			state = ask_word(&p, "result", word, sizeof word);
		buf_fmt(out, " %s", state);
	}
}

static void sync_text(const struct place *row, struct buf *out)
{
	const cJSON *in_sync = ask_node(row, "in_sync");

	if (!cJSON_IsBool(in_sync))
		return;
	if (cJSON_IsTrue(in_sync))
		buf_str(out, "in sync");
	else
		buf_fmt(out, "%" PRId64 " differ", ask_int(row, "drifted", 0));
}

int ctl_hosts(struct ctl *c)
{
	static const struct ask_column columns[] = {
		{ "HOST", "id", NULL },
		{ "STATE", "state", NULL },
		{ "LAST SEEN", "last_seen", NULL },
		{ "KERNEL", "kernel", NULL },
		{ "SYNC", NULL, sync_text },
		{ "POLICIES", NULL, policies_text },
		{ "LABELS", NULL, ask_labels_text },
		{ NULL, NULL, NULL },
	};
	static const struct ask_list list = { .name = "kedge_hosts",
		.member = "hosts",
		.cursor = "after",
		.columns = columns,
		.empty = "no hosts",
		.limit = 1000000 };
	struct buf path = BUF_INIT(4096);

	buf_str(&path, "/v1/hosts");
	ask_option(c, &path, "label", "label");
	ask_option(c, &path, "state", "state");
	int code = ask_list(c, buf_text(&path), &list);
	buf_free(&path);
	return code;
}

/* ---- one host ---- */

static void member_line(struct ctl *c, const struct place *at, const char *title, const char *way)
{
	char word[512];

	if (ask_node(at, way))
		buf_fmt(&c->out, "%-12s %s\n", title, ask_word(at, way, word, sizeof word));
}

static void head_text(struct ctl *c, const struct place *h)
{
	struct buf labels = BUF_INIT(4096), sync = BUF_INIT(64);
	char word[256];

	buf_fmt(&c->out, "%-12s %s", "host", ask_word(h, "id", word, sizeof word));
	buf_fmt(&c->out, ", %s", ask_word(h, "state", word, sizeof word));
	if (ask_node(h, "enrolment") && strcmp(ask_word(h, "enrolment", word, sizeof word), "enrolled") != 0)
		buf_fmt(&c->out, " (%s)", word);
	buf_char(&c->out, '\n');
	member_line(c, h, "last seen", "last_seen");
	sync_text(h, &sync);
	if (sync.len)
		buf_fmt(&c->out, "%-12s %s\n", "settings", buf_text(&sync));
	ask_labels_text(h, &labels);
	if (labels.len)
		buf_fmt(&c->out, "%-12s %s\n", "labels", buf_text(&labels));
	member_line(c, h, "kernel", "kernel");
	member_line(c, h, "agent", "agent_version");
	member_line(c, h, "enrolled", "created");
	member_line(c, h, "certificate", "certificate.not_after");
	buf_free(&labels);
	buf_free(&sync);
}

/* "until TIME: REASON" of an exception that root made on the host. */
static void exception_text(struct ctl *c, const struct place *at)
{
	char until[64], reason[512];

	buf_fmt(&c->out, "until %s: %s\n", ask_word(at, "until", until, sizeof until),
	        ask_word(at, "reason", reason, sizeof reason));
}

/* What is otherwise on purpose. */
static void exceptions_text(struct ctl *c, const struct place *s)
{
	struct place hold = place_root(ask_node(s, "hold"));
	const cJSON *list = ask_node(s, "overrides");
	char key[512], value[512];

	if (hold.node) {
		buf_fmt(&c->out, "%-12s ", "on hold");
		exception_text(c, &hold);
	}
	for (const cJSON *item = list ? list->child : NULL; item; item = item->next) {
		struct place o = place_root(item);
		buf_fmt(&c->out, "%-12s %s = %s ", "override", ask_word(&o, "key", key, sizeof key),
		        ask_word(&o, "value", value, sizeof value));
		exception_text(c, &o);
	}
}

static void status_text(struct ctl *c, const struct place *h)
{
	struct place s = place_root(ask_node(h, "status.body"));

	if (!s.node)
		return;
	exceptions_text(c, &s);
	member_line(c, h, "status of", "status.time");
	member_line(c, &s, "memory", "facts.memory_bytes");
	member_line(c, &s, "cpus", "facts.cpus");
	member_line(c, &s, "attribution", "attribution");
	member_line(c, &s, "events from", "source");
	member_line(c, &s, "coverage", "coverage");
	member_line(c, &s, "confinement", "confinement");
	member_line(c, &s, "clock", "clock");
	if (ask_node(&s, "trust.timestamp")) {
		char word[64];
		buf_fmt(&c->out,
		        "%-12s root %" PRId64 ", targets %" PRId64 ", timestamp %" PRId64 " (until %s)\n",
		        "repository", ask_int(&s, "trust.root", 0), ask_int(&s, "trust.targets", 0),
		        ask_int(&s, "trust.timestamp", 0),
		        ask_word(&s, "trust.timestamp_expires", word, sizeof word));
	}
}

static void section(
        struct ctl *c, const char *title, const struct cJSON *rows, const struct ask_column *columns)
{
	if (!rows || !rows->child)
		return;
	buf_fmt(&c->out, "\n%s\n", title);
	ask_table(c, rows, columns, "  ");
}

static void host_text(struct ctl *c, const struct cJSON *tree, const struct cJSON *drift)
{
	static const struct ask_column policies[] = { { "POLICY", "name", NULL },
		{ ">VERSION", "version", NULL }, { ">SERIAL", "serial", NULL }, { "STATE", "state", NULL },
		{ "LAST RESULT", "result", NULL }, { "TIME", "time", NULL }, { "REASON", "reason", NULL },
		{ NULL, NULL, NULL } };
	static const struct ask_column processes[] = { { "PROCESS", "name", NULL }, { ">PID", "pid", NULL },
		{ ">UID", "uid", NULL }, { "CAPEFF", "cap_eff", NULL },
		{ ">NONEWPRIVS", "no_new_privs", NULL }, { ">SECCOMP", "seccomp", NULL },
		{ NULL, NULL, NULL } };
	/* Without the host, which is known. */
	static const struct ask_column refusals[] = { { "TIME", "time", NULL }, { "WHAT", "what", NULL },
		{ "NAME", "name", NULL }, { "CODE", "code", NULL }, { "REASON", "reason", NULL },
		{ NULL, NULL, NULL } };
	struct place h = place_root(tree);

	head_text(c, &h);
	status_text(c, &h);
	section(c, "policies", ask_node(&h, "policies"), policies);
	section(c, "processes", ask_node(&h, "status.body.processes"), processes);
	section(c, "refusals", ask_node(&h, "refusals"), refusals);
	section(c, "last drift", drift, drift_columns);
}

int ctl_host(struct ctl *c)
{
	struct buf path = BUF_INIT(4096), drift_path = BUF_INIT(4096);
	struct client *client = NULL;
	struct cJSON *tree = NULL, *drift = NULL;
	struct fault f = { 0 };
	int rc = client_open(&c->config, c->clock, &client, &f);

	buf_str(&path, "/v1/hosts/");
	client_quote(&path, c->args.words[0]);
	buf_str(&drift_path, "/v1/drift?host=");
	client_quote(&drift_path, c->args.words[0]);
	if (!rc)
		rc = ask_one(client, buf_text(&path), &tree, &f);
	if (!rc)
		rc = ask_rows(client, buf_text(&drift_path), "drift", "after", 5, &drift, &f);
	client_close(client);
	if (!rc && c->json) {
		struct jsonw w = ctl_json(c, "kedge_host");
		tree_write(&w, "host", tree);
		tree_write(&w, "drift", drift);
		ctl_json_end(c, &w);
	} else if (!rc) {
		host_text(c, tree, drift);
	}
	cJSON_Delete(tree);
	cJSON_Delete(drift);
	buf_free(&path);
	buf_free(&drift_path);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}

int ctl_host_revoke(struct ctl *c)
{
	struct buf path = BUF_INIT(4096), answer = BUF_INIT(CLIENT_ANSWER_MAX);
	struct client *client = NULL;
	struct fault f = { 0 };
	int rc = client_open(&c->config, c->clock, &client, &f);

	buf_str(&path, "/v1/hosts/");
	client_quote(&path, c->args.words[0]);
	if (!rc)
		rc = client_call(client, "DELETE", buf_text(&path), NULL, 0, &answer, &f);
	client_close(client);
	if (!rc && c->json) {
		struct jsonw w = ctl_json(c, "kedge_revoked");
		jsonw_string(&w, "host", c->args.words[0]);
		ctl_json_end(c, &w);
	} else if (!rc) {
		buf_fmt(&c->out, "%s is revoked: its certificate is not accepted any more\n",
		        c->args.words[0]);
	}
	buf_free(&answer);
	buf_free(&path);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}
