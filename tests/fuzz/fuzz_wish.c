/* Any bytes as what root asks the daemon for: what is taken is complete. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/keeper/wish.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault f = { 0 };
	struct wish w;

	if (!wish_parse((const char *)data, size, &w, &f)) {
		bool begins = w.what == WISH_SET || w.what == WISH_HOLD;
		if ((w.what == WISH_SET) != (w.value != NULL) || begins != (w.reason != NULL) ||
		        begins != (w.seconds > 0) || w.seconds > OVERRIDE_SECONDS ||
		        (w.what == WISH_SET || w.what == WISH_END || w.what == WISH_ABOUT) !=
		                (w.key.path[0] != '\0'))
			abort();
	}
	wish_clear(&w);
	return 0;
}
