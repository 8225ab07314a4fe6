/* census.h — many sockets in, a few aggregates out.
 *
 * Memory does not depend on the number of sockets: exact counts by state and by local port, and bounded tables
 * (topk.h) of paths (source address, destination address, destination port) and of destinations.
 *
 * A socket is *outgoing* when its local port lies in the ephemeral range, is not reserved, and nobody listens on it;
 * any other belongs to the *service* on its local port. The kernel shows listeners first, so one pass is enough.
 */
#ifndef KEDGE_MEASURE_CENSUS_H
#define KEDGE_MEASURE_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/measure/ip16.h"
#include "agent/measure/ports.h"
#include "agent/measure/sockdiag.h"

enum census_family {
	CENSUS_IPV4,
	CENSUS_IPV6,
	CENSUS_MAPPED, /* AF_INET6 sockets that speak IPv4 (::ffff:a.b.c.d) */
	CENSUS_FAMILIES
};

/* TIME_WAIT lasts 60 s (a constant of the kernel); ages are told in twelve classes of 5 s. */
#define CENSUS_TIME_WAIT_MS 60000U
#define CENSUS_AGE_CLASSES  12
#define CENSUS_AGE_CLASS_MS 5000U
/* Rates come from the entries that entered TIME_WAIT in the last, and will leave it in the next, so many ms. */
#define CENSUS_RATE_WINDOW_MS 10000U

struct census_counts {
	uint64_t sockets;                            /* all that were seen */
	uint64_t state[CENSUS_FAMILIES][TCP_STATES]; /* by family and state; as netstat counts them */
	uint64_t fin_wait2_mini;                     /* part of FIN_WAIT2: minisockets without an owner */
	uint64_t outgoing_time_wait;                 /* part of TIME_WAIT: uses up an ephemeral port */
	uint64_t service_time_wait; /* part of TIME_WAIT: on a service's own port, costs no port */
	uint64_t time_wait_age[CENSUS_AGE_CLASSES]; /* [0]: younger than 5 s */
	uint64_t bound_sockets;      /* in the range, on ports of setup.bound: they use up no port more */
	uint32_t listening_ports;    /* different ports */
	uint32_t listening_in_range; /* of these in the range, not reserved */
	uint32_t
	        bound_in_range; /* ports of setup.bound in the range, neither reserved nor listening; after the walk */
};

/* (source address, destination address, destination port): what a free ephemeral port is needed for. */
struct census_path {
	struct ip16 src, dst;
	uint16_t dst_port;
	uint32_t used;  /* local ports in use; an upper bound */
	uint32_t error; /* used - error is a lower bound; the figures below are lower bounds too when not 0 */
	uint32_t time_wait; /* of these in TIME_WAIT */
	uint32_t aged;      /* TIME_WAIT, and old enough to be taken over if tcp_tw_reuse allows */
	uint32_t fin_wait2; /* ownerless FIN_WAIT_2 minisockets */
	uint32_t live;      /* neither of these: a process or the peer still works on it */
	uint32_t entered;   /* TIME_WAIT entries younger than CENSUS_RATE_WINDOW_MS */
	uint32_t leaving;   /* TIME_WAIT entries that end within CENSUS_RATE_WINDOW_MS */
};

struct census_destination {
	struct ip16 addr;
	uint16_t port;
	uint64_t time_wait; /* upper bound */
	uint64_t error;
};

struct census_service {
	uint16_t port;
	bool listening;
	uint32_t time_wait, live; /* live: connections in any other state but LISTEN */
};

/* Sockets that belong to a process, by its user and its cgroup. */
struct census_owner {
	uint32_t uid;
	uint64_t cgroup;    /* id of a cgroup2 directory; 0: not told */
	uint64_t sockets;   /* upper bound, listeners included */
	uint64_t error;     /* sockets - error is a lower bound */
	uint64_t listening; /* of these; a lower bound when error is not 0 */
};

struct census_setup {
	uint16_t low, high;              /* ephemeral range */
	const struct port_set *reserved; /* used until census_free() */
	const struct port_set *bound;    /* ports that were taken by bind(); the same; NULL: not known */
	uint32_t reuse_delay_ms;         /* from which age TIME_WAIT counts as `aged` */
	uint64_t hash_key[2];            /* random */
	size_t table;                    /* paths and destinations kept; 0: 8192 */
};

/* No list of paths or destinations is longer. */
#define CENSUS_LARGEST 64U

struct census;

/* KE_NOMEM, KE_RANGE. */
int census_new(const struct census_setup *setup, struct census **ret);
void census_free(struct census *c);
/* A sockdiag_each whose context is the census; always 0. */
int census_add(const struct sockdiag_socket *s, void *census);
/* The walk is over: count what can be counted only then. */
void census_end(struct census *c);

const struct census_counts *census_counts(const struct census *c);
/* Sum over the families. */
uint64_t census_state(const struct census_counts *c, enum tcp_state state);
/* The (at most MAX) most used paths, most used first. *RET_EXACT: no path is missing and no count is a bound. */
size_t census_paths(const struct census *c, struct census_path *ret, size_t max, bool *ret_exact);
/* The destinations with most TIME_WAIT entries, largest first. KE_NOMEM, otherwise 0 and the number in *RET_N. */
int census_destinations(const struct census *c, struct census_destination *ret, size_t max, size_t *ret_n);
/* The services with most TIME_WAIT entries, then most connections, largest first. */
size_t census_services(const struct census *c, struct census_service *ret, size_t max);

/* The owners with most sockets, largest first. */
size_t census_owners(const struct census *c, struct census_owner *ret, size_t max);

/* "TIME_WAIT", the word that netstat prints; "?" for numbers that are no state. */
const char *tcp_state_name(unsigned state);

#endif
