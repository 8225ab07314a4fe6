/* lock.c — the order in which the door is locked, and the look back at it. Limits first, then no_new_privs (Landlock and
 * seccomp ask for it), then Landlock (its calls are not on the seccomp list), then seccomp, then the self-test: a
 * confinement that was never tried is a hope. Called once by kedge-keeper and kedge-courier. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
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

struct words {
	char *text;
	size_t size, len;
};

static void tell(struct words *w, const char *name, int err)
{
	int n = snprintf(w->text + w->len, w->size - w->len, "%s%s %s", w->len ? ", " : "", name,
	        strerrorname_np(err));

	if (n > 0)
		w->len += (size_t)n < w->size - w->len ? (size_t)n : w->size - w->len - 1;
}

/* NAME stands for PATH in the words. */
static int try_open(const char *path, int flags, const char *name, struct words *w, struct fault *f)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd >= 0) {
		close(fd);
		return fault_set(f, KE_FORBIDDEN, "self-test", NULL, "%s can be opened", path);
	}
	tell(w, name, errno);
	return KE_OK;
}

static int try_socket(struct words *w, struct fault *f)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0) {
		close(fd);
		return fault_set(f, KE_FORBIDDEN, "self-test", NULL, "an inet socket can be made");
	}
	tell(w, "socket", errno);
	return KE_OK;
}

/* Landlock answers before anything is sent; on the loopback device, should it not. */
static int try_port(const struct sandbox_rules *rules, struct words *w, struct fault *f)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	uint16_t port = 1;

	for (size_t i = 0; i < rules->n_ports; i++)
		if (rules->ports[i] == port) {
			port++;
			i = (size_t)-1;
		}
	to.sin_port = htons(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)&to, sizeof to), err = errno;
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && (rc == 0 || err != EACCES))
		return fault_set(f, KE_FORBIDDEN, "self-test", NULL, "TCP port %u can be connected to",
		        (unsigned)port);
	tell(w, "other port", err);
	return KE_OK;
}

int sandbox_selftest(const struct sandbox_rules *rules, const struct sandbox_report *is, char *text,
        size_t size, struct fault *f)
{
	struct words w = { text, size, 0 };

	text[0] = '\0';
	int rc = try_open("/proc/sys/kernel/core_pattern", O_WRONLY, "core_pattern", &w, f);
	if (!rc)
		rc = try_open("/etc/shadow", O_WRONLY, "shadow", &w, f);
	if (!rc && rules->foreign)
		rc = try_open(rules->foreign, O_RDONLY | O_DIRECTORY, "foreign", &w, f);
	/* Everybody may, except where Landlock says no: this is Landlock alone. */
	if (!rc && is->landlock)
		rc = try_open("/dev/null", O_WRONLY, "null", &w, f);
	if (!rc && rules->role == SANDBOX_KEEPER)
		rc = try_socket(&w, f);
	else if (!rc && is->landlock >= SANDBOX_LANDLOCK_PORTS)
		rc = try_port(rules, &w, f);
	return rc;
}

static int report_fill(struct sandbox_report *r, struct fault *f)
{
	if (caps_effective(&r->caps))
		return failed(f, "capget");
	r->pid = getpid();
	r->uid = getuid();
	r->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	return KE_OK;
}

static int strict_judge(const struct sandbox_rules *rules, const struct sandbox_report *r, struct fault *f)
{
	if (!rules->strict || !r->missing[0])
		return KE_OK;
	return fault_set(f, KE_UNSUPPORTED, "sandbox",
	        "use a newer kernel, or run without --require-sandbox and with profile = net",
	        "full confinement lacks %s", r->missing);
}

static int selftest(
        const struct sandbox_rules *rules, struct sandbox_report *r, const char *calls, struct fault *f)
{
	char tried[sizeof r->selftest - 64];

	/* Without a filter the keeper can make sockets; that is known and said, not a surprise. */
	if (!r->refuses) {
		snprintf(r->selftest, sizeof r->selftest, "not tried: %s",
		        r->seccomp == 2 ? "seccomp only logs" : "no seccomp");
		return KE_OK;
	}
	int rc = sandbox_selftest(rules, r, tried, sizeof tried, f);
	if (!rc)
		snprintf(r->selftest, sizeof r->selftest, "%s; %s", tried, calls);
	return rc;
}

int sandbox_lock(const struct sandbox_rules *rules, struct sandbox_report *ret, struct fault *f)
{
	struct sandbox_report r = { 0 };
	char calls[63] = "";

	if (rules->n > SANDBOX_MAX_PATHS)
		return fault_set(f, KE_USAGE, "sandbox", NULL, "more than %d paths", SANDBOX_MAX_PATHS);
	int rc = limits_lock(f);
	if (!rc)
		rc = landlock_lock(rules, &r.landlock, f);
	if (!rc)
		rc = report_fill(&r, f);
	if (!rc)
		rc = seccomp_lock(rules->role, calls, sizeof calls, f);
	r.refuses = rc == KE_OK && seccomp_mode() != SECCOMP_MODE_LOG;
	if (rc == KE_UNSUPPORTED)
		rc = KE_OK;
	else if (!rc)
		r.seccomp = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
	missing_tell(rules, &r, r.missing, sizeof r.missing);
	if (!rc)
		rc = strict_judge(rules, &r, f);
	if (!rc)
		rc = selftest(rules, &r, calls, f);
	if (!rc)
		*ret = r;
	return rc;
}
