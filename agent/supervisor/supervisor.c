/* supervisor.c — the loop: a life of the pair, its end, a pause, the next life. Started in order, finished in reverse. All
 * waiting is one poll() over the signals and the link socket, so there is no race between a signal and a wait. */
#include "agent/supervisor/supervisor.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/sandbox/sandbox.h"
#include "agent/supervisor/bpf_source.h"
#include "agent/supervisor/child.h"
#include "agent/supervisor/dirs.h"
#include "agent/supervisor/links.h"
#include "agent/supervisor/marks.h"
#include "agent/supervisor/notify.h"
#include "agent/supervisor/pair.h"
#include "proto/fileio.h"

#define LINK_SETTLE_MS 200 /* link changes come in bursts */

enum phase {
	PHASE_PAUSE,  /* nothing runs; the next life begins at `until` */
	PHASE_LIFE,   /* both run */
	PHASE_ENDING, /* asked to end; killed at `until` */
};

struct supervisor {
	const struct supervisor_options *opt;
	struct agent_config *config;
	char bin_dir[PATH_MAX];
	int signal_fd, lock_fd, control_fd;
	struct links links;
	struct bpf_source bpf;
	struct marks marks;
	struct pair pair;
	enum phase phase;
	int64_t until;    /* boot ms */
	int64_t born;     /* of this life */
	int64_t pause;    /* before this life; 0: none */
	int64_t renew_at; /* marks; 0: not due */
	bool ready, stop, reload;
	bool again; /* this life was ended by us, for the next one at once */
};

static int64_t now(const struct supervisor *s)
{
	return clock_boot_ms(s->opt->clock);
}

static int failed(struct fault *f, const char *where)
{
	int err = errno;

	return fault_set(f, err_from_errno(err), where, NULL, "%s", strerror(err));
}

static int signals_open(int *ret_fd, struct fault *f)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return failed(f, "sigprocmask");
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return failed(f, "signalfd");
	*ret_fd = fd;
	return KE_OK;
}

/* RUN_DIR/agent.sock, where root's local commands ask the keeper. The mode comes from the umask: a chmod() by name could be
 * led elsewhere by the directory's owner. */
static int control_open(const char *run_dir, int *ret_fd, struct fault *f)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int n = snprintf(at.sun_path, sizeof at.sun_path, "%s/agent.sock", run_dir);

	if (n < 0 || n >= (int)sizeof at.sun_path)
		return fault_set(
		        f, KE_TOOBIG, run_dir, "choose a shorter run directory", "is too long for a socket");
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return failed(f, "socket");
	unlink(at.sun_path); /* of a supervisor that was killed: we hold its lock */
	mode_t before = umask(0177);
	int rc = bind(fd, (const struct sockaddr *)&at, sizeof at) || listen(fd, 16) ? failed(f, at.sun_path)
	                                                                             : KE_OK;
	umask(before);
	if (rc)
		close(fd);
	else
		*ret_fd = fd;
	return rc;
}

static int bin_dir_find(struct supervisor *s, struct fault *f)
{
	if (!s->opt->bin_dir)
		return child_bin_dir(s->bin_dir, f);
	if (snprintf(s->bin_dir, sizeof s->bin_dir, "%s", s->opt->bin_dir) >= (int)sizeof s->bin_dir)
		return fault_set(f, KE_TOOBIG, s->opt->bin_dir, NULL, "is too long a path");
	return KE_OK;
}

static void links_listen(struct supervisor *s)
{
	struct fault f = { 0 };

	if (links_open(&s->links, &f))
		log_warning(
		        "link changes are not heard: new interfaces are noticed later reason=\"%s\"", f.what);
}

/* BPF, if it is allowed here. */
static void bpf_open(struct supervisor *s)
{
	struct fault f = { 0 }, note = { 0 };
	char line[512];

	bpf_source_close(&s->bpf);
	if (s->config->events != CONFIG_EVENTS_BPF)
		return;
	if (bpf_source_open(s->bin_dir, s->config, &s->bpf, &note, &f)) {
		log_warning("no BPF: fanotify is the source of events reason=\"%s\"",
		        fault_line(&f, line, sizeof line));
		return;
	}
	log_info("events from BPF cgroup=%s coverage=%s types=%s lock=%s", s->bpf.where,
	        s->bpf.whole ? "full" : "partial", s->bpf.kernel ? "yes" : "no", s->bpf.locks ? "yes" : "no");
	if (note.code)
		log_warning("BPF without the kernel's types: writers of other namespaces cannot be told "
		            "apart reason=\"%s\"",
		        fault_line(&note, line, sizeof line));
}

/* The best source, and fanotify beside it where BPF does not see every process. */
static void watch_open(struct supervisor *s)
{
	struct fault f = { 0 };
	char line[512];

	marks_close(&s->marks);
	bpf_open(s);
	if (s->config->events == CONFIG_EVENTS_POLL || (s->bpf.link_fd >= 0 && s->bpf.whole))
		return;
	marks_open("/proc/sys", s->config->full_profile, &s->marks, &f);
	if (!s->marks.group)
		log_warning("attribution unavailable: writers of sysctls stay unknown reason=\"%s\"",
		        fault_line(&f, line, sizeof line));
	else
		log_info("watching directories=%zu", fanotify_marks_count(s->marks.group));
}

/* With C: would a program that is going to be started lack what it must have? Asked before anybody is told that we are ready; the
 * programs judge what they then really have. */
static int confinement_check(const struct supervisor *s, const struct agent_config *c, struct fault *f)
{
	static const char *const names[] = { "kedge-keeper", "kedge-courier" };
	bool all = s->opt->require_sandbox || c->require_sandbox;
	char lacks[192];

	for (int role = SANDBOX_KEEPER; role <= SANDBOX_COURIER; role++) {
		if (!all && !(c->full_profile && role == SANDBOX_KEEPER))
			continue;
		if (sandbox_lacks((enum sandbox_role)role, lacks, sizeof lacks))
			return fault_set(f, KE_UNSUPPORTED, names[role],
			        all ? "use a newer kernel, or run without --require-sandbox and "
			              "require_sandbox = yes"
			            : "use a newer kernel, or profile = net",
			        "%s needs confinement that lacks %s",
			        all ? "what is required" : "profile = full", lacks);
	}
	return KE_OK;
}

static int supervisor_open(struct supervisor *s, struct fault *f)
{
	char path[PATH_MAX];
	int rc = bin_dir_find(s, f);

	if (!rc && geteuid() != 0)
		rc = fault_set(f, KE_ACCES, NULL, "run it as root", "the supervisor must be root");
	if (!rc)
		rc = agent_config_read(s->opt->config, &s->config, f);
	if (!rc)
		rc = confinement_check(s, s->config, f);
	if (!rc)
		rc = dirs_make(s->config, f);
	if (rc)
		return rc;
	snprintf(path, sizeof path, "%s/supervisor.lock", s->config->run_dir);
	rc = lock_take(path, &s->lock_fd, f);
	if (rc == KE_BUSY)
		fault_set(f, KE_BUSY, path, "stop it first", "another kedge-agent run is at work here");
	if (!rc)
		rc = signals_open(&s->signal_fd, f);
	if (!rc)
		rc = control_open(s->config->run_dir, &s->control_fd, f);
	if (rc)
		return rc;
	/* Listen first: an interface that comes while we mark is marked a moment later. */
	links_listen(s);
	watch_open(s);
	return KE_OK;
}

static void supervisor_close(struct supervisor *s)
{
	char path[PATH_MAX];

	marks_close(&s->marks);
	links_close(&s->links);
	bpf_source_close(&s->bpf);
	if (s->control_fd >= 0) {
		snprintf(path, sizeof path, "%s/agent.sock", s->config->run_dir);
		unlink(path);
		close(s->control_fd);
	}
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	agent_config_free(s->config);
}

static void tell_ready(struct supervisor *s)
{
	if (!s->ready && notify_send(getenv("NOTIFY_SOCKET"), "READY=1"))
		log_warning("the service manager could not be told");
	s->ready = true;
}

static void pause_begin(struct supervisor *s, int64_t alive_ms)
{
	s->pause = s->again ? 0 : restart_pause(&s->opt->times, s->pause, alive_ms);
	s->again = false;
	s->phase = PHASE_PAUSE;
	s->until = now(s) + s->pause;
}

static void life_begin(struct supervisor *s)
{
	struct fault f = { 0 };
	char line[1024];
	const struct pair_start how = { .config = s->config,
		.config_path = s->opt->config,
		.bin_dir = s->bin_dir,
		.require_sandbox = s->opt->require_sandbox,
		.control_fd = s->control_fd,
		.links_fd = s->links.event_fd,
		.fanotify_fd = s->marks.group ? fanotify_marks_fd(s->marks.group) : -1,
		.bpf_ring_fd = s->bpf.ring_fd,
		.bpf_desk_fd = s->bpf.desk_fd };

	if (pair_start(&how, &s->pair, &f)) {
		pause_begin(s, 0);
		log_error("cannot start, trying again in_ms=%lld reason=\"%s\"", (long long)s->pause,
		        fault_line(&f, line, sizeof line));
		return;
	}
	s->born = now(s);
	s->again = false;
	s->phase = PHASE_LIFE;
	log_info("started keeper=%d courier=%d", (int)s->pair.keeper, (int)s->pair.courier);
	tell_ready(s);
}

static void life_end(struct supervisor *s)
{
	pair_signal(&s->pair, SIGTERM);
	s->phase = PHASE_ENDING;
	s->until = now(s) + s->opt->times.end_ms;
}

/* Another configuration, if it is a good one. Run directory, lock and socket stay what they are until the next start. */
static void reload(struct supervisor *s)
{
	struct agent_config *c = NULL;
	struct fault f = { 0 };
	char line[1024];
	int rc = agent_config_read(s->opt->config, &c, &f);

	s->reload = false;
	if (!rc && strcmp(c->run_dir, s->config->run_dir) != 0)
		rc = fault_set(&f, KE_USAGE, "run", "restart the service instead",
		        "the run directory cannot change while the agent runs");
	if (!rc)
		rc = confinement_check(s, c, &f);
	if (!rc)
		rc = dirs_make(c, &f);
	if (rc) {
		log_error("the old configuration stays in use reason=\"%s\"",
		        fault_line(&f, line, sizeof line));
		agent_config_free(c);
		return;
	}
	agent_config_free(s->config);
	s->config = c;
	log_info("configuration read again");
	watch_open(s);
	s->pause = 0;
	s->again = true;
	if (s->phase == PHASE_LIFE)
		life_end(s);
	if (s->phase == PHASE_PAUSE)
		s->until = now(s);
}

static void signals_take(struct supervisor *s)
{
	struct signalfd_siginfo si;

	while (read(s->signal_fd, &si, sizeof si) == (ssize_t)sizeof si) {
		if (si.ssi_signo == SIGTERM || si.ssi_signo == SIGINT)
			s->stop = true;
		if (si.ssi_signo == SIGHUP)
			s->reload = true;
	}
}

/* What is due now. Returns false when all is over. */
static bool step(struct supervisor *s)
{
	bool both = false, none = false;

	pair_reap(&s->pair);
	both = s->pair.keeper && s->pair.courier;
	none = !s->pair.keeper && !s->pair.courier;
	if (s->pair.unconfined)
		s->stop = true; /* it would refuse the next time as well */
	if (s->stop && s->phase == PHASE_PAUSE)
		return false;
	if (s->reload && !s->stop)
		reload(s);
	switch (s->phase) {
	case PHASE_PAUSE:
		if (now(s) >= s->until)
			life_begin(s);
		break;
	case PHASE_LIFE:
		if (s->stop || !both)
			life_end(s);
		if (!s->stop && !both)
			log_warning("one process is gone: both are started again");
		break;
	case PHASE_ENDING:
		if (none && s->stop)
			return false;
		if (none)
			pause_begin(s, now(s) - s->born);
		else if (now(s) >= s->until) {
			pair_signal(&s->pair, SIGKILL);
			s->until = now(s) + s->opt->times.end_ms;
		}
		break;
	}
	return true;
}

/* Milliseconds until something is due by itself; -1: nothing is. */
static int patience(const struct supervisor *s)
{
	int64_t at = s->phase == PHASE_LIFE ? INT64_MAX : s->until;

	if (s->renew_at && s->renew_at < at)
		at = s->renew_at;
	if (at == INT64_MAX)
		return -1;
	int64_t ms = at - now(s);
	return ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
}

static int loop(struct supervisor *s, struct fault *f)
{
	while (step(s)) {
		struct pollfd fds[] = { { .fd = s->signal_fd, .events = POLLIN },
			/* Silent until the burst is over. */
			{ .fd = s->renew_at ? -1 : s->links.route_fd, .events = POLLIN } };
		if (poll(fds, 2, patience(s)) < 0 && errno != EINTR)
			return failed(f, "poll");
		signals_take(s);
		if (fds[1].revents && !s->renew_at)
			s->renew_at = now(s) + LINK_SETTLE_MS;
		if (s->renew_at && now(s) >= s->renew_at) {
			links_take(&s->links);
			marks_renew(&s->marks);
			s->renew_at = 0;
		}
	}
	return KE_OK;
}

int supervisor_run(const struct supervisor_options *opt, struct fault *f)
{
	struct supervisor s = { .opt = opt,
		.signal_fd = -1,
		.lock_fd = -1,
		.control_fd = -1,
		.links = LINKS_NONE,
		.bpf = BPF_SOURCE_NONE,
		.phase = PHASE_PAUSE };
	int rc = supervisor_open(&s, f);

	if (!rc) {
		s.until = now(&s);
		rc = loop(&s, f);
		if (!rc && s.pair.unconfined)
			rc = fault_set(f, KE_UNSUPPORTED, "sandbox", "its complaint stands above",
			        "less confinement than is required was in force");
		notify_send(getenv("NOTIFY_SOCKET"), "STOPPING=1");
	}
	supervisor_close(&s);
	return rc;
}
