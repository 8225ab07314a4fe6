/* Texts of /proc/net and /proc/sys of any shape, cut anywhere: sockstat, netstat (and snmp), softnet_stat, port lists. Parsed or
 * refused, never read beyond. The first byte says which file it is. */
#include <stdlib.h>
#include <string.h>

#include "agent/measure/netstat.h"
#include "agent/measure/ports.h"
#include "agent/measure/sockstat.h"
#include "agent/measure/softnet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct netstat before;
	struct netstat now = { 0 };
	struct netstat_delta delta;
	struct softnet softnet = { 0 }, change;
	struct port_set ports = { 0 };
	struct sockstat sockstat;
	struct fault f;
	uint16_t low, high;
	if (size == 0)
		return 0;
	/* Exactly this size and no NUL behind it, so that one byte too far is seen. */
	size_t len = size - 1;
	char *text = malloc(len ? len : 1);
	if (!text)
		return 0;
	memcpy(text, data + 1, len);
	switch (data[0]) {
	case 's':
		sockstat_init(&sockstat);
		(void)sockstat_parse(text, len, &sockstat, &f);
		break;
	case 'n':
		if (netstat_parse(text, len, &now, &f) == 0 && netstat_diff(&before, &now, 1, &delta) == 0)
			before = now;
		break;
	case 'q':
		if (softnet_parse(text, len, &softnet, &f) == 0)
			(void)softnet_diff(&softnet, &softnet, &change);
		break;
	case 'r':
		if (ports_parse_range(text, len, &low, &high) == 0 && (low < 1 || low > high))
			abort();
		break;
	case 'l':
		if (ports_parse_list(text, len, &ports) == 0 && port_set_count(&ports, 0, 65535) > 65536)
			abort();
		break;
	default:
		break;
	}
	free(text);
	return 0;
}
