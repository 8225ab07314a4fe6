/* gunzip(): nothing above the ceiling, no read behind the input. */
#include <stdlib.h>

#include "proto/err.h"
#include "server-stub/api/gunzip.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct buf out = BUF_INIT(65536);
	int rc = gunzip(data, size, &out);

	if (out.len > 65536 || (rc != KE_OK && rc != KE_SYNTAX && rc != KE_TOOBIG && rc != KE_NOMEM))
		abort();
	buf_free(&out);
	return 0;
}
