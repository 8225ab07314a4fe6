/* canon.c — writes a cJSON tree the one way that every TUF implementation writes it.
 *
 * Signatures and key ids are made over this text, so two readers that disagree here disagree about who signed what.
 * Refuses what has no canonical form: fractions, infinities, numbers beyond 2^53-1, one name twice. Called by
 * envelope.c (what is verified and signed) and pubkey.c (key ids). */
#include "proto/canon.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/codec.h"
#include "proto/err.h"
#include "proto/strict.h"
#include "proto/wire.h"

#define FEW 16 /* members of nearly every object */

static int write_value(const cJSON *node, unsigned depth, struct buf *out);

static void write_string(const char *text, struct buf *out)
{
	buf_char(out, '"');
	for (;;) {
		size_t plain = strcspn(text, "\"\\");
		buf_bytes(out, text, plain);
		text += plain;
		if (!*text)
			break;
		buf_char(out, '\\');
		buf_char(out, *text++);
	}
	buf_char(out, '"');
}

static int write_number(const cJSON *node, struct buf *out)
{
	double value = node->valuedouble;

	/* The comparison is written so that NaN fails it. */
	if (!(value >= -(double)STRICT_INT_MAX && value <= (double)STRICT_INT_MAX))
		return KE_SCHEMA;
	int64_t whole = (int64_t)value;
	if ((double)whole < value || (double)whole > value)
		return KE_SCHEMA;
	buf_int(out, whole);
	return KE_OK;
}

static int write_array(const cJSON *node, unsigned depth, struct buf *out)
{
	int rc = KE_OK;

	buf_char(out, '[');
	for (const cJSON *item = node->child; item && !rc; item = item->next) {
		if (item != node->child)
			buf_char(out, ',');
		rc = write_value(item, depth, out);
	}
	buf_char(out, ']');
	return rc;
}

/* strcmp() compares as unsigned char, which for UTF-8 is the order of code points. */
static int name_cmp(const void *pa, const void *pb)
{
	const cJSON *const *a = pa, *const *b = pb;

	return strcmp((*a)->string, (*b)->string);
}

static int write_member(const cJSON *member, bool first, unsigned depth, struct buf *out)
{
	if (!first)
		buf_char(out, ',');
	write_string(member->string, out);
	buf_char(out, ':');
	return write_value(member, depth, out);
}

/* By insertion; equal names stay beside each other. */
static void sort_few(const cJSON **members, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		const cJSON *member = members[i];
		size_t at = i;
		for (; at && strcmp(members[at - 1]->string, member->string) > 0; at--)
			members[at] = members[at - 1];
		members[at] = member;
	}
}

/* N members in any order. */
static int write_sorted(const cJSON **members, size_t n, unsigned depth, struct buf *out)
{
	int rc = KE_OK;

	if (n <= FEW)
		sort_few(members, n);
	else
		qsort(members, n, sizeof *members, name_cmp);
	for (size_t i = 0; i < n && !rc; i++)
		rc = i && strcmp(members[i - 1]->string, members[i]->string) == 0
		             ? KE_DUPLICATE
		             : write_member(members[i], i == 0, depth, out);
	return rc;
}

static int write_unsorted(const cJSON *node, size_t n, unsigned depth, struct buf *out)
{
	const cJSON *few[FEW], **members = n <= FEW ? few : calloc(n, sizeof *members);
	size_t i = 0;

	if (!members)
		return KE_NOMEM;
	for (const cJSON *m = node->child; m; m = m->next)
		members[i++] = m;
	int rc = write_sorted(members, n, depth, out);
	if (members != few)
		free(members);
	return rc;
}

static int write_object(const cJSON *node, unsigned depth, struct buf *out)
{
	bool sorted = true;
	size_t n = 0;
	int rc = KE_OK;

	/* Whoever wrote canonical JSON has sorted already. */
	for (const cJSON *m = node->child; m; m = m->next, n++)
		sorted = sorted && (!m->next || strcmp(m->string, m->next->string) < 0);
	buf_char(out, '{');
	if (!sorted)
		rc = write_unsorted(node, n, depth, out);
	for (const cJSON *m = node->child; sorted && m && !rc; m = m->next)
		rc = write_member(m, m == node->child, depth, out);
	buf_char(out, '}');
	return rc;
}

static int write_value(const cJSON *node, unsigned depth, struct buf *out)
{
	if (depth > TUF_DEPTH_MAX)
		return KE_TOOBIG;
	if (cJSON_IsObject(node))
		return write_object(node, depth + 1, out);
	if (cJSON_IsArray(node))
		return write_array(node, depth + 1, out);
	if (cJSON_IsNumber(node))
		return write_number(node, out);
	if (cJSON_IsString(node))
		write_string(node->valuestring, out);
	else if (cJSON_IsBool(node))
		buf_str(out, cJSON_IsTrue(node) ? "true" : "false");
	else if (cJSON_IsNull(node))
		buf_str(out, "null");
	else
		return KE_SCHEMA;
	return KE_OK;
}

int canon_write(const struct cJSON *tree, struct buf *out)
{
	int rc = write_value(tree, 0, out);

	return rc ? rc : out->rc;
}

int canon_sha256_hex(const struct cJSON *tree, char keyid[KEYID_ROOM])
{
	struct buf text = BUF_INIT(TUF_META_MAX);
	unsigned char digest[SHA256_LEN];
	int rc = canon_write(tree, &text);

	if (!rc) {
		sha256(buf_text(&text), text.len, digest);
		hex_encode(digest, sizeof digest, keyid);
	}
	buf_free(&text);
	return rc;
}
