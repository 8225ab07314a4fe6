/* advice.h — what the figures mean and what helps, in sentences. Pure.
 *
 *   HEAD001 warning/critical  a path runs out of ephemeral ports
 *   HEAD002 info              half of a path's ports are used: connect() becomes slow
 *   HEAD003 info              tcp_tw_reuse cannot help a full path, and why (timestamps off; 2 is for loopback only)
 *   PORT001 info              both ends of the range have the same parity
 *   PORT007 warning           reserved ports take more than a quarter of the range
 *   BIND001 warning           ports taken by bind() are lost to every destination
 *   TW006   warning           tcp_max_tw_buckets is half full, or full
 *   TW010   info              most TIME_WAIT sits on a service's port: harmless, uses up no port
 *   TW012   warning/critical  at this pace TIME_WAIT will fill tcp_max_tw_buckets
 *   CW001   warning           many CLOSE_WAIT: a program here does not close its sockets
 *   FW001   info              many FIN_WAIT_2 minisockets: this is what tcp_fin_timeout is for
 *   SYN001  warning           many SYN_SENT: a peer does not answer
 *   CNT001  critical          TCPTimeWaitOverflow rises: connections end without TIME_WAIT
 *   CNT002  warning           ListenOverflows rises: an accept queue is full
 *   CNT003  warning           TCPReqQFullDrop or TCPReqQFullDoCookies rises: the SYN queue is full
 *   CNT004  critical          TCPAbortOnMemory rises: connections are reset for lack of memory
 *   CNT005  warning           RcvPruned rises: received data is thrown away
 *   CNT006  warning           softnet drops packets
 *
 * TW012 and CNT00x need two looks at the counters.
 *
 * Rule ids are stable; the sentences are not.
 */
#ifndef KEDGE_MEASURE_ADVICE_H
#define KEDGE_MEASURE_ADVICE_H

#include <stddef.h>

#include "agent/measure/census.h"
#include "agent/measure/counters.h"
#include "agent/measure/headroom.h"
#include "agent/measure/ports.h"
#include "agent/measure/sockstat.h"

enum advice_level { ADVICE_INFO, ADVICE_WARNING, ADVICE_CRITICAL };

struct advice {
	const char *rule; /* static */
	enum advice_level level;
	char what[320];
	char todo[256];
};

struct advice_input {
	const struct ports *ports;
	const struct census_counts *counts;
	const struct sockstat *sockstat; /* NULL: unknown */
	const struct census_path *paths; /* most used first */
	const struct headroom *headroom; /* one for each path */
	size_t n_paths;
	const struct census_service *services; /* most TIME_WAIT first */
	size_t n_services;
	const struct counters_change *change; /* NULL: unknown */
};

#define ADVICE_MAX 20
/* At most ADVICE_MAX findings into RET, worst first. Returns how many. */
size_t advice_give(const struct advice_input *in, struct advice ret[ADVICE_MAX]);
/* "info", "warning", "critical". */
const char *advice_level_name(enum advice_level level);

#endif
