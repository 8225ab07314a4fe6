/* Names become files only below the pinned root; whole values in, whole values out. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sys/mount.h>

#include "agent/engine/procsys.h"
#include "tests/support/fault_tree.h"

static struct procsys *sys_open(struct tree *t)
{
	struct procsys *ps = NULL;
	struct fault f;

	assert_int_equal(procsys_open(t->root, PROCSYS_DIRECTORY, &ps, &f), 0);
	return ps;
}

static void reads_and_writes(void **state)
{
	struct tree t;
	const char *raw;
	size_t len;
	struct procsys_key k;
	(void)state;

	tree_open(&t);
	tree_put(&t, "net/ipv4/a", "1234567");
	struct procsys *ps = sys_open(&t);
	struct name n = name_of("net/ipv4/a");
	assert_int_equal(procsys_read(ps, &n, &raw, &len), 0);
	assert_string_equal(raw, "1234567");
	assert_int_equal(len, 7);
	assert_int_equal(procsys_writable(ps, &n), 0);
	assert_int_equal(procsys_key_open(ps, &n, PROCSYS_WRITE, &k), 0);
	assert_int_equal(procsys_key_write(&k, "89", 2), 0);
	assert_int_equal(procsys_key_read(&k, &raw, &len), 0);
	assert_string_equal(raw, "89"); /* no tail of the longer old value */
	procsys_key_close(&k);
	assert_string_equal(tree_get(&t, "net/ipv4/a"), "89");
	procsys_close(ps);
	tree_close(&t);
}

static void says_what_the_kernel_said(void **state)
{
	static const struct {
		const char *key;
		int read_err, write_err;
		const char *remark;
	} rows[] = {
		{ "net/ro", 0, EACCES, "read-only mode binds root too" },
		{ "net/wo", EACCES, 0, "write-only: a trigger" },
		{ "net/none", ENOENT, ENOENT, "not there" },
		{ "net/rw/below", ENOTDIR, ENOTDIR, "a file is no directory" },
		{ "net/dir", EISDIR, EISDIR, "a directory is no key" },
		{ "net/link", ELOOP, ELOOP, "links are not followed" },
		{ "net/dirlink/x", ELOOP, ELOOP, "nor on the way" },
	};
	struct tree t;
	char path[PATH_MAX];
	(void)state;

	tree_open(&t);
	tree_put(&t, "net/ro", "1");
	tree_mode(&t, "net/ro", 0444);
	tree_put(&t, "net/wo", "1");
	tree_mode(&t, "net/wo", 0200);
	tree_put(&t, "net/rw", "1");
	tree_put(&t, "net/dir/x", "1");
	tree_path(&t, "net/link", path);
	assert_int_equal(symlink("/etc/hostname", path), 0);
	tree_path(&t, "net/dirlink", path);
	assert_int_equal(symlink("dir", path), 0);
	struct procsys *ps = sys_open(&t);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *raw;
		size_t len;
		struct name n = name_of(rows[i].key);
		if (procsys_read(ps, &n, &raw, &len) != rows[i].read_err ||
		        procsys_writable(ps, &n) != rows[i].write_err)
			fail_msg("%s: %s", rows[i].key, rows[i].remark);
	}
	procsys_close(ps);
	tree_close(&t);
}

/* struct name refuses these; should one ever get through, the descriptor still does not leave the root. */
static void stays_beneath(void **state)
{
	struct tree t;
	const char *raw;
	size_t len;
	(void)state;

	tree_open(&t);
	tree_put(&t, "net/a", "1");
	struct procsys *ps = sys_open(&t);
	struct name n;
	snprintf(n.path, sizeof n.path, "../../../etc/hostname");
	assert_int_equal(procsys_read(ps, &n, &raw, &len), EXDEV);
	snprintf(n.path, sizeof n.path, "/etc/hostname");
	assert_int_equal(procsys_read(ps, &n, &raw, &len), EXDEV);
	procsys_close(ps);
	tree_close(&t);
}

struct found {
	char text[1024];
};

static int collect(void *ctx, const struct name *n)
{
	struct found *f = ctx;
	size_t len = strlen(f->text);

	snprintf(f->text + len, sizeof f->text - len, "%s ", n->path);
	return 0;
}

static int stop_at_once(void *ctx, const struct name *n)
{
	(void)ctx, (void)n;
	return 7;
}

static void finds_matches(void **state)
{
	static const struct {
		const char *pattern, *plain, *coupled, *remark;
	} rows[] = {
		{ "net/ipv4/conf/*/rp_filter",
		        "net/ipv4/conf/eth0/rp_filter net/ipv4/conf/eth0.100/rp_filter ",
		        "net/ipv4/conf/all/rp_filter net/ipv4/conf/default/rp_filter "
		        "net/ipv4/conf/eth0/rp_filter "
		        "net/ipv4/conf/eth0.100/rp_filter ",
		        "a star below conf means interfaces" },
		{ "net/ipv4/*", "net/ipv4/a net/ipv4/b ", "net/ipv4/a net/ipv4/b ", "files only" },
		{ "net/ipv4/conf/eth0/**", "net/ipv4/conf/eth0/deep/x net/ipv4/conf/eth0/rp_filter ",
		        "net/ipv4/conf/eth0/deep/x net/ipv4/conf/eth0/rp_filter ", "any depth" },
		{ "net/ipv4/a", "net/ipv4/a ", "net/ipv4/a ", "no wildcard" },
		{ "net/ipv4/conf", "", "", "a directory is no key" },
		{ "net/ipv9/*", "", "", "nothing there" },
		{ "net/ipv4/conf/*/none", "", "", "no such leaf" },
	};
	struct tree t;
	(void)state;

	tree_open(&t);
	tree_put(&t, "net/ipv4/a", "1");
	tree_put(&t, "net/ipv4/b", "1");
	tree_put(&t, "net/ipv4/conf/all/rp_filter", "1");
	tree_put(&t, "net/ipv4/conf/default/rp_filter", "1");
	tree_put(&t, "net/ipv4/conf/eth0/rp_filter", "1");
	tree_put(&t, "net/ipv4/conf/eth0/deep/x", "1");
	tree_put(&t, "net/ipv4/conf/eth0.100/rp_filter", "1");
	tree_put(&t, "net/ipv4/conf/bad name/rp_filter", "1");
	tree_put(&t, "net/ipv4/conf/*/rp_filter", "1");
	struct procsys *ps = sys_open(&t);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct found plain = { "" }, coupled = { "" };
		struct name n = name_of(rows[i].pattern);
		assert_int_equal(procsys_each(ps, &n, collect, &plain), 0);
		assert_int_equal(procsys_each_coupled(ps, &n, collect, &coupled), 0);
		if (strcmp(plain.text, rows[i].plain) != 0 || strcmp(coupled.text, rows[i].coupled) != 0)
			fail_msg("%s (%s): '%s' '%s'", rows[i].pattern, rows[i].remark, plain.text,
			        coupled.text);
	}
	struct name all = name_of("net/**");
	assert_int_equal(procsys_each(ps, &all, stop_at_once, NULL), 7);
	procsys_close(ps);
	tree_close(&t);
}

static void refuses_what_is_no_procfs(void **state)
{
	static const struct {
		const char *root;
		int rc;
		const char *remark;
	} rows[] = {
		{ "/tmp", KE_UNSUPPORTED, "a disk" },
		{ "/proc", KE_UNSUPPORTED, "procfs, but not its sysctl directory" },
		{ "/proc/sys/net", KE_UNSUPPORTED, "only a part of it" },
		{ "/proc/none", KE_NOENT, "not there" },
		{ "/proc/self", KE_NOENT, "a link" },
		{ PROCSYS_ROOT, 0, "the real one" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct procsys *ps = NULL;
		struct fault f;
		int rc = procsys_open(rows[i].root, PROCSYS_KERNEL, &ps, &f);
		/* A link with O_NOFOLLOW | O_DIRECTORY is ENOTDIR, which the error space calls "not found". */
		if (rc != rows[i].rc)
			fail_msg("%s (%s): %s", rows[i].root, rows[i].remark, err_text(rc));
		procsys_close(ps);
	}
}

/* A key that somebody mounts over is not that key any more. */
static void sees_a_mount_over_a_key(void **state)
{
	struct procsys *ps = NULL;
	struct fault f;
	const char *raw;
	size_t len;
	(void)state;

	if (netns_enter())
		skip();
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		print_message("skipped: no mount namespace: %s\n", strerror(errno));
		skip();
	}
	assert_int_equal(procsys_open(PROCSYS_ROOT, PROCSYS_KERNEL, &ps, &f), 0);
	struct name n = name_of("net/ipv4/tcp_fin_timeout");
	assert_int_equal(procsys_read(ps, &n, &raw, &len), 0);
	assert_int_equal(mount("tmpfs", "/proc/sys/net/ipv4", "tmpfs", 0, NULL), 0);
	assert_int_equal(procsys_read(ps, &n, &raw, &len), EXDEV);
	assert_int_equal(procsys_writable(ps, &n), EXDEV);
	procsys_close(ps);
	assert_int_equal(umount("/proc/sys/net/ipv4"), 0);
	assert_int_equal(mount("tmpfs", PROCSYS_ROOT, "tmpfs", 0, NULL), 0);
	assert_int_equal(procsys_open(PROCSYS_ROOT, PROCSYS_KERNEL, &ps, &f), KE_UNSUPPORTED);
	assert_int_equal(umount(PROCSYS_ROOT), 0);
}

/* 84 KB of ports: read in one go, written in pieces on one descriptor. */
static void long_port_list_on_the_kernel(void **state)
{
	static char list[100000];
	struct procsys *ps = NULL;
	struct procsys_key k;
	struct fault f;
	const char *raw;
	size_t len, n = 0;
	(void)state;

	if (netns_enter())
		skip();
	for (int port = 1025; port < 32000; port += 2)
		n += (size_t)snprintf(list + n, sizeof list - n, "%s%d", n ? "," : "", port);
	assert_true(n > 70000);
	assert_int_equal(procsys_open(PROCSYS_ROOT, PROCSYS_KERNEL, &ps, &f), 0);
	struct name name = name_of("net.ipv4.ip_local_reserved_ports");
	assert_int_equal(procsys_key_open(ps, &name, PROCSYS_WRITE, &k), 0);
	assert_int_equal(procsys_key_write(&k, list, n), 0);
	assert_int_equal(procsys_key_read(&k, &raw, &len), 0);
	assert_int_equal(len, n);
	assert_memory_equal(raw, list, n);
	/* And back to none: an empty text is one newline, not an empty write, which would do nothing. */
	assert_int_equal(procsys_key_write(&k, "", 0), 0);
	assert_int_equal(procsys_key_read(&k, &raw, &len), 0);
	assert_int_equal(len, 0);
	/* A text that is no list cannot be cut. */
	memset(list, '1', 5000);
	assert_int_equal(procsys_key_write(&k, list, 5000), E2BIG);
	procsys_key_close(&k);
	procsys_close(ps);
}

static void short_write_is_seen_on_the_kernel(void **state)
{
	struct procsys *ps = NULL;
	struct procsys_key k;
	struct fault f;
	(void)state;

	if (netns_enter())
		skip();
	assert_int_equal(procsys_open(PROCSYS_ROOT, PROCSYS_KERNEL, &ps, &f), 0);
	struct name name = name_of("net.ipv4.tcp_max_tw_buckets");
	assert_int_equal(procsys_key_open(ps, &name, PROCSYS_WRITE, &k), 0);
	assert_int_equal(procsys_key_write(&k, "1200 # note", 11), EMSGSIZE);
	assert_int_equal(procsys_key_write(&k, "no number", 9), EINVAL);
	procsys_key_close(&k);
	procsys_close(ps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_writes),
		cmocka_unit_test(says_what_the_kernel_said),
		cmocka_unit_test(stays_beneath),
		cmocka_unit_test(finds_matches),
		cmocka_unit_test(refuses_what_is_no_procfs),
		cmocka_unit_test(long_port_list_on_the_kernel),
		cmocka_unit_test(short_write_is_seen_on_the_kernel),
		cmocka_unit_test(sees_a_mount_over_a_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
