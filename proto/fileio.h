/* fileio.h — bounded reads and atomic replacement.
 *
 * A file is read whole and never beyond a limit. It is written beside its name and renamed, so that a reader sees
 * the old bytes or the new ones; where it has to survive a power cut, file and directory are synced.
 */
#ifndef KEDGE_PROTO_FILEIO_H
#define KEDGE_PROTO_FILEIO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "proto/err.h"

/* Read the regular file or pipe PATH ("-": standard input) of at most MAX bytes. *RET is allocated, followed by a
 * NUL; file_free() it. Errors: KE_NOENT, KE_ACCES, KE_TOOBIG, KE_IO, KE_NOMEM, KE_SYSTEM (a directory, a link that
 * must not be followed); the fault names the path. */
int file_read(const char *path, size_t max, char **ret, size_t *ret_len, struct fault *f);
/* The same below the directory descriptor DIRFD; the last component is not followed when it is a link. */
int file_read_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len, struct fault *f);
/* The same from an open descriptor, from its present position. */
int file_read_fd(int fd, size_t max, char **ret, size_t *ret_len, struct fault *f);
void file_free(char *data);

enum file_sync {
	FILE_VOLATILE, /* survives a crash of the process: write + rename */
	FILE_DURABLE,  /* survives a power cut: fsync of the file and of its directory */
};

/* Replace PATH by LEN bytes with permissions MODE. All old or all new; no temporary file is left behind. */
int file_replace(
        const char *path, const void *data, size_t len, mode_t mode, enum file_sync sync, struct fault *f);
int file_replace_at(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
        enum file_sync sync, struct fault *f);
/* Remove PATH; a file that is not there is no error. */
int file_remove(const char *path, enum file_sync sync, struct fault *f);
/* Write all LEN bytes to FD. */
int file_write_all(int fd, const void *data, size_t len);

/* Make directory PATH and its parents with MODE (existing ones are left alone). */
int dir_make(const char *path, mode_t mode, struct fault *f);
/* Open (creating it, 0600) and lock PATH exclusively without waiting. The lock ends with the descriptor, which is
 * returned in *RET_FD. KE_BUSY when somebody holds it. */
int lock_take(const char *path, int *ret_fd, struct fault *f);

#endif
