/* Any bytes as a rollout; what is accepted prints, reads again, and has an answer for a host. */
#include <stdint.h>
#include <stdlib.h>

#include "policies/rollout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rollout *r, *again;
	char *text;
	size_t len;

	if (rollout_parse((const char *)data, size, &r, NULL))
		return 0;
	rollout_gate(r, "web1", 1790000000, NULL);
	if (rollout_print(r, &text, &len) || rollout_parse(text, len, &again, NULL))
		abort();
	rollout_free(again);
	rollout_free(r);
	free(text);
	return 0;
}
