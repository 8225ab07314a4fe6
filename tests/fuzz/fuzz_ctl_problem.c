/* The body of an answer that is no success, as kedge tells it: always one of our codes and one harmless sentence. */
#include <stdint.h>
#include <stdlib.h>

#include "server-stub/ctl/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault f = { 0 };
	int rc = client_problem((const char *)data, size, size % 2 ? 422 : 503, &f);

	if (rc >= 0 || f.code != rc || !f.what[0])
		abort();
	for (const char *p = f.what; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			abort();
	return 0;
}
