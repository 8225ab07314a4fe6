/* BPF events: what of them is believed, and real writers in a network namespace and a control group of the test's own, seen by
 * BPF and by fanotify side by side. Needs root for the second part. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

#include "agent/bpf/cgroup2.h"
#include "agent/bpf/load.h"
#include "agent/watch/bpf.h"
#include "agent/watch/fanotify.h"
#include "proto/clock.h"

#define KEY         "net/ipv4/tcp_fin_timeout"
#define FILE_OF_KEY "/proc/sys/" KEY

static struct bpf_event event(const char *name)
{
	struct bpf_event e = { .name_status = (int32_t)strlen(name),
		.pid = 100,
		.own_pid = 100,
		.uid = 7,
		.flags = BPF_EVENT_KERNEL,
		.loginuid = UINT32_MAX,
		.comm = "sysctl",
		.exe = "busybox",
		.parent_pid = { 99, 1 },
		.parent_comm = { "sh", "init" },
		.cgroup = { "web.service", "system.slice", "" } };

	snprintf(e.name, sizeof e.name, "%s", name);
	return e;
}

static void names(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *name;
		int status;
		bool good;
	} rows[] = {
		{ "a key", KEY, 24, true },
		{ "an interface with a dot", "net/ipv4/conf/eth0.100/rp_filter", 32, true },
		{ "cut by the program", KEY, -7, false },
		{ "empty", "", 0, false },
		{ "leads out", "net/../kernel/core_pattern", 26, false },
		{ "a pattern", "net/ipv4/conf/*/rp_filter", 25, false },
		{ "dots only", "net.ipv4.ip_forward", 19, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bpf_event e = event(rows[i].name);
		struct name n;
		e.name_status = rows[i].status;
		bool good = bpf_event_name(&e, &n);
		if (good != rows[i].good || (good && strcmp(n.path, rows[i].name) != 0))
			fail_msg("%s", rows[i].remark);
	}
}

static struct writer seen(enum writer_state s, const char *comm)
{
	struct writer w = {
		.state = s, .pid = 100, .loginuid = -1, .uid = -1, .cmdline = "sysctl -w a=b", .word_len = 6
	};

	snprintf(w.comm, sizeof w.comm, "%s", comm);
	return w;
}

static void writers(void **state)
{
	(void)state;
	struct bpf_event e = event(KEY);
	struct writer w = seen(WRITER_GONE, "");

	bpf_event_writer(&e, true, &w);
	assert_int_equal(w.state, WRITER_KNOWN);
	assert_string_equal(w.comm, "sysctl");
	assert_string_equal(w.exe, "busybox");
	assert_string_equal(w.cgroup, "/system.slice/web.service");
	assert_string_equal(w.cmdline, "");
	assert_int_equal(w.uid, 7);
	assert_int_equal(w.loginuid, -1);
	assert_int_equal(w.n_chain, 2);
	assert_int_equal(w.chain[0].pid, 99);
	assert_string_equal(w.chain[1].comm, "init");

	/* Still there: /proc knows the arguments. */
	w = seen(WRITER_KNOWN, "sysctl");
	snprintf(w.cgroup, sizeof w.cgroup, "/longer/path");
	bpf_event_writer(&e, true, &w);
	assert_string_equal(w.cmdline, "sysctl -w a=b");
	assert_string_equal(w.cgroup, "/longer/path");
	/* Has executed something else since: those arguments are not the writer's. */
	w = seen(WRITER_KNOWN, "sleep");
	bpf_event_writer(&e, true, &w);
	assert_string_equal(w.comm, "sysctl");
	assert_string_equal(w.cmdline, "");
	/* Another pid namespace's numbers mean nothing. */
	w = seen(WRITER_GONE, "");
	bpf_event_writer(&e, false, &w);
	assert_int_equal(w.n_chain, 0);
	/* Ourselves. */
	w = seen(WRITER_OURSELVES, "");
	bpf_event_writer(&e, true, &w);
	assert_int_equal(w.state, WRITER_OURSELVES);
	/* Without the kernel's types there is less. */
	e.flags = 0;
	w = seen(WRITER_GONE, "");
	bpf_event_writer(&e, true, &w);
	assert_string_equal(w.comm, "sysctl");
	assert_string_equal(w.exe, "");
	assert_string_equal(w.cgroup, "");
	assert_int_equal(w.n_chain, 0);
}

static void deep_cgroup(void **state)
{
	(void)state;
	struct bpf_event e = event(KEY);
	struct writer w = seen(WRITER_GONE, "");

	for (int i = 0; i < BPF_CGROUP_LEVELS; i++)
		snprintf(e.cgroup[i], BPF_CGROUP_ROOM, "level%d", i);
	bpf_event_writer(&e, true, &w);
	assert_string_equal(w.cgroup, ".../level3/level2/level1/level0");
	/* Names as long as they can be are cut, not overrun. */
	w = seen(WRITER_GONE, "");
	for (int i = 0; i < BPF_CGROUP_LEVELS; i++)
		memset(e.cgroup[i], 'a' + i, BPF_CGROUP_ROOM);
	bpf_event_writer(&e, true, &w);
	assert_true(strlen(w.cgroup) < WRITER_CGROUP_ROOM);
}

/* ---- in namespaces of our own ---- */

#define CHECK(cond)                                                                                          \
	do {                                                                                                 \
		if (!(cond)) {                                                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                           \
			_exit(1);                                                                            \
		}                                                                                            \
	} while (0)

#define EVENTS 64

struct world {
	struct bpf_loaded loaded;
	struct bpf_reader *reader;
	struct bpf_event events[EVENTS];
	size_t n;
	unsigned news;
	struct fanotify_marks *marks;
	struct fanotify_source source;
	struct fanotify_event fan[EVENTS];
	size_t n_fan;
	unsigned fan_news;
};

static char group[PATH_MAX + 64]; /* the test's control group */
static char dir[] = "/tmp/kedge-bpf-XXXXXX";

static void world_open(struct world *w, const struct load_options *opt)
{
	struct fault f = { 0 }, note = { 0 };
	int rc = load_program(group, opt, &w->loaded, &note, &f);

	if (rc)
		fprintf(stderr, "%s: %s\n", f.where, f.what);
	CHECK(rc == 0);
	if (!opt->plain && !w->loaded.kernel)
		fprintf(stderr, "%s: %s\n", note.where, note.what);
	CHECK(w->loaded.kernel == !opt->plain);
	CHECK(bpf_reader_open(w->loaded.ring_fd, w->loaded.desk_fd, &w->reader, &f) == 0);
	int root = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK(root >= 0);
	CHECK(fanotify_marks_open("/proc/sys", &w->marks, &f) == 0);
	CHECK(fanotify_marks_add(w->marks, "net", true, &f) == 0);
	w->source = FANOTIFY_SOURCE(fanotify_marks_fd(w->marks), root);
}

static void world_close(struct world *w)
{
	bpf_reader_close(w->reader);
	load_close(&w->loaded);
	fanotify_marks_close(w->marks);
	close(w->source.root_fd);
	w->reader = NULL;
}

/* What both saw since the last time. */
static void collect(struct world *w)
{
	int64_t resume, now = clock_boot_ms(&clock_system);

	w->news = bpf_reader_read(w->reader, now, w->events, EVENTS, &w->n, &resume);
	w->fan_news = fanotify_source_read(&w->source, now, w->fan, EVENTS, &w->n_fan, &resume);
}

static pid_t start(const char *command)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);
		dup2(null, 2);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	return pid;
}

static int run(const char *command)
{
	int status;
	pid_t pid = start(command);

	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

/* The table of who sees which writer. D is a directory of the test's own. */
static const struct writer_row {
	const char *remark, *command;
	unsigned fanotify, bpf, plain; /* events of the key; plain: without the kernel's types */
	bool ours;                     /* fanotify says that the key is ours */
} writer_rows[] = {
	{ "sysctl", "sysctl -qw net.ipv4.tcp_fin_timeout=41", 1, 1, 1, true },
	{ "shell", "echo 42 >" FILE_OF_KEY, 1, 1, 1, true },
	{ "the same value again", "echo 42 >" FILE_OF_KEY, 1, 1, 1, true },
	{ "other mount namespace", "unshare --mount sh -c 'echo 43 >" FILE_OF_KEY "'", 1, 1, 1, true },
	{ "own procfs, same processes",
	        "unshare --mount sh -c 'mount -t proc proc $D && echo 44 >$D/sys/" KEY "'", 0, 1, 1, false },
	{ "container on the host's network",
	        "unshare --mount --pid --fork --mount-proc sysctl -qw net.ipv4.tcp_fin_timeout=45", 0, 1, 1,
	        false },
	{ "its own control group as well",
	        "unshare --cgroup --mount --pid --fork --mount-proc sysctl -qw net.ipv4.tcp_fin_timeout=46",
	        0, 1, 1, false },
	{ "other network namespace, our procfs", "unshare --net sh -c 'echo 47 >" FILE_OF_KEY "'", 0, 0, 1,
	        false },
	{ "other network namespace, own procfs",
	        "unshare --net --mount --pid --fork --mount-proc sysctl -qw net.ipv4.tcp_fin_timeout=48", 0,
	        0, 1, false },
	{ "our key's descriptor in another network namespace",
	        "exec 3<>" FILE_OF_KEY "; unshare --net sh -c 'echo 49 >&3'", 1, 1, 1, true },
	{ "refused by the kernel", "echo none >" FILE_OF_KEY, 0, 1, 1, false },
	{ "opened, truncated, nothing written", ": >" FILE_OF_KEY, 0, 0, 0, false },
	{ "read", "cat " FILE_OF_KEY " >/dev/null", 0, 0, 0, false },
};

static void table(struct world *w, bool plain)
{
	for (size_t i = 0; i < sizeof writer_rows / sizeof *writer_rows; i++) {
		const struct writer_row *r = &writer_rows[i];
		unsigned bpf = 0, fan = 0;
		run(r->command);
		collect(w);
		for (size_t j = 0; j < w->n; j++)
			bpf += strcmp(w->events[j].name, KEY) == 0;
		for (size_t j = 0; j < w->n_fan; j++)
			fan += strcmp(w->fan[j].name.path, KEY) == 0 && w->fan[j].ours == r->ours;
		if (bpf != (plain ? r->plain : r->bpf) || fan != r->fanotify || w->news) {
			fprintf(stderr, "%s: BPF %u fanotify %u news %u\n", r->remark, bpf, fan, w->news);
			_exit(1);
		}
	}
}

/* Key and new value, and who: everything in the event, since the writer is gone. */
static void what_is_told(struct world *w)
{
	struct stat net, mnt;
	CHECK(stat("/proc/self/ns/net", &net) == 0 && stat("/proc/self/ns/mnt", &mnt) == 0);

	run("sysctl -qw net.ipv4.tcp_fin_timeout=51; true");
	collect(w);
	CHECK(w->n == 1);
	const struct bpf_event *e = &w->events[0];
	CHECK(strcmp(e->name, KEY) == 0 && strncmp(e->value, "51", 2) == 0);
	CHECK(strcmp(e->comm, "sysctl") == 0 && strcmp(e->exe, "sysctl") == 0);
	CHECK(e->uid == 0 && e->pid == e->own_pid && e->own_pid > 0);
	CHECK(e->key_netns == net.st_ino && e->netns == net.st_ino && e->mntns == mnt.st_ino);
	CHECK(strcmp(e->parent_comm[0], "sh") == 0 && e->parent_pid[1] == (uint32_t)getpid());
	CHECK(strcmp(e->cgroup[0], strrchr(group, '/') + 1) == 0);
	CHECK(!(e->flags & BPF_EVENT_HOST_WIDE));

	/* The key is ours, the writer is not. */
	run("exec 3<>" FILE_OF_KEY "; unshare --net sh -c 'echo 52 >&3'");
	collect(w);
	CHECK(w->n == 1 && w->events[0].key_netns == net.st_ino && w->events[0].netns != net.st_ino);
	/* One write changes several keys; its own name is all that an event tells. */
	run("echo 1 >/proc/sys/net/ipv4/ip_forward");
	collect(w);
	CHECK(w->n == 1 && strcmp(w->events[0].name, "net/ipv4/ip_forward") == 0);
	/* Netlink is seen by nobody. */
	CHECK(run("ip link set dev lo addrgenmode random && grep -q 3 "
	          "/proc/sys/net/ipv6/conf/lo/addr_gen_mode") == 0);
	collect(w);
	CHECK(w->n == 0 && w->n_fan == 0);
}

/* The ring wakes who waits, and what does not fit is known to be missing. */
static void too_many(struct world *w)
{
	struct pollfd p = { .fd = w->loaded.ring_fd, .events = POLLIN };
	int64_t resume = 0, now = clock_boot_ms(&clock_system);
	char one[2] = "1";
	int fd = open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0 && poll(&p, 1, 0) == 0);
	CHECK(pwrite(fd, one, 1, 0) == 1);
	CHECK(poll(&p, 1, 2000) == 1);
	collect(w);
	CHECK(w->n == 1 && w->events[0].pid == (uint32_t)getpid());
	for (unsigned i = 0; i < BPF_RING_BYTES / sizeof(struct bpf_event) + 10; i++)
		CHECK(pwrite(fd, one, 1, 0) == 1);
	now += 1000;
	unsigned news = 0, all = 0, got;
	size_t n;
	do {
		got = bpf_reader_read(w->reader, now, w->events, EVENTS, &n, &resume);
		news |= got;
		all += (unsigned)n;
	} while (got & BPF_MORE);
	CHECK((news & BPF_POLL_NOW) && (news & BPF_FLOODED) && all == BPF_BUDGET && resume == now + 1000);
	CHECK(bpf_reader_flooded(w->reader, now) && bpf_reader_flooded(w->reader, now + 1999));
	CHECK(!bpf_reader_flooded(w->reader, now + 2000)); /* and nothing comes any more */
	CHECK(bpf_reader_desk(w->reader)->lost >= 10);
	CHECK(poll(&p, 1, 0) == 0);
	/* It goes on in the next second. */
	CHECK(pwrite(fd, one, 1, 0) == 1);
	CHECK(bpf_reader_read(w->reader, now + 1000, w->events, EVENTS, &n, &resume) == 0 && n == 1);
	CHECK(bpf_reader_flooded(w->reader, now + 1000)); /* the last second was */
	CHECK(bpf_reader_read(w->reader, now + 2000, w->events, EVENTS, &n, &resume) == 0 && n == 0);
	CHECK(!bpf_reader_flooded(w->reader, now + 2000));
	close(fd);
}

/* Nothing is left when the descriptors are gone: the program does not run any more. */
static void gone_with_its_link(struct world *w)
{
	int64_t resume;

	close(w->loaded.link_fd);
	w->loaded.link_fd = -1;
	run("echo 53 >" FILE_OF_KEY);
	CHECK(bpf_reader_read(w->reader, clock_boot_ms(&clock_system) + 5000, w->events, EVENTS, &w->n,
	              &resume) == 0);
	CHECK(w->n == 0);
}

static void in_child(void (*test)(void))
{
	struct cgroup2 c;
	struct fault f;
	int status;

	if (geteuid() != 0 || cgroup2_find(&c, &f) != 0) {
		print_message("no root, or no cgroup2\n");
		skip();
	}
	snprintf(group, sizeof group, "%s/kedge-test-bpf.%d", c.path, (int)getpid());
	if (mkdir(group, 0755)) {
		print_message("no control group can be made here: %s\n", strerror(errno));
		skip();
	}
	assert_non_null(mkdtemp(dir));
	setenv("D", dir, 1);
	pid_t pid = fork();
	if (pid == 0) {
		char procs[sizeof group + 16];
		snprintf(procs, sizeof procs, "%s/cgroup.procs", group);
		int fd = open(procs, O_WRONLY | O_CLOEXEC);
		CHECK(fd >= 0 && dprintf(fd, "0") == 1);
		close(fd);
		CHECK(unshare(CLONE_NEWNET | CLONE_NEWNS) == 0);
		CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
		test();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	rmdir(dir);
	memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
	static const char *const below[] = { "exempt/a/b", "exempt/a", "exempt", "beside", "." };
	for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
		char path[sizeof group + 32];
		snprintf(path, sizeof path, strcmp(below[i], ".") == 0 ? "%s" : "%s/%s", group, below[i]);
		/* Who ended is on his way out a little longer. */
		for (int n = 0; n < 100 && rmdir(path) && errno == EBUSY; n++)
			usleep(20000);
	}
	assert_int_not_equal(access(group, F_OK), 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_typed(void)
{
	struct world w = { 0 };
	const struct load_options o = { .locks = false };

	world_open(&w, &o);
	table(&w, false);
	what_is_told(&w);
	too_many(&w);
	gone_with_its_link(&w);
	world_close(&w);
}

static void test_plain(void)
{
	struct world w = { 0 };
	const struct load_options o = { .plain = true };

	world_open(&w, &o);
	table(&w, true);
	run("sysctl -qw net.ipv4.tcp_fin_timeout=51; true");
	collect(&w);
	CHECK(w.n == 1 && strcmp(w.events[0].comm, "sysctl") == 0 && w.events[0].flags == 0);
	world_close(&w);
}

#define WRITE(VALUE) "echo " VALUE " >" FILE_OF_KEY
#define HOLDS(VALUE) "[ $(cat " FILE_OF_KEY ") = " VALUE " ]"

/* Who is refused when KEY is locked for everybody but us. All these run in our control group. */
static const struct lock_case {
	const char *remark, *command;
	bool refused;
} lock_cases[] = {
	{ "shell", WRITE("41"), true },
	{ "sysctl", "sysctl -qw net.ipv4.tcp_fin_timeout=42", true },
	{ "the value that it has", WRITE("60"), true },
	{ "own procfs", "unshare --mount --pid --fork --mount-proc sh -c '" WRITE("43") "'", true },
	{ "our key's descriptor in another network namespace",
	        "exec 3<>" FILE_OF_KEY "; unshare --net sh -c 'echo 44 >&3'", true },
	{ "another namespace's key of that name", "unshare --net sh -c '" WRITE("45") " && " HOLDS("45") "'",
	        false },
	{ "another key", "echo 1 >/proc/sys/net/ipv4/ip_forward", false },
	{ "reading", "cat " FILE_OF_KEY " >/dev/null", false },
	{ "an exempt control group", "echo $$ >$G/exempt/cgroup.procs && " WRITE("60"), false },
	{ "one below it", "echo $$ >$G/exempt/a/b/cgroup.procs && " WRITE("60"), false },
	{ "one beside it", "echo $$ >$G/beside/cgroup.procs && " WRITE("47"), true },
};

static void refusals(struct world *w)
{
	for (size_t i = 0; i < sizeof lock_cases / sizeof *lock_cases; i++) {
		const struct lock_case *c = &lock_cases[i];
		int status = run(c->command);
		unsigned refused = 0;
		collect(w);
		for (size_t j = 0; j < w->n; j++)
			refused += (w->events[j].flags & BPF_EVENT_REFUSED) &&
			           strcmp(w->events[j].name, KEY) == 0 && w->events[j].comm[0];
		if ((status != 0) != c->refused || refused != c->refused || run(HOLDS("60"))) {
			fprintf(stderr, "%s: status %d refused %u\n", c->remark, status, refused);
			_exit(1);
		}
	}
}

static void make_groups(void)
{
	static const char *const names[] = { "exempt", "exempt/a", "exempt/a/b", "beside" };
	char path[sizeof group + 32];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", group, names[i]);
		CHECK(mkdir(path, 0755) == 0);
	}
}

static void test_locks(void)
{
	char exempt_path[sizeof group + 32];
	const char *const exempt[] = { exempt_path };
	const struct load_options o = { .locks = true, .exempt = exempt, .n_exempt = 1 };
	const struct name key = { KEY };
	struct world w = { 0 };
	char own[] = "60";

	make_groups();
	setenv("G", group, 1);
	snprintf(exempt_path, sizeof exempt_path, "%s/exempt", group);
	world_open(&w, &o);
	CHECK(w.loaded.locks && bpf_reader_desk(w.reader)->locks);
	int fd = open(FILE_OF_KEY, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0 && pwrite(fd, own, 2, 0) == 2);
	collect(&w);
	CHECK(bpf_lock_set(w.reader, &key, 1, getpid()) == 0);
	CHECK(pwrite(fd, own, 2, 0) == 2); /* ourselves */
	collect(&w);
	refusals(&w);
	/* Somebody else than us may write. */
	CHECK(bpf_lock_set(w.reader, &key, 1, 1) == 0);
	CHECK(pwrite(fd, own, 2, 0) < 0 && errno == EPERM);
	/* A full ring is no way around. */
	for (unsigned i = 0; i < BPF_RING_BYTES / sizeof(struct bpf_event) + 10; i++)
		CHECK(pwrite(fd, own, 2, 0) < 0);
	CHECK(bpf_reader_desk(w.reader)->lost >= 10);
	/* Given free; and gone with the link. */
	CHECK(bpf_lock_set(w.reader, NULL, 0, 1) == 0 && pwrite(fd, own, 2, 0) == 2);
	CHECK(bpf_lock_set(w.reader, &key, 1, 1) == 0 && pwrite(fd, own, 2, 0) < 0);
	close(w.loaded.link_fd);
	w.loaded.link_fd = -1;
	CHECK(pwrite(fd, own, 2, 0) == 2);
	close(fd);
	world_close(&w);
}

static void who_is_refused(void **state)
{
	(void)state;
	in_child(test_locks);
}

/* As many as the table takes, and not more; never half of them. */
static void test_lock_table(void)
{
	static struct name keys[BPF_LOCK_SLOTS];
	const struct load_options o = { .locks = true }, plain = { .plain = true };
	struct world w = { 0 };

	for (size_t i = 0; i < BPF_LOCK_SLOTS; i++)
		snprintf(keys[i].path, sizeof keys[i].path, "net/ipv4/conf/eth%zu/rp_filter", i);
	world_open(&w, &o);
	CHECK(bpf_lock_set(w.reader, keys, 300, 1) == 0 && bpf_reader_desk(w.reader)->n_locked == 300);
	CHECK(bpf_lock_set(w.reader, keys, BPF_LOCK_SLOTS, 1) == KE_TOOBIG &&
	        bpf_reader_desk(w.reader)->n_locked == 0);
	memset(keys[0].path, 'a', BPF_NAME_ROOM);
	CHECK(bpf_lock_set(w.reader, keys, 1, 1) == KE_TOOBIG);
	world_close(&w);
	world_open(&w, &plain);
	CHECK(bpf_lock_set(w.reader, keys + 1, 1, 1) == KE_UNSUPPORTED &&
	        bpf_lock_set(w.reader, NULL, 0, 1) == 0);
	world_close(&w);
}

static void lock_table(void **state)
{
	(void)state;
	in_child(test_lock_table);
}

static void who_sees_which_writer(void **state)
{
	(void)state;
	in_child(test_typed);
}

static void without_types(void **state)
{
	(void)state;
	in_child(test_plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(writers),
		cmocka_unit_test(deep_cgroup),
		cmocka_unit_test(who_sees_which_writer),
		cmocka_unit_test(without_types),
		cmocka_unit_test(who_is_refused),
		cmocka_unit_test(lock_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
