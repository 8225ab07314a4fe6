/* Any bytes as the list of adopted policies. */
#include <stdint.h>
#include <stdlib.h>

#include "agent/keeper/adopted.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct adopted_list l;
	struct fault f = { 0 };

	if (adopted_parse((const char *)data, size, "/nowhere", &l, &f))
		return 0;
	/* Documents are not there, so that only removed ones can come through; a name stands once. */
	for (size_t i = 0; i < l.n; i++)
		if (!l.rows[i].removed || l.rows[i].policy || adopted_find(&l, l.rows[i].name) != &l.rows[i])
			abort();
	adopted_clear(&l);
	return 0;
}
