/* The sandbox in real processes: users and capabilities, Landlock's paths and ports, what is reported and what is missing, the
 * self-test. Each case is a child that locks the door and then tries it. Needs root for users and capabilities. */
#include "tests/support/sandbox_child.h"

#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* ---- becoming somebody else ---- */

static bool is_root(void)
{
	return geteuid() == 0;
}

static int errno_of_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

#define NOT_ROOT_ANY_MORE 10

static int becomes_keeper(const void *arg)
{
	struct fault f = { 0 };
	uint64_t caps = 0;

	(void)arg;
	if (sandbox_become(KEEPER_UID, KEEPER_UID, NET_ADMIN, &f)) {
		fprintf(stderr, "%s: %s\n", f.where, f.what);
		return 1;
	}
	if (getuid() != KEEPER_UID || getgid() != KEEPER_UID || getgroups(0, NULL) != 0)
		return 2;
	if (caps_effective(&caps) || caps != NET_ADMIN)
		return 3;
	if (setresuid(0, 0, 0) == 0 || setgid(0) == 0)
		return 4;
	for (unsigned cap = 0; cap < 41; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 && cap != CAP_NET_ADMIN)
			return 5;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 6;
	if (errno_of_open("/proc/sys/kernel/core_pattern", O_WRONLY) != EACCES)
		return 7;
	if (errno_of_open("/etc/shadow", O_RDONLY) != EACCES)
		return 8;
	return NOT_ROOT_ANY_MORE;
}

static void the_keeper_has_one_capability(void **state)
{
	(void)state;
	if (!is_root())
		skip();
	assert_int_equal(in_child(becomes_keeper, NULL), NOT_ROOT_ANY_MORE);
}

static int executes_with_caps(const void *arg)
{
	struct fault f;

	if (sandbox_become(KEEPER_UID, KEEPER_UID, *(const uint64_t *)arg, &f))
		return 99;
	execl("/bin/sh", "sh", "-c",
	        "c=$(sed -n 's/^CapEff:[ \t]*//p;' /proc/self/status); b=$(sed -n 's/^CapBnd:[ \t]*//p' "
	        "/proc/self/status);"
	        "[ \"$c\" = \"$b\" ] || exit 98; [ \"$c\" = 0000000000001000 ] && exit 12; "
	        "[ \"$c\" = 0000000000000000 ] && exit 13; exit 97",
	        (char *)NULL);
	return 96;
}

static void capabilities_survive_execve_and_nothing_else_does(void **state)
{
	(void)state;
	const uint64_t one = NET_ADMIN, none = 0;

	if (!is_root())
		skip();
	assert_int_equal(in_child(executes_with_caps, &one), 12);
	assert_int_equal(in_child(executes_with_caps, &none), 13);
}

static int root_without_capabilities(const void *arg)
{
	struct fault f;
	uint64_t caps = 1;

	(void)arg;
	if (sandbox_become(0, 0, NET_ADMIN, &f) || getuid() != 0 || caps_effective(&caps) ||
	        caps != NET_ADMIN)
		return 1;
	/* What makes Landlock a condition of the full profile: uid 0 opens it without any capability. */
	int naked = errno_of_open("/proc/sys/kernel/core_pattern", O_WRONLY);
	struct sandbox_report r;
	if (lock_as(SANDBOX_KEEPER, &r))
		return 2;
	if (r.landlock && errno_of_open("/proc/sys/kernel/core_pattern", O_WRONLY) != EACCES)
		return 3;
	return naked == 0 ? 20 : naked == EACCES || naked == EROFS ? 21 : 4;
}

static void uid_0_is_held_by_landlock(void **state)
{
	(void)state;
	if (!is_root() || landlock_abi() == 0)
		skip();
	int got = in_child(root_without_capabilities, NULL);
	assert_true(got == 20 || got == 21);
}

static int becomes_without_root(const void *arg)
{
	struct fault f = { 0 };

	(void)arg;
	if (setresuid(OTHER_UID, OTHER_UID, OTHER_UID))
		return 1;
	return sandbox_become(KEEPER_UID, KEEPER_UID, 0, &f) == KE_ACCES && f.todo[0] ? 30 : 2;
}

static void becoming_needs_root(void **state)
{
	(void)state;
	if (!is_root())
		skip();
	assert_int_equal(in_child(becomes_without_root, NULL), 30);
}

/* ---- Landlock ---- */

static int tries_paths(const void *arg)
{
	struct sandbox_report r;
	char from[256], to[256];

	(void)arg;
	if (lock_as(SANDBOX_KEEPER, &r))
		return 1;
	if (errno_of_open(at("rw/file"), O_RDWR) || errno_of_open(at("ro/file"), O_RDONLY))
		return 2;
	if (errno_of_open(at("ro/file"), O_WRONLY) != EACCES ||
	        errno_of_open(at("other"), O_RDONLY) != EACCES)
		return 3;
	if (errno_of_open("/etc/hostname", O_RDONLY) != EACCES)
		return 4;
	int fd = open(at("rw/made"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || close(fd))
		return 5;
	snprintf(from, sizeof from, "%s", at("rw/made"));
	snprintf(to, sizeof to, "%s", at("rw/moved"));
	if (rename(from, to) || unlink(to) || mkdir(at("rw/d"), 0700) || rmdir(at("rw/d")) == 0)
		return 6; /* directories are never removed */
	if (open(at("ro/made"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != EACCES)
		return 7;
	if (symlink("/etc/shadow", at("rw/link")) == 0)
		return 8;
	return 40;
}

static void only_the_named_paths_are_there(void **state)
{
	(void)state;
	if (landlock_abi() == 0)
		skip();
	setenv("KEDGE_SECCOMP", "errno", 1); /* symlink() is not on the list either */
	assert_int_equal(in_child(tries_paths, NULL), 40);
	unsetenv("KEDGE_SECCOMP");
}

/* ---- ports ---- */

static int errno_of_connect(uint16_t port)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) }
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc = connect(fd, (const struct sockaddr *)&to, sizeof to), err = errno;

	close(fd);
	return rc ? err : 0;
}

static int connects(const void *arg)
{
	const uint16_t *ports = arg;
	struct sandbox_report r;

	open_port = ports[0];
	if (errno_of_connect(ports[0]) || errno_of_connect(ports[1]))
		return 1; /* without a sandbox both answer */
	if (lock_as(SANDBOX_COURIER, &r) || r.missing[0])
		return 2;
	if (errno_of_connect(ports[0]))
		return 3;
	return errno_of_connect(ports[1]) == EACCES ? 45 : 4;
}

static int listener(uint16_t *ret_port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (const struct sockaddr *)&at, sizeof at) || listen(fd, 8) ||
	        getsockname(fd, (struct sockaddr *)&at, &len))
		fail_msg("no listener: %s", strerror(errno));
	*ret_port = ntohs(at.sin_port);
	return fd;
}

static void the_courier_reaches_its_ports_and_no_others(void **state)
{
	(void)state;
	uint16_t ports[2];

	if (landlock_abi() < SANDBOX_LANDLOCK_PORTS)
		skip();
	int a = listener(&ports[0]), b = listener(&ports[1]);
	assert_int_equal(in_child(connects, ports), 45);
	close(a);
	close(b);
}

/* ---- the report ---- */

static int reports(const void *arg)
{
	const char *mode = arg;
	struct sandbox_report r;
	struct fault f;

	if (sandbox_become(KEEPER_UID, KEEPER_UID, NET_ADMIN, &f) || lock_as(SANDBOX_KEEPER, &r))
		return 1;
	bool hard = strcmp(mode, "kill") == 0;
	if (r.uid != KEEPER_UID || r.caps != NET_ADMIN || r.no_new_privs != 1 || r.seccomp != 2 ||
	        r.refuses != hard || r.pid != getpid())
		return 2;
	if ((r.missing[0] == '\0') != (hard && r.landlock >= SANDBOX_LANDLOCK_FULL))
		return 3;
	if (hard && r.landlock &&
	        strcmp(r.selftest, "core_pattern EACCES, shadow EACCES, null EACCES, socket EACCES; 25 calls "
	                           "refused, execve SIGSYS") != 0)
		return 4;
	if (!hard && !strstr(r.selftest, "not tried"))
		return 5;
	return syscall(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0) == 2 ? 80 : 6;
}

static void the_report_tells_what_is_in_force(void **state)
{
	(void)state;
	if (!is_root())
		skip();
	assert_int_equal(in_child(reports, "kill"), 80);
	setenv("KEDGE_SECCOMP", "log", 1);
	assert_int_equal(in_child(reports, "log"), 80);
	unsetenv("KEDGE_SECCOMP");
}

static int locks_strictly(const void *arg)
{
	struct sandbox_rules rules = { .role = SANDBOX_KEEPER, .uid = getuid(), .strict = true };
	const char *lacks = arg;
	struct sandbox_report r;
	struct fault f = { 0 };

	caps_effective(&rules.caps);
	if (strcmp(lacks, "its user") == 0)
		rules.uid++;
	if (strcmp(lacks, "its capabilities") == 0)
		rules.caps ^= NET_ADMIN;
	int rc = sandbox_lock(&rules, &r, &f);
	if (!*lacks)
		return rc == 0 ? 90 : 2;
	return rc == KE_UNSUPPORTED && f.todo[0] && strstr(f.what, lacks) ? 90 : 1;
}

static void strict_refuses_half_a_sandbox(void **state)
{
	(void)state;
	if (landlock_abi() >= SANDBOX_LANDLOCK_FULL)
		assert_int_equal(in_child(locks_strictly, ""), 90);
	assert_int_equal(in_child(locks_strictly, "its user"), 90);
	assert_int_equal(in_child(locks_strictly, "its capabilities"), 90);
	setenv("KEDGE_SECCOMP", "log", 1);
	assert_int_equal(in_child(locks_strictly, "seccomp that refuses"), 90);
	unsetenv("KEDGE_SECCOMP");
}

static void what_is_missing_has_its_words(void **state)
{
	(void)state;
	static const struct {
		enum sandbox_role role;
		struct sandbox_report is;
		const char *want, *remark;
	} rows[] = {
		{ SANDBOX_KEEPER,
		        { .uid = 7,
		                .caps = 16,
		                .no_new_privs = 1,
		                .seccomp = 2,
		                .refuses = true,
		                .landlock = 3 },
		        "", "full" },
		{ SANDBOX_COURIER,
		        { .uid = 7,
		                .caps = 16,
		                .no_new_privs = 1,
		                .seccomp = 2,
		                .refuses = true,
		                .landlock = 3 },
		        "Landlock ABI 4 (this kernel has ABI 3)", "the courier's ports" },
		{ SANDBOX_COURIER,
		        { .uid = 7,
		                .caps = 16,
		                .no_new_privs = 1,
		                .seccomp = 2,
		                .refuses = true,
		                .landlock = 4 },
		        "", "" },
		{ SANDBOX_KEEPER,
		        { .uid = 7,
		                .caps = 16,
		                .no_new_privs = 1,
		                .seccomp = 2,
		                .refuses = true,
		                .landlock = 2 },
		        "Landlock ABI 3 (this kernel has ABI 2)", "as Linux 6.1" },
		{ SANDBOX_KEEPER, { .uid = 7, .caps = 16, .no_new_privs = 1 },
		        "Landlock (this kernel has none, or it is not switched on), seccomp (this kernel has "
		        "none)",
		        "two things" },
		{ SANDBOX_KEEPER, { .uid = 7, .caps = 16, .no_new_privs = 1, .seccomp = 2, .landlock = 6 },
		        "seccomp that refuses ($KEDGE_SECCOMP is log)", "" },
		{ SANDBOX_KEEPER,
		        { .uid = 0,
		                .caps = 255,
		                .no_new_privs = 1,
		                .seccomp = 2,
		                .refuses = true,
		                .landlock = 6 },
		        "its user (uid 0, not 7), its capabilities (ff, not 10)", "started by hand" },
		{ SANDBOX_KEEPER, { .uid = 7, .caps = 16, .seccomp = 2, .refuses = true, .landlock = 6 },
		        "no_new_privs", "" },
	};
	char text[192], few[16];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct sandbox_rules rules = { .role = rows[i].role, .uid = 7, .caps = 16 };
		size_t n = missing_tell(&rules, &rows[i].is, text, sizeof text);
		if (strcmp(text, rows[i].want) != 0 || n != strlen(text))
			fail_msg("row %zu (%s): '%s', not '%s'", i, rows[i].remark, text, rows[i].want);
		assert_true(missing_tell(&rules, &rows[i].is, few, sizeof few) < sizeof few);
	}
}

struct unlocked {
	enum sandbox_role role;
	struct sandbox_report is;
	const char *foreign, *notices;
};

static int selftest_unlocked(const void *arg)
{
	const struct unlocked *u = arg;
	const struct sandbox_rules rules = { .role = u->role, .foreign = u->foreign };
	char text[128];
	struct fault f = { 0 };

	/* As somebody who may not write the files of root, so that only the row's own door is open. */
	if (setresuid(KEEPER_UID, KEEPER_UID, KEEPER_UID))
		return 92;
	return sandbox_selftest(&rules, &u->is, text, sizeof text, &f) == KE_FORBIDDEN &&
	                       strstr(f.what, u->notices)
	               ? 91
	               : 1;
}

static int selftest_as_root(const void *arg)
{
	const struct sandbox_rules rules = { .role = SANDBOX_KEEPER };
	const struct sandbox_report is = { 0 };
	char text[128];
	struct fault f = { 0 };

	(void)arg;
	return sandbox_selftest(&rules, &is, text, sizeof text, &f) == KE_FORBIDDEN ? 91 : 1;
}

static void the_selftest_notices_an_open_door(void **state)
{
	(void)state;
	const struct unlocked rows[] = {
		{ SANDBOX_KEEPER, { .landlock = 0 }, NULL, "inet socket" },
		{ SANDBOX_KEEPER, { .landlock = 3 }, NULL, "/dev/null" },
		{ SANDBOX_COURIER, { .landlock = 0 }, dir, dir },
		{ SANDBOX_COURIER, { .landlock = 3 }, "/no/such/directory", "/dev/null" },
	};

	if (!is_root())
		skip();
	assert_int_equal(in_child(selftest_as_root, NULL), 91);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (in_child(selftest_unlocked, &rows[i]) != 91)
			fail_msg("row %zu: not noticed", i);
}

static void too_many_paths_are_refused(void **state)
{
	(void)state;
	static const struct sandbox_path paths[SANDBOX_MAX_PATHS + 1];
	const struct sandbox_rules rules = { .paths = paths, .n = SANDBOX_MAX_PATHS + 1 };
	struct sandbox_report r;
	struct fault f;

	assert_int_equal(sandbox_lock(&rules, &r, &f), KE_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_keeper_has_one_capability),
		cmocka_unit_test(capabilities_survive_execve_and_nothing_else_does),
		cmocka_unit_test(uid_0_is_held_by_landlock),
		cmocka_unit_test(becoming_needs_root),
		cmocka_unit_test(only_the_named_paths_are_there),
		cmocka_unit_test(the_courier_reaches_its_ports_and_no_others),
		cmocka_unit_test(the_report_tells_what_is_in_force),
		cmocka_unit_test(strict_refuses_half_a_sandbox),
		cmocka_unit_test(what_is_missing_has_its_words),
		cmocka_unit_test(the_selftest_notices_an_open_door),
		cmocka_unit_test(too_many_paths_are_refused),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
