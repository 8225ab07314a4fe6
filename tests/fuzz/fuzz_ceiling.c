/* Any text is a ceiling or not; one that is never allows what is on the never-list. */
#include <stdint.h>
#include <stdlib.h>

#include "agent/engine/ceiling.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct name never = { "kernel/core_pattern" },
	                         plain = { "net/ipv4/conf/eth0.1/rp_filter" };
	struct ceiling *c = NULL;
	struct fault f;

	if (ceiling_parse((const char *)data, size, &c, &f))
		return 0;
	if (ceiling_check(c, &never) != CEILING_NEVER)
		abort();
	(void)ceiling_check(c, &plain);
	ceiling_free(c);
	return 0;
}
