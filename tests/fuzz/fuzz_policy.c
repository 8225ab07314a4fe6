/* Any bytes as a policy document: what is accepted is printed, read again, and printed the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policies/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy *p = NULL, *again = NULL;
	struct fault f;
	char *first = NULL, *second = NULL;
	size_t len;
	if (policy_parse((const char *)data, size, &p, &f))
		return 0;
	if (policy_print(p, &first, &len) || policy_parse(first, len, &again, &f) ||
	        policy_print(again, &second, NULL) || strcmp(first, second) != 0)
		abort();
	free(first);
	free(second);
	policy_free(p);
	policy_free(again);
	return 0;
}
