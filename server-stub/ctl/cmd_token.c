/* cmd_token.c — `token create`, `list`, `revoke`: one-time enrolment tokens. The token itself is the only thing on standard
 * output, so that a script can take it; the server tells it once. */
#include <inttypes.h>
#include <string.h>

#include <cJSON.h>

#include "server-stub/ctl/ask.h"

static int body_make(const struct ctl *c, struct buf *out, struct fault *f)
{
	struct jsonw w = JSONW_INIT(out, 0);
	const char *host = args_value(&c->args, "host"), *expires = args_value(&c->args, "expires"), *text;
	struct label *labels = NULL;
	size_t n = 0, at = 0;
	int64_t seconds = 3600;
	int rc = expires ? args_duration(expires, &seconds, f) : KE_OK;

	while (!rc && (text = args_next(&c->args, "label", &at)))
		rc = args_labels(text, &labels, &n, f);
	jsonw_object(&w, NULL);
	jsonw_opt_string(&w, "host", host);
	jsonw_object(&w, "labels");
	for (size_t i = 0; i < n; i++)
		jsonw_string(&w, labels[i].name, labels[i].value);
	jsonw_object_end(&w);
	jsonw_int(&w, "expires_in", seconds);
	jsonw_object_end(&w);
	args_labels_free(labels, n);
	return rc;
}

static int answer_tell(struct ctl *c, const struct buf *answer, struct fault *f)
{
	struct cJSON *tree = NULL;
	const char *token, *expires;
	int rc = strict_parse(buf_text(answer), answer->len, &strict_limits_default, &tree, f);

	if (rc)
		return rc;
	struct place at = place_root(tree);
	if (!(rc = read_string(&at, "token", 1, 512, &token, f)) &&
	        !(rc = read_string(&at, "expires", 1, 64, &expires, f))) {
		char id[64];
		if (c->json) {
			struct jsonw w = ctl_json(c, "kedge_token");
			jsonw_string(&w, "token", token);
			jsonw_string(&w, "id", ask_word(&at, "id", id, sizeof id));
			jsonw_string(&w, "expires", expires);
			ctl_json_end(c, &w);
		} else {
			text_safe(&c->out, token);
			buf_char(&c->out, '\n');
			ctl_warn(c, "token %s is good for one host until %.40s; it is shown this once",
			        ask_word(&at, "id", id, sizeof id), expires);
		}
	}
	cJSON_Delete(tree);
	return rc;
}

int ctl_token_create(struct ctl *c)
{
	struct buf body = BUF_INIT(65536), answer = BUF_INIT(CLIENT_ANSWER_MAX);
	struct client *client = NULL;
	struct fault f = { 0 };
	int rc = body_make(c, &body, &f);

	if (!rc)
		rc = client_open(&c->config, c->clock, &client, &f);
	if (!rc)
		rc = client_call(client, "POST", "/v1/tokens", body.data, body.len, &answer, &f);
	if (!rc)
		rc = answer_tell(c, &answer, &f);
	client_close(client);
	if (answer.data)
		explicit_bzero(answer.data, answer.len);
	buf_free(&answer);
	buf_free(&body);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}

int ctl_token_list(struct ctl *c)
{
	static const struct ask_column columns[] = {
		{ "TOKEN", "id", NULL },
		{ "HOST", "host", NULL },
		{ "LABELS", NULL, ask_labels_text },
		{ "CREATED", "created", NULL },
		{ "BY", "created_by", NULL },
		{ "EXPIRES", "expires", NULL },
		{ "USED", "used", NULL },
		{ "USED BY", "used_by", NULL },
		{ NULL, NULL, NULL },
	};
	static const struct ask_list list = { .name = "kedge_tokens",
		.member = "tokens",
		.cursor = "after",
		.columns = columns,
		.empty = "no tokens",
		.limit = 1000000 };

	return ask_list(c, "/v1/tokens", &list);
}

int ctl_token_revoke(struct ctl *c)
{
	struct buf path = BUF_INIT(4096), answer = BUF_INIT(CLIENT_ANSWER_MAX);
	struct client *client = NULL;
	struct fault f = { 0 };
	int rc = client_open(&c->config, c->clock, &client, &f);

	buf_str(&path, "/v1/tokens/");
	client_quote(&path, c->args.words[0]);
	if (!rc)
		rc = client_call(client, "DELETE", buf_text(&path), NULL, 0, &answer, &f);
	client_close(client);
	if (!rc && c->json) {
		struct jsonw w = ctl_json(c, "kedge_revoked");
		jsonw_string(&w, "token", c->args.words[0]);
		ctl_json_end(c, &w);
	} else if (!rc) {
		buf_fmt(&c->out, "token %s is withdrawn\n", c->args.words[0]);
	}
	buf_free(&answer);
	buf_free(&path);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}
