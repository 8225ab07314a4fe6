/* lock.c — the order in which the door is locked, and the look back at it. Limits first, then no_new_privs (Landlock and
 * seccomp ask for it), then Landlock (its calls are not on the seccomp list), then seccomp, then the self-test: a
 * confinement that was never tried is a hope. Called once by kedge-keeper and kedge-courier. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/sandbox/sandbox_in.h"

static int failed(struct fault *f, const char *call)
{
	int err = errno;

	return fault_set(f, KE_SYSTEM, call, NULL, "%s", strerror(err));
}

static int limits_lock(struct fault *f)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none))
		return failed(f, "RLIMIT_CORE");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return failed(f, "PR_SET_NO_NEW_PRIVS");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return failed(f, "PR_SET_DUMPABLE");
	return KE_OK;
}

int sandbox_selftest(enum sandbox_role role, char *text, size_t size, struct fault *f)
{
	int fd = open("/proc/sys/kernel/core_pattern", O_WRONLY | O_CLOEXEC);
	const char *pattern = strerrorname_np(errno);

	if (fd >= 0) {
		close(fd);
		return fault_set(f, KE_FORBIDDEN, "self-test", NULL, "kernel.core_pattern can be written");
	}
	if (role != SANDBOX_KEEPER) {
		snprintf(text, size, "core_pattern %s", pattern);
		return KE_OK;
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char *inet = strerrorname_np(errno);
	if (fd >= 0) {
		close(fd);
		return fault_set(f, KE_FORBIDDEN, "self-test", NULL, "an inet socket can be made");
	}
	snprintf(text, size, "core_pattern %s, socket %s", pattern, inet);
	return KE_OK;
}

static int report_fill(struct sandbox_report *r, struct fault *f)
{
	uint64_t caps;

	if (caps_effective(&caps))
		return failed(f, "capget");
	r->pid = getpid();
	r->uid = getuid();
	snprintf(r->cap_eff, sizeof r->cap_eff, "%016llx", (unsigned long long)caps);
	r->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	r->seccomp = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
	return KE_OK;
}

static int too_weak(const struct sandbox_rules *rules, const struct sandbox_report *r, struct fault *f)
{
	if (!rules->strict || !r->partial)
		return KE_OK;
	return fault_set(f, KE_UNSUPPORTED, "sandbox", "use a newer kernel, or profile = net",
	        "the full profile needs Landlock ABI %d and seccomp; here are ABI %d and mode %d",
	        SANDBOX_LANDLOCK_FULL, r->landlock, r->seccomp);
}

int sandbox_lock(const struct sandbox_rules *rules, struct sandbox_report *ret, struct fault *f)
{
	struct sandbox_report r = { 0 };
	bool confined = false;

	if (rules->n > SANDBOX_MAX_PATHS)
		return fault_set(f, KE_USAGE, "sandbox", NULL, "more than %d paths", SANDBOX_MAX_PATHS);
	int rc = limits_lock(f);
	if (!rc)
		rc = landlock_lock(rules, &r.landlock, f);
	if (!rc)
		rc = seccomp_lock(rules->role, &confined, f);
	if (rc == KE_UNSUPPORTED)
		rc = KE_OK;
	if (!rc)
		rc = report_fill(&r, f);
	r.partial = r.landlock < SANDBOX_LANDLOCK_FULL || r.seccomp != 2 || !confined;
	if (!rc)
		rc = too_weak(rules, &r, f);
	/* Without a filter the keeper can make sockets; that is known and said, not a surprise. */
	if (!rc && r.partial && r.seccomp != 2)
		snprintf(r.selftest, sizeof r.selftest, "not tried: no seccomp");
	else if (!rc && !confined)
		snprintf(r.selftest, sizeof r.selftest, "not tried: seccomp only logs");
	else if (!rc)
		rc = sandbox_selftest(rules->role, r.selftest, sizeof r.selftest, f);
	if (!rc)
		*ret = r;
	return rc;
}
