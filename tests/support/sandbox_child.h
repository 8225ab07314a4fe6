/* sandbox_child.h — children that lock the door, for the tests of the sandbox: a directory of the test's own with rw/file, ro/file
 * and other, of which a locked child may write the first and read the second. To be included once. */
#ifndef KEDGE_TESTS_SUPPORT_SANDBOX_CHILD_H
#define KEDGE_TESTS_SUPPORT_SANDBOX_CHILD_H

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sandbox/sandbox.h"
#include "agent/sandbox/sandbox_in.h"

#define KEEPER_UID 64101
#define OTHER_UID  64102
#define NET_ADMIN  SANDBOX_CAP(CAP_NET_ADMIN)

static char dir[] = "/tmp/kedge-sandbox-XXXXXX";
static uint16_t open_port = 53; /* the courier's */

/* Run CASE in a child; its exit status, or -SIGNAL. No sanitizer may look at leaks there: it would fork. */
static int in_child(int (*body)(const void *arg), const void *arg)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(body(arg));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static const char *at(const char *name)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static int lock_as(enum sandbox_role role, struct sandbox_report *r)
{
	char rw[128], ro[128];
	snprintf(rw, sizeof rw, "%s/rw", dir);
	snprintf(ro, sizeof ro, "%s/ro", dir);
	const struct sandbox_path paths[] = { { rw, SANDBOX_READ_WRITE }, { ro, SANDBOX_READ },
		{ "/proc/sys", SANDBOX_READ }, { "/no/such/path", SANDBOX_READ } };
	struct sandbox_rules rules = {
		.role = role, .paths = paths, .n = 4, .ports = &open_port, .n_ports = 1, .uid = getuid()
	};
	struct fault f = { 0 };

	caps_effective(&rules.caps);

	if (sandbox_lock(&rules, r, &f) == 0)
		return 0;
	fprintf(stderr, "sandbox_lock: %s: %s\n", f.where, f.what);
	return -1;
}

static int make_dir(void **state)
{
	(void)state;
	static const char *const dirs[] = { "rw", "ro" };
	static const char *const files[] = { "rw/file", "ro/file", "other" };

	if (!mkdtemp(dir) || chmod(dir, 0755))
		return -1;
	for (size_t i = 0; i < 2; i++)
		if (mkdir(at(dirs[i]), 0755))
			return -1;
	for (size_t i = 0; i < 3; i++) {
		int fd = open(at(files[i]), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0 || close(fd))
			return -1;
	}
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	static const char *const files[] = { "rw/file", "ro/file", "other" };
	static const char *const dirs[] = { "rw/d", "rw", "ro" };

	for (size_t i = 0; i < 3; i++)
		unlink(at(files[i]));
	for (size_t i = 0; i < 3; i++)
		rmdir(at(dirs[i]));
	return rmdir(dir);
}

#endif
