/* An enrolment token as somebody typed it: what is accepted is exactly what would be printed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "certs/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct token t;
	char text[TOKEN_ROOM];

	if (token_parse((const char *)data, size, &t, NULL))
		return 0;
	token_format(&t, text);
	if (size < strlen(text) || memcmp(text, data, strlen(text)) != 0)
		abort();
	return 0;
}
