/* repo_set.c — the candidate of a publication, in memory. Nothing here is believed yet: names are checked, because they
 * become paths on hosts, bytes are not. Called by publish.c and repo_verify.c. */
#include "server-stub/api/repo_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/codec.h"
#include "proto/reader.h"
#include "proto/trust.h"
#include "server-stub/api/publish.h"

#define FILES_MAX 20000

static const struct strict_limits publish_limits = {
	.max_bytes = PUBLISH_BODY_MAX, .max_nodes = 8 * FILES_MAX, .max_depth = 4
};

static void file_clear(struct repo_file *file)
{
	free(file->name);
	free(file->data);
}

static bool name_good(const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~%-";

	if (strncmp(name, "metadata/", 9) == 0)
		return name[9] && name[9] != '.' && strspn(name + 9, plain) == strlen(name + 9) &&
		       strlen(name) < TUF_FILE_ROOM;
	if (strncmp(name, "targets/", 8) != 0 || !trust_path_ok(name + 8) || strstr(name, "//"))
		return false;
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p < 0x21 || *p == 0x7f || *p == '\\')
			return false;
	return name[strlen(name) - 1] != '/';
}

static int file_read_one(const struct place *at, struct repo_file *ret, struct fault *f)
{
	static const char *const known[] = { "name", "data", NULL };
	const char *name, *data;
	int rc;

	if ((rc = read_members(at, known, f)) || (rc = read_string(at, "name", 1, 1400, &name, f)) ||
	        (rc = read_string(at, "data", 0, PUBLISH_BODY_MAX, &data, f)))
		return rc;
	if (!name_good(name))
		return place_fault(at, f, KE_NAME, "use metadata/FILE or targets/PATH",
		        "'%.100s' is no name in a repository", name);
	size_t len = strlen(data), n;
	struct repo_file file = { .name = strdup(name), .data = malloc(len / 4 * 3 + 1) };
	if (!file.name || !file.data)
		rc = fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	else if (!base64_decode(data, len, file.data, &n))
		rc = place_fault(at, f, KE_SYNTAX, NULL, "data is not base64");
	if (rc) {
		file_clear(&file);
		return rc;
	}
	file.len = n;
	*ret = file;
	return KE_OK;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct repo_file *)a)->name, ((const struct repo_file *)b)->name);
}

static int files_read(const struct place *doc, struct repo_set *set, struct fault *f)
{
	static const char *const known[] = { "files", NULL };
	struct place list, item = { 0 };
	int rc = read_members(doc, known, f);

	if (!rc)
		rc = read_array(doc, "files", &list, f);
	if (rc)
		return rc;
	size_t n = place_count(&list);
	if (!n || n > FILES_MAX)
		return place_fault(&list, f, KE_RANGE, NULL, "1 to %d files are allowed", FILES_MAX);
	set->fresh = calloc(n, sizeof *set->fresh);
	if (!set->fresh)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	while (!rc && place_next(&list, &item))
		if (!(rc = file_read_one(&item, &set->fresh[set->n_fresh], f)))
			set->n_fresh++;
	if (rc)
		return rc;
	qsort(set->fresh, n, sizeof *set->fresh, by_name);
	for (size_t i = 1; i < n; i++)
		if (strcmp(set->fresh[i - 1].name, set->fresh[i].name) == 0)
			return fault_set(f, KE_DUPLICATE, set->fresh[i].name, NULL, "is given twice");
	return KE_OK;
}

int repo_set_parse(const char *json, size_t len, struct repo_set *set, struct fault *f)
{
	struct cJSON *tree = NULL;
	int rc = strict_parse(json, len, &publish_limits, &tree, f);

	if (rc)
		return rc;
	struct place doc = place_root(tree);
	rc = files_read(&doc, set, f);
	cJSON_Delete(tree);
	return rc;
}

static int published_row(void *ctx, const struct store_file *from)
{
	struct repo_set *set = ctx;
	struct repo_file *file = calloc(1, sizeof *file);

	if (!file)
		return KE_NOMEM;
	file->name = strdup(from->name);
	file->data = malloc(from->len + 1);
	if (!file->name || !file->data) {
		file_clear(file);
		free(file);
		return KE_NOMEM;
	}
	memcpy(file->data, from->data, from->len);
	file->len = from->len;
	file->next = set->published;
	set->published = file;
	return 0;
}

int repo_set_published(struct repo_set *set, const char *name, struct repo_file **ret, struct fault *f)
{
	for (struct repo_file *file = set->published; file; file = file->next)
		if (strcmp(file->name, name) == 0) {
			*ret = file;
			return KE_OK;
		}
	int rc = store_repo_read(set->store, name, published_row, set, f);
	if (!rc)
		*ret = set->published;
	return rc;
}

int repo_set_get(struct repo_set *set, const char *name, struct repo_file **ret, struct fault *f)
{
	char *copy = strdup(name);
	struct repo_file key = { .name = copy }, *found = NULL;

	if (!copy)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	if (set->n_fresh)
		found = bsearch(&key, set->fresh, set->n_fresh, sizeof *set->fresh, by_name);
	free(copy);
	if (!found)
		return repo_set_published(set, name, ret, f);
	*ret = found;
	return KE_OK;
}

/* N of "metadata/N.root.json"; 0 for other names. */
static int64_t root_number(const char *name)
{
	const char *digits = name + strlen("metadata/");

	if (strncmp(name, "metadata/", strlen("metadata/")) != 0 || digits[0] < '1' || digits[0] > '9')
		return 0;
	size_t n = strspn(digits, "0123456789");
	return n <= 15 && strcmp(digits + n, ".root.json") == 0 ? strtoll(digits, NULL, 10) : 0;
}

static void lowest(int64_t *low, const char *name)
{
	int64_t n = root_number(name);

	if (n && (!*low || n < *low))
		*low = n;
}

static int root_row(void *ctx, const struct store_file *file)
{
	lowest(ctx, file->name);
	return 0;
}

int repo_set_first_root(struct repo_set *set, int64_t *ret, struct fault *f)
{
	int64_t low = 0;
	int rc = store_repo_list(set->store, "metadata/", root_row, &low, f);

	if (rc)
		return rc;
	bool published = low != 0;
	for (size_t i = 0; !published && i < set->n_fresh; i++)
		lowest(&low, set->fresh[i].name);
	*ret = low;
	return KE_OK;
}

void repo_set_free(struct repo_set *set)
{
	for (size_t i = 0; i < set->n_fresh; i++)
		file_clear(&set->fresh[i]);
	free(set->fresh);
	while (set->published) {
		struct repo_file *file = set->published;
		set->published = file->next;
		file_clear(file);
		free(file);
	}
	*set = (struct repo_set){ 0 };
}
