/* cgroup2.h — where the unified hierarchy of control groups is mounted, and how much of it is seen. */
#ifndef KEDGE_AGENT_BPF_CGROUP2_H
#define KEDGE_AGENT_BPF_CGROUP2_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

struct cgroup2 {
	char path[PATH_MAX]; /* the directory to attach to */
	bool whole; /* it is the root of the machine's hierarchy; else other control groups stay unseen */
};

/* Choose a mount of type cgroup2 in TEXT, the LEN bytes of a mountinfo file; hybrid hierarchies have one beside those of
 * version 1. A mount of the root of our cgroup namespace is preferred, then the first of a part of it; what lies above
 * our namespace ("/..") is left alone. INITIAL: our cgroup namespace is the machine's. KE_NOENT: there is none. */
int cgroup2_choose(const char *text, size_t len, bool initial, struct cgroup2 *ret, struct fault *f);
/* The same from /proc/self. */
int cgroup2_find(struct cgroup2 *ret, struct fault *f);

#endif
