/* A certificate request from a stranger: whatever is accepted has a key that the rules allow. */
#include <stdint.h>
#include <stdlib.h>

#include "certs/csr.h"
#include "certs/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct csr c;
	struct fault f;

	if (csr_parse(data, size, &c, &f))
		return 0;
	if (key_check(c.key, NULL) || (c.common_name[0] && hostid_check("name", c.common_name, NULL)))
		abort();
	csr_free(&c);
	return 0;
}
