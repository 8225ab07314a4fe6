/* adopted.c — floors and documents on disk. A document has its serial in its name and is written before the list that names
 * it, and the old one is removed after, so a list never names what is not there, wherever a crash falls. */
#include "agent/keeper/adopted.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/codec.h"
#include "proto/fileio.h"
#include "proto/jsonw.h"
#include "proto/reader.h"

#define ADOPTED_MAX_BYTES  (1U << 20)
#define DOCUMENT_MAX_BYTES (4U << 20)

static int list_path(char path[PATH_MAX], const char *state_dir)
{
	int n = snprintf(path, PATH_MAX, "%s/adopted.json", state_dir);

	return n > 0 && n < PATH_MAX ? KE_OK : KE_TOOBIG;
}

static int document_path(char path[PATH_MAX], const char *state_dir, const struct adopted *a)
{
	int n = snprintf(path, PATH_MAX, "%s/policy.%s.%lld.json", state_dir, a->name, (long long)a->serial);

	return n > 0 && n < PATH_MAX ? KE_OK : KE_TOOBIG;
}

static int read_document(struct adopted *a, const char *state_dir, struct fault *f)
{
	unsigned char got[SHA256_LEN];
	char path[PATH_MAX], *text;
	size_t len;
	int rc = document_path(path, state_dir, a);

	if (!rc)
		rc = file_read(path, DOCUMENT_MAX_BYTES, &text, &len, f);
	if (rc)
		return rc;
	sha256(text, len, got);
	if (memcmp(got, a->sha256, sizeof got) != 0)
		rc = fault_set(f, KE_MISMATCH, path, NULL, "is not the document that was adopted");
	else
		rc = policy_parse(text, len, &a->policy, f);
	file_free(text);
	return rc;
}

static int read_row(const struct place *at, struct adopted_list *l, const char *state_dir, struct fault *f)
{
	static const char *const known[] = { "name", "serial", "version", "removed", "sha256", NULL };
	struct adopted *a = &l->rows[l->n++];
	const char *name;
	int rc;

	if ((rc = read_members(at, known, f)) ||
	        (rc = read_string(at, "name", 1, POLICY_NAME_MAX, &name, f)) ||
	        (rc = read_int(at, "serial", 0, STRICT_INT_MAX, &a->serial, f)) ||
	        (rc = read_int(at, "version", 0, STRICT_INT_MAX, &a->version, f)) ||
	        (rc = read_bool(at, "removed", &a->removed, f)))
		return rc;
	if (!policy_name_valid(name) || adopted_find(&(struct adopted_list){ l->rows, l->n - 1 }, name))
		return place_fault(at, f, KE_NAME, NULL, "'%s' is no policy name, or stands twice", name);
	snprintf(a->name, sizeof a->name, "%s", name);
	if (a->removed)
		return KE_OK;
	rc = read_hex(at, "sha256", a->sha256, sizeof a->sha256, f);
	return rc ? rc : read_document(a, state_dir, f);
}

static int read_rows(const struct place *doc, const char *state_dir, struct adopted_list *l, struct fault *f)
{
	static const char *const known[] = { "kedge_adopted", "policies", NULL };
	struct place list, item = { 0 };
	int64_t format;
	int rc;

	if ((rc = read_members(doc, known, f)) || (rc = read_int(doc, "kedge_adopted", 1, 1, &format, f)) ||
	        (rc = read_array(doc, "policies", &list, f)))
		return rc;
	if (place_count(&list) > ADOPTED_MAX)
		return place_fault(&list, f, KE_TOOBIG, NULL, "more than %d policies", ADOPTED_MAX);
	while (!rc && place_next(&list, &item))
		rc = read_row(&item, l, state_dir, f);
	return rc;
}

int adopted_parse(
        const char *text, size_t len, const char *state_dir, struct adopted_list *ret, struct fault *f)
{
	struct adopted_list l = { .rows = calloc(ADOPTED_MAX, sizeof *l.rows) };
	struct cJSON *tree = NULL;
	int rc = l.rows ? strict_parse(text, len, &strict_limits_default, &tree, f) : KE_NOMEM;

	if (!rc) {
		struct place doc = place_root(tree);
		rc = read_rows(&doc, state_dir, &l, f);
	}
	cJSON_Delete(tree);
	if (rc)
		adopted_clear(&l);
	else
		*ret = l;
	return rc;
}

int adopted_read(const char *state_dir, struct adopted_list *ret, struct fault *f)
{
	static const char none[] = "{\"kedge_adopted\":1,\"policies\":[]}";
	char path[PATH_MAX], *text;
	size_t len;
	int rc = list_path(path, state_dir);

	if (!rc)
		rc = file_read(path, ADOPTED_MAX_BYTES, &text, &len, f);
	if (rc == KE_NOENT)
		return adopted_parse(none, sizeof none - 1, state_dir, ret, f);
	if (rc)
		return rc;
	rc = adopted_parse(text, len, state_dir, ret, f);
	file_free(text);
	if (rc)
		fault_at(f, "%s", path);
	return rc;
}

/* The list as it will be, with ROW in the place of the row at AT. */
static int write_list(const struct adopted_list *l, size_t at, const struct adopted *row,
        const char *state_dir, struct fault *f)
{
	struct buf out = BUF_INIT(ADOPTED_MAX_BYTES);
	struct jsonw w = JSONW_INIT(&out, 1);
	char path[PATH_MAX];
	size_t n = at == l->n ? l->n + 1 : l->n;

	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_adopted", 1);
	jsonw_array(&w, "policies");
	for (size_t i = 0; i < n; i++) {
		const struct adopted *a = i == at ? row : &l->rows[i];
		jsonw_object(&w, NULL);
		jsonw_string(&w, "name", a->name);
		jsonw_int(&w, "serial", a->serial);
		jsonw_int(&w, "version", a->version);
		jsonw_bool(&w, "removed", a->removed);
		if (!a->removed)
			jsonw_hex(&w, "sha256", a->sha256, sizeof a->sha256);
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

static int write_document(
        const struct adopted *a, const char *state_dir, const char *document, size_t len, struct fault *f)
{
	char path[PATH_MAX];
	int rc = document_path(path, state_dir, a);

	return rc ? rc : file_replace(path, document, len, 0600, FILE_DURABLE, f);
}

int adopted_set(struct adopted_list *l, const char *state_dir, const char *name, int64_t serial,
        struct policy *p, const char *document, size_t len, struct fault *f)
{
	struct adopted row = {
		.serial = serial, .removed = !document, .policy = p, .version = p ? p->version : 0
	};
	char path[PATH_MAX];
	size_t at = 0;
	int rc = KE_OK;

	while (at < l->n && strcmp(l->rows[at].name, name) != 0)
		at++;
	if (at < l->n && serial <= l->rows[at].serial)
		return fault_set(f, KE_ROLLBACK, name, NULL,
		        "serial %lld is not higher than %lld, which was adopted", (long long)serial,
		        (long long)l->rows[at].serial);
	if (at == ADOPTED_MAX)
		return fault_set(f, KE_TOOBIG, name, NULL, "more than %d policies", ADOPTED_MAX);
	snprintf(row.name, sizeof row.name, "%s", name);
	if (document) {
		sha256(document, len, row.sha256);
		rc = write_document(&row, state_dir, document, len, f);
	}
	if (!rc)
		rc = write_list(l, at, &row, state_dir, f);
	if (rc)
		return rc;
	if (at == l->n) {
		l->n++;
	} else {
		policy_free(l->rows[at].policy);
		/* A leftover does no harm: nothing names it. */
		if (!l->rows[at].removed && !document_path(path, state_dir, &l->rows[at]))
			file_remove(path, FILE_VOLATILE, NULL);
	}
	l->rows[at] = row;
	return KE_OK;
}

const struct adopted *adopted_find(const struct adopted_list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->rows[i].name, name) == 0)
			return &l->rows[i];
	return NULL;
}

void adopted_clear(struct adopted_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		policy_free(l->rows[i].policy);
	free(l->rows);
	*l = (struct adopted_list){ 0 };
}
