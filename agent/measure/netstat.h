/* netstat.h — the TCP counters of /proc/net/netstat and /proc/net/snmp, their differences and rates.
 *
 * Counters are picked by name from a fixed list, since kernels differ in their columns. They belong to the network
 * namespace and start again at a reboot: a counter that fell, or a sample of another boot, is a reset and gives no rate.
 */
#ifndef KEDGE_MEASURE_NETSTAT_H
#define KEDGE_MEASURE_NETSTAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

/* What a rising counter means to a change of settings. */
enum netstat_gate { NETSTAT_INFO, NETSTAT_WARN, NETSTAT_HARD };

struct netstat_counter {
	const char *group; /* "TcpExt", "Tcp" */
	const char *name;  /* "TCPTimeWaitOverflow" */
	enum netstat_gate gate;
	bool gauge; /* a level, not a counter */
};

#define NETSTAT_ROOM 80
/* The list and its length (at most NETSTAT_ROOM). Positions are not stable between versions; names are. */
extern const struct netstat_counter netstat_counters[];
extern const size_t netstat_count;
/* Position of NAME, or -1. */
int netstat_index(const char *name);

struct netstat {
	uint64_t value[NETSTAT_ROOM];
	bool present[NETSTAT_ROOM];
};

/* Take the counters that the text of one file holds; others keep their value. KE_SYNTAX when header and value lines do
 * not match. */
int netstat_parse(const char *text, size_t len, struct netstat *s, struct fault *f);
/* Read both files of the directory NETDIR ("/proc/net"). */
int netstat_read(const char *netdir, struct netstat *ret, struct fault *f);

struct netstat_delta {
	bool reset;               /* at least one counter fell: no figure is meaningful */
	bool known[NETSTAT_ROOM]; /* present in both samples, and no gauge */
	uint64_t delta[NETSTAT_ROOM];
	uint64_t rate_milli[NETSTAT_ROOM]; /* thousandths a second; saturates */
};

/* The change from BEFORE to AFTER, taken DT_MS (> 0) apart. KE_RANGE. */
int netstat_diff(
        const struct netstat *before, const struct netstat *after, int64_t dt_ms, struct netstat_delta *ret);

#endif
