/* Any bytes as an assignment; what is accepted must print and be accepted again. */
#include <stdint.h>
#include <stdlib.h>

#include "proto/assignment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct assignment *a, *again;
	char *text;
	size_t len;

	if (assignment_parse((const char *)data, size, &a, NULL))
		return 0;
	if (assignment_print(a->host, a->generation, (const char *const *)a->rollouts, a->n, &text, &len) ||
	        assignment_parse(text, len, &again, NULL) || again->n != a->n)
		abort();
	assignment_free(again);
	assignment_free(a);
	free(text);
	return 0;
}
