/* From a cgroup's id to its path, without walking the tree: the id is all that a file handle of kernfs holds, so the kernel
 * opens the directory, and /proc/self/fd says where it is. The tree may be mounted alone or beside the old hierarchies. Called
 * by `kedge-agent sockets`.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "agent/measure/cgroups.h"

#define FILEID_KERNFS 0xfe

static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

int cgroups_open(void)
{
	for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
		struct statfs fs;
		int fd = open(mounts[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
			return fd;
		close(fd);
	}
	return -1;
}

/* Where FD lies; false when that does not fit. */
static bool place_of(int fd, char ret[CGROUP_PATH_ROOM])
{
	char link[48];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, ret, CGROUP_PATH_ROOM);
	if (n <= 0 || n >= CGROUP_PATH_ROOM)
		return false;
	ret[n] = '\0';
	return true;
}

bool cgroup_path(int fd, uint64_t id, char ret[CGROUP_PATH_ROOM])
{
	union {
		struct file_handle head;
		char room[sizeof(struct file_handle) + sizeof id];
	} handle = { .head = { .handle_bytes = sizeof id, .handle_type = FILEID_KERNFS } };
	char root[CGROUP_PATH_ROOM];
	memcpy(handle.room + offsetof(struct file_handle, f_handle), &id, sizeof id);
	int dir = fd < 0 ? -1 : open_by_handle_at(fd, &handle.head, O_PATH | O_CLOEXEC);
	if (dir < 0)
		return false;
	char place[CGROUP_PATH_ROOM];
	bool found = place_of(fd, root) && place_of(dir, place);
	close(dir);
	size_t len = found ? strlen(root) : 0;
	if (!found || strncmp(place, root, len) != 0)
		return false;
	snprintf(ret, CGROUP_PATH_ROOM, "%s", place[len] ? place + len : "/");
	return true;
}
