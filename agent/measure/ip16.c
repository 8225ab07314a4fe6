/* Addresses of either family in one form, and their text. Nothing here fails: every 16 bytes are an address. Used by
 * everything that measures. */
#include <arpa/inet.h>
#include <stdio.h>

#include "agent/measure/ip16.h"

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
