/* cmd_publish.c — `repo publish`: the directory, verified here first as a client would, sent to the server in one request.
 * The server verifies it again and switches atomically; sending the same twice changes nothing. */
#include <stdlib.h>

#include "proto/codec.h"
#include "server-stub/ctl/client.h"
#include "server-stub/ctl/cmd_repo.h"
#include "server-stub/ctl/depot_check.h"

#define BODY_MAX (32U << 20) /* the server takes no more in one request */

/* {"files":[{"name":...,"data":base64}]} */
static int body_make(const struct depot_check *k, struct buf *out, struct fault *f)
{
	struct jsonw w = JSONW_INIT(out, 0);

	jsonw_object(&w, NULL);
	jsonw_array(&w, "files");
	for (size_t i = 0; i < k->n_files && !out->rc; i++) {
		char *text = malloc(BASE64_ROOM(k->files[i].len));
		if (!text)
			return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
		jsonw_object(&w, NULL);
		jsonw_string(&w, "name", k->files[i].name);
		jsonw_string(&w, "data", base64_encode(k->files[i].data, k->files[i].len, text));
		jsonw_object_end(&w);
		free(text);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	if (out->rc == KE_TOOBIG)
		return fault_set(f, KE_TOOBIG, NULL, "take old targets out of the repository",
		        "the repository is larger than one publication may be (%u bytes)", BODY_MAX);
	return out->rc ? fault_set(f, out->rc, NULL, NULL, "%s", "") : KE_OK;
}

int repo_send(struct ctl *c, const char *dir, size_t *ret_count, struct fault *f)
{
	struct depot *d = NULL;
	struct depot_check k = { 0 };
	struct buf body = BUF_INIT(BODY_MAX), answer = BUF_INIT(CLIENT_ANSWER_MAX);
	struct client *client = NULL;
	int rc = depot_open(
	        dir, &d, f); /* nobody changes it meanwhile; a switch that was cut off is finished */

	if (!rc)
		rc = depot_check(dir, clock_wall(c->clock), &k, f);
	c->judged = rc && rc != KE_NOENT && rc != KE_BUSY && rc != KE_ACCES;
	if (!rc)
		rc = body_make(&k, &body, f);
	if (!rc && !args_has(&c->args, "dry-run")) {
		rc = client_open(&c->config, c->clock, &client, f);
		if (!rc)
			rc = client_call(client, "PUT", "/v1/repo", body.data, body.len, &answer, f);
	}
	if (!rc && ret_count)
		*ret_count = k.n_files;
	client_close(client);
	buf_free(&body);
	buf_free(&answer);
	depot_check_clear(&k);
	depot_close(d);
	return rc;
}

int ctl_repo_publish(struct ctl *c)
{
	struct fault f = { 0 };
	size_t n = 0;
	bool dry = args_has(&c->args, "dry-run");

	if (repo_send(c, c->args.words[0], &n, &f))
		return ctl_complain(c, &f);
	if (c->json) {
		struct jsonw w = ctl_json(c, "kedge_publish");
		jsonw_int(&w, "files", (int64_t)n);
		jsonw_bool(&w, "dry_run", dry);
		ctl_json_end(c, &w);
	} else {
		buf_fmt(&c->out, "%s, %zu files\n", dry ? "verified; would be published" : "published", n);
	}
	return CTL_DONE;
}
