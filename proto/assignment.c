/* assignment.c — reads and writes the server's advice to a host. Used by the server (print) and the keeper (parse);
 * refuses every path that is not a rollout's. */
#include "proto/assignment.h"

#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/jsonw.h"
#include "proto/reader.h"

static const struct strict_limits assignment_limits = {
	.max_bytes = ASSIGNMENT_MAX_BYTES, .max_nodes = 2 * ASSIGNMENT_MAX_ROLLOUTS + 32, .max_depth = 3
};

int target_path_split(const char *kind, const char *path, char name_ret[65], int64_t *ret_number)
{
	size_t n = strlen(kind);

	if (strncmp(path, kind, n) != 0 || path[n] != '/')
		return KE_NAME;
	const char *name = path + n + 1;
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-");
	if (len < 1 || len > 64 || name[len] != '/' || name[0] == '.')
		return KE_NAME;
	const char *digits = name + len + 1;
	size_t count = strspn(digits, "0123456789");
	if (count < 1 || count > 15 || digits[0] == '0' || strcmp(digits + count, ".json") != 0)
		return KE_NAME;
	int64_t number = 0;
	for (size_t i = 0; i < count; i++)
		number = number * 10 + (digits[i] - '0');
	memcpy(name_ret, name, len);
	name_ret[len] = '\0';
	*ret_number = number;
	return KE_OK;
}

static int read_rollouts(const struct place *doc, struct assignment *a, struct fault *f)
{
	struct place list, item = { 0 };
	int rc = read_array(doc, "rollouts", &list, f);

	if (rc)
		return rc;
	size_t count = place_count(&list);
	if (count > ASSIGNMENT_MAX_ROLLOUTS)
		return place_fault(
		        &list, f, KE_TOOBIG, NULL, "more than %d rollouts", ASSIGNMENT_MAX_ROLLOUTS);
	a->rollouts = calloc(count ? count : 1, sizeof *a->rollouts);
	if (!a->rollouts)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	while (place_next(&list, &item)) {
		const char *path;
		char name[65];
		int64_t serial;
		if ((rc = place_string(&item, 1, TARGET_PATH_MAX, &path, f)))
			return rc;
		if (target_path_split("rollouts", path, name, &serial))
			return place_fault(&item, f, KE_NAME, NULL, "must be rollouts/NAME/SERIAL.json");
		if (!(a->rollouts[a->n] = strdup(path)))
			return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
		a->n++;
	}
	return KE_OK;
}

int assignment_parse(const char *json, size_t len, struct assignment **ret, struct fault *f)
{
	static const char *const known[] = { "kedge_assignment", "host", "generation", "rollouts", NULL };
	struct cJSON *tree = NULL;
	const char *host;
	int64_t format;
	struct assignment *a = calloc(1, sizeof *a);
	int rc = a ? strict_parse(json, len, &assignment_limits, &tree, f) : KE_NOMEM;

	if (rc)
		goto out;
	struct place doc = place_root(tree);
	if ((rc = read_members(&doc, known, f)) ||
	        (rc = read_int(&doc, "kedge_assignment", 1, 1, &format, f)) ||
	        (rc = read_string(&doc, "host", 1, 63, &host, f)) ||
	        (rc = read_int(&doc, "generation", 1, STRICT_INT_MAX, &a->generation, f)) ||
	        (rc = read_rollouts(&doc, a, f)))
		goto out;
	if (!(a->host = strdup(host)))
		rc = KE_NOMEM;
out:
	cJSON_Delete(tree);
	if (rc) {
		assignment_free(a);
		return rc;
	}
	*ret = a;
	return KE_OK;
}

int assignment_print(const char *host, int64_t generation, const char *const *rollouts, size_t n, char **ret,
        size_t *ret_len)
{
	struct buf out = BUF_INIT(ASSIGNMENT_MAX_BYTES);
	struct jsonw w = JSONW_INIT(&out, 0);

	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_assignment", 1);
	jsonw_string(&w, "host", host);
	jsonw_int(&w, "generation", generation);
	jsonw_array(&w, "rollouts");
	for (size_t i = 0; i < n; i++)
		jsonw_string(&w, NULL, rollouts[i]);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	return buf_take(&out, ret, ret_len);
}

void assignment_free(struct assignment *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n; i++)
		free(a->rollouts[i]);
	free(a->rollouts);
	free(a->host);
	free(a);
}
