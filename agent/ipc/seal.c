/* seal.c — sealed memfds. The receiver's copy is the point: what is verified and what is used are the same bytes in
 * private memory, whatever the sender does with the descriptor afterwards. */
#include "agent/ipc/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/fileio.h"

#define SEALS_ALL (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

int seal_make(const char *name, const void *data, size_t len, int *ret_fd, struct fault *f)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return fault_set(f, err_from_errno(errno), "memfd", NULL, "%s", strerror(errno));
	int rc = file_write_all(fd, data, len);
	if (!rc && fcntl(fd, F_ADD_SEALS, SEALS_ALL))
		rc = err_from_errno(errno);
	if (rc) {
		close(fd);
		return fault_set(f, rc, "memfd", NULL, "cannot be written and sealed");
	}
	*ret_fd = fd;
	return KE_OK;
}

int seal_copy(int fd, size_t max, char **ret, size_t *ret_len, struct fault *f)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & SEALS_ALL) != SEALS_ALL)
		return fault_set(f, KE_PROTO, "descriptor", NULL, "is not a sealed memfd");
	if (fstat(fd, &st))
		return fault_set(f, KE_IO, "descriptor", NULL, "%s", strerror(errno));
	if (st.st_size < 0 || (unsigned long long)st.st_size > max)
		return fault_set(f, KE_TOOBIG, "descriptor", NULL,
		        "%lld bytes are more than the limit of %zu", (long long)st.st_size, max);
	size_t len = (size_t)st.st_size, got = 0;
	char *data = malloc(len + 1);
	if (!data)
		return fault_set(f, KE_NOMEM, "descriptor", NULL, "%s", "");
	while (got < len) {
		ssize_t n = pread(fd, data + got, len - got, (off_t)got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			free(data);
			return fault_set(
			        f, KE_IO, "descriptor", NULL, "ends after %zu of %zu bytes", got, len);
		}
		got += (size_t)n;
	}
	data[len] = '\0';
	*ret = data;
	*ret_len = len;
	return KE_OK;
}
