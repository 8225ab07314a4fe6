/* Any bytes are a journal or not; what is taken comes out again as the same bytes. The originals share its frames. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/attempt.h"
#include "agent/engine/journal.h"
#include "agent/engine/original.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct journal *j = NULL;
	struct originals *o = NULL;
	struct attempt a;
	char *again = NULL;
	size_t len = 0;

	if (journal_decode(data, size, &j) == 0) {
		if (journal_encode(j, &again, &len) || len != size || memcmp(again, data, len) != 0)
			abort();
		free(again);
	}
	again = NULL;
	if (originals_decode(data, size, &o) == 0) {
		if (originals_encode(o, &again, &len) || len != size || memcmp(again, data, len) != 0)
			abort();
		free(again);
	}
	(void)attempt_parse((const char *)data, size, &a);
	journal_free(j);
	originals_free(o);
	return 0;
}
