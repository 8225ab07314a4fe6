/* A key object, then one signature by it: any text, no crash, and no signature that verifies over other bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/pubkey.h"
#include "proto/strict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cJSON *tree;
	struct pubkey *key;

	if (strict_parse((const char *)data, size, &strict_limits_default, &tree, NULL))
		return 0;
	struct place at = place_root(tree);
	if (pubkey_parse(&at, &key, NULL) == 0) {
		if (pubkey_usable(key) != (pubkey_reason(key)[0] == '\0'))
			abort();
		pubkey_verify(key, "data", 4, data, size);
		pubkey_same(key, key);
		pubkey_free(key);
	}
	cJSON_Delete(tree);
	return 0;
}
