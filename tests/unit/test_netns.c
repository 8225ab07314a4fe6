/* Namespaces found in directories and processes of a made-up /proc, and in the real one; entered, and left again. */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/measure/netns.h"
#include "proto/fileio.h"

static char dir[] = "/tmp/kedge-netns-XXXXXX";
static pid_t other; /* lives in a namespace of its own */
static bool rights;

static int setup(void **state)
{
	(void)state;
	char path[PATH_MAX], from[64], byte;
	int ready[2];
	assert_non_null(mkdtemp(dir));
	rights = geteuid() == 0 && unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 &&
	         mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	if (!rights)
		return 0;
	assert_int_equal(pipe(ready), 0);
	other = fork();
	if (other == 0) {
		if (unshare(CLONE_NEWNET) == 0 && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	/* "blue" is that namespace, "stale" a name that is none any more. */
	snprintf(path, sizeof path, "%s/blue", dir);
	assert_int_equal(file_replace(path, "", 0, 0644, FILE_VOLATILE, NULL), 0);
	snprintf(from, sizeof from, "/proc/%d/ns/net", (int)other);
	assert_int_equal(mount(from, path, NULL, MS_BIND, NULL), 0);
	snprintf(path, sizeof path, "%s/stale", dir);
	assert_int_equal(file_replace(path, "", 0, 0644, FILE_VOLATILE, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	char path[PATH_MAX];
	if (rights) {
		kill(other, SIGKILL);
		waitpid(other, NULL, 0);
	}
	static const char *const names[] = { "blue", "stale" };
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		umount(path);
		unlink(path);
	}
	rmdir(dir);
	return 0;
}

static uint64_t inode(const char *path)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static const struct netns *row(const struct netns_list *l, uint64_t which)
{
	const struct netns *found = NULL;
	for (size_t i = 0; i < l->n; i++)
		if (l->rows[i].inode == which) {
			assert_null(found); /* each once */
			found = &l->rows[i];
		}
	return found;
}

static void listed(void **state)
{
	(void)state;
	if (!rights)
		skip();
	const char *const dirs[] = { "/nonexistent", dir, NULL }, *const none[] = { NULL };
	struct netns_list l;
	struct fault f;
	char path[64], name[32];
	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)other);
	snprintf(name, sizeof name, "pid:%d", (int)other);

	assert_int_equal(netns_list_read("/proc", dirs, &l, &f), 0);
	assert_string_equal(l.rows[0].name, "self");
	assert_true(l.rows[0].inode == inode("/proc/self/ns/net"));
	const struct netns *blue = row(&l, inode(path));
	assert_non_null(blue);
	assert_string_equal(blue->name, "blue"); /* the name, although a process lives there */
	assert_string_equal(blue->comm, "");
	for (size_t i = 0; i < l.n; i++)
		assert_string_not_equal(l.rows[i].name, "stale");
	netns_list_clear(&l);

	assert_int_equal(netns_list_read("/proc", none, &l, &f), 0);
	blue = row(&l, inode(path));
	assert_non_null(blue);
	assert_string_equal(blue->name, name);
	assert_string_equal(blue->comm, "test_netns");
	netns_list_clear(&l);
	assert_int_equal(netns_list_read("/nonexistent", dirs, &l, &f), KE_IO);
}

static void entered(void **state)
{
	(void)state;
	if (!rights)
		skip();
	const char *const dirs[] = { dir, NULL };
	struct netns blue, home, same;
	struct fault f;
	char name[64];
	uint64_t was = inode("/proc/self/ns/net");
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	assert_int_equal(netns_find(name, dirs, &home, &f), 0);
	assert_true(home.inode == was);
	assert_int_equal(netns_find("blue", dirs, &blue, &f), 0);
	snprintf(name, sizeof name, "pid:%d", (int)other);
	assert_int_equal(netns_find(name, dirs, &same, &f), 0);
	assert_true(same.inode == blue.inode && blue.inode != was);
	assert_int_equal(netns_enter(&blue, &f), 0);
	assert_true(inode("/proc/self/ns/net") == blue.inode);
	assert_int_equal(netns_enter(&home, &f), 0);
	assert_true(inode("/proc/self/ns/net") == was);
	close(fd);

	static const struct {
		const char *name;
		int rc;
	} bad[] = { { "", KE_NAME }, { ".", KE_NAME }, { "../x", KE_NAME }, { "red", KE_NOENT },
		{ "pid:", KE_NOENT }, { "pid:1x", KE_NOENT }, { "pid:99999999999", KE_NOENT },
		{ "/nonexistent/net", KE_NOENT } };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (netns_find(bad[i].name, dirs, &same, &f) != bad[i].rc)
			fail_msg("'%s'", bad[i].name);
	/* Found, but no namespace: the kernel says so. */
	assert_int_equal(netns_find("stale", dirs, &same, &f), 0);
	assert_true(netns_enter(&same, &f) < 0);
	assert_true(inode("/proc/self/ns/net") == was);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(listed), cmocka_unit_test(entered) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
