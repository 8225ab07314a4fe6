/* cmd_status.c — `rollout status` and `summary`: where the fleet stands, counted. */
#include <inttypes.h>
#include <string.h>

#include <cJSON.h>

#include "proto/tree.h"
#include "server-stub/ctl/ask.h"

/* "applied 3, pending 2" */
static void counts_text(const struct place *row, struct buf *out)
{
	const cJSON *hosts = ask_node(row, "hosts");

	for (const cJSON *item = cJSON_IsObject(hosts) ? hosts->child : NULL; item; item = item->next) {
		buf_str(out, out->len ? ", " : "");
		text_safe(out, item->string);
		buf_fmt(out, " %" PRId64, cJSON_IsNumber(item) ? (int64_t)item->valuedouble : 0);
	}
}

static const struct ask_column rollout_columns[] = {
	{ "POLICY", "policy", NULL },
	{ ">SERIAL", "serial", NULL },
	{ "HOSTS", NULL, counts_text },
	{ ">TOLD", "told", NULL },
	{ ">SILENT", "elsewhere", NULL },
	{ NULL, NULL, NULL },
};

int ctl_rollout_status(struct ctl *c)
{
	static const struct ask_column earlier[] = { { ">SERIAL", "serial", NULL },
		{ "RESULT", "result", NULL }, { ">HOSTS", "hosts", NULL }, { NULL, NULL, NULL } };
	struct buf path = BUF_INIT(4096);
	struct client *client = NULL;
	struct cJSON *tree = NULL;
	struct fault f = { 0 };
	int rc = client_open(&c->config, c->clock, &client, &f);

	buf_str(&path, "/v1/rollouts");
	if (c->args.n_words) {
		buf_char(&path, '/');
		client_quote(&path, c->args.words[0]);
	}
	if (!rc)
		rc = ask_one(client, buf_text(&path), &tree, &f);
	client_close(client);
	buf_free(&path);
	if (rc)
		return ctl_complain(c, &f);
	struct place at = place_root(tree);
	const cJSON *rollouts = ask_node(&at, "rollouts"), *standing = ask_node(&at, "standing_at");
	if (c->json) {
		struct jsonw w = ctl_json(c, "kedge_rollouts");
		tree_write(&w, "answer", tree);
		ctl_json_end(c, &w);
	} else if (rollouts && rollouts->child) {
		ask_table(c, rollouts, rollout_columns, "");
		if (standing && standing->child) {
			buf_str(&c->out, "\nhosts stand at\n");
			ask_table(c, standing, earlier, "  ");
		}
	} else {
		buf_str(&c->out, "no rollout is published\n");
	}
	cJSON_Delete(tree);
	return CTL_DONE;
}

/* ---- summary ---- */

struct tally {
	const char *name; /* "online" */
	int64_t n;
};

static void count(const struct cJSON *hosts, struct tally *states, size_t n_states, struct tally *sync)
{
	for (const cJSON *item = hosts->child; item; item = item->next) {
		struct place h = place_root(item);
		const cJSON *in_sync = ask_node(&h, "in_sync");
		char word[32];
		ask_word(&h, "state", word, sizeof word);
		for (size_t i = 0; i < n_states; i++)
			states[i].n += strcmp(states[i].name, word) == 0;
		if (strcmp(word, "revoked") != 0)
			sync[!cJSON_IsBool(in_sync) ? 2 : cJSON_IsTrue(in_sync) ? 0 : 1].n++;
	}
}

static void tally_text(struct ctl *c, const char *title, const struct tally *t, size_t n)
{
	buf_fmt(&c->out, "%-9s", title);
	for (size_t i = 0; i < n; i++)
		buf_fmt(&c->out, "%s%" PRId64 " %s", i ? ", " : "", t[i].n, t[i].name);
	buf_char(&c->out, '\n');
}

static void tally_json(struct jsonw *w, const char *name, const struct tally *t, size_t n)
{
	jsonw_object(w, name);
	for (size_t i = 0; i < n; i++)
		jsonw_int(w, t[i].name, t[i].n);
	jsonw_object_end(w);
}

int ctl_summary(struct ctl *c)
{
	struct tally states[] = { { "online", 0 }, { "offline", 0 }, { "mia", 0 }, { "revoked", 0 } };
	struct tally sync[] = { { "in sync", 0 }, { "differ", 0 }, { "silent", 0 } };
	struct client *client = NULL;
	struct cJSON *hosts = NULL, *tree = NULL;
	struct fault f = { 0 };
	int rc = client_open(&c->config, c->clock, &client, &f);

	if (!rc)
		rc = ask_rows(client, "/v1/hosts", "hosts", "after", INT64_MAX, &hosts, &f);
	if (!rc)
		rc = ask_one(client, "/v1/rollouts", &tree, &f);
	client_close(client);
	if (!rc) {
		struct place at = place_root(tree);
		count(hosts, states, 4, sync);
		if (c->json) {
			sync[0].name = "in_sync";
			struct jsonw w = ctl_json(c, "kedge_summary");
			jsonw_int(&w, "hosts", cJSON_GetArraySize(hosts));
			tally_json(&w, "states", states, 4);
			tally_json(&w, "settings", sync, 3);
			tree_write(&w, "rollouts", ask_node(&at, "rollouts"));
			ctl_json_end(c, &w);
		} else {
			buf_fmt(&c->out, "%-9s%d\n", "hosts", cJSON_GetArraySize(hosts));
			tally_text(c, "state", states, 4);
			tally_text(c, "settings", sync, 3);
			ask_table(c, ask_node(&at, "rollouts"), rollout_columns, "");
		}
	}
	cJSON_Delete(hosts);
	cJSON_Delete(tree);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}
