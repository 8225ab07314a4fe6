/* plans.c — a published rollout as the server needs it. The bytes were verified when they were published and will be by
 * every host; here they only have to be readable. What is not (a plan of a newer kedge, most likely) is kept back from all
 * hosts and said so: its gates would else be skipped in silence. Called by catalogue.c. */
#include "server-stub/api/plans.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "policies/knowledge.h"
#include "policies/policy.h"
#include "proto/tree.h"
#include "server-stub/api/api_in.h"
#include "server-stub/store/execution.h"

#define FACTS_LABELS_MAX 64

struct text {
	char *data;
	size_t len;
};

static int text_row(void *ctx, const struct store_file *file)
{
	struct text *t = ctx;

	t->data = malloc(file->len + 1);
	if (!t->data)
		return KE_NOMEM;
	memcpy(t->data, file->data, file->len);
	t->data[file->len] = '\0';
	t->len = file->len;
	return 0;
}

/* Target PATH in either naming of TUF. */
static int target_read(
        struct api *api, const char *path, const unsigned char *digest, struct text *ret, struct fault *f)
{
	const char *file = strrchr(path, '/');
	struct buf name = BUF_INIT(1024);
	char hex[STORE_HEX_ROOM];

	file = file ? file + 1 : path;
	buf_fmt(&name, "targets/%.*s%s.%s", (int)(file - path), path, hex_encode(digest, SHA256_LEN, hex),
	        file);
	int rc = name.rc ? name.rc : store_repo_read(api->store, buf_text(&name), text_row, ret, f);
	if (rc == KE_NOENT) {
		buf_clear(&name);
		buf_fmt(&name, "targets/%s", path);
		rc = store_repo_read(api->store, buf_text(&name), text_row, ret, f);
	}
	buf_free(&name);
	return rc;
}

/* The policy's selector, if its document is here and can be read: hosts that it does not select will never answer. */
static int meant_load(struct api *api, struct plan *p, struct fault *f)
{
	struct policy *policy = NULL;
	struct text t = { 0 };
	int rc = p->rollout->action == ROLLOUT_APPLY
	                 ? target_read(api, p->rollout->target_path, p->rollout->target_sha256, &t, f)
	                 : KE_NOENT;

	if (!rc && !policy_parse(t.data, t.len, &policy, NULL)) {
		p->meant = policy->selector;
		policy->selector = NULL;
	}
	policy_free(policy);
	free(t.data);
	return rc == KE_NOENT ? KE_OK : rc;
}

static void read_plan(struct plan *p, const struct text *t, const char *policy)
{
	struct fault f = { 0 };
	char line[1024];

	if (rollout_parse(t->data, t->len, &p->rollout, &f)) {
		snprintf(p->why, sizeof p->why, "this server cannot read it: %.200s",
		        fault_line(&f, line, sizeof line));
	} else if (strcmp(p->rollout->policy, policy) != 0 || p->rollout->serial != p->serial) {
		snprintf(p->why, sizeof p->why, "it says that it is serial %lld of %s",
		        (long long)p->rollout->serial, p->rollout->policy);
		rollout_free(p->rollout);
		p->rollout = NULL;
	}
}

int plans_load(struct api *api, const char *path, const char *policy, int64_t serial,
        const unsigned char sha256[SHA256_LEN], struct plan **ret, struct fault *f)
{
	struct plan *p = calloc(1, sizeof *p);
	struct text t = { 0 };
	int rc = p && (p->path = strdup(path)) ? KE_OK : fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");

	if (!rc)
		rc = target_read(api, path, sha256, &t, f);
	if (!rc) {
		p->serial = serial;
		read_plan(p, &t, policy);
		if (p->rollout)
			rc = meant_load(api, p, f);
	} else if (rc == KE_NOENT) {
		p->serial = serial;
		snprintf(p->why, sizeof p->why, "its file is not here");
		rc = KE_OK;
	}
	free(t.data);
	if (rc)
		plans_free(p);
	else
		*ret = p;
	return rc;
}

void plans_free(struct plan *p)
{
	if (!p)
		return;
	rollout_free(p->rollout);
	selector_free(p->meant);
	free(p->path);
	free(p);
}

/* ---- whom it is meant for ---- */

/* "6.1" or "6.1.0-9-amd64"; 0 when it is neither. */
static uint32_t kernel_read(const char *text)
{
	unsigned major, minor;

	return sscanf(text, "%4u.%4u", &major, &minor) == 2 ? KERNEL(major, minor) : 0;
}

/* Facts out of the JSON of a status; strings stay in TREE. */
static void facts_read(
        const struct cJSON *tree, const char *kernel, struct label *labels, struct host_facts *ret)
{
	const cJSON *memory = cJSON_GetObjectItemCaseSensitive(tree, "memory_bytes");
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(tree, "labels");
	size_t n = 0;

	for (const cJSON *item = cJSON_IsObject(list) ? list->child : NULL; item && n < FACTS_LABELS_MAX;
	        item = item->next)
		if (cJSON_IsString(item))
			labels[n++] = (struct label){ item->string, item->valuestring };
	*ret = (struct host_facts){ .kernel = kernel_read(kernel), .labels = labels, .n_labels = n };
	if (cJSON_IsNumber(memory) && memory->valuedouble > 0)
		ret->memory_bytes = (uint64_t)memory->valuedouble;
}

bool plans_wave(const struct plan *p, const struct store_said *said, size_t *ret)
{
	struct label labels[FACTS_LABELS_MAX];
	struct host_facts facts;
	struct cJSON *tree = NULL;

	if (!p->rollout || !rollout_wave_of(p->rollout, said->host, ret))
		return false;
	if ((!p->rollout->selector && !p->meant) || !said->kernel[0])
		return true;
	if (strict_parse(said->facts, strlen(said->facts), &strict_limits_default, &tree, NULL))
		return true;
	facts_read(tree, said->kernel, labels, &facts);
	bool meant = selector_match(p->rollout->selector, &facts) && selector_match(p->meant, &facts);
	cJSON_Delete(tree);
	return meant;
}
