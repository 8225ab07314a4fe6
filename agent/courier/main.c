/* main.c — kedge-courier: the process of the agent that speaks to the network, and may do nothing else. Started by the
 * supervisor (--ipc: the socket to the keeper) or by `kedge-agent enrol` (--enrol). Order: arguments, configuration,
 * OpenSSL, the door is locked, and only then the first byte from anywhere else. Exit status: 0 asked to end, 1 no
 * start, 2 the conversation broke. */
#include <errno.h>
#include <ev.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/courier/courier.h"
#include "agent/courier/enrol.h"
#include "agent/sandbox/sandbox.h"
#include "certs/tls.h"
#include "proto/log.h"
#include "proto/memory.h"

enum { EXIT_ENDED = 0, EXIT_NO_START = 1, EXIT_BROKEN = 2 };

struct arguments {
	const char *config;
	int ipc;
	bool enrol;
};

struct life {
	struct ev_loop *loop;
	int rc;
};

static const char help[] =
        "usage: kedge-courier --ipc FD [--config FILE] [--enrol]\n"
        "The agent's network process. It is started by kedge-agent and is of no use by itself.\n";

static int descriptor(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	return *text >= '0' && *text <= '9' && *end == '\0' && n <= 1023 ? (int)n : -1;
}

/* 0: go on; 1: help was printed; -1: wrong. */
static int arguments_read(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "ipc", required_argument, NULL, 'i' }, { "enrol", no_argument, NULL, 'e' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	int opt;

	*a = (struct arguments){ .config = CONFIG_PATH, .ipc = -1 };
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (opt == 'c')
			a->config = optarg;
		else if (opt == 'i')
			a->ipc = descriptor(optarg);
		else if (opt == 'e')
			a->enrol = true;
		else
			return fputs(help, opt == 'h' ? stdout : stderr) < 0 || opt != 'h' ? -1 : 1;
	}
	if (a->ipc >= 0 && optind == argc)
		return 0;
	fputs(help, stderr);
	return -1;
}

/* Directory of PATH, into DIR: files that are replaced by renaming are reached through it. */
static const char *dir_of(const char *path, char dir[PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	snprintf(dir, PATH_MAX, "%.*s", (int)(slash && slash != path ? slash - path : 1), path);
	return dir;
}

/* What name service and TLS read. /etc whole, because resolv.conf is replaced, not written; this user reads there what
 * anybody may. */
static int lock(const struct agent_config *c, struct fault *f)
{
	char own[PATH_MAX], ca[PATH_MAX];
	const struct sandbox_path paths[] = { { own, SANDBOX_READ_WRITE },
		{ dir_of(c->ca, ca), SANDBOX_READ }, { "/etc", SANDBOX_READ },
		{ "/run/systemd/resolve", SANDBOX_READ }, { "/run/resolvconf", SANDBOX_READ },
		{ "/run/NetworkManager", SANDBOX_READ }, { "/lib", SANDBOX_READ }, { "/lib64", SANDBOX_READ },
		{ "/usr/lib", SANDBOX_READ }, { "/usr/lib64", SANDBOX_READ } };
	const struct sandbox_rules rules = {
		.role = SANDBOX_COURIER, .paths = paths, .n = sizeof paths / sizeof paths[0]
	};
	struct sandbox_report r;

	if (snprintf(own, sizeof own, "%s/courier", c->state_dir) >= (int)sizeof own)
		return fault_set(f, KE_TOOBIG, c->state_dir, NULL, "is too long a path");
	int rc = sandbox_lock(&rules, &r, f);
	if (!rc)
		log_info("confined uid=%u caps=%s seccomp=%d landlock=%d partial=%s selftest=\"%s\"",
		        (unsigned)r.uid, r.cap_eff, r.seccomp, r.landlock, r.partial ? "yes" : "no",
		        r.selftest);
	return rc;
}

static uint64_t chance(void *ctx)
{
	uint64_t n = 0;

	(void)ctx;
	if (getrandom(&n, sizeof n, 0) != sizeof n)
		n = (uint64_t)clock_boot_ms(&clock_system); /* only spreads pauses */
	return n;
}

static void on_end(void *ctx, int rc)
{
	struct life *life = ctx;

	life->rc = rc;
	ev_break(life->loop, EVBREAK_ALL);
}

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
	(void)watcher;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

static int serve(const struct agent_config *config, int ipc, struct ev_loop *loop, struct fault *f)
{
	struct life life = { .loop = loop };
	struct courier *c = NULL;
	ev_signal term;
	const struct courier_options co = { .config = config,
		.ipc = ipc,
		.loop = loop,
		.clock = &clock_system,
		.chance = chance,
		.times = COURIER_TIMES,
		.ended = on_end,
		.ended_ctx = &life };

	ev_signal_init(&term, on_signal, SIGTERM);
	ev_signal_start(loop, &term);
	int rc = courier_open(&co, &c, f);
	if (!rc && !life.rc) {
		memory_start_over();
		ev_run(loop, 0);
	}
	courier_close(c);
	ev_signal_stop(loop, &term);
	if (rc)
		return EXIT_NO_START;
	if (life.rc)
		log_warning("the keeper is gone reason=\"%s\"", err_text(life.rc));
	return life.rc ? EXIT_BROKEN : EXIT_ENDED;
}

int main(int argc, char **argv)
{
	struct arguments a;
	struct agent_config *config = NULL;
	struct fault f = { 0 };
	char line[1024];
	int said = arguments_read(argc, argv, &a), code = EXIT_NO_START;

	if (said)
		return said > 0 ? EXIT_ENDED : EXIT_NO_START;
	memory_keep_little();
	log_open("kedge-courier", LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
	struct ev_loop *loop = ev_default_loop(EVFLAG_NOENV);
	int rc = loop ? KE_OK : fault_set(&f, KE_SYSTEM, "libev", NULL, "cannot start");
	if (!rc)
		rc = agent_config_read(a.config, &config, &f);
	if (!rc)
		log_open("kedge-courier", a.enrol ? LOG_LEVEL_WARNING : config->log);
	if (!rc)
		rc = tls_init(&f);
	if (!rc)
		rc = lock(config, &f);
	if (!rc && a.enrol)
		code = enrol_run(config, a.ipc, loop, &clock_system, &f) ? EXIT_NO_START : EXIT_ENDED;
	else if (!rc)
		code = serve(config, a.ipc, loop, &f);
	/* enrol tells its failures over the socket. */
	if (f.code && !(a.enrol && !rc))
		log_error("%s", fault_line(&f, line, sizeof line));
	agent_config_free(config);
	return code;
}
