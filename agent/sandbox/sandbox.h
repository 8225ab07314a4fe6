/* sandbox.h — how keeper and courier give up what they do not need, and prove it.
 *
 * Two steps. The supervisor's child calls sandbox_become() before it executes the program: user, group, capabilities.
 * The program opens what needs a path or a socket, then calls sandbox_lock() once, before it makes a thread and before
 * it reads a byte that came from elsewhere. What the kernel lacks is told (report.partial), not hidden.
 */
#ifndef KEDGE_AGENT_SANDBOX_SANDBOX_H
#define KEDGE_AGENT_SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/err.h"

#define SANDBOX_MAX_PATHS     32
#define SANDBOX_CAP(cap)      (UINT64_C(1) << (cap))
#define SANDBOX_LANDLOCK_FULL 3 /* the ABI that also knows truncation: below it confinement is partial */

enum sandbox_role { SANDBOX_KEEPER, SANDBOX_COURIER };
enum sandbox_access { SANDBOX_READ, SANDBOX_READ_WRITE };

/* A file, or a directory with all that is below it. Paths that do not exist, or cannot be reached, when the door is locked are
 * left out: what appears there later cannot be reached either. To reach a file that others replace, name its directory. */
struct sandbox_path {
	const char *path;
	enum sandbox_access access;
};

struct sandbox_rules {
	enum sandbox_role role;
	const struct sandbox_path *paths;
	size_t n; /* at most SANDBOX_MAX_PATHS */
	/* Refuse (KE_UNSUPPORTED) instead of going on with less than Landlock ABI SANDBOX_LANDLOCK_FULL and seccomp: for the
	 * `full` profile, whose keeper has uid 0. */
	bool strict;
};

/* What is really in force, asked from the kernel afterwards. */
struct sandbox_report {
	pid_t pid;
	uid_t uid;
	char cap_eff[17];   /* effective capabilities, 16 hex digits */
	int no_new_privs;   /* 1 */
	int seccomp;        /* 2: filter; 0: none */
	int landlock;       /* ABI that was used; 0: none */
	bool partial;       /* something is missing */
	char selftest[128]; /* "core_pattern EACCES, socket EACCES" */
};

/* Become UID and GID (no other groups) with exactly the capabilities KEEP (SANDBOX_CAP() bits) in the permitted,
 * effective, inheritable and ambient sets, and nothing beyond KEEP in the bounding set, so that an execve() keeps KEEP and
 * gains nothing; sets no_new_privs. Needs uid 0. With UID 0 only groups and capabilities change. For a fresh child: on
 * failure it must exit. KE_ACCES, KE_SYSTEM. */
int sandbox_become(uid_t uid, gid_t gid, uint64_t keep, struct fault *f);

/* Lock the door: no core files, no_new_privs, not dumpable, Landlock (the rules' paths and nothing else), seccomp (the
 * role's list), self-test. $KEDGE_SECCOMP = kill (the default), errno or log says what meets a forbidden call; log is no
 * confinement and makes the report partial. The O_PATH descriptors of the paths stay open on purpose: below /proc/sys a
 * rule dies when the kernel reclaims the dentry it was made for. Fails with KE_UNSUPPORTED (strict), KE_FORBIDDEN (a
 * self-test did what must not be possible), KE_SYSTEM. After a failure exit: half of it may be in force. */
int sandbox_lock(const struct sandbox_rules *rules, struct sandbox_report *ret, struct fault *f);

/* Try what must fail, without changing anything: open /proc/sys/kernel/core_pattern for writing, and, as the keeper, make
 * an inet socket. "core_pattern EACCES, socket EACCES" into TEXT. KE_FORBIDDEN when one succeeds. */
int sandbox_selftest(enum sandbox_role role, char *text, size_t size, struct fault *f);

#endif
