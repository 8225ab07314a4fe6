/* cmd_status.c — `summary`: where the fleet stands, counted. */
#include <inttypes.h>
#include <string.h>

#include <cJSON.h>

#include "proto/tree.h"
#include "server-stub/ctl/cmd_progress.h"

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
