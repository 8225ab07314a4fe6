/* cmd_rollout_run.c — `rollout pause`, `resume`, `abort`, `retry`: what an operator says to a rollout that the server executes,
 * and why. The server decides whether it fits the state, and writes it into the audit trail. */
#include <string.h>

#include <cJSON.h>

#include "server-stub/ctl/ask.h"

static int body_make(const struct ctl *c, struct buf *out, struct fault *f)
{
	const char *why = args_value(&c->args, "why");
	struct jsonw w = JSONW_INIT(out, 0);
	int64_t serial = 0;

	if (!why || !why[0])
		return fault_set(
		        f, KE_USAGE, "--why", NULL, "a reason is wanted: it goes into the audit trail");
	if (c->args.n_words == 2) {
		int rc = args_int(c->args.words[1], 1, STRICT_INT_MAX, &serial, f);
		if (rc)
			return rc;
	}
	jsonw_object(&w, NULL);
	jsonw_string(&w, "why", why);
	if (serial)
		jsonw_int(&w, "serial", serial);
	jsonw_object_end(&w);
	return out->rc;
}

static int answer_tell(struct ctl *c, const struct buf *answer, struct fault *f)
{
	struct cJSON *tree = NULL;
	const char *state;
	int64_t serial;
	int rc = strict_parse(buf_text(answer), answer->len, &strict_limits_default, &tree, f);

	if (rc)
		return rc;
	struct place at = place_root(tree);
	if (!(rc = read_string(&at, "state", 1, 32, &state, f)) &&
	        !(rc = read_int(&at, "serial", 1, STRICT_INT_MAX, &serial, f))) {
		if (c->json) {
			struct jsonw w = ctl_json(c, "kedge_rollout_state");
			jsonw_string(&w, "policy", c->args.words[0]);
			jsonw_int(&w, "serial", serial);
			jsonw_string(&w, "state", state);
			ctl_json_end(c, &w);
		} else {
			buf_fmt(&c->out, "rollout %s serial %lld: ", c->args.words[0], (long long)serial);
			text_safe(&c->out, state);
			buf_char(&c->out, '\n');
		}
	}
	cJSON_Delete(tree);
	return rc;
}

static int command_send(struct ctl *c, const char *what)
{
	struct buf path = BUF_INIT(4096), body = BUF_INIT(8192), answer = BUF_INIT(CLIENT_ANSWER_MAX);
	struct client *client = NULL;
	struct fault f = { 0 };
	int rc = body_make(c, &body, &f);

	buf_str(&path, "/v1/rollouts/");
	client_quote(&path, c->args.words[0]);
	buf_fmt(&path, "/%s", what);
	if (!rc)
		rc = client_open(&c->config, c->clock, &client, &f);
	if (!rc)
		rc = client_call(client, "POST", buf_text(&path), body.data, body.len, &answer, &f);
	if (!rc)
		rc = answer_tell(c, &answer, &f);
	client_close(client);
	buf_free(&answer);
	buf_free(&body);
	buf_free(&path);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}

int ctl_rollout_pause(struct ctl *c)
{
	return command_send(c, "pause");
}

int ctl_rollout_resume(struct ctl *c)
{
	return command_send(c, "resume");
}

int ctl_rollout_abort(struct ctl *c)
{
	return command_send(c, "abort");
}

int ctl_rollout_retry(struct ctl *c)
{
	return command_send(c, "retry");
}
