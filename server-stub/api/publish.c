/* publish.c — PUT /v1/repo: files that a publisher signed elsewhere become the repository that hosts see, all at once or
 * not at all. The whole candidate is verified first (repo_verify.c). Sending the same again changes nothing; of two who
 * publish at once one is told to look again (409). Polls that wait are woken after the commit. */
#include "server-stub/api/publish.h"

#include <stdlib.h>
#include <string.h>

#include "server-stub/api/api_in.h"
#include "server-stub/api/lead.h"
#include "server-stub/api/repo_verify.h"

/* Is everything that came published already? */
static bool nothing_new(struct repo_set *set)
{
	for (size_t i = 0; i < set->n_fresh; i++) {
		struct repo_file *fresh = &set->fresh[i], *old = NULL;
		if (repo_set_published(set, fresh->name, &old, NULL) || old->len != fresh->len ||
		        memcmp(old->data, fresh->data, old->len) != 0)
			return false;
	}
	return true;
}

static int commit(struct task *t, const struct repo_set *set, int64_t expect, struct fault *f)
{
	struct store_file *files = calloc(set->n_fresh, sizeof *files);
	int64_t generation;

	if (!files)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	for (size_t i = 0; i < set->n_fresh; i++)
		files[i] = (struct store_file){
			.name = set->fresh[i].name, .data = set->fresh[i].data, .len = set->fresh[i].len
		};
	int rc = store_repo_publish(
	        t->api->store, &t->actor.as, STORE_MERGE, files, set->n_fresh, expect, &generation, f);
	free(files);
	return rc;
}

/* The root that settings name, copied: verifying takes longer than the lock should be held. NULL: none is named. */
static int root_copy(struct api *api, char **ret, size_t *ret_len)
{
	const struct settings *s = settings_hold(api);
	char *copy = s->repo_root ? malloc(s->repo_root_len + 1) : NULL;
	int rc = s->repo_root && !copy ? KE_NOMEM : KE_OK;

	if (copy) {
		memcpy(copy, s->repo_root, s->repo_root_len);
		*ret_len = s->repo_root_len;
	}
	settings_let(api);
	*ret = copy;
	return rc;
}

static void publish_run(void *arg)
{
	struct task *t = arg;
	struct repo_set set = { .store = t->api->store };
	struct fault f = { 0 };
	char *root = NULL;
	size_t root_len = 0;
	int64_t expect = 0;
	/* First: what is published from here on makes the commit fail. */
	int rc = store_repo_generation(t->api->store, &expect, &f);

	if (!rc)
		rc = repo_set_parse(t->body ? t->body : "", t->body_len, &set, &f);
	if (rc == KE_SCHEMA)
		answer_fault_as(&t->answer, 400, rc, &f);
	else if (rc)
		answer_fault(&t->answer, rc, &f);
	if (rc)
		goto out;
	if (nothing_new(&set)) {
		answer_empty(&t->answer, 204);
		goto out;
	}
	rc = root_copy(t->api, &root, &root_len);
	if (!rc)
		rc = repo_verify(&set, root, root_len, t->actor.as.time, &f);
	/* What fails here is what was sent; only the store and memory are ours. */
	if (rc && rc != KE_EXIST && status_of(rc) < 500) {
		answer_fault_as(&t->answer, 422, rc, &f);
		goto out;
	}
	if (!rc)
		rc = commit(t, &set, expect, &f);
	if (rc) {
		answer_fault(&t->answer, rc, &f);
		goto out;
	}
	/* What the publication opens at once is told with it, and is when the publisher hears of it. */
	if (lead_pass(t->api, NULL))
		api_wake(t->api, PUBLISH_KEY);
	answer_empty(&t->answer, 204);
out:
	free(root);
	repo_set_free(&set);
	task_free(t);
}

void publish_put(struct http_request *req)
{
	struct task *t = calloc(1, sizeof *t);
	struct answer now = answer_now(req);

	if (!t)
		answer_fault(&now, KE_NOMEM, NULL);
	else if (!task_start(req, t, publish_run))
		free(t);
}
