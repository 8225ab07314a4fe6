/* Where the unified hierarchy is: mountinfo files of several worlds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/bpf/cgroup2.h"

#define HYBRID                                                                                               \
	"30 22 0:27 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"                                \
	"31 30 0:28 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"                               \
	"40 30 0:37 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
#define UNIFIED "24 22 0:22 / /sys/fs/cgroup rw,nosuid shared:9 master:2 - cgroup2 cgroup2 rw,nsdelegate\n"

static void choices(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *text;
		bool initial;
		const char *path; /* NULL: none */
		bool whole;
	} rows[] = {
		{ "hybrid", HYBRID, true, "/sys/fs/cgroup/unified", true },
		{ "unified, with optional fields", UNIFIED, true, "/sys/fs/cgroup", true },
		{ "in a cgroup namespace the root that is seen is not the machine's", UNIFIED, false,
		        "/sys/fs/cgroup", false },
		{ "version 1 only", "31 30 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n", true, NULL,
		        false },
		{ "another file system of that source", "31 30 0:28 / /mnt rw - tmpfs cgroup2 rw\n", true,
		        NULL, false },
		{ "a part of it", "9 8 0:37 /system.slice /mnt/part rw - cgroup2 c rw\n", true, "/mnt/part",
		        false },
		{ "the whole is better than a part, later in the file",
		        "9 8 0:37 /a /mnt/part rw - cgroup2 c rw\n" UNIFIED, true, "/sys/fs/cgroup", true },
		{ "above our namespace is not ours", "9 8 0:37 /.. /sys/fs/cgroup rw - cgroup2 c rw\n", false,
		        NULL, false },
		{ "far above", "9 8 0:37 /../.. /sys/fs/cgroup rw - cgroup2 c rw\n", false, NULL, false },
		{ "a group whose name begins with dots", "9 8 0:37 /..a /mnt rw - cgroup2 c rw\n", true,
		        "/mnt", false },
		{ "our own mount under one from above",
		        "9 8 0:37 /.. /sys/fs/cgroup rw - cgroup2 c rw\n10 8 0:37 / /mnt rw - cgroup2 c rw\n",
		        false, "/mnt", false },
		{ "blanks in the path", "9 8 0:37 / /mnt/a\\040b\\134c rw - cgroup2 c rw\n", true,
		        "/mnt/a b\\c", true },
		{ "no end of line", "9 8 0:37 / /mnt rw - cgroup2 c rw", true, "/mnt", true },
		{ "a bad escape", "9 8 0:37 / /mnt\\09x rw - cgroup2 c rw\n", true, NULL, false },
		{ "a NUL in the path", "9 8 0:37 / /mnt\\000 rw - cgroup2 c rw\n", true, NULL, false },
		{ "cut off", "9 8 0:37 / /mnt rw -", true, NULL, false },
		{ "empty", "", true, NULL, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct cgroup2 c = { .whole = false };
		struct fault f;
		int rc = cgroup2_choose(rows[i].text, strlen(rows[i].text), rows[i].initial, &c, &f);
		if (rows[i].path ? rc || strcmp(c.path, rows[i].path) != 0 || c.whole != rows[i].whole
		                 : rc != KE_NOENT)
			fail_msg("%s: %d '%s' %d", rows[i].remark, rc, c.path, c.whole);
	}
}

static void too_long(void **state)
{
	(void)state;
	static char text[2 * PATH_MAX];
	struct cgroup2 c;
	size_t n = (size_t)snprintf(text, sizeof text, "9 8 0:37 / /");

	memset(text + n, 'a', PATH_MAX);
	snprintf(text + n + PATH_MAX, sizeof text - n - PATH_MAX, " rw - cgroup2 c rw\n");
	assert_int_equal(cgroup2_choose(text, strlen(text), true, &c, NULL), KE_NOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(choices), cmocka_unit_test(too_long) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
