/* The id of a cgroup directory is its inode number: found again by it. Without cgroup2 or rights there is nothing to find. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/measure/cgroups.h"

static void by_id(void **state)
{
	(void)state;
	char path[CGROUP_PATH_ROOM] = "untouched";
	struct stat st;
	int fd = cgroups_open();
	if (fd < 0 || geteuid() != 0)
		skip();
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(cgroup_path(fd, st.st_ino, path));
	assert_string_equal(path, "/");
	/* The first directory below it, if there is one. */
	DIR *d = fdopendir(dup(fd));
	assert_non_null(d);
	for (const struct dirent *e; (e = readdir(d));) {
		char want[CGROUP_PATH_ROOM];
		if (e->d_name[0] == '.' || fstatat(fd, e->d_name, &st, 0) || !S_ISDIR(st.st_mode))
			continue;
		snprintf(want, sizeof want, "/%s", e->d_name);
		assert_true(cgroup_path(fd, st.st_ino, path));
		assert_string_equal(path, want);
		break;
	}
	closedir(d);
	strcpy(path, "untouched");
	assert_false(cgroup_path(fd, 0x7fffffff12345678, path));
	assert_string_equal(path, "untouched");
	close(fd);
}

static void without(void **state)
{
	(void)state;
	char path[CGROUP_PATH_ROOM];
	assert_false(cgroup_path(-1, 1, path));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(by_id), cmocka_unit_test(without) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
