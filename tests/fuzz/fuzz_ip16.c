/* Addresses that people type: parsed or refused; what is parsed reads the same when it is printed and parsed again. */
#include <stdlib.h>
#include <string.h>

#include "agent/measure/ip16.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[IP16_ENDPOINT_ROOM];
	struct ip16 a, again;
	uint16_t port, port_again;
	char *copy = malloc(size + 1);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	copy[size] = '\0';
	if (ip16_parse(copy, &a, &port) == 0 && port != 0 &&
	        (ip16_parse(ip16_endpoint(&a, port, text), &again, &port_again) != 0 ||
	                !ip16_equal(&a, &again) || port != port_again))
		abort();
	free(copy);
	return 0;
}
