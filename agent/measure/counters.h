/* counters.h — what the kernel counted between two looks: netstat, snmp and softnet as differences and rates, sockstat's
 * levels as changes.
 *
 * A look remembers which network namespace it was made in. Two looks at different ones, a counter that fell, or a clock
 * that did not move give no rates: that is a reset, and the next pair of looks begins anew.
 */
#ifndef KEDGE_MEASURE_COUNTERS_H
#define KEDGE_MEASURE_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/measure/netstat.h"
#include "agent/measure/sockstat.h"
#include "agent/measure/softnet.h"
#include "proto/buf.h"
#include "proto/jsonw.h"

struct counters {
	int64_t boot_ms;
	uint64_t netns; /* inode of the namespace; 0: unknown */
	bool known;     /* netstat and snmp could be read */
	struct netstat netstat;
	struct softnet softnet;
	struct sockstat sockstat;
};

/* A gauge, known at both looks. */
struct counters_level {
	const char *name; /* static: "sockstat.TCP.tw" */
	int64_t now, before;
};
#define COUNTERS_LEVELS 8

struct counters_change {
	bool known;          /* there are figures */
	bool reset;          /* the namespace is another one, or a counter fell */
	int64_t interval_ms; /* between the looks; 0: there was only one */
	struct netstat_delta netstat;
	bool softnet_known;
	struct softnet softnet;
	size_t n_levels;
	struct counters_level levels[COUNTERS_LEVELS];
};

/* Look now. SOCKSTAT was read just before. What cannot be read is left unknown: measuring goes on without it. */
void counters_read(
        const char *netdir, int64_t boot_ms, const struct sockstat *sockstat, struct counters *ret);
/* From BEFORE (NULL: there is none) to AFTER. */
void counters_compare(
        const struct counters *before, const struct counters *after, struct counters_change *ret);
/* The difference of the counter NAME ("TCPTimeWaitOverflow"); 0 when nothing is known of it. RET_RATE_MILLI, when not NULL,
 * is set to thousandths a second. */
uint64_t counters_delta(const struct counters_change *c, const char *name, uint64_t *ret_rate_milli);

/* Member "counters" of the sockets document: null without two looks. Counters that did not move are left out. */
void counters_json(const struct counters_change *c, struct jsonw *w);
/* The same for people: a title and a line for each that moved; nothing without two looks. */
void counters_text(const struct counters_change *c, struct buf *out);
/* "info", "warn", "hard". */
const char *netstat_gate_name(enum netstat_gate gate);

#endif
