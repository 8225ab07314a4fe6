/* sockets_metrics.h — measurements as metrics for Prometheus.
 *
 * State names and labels are node_exporter's (its tcpstat, sockstat, netstat and softnet collectors) under a prefix of
 * our own. All samples of a family stand together, over all namespaces, as both formats want it.
 */
#ifndef KEDGE_MEASURE_SOCKETS_METRICS_H
#define KEDGE_MEASURE_SOCKETS_METRICS_H

#include <stddef.h>

#include "agent/measure/sockets_report.h"
#include "proto/buf.h"

enum metrics_format {
	METRICS_OPENMETRICS, /* application/openmetrics-text 1.0.0: "# UNIT", "# EOF" */
	METRICS_TEXT,        /* text format 0.0.4, what node_exporter's textfile collector reads */
};

struct metrics_subject {
	const struct sockets_report *report;
	const char *netns; /* value of the label; NULL: no such label. All subjects have it, or none */
	const char *const *cgroups; /* names of the report's owners[], or NULL */
};

/* Everything that the N reports hold. Counters are totals since the namespace was made, so they appear in reports that read
 * them (sockets_options.counters). */
void sockets_metrics(
        const struct metrics_subject *subjects, size_t n, enum metrics_format format, struct buf *out);

#endif
