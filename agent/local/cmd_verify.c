/* cmd_verify.c — `verify` and `diff`: is the host where FILE, or the policy in force, wants it? Both read only. verify tells
 * every key, diff only those that differ. */
#include <stdio.h>

#include "agent/engine/original.h"
#include "agent/local/local.h"
#include "agent/local/outcome.h"

static const char verify_help[] =
        "usage: kedge-agent verify [FILE]\n"
        "Compare every key of FILE (a policy or a sysctl.conf), or of the policy in force, with the kernel.\n"
        "Exit status: 0 in sync, 2 differs, 4 a key is not there or cannot be read, 6 both, 1 other "
        "errors.\n";

static const char diff_help[] =
        "usage: kedge-agent diff [FILE]\n"
        "Print \"KEY: now -> wanted\" for every key of FILE, or of the policy in force, that differs.\n"
        "Exit status: 0 in sync, 2 differs, 4 a key is not there or cannot be read, 6 both, 1 other "
        "errors.\n";

static int policy_in_force(struct local *l, const struct engine *e, struct input *in)
{
	struct originals *o = NULL;
	struct fault f = { 0 };
	int rc = originals_read(e->run_dir, e->boot_id, &o, &f);

	if (!rc)
		rc = originals_policy(o, &in->policy, &f);
	originals_free(o);
	if (rc == KE_NOENT)
		rc = fault_set(&f, rc, NULL, "name a FILE", "no policy was applied since boot");
	if (rc)
		local_complain(l, &f);
	return rc;
}

static int input_for_verify(struct local *l, const struct engine *e, const char *file, struct input *in)
{
	struct fault f = { 0 };

	if (!file)
		return policy_in_force(l, e, in);
	int rc = input_read(file, in, &f);
	if (rc)
		local_complain(l, &f);
	else
		input_tell(l, in);
	return rc;
}

static int compare(struct local *l, struct engine *e, const struct input *in, enum outcome_rows rows)
{
	struct observation *o = NULL;
	struct plan *pl = NULL;
	struct fault f = { 0 };
	int rc = observe_policy(e->ps, in->policy, e->kernel, &o, &f);

	if (!rc)
		rc = plan_build(in->policy, o, e->ceiling, &pl);
	if (rc) {
		f.code = rc;
		rc = local_complain(l, &f);
	} else {
		rc = outcome_exit(pl) | (in->errors ? EXIT_FAILED : 0);
		struct outcome_view v = { .plan = pl,
			.input = in->path ? in : NULL,
			.policy = in->policy,
			.rows = rows,
			.dry_run = true,
			.exit_code = rc,
			.result = rc & EXIT_DIFFERS ? "differs"
			          : rc              ? "incomplete"
			                            : "in_sync" };
		outcome_tell(l, &v);
	}
	plan_free(pl);
	observation_free(o);
	return rc;
}

static int verify_or_diff(struct local *l, int argc, char **argv, const char *help, enum outcome_rows rows)
{
	static const struct option options[] = { LOCAL_OPTIONS };
	struct engine *e = NULL;
	struct input in = { 0 };
	struct fault f = { 0 };
	int opt, code;

	while ((opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
		int said = local_option(l, opt, argv);
		if (said == OPTION_HELP)
			buf_str(&l->out, help);
		if (said != OPTION_TAKEN)
			return said == OPTION_HELP ? EXIT_DONE : EXIT_ERROR;
	}
	if (argc - optind > 1)
		return local_usage(l, "at most one FILE is wanted, %d given", argc - optind);
	if (engine_open(&l->engine, &e, &f))
		code = local_complain(l, &f);
	else if (input_for_verify(l, e, argv[optind], &in))
		code = EXIT_ERROR;
	else
		code = compare(l, e, &in, rows);
	input_clear(&in);
	engine_close(e);
	return code;
}

int cmd_verify(struct local *l, int argc, char **argv)
{
	return verify_or_diff(l, argc, argv, verify_help, OUTCOME_ALL);
}

int cmd_diff(struct local *l, int argc, char **argv)
{
	return verify_or_diff(l, argc, argv, diff_help, OUTCOME_CHANGES);
}
