/* Any bytes as the kernel's type information: offsets or a refusal. */
#include <stdint.h>
#include <stdlib.h>

#include "agent/bpf/btf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t off = 0;
	struct btf *b;

	if (btf_open(data, size, &b, NULL))
		return 0;
	if (!btf_offset(b, "outer", "y.b", &off) && off > INT32_MAX)
		abort();
	btf_offset(b, "inner", "a", &off);
	btf_free(b);
	return 0;
}
