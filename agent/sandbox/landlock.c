/* landlock.c — only the named paths, by the bare system calls: Debian 12's headers know ABI 2, kernels know more. All
 * rights of the kernel's ABI are handled (so denied) and given back for the named paths; nobody may execute anything.
 * From ABI 4 on TCP is handled as well: nobody may bind, and only the courier may connect, to its ports; from 6 on signals
 * to and abstract sockets of processes outside. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/sandbox/sandbox_in.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

/* include/uapi/linux/landlock.h, up to ABI 6. */
#define CREATE_VERSION  (1U << 0)
#define RULE_PATH       1
#define RULE_PORT       2
#define FS_EXECUTE      (UINT64_C(1) << 0)
#define FS_WRITE_FILE   (UINT64_C(1) << 1)
#define FS_READ_FILE    (UINT64_C(1) << 2)
#define FS_READ_DIR     (UINT64_C(1) << 3)
#define FS_REMOVE_FILE  (UINT64_C(1) << 5)
#define FS_MAKE_DIR     (UINT64_C(1) << 7)
#define FS_MAKE_REG     (UINT64_C(1) << 8)
#define FS_ABI_1        ((UINT64_C(1) << 13) - 1)
#define FS_REFER        (UINT64_C(1) << 13) /* ABI 2 */
#define FS_TRUNCATE     (UINT64_C(1) << 14) /* ABI 3 */
#define FS_IOCTL_DEV    (UINT64_C(1) << 15) /* ABI 5 */
#define NET_BIND_TCP    (UINT64_C(1) << 0)  /* ABI 4 */
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT  (UINT64_C(1) << 0) /* ABI 6 */
#define SCOPE_SIGNAL    (UINT64_C(1) << 1)

struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_rule {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

struct port_rule {
	uint64_t allowed, port;
};

static int failed(struct fault *f, const char *where)
{
	int err = errno;

	return fault_set(f, KE_SYSTEM, where, NULL, "Landlock: %s", strerror(err));
}

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

	return abi > 0 ? (int)abi : 0;
}

static struct ruleset handled_by(int abi)
{
	struct ruleset r = { .fs = FS_ABI_1 };

	if (abi >= 2)
		r.fs |= FS_REFER;
	if (abi >= 3)
		r.fs |= FS_TRUNCATE;
	if (abi >= 4)
		r.net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (abi >= 5)
		r.fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		r.scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL;
	return r;
}

/* The descriptor stays open; see sandbox_lock(). */
static int path_add(int ruleset, const struct sandbox_path *p, uint64_t handled, struct fault *f)
{
	uint64_t want = FS_READ_FILE | FS_READ_DIR;
	struct stat st;
	int fd = open(p->path, O_PATH | O_CLOEXEC);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
		return KE_OK;
	if (fd < 0 || fstat(fd, &st))
		return failed(f, p->path);
	if (p->access == SANDBOX_READ_WRITE)
		want |= FS_WRITE_FILE | FS_TRUNCATE | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_REFER;
	/* Rights about a directory's entries are refused for a file. */
	if (!S_ISDIR(st.st_mode))
		want &= FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE;
	struct path_rule rule = { .allowed = want & handled, .fd = fd };
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0))
		return failed(f, p->path);
	return KE_OK;
}

static int port_add(int ruleset, uint16_t port, struct fault *f)
{
	const struct port_rule rule = { .allowed = NET_CONNECT_TCP, .port = port };

	return syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0) ? failed(f, "TCP port") : KE_OK;
}

int landlock_lock(const struct sandbox_rules *rules, int *ret_abi, struct fault *f)
{
	int abi = landlock_abi();
	int rc = KE_OK;

	if (abi == 0) {
		*ret_abi = 0;
		return KE_OK;
	}
	if (abi > 6)
		abi = 6;
	struct ruleset handled = handled_by(abi);
	/* Older kernels take the longer structure as long as what they do not know is zero. */
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
	if (ruleset < 0)
		return failed(f, "landlock_create_ruleset");
	for (size_t i = 0; !rc && i < rules->n; i++)
		rc = path_add(ruleset, &rules->paths[i], handled.fs, f);
	for (size_t i = 0; !rc && handled.net && i < rules->n_ports; i++)
		rc = port_add(ruleset, rules->ports[i], f);
	if (!rc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		rc = failed(f, "PR_SET_NO_NEW_PRIVS");
	if (!rc && syscall(SYS_landlock_restrict_self, ruleset, 0))
		rc = failed(f, "landlock_restrict_self");
	close(ruleset);
	if (!rc)
		*ret_abi = abi;
	return rc;
}
