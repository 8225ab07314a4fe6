/* Any bytes as the list of overrides: what is taken lasts no longer than was asked for, and is read again as it was. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/keeper/override.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct override_list l;
	const struct override_now later = { "another", 1000, 0 };
	struct fault f = { 0 };

	l = (struct override_list){ 0 };
	if (override_parse((const char *)data, size, &l, &f))
		return 0;
	override_pass(&l, &later);
	for (size_t i = 0; i < l.n; i++) {
		struct override_row *row = &l.rows[i];
		if (row->left_ms > 1000 * row->seconds ||
		        !override_reason_valid(row->reason, strlen(row->reason)) ||
		        override_find(&l, row->value ? &row->key : NULL) != row)
			abort();
	}
	override_clear(&l);
	return 0;
}
