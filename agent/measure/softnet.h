/* softnet.h — the per-CPU packet queues of /proc/net/softnet_stat, as sums over the CPUs. Of the whole host, whatever
 * the namespace. */
#ifndef KEDGE_MEASURE_SOFTNET_H
#define KEDGE_MEASURE_SOFTNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

/* The kernel's numbers have 32 bits and wrap; so do these sums. */
struct softnet {
	uint32_t processed, dropped, squeezed;
	uint32_t cpus; /* lines; 0: nothing was read */
};

/* Eight hex digits a column, at least three columns, one line a CPU. KE_SYNTAX. */
int softnet_parse(const char *text, size_t len, struct softnet *ret, struct fault *f);
/* Read the file of the directory NETDIR ("/proc/net"). */
int softnet_read(const char *netdir, struct softnet *ret, struct fault *f);
/* The change from BEFORE to AFTER, right for less than 2^32 of each in between; its `cpus` are AFTER's. false: CPUs came
 * or went (or nothing was read), and no difference means anything. */
bool softnet_diff(const struct softnet *before, const struct softnet *after, struct softnet *ret);

#endif
