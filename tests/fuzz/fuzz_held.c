/* Any bytes as the list of held rollouts. */
#include <stdint.h>
#include <stdlib.h>

#include "agent/keeper/held.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct held h;
	struct fault f = { 0 };

	if (held_parse((const char *)data, size, &h, &f))
		return 0;
	for (size_t i = 0; i < h.n; i++)
		if (!policy_name_valid(h.rows[i].name) || held_serial(&h, h.rows[i].name) != h.rows[i].serial)
			abort();
	return 0;
}
