/* ports.h — what the kernel was told about ephemeral ports, read from a sysctl tree.
 *
 * ROOT is the tree's directory ("/proc/sys"), so that any directory can stand in for it.
 */
#ifndef KEDGE_MEASURE_PORTS_H
#define KEDGE_MEASURE_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

#define PORT_SET_WORDS 1024

/* A set of port numbers. */
struct port_set {
	uint64_t w[PORT_SET_WORDS];
};

void port_set_add(struct port_set *s, uint16_t port);
/* Inline: it runs for every socket. */
static inline bool port_set_has(const struct port_set *s, uint16_t port)
{
	return s->w[port / 64] >> port % 64 & 1;
}

/* Members between LOW and HIGH, both included. */
uint32_t port_set_count(const struct port_set *s, uint16_t low, uint16_t high);
/* Members of A that are not in B, between LOW and HIGH. */
uint32_t port_set_count_without(
        const struct port_set *a, const struct port_set *b, uint16_t low, uint16_t high);

struct ports {
	uint16_t low, high;       /* net.ipv4.ip_local_port_range, both included */
	struct port_set reserved; /* net.ipv4.ip_local_reserved_ports */
	int tw_reuse;             /* net.ipv4.tcp_tw_reuse: 0, 1, 2; -1 unreadable */
	int tw_reuse_delay_ms;    /* net.ipv4.tcp_tw_reuse_delay; -1 on kernels before 6.14 */
	int timestamps;           /* net.ipv4.tcp_timestamps: 0, 1, 2; -1 unreadable */
	int64_t max_tw_buckets;   /* net.ipv4.tcp_max_tw_buckets; -1 unreadable */
};

/* Read them all. The range must be there (else KE_NOENT, KE_IO, KE_ACCES, KE_SYNTAX); the others may be missing. */
int ports_read(const char *root, struct ports *ret, struct fault *f);
/* "LOW<blanks>HIGH", as the kernel prints the range: 1..65535, LOW <= HIGH. */
int ports_parse_range(const char *text, size_t len, uint16_t *ret_low, uint16_t *ret_high);
/* "8080,9000-9010" or nothing, as the kernel prints port lists. */
int ports_parse_list(const char *text, size_t len, struct port_set *ret);
/* Age in milliseconds from which a TIME_WAIT entry may be taken over: tcp_tw_reuse_delay, or 1000 before 6.14. */
uint32_t ports_reuse_delay_ms(const struct ports *p);

#endif
