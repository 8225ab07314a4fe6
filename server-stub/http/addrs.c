/* addrs.c — a hash table of counts, shared by the loops under one lock.
 *
 * It is touched twice or three times in a connection's life, next to a handshake that costs a thousand times as much.
 * The number of buckets is fixed; entries exist only while their address holds a connection. Called by listener.c and
 * conn.c.
 */
#include "server-stub/http/addrs.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096

struct entry {
	struct entry *next;
	struct addr_key key;
	unsigned conns;
	unsigned handshakes;
};

struct addrs {
	pthread_mutex_t lock;
	unsigned max_conns;
	unsigned max_handshakes;
	struct entry *buckets[BUCKETS];
};

void addr_key_of(const struct sockaddr *sa, struct addr_key *ret)
{
	const struct sockaddr_in *in = (const void *)sa;
	const struct sockaddr_in6 *in6 = (const void *)sa;

	memset(ret, 0, sizeof *ret);
	if (sa->sa_family == AF_INET) {
		ret->bytes[0] = 4;
		memcpy(ret->bytes + 1, &in->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		ret->bytes[0] = 4;
		memcpy(ret->bytes + 1, in6->sin6_addr.s6_addr + 12, 4);
	} else if (sa->sa_family == AF_INET6) {
		ret->bytes[0] = 6;
		memcpy(ret->bytes + 1, in6->sin6_addr.s6_addr, 8);
	}
}

struct addrs *addrs_new(unsigned max_conns, unsigned max_handshakes)
{
	struct addrs *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	pthread_mutex_init(&a->lock, NULL);
	a->max_conns = max_conns ? max_conns : UINT32_MAX;
	a->max_handshakes = max_handshakes ? max_handshakes : UINT32_MAX;
	return a;
}

void addrs_free(struct addrs *a)
{
	if (!a)
		return;
	for (unsigned i = 0; i < BUCKETS; i++) {
		while (a->buckets[i]) {
			struct entry *e = a->buckets[i];
			a->buckets[i] = e->next;
			free(e);
		}
	}
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* Where the entry for KEY is linked in, or would be (FNV-1a; a crowded bucket only costs its own members). */
static struct entry **entry_find(struct addrs *a, const struct addr_key *key)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < sizeof key->bytes; i++)
		hash = (hash ^ key->bytes[i]) * 16777619u;
	struct entry **at = &a->buckets[(hash ^ hash >> 16) % BUCKETS];
	while (*at && memcmp((*at)->key.bytes, key->bytes, sizeof key->bytes) != 0)
		at = &(*at)->next;
	return at;
}

bool addrs_enter(struct addrs *a, const struct addr_key *key)
{
	bool ok = false;

	pthread_mutex_lock(&a->lock);
	struct entry **at = entry_find(a, key);
	if (!*at && (*at = calloc(1, sizeof **at)))
		(*at)->key = *key;
	struct entry *e = *at;
	if (e && e->conns < a->max_conns && e->handshakes < a->max_handshakes) {
		e->conns++;
		e->handshakes++;
		ok = true; /* a new entry always gets here: limits are at least 1 */
	}
	pthread_mutex_unlock(&a->lock);
	return ok;
}

void addrs_handshaken(struct addrs *a, const struct addr_key *key)
{
	pthread_mutex_lock(&a->lock);
	struct entry *e = *entry_find(a, key);
	if (e && e->handshakes)
		e->handshakes--;
	pthread_mutex_unlock(&a->lock);
}

void addrs_leave(struct addrs *a, const struct addr_key *key, bool handshaking)
{
	pthread_mutex_lock(&a->lock);
	struct entry **at = entry_find(a, key);
	struct entry *e = *at;
	if (e) {
		if (handshaking && e->handshakes)
			e->handshakes--;
		if (--e->conns == 0) {
			*at = e->next;
			free(e);
		}
	}
	pthread_mutex_unlock(&a->lock);
}
