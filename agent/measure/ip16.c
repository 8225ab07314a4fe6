/* Addresses of either family in one form, and their text. Every 16 bytes are an address; not every text is one. Used by
 * everything that measures. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/measure/ip16.h"
#include "proto/err.h"

static const unsigned char *bytes_of(const struct ip16 *a)
{
	return (const unsigned char *)a->w;
}

bool ip16_is_loopback(const struct ip16 *a)
{
	static const unsigned char one[16] = { [15] = 1 };
	return ip16_is_v4(a) ? bytes_of(a)[12] == 127 : memcmp(a->w, one, sizeof one) == 0;
}

char *ip16_text(const struct ip16 *a, char text[IP16_TEXT_ROOM])
{
	bool v4 = ip16_is_v4(a);
	/* Cannot fail: the families are known and the room is INET6_ADDRSTRLEN. */
	if (!inet_ntop(v4 ? AF_INET : AF_INET6, bytes_of(a) + (v4 ? 12 : 0), text, IP16_TEXT_ROOM))
		text[0] = '\0';
	return text;
}

char *ip16_endpoint(const struct ip16 *a, uint16_t port, char text[IP16_ENDPOINT_ROOM])
{
	char addr[IP16_TEXT_ROOM];
	const char *open = ip16_is_v4(a) ? "" : "[", *close = ip16_is_v4(a) ? "" : "]";
	snprintf(text, IP16_ENDPOINT_ROOM, "%s%s%s:%u", open, ip16_text(a, addr), close, port);
	return text;
}

/* "1" to "65535", nothing else. */
static bool port_parse(const char *text, uint16_t *ret)
{
	size_t n = strlen(text);
	if (n < 1 || n > 5 || strspn(text, "0123456789") != n || text[0] == '0')
		return false;
	unsigned long port = strtoul(text, NULL, 10);
	*ret = (uint16_t)port;
	return port <= 65535;
}

int ip16_parse(const char *text, struct ip16 *ret, uint16_t *ret_port)
{
	char addr[INET6_ADDRSTRLEN];
	const char *from = text, *colon = strrchr(text, ':'), *end = text + strlen(text);
	unsigned char bytes[16];
	uint16_t port = 0;
	bool six = text[0] == '[' || (colon && strchr(text, ':') != colon);
	if (text[0] == '[') {
		const char *close = strchr(text, ']');
		if (!close || (close[1] && (close[1] != ':' || !port_parse(close + 2, &port))))
			return KE_SYNTAX;
		from = text + 1;
		end = close;
	} else if (colon && !six) {
		if (!port_parse(colon + 1, &port))
			return KE_SYNTAX;
		end = colon;
	}
	size_t n = (size_t)(end - from);
	if (n >= sizeof addr)
		return KE_SYNTAX;
	memcpy(addr, from, n);
	addr[n] = '\0';
	if (inet_pton(six ? AF_INET6 : AF_INET, addr, bytes) != 1)
		return KE_SYNTAX;
	*ret = six ? ip16_v6(bytes) : ip16_v4(bytes);
	*ret_port = port;
	return 0;
}
