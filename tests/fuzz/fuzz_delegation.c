/* Pattern, a newline, path: the matcher ends, and '*' alone matches exactly what has no slash. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/delegation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	char *path = strchr(text, '\n');
	if (path) {
		*path++ = '\0';
		delegation_pattern_matches(text, path);
		if (delegation_pattern_matches("*", path) != (strchr(path, '/') == NULL))
			abort();
		if (!strpbrk(text, "*?") &&
		        delegation_pattern_matches(text, path) != (strcmp(text, path) == 0))
			abort();
	}
	free(text);
	return 0;
}
