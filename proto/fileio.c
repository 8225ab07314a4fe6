/* fileio.c — the one place that reads and replaces whole files. Everything it does is bounded, close-on-exec, and
 * either done or not done. */
#include "proto/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int file_fault(struct fault *f, const char *path, const char *verb)
{
	int err = errno;

	return fault_set(f, err_from_errno(err), path, NULL, "cannot %s: %s", verb, strerror(err));
}

int file_read_fd(int fd, size_t max, char **ret, size_t *ret_len, struct fault *f)
{
	struct stat st;
	size_t room = 4096, len = 0;

	if (max > PTRDIFF_MAX / 4)
		max = PTRDIFF_MAX / 4; /* keeps max + 1 and room * 2 from wrapping around */
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 && (size_t)st.st_size < max)
		room = (size_t)st.st_size + 1;
	if (room > max + 1)
		room = max + 1; /* one byte more than allowed, to notice it */
	char *data = malloc(room + 1);
	while (data) {
		ssize_t n = read(fd, data + len, room - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int rc = file_fault(f, NULL, "read");
			free(data);
			return rc;
		}
		len += (size_t)n;
		if (len > max) {
			free(data);
			return fault_set(f, KE_TOOBIG, NULL, NULL, "larger than the limit of %zu bytes", max);
		}
		if (n == 0)
			break;
		if (len == room) {
			size_t more = room * 2 > max + 1 ? max + 1 : room * 2;
			char *bigger = realloc(data, more + 1);
			if (!bigger)
				free(data);
			data = bigger;
			room = more;
		}
	}
	if (!data)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	data[len] = '\0';
	*ret = data;
	*ret_len = len;
	return KE_OK;
}

static int file_read_flags(
        int dirfd, const char *path, int flags, size_t max, char **ret, size_t *ret_len, struct fault *f)
{
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | flags);

	if (fd < 0)
		return file_fault(f, path, "open");
	int rc = file_read_fd(fd, max, ret, ret_len, f);
	if (rc)
		fault_at(f, "%s", path);
	close(fd);
	return rc;
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_len, struct fault *f)
{
	if (strcmp(path, "-") == 0) {
		int rc = file_read_fd(STDIN_FILENO, max, ret, ret_len, f);
		if (rc)
			fault_at(f, "standard input");
		return rc;
	}
	return file_read_flags(AT_FDCWD, path, 0, max, ret, ret_len, f);
}

int file_read_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len, struct fault *f)
{
	return file_read_flags(dirfd, path, O_NOFOLLOW, max, ret, ret_len, f);
}

void file_free(char *data)
{
	free(data);
}

int file_write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO; /* callers tell errno */
		if (n <= 0)
			return err_from_errno(errno);
		at += n;
		len -= (size_t)n;
	}
	return KE_OK;
}

static int dir_sync_of(int dirfd, const char *path)
{
	char copy[PATH_MAX];

	if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy) {
		errno = ENAMETOOLONG;
		return -1;
	}
	int fd = openat(dirfd, dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int rc = fsync(fd);
	close(fd);
	return rc;
}

/* The temporary file: written, given its mode, synced when asked. */
static int temp_write(
        int dirfd, const char *temp, const void *data, size_t len, mode_t mode, enum file_sync sync)
{
	/* A leftover of a crash goes first: truncating it would write through its other hard links. */
	if (unlinkat(dirfd, temp, 0) && errno != ENOENT)
		return -1;
	int fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	int rc = file_write_all(fd, data, len) ? -1 : 0;
	if (rc == 0 && (fchmod(fd, mode) || (sync == FILE_DURABLE && fsync(fd))))
		rc = -1;
	int err = errno;
	if (close(fd) && rc == 0)
		return -1;
	errno = err;
	return rc;
}

int file_replace_at(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
        enum file_sync sync, struct fault *f)
{
	char temp[PATH_MAX];

	if (snprintf(temp, sizeof temp, "%s.%ld.tmp", path, (long)getpid()) >= (int)sizeof temp) {
		errno = ENAMETOOLONG;
		return file_fault(f, path, "write");
	}
	if (temp_write(dirfd, temp, data, len, mode, sync) || renameat(dirfd, temp, dirfd, path)) {
		int rc = file_fault(f, path, "write");
		unlinkat(dirfd, temp, 0);
		return rc;
	}
	if (sync == FILE_DURABLE && dir_sync_of(dirfd, path))
		return file_fault(f, path, "sync the directory of");
	return KE_OK;
}

int file_replace(
        const char *path, const void *data, size_t len, mode_t mode, enum file_sync sync, struct fault *f)
{
	return file_replace_at(AT_FDCWD, path, data, len, mode, sync, f);
}

int file_remove(const char *path, enum file_sync sync, struct fault *f)
{
	if (unlink(path))
		return errno == ENOENT ? KE_OK : file_fault(f, path, "remove");
	if (sync == FILE_DURABLE && dir_sync_of(AT_FDCWD, path))
		return file_fault(f, path, "sync the directory of");
	return KE_OK;
}

int dir_make(const char *path, mode_t mode, struct fault *f)
{
	char copy[PATH_MAX];
	struct stat st;

	if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy) {
		errno = ENAMETOOLONG;
		return file_fault(f, path, "make directory");
	}
	for (char *at = copy + 1; at[-1]; at++) {
		if (*at != '/' && *at != '\0')
			continue;
		char keep = *at;
		*at = '\0';
		if (mkdir(copy, mode) && errno != EEXIST)
			return file_fault(f, copy, "make directory");
		*at = keep;
		if (!keep)
			break;
	}
	if (stat(path, &st))
		return file_fault(f, path, "make directory");
	if (!S_ISDIR(st.st_mode))
		return fault_set(f, KE_EXIST, path, NULL, "is not a directory");
	return KE_OK;
}

int lock_take(const char *path, int *ret_fd, struct fault *f)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return file_fault(f, path, "open");
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		int rc = errno == EWOULDBLOCK ? fault_set(f, KE_BUSY, path, "wait for it to end, or stop it",
		                                        "another kedge process holds this lock")
		                              : file_fault(f, path, "lock");
		close(fd);
		return rc;
	}
	*ret_fd = fd;
	return KE_OK;
}
