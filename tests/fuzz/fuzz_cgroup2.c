/* Any bytes as a mountinfo file: a path that is terminated, or none. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/bpf/cgroup2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cgroup2 c;

	memset(c.path, 'x', sizeof c.path);
	if (!cgroup2_choose((const char *)data, size, true, &c, NULL) &&
	        (!c.path[0] || !memchr(c.path, 0, sizeof c.path)))
		abort();
	return 0;
}
