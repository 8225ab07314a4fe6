/* sockstat.h — the totals of /proc/net/sockstat and sockstat6, which cost nothing whatever the number of sockets. */
#ifndef KEDGE_MEASURE_SOCKSTAT_H
#define KEDGE_MEASURE_SOCKSTAT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

/* -1: the kernel does not tell. */
struct sockstat {
	int64_t sockets_used; /* of all families, this namespace */
	int64_t tcp_inuse;    /* IPv4, this namespace, minisockets excluded */
	int64_t tcp6_inuse;
	int64_t tcp_tw; /* minisockets of both families, this namespace: TIME_WAIT and ownerless FIN_WAIT_2 */
	int64_t tcp_orphan; /* whole host */
	int64_t tcp_alloc;  /* whole host */
	int64_t tcp_mem;    /* pages, whole host */
};

/* All -1. */
void sockstat_init(struct sockstat *s);
/* Take what the text of sockstat or sockstat6 holds; what it does not name keeps its value. KE_SYNTAX. */
int sockstat_parse(const char *text, size_t len, struct sockstat *s, struct fault *f);
/* Read both files of the directory NETDIR ("/proc/net"); sockstat6 may be missing. */
int sockstat_read(const char *netdir, struct sockstat *ret, struct fault *f);

#endif
