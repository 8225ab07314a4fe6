/* held.c — one small file, replaced as a whole. A damaged one is refused: the row that is missing might be the one that took the
 * host down. Called by enforce.c. */
#include "agent/keeper/held.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <cJSON.h>

#include "proto/fileio.h"
#include "proto/jsonw.h"
#include "proto/reader.h"

#define HELD_MAX_BYTES (64U << 10)

static int held_path(char path[PATH_MAX], const char *state_dir)
{
	int n = snprintf(path, PATH_MAX, "%s/held.json", state_dir);

	return n > 0 && n < PATH_MAX ? KE_OK : KE_TOOBIG;
}

static size_t place_of(const struct held *h, const char *name)
{
	size_t at = 0;

	while (at < h->n && strcmp(h->rows[at].name, name) != 0)
		at++;
	return at;
}

int64_t held_serial(const struct held *h, const char *name)
{
	size_t at = place_of(h, name);

	return at < h->n ? h->rows[at].serial : 0;
}

static int row_read(const struct place *at, struct held *h, struct fault *f)
{
	static const char *const known[] = { "name", "serial", NULL };
	struct held_row *row = &h->rows[h->n];
	const char *name;
	int rc;

	if ((rc = read_members(at, known, f)) ||
	        (rc = read_string(at, "name", 1, POLICY_NAME_MAX, &name, f)) ||
	        (rc = read_int(at, "serial", 1, STRICT_INT_MAX, &row->serial, f)))
		return rc;
	if (!policy_name_valid(name) || place_of(h, name) < h->n)
		return place_fault(at, f, KE_NAME, NULL, "'%s' is no policy name, or stands twice", name);
	snprintf(row->name, sizeof row->name, "%s", name);
	h->n++;
	return KE_OK;
}

int held_parse(const char *text, size_t len, struct held *ret, struct fault *f)
{
	static const char *const known[] = { "kedge_held", "rollouts", NULL };
	struct held h = { .n = 0 };
	struct place doc, list, item = { 0 };
	struct cJSON *tree = NULL;
	int64_t format;
	int rc = strict_parse(text, len, &strict_limits_default, &tree, f);

	if (rc)
		return rc;
	doc = place_root(tree);
	if (!(rc = read_members(&doc, known, f)) && !(rc = read_int(&doc, "kedge_held", 1, 1, &format, f)))
		rc = read_array(&doc, "rollouts", &list, f);
	if (!rc && place_count(&list) > HELD_MAX)
		rc = place_fault(&list, f, KE_TOOBIG, NULL, "more than %d rollouts", HELD_MAX);
	while (!rc && place_next(&list, &item))
		rc = row_read(&item, &h, f);
	cJSON_Delete(tree);
	if (!rc)
		*ret = h;
	return rc;
}

int held_read(const char *state_dir, struct held *ret, struct fault *f)
{
	char path[PATH_MAX], *text;
	size_t len;
	int rc = held_path(path, state_dir);

	if (!rc)
		rc = file_read(path, HELD_MAX_BYTES, &text, &len, f);
	if (rc == KE_NOENT) {
		ret->n = 0;
		return KE_OK;
	}
	if (rc)
		return rc;
	rc = held_parse(text, len, ret, f);
	file_free(text);
	if (rc)
		fault_at(f, "%s", path);
	return rc;
}

static int list_write(const struct held *h, const char *state_dir, struct fault *f)
{
	struct buf out = BUF_INIT(HELD_MAX_BYTES);
	struct jsonw w = JSONW_INIT(&out, 1);
	char path[PATH_MAX];

	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_held", 1);
	jsonw_array(&w, "rollouts");
	for (size_t i = 0; i < h->n; i++) {
		jsonw_object(&w, NULL);
		jsonw_string(&w, "name", h->rows[i].name);
		jsonw_int(&w, "serial", h->rows[i].serial);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	int rc = out.rc ? out.rc : held_path(path, state_dir);
	if (!rc)
		rc = file_replace(path, out.data, out.len, 0600, FILE_DURABLE, f);
	buf_free(&out);
	return rc;
}

static void row_remove(struct held *h, size_t at)
{
	memmove(h->rows + at, h->rows + at + 1, (h->n - at - 1) * sizeof h->rows[0]);
	h->n--;
}

int held_set(struct held *h, const char *state_dir, const char *name, int64_t serial, struct fault *f)
{
	struct held next = *h;
	size_t at = place_of(&next, name);

	if (at < next.n)
		row_remove(&next, at);
	else if (next.n == HELD_MAX)
		row_remove(&next, 0);
	snprintf(next.rows[next.n].name, sizeof next.rows[0].name, "%s", name);
	next.rows[next.n++].serial = serial;
	int rc = list_write(&next, state_dir, f);
	if (!rc)
		*h = next;
	return rc;
}

int held_drop(struct held *h, const char *state_dir, const char *name, struct fault *f)
{
	size_t at = place_of(h, name);

	if (at == h->n)
		return KE_OK;
	row_remove(h, at);
	return list_write(h, state_dir, f);
}

int held_clear(struct held *h, const char *state_dir, struct fault *f)
{
	char path[PATH_MAX];
	int rc = held_path(path, state_dir);

	h->n = 0;
	return rc ? rc : file_remove(path, FILE_DURABLE, f);
}
