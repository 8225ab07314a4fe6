/* cgroup2.c — reads mountinfo: "ID PARENT DEV ROOT MOUNTPOINT OPTIONS [FIELD]... - TYPE SOURCE SUPER". Paths have blanks and
 * backslashes as \040. Called by the loader. */
#include "agent/bpf/cgroup2.h"

#include <string.h>
#include <sys/stat.h>

#include "proto/fileio.h"

#define MOUNTINFO_MAX  (4U << 20)
#define CGROUP_INITIAL 0xEFFFFFFBU /* PROC_CGROUP_INIT_INO: the same on every kernel */

/* The field that begins at *AT, which moves behind it and the blank after it. */
static bool field(const char **at, const char *end, const char **ret, size_t *ret_len)
{
	const char *from = *at, *blank = memchr(from, ' ', (size_t)(end - from));

	if (from == end)
		return false;
	*ret = from;
	*ret_len = (size_t)((blank ? blank : end) - from);
	*at = blank ? blank + 1 : end;
	return true;
}

static bool unescape(const char *text, size_t len, char path[PATH_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (c == '\\') {
			if (len - i < 4)
				return false;
			unsigned v = 0;
			for (size_t j = 1; j <= 3; j++) {
				if (text[i + j] < '0' || text[i + j] > '7')
					return false;
				v = v * 8 + (unsigned)(text[i + j] - '0');
			}
			c = (char)v;
			i += 3;
		}
		if (!c || n == PATH_MAX - 1)
			return false;
		path[n++] = c;
	}
	path[n] = '\0';
	return n > 0;
}

/* One line; true: a mount of cgroup2 that lies in our namespace. *RET_ROOT: of its root. */
static bool line_read(const char *line, const char *end, char path[PATH_MAX], bool *ret_root)
{
	const char *root = NULL, *point = NULL, *text;
	size_t root_len = 0, point_len = 0, len;

	for (int i = 0; i < 5; i++) {
		if (!field(&line, end, &text, &len))
			return false;
		if (i == 3) {
			root = text;
			root_len = len;
		} else if (i == 4) {
			point = text;
			point_len = len;
		}
	}
	do {
		if (!field(&line, end, &text, &len))
			return false;
	} while (len != 1 || *text != '-');
	if (!field(&line, end, &text, &len) || len != 7 || memcmp(text, "cgroup2", 7) != 0)
		return false;
	if (root_len >= 3 && memcmp(root, "/..", 3) == 0 && (root_len == 3 || root[3] == '/'))
		return false;
	*ret_root = root_len == 1 && *root == '/';
	return unescape(point, point_len, path);
}

int cgroup2_choose(const char *text, size_t len, bool initial, struct cgroup2 *ret, struct fault *f)
{
	const char *end = text + len;
	bool found = false;

	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		const char *stop = nl ? nl : end;
		struct cgroup2 here = { .whole = false };
		bool root;
		if (line_read(text, stop, here.path, &root) && (root || !found)) {
			here.whole = root && initial;
			*ret = here;
			found = true;
			if (root)
				return KE_OK;
		}
		text = nl ? nl + 1 : end;
	}
	return found ? KE_OK
	             : fault_set(f, KE_NOENT, "cgroup2",
	                       "mount it: mount -t cgroup2 none /sys/fs/cgroup/unified", "is not mounted");
}

int cgroup2_find(struct cgroup2 *ret, struct fault *f)
{
	struct stat ns;
	char *text;
	size_t len;
	int rc = file_read("/proc/self/mountinfo", MOUNTINFO_MAX, &text, &len, f);

	if (rc)
		return rc;
	bool initial = stat("/proc/self/ns/cgroup", &ns) == 0 && ns.st_ino == CGROUP_INITIAL;
	rc = cgroup2_choose(text, len, initial, ret, f);
	file_free(text);
	return rc;
}
