/* addrs.h — how many connections each address holds, so that one address cannot take them all. */
#ifndef KEDGE_HTTP_ADDRS_H
#define KEDGE_HTTP_ADDRS_H

#include <stdbool.h>
#include <sys/socket.h>

struct addrs;

/* What an address is counted under: IPv4 whole (also when mapped into IPv6), IPv6 by its first 64 bits. */
struct addr_key {
	unsigned char bytes[9];
};

void addr_key_of(const struct sockaddr *sa, struct addr_key *ret);

/* Limits of 0 do not limit. NULL: out of memory. */
struct addrs *addrs_new(unsigned max_conns, unsigned max_handshakes);
void addrs_free(struct addrs *a);
/* Count a new connection, which begins with a handshake. false: over a limit, or out of memory; not counted then. */
bool addrs_enter(struct addrs *a, const struct addr_key *key);
/* Its handshake is over. */
void addrs_handshaken(struct addrs *a, const struct addr_key *key);
/* The connection is over; HANDSHAKING: its handshake was not. */
void addrs_leave(struct addrs *a, const struct addr_key *key, bool handshaking);

#endif
