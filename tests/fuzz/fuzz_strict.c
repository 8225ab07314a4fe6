/* Whatever bytes come: strict.c accepts or refuses them, and what it accepts is one document. cJSON reads it, the
 * reader walks it, the writer writes it, strict.c accepts that again, and the second writing is the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/jsonw.h"
#include "proto/reader.h"
#include "proto/strict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_place(struct jsonw *w, const struct place *at)
{
	const char *name = at->up ? at->name : NULL, *text;
	bool object = place_is_object(at);
	struct place item = { 0 };
	int64_t number;
	size_t n = 0;

	if (object || place_is_array(at)) {
		(object ? jsonw_object : jsonw_array)(w, name);
		for (; place_next(at, &item); n++)
			write_place(w, &item);
		if (n != place_count(at))
			abort();
		(object ? jsonw_object_end : jsonw_array_end)(w);
	} else if (!place_string(at, 0, SIZE_MAX, &text, NULL)) {
		jsonw_string(w, name, text);
	} else if (!place_int(at, -STRICT_INT_MAX, STRICT_INT_MAX, &number, NULL)) {
		jsonw_int(w, name, number);
	} else if (cJSON_IsBool(at->node)) {
		jsonw_bool(w, name, cJSON_IsTrue(at->node));
	} else if (cJSON_IsNull(at->node)) {
		jsonw_null(w, name);
	} else {
		abort(); /* cJSON made something that JSON has not */
	}
}

/* Read TEXT, which must be accepted when MUST, and write it into OUT. False when it was refused. */
static bool rewrite(const char *text, size_t len, bool must, unsigned indent, struct buf *out)
{
	struct strict_limits limits = strict_limits_default;
	struct jsonw w = JSONW_INIT(out, indent);
	struct fault f = { 0 };
	cJSON *tree = NULL;

	limits.max_bytes *= 8; /* the writer escapes DEL and may indent */
	int rc = strict_parse(text, len, &limits, &tree, &f);
	if (rc) {
		if (must || rc == KE_NOMEM || tree || f.code != rc || !f.where[0])
			abort();
		return false;
	}
	struct place root = place_root(tree);
	write_place(&w, &root);
	if (out->rc || w.depth)
		abort();
	cJSON_Delete(tree);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf first = BUF_INIT(1 << 28), second = BUF_INIT(1 << 28), pretty = BUF_INIT(1 << 28);

	if (size <= strict_limits_default.max_bytes && rewrite((const char *)data, size, false, 0, &first)) {
		rewrite(first.data, first.len, true, 2, &pretty);
		rewrite(pretty.data, pretty.len, true, 0, &second);
		if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
			abort();
	}
	buf_free(&first);
	buf_free(&second);
	buf_free(&pretty);
	return 0;
}
