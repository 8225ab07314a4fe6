/* The parser of the timestamp role over any JSON text: the signed part of a file whose signatures were good. */
#include <stdint.h>
#include <stdlib.h>

#include <cJSON.h>

#include "proto/strict.h"
#include "proto/tuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tuf_timestamp *role;
	struct cJSON *tree;
	struct fault f;

	if (strict_parse((const char *)data, size, &strict_limits_default, &tree, NULL))
		return 0;
	struct place at = place_root(tree);
	if (tuf_timestamp_parse(&at, &role, &f) == 0) {
		if (role->header.version < 1)
			abort();
		if (role->snapshot.version < 1)
			abort();
		tuf_timestamp_free(role);
	}
	cJSON_Delete(tree);
	return 0;
}
