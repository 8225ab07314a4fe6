/* seal.h — bytes that cannot change any more, passed as a descriptor.
 *
 * A sealed memfd has all four seals (write, grow, shrink, seal) set by its maker. Its receiver trusts none of that: it
 * asks for the seals, looks at the size, and copies the bytes once into memory of its own; only that copy is used.
 */
#ifndef KEDGE_AGENT_IPC_SEAL_H
#define KEDGE_AGENT_IPC_SEAL_H

#include <stddef.h>

#include "proto/err.h"

/* A new sealed descriptor (close-on-exec) that holds LEN bytes. NAME is for /proc only. */
int seal_make(const char *name, const void *data, size_t len, int *ret_fd, struct fault *f);
/* Copy the bytes of FD, which must be a fully sealed memfd of at most MAX bytes. *RET is allocated (free()) and
 * followed by a NUL. FD stays open. Errors: KE_PROTO (not sealed, not a memfd), KE_TOOBIG, KE_NOMEM, KE_IO. */
int seal_copy(int fd, size_t max, char **ret, size_t *ret_len, struct fault *f);

#endif
