/* procsys.h — /proc/sys behind one pinned directory descriptor.
 *
 * Everything that reads or writes a key goes through here, and a key is a struct name, never a path somebody made. The
 * root is either the kernel's own /proc/sys, checked to be procfs and not mounted over, or (for tests) any directory.
 * Below it nothing is followed: no link, no mount, no "..". After procsys_open() the only system calls are
 * openat2 (openat, segment by segment, on kernels without it), pread, pwrite, fstatfs, getdents64 and close.
 */
#ifndef KEDGE_AGENT_ENGINE_PROCSYS_H
#define KEDGE_AGENT_ENGINE_PROCSYS_H

#include <stdbool.h>
#include <stddef.h>

#include "policies/name.h"
#include "proto/err.h"

#define PROCSYS_ROOT "/proc/sys"

enum procsys_kind {
	PROCSYS_KERNEL, /* must be a procfs, not mounted over */
	PROCSYS_DIRECTORY, /* any directory; a file without the owner's write bit counts as read-only, as in procfs */
};

struct procsys;

/* Open ROOT. KE_UNSUPPORTED when KIND is PROCSYS_KERNEL and ROOT is not the top of a procfs's sys directory;
 * KE_NOENT, KE_ACCES, KE_NOMEM. procsys_close() it. */
int procsys_open(const char *root, enum procsys_kind kind, struct procsys **ret, struct fault *f);
void procsys_close(struct procsys *ps);

/* An open key. Small, on the caller's stack; procsys_key_close() it. */
struct procsys_key {
	struct procsys *ps;
	int fd;
};

enum procsys_access { PROCSYS_READ, PROCSYS_WRITE };

/* Open the key N; PROCSYS_WRITE can also read. Opening changes nothing. Returns 0 or a positive errno value: what the
 * kernel said is what the outcome tells. EXDEV: something is mounted over it; EISDIR: a directory; EROFS: the mount
 * is read-only. */
int procsys_key_open(
        struct procsys *ps, const struct name *n, enum procsys_access access, struct procsys_key *ret);
void procsys_key_close(struct procsys_key *k);
/* The whole value in one read, as the kernel printed it, without the trailing newline: *RET is NUL-terminated, belongs
 * to the struct procsys and is valid until its next read. Returns 0 or a positive errno value (EFBIG: over 128 KiB). */
int procsys_key_read(struct procsys_key *k, const char **ret, size_t *ret_len);
/* Replace the value by LEN bytes of TEXT (no newline at the end) with one pwrite. A list longer than one page goes in
 * pieces that end before a comma, on this descriptor, as the kernel wants it. Returns 0 or a positive errno value;
 * EMSGSIZE when the kernel took only a part. After any error the key may hold anything: read it. */
int procsys_key_write(struct procsys_key *k, const char *text, size_t len);

/* Open, read, close. */
int procsys_read(struct procsys *ps, const struct name *n, const char **ret, size_t *ret_len);
/* May this process write N? 0, or a positive errno value. Writes nothing. */
int procsys_writable(struct procsys *ps, const struct name *n);
/* Does the directory named by the first SEGMENTS segments of N exist? */
bool procsys_has_dir(struct procsys *ps, const struct name *n, unsigned segments);
/* Call EACH for every key that matches PATTERN, directory by directory in byte order; a name without wildcards is its own only
 * match, if present. A "*" below conf/ and neigh/ means interfaces: it matches neither "all" nor "default", which must
 * be named. EACH returns 0 to go on, anything else ends the walk and is returned. KE_NOMEM, KE_SYSTEM, KE_TOOBIG (over
 * 65536 matches). */
int procsys_each(struct procsys *ps, const struct name *pattern, int (*each)(void *ctx, const struct name *n),
        void *ctx);
/* The same, but "*" matches "all" and "default" too: what a coupled write may have touched. */
int procsys_each_coupled(struct procsys *ps, const struct name *pattern,
        int (*each)(void *ctx, const struct name *n), void *ctx);

#endif
