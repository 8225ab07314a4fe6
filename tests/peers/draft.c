/* draft.c — see draft.h. The text is written by proto's own writer and then spoilt: a value that cJSON cannot hold
 * (1.0, a doubled name, a NUL) stands in the tree as a mark, which is replaced once in the file and once in what is
 * signed. Called by cases.c and its tables. */
#include "tests/peers/draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/canon.h"
#include "proto/clock.h"
#include "proto/codec.h"
#include "proto/strict.h"
#include "proto/tree.h"
#include "proto/wire.h"

static const struct strict_limits limits = {
	.max_bytes = TUF_META_MAX, .max_nodes = TUF_NODES_MAX, .max_depth = TUF_DEPTH_MAX
};

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "tuf_cases: %s\n", what);
	abort();
}

unsigned dice_roll(struct dice *d, unsigned n)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (unsigned)((z ^ z >> 31) % n);
}

void draft_load(struct draft *d, const char *role, const struct repo_sim_file *file)
{
	struct cJSON *tree;

	*d = (struct draft){ .bytes = BUF_INIT(TUF_META_MAX), .listed = BUF_INIT(TUF_META_MAX) };
	snprintf(d->role, sizeof d->role, "%s", role);
	need(file != NULL, role);
	need(strict_parse(file->data, file->len, &limits, &tree, NULL) == 0, role);
	d->part = cJSON_DetachItemFromObjectCaseSensitive(tree, "signed");
	cJSON_Delete(tree);
	buf_bytes(&d->bytes, file->data, file->len);
	buf_bytes(&d->listed, file->data, file->len);
}

void draft_free(struct draft *d)
{
	cJSON_Delete(d->part);
	cJSON_Delete(d->sealed);
	for (size_t i = 0; i < d->n_raws; i++) {
		free(d->raws[i].text);
		free(d->raws[i].canon);
	}
	buf_free(&d->bytes);
	buf_free(&d->listed);
	*d = (struct draft){ 0 };
}

/* IN with every mark replaced, quotes included. */
static void put_raws(const struct draft *d, const struct buf *in, bool canon, struct buf *out)
{
	const char *p = buf_text(in), *end = p + in->len;

	while (p < end) {
		const struct raw *hit = NULL;
		for (size_t i = 0; *p == '"' && i < d->n_raws && !hit; i++)
			if (strncmp(p, d->raws[i].mark, strlen(d->raws[i].mark)) == 0)
				hit = &d->raws[i];
		if (!hit) {
			buf_char(out, *p++);
			continue;
		}
		if (canon)
			buf_bytes(out, hit->canon, hit->canon_len);
		else
			buf_str(out, hit->text);
		p += strlen(hit->mark);
	}
}

static void sign_rows(struct draft *d, struct repo_sim *sim, struct signature_row *rows, size_t *ret_n)
{
	struct buf plain = BUF_INIT(TUF_META_MAX), canon = BUF_INIT(TUF_META_MAX);

	need(canon_write(d->sealed ? d->sealed : d->part, &plain) == 0, "canonical form");
	put_raws(d, &plain, true, &canon);
	for (size_t i = 0; i < d->n_signers; i++) {
		const struct signkey *key = repo_sim_key(sim, d->signers[i]);
		struct buf sig = BUF_INIT(256);
		need(signkey_sign(key, buf_text(&canon), canon.len, &sig, NULL) == 0, "signature");
		snprintf(rows[i].keyid, sizeof rows[i].keyid, "%s", signkey_id(key));
		hex_encode(sig.data, sig.len, rows[i].hex);
		buf_free(&sig);
	}
	*ret_n = d->n_signers;
	buf_free(&plain);
	buf_free(&canon);
}

static void write_rows(const struct draft *d, const struct signature_row *rows, size_t n, struct buf *out)
{
	if (d->signatures) {
		buf_fmt(out, "%s%s%s", d->signatures[0] ? "\"signatures\":" : "", d->signatures,
		        d->signatures[0] ? "," : "");
		return;
	}
	buf_str(out, "\"signatures\":[");
	for (size_t i = 0; i < n; i++) {
		buf_str(out, i ? "," : "");
		if (rows[i].whole)
			buf_str(out, rows[i].whole);
		else
			buf_fmt(out, "{\"keyid\":\"%s\",\"sig\":\"%s\"}", rows[i].keyid, rows[i].hex);
	}
	buf_str(out, "],");
}

void draft_seal(struct draft *d, struct repo_sim *sim, struct dice *dice)
{
	struct signature_row rows[ROWS_MAX] = { 0 };
	struct buf plain = BUF_INIT(TUF_META_MAX);
	struct jsonw w = JSONW_INIT(&plain, 0);
	size_t n;

	sign_rows(d, sim, rows, &n);
	if (d->rows)
		d->rows(d, rows, &n);
	tree_write(&w, NULL, d->part);
	buf_clear(&d->bytes);
	buf_char(&d->bytes, '{');
	write_rows(d, rows, n, &d->bytes);
	buf_str(&d->bytes, "\"signed\":");
	put_raws(d, &plain, false, &d->bytes);
	buf_char(&d->bytes, '}');
	buf_free(&plain);
	if (d->text && !d->late)
		d->text(d, &d->bytes, dice);
	buf_clear(&d->listed);
	buf_bytes(&d->listed, d->bytes.data, d->bytes.len);
	if (d->text && d->late)
		d->text(d, &d->bytes, dice);
	need(!d->bytes.rc && !d->listed.rc, "a file is too big");
}

static void expand_one(struct repo_sim *sim, char kind, const char *name, struct buf *out)
{
	const struct signkey *key = kind == 'T' ? NULL : repo_sim_key(sim, name);
	char when[TIME_TEXT_ROOM];

	if (kind == 'T')
		buf_str(out, time_format(DRAFT_NOW + atoll(name), when));
	else if (kind == 'K')
		buf_str(out, signkey_id(key));
	else
		buf_str(out, cJSON_GetObjectItem(cJSON_GetObjectItem(signkey_public(key), "keyval"), "public")
		                     ->valuestring);
}

char *draft_expand(struct repo_sim *sim, const char *text)
{
	struct buf out = BUF_INIT(1 << 20);
	char *ret = NULL;

	for (const char *p = text; *p;) {
		char name[64];
		if (p[0] != '$' || p[2] != '{') {
			buf_char(&out, *p++);
			continue;
		}
		size_t n = strcspn(p + 3, "}");
		need(n < sizeof name && p[3 + n] == '}', "a bad $");
		memcpy(name, p + 3, n);
		name[n] = '\0';
		expand_one(sim, p[1], name, &out);
		p += n + 4;
	}
	buf_bytes(&out, "", 0);
	if (!out.data)
		return strdup("");
	need(buf_take(&out, &ret, NULL) == 0, "memory");
	return ret;
}

/* One step down; NULL when there is nothing. */
static struct cJSON *step(struct cJSON *node, const char *name)
{
	if (!node)
		return NULL;
	if (name[0] == '#')
		return cJSON_IsArray(node) ? cJSON_GetArrayItem(node, (int)strtol(name + 1, NULL, 10)) : NULL;
	return cJSON_IsObject(node) ? cJSON_GetObjectItemCaseSensitive(node, name) : NULL;
}

/* The parent of AT; the last name goes to LAST. */
static struct cJSON *parent_of(struct draft *d, char *at, char **last)
{
	struct cJSON *node = d->part;
	char *bar;

	while ((bar = strchr(at, '|'))) {
		*bar = '\0';
		node = step(node, at);
		at = bar + 1;
	}
	*last = at;
	return node;
}

struct cJSON *draft_at(struct draft *d, struct repo_sim *sim, const char *at)
{
	char *path = draft_expand(sim, at), *last = path;
	struct cJSON *parent = parent_of(d, path, &last); /* which moves LAST */
	struct cJSON *node = step(parent, last);

	free(path);
	return node;
}

/* A node for TEXT: parsed when it is strict JSON that is signed as it stands, else a mark. */
static struct cJSON *value_make(struct draft *d, char *text, char *canon)
{
	struct cJSON *tree;

	if (!canon && strict_parse(text, strlen(text), &limits, &tree, NULL) == 0) {
		free(text);
		return tree;
	}
	need(d->n_raws < RAWS_MAX, "too many raw values");
	struct raw *raw = &d->raws[d->n_raws];
	snprintf(raw->mark, sizeof raw->mark, "\"@@%zu@@\"", d->n_raws++);
	raw->text = text;
	raw->canon = canon ? canon : strdup(text);
	raw->canon_len = strlen(raw->canon);
	/* A NUL cannot stand in a table of C strings: there it is written \x01. */
	for (size_t i = 0; i < raw->canon_len; i++)
		if (raw->canon[i] == '\x01')
			raw->canon[i] = '\0';
	char name[16];
	snprintf(name, sizeof name, "%.*s", (int)strlen(raw->mark) - 2, raw->mark + 1);
	return cJSON_CreateString(name);
}

bool draft_set(struct draft *d, struct repo_sim *sim, const char *at, const char *text, const char *canon)
{
	char *path = draft_expand(sim, at), *last = path;
	struct cJSON *up = parent_of(d, path, &last), *old = step(up, last), *item;
	bool ok = up && (text ? cJSON_IsObject(up) || old : old != NULL);

	if (ok && !text)
		cJSON_Delete(cJSON_DetachItemViaPointer(up, old));
	if (ok && text) {
		item = value_make(
		        d, draft_expand(sim, text), canon && canon[0] ? draft_expand(sim, canon) : NULL);
		if (old)
			cJSON_ReplaceItemViaPointer(up, old, item);
		else
			cJSON_AddItemToObject(up, last, item);
		/* The name of a replaced member goes with the old one. */
		if (old && cJSON_IsObject(up) && !item->string)
			item->string = strdup(last);
	}
	free(path);
	return ok;
}
