/* Canonical JSON: a tree and the text that tree_write() makes of it have one canonical form. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/canon.h"
#include "proto/strict.h"
#include "proto/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf canon = BUF_INIT(1 << 20), text = BUF_INIT(1 << 22), again = BUF_INIT(1 << 20);
	struct jsonw w = JSONW_INIT(&text, 1);
	struct cJSON *tree, *copy;

	if (strict_parse((const char *)data, size, &strict_limits_default, &tree, NULL))
		return 0;
	if (canon_write(tree, &canon) == 0) {
		tree_write(&w, NULL, tree);
		if (text.rc == 0) {
			if (strict_parse(buf_text(&text), text.len, &strict_limits_default, &copy, NULL))
				abort();
			if (canon_write(copy, &again) || again.len != canon.len ||
			        memcmp(buf_text(&again), buf_text(&canon), canon.len) != 0)
				abort();
			cJSON_Delete(copy);
		}
	}
	buf_free(&canon);
	buf_free(&text);
	buf_free(&again);
	cJSON_Delete(tree);
	return 0;
}
