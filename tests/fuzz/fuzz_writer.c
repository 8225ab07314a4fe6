/* Any bytes as the texts of /proc/PID and as a contest table. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/watch/contest.h"
#include "agent/watch/fanotify.h"
#include "agent/watch/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char comm[WRITER_COMM_ROOM], cgroup[WRITER_CGROUP_ROOM], path[512];
	const char *text = (const char *)data;
	struct contest *c;
	struct name name;
	uint64_t start;
	pid_t ppid;

	if (writer_parse_stat(text, size, comm, &ppid, &start) && strlen(comm) >= sizeof comm)
		abort();
	writer_parse_cgroup(text, size, cgroup);
	if (strlen(cgroup) >= sizeof cgroup || writer_parse_uid(text, size) > UINT32_MAX)
		abort();
	if (!contest_read(text, size, &c, NULL))
		contest_free(c);
	size_t n = size < sizeof path ? size : sizeof path - 1;
	memcpy(path, text, n);
	path[n] = '\0';
	fanotify_path_name(path, &name);
	return 0;
}
