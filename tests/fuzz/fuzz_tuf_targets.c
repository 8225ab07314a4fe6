/* The parser of the targets role over any JSON text: the signed part of a file whose signatures were good. */
#include <stdint.h>
#include <stdlib.h>

#include <cJSON.h>

#include "proto/strict.h"
#include "proto/tuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tuf_targets *role;
	struct cJSON *tree;
	struct fault f;

	if (strict_parse((const char *)data, size, &strict_limits_default, &tree, NULL))
		return 0;
	struct place at = place_root(tree);
	if (tuf_targets_parse(&at, &role, &f) == 0) {
		if (role->header.version < 1)
			abort();
		for (size_t i = 0; i < role->n_targets; i++)
			if (!tuf_targets_find(role, role->targets[i].path))
				abort();
		for (size_t i = 0; i < role->n_delegations; i++)
			if (role->delegations[i].signers.threshold < 1)
				abort();
		tuf_targets_free(role);
	}
	cJSON_Delete(tree);
	return 0;
}
