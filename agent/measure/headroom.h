/* headroom.h — how far a path is from the moment when connect() fails with EADDRNOTAVAIL.
 *
 * Pure arithmetic. No kernel counter moves when ports run out, so this is the only warning there is.
 *
 *   capacity     range - reserved - ports that somebody listens on or took by bind()
 *   free         capacity - used + TIME_WAIT entries that tcp_tw_reuse lets connect() take over
 *   utilisation  1 - free / capacity
 */
#ifndef KEDGE_MEASURE_HEADROOM_H
#define KEDGE_MEASURE_HEADROOM_H

#include <stdbool.h>
#include <stdint.h>

enum headroom_grade {
	HEADROOM_OK, /* below 50 % */
	HEADROOM_SLOW, /* from 50 %: ports of the preferred parity are gone, each connect() scans half the range first */
	HEADROOM_TIGHT,   /* from 80 % */
	HEADROOM_CRITICAL /* from 95 %, or exhausted in less than 60 s */
};

struct headroom_input {
	uint16_t low, high; /* ephemeral range */
	uint32_t reserved;  /* reserved ports inside the range */
	uint32_t bound;     /* listening and bound ports inside the range that are not reserved */
	uint32_t used;      /* ports of the path in any state */
	uint32_t live;      /* of these neither TIME_WAIT nor FIN_WAIT_2 minisockets */
	uint32_t aged;      /* TIME_WAIT entries older than the reuse delay */
	int tw_reuse;       /* 0, 1, 2; -1 unknown (taken as 0) */
	int timestamps;     /* tcp_timestamps; 0: nothing can be reused */
	bool loopback;      /* one of the path's addresses is a loopback address */
	uint32_t reuse_delay_ms;
	bool growth_known;
	int64_t growth_milli; /* change of `used`, in thousandths of a port per second */
};

struct headroom {
	uint32_t capacity;
	uint32_t used;
	uint32_t reusable; /* of the used ones */
	uint32_t free;     /* reusable ones included */
	uint32_t permille; /* utilisation; 1000 when the capacity is 0 */
	uint32_t
	        sustainable; /* closes a second that the path can bear for ever under the tcp_tw_reuse in force */
	uint32_t sustainable_without_reuse;
	int64_t exhausted_in_s; /* at the present growth; -1: not growing, or growth unknown */
	enum headroom_grade grade;
};

void headroom_compute(const struct headroom_input *in, struct headroom *ret);
/* Does tcp_tw_reuse let connect() take over TIME_WAIT entries of such a path? */
bool headroom_reuse_applies(const struct headroom_input *in);
/* Change between two observations of `used`, DT_MS apart (> 0), in thousandths of a port per second. */
int64_t headroom_growth_milli(uint32_t before, uint32_t after, int64_t dt_ms);
/* "ok", "slow", "tight", "critical". */
const char *headroom_grade_name(enum headroom_grade grade);

#endif
