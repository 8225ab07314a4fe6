/* tried.c — the list behind tried.h: one small JSON file, replaced as a whole. Called by enforce.c around every attempt. */
#include "agent/keeper/tried.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <cJSON.h>

#include "proto/fileio.h"
#include "proto/jsonw.h"
#include "proto/reader.h"

#define TRIED_MAX_BYTES (1U << 17)

static int list_path(char path[PATH_MAX], const char *state_dir)
{
	int n = snprintf(path, PATH_MAX, "%s/tried.json", state_dir);

	return n > 0 && n < PATH_MAX ? KE_OK : KE_TOOBIG;
}

static int list_write(const struct tried_list *t, const char *state_dir, struct fault *f)
{
	struct buf out = BUF_INIT(TRIED_MAX_BYTES);
	struct jsonw w = JSONW_INIT(&out, 1);
	char path[PATH_MAX];

	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_tried", 1);
	jsonw_array(&w, "rollouts");
	for (size_t i = 0; i < t->n; i++) {
		jsonw_object(&w, NULL);
		jsonw_string(&w, "name", t->rows[i].name);
		jsonw_int(&w, "serial", t->rows[i].serial);
		jsonw_int(&w, "version", t->rows[i].version);
		jsonw_bool(&w, "open", t->rows[i].open);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	int rc = out.rc ? out.rc : list_path(path, state_dir);
	if (!rc)
		rc = file_replace(path, out.data, out.len, 0600, FILE_DURABLE, f);
	buf_free(&out);
	return rc;
}

static int row_read(const struct place *at, const struct tried_list *t, struct tried *ret, struct fault *f)
{
	static const char *const known[] = { "name", "serial", "version", "open", NULL };
	const char *name;
	int rc;

	if ((rc = read_members(at, known, f)) ||
	        (rc = read_string(at, "name", 1, POLICY_NAME_MAX, &name, f)) ||
	        (rc = read_int(at, "serial", 0, STRICT_INT_MAX, &ret->serial, f)) ||
	        (rc = read_int(at, "version", 0, STRICT_INT_MAX, &ret->version, f)) ||
	        (rc = read_bool(at, "open", &ret->open, f)))
		return rc;
	if (!policy_name_valid(name) || tried_find(t, name))
		return place_fault(at, f, KE_NAME, NULL, "'%s' is no policy name, or stands twice", name);
	snprintf(ret->name, sizeof ret->name, "%s", name);
	return KE_OK;
}

static int list_parse(const char *text, size_t len, struct tried_list *ret, struct fault *f)
{
	static const char *const known[] = { "kedge_tried", "rollouts", NULL };
	struct place doc, list, item = { 0 };
	struct cJSON *tree = NULL;
	int64_t format;
	int rc = strict_parse(text, len, &strict_limits_default, &tree, f);

	if (rc)
		return rc;
	doc = place_root(tree);
	if ((rc = read_members(&doc, known, f)) || (rc = read_int(&doc, "kedge_tried", 1, 1, &format, f)) ||
	        (rc = read_array(&doc, "rollouts", &list, f)))
		goto out;
	if (place_count(&list) > ADOPTED_MAX)
		rc = place_fault(&list, f, KE_TOOBIG, NULL, "more than %d rollouts", ADOPTED_MAX);
	while (!rc && place_next(&list, &item))
		if (!(rc = row_read(&item, ret, &ret->rows[ret->n], f)))
			ret->n++;
out:
	cJSON_Delete(tree);
	return rc;
}

static void row_remove(struct tried_list *t, size_t i)
{
	t->n--;
	memmove(&t->rows[i], &t->rows[i + 1], (t->n - i) * sizeof t->rows[0]);
}

int tried_read(const char *state_dir, const struct adopted_list *l, struct tried_list *ret, struct fault *f)
{
	char path[PATH_MAX], *text;
	size_t len;
	int rc = list_path(path, state_dir);

	ret->n = 0;
	if (!rc)
		rc = file_read(path, TRIED_MAX_BYTES, &text, &len, f);
	if (rc)
		return rc == KE_NOENT ? KE_OK : rc;
	rc = list_parse(text, len, ret, f);
	file_free(text);
	if (rc) {
		ret->n = 0;
		fault_at(f, "%s", path);
		return rc;
	}
	for (size_t i = ret->n; i-- > 0;) {
		const struct adopted *a = adopted_find(l, ret->rows[i].name);
		if (a && a->serial >= ret->rows[i].serial)
			row_remove(ret, i);
	}
	return KE_OK;
}

static size_t row_index(const struct tried_list *t, const char *name)
{
	size_t i = 0;

	while (i < t->n && strcmp(t->rows[i].name, name) != 0)
		i++;
	return i;
}

const struct tried *tried_find(const struct tried_list *t, const char *name)
{
	size_t i = row_index(t, name);

	return i < t->n ? &t->rows[i] : NULL;
}

int tried_begin(struct tried_list *t, const char *state_dir, const char *name, int64_t serial,
        int64_t version, struct fault *f)
{
	size_t at = row_index(t, name);

	if (at < t->n)
		row_remove(t, at);
	else if (t->n == ADOPTED_MAX)
		row_remove(t, 0);
	struct tried *row = &t->rows[t->n++];
	*row = (struct tried){ .serial = serial, .version = version, .open = true };
	snprintf(row->name, sizeof row->name, "%s", name);
	return list_write(t, state_dir, f);
}

int tried_end(struct tried_list *t, const char *state_dir, const char *name, struct fault *f)
{
	size_t at = row_index(t, name);

	if (at == t->n || !t->rows[at].open)
		return KE_OK;
	t->rows[at].open = false;
	return list_write(t, state_dir, f);
}

int tried_forget(struct tried_list *t, const char *state_dir, const char *name, struct fault *f)
{
	size_t at = name ? row_index(t, name) : 0;

	if (at == t->n)
		return KE_OK;
	if (name)
		row_remove(t, at);
	else
		t->n = 0;
	return list_write(t, state_dir, f);
}

bool tried_holds(const struct tried_list *t, const char *name, int64_t serial)
{
	const struct tried *row = tried_find(t, name);

	return row && row->serial >= serial;
}
