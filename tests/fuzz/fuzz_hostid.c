/* Names and identities: what is accepted is written back byte by byte, and is safe as a path segment. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "certs/hostid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct identity id;
	char uri[IDENTITY_ROOM];

	if (hostid_valid(text, size) && (memchr(text, '/', size) || text[0] == '.' || size > HOSTID_MAX))
		abort();
	if (identity_parse(text, size, &id, NULL))
		return 0;
	identity_format(&id, uri);
	if (strlen(uri) != size || memcmp(uri, text, size) != 0)
		abort();
	return 0;
}
