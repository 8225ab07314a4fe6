/* Bodies of records: the first byte chooses the kind, the rest is the JSON. */
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/strict.h"
#include "server-stub/api/bodies.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct record r = { 0 };
	struct store_record out = { 0 };
	struct body body;

	if (size < 1 || strict_parse((const char *)data + 1, size - 1, &strict_limits_default, &r.tree, NULL))
		return 0;
	r.kind = (enum record_kind)(data[0] % RECORD_KINDS);
	r.doc = r.body = place_root(r.tree);
	if (body_read(&r, &body, NULL) == KE_OK) {
		body_point(&r, &body, &out);
		if (out.drift && (!out.drift->key || !out.drift->writer || !out.drift->mode))
			abort();
		if (out.status && (!out.status->kernel || strlen(out.status->kernel) == 0))
			abort();
	}
	body_clear(&body);
	record_clear(&r);
	return 0;
}
