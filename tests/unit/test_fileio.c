/* Bounded reads and replacement that is done or not done. fsync() is this program's own here, to see what is synced
 * in which order and to let it fail. Full disks and missing rights are real: a tiny tmpfs in a private mount
 * namespace, a directory without write permission, a file size limit, each in a child process. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/fileio.h"

static char dir[] = "/tmp/kedge-fileio-XXXXXX";
static char synced[8];         /* 'f' file, 'd' directory, in order */
static unsigned sync_fails_at; /* 1: the first one */

int fsync(int fd)
{
	struct stat st;
	size_t n = strlen(synced);
	assert_true(n + 1 < sizeof synced);
	assert_int_equal(fstat(fd, &st), 0);
	synced[n] = S_ISDIR(st.st_mode) ? 'd' : 'f';
	if (sync_fails_at == n + 1) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

static const char *in_dir(const char *name)
{
	static char paths[4][4096];
	static unsigned turn;
	char *path = paths[turn++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", dir, name);
	return path;
}

static unsigned entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;
	assert_non_null(d);
	for (struct dirent *de; (de = readdir(d));)
		n += strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0;
	closedir(d);
	return n;
}

static void has(const char *path, const char *text)
{
	char *data = NULL;
	size_t len;
	assert_int_equal(file_read(path, 1 << 20, &data, &len, NULL), KE_OK);
	assert_string_equal(data, text);
	assert_int_equal(len, strlen(text));
	file_free(data);
}

static int setup(void **state)
{
	(void)state;
	umask(022);
	memset(synced, 0, sizeof synced);
	sync_fails_at = 0;
	memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
	return mkdtemp(dir) ? 0 : -1;
}

static int empty(const char *path)
{
	DIR *d = opendir(path);
	if (!d)
		return -1;
	for (struct dirent *de; (de = readdir(d));) {
		char file[4096];
		snprintf(file, sizeof file, "%s/%s", path, de->d_name);
		if (de->d_name[0] == '.')
			continue;
		if (unlink(file) && errno == EISDIR)
			empty(file);
	}
	closedir(d);
	return rmdir(path);
}

static int teardown(void **state)
{
	(void)state;
	chmod(dir, 0700);
	return empty(dir);
}

/* A pipe that holds LEN bytes and has no writer any more. */
static int pipe_of(size_t len)
{
	int fds[2];
	char *data = malloc(len ? len : 1);
	assert_non_null(data);
	memset(data, 'p', len);
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(write(fds[1], data, len), len);
	close(fds[1]);
	free(data);
	return fds[0];
}

static void read_limits(void **state)
{
	(void)state;
	static const struct {
		const char *remark;
		size_t size, max;
		int rc;
	} rows[] = {
		{ "empty, nothing allowed", 0, 0, KE_OK },
		{ "one byte, nothing allowed", 1, 0, KE_TOOBIG },
		{ "empty", 0, 100, KE_OK },
		{ "one below", 99, 100, KE_OK },
		{ "exactly", 100, 100, KE_OK },
		{ "one beyond", 101, 100, KE_TOOBIG },
		{ "exactly, at the first room", 4096, 4096, KE_OK },
		{ "one beyond the first room", 4097, 4096, KE_TOOBIG },
		{ "one below the first room", 4095, 4095, KE_OK },
		{ "exactly, grown twice", 10000, 10000, KE_OK },
		{ "one beyond, grown twice", 10001, 10000, KE_TOOBIG },
		{ "exactly, the doubling does not fit", 8192, 8192, KE_OK },
		{ "far beyond", 60000, 5000, KE_TOOBIG },
		{ "no limit at all", 20000, SIZE_MAX, KE_OK },
		{ "one less than no limit", 20000, SIZE_MAX - 1, KE_OK },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		print_message("%s\n", rows[i].remark);
		const char *path = in_dir("f");
		int made = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		assert_int_equal(ftruncate(made, (off_t)rows[i].size), 0);
		close(made);
		for (int pass = 0; pass < 2; pass++) {
			char *data = NULL;
			size_t len = 12345;
			struct fault f = { 0 };
			int fd = pass ? pipe_of(rows[i].size) : -1;
			int rc = pass ? file_read_fd(fd, rows[i].max, &data, &len, &f)
			              : file_read(path, rows[i].max, &data, &len, &f);
			if (pass)
				close(fd);
			assert_int_equal(rc, rows[i].rc);
			assert_int_equal(len, rc ? 12345 : rows[i].size);
			if (rc) {
				assert_null(data);
				assert_int_equal(f.code, KE_TOOBIG);
				if (!pass)
					assert_string_equal(f.where, path);
			} else {
				assert_int_equal(data[len], '\0');
				assert_true(len == 0 || data[len - 1] == (pass ? 'p' : '\0'));
			}
			file_free(data);
		}
	}
}

static void read_proc(void **state)
{
	(void)state;
	struct stat st;
	char *data = NULL;
	size_t len = 0;
	assert_int_equal(stat("/proc/self/status", &st), 0);
	assert_int_equal(st.st_size, 0); /* the size says nothing */
	assert_int_equal(file_read("/proc/self/status", 1 << 20, &data, &len, NULL), KE_OK);
	assert_true(len > 100);
	assert_memory_equal(data, "Name:", 5);
	file_free(data);
	char *untouched = NULL;
	struct fault f;
	assert_int_equal(file_read("/proc/self/status", 100, &untouched, &len, &f), KE_TOOBIG);
	assert_null(untouched);
	assert_string_equal(f.where, "/proc/self/status");
}

static void read_errors(void **state)
{
	(void)state;
	char *data = NULL;
	size_t len;
	struct fault f;
	char line[1024];
	assert_int_equal(file_read(in_dir("no"), 10, &data, &len, &f), KE_NOENT);
	assert_string_equal(f.where, in_dir("no"));
	assert_non_null(strstr(fault_line(&f, line, sizeof line), "No such file"));
	assert_int_equal(file_read(in_dir("no"), 10, &data, &len, NULL), KE_NOENT);
	assert_int_equal(file_read(dir, 10, &data, &len, &f), KE_SYSTEM);
	assert_string_equal(f.where, dir);
	assert_int_equal(file_read_fd(-1, 10, &data, &len, &f), KE_SYSTEM);
	assert_null(data);
}

static void read_below_a_directory(void **state)
{
	(void)state;
	char *data = NULL;
	size_t len;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(file_replace_at(fd, "real", "abc", 3, 0640, FILE_DURABLE, NULL), KE_OK);
	assert_string_equal(synced, "fd");
	assert_int_equal(symlinkat("real", fd, "link"), 0);
	assert_int_equal(file_read_at(fd, "real", 3, &data, &len, NULL), KE_OK);
	assert_int_equal(len, 3);
	file_free(data);
	data = NULL;
	assert_int_equal(file_read_at(fd, "link", 3, &data, &len, NULL), KE_SYSTEM);
	assert_null(data);
	close(fd);
	has(in_dir("link"), "abc"); /* file_read() follows */
}

static void read_standard_input(void **state)
{
	(void)state;
	int keep = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	for (size_t size = 5; size <= 6; size++) {
		char *data = NULL;
		size_t len;
		struct fault f = { 0 };
		int fd = pipe_of(size);
		assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
		close(fd);
		int rc = file_read("-", 5, &data, &len, &f);
		if (keep >= 0)
			dup2(keep, STDIN_FILENO);
		assert_int_equal(rc, size == 5 ? KE_OK : KE_TOOBIG);
		assert_string_equal(f.where, size == 5 ? "" : "standard input");
		file_free(data);
	}
	if (keep >= 0)
		close(keep);
}

static void replace_makes_and_replaces(void **state)
{
	(void)state;
	const char *path = in_dir("f");
	struct stat st;
	assert_int_equal(file_replace(path, "old", 3, 0644, FILE_VOLATILE, NULL), KE_OK);
	assert_string_equal(synced, ""); /* volatile: nothing is synced */
	has(path, "old");
	int reader = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(file_replace(path, "newer", 5, 0666, FILE_DURABLE, NULL), KE_OK);
	assert_string_equal(synced, "fd"); /* the file before the rename, then its directory */
	has(path, "newer");
	char old[8];
	assert_int_equal(read(reader, old, sizeof old), 3); /* who had it open sees the old bytes, whole */
	assert_memory_equal(old, "old", 3);
	close(reader);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0666); /* not cut by the umask */
	assert_int_equal(file_replace(path, NULL, 0, 0600, FILE_VOLATILE, NULL), KE_OK);
	has(path, "");
	assert_int_equal(entries(dir), 1);
}

static void replace_in_the_working_directory(void **state)
{
	(void)state;
	int back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(chdir(dir), 0);
	int rc = file_replace("plain", "x", 1, 0600, FILE_DURABLE, NULL);
	assert_int_equal(fchdir(back), 0);
	close(back);
	assert_int_equal(rc, KE_OK);
	assert_string_equal(synced, "fd");
	has(in_dir("plain"), "x");
}

static void replace_over_a_leftover(void **state)
{
	(void)state;
	char temp[64];
	snprintf(temp, sizeof temp, "f.%ld.tmp", (long)getpid());
	assert_int_equal(file_replace(in_dir("precious"), "keep", 4, 0600, FILE_VOLATILE, NULL), KE_OK);
	assert_int_equal(link(in_dir("precious"), in_dir(temp)), 0); /* must not be written through */
	assert_int_equal(file_replace(in_dir("f"), "new", 3, 0600, FILE_VOLATILE, NULL), KE_OK);
	has(in_dir("precious"), "keep");
	has(in_dir("f"), "new");
	assert_int_equal(symlink("precious", in_dir(temp)), 0);
	assert_int_equal(file_replace(in_dir("f"), "newer", 5, 0600, FILE_VOLATILE, NULL), KE_OK);
	has(in_dir("precious"), "keep");
	has(in_dir("f"), "newer");
	assert_int_equal(entries(dir), 2);
}

static void replace_fails_clean(void **state)
{
	(void)state;
	struct fault f;
	assert_int_equal(mkdir(in_dir("d"), 0700), 0);
	assert_int_not_equal(
	        file_replace(in_dir("d"), "x", 1, 0600, FILE_DURABLE, &f), KE_OK); /* rename fails */
	assert_string_equal(f.where, in_dir("d"));
	assert_int_equal(file_replace(in_dir("no/f"), "x", 1, 0600, FILE_DURABLE, &f), KE_NOENT);
	char name[300];
	memset(name, 'n', sizeof name - 1);
	name[255] = '\0'; /* a valid name, but no room for the temporary one */
	assert_int_equal(file_replace(in_dir(name), "x", 1, 0600, FILE_DURABLE, &f), KE_SYSTEM);
	assert_int_equal(entries(dir), 1);
}

static void replace_when_the_file_does_not_sync(void **state)
{
	(void)state;
	struct fault f;
	assert_int_equal(file_replace(in_dir("f"), "old", 3, 0600, FILE_VOLATILE, NULL), KE_OK);
	sync_fails_at = 1;
	assert_int_equal(file_replace(in_dir("f"), "new", 3, 0600, FILE_DURABLE, &f), KE_IO);
	assert_string_equal(synced, "f");
	has(in_dir("f"), "old");
	assert_int_equal(entries(dir), 1);
}

static void replace_when_the_directory_does_not_sync(void **state)
{
	(void)state;
	struct fault f;
	char line[1024];
	assert_int_equal(file_replace(in_dir("f"), "old", 3, 0600, FILE_VOLATILE, NULL), KE_OK);
	sync_fails_at = 2;
	assert_int_equal(file_replace(in_dir("f"), "new", 3, 0600, FILE_DURABLE, &f), KE_IO);
	assert_non_null(strstr(fault_line(&f, line, sizeof line), "directory"));
	has(in_dir("f"),
	        "new"); /* in place, but a power cut may bring the old one back: the caller is told */
	assert_int_equal(entries(dir), 1);
}

/* Runs BODY in a child; its return value is the child's exit status. cmocka's asserts must not be used in it. */
static int in_child(int (*body)(void))
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(body());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define CHILD_SKIPS 77
/* Ends the child with exit status N, which says which condition does not hold. */
#define CHILD_NEEDS(n, condition)                                                                            \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			return (n);                                                                          \
	} while (0)

static unsigned child_entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;
	for (struct dirent *de; d && (de = readdir(d));)
		n += de->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static int body_full_disk(void)
{
	static char big[1 << 20];
	char path[4096];
	struct fault f;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	        mount("none", dir, "tmpfs", 0, "size=64k"))
		return CHILD_SKIPS;
	snprintf(path, sizeof path, "%s/f", dir);
	CHILD_NEEDS(1, file_replace(path, "old", 3, 0600, FILE_DURABLE, &f) == KE_OK);
	memset(synced, 0, sizeof synced);
	CHILD_NEEDS(2, file_replace(path, big, sizeof big, 0600, FILE_DURABLE, &f) == KE_IO);
	CHILD_NEEDS(3, strstr(f.what, "No space left") != NULL);
	CHILD_NEEDS(4, child_entries(dir) == 1); /* no temporary file */
	CHILD_NEEDS(5, synced[0] == '\0');       /* nothing half-written was synced or renamed */
	char *data;
	size_t len;
	CHILD_NEEDS(6, file_read(path, 10, &data, &len, NULL) == KE_OK && len == 3);
	CHILD_NEEDS(7, file_replace(path, big, 16384, 0600, FILE_DURABLE, &f) ==
	                       KE_OK); /* the space is free again */
	return 0;
}

static void replace_on_a_full_disk(void **state)
{
	(void)state;
	int rc = in_child(body_full_disk);
	if (rc == CHILD_SKIPS)
		skip(); /* no right to mount */
	assert_int_equal(rc, 0);
}

static int body_size_limit(void)
{
	static char big[1 << 16];
	struct rlimit limit = { 4096, 4096 };
	struct fault f;
	char path[4096];
	snprintf(path, sizeof path, "%s/f", dir);
	signal(SIGXFSZ, SIG_IGN);
	CHILD_NEEDS(1, file_replace(path, "old", 3, 0600, FILE_VOLATILE, &f) == KE_OK);
	CHILD_NEEDS(2, setrlimit(RLIMIT_FSIZE, &limit) == 0);
	/* write(2) takes the first 4096 bytes and refuses the rest: a short write first */
	CHILD_NEEDS(3, file_replace(path, big, sizeof big, 0600, FILE_VOLATILE, &f) == KE_TOOBIG);
	CHILD_NEEDS(4, child_entries(dir) == 1);
	return 0;
}

static void replace_beyond_a_size_limit(void **state)
{
	(void)state;
	assert_int_equal(in_child(body_size_limit), 0);
	has(in_dir("f"), "old");
}

static int body_no_rights(void)
{
	struct fault f;
	char path[4096], *data = NULL;
	size_t len;
	int fd = -7;
	if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
		return CHILD_SKIPS;
	snprintf(path, sizeof path, "%s/f", dir);
	CHILD_NEEDS(1, file_replace(path, "new", 3, 0600, FILE_VOLATILE, &f) == KE_ACCES);
	CHILD_NEEDS(2, strcmp(f.where, path) == 0);
	CHILD_NEEDS(3, file_remove(path, FILE_VOLATILE, &f) == KE_ACCES);
	CHILD_NEEDS(4, file_read(path, 10, &data, &len, &f) == KE_ACCES && !data);
	snprintf(path, sizeof path, "%s/new/dir", dir);
	CHILD_NEEDS(5, dir_make(path, 0700, &f) == KE_ACCES);
	snprintf(path, sizeof path, "%s/lock", dir);
	CHILD_NEEDS(6, lock_take(path, &fd, &f) == KE_ACCES && fd == -7);
	CHILD_NEEDS(8, child_entries(dir) == 1);
	return 0;
}

static void no_rights(void **state)
{
	(void)state;
	assert_int_equal(file_replace(in_dir("f"), "old", 3, 0000, FILE_VOLATILE, NULL), KE_OK);
	assert_int_equal(chmod(dir, 0555), 0);
	int rc = in_child(body_no_rights);
	if (rc == CHILD_SKIPS)
		skip();
	assert_int_equal(rc, 0);
}

static void write_all_tells_why(void **state)
{
	(void)state;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC), fds[2];
	assert_true(full >= 0);
	assert_int_equal(file_write_all(full, "x", 1), KE_IO);
	assert_int_equal(file_write_all(full, "x", 0), KE_OK);
	close(full);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	close(fds[0]);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(file_write_all(fds[1], "x", 1), KE_CLOSED);
	signal(SIGPIPE, SIG_DFL);
	close(fds[1]);
}

static void remove_files(void **state)
{
	(void)state;
	struct fault f;
	assert_int_equal(file_replace(in_dir("f"), "x", 1, 0600, FILE_VOLATILE, NULL), KE_OK);
	assert_int_equal(file_remove(in_dir("f"), FILE_DURABLE, &f), KE_OK);
	assert_string_equal(synced, "d");
	assert_int_equal(entries(dir), 0);
	assert_int_equal(file_remove(in_dir("f"), FILE_DURABLE, &f), KE_OK);
	assert_int_equal(mkdir(in_dir("d"), 0700), 0);
	assert_int_equal(file_remove(in_dir("d"), FILE_VOLATILE, &f), KE_SYSTEM);
	assert_string_equal(f.where, in_dir("d"));
}

static void make_directories(void **state)
{
	(void)state;
	struct fault f;
	struct stat st;
	assert_int_equal(dir_make(in_dir("a/b//c/"), 0750, &f), KE_OK);
	assert_int_equal(stat(in_dir("a/b/c"), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0750);
	assert_int_equal(dir_make(in_dir("a/b/c"), 0700, &f), KE_OK);
	assert_int_equal(stat(in_dir("a/b/c"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0750); /* left alone */
	assert_int_equal(dir_make("/", 0700, &f), KE_OK);
	assert_int_equal(file_replace(in_dir("f"), "x", 1, 0600, FILE_VOLATILE, NULL), KE_OK);
	assert_int_equal(dir_make(in_dir("f"), 0700, &f), KE_EXIST);
	assert_int_equal(dir_make(in_dir("f/g"), 0700, &f), KE_NOENT);
	assert_int_equal(dir_make("", 0700, &f), KE_NOENT);
	rmdir(in_dir("a/b/c"));
	rmdir(in_dir("a/b"));
}

static void lock_is_exclusive(void **state)
{
	(void)state;
	struct fault f;
	int first = -1, second = -7;
	struct stat st;
	assert_int_equal(lock_take(in_dir("lock"), &first, &f), KE_OK);
	assert_int_equal(fcntl(first, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fstat(first, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(lock_take(in_dir("lock"), &second, &f), KE_BUSY);
	assert_int_equal(second, -7);
	assert_string_equal(f.where, in_dir("lock"));
	assert_string_not_equal(f.todo, "");
	close(first);
	assert_int_equal(lock_take(in_dir("lock"), &second, &f), KE_OK);
	close(second);
	assert_int_equal(symlink("lock", in_dir("link")), 0);
	assert_int_equal(lock_take(in_dir("link"), &second, &f), KE_SYSTEM);
	assert_int_equal(lock_take(in_dir("no/lock"), &second, &f), KE_NOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(read_limits),
		TEST(read_proc),
		TEST(read_errors),
		TEST(read_below_a_directory),
		TEST(read_standard_input),
		TEST(replace_makes_and_replaces),
		TEST(replace_in_the_working_directory),
		TEST(replace_over_a_leftover),
		TEST(replace_fails_clean),
		TEST(replace_when_the_file_does_not_sync),
		TEST(replace_when_the_directory_does_not_sync),
		TEST(replace_on_a_full_disk),
		TEST(replace_beyond_a_size_limit),
		TEST(no_rights),
		TEST(write_all_tells_why),
		TEST(remove_files),
		TEST(make_directories),
		TEST(lock_is_exclusive),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
