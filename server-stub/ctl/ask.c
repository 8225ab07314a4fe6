/* ask.c — reads what the server answers: strict JSON, pages, dotted paths. Called by all commands that ask. */
#include "server-stub/ctl/ask.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <cJSON.h>

#include "proto/tree.h"

#define PAGE_MAX 1000 /* the server gives no more at once */

static const struct strict_limits answer_limits = {
	.max_bytes = CLIENT_ANSWER_MAX, .max_nodes = 5000000, .max_depth = 32
};

int ask_one(struct client *client, const char *path, struct cJSON **ret, struct fault *f)
{
	struct buf answer = BUF_INIT(CLIENT_ANSWER_MAX);
	int rc = client_call(client, "GET", path, NULL, 0, &answer, f);

	if (!rc && strict_parse(buf_text(&answer), answer.len, &answer_limits, ret, f)) {
		fault_at(f, "server: %s", path);
		rc = f->code = KE_PROTO;
	}
	buf_free(&answer);
	return rc;
}

/* Move up to ROOM items of PAGE's MEMBER to ROWS. */
static int take(struct cJSON *page, const char *member, int64_t *room, struct cJSON *rows, struct fault *f)
{
	cJSON *items = cJSON_GetObjectItemCaseSensitive(page, member);

	if (!cJSON_IsArray(items))
		return fault_set(f, KE_PROTO, "server", NULL, "the answer has no list '%s'", member);
	while (items->child && *room > 0) {
		cJSON_AddItemToArray(rows, cJSON_DetachItemViaPointer(items, items->child));
		(*room)--;
	}
	return KE_OK;
}

/* The cursor of the next page behind CURSOR=; false: this was the last. */
static bool next_page(const struct cJSON *page, const char *cursor, struct buf *url)
{
	const cJSON *next = cJSON_GetObjectItemCaseSensitive(page, "next");

	if (cJSON_IsString(next)) {
		buf_fmt(url, "&%s=", cursor);
		client_quote(url, next->valuestring);
	} else if (cJSON_IsNumber(next)) {
		buf_fmt(url, "&%s=%" PRId64, cursor, (int64_t)next->valuedouble);
	} else {
		return false;
	}
	return true;
}

int ask_rows(struct client *client, const char *path, const char *member, const char *cursor, int64_t limit,
        struct cJSON **ret, struct fault *f)
{
	struct cJSON *rows = cJSON_CreateArray();
	struct buf more = BUF_INIT(4096);
	bool again = true;
	int rc = rows ? KE_OK : fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");

	while (!rc && again && limit > 0) {
		struct buf url = BUF_INIT(8192);
		struct cJSON *page = NULL;
		buf_fmt(&url, "%s%climit=%" PRId64 "%s", path, strchr(path, '?') ? '&' : '?',
		        limit < PAGE_MAX ? limit : (int64_t)PAGE_MAX, buf_text(&more));
		rc = ask_one(client, buf_text(&url), &page, f);
		if (!rc)
			rc = take(page, member, &limit, rows, f);
		if (!rc) {
			struct buf before = more;
			more = BUF_INIT(4096);
			again = next_page(page, cursor, &more);
			/* A server that names the same page again would keep us here for ever. */
			if (again && strcmp(buf_text(&before), buf_text(&more)) == 0)
				rc = fault_set(f, KE_PROTO, "server", NULL, "names the same page again");
			buf_free(&before);
		}
		cJSON_Delete(page);
		buf_free(&url);
	}
	buf_free(&more);
	if (rc)
		cJSON_Delete(rows);
	else
		*ret = rows;
	return rc;
}

/* ---- members ---- */

const struct cJSON *ask_node(const struct place *at, const char *way)
{
	const cJSON *node = at->node;

	while (node && *way) {
		char name[64];
		size_t n = strcspn(way, ".");
		if (n >= sizeof name || !cJSON_IsObject(node))
			return NULL;
		memcpy(name, way, n);
		name[n] = '\0';
		node = cJSON_GetObjectItemCaseSensitive(node, name);
		way += n + (way[n] == '.');
	}
	return node;
}

void ask_text(const struct place *at, const char *way, struct buf *out)
{
	const cJSON *node = ask_node(at, way);

	if (cJSON_IsString(node))
		text_safe(out, node->valuestring);
	else if (cJSON_IsNumber(node))
		buf_fmt(out, "%" PRId64, (int64_t)node->valuedouble);
	else if (cJSON_IsBool(node))
		buf_str(out, cJSON_IsTrue(node) ? "yes" : "no");
}

const char *ask_word(const struct place *at, const char *way, char *buf, size_t size)
{
	struct buf text = BUF_INIT(4096);

	ask_text(at, way, &text);
	snprintf(buf, size, "%s", text.len ? buf_text(&text) : "-");
	buf_free(&text);
	return buf;
}

int64_t ask_int(const struct place *at, const char *way, int64_t fallback)
{
	const cJSON *node = ask_node(at, way);

	return cJSON_IsNumber(node) ? (int64_t)node->valuedouble : fallback;
}

/* ---- tables ---- */

void ask_table(struct ctl *c, const struct cJSON *rows, const struct ask_column *columns, const char *indent)
{
	const char *titles[WRITER_COLUMNS_MAX + 1] = { 0 };
	size_t n = 0;

	for (; columns[n].title && n < WRITER_COLUMNS_MAX; n++)
		titles[n] = columns[n].title;
	struct writer w = writer_begin(titles);
	for (const cJSON *item = rows ? rows->child : NULL; item; item = item->next) {
		struct place row = place_root(item);
		for (size_t i = 0; i < n; i++) {
			struct buf cell = BUF_INIT(4096);
			if (columns[i].cell)
				columns[i].cell(&row, &cell);
			else
				ask_text(&row, columns[i].member, &cell);
			writer_cell(&w, buf_text(&cell));
			buf_free(&cell);
		}
	}
	writer_end(&w, indent, &c->out);
}

static struct cJSON *turned(struct cJSON *rows)
{
	cJSON *out = cJSON_CreateArray();

	while (out && rows->child)
		cJSON_InsertItemInArray(out, 0, cJSON_DetachItemViaPointer(rows, rows->child));
	cJSON_Delete(rows);
	return out;
}

int ask_list(struct ctl *c, const char *path, const struct ask_list *list)
{
	struct client *client = NULL;
	struct cJSON *rows = NULL;
	struct fault f = { 0 };
	int64_t limit = 0;
	int rc = ctl_limit(c, list->limit, &limit, &f);

	if (!rc)
		rc = client_open(&c->config, c->clock, &client, &f);
	if (!rc) /* oldest first: the newest are found only at the end */
		rc = ask_rows(client, path, list->member, list->cursor, list->reverse ? INT64_MAX : limit,
		        &rows, &f);
	client_close(client);
	if (rc)
		return ctl_complain(c, &f);
	if (list->reverse && (rows = turned(rows)))
		while (cJSON_GetArraySize(rows) > limit)
			cJSON_DeleteItemFromArray(rows, (int)limit);
	if (c->json) {
		struct jsonw w = ctl_json(c, list->name);
		tree_write(&w, list->member, rows);
		ctl_json_end(c, &w);
	} else if (rows && rows->child) {
		ask_table(c, rows, list->columns, "");
	} else {
		buf_fmt(&c->out, "%s\n", list->empty);
	}
	cJSON_Delete(rows);
	return CTL_DONE;
}

void ask_option(const struct ctl *c, struct buf *path, const char *option, const char *name)
{
	const char *value = args_value(&c->args, option);

	if (!value)
		return;
	buf_fmt(path, "%c%s=", strchr(buf_text(path), '?') ? '&' : '?', name);
	client_quote(path, value);
}

void ask_labels_text(const struct place *row, struct buf *out)
{
	const cJSON *labels = ask_node(row, "labels");

	for (const cJSON *item = cJSON_IsObject(labels) ? labels->child : NULL; item; item = item->next) {
		buf_str(out, out->len ? "," : "");
		text_safe(out, item->string);
		buf_char(out, '=');
		text_safe(out, cJSON_IsString(item) ? item->valuestring : "?");
	}
}
