/* sandbox.h — how keeper and courier give up what they do not need, and prove it (docs/confinement.md).
 *
 * Two steps. The supervisor's child calls sandbox_become() before it executes the program: user, group, capabilities.
 * The program opens what needs a path or a socket, then calls sandbox_lock() once, before it makes a thread and before
 * it reads a byte that came from elsewhere. What the kernel lacks is told (report.missing), not hidden.
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
#define SANDBOX_LANDLOCK_PORTS                                                                               \
	4 /* the ABI that knows TCP ports, which the courier's confinement is made of */
#define SANDBOX_EXIT_UNCONFINED                                                                              \
	8 /* exit status of a program that refuses to run with less than it was told to */

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
	const uint16_t
	        *ports; /* TCP ports that may be connected to, where the kernel can tell; others may not */
	size_t n_ports;
	uid_t uid; /* what this process has to be; something else is missing confinement */
	uint64_t caps;
	const char *
	        foreign; /* a directory of another user, which the self-test must not be able to open; may be NULL */
	/* Refuse (KE_UNSUPPORTED) instead of going on with less than full confinement: --require-sandbox, and the `full`
	 * profile, whose keeper has uid 0. */
	bool strict;
};

/* What is really in force, asked from the kernel afterwards. */
struct sandbox_report {
	pid_t pid;
	uid_t uid;
	uint64_t caps;    /* effective capabilities */
	int no_new_privs; /* 1 */
	int seccomp;      /* 2: filter; 0: none */
	bool refuses;     /* forbidden calls do not happen; false: no filter, or $KEDGE_SECCOMP=log */
	int landlock;     /* ABI that was used; 0: none */
	char missing
	        [192]; /* "Landlock ABI 3 (here: none), seccomp": what full confinement lacks; "": nothing */
	char selftest[224]; /* "core_pattern EACCES, ...; 19 calls refused, execve SIGSYS" */
};

/* Become UID and GID (no other groups) with exactly the capabilities KEEP (SANDBOX_CAP() bits) in the permitted,
 * effective, inheritable and ambient sets, and nothing beyond KEEP in the bounding set, so that an execve() keeps KEEP and
 * gains nothing; sets no_new_privs. Needs uid 0. With UID 0 only groups and capabilities change. For a fresh child: on
 * failure it must exit. KE_ACCES, KE_SYSTEM. */
int sandbox_become(uid_t uid, gid_t gid, uint64_t keep, struct fault *f);

/* What ROLE's full confinement would lack here, as in report.missing, into TEXT ("": nothing), and how many bytes that took:
 * asks the kernel and $KEDGE_SECCOMP, changes nothing. For the supervisor, before it starts anything. */
size_t sandbox_lacks(enum sandbox_role role, char *text, size_t size);

/* Lock the door: no core files, no_new_privs, not dumpable, Landlock (the rules' paths and ports and nothing else), seccomp
 * (the role's list), self-test. $KEDGE_SECCOMP = kill (the default), errno or log says what meets a forbidden call; log is
 * no confinement and makes it partial. The O_PATH descriptors of the paths stay open on purpose: below /proc/sys a rule
 * dies when the kernel reclaims the dentry it was made for. Fails with KE_UNSUPPORTED (strict), KE_FORBIDDEN (a
 * self-test did what must not be possible), KE_SYSTEM. After a failure exit: half of it may be in force. */
int sandbox_lock(const struct sandbox_rules *rules, struct sandbox_report *ret, struct fault *f);

/* Try what must fail, without changing anything: open for writing kernel.core_pattern, /etc/shadow and, under Landlock
 * (IS->landlock), /dev/null, which everybody may; open RULES->foreign; as the keeper make an inet socket, as the
 * courier connect to a port that is not among the rules'. "core_pattern EACCES, ..." into TEXT. KE_FORBIDDEN when one
 * succeeds. */
int sandbox_selftest(const struct sandbox_rules *rules, const struct sandbox_report *is, char *text,
        size_t size, struct fault *f);

#endif
