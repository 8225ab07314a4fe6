/* fanotify.h — who writes below /proc/sys, told by the kernel within 50 microseconds.
 *
 * Two halves. The supervisor (CAP_SYS_ADMIN) makes the group and marks directories; each mark is pinned by an O_PATH
 * descriptor of its directory, because an unpinned mark vanishes silently when the kernel reclaims the dentry. The keeper
 * inherits the group's descriptor and only reads; it needs no capability. The pins may stay with the supervisor.
 *
 * What comes is a hint: equal writes merge, other procfs instances and side effects are not seen, events get lost. Whoever
 * reads this polls as well, and at once when fanotify_source_read() says so. Only directories are marked, never the file
 * system: any local process could flood that by writing its own files in /proc.
 */
#ifndef KEDGE_WATCH_FANOTIFY_H
#define KEDGE_WATCH_FANOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "policies/name.h"
#include "proto/err.h"

#define FANOTIFY_MAX_DIRS 8192
#define FANOTIFY_BUDGET   200 /* events a second that are looked at */

/* ---- supervisor ---- */

struct fanotify_marks;

/* An empty group below ROOT ("/proc/sys", or "/proc" of a test's own mount + "/sys"). KE_UNSUPPORTED: the kernel or the
 * lack of CAP_SYS_ADMIN forbids it (report `attribution: unavailable`). fanotify_marks_close() it. */
int fanotify_marks_open(const char *root, struct fanotify_marks **ret, struct fault *f);
/* Mark directory DIR (path form below the root: "net/ipv4") and, when DEEP, every directory below it; directories that are
 * marked already stay. Call it again after interfaces came or went: conf/X is another directory then; pins of
 * directories that are gone are closed. KE_NOENT: no such directory. KE_TOOBIG: over FANOTIFY_MAX_DIRS. */
int fanotify_marks_add(struct fanotify_marks *m, const char *dir, bool deep, struct fault *f);
/* The group's descriptor (O_CLOEXEC, O_NONBLOCK), owned by M; dup() it for the keeper. */
int fanotify_marks_fd(const struct fanotify_marks *m);
/* The number of pinned directories. */
size_t fanotify_marks_count(const struct fanotify_marks *m);
void fanotify_marks_close(struct fanotify_marks *m);

/* ---- keeper ---- */

struct fanotify_event {
	struct name name; /* of the key; path "" when it is no key's path */
	pid_t pid;        /* as this pid namespace sees it; 0: outside */
	bool ours;        /* the file is the one that we see ourselves: our network namespace's value */
};

enum fanotify_news {
	FANOTIFY_POLL_NOW = 1, /* an event was lost or could not be read: nobody knows what changed */
	FANOTIFY_FLOODED = 2,  /* the budget of this second is used up: do not read before *RET_RESUME_MS */
	FANOTIFY_MORE = 4,     /* EVENTS was full: read again */
	FANOTIFY_DEAD = 8,     /* the descriptor is useless: stop watching it, keep polling */
};

/* The reading side's state; plain data, start with FANOTIFY_SOURCE(fd, root_fd). */
struct fanotify_source {
	int fd;            /* of the group, O_NONBLOCK; owned by the caller */
	int root_fd;       /* an open /proc/sys of this process; owned by the caller */
	int64_t second_ms; /* start of the second that `used` counts */
	unsigned used;
	bool flooded; /* the budget was used up in this or the last second */
};

#define FANOTIFY_SOURCE(FD, ROOT_FD)                                                                         \
	((struct fanotify_source){ .fd = (FD), .root_fd = (ROOT_FD), .second_ms = INT64_MIN })

/* Read at most ROOM events without waiting, into EVENTS; *RET_N were filled. NOW_MS: boot time. Returns a set of enum
 * fanotify_news (0: nothing special); never an error: whatever fails means "poll now". Events of the same key and pid
 * in one call are merged. System calls: read, readlinkat, fstat, newfstatat, close. */
unsigned fanotify_source_read(struct fanotify_source *s, int64_t now_ms, struct fanotify_event *events,
        size_t room, size_t *ret_n, int64_t *ret_resume_ms);

/* The key that TEXT, the kernel's path of an open file, means: "/proc/sys/net/..", or "/sys/net/.." as seen through
 * another mount. false: none. */
bool fanotify_path_name(const char *text, struct name *ret);

#endif
