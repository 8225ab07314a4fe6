/* sockets_report.h — one measurement of the sockets of this namespace: taken, as JSON, as text, as metrics.
 *
 * sockets_measure() does the work for `kedge-agent sockets` and for the keeper's records; the struct holds no
 * pointers into anything else and nothing to free.
 */
#ifndef KEDGE_MEASURE_SOCKETS_REPORT_H
#define KEDGE_MEASURE_SOCKETS_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/measure/advice.h"
#include "agent/measure/census.h"
#include "agent/measure/counters.h"
#include "agent/measure/headroom.h"
#include "agent/measure/ports.h"
#include "agent/measure/sockdiag.h"
#include "agent/measure/sockstat.h"
#include "proto/buf.h"
#include "proto/clock.h"
#include "proto/err.h"
#include "proto/jsonw.h"

/* Rows of each table, unless sockets_options.top says otherwise. */
#define SOCKETS_DESTINATIONS 10
#define SOCKETS_SERVICES     10
#define SOCKETS_OWNERS       10
#define SOCKETS_PATHS        20
/* No table has more. */
#define SOCKETS_TOP_MAX CENSUS_LARGEST

/* Ports taken by bind() are looked for while there are no more sockets than this: it takes a second walk. */
#define SOCKETS_BOUND_MAX 20000

enum sockets_mode {
	SOCKETS_FULL,   /* every socket was looked at */
	SOCKETS_TOTALS, /* sockstat and counters alone: costs the same whatever the number of sockets */
};

/* One destination; port 0: all its ports. */
struct sockets_filter {
	struct ip16 addr;
	uint16_t port;
};

struct sockets_report {
	int64_t time;    /* seconds since 1970, at the start */
	int64_t boot_ms; /* the same moment, milliseconds since boot */
	int64_t took_ms; /* duration of the walk */
	int64_t cpu_us;  /* processor time of the whole measurement */
	enum sockets_mode mode;
	bool filtered; /* only sockets to `only`, and listeners, were counted */
	struct sockets_filter only;
	struct census_counts counts;
	struct sockstat before, after; /* around the walk */
	int64_t discrepancy; /* minisockets: how far the walk lies outside [before, after]; -1 unknown */
	bool partial; /* stopped; or the table changed, or was missed, by more than 1 % (and 16 sockets) */
	bool stopped; /* the walk took too long and did not see all */
	struct ports ports;
	uint32_t reserved_in_range;
	bool bound_known; /* counts.bound_in_range means something */
	bool exact;       /* the tables below are complete and exact before the cut to the largest */
	bool all_paths;   /* paths[] was not cut */
	size_t n_destinations, n_services, n_paths, n_owners, n_advice;
	struct census_destination destinations[SOCKETS_TOP_MAX];
	struct census_service services[SOCKETS_TOP_MAX];
	struct census_path paths[SOCKETS_TOP_MAX];
	struct headroom headroom[SOCKETS_TOP_MAX]; /* of paths[] */
	struct census_owner owners[SOCKETS_TOP_MAX];
	struct advice advice[ADVICE_MAX];
	struct counters counters; /* when asked for; else not `known` */
	struct counters_change change;
};

struct sockets_options {
	struct sockdiag *diag;             /* open; or NULL: open one for this measurement */
	const char *sysctl_root;           /* NULL: "/proc/sys" */
	const char *netdir;                /* NULL: "/proc/net" */
	const struct clock *clock;         /* NULL: clock_system */
	uint64_t hash_key[2];              /* random */
	uint32_t timeout_ms;               /* 0: 10000 */
	bool may_stop;                     /* after timeout_ms tell what was seen, instead of failing */
	enum sockets_mode mode;            /* SOCKETS_FULL unless set */
	const struct sockets_filter *only; /* NULL: all sockets */
	size_t top;                        /* rows of each table, at most SOCKETS_TOP_MAX; 0: as above */
	bool counters;                     /* read the kernel's counters, too */
	const struct sockets_report
	        *previous;           /* a full measurement of this namespace and boot, for growth; or NULL */
	const struct counters *look; /* an earlier look, for rates; or NULL */
};

/* Measure. Errors of sockdiag_dump() and ports_read(); *RET is undefined then. Without sockstat files the report is
 * complete but for the cross-check. The struct is large (some 60 KiB): not for small stacks. */
int sockets_measure(const struct sockets_options *options, struct sockets_report *ret, struct fault *f);

/* The document of proto/schema/sockets.schema.json as one object (member NAME, or the root with NULL). Integers only.
 * CGROUPS, when not NULL, names the cgroups of owners[], one each; a name may be NULL. */
void sockets_report_json(
        const struct sockets_report *r, const char *const *cgroups, struct jsonw *w, const char *name);

struct sockets_style {
	bool bars;                  /* draw them */
	const char *const *cgroups; /* as above */
};
/* What `kedge-agent sockets` prints: "STATE COUNT" lines, the same counts as `netstat -an | awk '/^tcp/ {++S[$NF]}'`
 * gives, then TIME_WAIT by destination, services, owners, headroom, counters, advice. STYLE may be NULL: none of it. A filtered
 * report is told as one destination in full. */
void sockets_report_text(const struct sockets_report *r, const struct sockets_style *style, struct buf *out);

#endif
