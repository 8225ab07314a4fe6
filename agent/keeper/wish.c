/* wish.c — reads one wish. Each kind has exactly its members: a value where none belongs is refused. Called by overrule.c. */
#include "agent/keeper/wish.h"

#include <string.h>

#include <cJSON.h>

#include "proto/reader.h"

static int members_read(const struct place *doc, enum wish_what what, struct fault *f)
{
	static const char *const set[] = { "kedge_wish", "what", "key", "value", "seconds", "reason", NULL };
	static const char *const end[] = { "kedge_wish", "what", "key", NULL };
	static const char *const hold[] = { "kedge_wish", "what", "seconds", "reason", NULL };
	static const char *const bare[] = { "kedge_wish", "what", NULL };
	static const char *const *const known[] = { [WISH_LIST] = bare,
		[WISH_SET] = set,
		[WISH_END] = end,
		[WISH_HOLD] = hold,
		[WISH_RELEASE] = bare,
		[WISH_ABOUT] = end };

	return read_members(doc, known[what], f);
}

static int key_read(const struct place *doc, struct wish *w, struct fault *f)
{
	const char *key;
	int rc = read_string(doc, "key", 1, NAME_MAX_LEN, &key, f);

	if (!rc)
		rc = name_parse(key, strlen(key), &w->key, f);
	if (!rc && name_is_pattern(&w->key))
		rc = fault_set(f, KE_NAME, key, "name each key", "a pattern cannot be overridden");
	return rc;
}

/* For how long, and why. */
static int term_read(const struct place *doc, struct wish *w, struct fault *f)
{
	int rc = read_int(doc, "seconds", 1, OVERRIDE_SECONDS, &w->seconds, f);

	if (!rc)
		rc = read_string(doc, "reason", 1, OVERRIDE_REASON_MAX, &w->reason, f);
	if (!rc && !override_reason_valid(w->reason, strlen(w->reason)))
		rc = fault_set(f, KE_VALUE, "reason", NULL,
		        "must say something, in at most %d bytes without control characters",
		        OVERRIDE_REASON_MAX);
	return rc;
}

static int document_read(const struct place *doc, struct wish *w, struct fault *f)
{
	static const char *const whats[] = { [WISH_LIST] = "list",
		[WISH_SET] = "set",
		[WISH_END] = "end",
		[WISH_HOLD] = "hold",
		[WISH_RELEASE] = "release",
		[WISH_ABOUT] = "about",
		NULL };
	unsigned what = 0;
	int64_t format;
	int rc;

	if ((rc = read_int(doc, "kedge_wish", 1, 1, &format, f)) ||
	        (rc = read_word(doc, "what", whats, &what, f)) ||
	        (rc = members_read(doc, (enum wish_what)what, f)))
		return rc;
	w->what = (enum wish_what)what;
	if (w->what == WISH_SET || w->what == WISH_END || w->what == WISH_ABOUT)
		rc = key_read(doc, w, f);
	if (!rc && w->what == WISH_SET)
		rc = read_string(doc, "value", 0, OVERRIDE_VALUE_MAX, &w->value, f);
	if (!rc && (w->what == WISH_SET || w->what == WISH_HOLD))
		rc = term_read(doc, w, f);
	return rc;
}

int wish_parse(const char *text, size_t len, struct wish *ret, struct fault *f)
{
	struct strict_limits limits = { .max_bytes = WISH_MAX_BYTES, .max_nodes = 32, .max_depth = 2 };
	struct place doc;

	*ret = (struct wish){ .what = WISH_LIST };
	int rc = strict_parse(text, len, &limits, &ret->tree, f);
	if (rc)
		return rc;
	doc = place_root(ret->tree);
	return document_read(&doc, ret, f);
}

void wish_clear(struct wish *w)
{
	cJSON_Delete(w->tree);
	w->tree = NULL;
}
