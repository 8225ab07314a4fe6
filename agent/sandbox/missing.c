/* missing.c — what full confinement is, and what of it is not there, in words: for the log, for `status`, and for the refusal
 * of --require-sandbox. Asks the kernel by bare system calls, so that kedge-agent can ask before it starts anything
 * without mapping libseccomp. */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/sandbox/sandbox_in.h"

enum seccomp_mode seccomp_mode(void)
{
	const char *mode = getenv("KEDGE_SECCOMP");

	if (mode && strcmp(mode, "errno") == 0)
		return SECCOMP_MODE_ERRNO;
	return mode && strcmp(mode, "log") == 0 ? SECCOMP_MODE_LOG : SECCOMP_MODE_KILL;
}

bool seccomp_there(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

struct words {
	char *text;
	size_t size, len;
};

static void add(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct words *w, const char *fmt, ...)
{
	va_list ap;

	if (w->len && w->len + 3 < w->size) {
		memcpy(w->text + w->len, ", ", 3);
		w->len += 2;
	}
	va_start(ap, fmt);
	int n = vsnprintf(w->text + w->len, w->size - w->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		w->len += (size_t)n < w->size - w->len ? (size_t)n : w->size - w->len - 1;
}

size_t missing_tell(
        const struct sandbox_rules *rules, const struct sandbox_report *is, char *text, size_t size)
{
	int abi = rules->role == SANDBOX_COURIER ? SANDBOX_LANDLOCK_PORTS : SANDBOX_LANDLOCK_FULL;
	struct words w = { text, size, 0 };

	text[0] = '\0';
	if (is->landlock == 0)
		add(&w, "Landlock (this kernel has none, or it is not switched on)");
	else if (is->landlock < abi)
		add(&w, "Landlock ABI %d (this kernel has ABI %d)", abi, is->landlock);
	if (is->seccomp != 2)
		add(&w, "seccomp (this kernel has none)");
	else if (!is->refuses)
		add(&w, "seccomp that refuses ($KEDGE_SECCOMP is log)");
	if (is->uid != rules->uid)
		add(&w, "its user (uid %u, not %u)", (unsigned)is->uid, (unsigned)rules->uid);
	if (is->caps != rules->caps)
		add(&w, "its capabilities (%llx, not %llx)", (unsigned long long)is->caps,
		        (unsigned long long)rules->caps);
	if (is->no_new_privs != 1)
		add(&w, "no_new_privs");
	return w.len;
}

size_t sandbox_lacks(enum sandbox_role role, char *text, size_t size)
{
	/* User and capabilities are what sandbox_become() makes them, or nothing starts. */
	const struct sandbox_rules rules = { .role = role };
	const struct sandbox_report is = { .landlock = landlock_abi(),
		.seccomp = seccomp_there() ? 2 : 0,
		.refuses = seccomp_mode() != SECCOMP_MODE_LOG,
		.no_new_privs = 1 };

	return missing_tell(&rules, &is, text, size);
}
