/* The first byte picks a shape, the rest is a value: canonical text is a fixed point of both readings. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policies/knowledge.h"
#include "policies/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n;
	const struct knob *all = knowledge_all(&n);
	char *wanted = NULL, *again = NULL, *seen = NULL;
	if (size == 0)
		return 0;
	const struct value_shape *shape = data[0] < n ? &all[data[0]].shape : &value_shape_text;
	const char *text = (const char *)data + 1;
	if (value_wanted(shape, text, size - 1, &wanted, NULL) == 0) {
		if (value_wanted(shape, wanted, strlen(wanted), &again, NULL) || strcmp(wanted, again) != 0 ||
		        value_observed(shape, wanted, strlen(wanted), &seen) || strcmp(wanted, seen) != 0)
			abort();
		free(seen);
		seen = NULL;
	}
	if (size <= VALUE_MAX_LEN && value_observed(shape, text, size - 1, &seen))
		abort();
	free(wanted);
	free(again);
	free(seen);
	return 0;
}
