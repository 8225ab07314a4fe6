/* sockets_report.h — one measurement of the sockets of this namespace: taken, as JSON, as text.
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
#include "agent/measure/headroom.h"
#include "agent/measure/ports.h"
#include "agent/measure/sockdiag.h"
#include "agent/measure/sockstat.h"
#include "proto/buf.h"
#include "proto/clock.h"
#include "proto/err.h"
#include "proto/jsonw.h"

#define SOCKETS_DESTINATIONS 10
#define SOCKETS_SERVICES     10
#define SOCKETS_PATHS        20

struct sockets_report {
	int64_t time;    /* seconds since 1970, at the start */
	int64_t boot_ms; /* the same moment, milliseconds since boot */
	int64_t took_ms; /* duration of the walk */
	struct census_counts counts;
	struct sockstat before, after; /* around the walk */
	int64_t discrepancy; /* minisockets: how far the walk lies outside [before, after]; -1 unknown */
	bool partial;        /* the table changed, or was missed, by more than 1 % (and 16 sockets) */
	struct ports ports;
	uint32_t reserved_in_range;
	bool exact; /* the tables below are complete and exact before the cut to the largest */
	size_t n_destinations, n_services, n_paths, n_advice;
	struct census_destination destinations[SOCKETS_DESTINATIONS];
	struct census_service services[SOCKETS_SERVICES];
	struct census_path paths[SOCKETS_PATHS];
	struct headroom headroom[SOCKETS_PATHS]; /* of paths[] */
	struct advice advice[ADVICE_MAX];
};

struct sockets_options {
	struct sockdiag *diag;                 /* open; or NULL: open one for this measurement */
	const char *sysctl_root;               /* NULL: "/proc/sys" */
	const char *netdir;                    /* NULL: "/proc/net" */
	const struct clock *clock;             /* NULL: clock_system */
	uint64_t hash_key[2];                  /* random */
	uint32_t timeout_ms;                   /* 0: 10000 */
	const struct sockets_report *previous; /* an earlier measurement of this boot, for growth; or NULL */
};

/* Measure. Errors of sockdiag_dump() and ports_read(); *RET is undefined then. Without sockstat files the report is
 * complete but for the cross-check. The struct is large (some 40 KiB): not for small stacks. */
int sockets_measure(const struct sockets_options *options, struct sockets_report *ret, struct fault *f);

/* The document of proto/schema/sockets.schema.json as one object (member NAME, or the root with NULL). Integers only. */
void sockets_report_json(const struct sockets_report *r, struct jsonw *w, const char *name);
/* What `kedge-agent sockets` prints: "STATE COUNT" lines, the same counts as `netstat -an | awk '/^tcp/ {++S[$NF]}'`
 * gives, then TIME_WAIT by destination, services, headroom, advice. */
void sockets_report_text(const struct sockets_report *r, struct buf *out);

#endif
