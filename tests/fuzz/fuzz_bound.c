/* The first byte picks a shape, the rest is "BOUND;OBSERVED": what is made of the two holds, stays when it is made of again,
 * and a release of it fails nowhere. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policies/bound.h"
#include "policies/knowledge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n;
	const struct knob *all = knowledge_all(&n);
	char *text = size ? strndup((const char *)data + 1, size - 1) : NULL, *value = NULL, *seen = NULL;
	char *semicolon = text ? strchr(text, ';') : NULL, *met = NULL, *again = NULL, *back = NULL;
	if (!semicolon)
		goto out;
	*semicolon = '\0';
	const struct value_shape *shape = data[0] < n ? &all[data[0]].shape : &value_shape_text;
	const char *at = text;
	enum value_bound b = bound_take(&at);
	if (bound_value(shape, b, at, strlen(at), &value, NULL) ||
	        value_observed(shape, semicolon + 1, strlen(semicolon + 1), &seen))
		goto out;
	if (bound_met(shape, b, value, seen, &met) || !bound_holds(shape, b, value, met) ||
	        bound_met(shape, b, value, met, &again) || strcmp(met, again) != 0 ||
	        (bound_holds(shape, b, value, seen) && strcmp(met, seen) != 0) ||
	        bound_let_go(shape, b, value, seen, met, &back))
		abort();
out:
	free(text);
	free(value);
	free(seen);
	free(met);
	free(again);
	free(back);
	return 0;
}
