/* cmd_progress.c — `rollout status`, `rollout explain`, `rollout history`: how far rollouts have come, why a host has not got
 * one, what was decided. Waves are bars; hosts that fail are named with their own words. With --watch it looks again until
 * nothing goes on by itself any more, and the exit code says how it ended. */
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cJSON.h>

#include "proto/fileio.h"
#include "proto/tree.h"
#include "server-stub/ctl/cmd_progress.h"

#define BAR_WIDTH     24
#define WATCH_SECONDS 2

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

const struct ask_column rollout_columns[] = {
	{ "POLICY", "policy", NULL },
	{ ">SERIAL", "serial", NULL },
	{ "STATE", "state", NULL },
	{ "HOSTS", NULL, counts_text },
	{ ">TOLD", "told", NULL },
	{ ">SILENT", "elsewhere", NULL },
	{ NULL, NULL, NULL },
};

/* ---- waves ---- */

static void share_text(const struct place *wave, struct buf *out)
{
	int64_t canaries = ask_int(wave, "canaries", 0), share = ask_int(wave, "share", 0);

	if (canaries)
		buf_fmt(out, "%" PRId64 " named", canaries);
	else if (share % 10)
		buf_fmt(out, "to %" PRId64 ".%" PRId64 " %%", share / 10, share % 10);
	else if (share)
		buf_fmt(out, "to %" PRId64 " %%", share / 10);
	else
		buf_str(out, "everybody");
}

/* Cells for PART of ALL; something is never nothing. */
static int64_t cells(int64_t part, int64_t all)
{
	return part <= 0 || all <= 0 ? 0 : part >= all ? BAR_WIDTH : 1 + part * (BAR_WIDTH - 1) / all;
}

/* "[########x=......]": good, failed or reverted, begun, not heard of. */
static void bar_text(const struct place *wave, struct buf *out)
{
	int64_t all = ask_int(wave, "hosts", 0),
	        bad = ask_int(wave, "failed", 0) + ask_int(wave, "reverted", 0);
	int64_t width[3] = { cells(ask_int(wave, "good", 0), all), cells(bad, all),
		cells(ask_int(wave, "begun", 0), all) };
	int64_t room = BAR_WIDTH;

	if (width[0] + width[1] > BAR_WIDTH)
		width[0] = BAR_WIDTH - width[1];
	buf_char(out, '[');
	for (int i = 0; i < 3; i++)
		for (; width[i] > 0 && room > 0; width[i]--, room--)
			buf_char(out, "#x="[i]);
	while (room-- > 0)
		buf_char(out, '.');
	buf_char(out, ']');
}

static void numbers_text(const struct place *wave, struct buf *out)
{
	static const char *const names[] = { "begun", "failed", "reverted", "contested", "drifted",
		"missing" };

	buf_fmt(out, "%" PRId64 "/%" PRId64 " good", ask_int(wave, "good", 0), ask_int(wave, "hosts", 0));
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (ask_int(wave, names[i], 0))
			buf_fmt(out, ", %" PRId64 " %s", ask_int(wave, names[i], 0), names[i]);
}

static void state_text(const struct place *wave, struct buf *out)
{
	char state[32], waits[256];

	ask_word(wave, "state", state, sizeof state);
	ask_word(wave, "waits_for", waits, sizeof waits);
	if (strcmp(state, waits) == 0 || strncmp(waits, "waits", 5) == 0)
		buf_str(out, waits);
	else
		buf_fmt(out, "%s: %s", state, waits);
}

static const struct ask_column wave_columns[] = {
	{ ">WAVE", "wave", NULL },
	{ "HOLDS", NULL, share_text },
	{ "PROGRESS", NULL, bar_text },
	{ "HOSTS", NULL, numbers_text },
	{ "STATE", NULL, state_text },
	{ NULL, NULL, NULL },
};

static const struct ask_column failing_columns[] = {
	{ "HOST", "host", NULL },
	{ ">WAVE", "wave", NULL },
	{ "OUTCOME", "outcome", NULL },
	{ "WHY", "why", NULL },
	{ NULL, NULL, NULL },
};

static void rollout_text(struct ctl *c, const struct place *r)
{
	const cJSON *waves = ask_node(r, "waves"), *failing = ask_node(r, "failing_hosts");
	int64_t n = ask_int(r, "failing", 0);
	char word[512];

	buf_fmt(&c->out, "\n%s", ask_word(r, "policy", word, sizeof word));
	buf_fmt(&c->out, " serial %" PRId64, ask_int(r, "serial", 0));
	buf_fmt(&c->out, ": %s", ask_word(r, "state", word, sizeof word));
	if (ask_node(r, "since"))
		buf_fmt(&c->out, " since %s", ask_word(r, "since", word, sizeof word));
	if (strcmp(ask_word(r, "reason", word, sizeof word), "-") != 0)
		buf_fmt(&c->out, ": %s", word);
	buf_char(&c->out, '\n');
	if (waves && waves->child)
		ask_table(c, waves, wave_columns, "  ");
	if (failing && failing->child) {
		buf_fmt(&c->out, "  %" PRId64 " %s\n", n, n == 1 ? "host fails" : "hosts fail");
		ask_table(c, failing, failing_columns, "  ");
	}
}

/* In the list of all, what is over and went well needs no more than its line. */
static bool quiet(const struct place *r)
{
	char state[32];

	return strcmp(ask_word(r, "state", state, sizeof state), "done") == 0 && !ask_int(r, "failing", 0);
}

static void status_text(struct ctl *c, const struct cJSON *tree)
{
	static const struct ask_column earlier[] = { { ">SERIAL", "serial", NULL },
		{ "RESULT", "result", NULL }, { ">HOSTS", "hosts", NULL }, { NULL, NULL, NULL } };
	struct place at = place_root(tree);
	const cJSON *rollouts = ask_node(&at, "rollouts"), *standing = ask_node(&at, "standing_at");

	if (!rollouts || !rollouts->child) {
		buf_str(&c->out, "no rollout is published\n");
		return;
	}
	ask_table(c, rollouts, rollout_columns, "");
	for (const cJSON *item = rollouts->child; item; item = item->next) {
		struct place r = place_root(item);
		if (c->args.n_words || !quiet(&r))
			rollout_text(c, &r);
	}
	if (standing && standing->child) {
		buf_str(&c->out, "\nhosts stand at\n");
		ask_table(c, standing, earlier, "  ");
	}
}

/* ---- asking, once or again and again ---- */

static void status_path(const struct ctl *c, struct buf *path)
{
	buf_str(path, "/v1/rollouts");
	if (c->args.n_words) {
		buf_char(path, '/');
		client_quote(path, c->args.words[0]);
	}
}

/* How it stands: *RET_GOES when something goes on by itself or waits for somebody who paused it. */
static int verdict(const struct cJSON *tree, bool *ret_goes)
{
	struct place at = place_root(tree);
	const cJSON *rollouts = ask_node(&at, "rollouts");
	int code = CTL_DONE;

	*ret_goes = false;
	for (const cJSON *item = rollouts ? rollouts->child : NULL; item; item = item->next) {
		struct place r = place_root(item);
		char state[32];
		ask_word(&r, "state", state, sizeof state);
		if (strcmp(state, "running") == 0 || strcmp(state, "paused") == 0)
			*ret_goes = true;
		else if (strcmp(state, "done") != 0)
			code = CTL_FAILED;
	}
	return code;
}

/* Show what changed: over the last picture on a terminal, below it elsewhere. */
static int picture_show(struct ctl *c, struct buf *last)
{
	static const char clear[] = "\033[H\033[2J";
	bool same = last->len == c->out.len && memcmp(buf_text(last), buf_text(&c->out), last->len) == 0;
	int rc = KE_OK;

	if (!same && isatty(STDOUT_FILENO))
		rc = file_write_all(STDOUT_FILENO, clear, sizeof clear - 1);
	if (!same && !rc)
		rc = file_write_all(STDOUT_FILENO, buf_text(&c->out), c->out.len);
	buf_clear(last);
	buf_bytes(last, buf_text(&c->out), c->out.len);
	buf_clear(&c->out);
	return rc;
}

static int watch(struct ctl *c, struct client *client, const char *path, int *ret_code, struct fault *f)
{
	struct buf last = BUF_INIT(CTL_OUTPUT_MAX);
	bool goes = true;
	int rc = KE_OK;

	while (!rc && goes) {
		struct cJSON *tree = NULL;
		rc = ask_one(client, path, &tree, f);
		if (rc)
			break;
		status_text(c, tree);
		*ret_code = verdict(tree, &goes);
		cJSON_Delete(tree);
		if (picture_show(c, &last))
			rc = fault_set(f, KE_IO, "standard output", NULL, "cannot be written to");
		if (!rc && goes)
			nanosleep(&(struct timespec){ .tv_sec = WATCH_SECONDS }, NULL);
	}
	buf_free(&last);
	return rc;
}

static int status_once(struct ctl *c, struct client *client, const char *path, struct fault *f)
{
	struct cJSON *tree = NULL;
	int rc = ask_one(client, path, &tree, f);

	if (!rc && c->json) {
		struct jsonw w = ctl_json(c, "kedge_rollouts");
		tree_write(&w, "answer", tree);
		ctl_json_end(c, &w);
	} else if (!rc) {
		status_text(c, tree);
	}
	cJSON_Delete(tree);
	return rc;
}

int ctl_rollout_status(struct ctl *c)
{
	struct buf path = BUF_INIT(4096);
	struct client *client = NULL;
	struct fault f = { 0 };
	int code = CTL_DONE, rc = KE_OK;

	if (c->json && args_has(&c->args, "watch"))
		rc = fault_set(&f, KE_USAGE, "--watch", NULL, "is for people: it has no JSON");
	status_path(c, &path);
	if (!rc)
		rc = client_open(&c->config, c->clock, &client, &f);
	if (!rc)
		rc = args_has(&c->args, "watch") ? watch(c, client, buf_text(&path), &code, &f)
		                                 : status_once(c, client, buf_text(&path), &f);
	client_close(client);
	buf_free(&path);
	return rc ? ctl_complain(c, &f) : code;
}

/* ---- explain and history ---- */

int ctl_rollout_explain(struct ctl *c)
{
	static const struct ask_column columns[] = { { "POLICY", "policy", NULL },
		{ ">SERIAL", "serial", NULL }, { "ROLLOUT", "state", NULL }, { ">WAVE", "wave", NULL },
		{ "IS", "wave_state", NULL }, { "TOLD", "told", NULL }, { "OUTCOME", "outcome", NULL },
		{ "WHY", "why", NULL }, { NULL, NULL, NULL } };
	struct buf path = BUF_INIT(4096);
	struct client *client = NULL;
	struct cJSON *tree = NULL;
	struct fault f = { 0 };
	int rc = client_open(&c->config, c->clock, &client, &f);

	buf_str(&path, "/v1/hosts/");
	client_quote(&path, c->args.words[0]);
	buf_str(&path, "/rollouts");
	if (!rc)
		rc = ask_one(client, buf_text(&path), &tree, &f);
	client_close(client);
	buf_free(&path);
	if (rc)
		return ctl_complain(c, &f);
	struct place at = place_root(tree);
	const cJSON *rollouts = ask_node(&at, "rollouts");
	if (c->json) {
		struct jsonw w = ctl_json(c, "kedge_rollout_explain");
		tree_write(&w, "answer", tree);
		ctl_json_end(c, &w);
	} else if (rollouts && rollouts->child) {
		ask_table(c, rollouts, columns, "");
	} else {
		buf_str(&c->out, "no rollout is published\n");
	}
	cJSON_Delete(tree);
	return CTL_DONE;
}

int ctl_rollout_history(struct ctl *c)
{
	static const struct ask_column columns[] = { { "TIME", "time", NULL }, { ">SERIAL", "serial", NULL },
		{ "ACTION", "action", NULL }, { ">WAVE", "wave", NULL }, { "BY", "actor", NULL },
		{ "WHY", "why", NULL }, { NULL, NULL, NULL } };
	static const struct ask_list list = { .name = "kedge_rollout_history",
		.member = "events",
		.cursor = "before",
		.columns = columns,
		.empty = "nothing was decided yet",
		.limit = 100 };
	struct buf path = BUF_INIT(4096);

	buf_str(&path, "/v1/rollouts/");
	client_quote(&path, c->args.words[0]);
	buf_str(&path, "/history");
	int code = ask_list(c, buf_text(&path), &list);
	buf_free(&path);
	return code;
}
