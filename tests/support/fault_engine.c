/* fault_engine.c — the engine as a bare program, for the fault tests to break.
 *
 *	fault_engine [--root DIR] [--run DIR] [--state DIR] [--ceiling FILE] [--boot ID] [--confirm-ms N] [--retry]
 *	             [--force KEY=VALUE]... apply|plan FILE | recover | revert | confirm
 *
 * Does what a changing command does: lock, recover, observe, plan, apply; prints one line a key and the result. --force puts
 * a value into the policy that the knowledge base would refuse, so that the kernel gets to refuse it. A --root is a plain
 * directory; without it /proc/sys is meant. Exit: 0 done, 4 failed, 1 usage.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/apply.h"
#include "policies/sysctl_conf.h"
#include "proto/fileio.h"

#define MAX_FORCE 8

struct job {
	struct engine_options eo;
	struct apply_options ao;
	const char *force[MAX_FORCE];
	size_t n_force;
	bool locked;
};

static int failed(const struct fault *f)
{
	char line[1024];

	printf("result %s\n", err_name(f->code));
	fprintf(stderr, "%s\n", fault_line(f, line, sizeof line));
	return 4;
}

static int force_values(const struct job *job, struct policy *p, struct fault *f)
{
	for (size_t i = 0; i < job->n_force; i++) {
		const char *eq = strchr(job->force[i], '=');
		struct name n;
		if (!eq || name_parse(job->force[i], (size_t)(eq - job->force[i]), &n, f))
			return KE_USAGE;
		for (size_t s = 0; s < p->n; s++) {
			if (name_cmp(&p->settings[s].name, &n) != 0)
				continue;
			free(p->settings[s].value);
			p->settings[s].value = strdup(eq + 1);
		}
	}
	return KE_OK;
}

static int policy_load(const struct job *job, const char *path, struct policy **ret, struct fault *f)
{
	char *text = NULL;
	size_t len = 0;
	struct conf *c = NULL;
	int rc = file_read(path, 1 << 20, &text, &len, f);

	if (!rc)
		rc = conf_parse(text, len, &c, f);
	if (!rc)
		rc = conf_to_policy(c, "test", ret, f);
	if (!rc)
		rc = force_values(job, *ret, f);
	conf_free(c);
	file_free(text);
	return rc;
}

static void keys_print(const struct plan *pl)
{
	char text[320];

	for (size_t i = 0; i < pl->n; i++) {
		const struct plan_key *k = &pl->keys[i];
		printf("key %s %s %s\n", outcome_name(k->outcome), k->name.path,
		        outcome_text(k, text, sizeof text));
	}
}

static int recover(struct engine *e, struct fault *f)
{
	struct recovery_report r;
	int rc = engine_recover(e, &r, f);

	printf("recovery %s%s\n", recovery_name(r.result), r.torn ? " torn" : "");
	recovery_report_clear(&r);
	return rc;
}

static int apply(const struct job *job, struct engine *e, const char *path, bool dry, struct fault *f)
{
	struct policy *p = NULL;
	struct observation *o = NULL;
	struct plan *pl = NULL;
	int rc = policy_load(job, path, &p, f);

	if (!rc && !dry)
		rc = engine_lock(e, f);
	if (!rc && !dry)
		rc = recover(e, f);
	if (!rc)
		rc = observe_policy(e->ps, p, e->kernel, &o, f);
	if (!rc)
		rc = plan_build(p, o, e->ceiling, &pl);
	if (!rc)
		rc = dry ? plan_fault(pl, f) : apply_run(e, p, pl, &job->ao, f);
	if (pl)
		keys_print(pl);
	plan_free(pl);
	observation_free(o);
	policy_free(p);
	return rc;
}

static int revert(struct engine *e, struct fault *f)
{
	struct revert_report r = { 0 };
	int rc = engine_lock(e, f);

	if (!rc)
		rc = apply_revert(e, &r, f);
	for (size_t i = 0; i < r.n; i++)
		printf("revert %d%s %s\n", (int)r.rows[i].result.state, r.rows[i].unknown ? " unknown" : "",
		        r.rows[i].name.path);
	revert_report_clear(&r);
	return rc;
}

static int command_run(const struct job *job, struct engine *e, int argc, char **argv, struct fault *f)
{
	if (argc == 2 && (strcmp(argv[0], "apply") == 0 || strcmp(argv[0], "plan") == 0))
		return apply(job, e, argv[1], argv[0][0] == 'p', f);
	if (argc == 1 && strcmp(argv[0], "recover") == 0) {
		int rc = engine_lock(e, f);
		return rc ? rc : recover(e, f);
	}
	if (argc == 1 && strcmp(argv[0], "revert") == 0)
		return revert(e, f);
	if (argc == 1 && strcmp(argv[0], "confirm") == 0) {
		int rc = engine_lock(e, f);
		return rc ? rc : apply_confirm(e, f);
	}
	return fault_set(f, KE_USAGE, NULL, NULL, "apply FILE, plan FILE, recover, revert or confirm");
}

static bool options_parse(struct job *job, int argc, char **argv)
{
	static const struct option longs[] = { { "root", 1, NULL, 'r' }, { "run", 1, NULL, 'u' },
		{ "state", 1, NULL, 's' }, { "ceiling", 1, NULL, 'c' }, { "boot", 1, NULL, 'b' },
		{ "confirm-ms", 1, NULL, 'm' }, { "retry", 0, NULL, 't' }, { "force", 1, NULL, 'f' }, { 0 } };

	for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
		switch (c) {
		case 'r':
			job->eo.root = optarg;
			job->eo.kind = PROCSYS_DIRECTORY;
			break;
		case 'u':
			job->eo.run_dir = optarg;
			break;
		case 's':
			job->eo.state_dir = optarg;
			break;
		case 'c':
			job->eo.ceiling = optarg;
			break;
		case 'b':
			job->eo.boot_id = optarg;
			break;
		case 'm':
			job->ao.confirm_ms = strtol(optarg, NULL, 10);
			break;
		case 't':
			job->ao.retry = true;
			break;
		case 'f':
			if (job->n_force == MAX_FORCE)
				return false;
			job->force[job->n_force++] = optarg;
			break;
		default:
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	struct job job = { .eo = ENGINE_DEFAULTS };
	struct engine *e = NULL;
	struct fault f = { 0 };

	if (!options_parse(&job, argc, argv))
		return 1;
	int rc = engine_open(&job.eo, &e, &f);
	if (!rc)
		rc = command_run(&job, e, argc - optind, argv + optind, &f);
	engine_close(e);
	if (rc) {
		f.code = rc;
		int status = failed(&f);
		return rc == KE_USAGE ? 1 : status;
	}
	printf("result ok\n");
	return 0;
}
