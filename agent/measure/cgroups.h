/* cgroups.h — the path of a cgroup whose id is known. */
#ifndef KEDGE_MEASURE_CGROUPS_H
#define KEDGE_MEASURE_CGROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CGROUP_PATH_ROOM 1024

/* A descriptor of the cgroup2 file system, for cgroup_path(); -1: there is none. close() it. */
int cgroups_open(void);
/* The path of the cgroup ID below the file system FD, "/system.slice/nginx.service", into RET. false: it is gone, or this process
 * may not ask (CAP_DAC_READ_SEARCH). */
bool cgroup_path(int fd, uint64_t id, char ret[CGROUP_PATH_ROOM]);

#endif
