/* netns.h — the network namespaces of this host: found, and entered.
 *
 * A namespace is its inode. Those with a name lie as files in /run/netns (iproute2) or /run/docker/netns; the others are
 * found through the processes that live in them, containers among them. Root sees all, others only their own processes'.
 */
#ifndef KEDGE_MEASURE_NETNS_H
#define KEDGE_MEASURE_NETNS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/err.h"

#define NETNS_NAME_ROOM 320
#define NETNS_MAX       1024 /* the rest is not listed */

struct netns {
	uint64_t inode;
	char name[NETNS_NAME_ROOM]; /* "self"; a file's name; or "pid:4711" of a process that lives there */
	char path[NETNS_NAME_ROOM]; /* of a file that setns() takes */
	char comm[17];              /* of that process; "" when the name is a file's */
};

struct netns_list {
	struct netns *rows; /* owned */
	size_t n;
};

/* All that can be seen: the calling process's own first, then those with a name in the order of DIRS' files, then those of
 * processes below PROC ("/proc") by their smallest pid. Each inode once. DIRS ends with NULL; directories that are not there
 * are passed over. netns_list_clear() it. KE_NOMEM, KE_IO (no PROC). */
int netns_list_read(const char *proc, const char *const *dirs, struct netns_list *ret, struct fault *f);
void netns_list_clear(struct netns_list *l);
/* Where names lie. */
extern const char *const netns_dirs[];

/* NAME is a file's name in DIRS, "self", "pid:N", or a path. KE_NOENT, KE_NAME. */
int netns_find(const char *name, const char *const *dirs, struct netns *ret, struct fault *f);
/* Move this process, which has one thread, there: sockets that it opens from now on, /proc/net and /proc/sys/net are that
 * namespace's. KE_ACCES (root may), KE_NOENT (it is gone), KE_SYSTEM. */
int netns_enter(const struct netns *ns, struct fault *f);

#endif
