/* confirm.c — waits with poll(): the terminal, a signalfd, and a look at the journal every so often, which another session
 * may take away. The lock is free meanwhile, or that session could not. Called by apply --confirm-timeout. */
#include "agent/local/confirm.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/engine/apply.h"
#include "agent/engine/attempt.h"
#include "agent/local/local.h"

#define LOOK_MS 200

enum heard { HEARD_NOTHING, HEARD_YES, HEARD_SIGNAL };

int confirm_begin(struct confirm *ret, struct fault *f)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	ret->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (ret->signal_fd >= 0 && !sigprocmask(SIG_BLOCK, &mask, &ret->old))
		return KE_OK;
	int rc = fault_set(f, err_from_errno(errno), "signals", NULL, "%s", strerror(errno));
	if (ret->signal_fd >= 0)
		close(ret->signal_fd);
	return rc;
}

void confirm_end(struct confirm *c)
{
	struct signalfd_siginfo heard;

	/* What was heard is answered; unblocked with it pending this process would end before it says so. */
	while (read(c->signal_fd, &heard, sizeof heard) > 0)
		;
	close(c->signal_fd);
	sigprocmask(SIG_SETMASK, &c->old, NULL);
}

/* One look, no longer than LOOK_MS. *TERMINAL becomes -1 when nobody is there any more. */
static enum heard listen_once(int signal_fd, int *terminal)
{
	struct pollfd p[2] = { { .fd = signal_fd, .events = POLLIN }, { .fd = *terminal, .events = POLLIN } };
	char line[256];

	if (poll(p, 2, LOOK_MS) <= 0)
		return HEARD_NOTHING;
	if (p[0].revents)
		return HEARD_SIGNAL;
	ssize_t n = read(*terminal, line, sizeof line);
	if (n > 0 && memchr(line, '\n', (size_t)n))
		return HEARD_YES;
	if (n == 0 || (n < 0 && errno != EINTR))
		*terminal = -1;
	return HEARD_NOTHING;
}

/* Another session took the journal away: with which end? */
static int elsewhere(struct engine *e, const unsigned char hash[SHA256_LEN], struct fault *f)
{
	struct attempt a;
	int rc = attempt_read(e->state_dir, &a, NULL);

	if (!rc && a.state == ATTEMPT_CONFIRMED && memcmp(a.hash, hash, SHA256_LEN) == 0)
		return KE_OK;
	return fault_set(f, KE_CONFLICT, NULL, NULL, "another session put the old values back");
}

static int undo(struct engine *e, const unsigned char hash[SHA256_LEN], int why, struct fault *f)
{
	struct recovery_report report;
	int rc = engine_recover_now(e, true, &report, f);
	bool nothing = report.result == RECOVERY_NOTHING;

	recovery_report_clear(&report);
	if (rc)
		return rc;
	return nothing ? elsewhere(e, hash, f)
	               : fault_set(f, why, NULL, "it is held: apply --retry tries it again",
	                         "%s; the old values are back",
	                         why == KE_TIMEOUT ? "not confirmed in time" : "interrupted");
}

/* The lock, which another session holds for a moment only. */
static int lock_again(struct engine *e, struct fault *f)
{
	for (int i = 0; i < 10000 / LOOK_MS; i++) {
		int rc = engine_lock(e, f);
		if (rc != KE_BUSY)
			return rc;
		poll(NULL, 0, LOOK_MS);
	}
	return engine_lock(e, f);
}

/* 0: keep it; KE_TIMEOUT; KE_CONFLICT: a signal; KE_NOENT: the journal is gone. */
static int wait_word(struct engine *e, int signal_fd, int64_t deadline_ms)
{
	int terminal = isatty(STDIN_FILENO) ? STDIN_FILENO : -1;

	for (;;) {
		struct journal *j = NULL;
		enum heard heard = listen_once(signal_fd, &terminal);
		if (heard != HEARD_NOTHING)
			return heard == HEARD_YES ? KE_OK : KE_CONFLICT;
		int rc = journal_read(e->run_dir, &j, NULL);
		journal_free(j);
		if (rc == KE_NOENT || clock_boot_ms(e->clock) >= deadline_ms)
			return rc == KE_NOENT ? KE_NOENT : KE_TIMEOUT;
	}
}

/* The word was yes; it may have come with the deadline, or after another session's. */
static int keep(struct engine *e, const unsigned char hash[SHA256_LEN], struct fault *f)
{
	int rc = apply_confirm(e, f);

	return rc == KE_TIMEOUT ? undo(e, hash, rc, f) : rc == KE_NOENT ? elsewhere(e, hash, f) : rc;
}

int confirm_wait(struct confirm *c, struct engine *e, const unsigned char hash[SHA256_LEN], int64_t seconds,
        struct fault *f)
{
	int64_t deadline = clock_boot_ms(e->clock) + seconds * 1000;

	engine_unlock(e);
	int word = wait_word(e, c->signal_fd, deadline);
	int rc = lock_again(e, f);
	if (rc)
		return rc;
	return word == KE_OK      ? keep(e, hash, f)
	       : word == KE_NOENT ? elsewhere(e, hash, f)
	                          : undo(e, hash, word, f);
}
