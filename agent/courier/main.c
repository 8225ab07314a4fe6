/* main.c — kedge-courier: the process of the agent that speaks to the network, and may do nothing else. Started by the
 * supervisor (--ipc: the socket to the keeper) or by `kedge-agent enrol` (--enrol). Order: arguments, configuration,
 * OpenSSL, the door is locked, and only then the first byte from anywhere else. Exit status: 0 asked to end, 1 no
 * start, 2 the conversation broke, 8 no start because less than full confinement would be in force. */
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
#include "agent/courier/names.h"
#include "agent/courier/url.h"
#include "agent/sandbox/sandbox.h"
#include "certs/tls.h"
#include "proto/log.h"
#include "proto/memory.h"

enum { EXIT_ENDED = 0, EXIT_NO_START = 1, EXIT_BROKEN = 2 };

struct arguments {
	const char *config;
	int ipc;
	bool enrol, require_sandbox;
};

struct life {
	struct ev_loop *loop;
	int rc;
};

static const char help[] =
        "usage: kedge-courier --ipc FD [--config FILE] [--enrol] [--require-sandbox]\n"
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
		{ "require-sandbox", no_argument, NULL, 'r' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	int opt;

	*a = (struct arguments){ .config = CONFIG_PATH, .ipc = -1 };
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (opt == 'c')
			a->config = optarg;
		else if (opt == 'i')
			a->ipc = descriptor(optarg);
		else if (opt == 'e')
			a->enrol = true;
		else if (opt == 'r')
			a->require_sandbox = true;
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

/* The ports that are asked: those of the proxy, or of server and repository, and DNS, which goes on by TCP where an answer is
 * too long for a datagram. */
static size_t ports_of(const struct agent_config *c, uint16_t ports[3])
{
	size_t n = 0;

	ports[n++] = 53;
	ports[n++] = url_port(c->proxy ? c->proxy : c->server);
	if (!c->proxy && c->repo)
		ports[n++] = url_port(c->repo);
	return n;
}

/* What name service and TLS read. /etc whole, because resolv.conf is replaced, not written; this user reads there what
 * anybody may. */
static int lock(const struct agent_config *c, bool strict, struct sandbox_report *ret, struct fault *f)
{
	char own[PATH_MAX], ca[PATH_MAX], keepers[PATH_MAX];
	uint16_t ports[3];
	const struct sandbox_path paths[] = { { own, SANDBOX_READ_WRITE },
		{ dir_of(c->ca, ca), SANDBOX_READ }, { "/etc", SANDBOX_READ },
		{ "/run/systemd/resolve", SANDBOX_READ }, { "/run/resolvconf", SANDBOX_READ },
		{ "/run/NetworkManager", SANDBOX_READ } };
	const struct sandbox_rules rules = { .role = SANDBOX_COURIER,
		.paths = paths,
		.n = sizeof paths / sizeof paths[0],
		.ports = ports,
		.n_ports = ports_of(c, ports),
		.uid = c->courier_uid,
		.foreign = keepers,
		.strict = strict };

	if (snprintf(own, sizeof own, "%s/courier", c->state_dir) >= (int)sizeof own)
		return fault_set(f, KE_TOOBIG, c->state_dir, NULL, "is too long a path");
	snprintf(keepers, sizeof keepers, "%s/keeper", c->state_dir);
	int rc = sandbox_lock(&rules, ret, f);
	if (rc)
		return rc;
	log_info("confined uid=%u caps=%llx landlock=%d lacks=\"%s\" selftest=\"%s\"", (unsigned)ret->uid,
	        (unsigned long long)ret->caps, ret->landlock, ret->missing, ret->selftest);
	if (ret->missing[0])
		log_warning("confinement is partial lacks=\"%s\"", ret->missing);
	return KE_OK;
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

static int serve(const struct agent_config *config, int ipc, struct ev_loop *loop,
        const struct sandbox_report *confined, struct fault *f)
{
	struct life life = { .loop = loop };
	struct courier *c = NULL;
	ev_signal term;
	const struct courier_options co = { .config = config,
		.confined = confined,
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
	struct sandbox_report confined = { 0 };
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
	if (!rc) {
		names_prepare("/etc/nsswitch.conf");
		rc = lock(config, a.require_sandbox || config->require_sandbox, &confined, &f);
		code = rc == KE_UNSUPPORTED ? SANDBOX_EXIT_UNCONFINED : code;
	}
	if (!rc && a.enrol)
		code = enrol_run(config, a.ipc, loop, &clock_system, &f) ? EXIT_NO_START : EXIT_ENDED;
	else if (!rc)
		code = serve(config, a.ipc, loop, &confined, &f);
	/* enrol tells its failures over the socket. */
	if (f.code && !(a.enrol && !rc))
		log_error("%s", fault_line(&f, line, sizeof line));
	agent_config_free(config);
	return code;
}
