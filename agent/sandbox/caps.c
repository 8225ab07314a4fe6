/* caps.c — from root to a user with at most one or two capabilities, by the bare system calls. The order is forced: the
 * bounding set needs CAP_SETPCAP, so it goes first; the capabilities survive the change of user only with KEEPCAPS; the
 * ambient set, which is what survives execve(), is filled from permitted and inheritable at the end. Nothing is
 * believed: the result is read back. Called by the supervisor's children. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/sandbox/sandbox_in.h"

#define CAPS_MAX 64

static int failed(struct fault *f, const char *call)
{
	int err = errno;

	return fault_set(f, err == EPERM ? KE_ACCES : KE_SYSTEM, call, err == EPERM ? "run it as root" : NULL,
	        "%s", strerror(err));
}

static int caps_get(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return (int)syscall(SYS_capget, &header, data);
}

int caps_effective(uint64_t *ret)
{
	struct __user_cap_data_struct data[2] = { { 0 }, { 0 } };

	if (caps_get(data))
		return KE_SYSTEM;
	*ret = data[0].effective | (uint64_t)data[1].effective << 32;
	return KE_OK;
}

static int caps_set(uint64_t keep)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	uint32_t low = (uint32_t)keep, high = (uint32_t)(keep >> 32);
	struct __user_cap_data_struct data[2] = { { low, low, low }, { high, high, high } };

	return (int)syscall(SYS_capset, &header, data);
}

/* The kernel's list ends where it says EINVAL. */
static int bounding_reduce(uint64_t keep, struct fault *f)
{
	for (unsigned cap = 0; cap < CAPS_MAX; cap++) {
		if (keep & SANDBOX_CAP(cap))
			continue;
		int there = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
		if (there < 0)
			break;
		if (there && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			return failed(f, "PR_CAPBSET_DROP");
	}
	return KE_OK;
}

static int ambient_set(uint64_t keep, struct fault *f)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		return failed(f, "PR_CAP_AMBIENT_CLEAR_ALL");
	for (unsigned cap = 0; cap < CAPS_MAX; cap++)
		if ((keep & SANDBOX_CAP(cap)) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0))
			return failed(f, "PR_CAP_AMBIENT_RAISE");
	return KE_OK;
}

static int ids_change(uid_t uid, gid_t gid, struct fault *f)
{
	if (setgroups(0, NULL))
		return failed(f, "setgroups");
	if (setresgid(gid, gid, gid))
		return failed(f, "setresgid");
	if (setresuid(uid, uid, uid))
		return failed(f, "setresuid");
	return KE_OK;
}

static int ids_check(uid_t uid, gid_t gid, uint64_t keep, struct fault *f)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;
	uint64_t have = ~UINT64_C(0);

	if (getresuid(&r, &e, &s) || getresgid(&rg, &eg, &sg) || caps_effective(&have))
		return failed(f, "getresuid");
	if (r != uid || e != uid || s != uid || rg != gid || eg != gid || sg != gid || have != keep)
		return fault_set(
		        f, KE_SYSTEM, NULL, NULL, "users and capabilities are not what was asked for");
	if (uid != 0 && setresuid(0, 0, 0) == 0)
		return fault_set(f, KE_SYSTEM, NULL, NULL, "the way back to root is open");
	return KE_OK;
}

int sandbox_become(uid_t uid, gid_t gid, uint64_t keep, struct fault *f)
{
	int rc = bounding_reduce(keep, f);

	if (!rc && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		rc = failed(f, "PR_SET_KEEPCAPS");
	if (!rc)
		rc = ids_change(uid, gid, f);
	if (!rc && caps_set(keep))
		rc = failed(f, "capset");
	if (!rc)
		rc = ambient_set(keep, f);
	if (!rc && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0))
		rc = failed(f, "PR_SET_KEEPCAPS");
	if (!rc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		rc = failed(f, "PR_SET_NO_NEW_PRIVS");
	return rc ? rc : ids_check(uid, gid, keep, f);
}
