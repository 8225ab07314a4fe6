/* override.c — the list and its file, replaced as a whole. Time comes in. A damaged file is refused; its caller goes on without it:
 * then the signed policies hold. Called by overrule.c. */
#include "agent/keeper/override.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/fileio.h"
#include "proto/reader.h"
#include "proto/utf8.h"

#define OVERRIDE_MAX_BYTES (1U << 20)

static int list_path(char path[PATH_MAX], const char *state_dir)
{
	int n = snprintf(path, PATH_MAX, "%s/overrides.json", state_dir);

	return n > 0 && n < PATH_MAX ? KE_OK : KE_TOOBIG;
}

bool override_reason_valid(const char *text, size_t len)
{
	bool some = false;

	if (!len || len > OVERRIDE_REASON_MAX || !utf8_valid(text, len))
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		/* 0xc2 0x80..0x9f are the control characters of the upper half. */
		if (c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)text[i + 1] < 0xa0))
			return false;
		some = some || c != ' ';
	}
	return some;
}

void override_row_clear(struct override_row *row)
{
	free(row->value);
	free(row->reason);
	*row = (struct override_row){ 0 };
}

void override_clear(struct override_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		override_row_clear(&l->rows[i]);
	l->n = 0;
}

static int by_read(const struct place *at, struct override_by *ret, struct fault *f)
{
	static const char *const known[] = { "uid", "loginuid", "pid", "comm", NULL };
	const char *comm;
	struct place by;
	int rc;

	if ((rc = read_object(at, "by", &by, f)) || (rc = read_members(&by, known, f)) ||
	        (rc = read_int(&by, "uid", -1, UINT32_MAX, &ret->uid, f)) ||
	        (rc = read_int(&by, "loginuid", -1, UINT32_MAX, &ret->loginuid, f)) ||
	        (rc = read_int(&by, "pid", 0, INT32_MAX, &ret->pid, f)) ||
	        (rc = read_string(&by, "comm", 0, OVERRIDE_COMM_MAX, &comm, f)))
		return rc;
	snprintf(ret->comm, sizeof ret->comm, "%s", comm);
	return KE_OK;
}

/* Key and value: both, or none of a hold. */
static int key_read(const struct place *at, struct override_row *row, struct fault *f)
{
	const char *key, *value;
	int rc;

	if (!read_has(at, "key") && !read_has(at, "value"))
		return KE_OK;
	if ((rc = read_string(at, "key", 1, NAME_MAX_LEN, &key, f)) ||
	        (rc = read_string(at, "value", 0, OVERRIDE_VALUE_MAX, &value, f)) ||
	        (rc = name_parse(key, strlen(key), &row->key, f)))
		return rc;
	if (name_is_pattern(&row->key))
		return place_fault(at, f, KE_NAME, NULL, "'%s' is a pattern", key);
	return (row->value = strdup(value)) ? KE_OK : KE_NOMEM;
}

static int row_read(const struct place *at, struct override_list *l, struct fault *f)
{
	static const char *const known[] = { "key", "value", "reason", "seconds", "since", "until", "left_ms",
		"by", NULL };
	struct override_row *row = &l->rows[l->n];
	const char *reason;
	int rc;

	*row = (struct override_row){ 0 };
	if ((rc = read_members(at, known, f)) || (rc = key_read(at, row, f)) ||
	        (rc = read_string(at, "reason", 1, OVERRIDE_REASON_MAX, &reason, f)) ||
	        (rc = read_int(at, "seconds", 1, OVERRIDE_SECONDS, &row->seconds, f)) ||
	        (rc = read_time(at, "since", &row->since, f)) ||
	        (rc = read_time(at, "until", &row->until, f)) ||
	        (rc = read_int(at, "left_ms", 0, 1000 * row->seconds, &row->left_ms, f)) ||
	        (rc = by_read(at, &row->by, f)))
		goto out;
	if (!override_reason_valid(reason, strlen(reason)))
		rc = place_fault(at, f, KE_VALUE, NULL, "its reason is none");
	else if (override_find(l, row->value ? &row->key : NULL))
		rc = place_fault(at, f, KE_DUPLICATE, NULL, "stands twice");
	else if (!(row->reason = strdup(reason)))
		rc = KE_NOMEM;
out:
	if (rc)
		override_row_clear(row);
	else
		l->n++;
	return rc;
}

static int list_read(const struct place *doc, struct override_list *l, struct fault *f)
{
	static const char *const known[] = { "kedge_override_state", "boot_id", "at_ms", "rows", NULL };
	struct place list, item = { 0 };
	const char *boot_id;
	int64_t format;
	int rc;

	if ((rc = read_members(doc, known, f)) ||
	        (rc = read_int(doc, "kedge_override_state", 1, 1, &format, f)) ||
	        (rc = read_string(doc, "boot_id", 0, BOOT_ID_ROOM - 1, &boot_id, f)) ||
	        (rc = read_int(doc, "at_ms", 0, STRICT_INT_MAX, &l->at_ms, f)) ||
	        (rc = read_array(doc, "rows", &list, f)))
		return rc;
	snprintf(l->boot_id, sizeof l->boot_id, "%s", boot_id);
	if (place_count(&list) > OVERRIDE_MAX)
		return place_fault(&list, f, KE_TOOBIG, NULL, "more than %d rows", OVERRIDE_MAX);
	while (!rc && place_next(&list, &item))
		rc = row_read(&item, l, f);
	return rc;
}

int override_parse(const char *text, size_t len, struct override_list *ret, struct fault *f)
{
	struct override_list *l = calloc(1, sizeof *l);
	struct cJSON *tree = NULL;
	int rc = l ? strict_parse(text, len, &strict_limits_default, &tree, f) : KE_NOMEM;

	if (!rc) {
		struct place doc = place_root(tree);
		rc = list_read(&doc, l, f);
	}
	cJSON_Delete(tree);
	if (rc && l)
		override_clear(l);
	else if (!rc)
		*ret = *l;
	free(l);
	return rc;
}

int override_read(const char *state_dir, struct override_list *ret, struct fault *f)
{
	char path[PATH_MAX], *text;
	size_t len;
	int rc = list_path(path, state_dir);

	if (!rc)
		rc = file_read(path, OVERRIDE_MAX_BYTES, &text, &len, f);
	if (rc == KE_NOENT) {
		*ret = (struct override_list){ 0 };
		return KE_OK;
	}
	if (rc)
		return rc;
	rc = override_parse(text, len, ret, f);
	file_free(text);
	if (rc)
		fault_at(f, "%s", path);
	return rc;
}

static void by_json(const struct override_by *by, struct jsonw *w)
{
	jsonw_object(w, "by");
	jsonw_int(w, "uid", by->uid);
	jsonw_int(w, "loginuid", by->loginuid);
	jsonw_int(w, "pid", by->pid);
	jsonw_string(w, "comm", by->comm);
	jsonw_object_end(w);
}

/* The members that a row has both on disk and in an answer. */
static void row_json(const struct override_row *row, struct jsonw *w)
{
	char dotted[NAME_MAX_LEN + 1];

	if (row->value) {
		jsonw_string(w, "key", name_dotted(&row->key, dotted, sizeof dotted));
		jsonw_string(w, "value", row->value);
	}
	jsonw_string(w, "reason", row->reason);
	jsonw_int(w, "seconds", row->seconds);
	jsonw_time(w, "since", row->since);
	jsonw_time(w, "until", row->until);
	by_json(&row->by, w);
}

static void list_write(const struct override_list *l, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out, 1);

	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_override_state", 1);
	jsonw_string(&w, "boot_id", l->boot_id);
	jsonw_int(&w, "at_ms", l->at_ms);
	jsonw_array(&w, "rows");
	for (size_t i = 0; i < l->n; i++) {
		jsonw_object(&w, NULL);
		row_json(&l->rows[i], &w);
		jsonw_int(&w, "left_ms", l->rows[i].left_ms > 0 ? l->rows[i].left_ms : 0);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}

int override_write(const struct override_list *l, const char *state_dir, bool durable, struct fault *f)
{
	enum file_sync sync = durable ? FILE_DURABLE : FILE_VOLATILE;
	struct buf out = BUF_INIT(OVERRIDE_MAX_BYTES);
	char path[PATH_MAX];
	int rc = list_path(path, state_dir);

	if (!rc && !l->n)
		return file_remove(path, sync, f);
	if (!rc) {
		list_write(l, &out);
		rc = out.rc;
	}
	if (rc)
		fault_set(f, rc, state_dir, NULL, "%s", err_text(rc));
	else
		rc = file_replace(path, out.data, out.len, 0600, sync, f);
	buf_free(&out);
	return rc;
}

void override_pass(struct override_list *l, const struct override_now *now)
{
	bool same = strcmp(l->boot_id, now->boot_id) == 0 && now->boot_ms >= l->at_ms;

	for (size_t i = 0; i < l->n; i++) {
		struct override_row *row = &l->rows[i];
		if (same) {
			row->left_ms -= now->boot_ms - l->at_ms;
		} else {
			/* Another boot: how long the host was down, only the wall clock can say, and it gives nothing. */
			int64_t left = 1000 * (row->until - now->wall);
			row->left_ms = left < row->left_ms ? left : row->left_ms;
		}
		row->until = now->wall + (row->left_ms + 999) / 1000;
	}
	snprintf(l->boot_id, sizeof l->boot_id, "%s", now->boot_id);
	l->at_ms = now->boot_ms;
}

int64_t override_next_ms(const struct override_list *l)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < l->n; i++)
		next = l->rows[i].left_ms < next ? l->rows[i].left_ms : next;
	return next;
}

struct override_row *override_find(struct override_list *l, const struct name *key)
{
	for (size_t i = 0; i < l->n; i++) {
		struct override_row *row = &l->rows[i];
		if (key ? row->value && name_cmp(&row->key, key) == 0 : !row->value)
			return row;
	}
	return NULL;
}

int override_put(struct override_list *l, const struct override_row *row)
{
	struct override_row *old = override_find(l, row->value ? &row->key : NULL);

	if (!old && l->n == OVERRIDE_MAX)
		return KE_TOOBIG;
	if (old)
		override_take(l, (size_t)(old - l->rows), NULL);
	l->rows[l->n++] = *row;
	return KE_OK;
}

void override_take(struct override_list *l, size_t at, struct override_row *ret)
{
	if (ret)
		*ret = l->rows[at];
	else
		override_row_clear(&l->rows[at]);
	memmove(l->rows + at, l->rows + at + 1, (l->n - at - 1) * sizeof l->rows[0]);
	l->n--;
}

void override_json(const struct override_list *l, struct jsonw *w)
{
	const struct override_row *hold = NULL;

	jsonw_object(w, NULL);
	jsonw_int(w, "kedge_overrides", 1);
	jsonw_array(w, "overrides");
	for (size_t i = 0; i < l->n; i++) {
		const struct override_row *row = &l->rows[i];
		if (!row->value) {
			hold = row;
			continue;
		}
		jsonw_object(w, NULL);
		row_json(row, w);
		jsonw_int(w, "left_s", row->left_ms > 0 ? (row->left_ms + 999) / 1000 : 0);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	if (hold) {
		jsonw_object(w, "hold");
		row_json(hold, w);
		jsonw_int(w, "left_s", hold->left_ms > 0 ? (hold->left_ms + 999) / 1000 : 0);
		jsonw_object_end(w);
	} else {
		jsonw_null(w, "hold");
	}
	jsonw_object_end(w);
}
