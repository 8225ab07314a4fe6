/* ip16.h — one form for IPv4 and IPv6 addresses.
 *
 * Sixteen bytes; an IPv4 address is ::ffff:a.b.c.d, because a connection of an AF_INET6 program to a mapped address
 * shares its ports with the AF_INET ones: to the port model they are one destination.
 */
#ifndef KEDGE_MEASURE_IP16_H
#define KEDGE_MEASURE_IP16_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct ip16 {
	uint64_t w[2]; /* the 16 bytes in network order */
};

/* From the 4 bytes that the kernel gives, in network order. Inline: it runs for every socket. */
static inline struct ip16 ip16_v4(const void *bytes4)
{
	unsigned char b[16] = { [10] = 0xff, [11] = 0xff };
	struct ip16 a;
	memcpy(b + 12, bytes4, 4);
	memcpy(a.w, b, sizeof b);
	return a;
}

/* From 16 bytes. */
static inline struct ip16 ip16_v6(const void *bytes16)
{
	struct ip16 a;
	memcpy(a.w, bytes16, sizeof a.w);
	return a;
}

static inline bool ip16_equal(const struct ip16 *a, const struct ip16 *b)
{
	return a->w[0] == b->w[0] && a->w[1] == b->w[1];
}

/* Is it ::ffff:a.b.c.d? Inline: it runs for every IPv6 socket. */
static inline bool ip16_is_v4(const struct ip16 *a)
{
	static const unsigned char prefix[4] = { 0, 0, 0xff, 0xff };
	return a->w[0] == 0 && memcmp(&a->w[1], prefix, sizeof prefix) == 0;
}
/* 127.0.0.0/8 or ::1. */
bool ip16_is_loopback(const struct ip16 *a);

#define IP16_TEXT_ROOM     46
#define IP16_ENDPOINT_ROOM 56
/* "10.0.0.5" or "2001:db8::1" into TEXT. Returns TEXT. */
char *ip16_text(const struct ip16 *a, char text[IP16_TEXT_ROOM]);
/* "10.0.0.5:3306" or "[2001:db8::1]:3306" into TEXT. Returns TEXT. */
char *ip16_endpoint(const struct ip16 *a, uint16_t port, char text[IP16_ENDPOINT_ROOM]);
/* "10.0.0.5", "10.0.0.5:3306", "2001:db8::1", "[2001:db8::1]:3306": *RET_PORT is 0 where none stands. KE_SYNTAX. */
int ip16_parse(const char *text, struct ip16 *ret, uint16_t *ret_port);

#endif
