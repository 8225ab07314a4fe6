/* The knowledge base against the kernel that runs here, in a fresh network namespace: every key of a namespace is where and as
 * writable as it says, starts with the default that it says, takes its least and its greatest number and refuses the next ones,
 * and reads back in the canonical text. Where the kernel is known to differ, a row says why. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

#include "policies/knowledge.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

enum oddity {
	PLAIN,
	BY_HZ, /* kept in ticks: the kernel's own limits are those of the table divided by its clock rate */
	LOOSER_LOW /* the kernel takes less than the table's least, and kedge does not on purpose; its greatest is BY_HZ */
};

static const struct row {
	const char *path;
	enum oddity oddity;
	const char *first, *value; /* to be written before the greatest number is tried */
	const char *remark;
} rows[] = {
	{ "net/ipv4/ip_unprivileged_port_start", PLAIN, "net/ipv4/ip_local_port_range", "65535 65535",
	        "ends where the port range begins" },
	{ "net/ipv4/tcp_reordering", PLAIN, "net/ipv4/tcp_max_reordering", "2147483647",
	        "at most tcp_max_reordering" },
	{ "net/ipv4/tcp_fin_timeout", BY_HZ, NULL, NULL, "jiffies" },
	{ "net/ipv4/tcp_keepalive_intvl", BY_HZ, NULL, NULL, "jiffies" },
	{ "net/ipv4/tcp_keepalive_time", BY_HZ, NULL, NULL, "jiffies" },
	{ "net/ipv4/tcp_probe_interval", BY_HZ, NULL, NULL, "jiffies, unsigned" },
	{ "net/netfilter/nf_conntrack_*timeout*", LOOSER_LOW, NULL, NULL, "a negative time is nonsense" },
};

static const struct row plain = { .oddity = PLAIN };

static const struct row *row_of(const struct knob *k)
{
	for (size_t i = 0; i < LEN(rows); i++)
		if (strcmp(rows[i].path, k->path) == 0 ||
		        (rows[i].oddity == LOOSER_LOW &&
		                strncmp(k->path, "net/netfilter/nf_conntrack_", 27) == 0 &&
		                strstr(k->path, "timeout")))
			return &rows[i];
	return &plain;
}

/* The file of PATH; a '*' stands for the interface that every namespace has. */
static void proc_path(const char *path, char *ret, size_t size)
{
	const char *star = strchr(path, '*');
	snprintf(ret, size, "/proc/sys/%.*s%s%s", star ? (int)(star - path) : 200, path, star ? "lo" : "",
	        star ? star + 1 : "");
}

static int kernel_write(const char *path, const char *value)
{
	char proc[256];
	proc_path(path, proc, sizeof proc);
	int fd = open(proc, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	int err = write(fd, value, strlen(value)) == (ssize_t)strlen(value) ? 0 : errno ? errno : EIO;
	close(fd);
	return err;
}

static int kernel_write_int(const char *path, int64_t v)
{
	char text[32];
	snprintf(text, sizeof text, "%lld", (long long)v);
	errno = 0;
	return kernel_write(path, text);
}

/* What the kernel shows, canonical by SHAPE; NULL when it cannot be read. */
static char *kernel_read(const char *path, const struct value_shape *shape)
{
	static char raw[70000];
	char proc[256], *canonical = NULL;
	proc_path(path, proc, sizeof proc);
	int fd = open(proc, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	ssize_t n = read(fd, raw, sizeof raw);
	close(fd);
	assert_true(n >= 0);
	assert_int_equal(value_observed(shape, raw, (size_t)n, &canonical), 0);
	return canonical;
}

static uint32_t running_kernel(void)
{
	struct utsname u;
	unsigned major = 0, minor = 0;
	assert_int_equal(uname(&u), 0);
	assert_int_equal(sscanf(u.release, "%3u.%3u", &major, &minor), 2);
	return KERNEL(major, minor);
}

/* The kernel that the facts were measured on; others may have other defaults and bounds. */
static void needs_measured_kernel(void)
{
	if (running_kernel() == KERNEL(6, 18))
		return;
	print_message("nobody has measured this kernel yet\n");
	skip();
}

/* A fresh namespace around us, or nothing can be tried. */
static void needs_namespace(void)
{
	if (unshare(CLONE_NEWNET))
		skip();
}

static void keys_are_where_the_table_says(void **state)
{
	size_t n, seen = 0;
	const struct knob *all = knowledge_all(&n);
	uint32_t kernel = running_kernel();
	(void)state;
	needs_measured_kernel();
	needs_namespace();
	for (size_t i = 0; i < n; i++) {
		const struct knob *k = &all[i];
		char proc[256];
		struct stat st;
		proc_path(k->path, proc, sizeof proc);
		bool there = stat(proc, &st) == 0;
		bool expected = k->scope != KNOB_HOST && (!k->added || kernel >= k->added) &&
		                (!k->removed || kernel < k->removed);
		print_message("%s\n", k->path);
		if (!there && (knob_module(k) || knowledge_doc(k).requires))
			continue; /* another kernel was built without it */
		assert_int_equal(there, expected);
		if (!there)
			continue;
		seen++;
		bool writable = st.st_mode & S_IWUSR;
		if (strncmp(k->path, "net/", 4) == 0)
			assert_int_equal(writable, k->scope == KNOB_NETNS && !k->read_only);
	}
	assert_true(seen > 80);
}

static void a_fresh_namespace_has_the_defaults(void **state)
{
	size_t n, seen = 0;
	const struct knob *all = knowledge_all(&n);
	(void)state;
	needs_measured_kernel();
	needs_namespace();
	for (size_t i = 0; i < n; i++) {
		const struct knob *k = &all[i];
		struct knob_doc doc = knowledge_doc(k);
		char *now = kernel_read(k->path, &k->shape);
		if (now && k->scope == KNOB_NETNS && doc.initial && doc.starts_from &&
		        strcmp(doc.starts_from, "default") == 0) {
			print_message("%s: %s\n", k->path, now);
			assert_string_equal(now, doc.initial);
			seen++;
		}
		free(now);
	}
	assert_true(seen > 60);
}

static int64_t number(const char *path)
{
	char *text = kernel_read(path, &value_shape_text);
	assert_non_null(text);
	int64_t v = strtoll(text, NULL, 10);
	free(text);
	return v;
}

/* Defaults that are computed: from the size of the hash of connections, which follows the memory. */
static void computed_defaults(void **state)
{
	(void)state;
	needs_namespace();
	int64_t buckets = number("net/ipv4/tcp_ehash_entries");
	buckets = buckets < 0 ? -buckets : buckets; /* negative: shared with the host */
	int64_t backlog = buckets / 128 > 128 ? buckets / 128 : 128;
	assert_true(buckets > 0 && (buckets & (buckets - 1)) == 0);
	assert_int_equal(number("net/ipv4/tcp_max_tw_buckets"), buckets / 2);
	assert_int_equal(number("net/ipv4/tcp_max_syn_backlog"), backlog);
}

/* A default that is computed is told in words. */
static void every_key_tells_its_default(void **state)
{
	size_t n;
	const struct knob *all = knowledge_all(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct knob_doc doc = knowledge_doc(&all[i]);
		print_message("%s\n", all[i].path);
		if (all[i].scope == KNOB_NETNS && !all[i].read_only && !all[i].removed && !all[i].danger)
			assert_true(doc.initial || doc.initial_rule);
	}
}

static void reads_back(const struct knob *k, int64_t v)
{
	char text[32], *wanted = NULL;
	snprintf(text, sizeof text, "%lld", (long long)v);
	assert_int_equal(value_wanted(&k->shape, text, strlen(text), &wanted, NULL), 0);
	char *got = kernel_read(k->path, &k->shape);
	if (strcmp(k->path, "net/ipv4/tcp_invalid_ratelimit") == 0) {
		/* milliseconds kept in ticks: rounded up to the next one */
		int64_t more = strtoll(got, NULL, 10) - v;
		assert_true(more >= 0 && more < 10);
	} else {
		assert_string_equal(got, wanted);
	}
	free(got);
	free(wanted);
}

/* The kernel's limit of what is kept in ticks is that of 100 ticks a second, or a like part of it. */
static void greatest_by_hz(const struct knob *k, int64_t max)
{
	static const int64_t rates[] = { 100, 250, 300, 1000 };
	if (strcmp(k->path, "net/ipv4/tcp_probe_interval") == 0) {
		/* unsigned, and the multiplication saturates before the limit: only that it ends somewhere */
		assert_int_equal(kernel_write_int(k->path, max / 10), 0);
		reads_back(k, max / 10);
		assert_int_not_equal(kernel_write_int(k->path, UINT32_MAX), 0);
		return;
	}
	for (size_t i = 0; i < LEN(rates); i++) {
		int64_t limit = INT32_MAX / rates[i];
		if (kernel_write_int(k->path, limit) == 0) {
			reads_back(k, limit);
			assert_int_equal(kernel_write_int(k->path, limit + 1), EINVAL);
			return;
		}
	}
	fail_msg("no limit of %s fits a clock rate", k->path);
}

static void int_bounds(const struct knob *k, const struct value_shape *shape)
{
	const struct row *r = row_of(k);
	if (r->first)
		assert_int_equal(kernel_write(r->first, r->value), 0);
	if (shape->has_min && r->oddity != BY_HZ) {
		assert_int_equal(kernel_write_int(k->path, shape->min), 0);
		reads_back(k, shape->min);
		if (r->oddity == LOOSER_LOW)
			assert_int_equal(kernel_write_int(k->path, shape->min - 1), 0);
		else
			assert_int_equal(kernel_write_int(k->path, shape->min - 1), EINVAL);
	}
	if (shape->has_max && r->oddity != PLAIN) {
		greatest_by_hz(k, shape->max);
	} else if (shape->has_max) {
		assert_int_equal(kernel_write_int(k->path, shape->max), 0);
		reads_back(k, shape->max);
		assert_int_equal(kernel_write_int(k->path, shape->max + 1), EINVAL);
	}
	/* What kedge refuses for want of a bound that the kernel has, it would only be told later: none lacks one unsaid. */
	if (!shape->has_max)
		assert_true(strstr(k->path, "_ns") != NULL); /* unsigned long of nanoseconds */
}

/* Every number of every key that a namespace has of its own. Each in a namespace of its own: some keys bind others. */
static void bounds_are_the_kernels(void **state)
{
	size_t n, seen = 0;
	const struct knob *all = knowledge_all(&n);
	uint32_t kernel = running_kernel();
	(void)state;
	needs_measured_kernel();
	needs_namespace();
	for (size_t i = 0; i < n; i++) {
		const struct knob *k = &all[i];
		char proc[256];
		proc_path(k->path, proc, sizeof proc);
		if (k->scope != KNOB_NETNS || k->read_only || k->shape.type != VALUE_INT ||
		        access(proc, W_OK))
			continue;
		struct value_shape shape = knowledge_bounds(k, kernel);
		print_message("%s: %lld .. %lld\n", k->path, (long long)shape.min, (long long)shape.max);
		if (row_of(k)->first)
			assert_int_equal(unshare(CLONE_NEWNET), 0);
		int_bounds(k, &shape);
		if (row_of(k)->first)
			assert_int_equal(unshare(CLONE_NEWNET), 0);
		seen++;
	}
	assert_true(seen > 80);
}

/* What is no single number: what is taken reads back in the canonical text, what is not is refused by both. */
static void forms_read_back(void **state)
{
	static const struct {
		const char *key, *value;
		int err; /* of the kernel; 0: taken, and reads back as kedge wants it */
		const char *remark;
	} forms[] = {
		{ "net.ipv4.tcp_rmem", "4096 131072 6291456", 0, "printed with tabs" },
		{ "net.ipv4.tcp_rmem", "4096\t131072   6291456", 0, "any blanks" },
		{ "net.ipv4.tcp_rmem", "4096 0 6291456", EINVAL, "each at least 1" },
		{ "net.ipv4.tcp_wmem", "1 2 2147483647", 0, "least and greatest" },
		{ "net.ipv4.tcp_wmem", "1 2 2147483648", EINVAL, "beyond an int" },
		{ "net.ipv4.ip_local_port_range", "1024 65535", 0, "printed with a tab" },
		{ "net.ipv4.ip_local_port_range", "2000 65536", EINVAL, "no such port" },
		{ "net.ipv4.ip_local_port_range", "2000 1999", EINVAL, "the wrong way round" },
		{ "net.ipv4.ip_local_reserved_ports", "8080,9000-9002,9003,1-5,3-4", 0, "merged and sorted" },
		{ "net.ipv4.ip_local_reserved_ports", "65535", 0, "the last port" },
		{ "net.ipv4.ip_local_reserved_ports", "65536", EINVAL, "no such port" },
		{ "net.ipv4.ip_local_reserved_ports", "9-8", EINVAL, "the wrong way round" },
		{ "net.ipv4.tcp_congestion_control", "reno", 0, "a word" },
		{ "net.ipv4.tcp_congestion_control", "no-such-algorithm", ENOENT, "only the kernel knows" },
		{ "net.core.rps_default_mask", "1", 0, "a mask, not padded" },
	};
	(void)state;
	needs_namespace();
	for (size_t i = 0; i < LEN(forms); i++) {
		struct name n;
		struct fault f;
		char *wanted = NULL;
		assert_int_equal(name_parse(forms[i].key, strlen(forms[i].key), &n, NULL), 0);
		const struct value_shape *shape = knowledge_shape(&n);
		print_message("%s = %s: %s\n", forms[i].key, forms[i].value, forms[i].remark);
		if (access("/proc/sys/net/core/rps_default_mask", F_OK) && strstr(forms[i].key, "rps"))
			continue;
		errno = 0;
		assert_int_equal(kernel_write(n.path, forms[i].value), forms[i].err);
		int rc = value_wanted(shape, forms[i].value, strlen(forms[i].value), &wanted, &f);
		if (forms[i].err != ENOENT)
			assert_int_equal(rc != 0, forms[i].err != 0);
		if (!forms[i].err) {
			char *got = kernel_read(n.path, shape);
			assert_string_equal(got, wanted);
			free(got);
		}
		free(wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_where_the_table_says),
		cmocka_unit_test(a_fresh_namespace_has_the_defaults),
		cmocka_unit_test(computed_defaults),
		cmocka_unit_test(every_key_tells_its_default),
		cmocka_unit_test(bounds_are_the_kernels),
		cmocka_unit_test(forms_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
