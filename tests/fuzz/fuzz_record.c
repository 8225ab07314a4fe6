/* Any bytes as a record line, and as a line to verify. */
#include <stdint.h>

#include "proto/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned char key[RECORD_KEY_LEN] = { 1 };
	struct record_epoch e;
	struct record r;

	if (!record_parse((const char *)data, size, &r, NULL) && r.kind == RECORD_EPOCH)
		record_epoch_read(&r, &e, NULL);
	record_clear(&r);
	record_verify((const char *)data, size, key, NULL);
	return 0;
}
