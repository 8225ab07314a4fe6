/* kedge-keeper — the privileged half of the agent. Started by the supervisor with descriptors that it could not open by
 * itself; opens what it needs, locks the door behind itself, and then runs one loop. Never touches the network. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/engine/facts.h"
#include "agent/keeper/cache.h"
#include "agent/keeper/keeper.h"
#include "agent/measure/sockdiag.h"
#include "agent/sandbox/sandbox.h"
#include "proto/fileio.h"
#include "proto/log.h"
#include "proto/memory.h"
#include "proto/pubkey.h"

struct arguments {
	const char *config;
	int ipc, control, fanotify, links, bpf_ring, bpf_desk;
	pid_t supervisor;
	bool require_sandbox;
};

static int number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	return *text && !*end && n >= 0 && n <= INT_MAX ? (int)n : -1;
}

static int arguments_read(int argc, char **argv, struct arguments *ret)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "ipc", required_argument, NULL, 'i' }, { "control", required_argument, NULL, 'o' },
		{ "fanotify", required_argument, NULL, 'f' }, { "links", required_argument, NULL, 'l' },
		{ "bpf-ring", required_argument, NULL, 'b' }, { "bpf-desk", required_argument, NULL, 'd' },
		{ "supervisor-pid", required_argument, NULL, 's' },
		{ "require-sandbox", no_argument, NULL, 'r' }, { NULL, 0, NULL, 0 } };
	int opt;

	*ret = (struct arguments){ .config = CONFIG_PATH,
		.ipc = -1,
		.control = -1,
		.fanotify = -1,
		.links = -1,
		.bpf_ring = -1,
		.bpf_desk = -1 };
	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (opt) {
		case 'c':
			ret->config = optarg;
			break;
		case 'i':
			ret->ipc = number(optarg);
			break;
		case 'o':
			ret->control = number(optarg);
			break;
		case 'f':
			ret->fanotify = number(optarg);
			break;
		case 'l':
			ret->links = number(optarg);
			break;
		case 'b':
			ret->bpf_ring = number(optarg);
			break;
		case 'd':
			ret->bpf_desk = number(optarg);
			break;
		case 's':
			ret->supervisor = number(optarg);
			break;
		case 'r':
			ret->require_sandbox = true;
			break;
		default:
			return -1;
		}
	}
	if (argc == optind && ret->ipc >= 0)
		return 0;
	fprintf(stderr, "kedge-keeper is started by 'kedge-agent run'\n");
	return -1;
}

static char *path_join(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* Everything that needs files and sockets which the sandbox will not let be opened later. */
static int keeper_open(struct keeper *k, const struct arguments *a, struct fault *f)
{
	struct fault kept = { 0 };
	struct trust *t = NULL;
	int rc = agent_config_read(a->config, &k->config, f);

	if (rc)
		return rc;
	log_open("kedge-keeper", k->config->log);
	k->state_dir = path_join(k->config->state_dir, "keeper");
	k->trust_dir = k->state_dir ? path_join(k->state_dir, "trust") : NULL;
	if (!k->trust_dir)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	const struct engine_options eo = { .root = PROCSYS_ROOT,
		.kind = PROCSYS_KERNEL,
		.run_dir = k->config->run_dir,
		.state_dir = k->state_dir,
		.ceiling = k->config->ceiling };
	if ((rc = dir_make(k->trust_dir, 0700, f)) || (rc = engine_open(&eo, &k->engine, f)) ||
	        (rc = facts_read(&k->facts, f)) || (rc = era_open(k, f)) ||
	        (rc = adopted_read(k->state_dir, &k->adopted, f)) ||
	        (rc = held_read(k->state_dir, &k->held, f)) ||
	        (rc = cache_open(k->trust_dir, k->config->root, &t, &kept))) {
		if (kept.code)
			*f = kept;
		return rc;
	}
	if (kept.code)
		log_warning("kept metadata: %s: %s", kept.where, kept.what);
	k->facts.labels = k->config->labels;
	k->facts.n_labels = k->config->n_labels;
	if ((rc = link_verify_open(k, t)))
		return fault_set(f, rc, NULL, NULL, "%s", err_text(rc));
	return sockdiag_open(&k->diag, f);
}

/* No way back from here. */
static int keeper_lock(struct keeper *k, bool require_sandbox, struct fault *f)
{
	char couriers[PATH_MAX];
	bool full = k->config->full_profile;
	/* kernel.* stays out of reach even in the full profile: the self-test proves it. */
	struct sandbox_path paths[] = { { "/proc", SANDBOX_READ }, { "/proc/sys/net", SANDBOX_READ_WRITE },
		{ k->state_dir, SANDBOX_READ_WRITE }, { k->config->run_dir, SANDBOX_READ_WRITE },
		{ "/proc/sys/vm", SANDBOX_READ_WRITE }, { "/proc/sys/fs", SANDBOX_READ_WRITE } };
	const struct sandbox_rules rules = { .role = SANDBOX_KEEPER,
		.paths = paths,
		.n = sizeof paths / sizeof paths[0] - (full ? 0 : 2),
		.uid = full ? 0 : k->config->keeper_uid,
		.caps = SANDBOX_CAP(CAP_NET_ADMIN),
		.foreign = couriers,
		.strict = full || require_sandbox || k->config->require_sandbox };

	snprintf(couriers, sizeof couriers, "%s/courier", k->config->state_dir);
	int rc = sandbox_lock(&rules, &k->confined, f);
	if (rc) {
		k->exit_code = rc == KE_UNSUPPORTED ? SANDBOX_EXIT_UNCONFINED : 1;
		return rc;
	}
	k->confinement = k->confined.missing[0] ? "partial" : "full";
	log_info("confinement=%s landlock=%d lacks=\"%s\" selftest=\"%s\"", k->confinement,
	        k->confined.landlock, k->confined.missing, k->confined.selftest);
	if (k->confined.missing[0])
		log_warning("confinement is partial lacks=\"%s\"", k->confined.missing);
	return KE_OK;
}

static void stop(struct ev_loop *loop, ev_signal *w, int revents)
{
	(void)w;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

static int keeper_run(struct keeper *k, const struct arguments *a, struct fault *f)
{
	ev_signal term, interrupt;

	link_open(k, a->ipc);
	int rc = lookout_start(k, a->fanotify, f);

	appear_start(k, a->links);
	if (!rc)
		bpf_watch_start(k, a->bpf_ring, a->bpf_desk);
	if (!rc)
		rc = journalist_start(k, f);
	if (!rc)
		rc = enforce_start(k, f);
	if (rc)
		return rc;
	link_start(k);
	control_start(k, a->control);
	ev_signal_init(&term, stop, SIGTERM);
	ev_signal_init(&interrupt, stop, SIGINT);
	ev_signal_start(k->loop, &term);
	ev_signal_start(k->loop, &interrupt);
	log_info("host=%s policies=%zu", k->config->host, k->adopted.n);
	memory_start_over();
	ev_run(k->loop, 0);
	enforce_stop(k);
	era_save(k);
	return KE_OK;
}

static void keeper_close(struct keeper *k)
{
	spool_close(k->spool);
	signkey_free(k->key);
	if (k->bpf)
		lock_set(k, NULL, 0);
	bpf_reader_close(k->bpf);
	free(k->locks);
	poller_free(k->poller);
	contest_free(k->contest);
	plan_free(k->plan);
	policy_free(k->merged);
	policy_free(k->pending.policy);
	free(k->pending.document);
	verify_free(k->verify);
	assignment_free(k->assignment);
	adopted_clear(&k->adopted);
	override_clear(&k->overrides);
	about_clear(k);
	engine_close(k->engine);
	sockdiag_close(k->diag);
	free(k->report);
	free(k->previous);
	agent_config_free(k->config);
	free(k->trust_dir);
	free(k->state_dir);
}

int main(int argc, char **argv)
{
	/* Not on the stack, which never shrinks: most of it is room that is rarely used. */
	struct keeper *k = calloc(1, sizeof *k);
	struct arguments a;
	struct fault f = { 0 };
	char line[1024];

	memory_keep_little();
	log_open("kedge-keeper", LOG_LEVEL_INFO);
	if (!k || arguments_read(argc, argv, &a)) {
		free(k);
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	k->clock = &clock_system;
	k->control = -1;
	k->confinement = "partial";
	k->supervisor = a.supervisor;
	k->loop = ev_default_loop(EVBACKEND_EPOLL);
	int rc = k->loop && !pubkey_init() ? keeper_open(k, &a, &f) : KE_SYSTEM;
	if (!rc)
		rc = keeper_lock(k, a.require_sandbox, &f);
	if (!rc)
		rc = keeper_run(k, &a, &f);
	if (rc) {
		f.code = rc;
		log_error("%s", fault_line(&f, line, sizeof line));
		if (!k->exit_code)
			k->exit_code = 1;
	}
	keeper_close(k);
	int code = k->exit_code;
	free(k);
	return code;
}
