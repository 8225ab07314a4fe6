/* Any bytes as a configuration file; names and values that are handed out are whole strings within their limits. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/ini.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int each(void *ctx, const struct ini_line *at, struct fault *f)
{
	(void)ctx;
	(void)f;
	if (!at->name[0] || strlen(at->name) > INI_MAX_NAME || strlen(at->value) > INI_MAX_VALUE)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault f;

	ini_parse((const char *)data, size, each, NULL, &f);
	return 0;
}
