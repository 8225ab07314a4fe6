/* Netlink answers of any shape: parsed or refused, never read beyond. What is parsed goes through the census too. */
#include <stdlib.h>
#include <string.h>

#include "agent/measure/census.h"
#include "agent/measure/sockdiag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct port_set none;
	const struct census_setup setup = { .low = 32768, .high = 60999, .reserved = &none, .table = 4 };
	struct census *c;
	struct fault f;
	bool done = false;
	/* An aligned copy of exactly this size, as a read would leave it. */
	void *copy = malloc(size ? size : 1);
	if (copy && census_new(&setup, &c) == 0) {
		memcpy(copy, data, size);
		(void)sockdiag_parse(copy, size, 7, 4242, census_add, c, &done, &f);
		census_free(c);
	}
	free(copy);
	return 0;
}
