/* cmd_apply.c — `apply FILE`, `revert`, `retry`: the commands that change something.
 *
 * apply reads the whole file before it looks at the host, looks at the host before it writes, and writes all of it or
 * nothing. Keys that nobody knows refuse the file unless -e, because a misspelt key that is passed over is how the
 * article's tcp_timestsmps survived for years.
 */
#include "agent/local/local.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/engine/apply.h"
#include "agent/engine/attempt.h"
#include "agent/local/daemon.h"
#include "agent/local/outcome.h"
#include "proto/fileio.h"
#include "proto/jsonw.h"

struct apply_args {
	bool dry_run, ignore_unknown, detailed, retry;
	const char *file;
};

static const char apply_help[] =
        "usage: kedge-agent apply [-n] [-e] [--retry] [--detailed-exitcodes] FILE\n"
        "Bring this host to FILE, a policy (JSON) or a sysctl.conf; \"-\" is standard input. All of it or "
        "nothing:\n"
        "old values are journaled, every key is written once and read back, and a failure undoes all of it.\n"
        "  -n, --dry-run           only print old -> new\n"
        "  -e, --ignore-unknown    pass over keys that do not exist and are not known\n"
        "      --retry             try again a plan that is held after a failed attempt\n"
        "      --detailed-exitcodes  2: something was changed; 4: failed, or a key is not there\n"
        "Exit status: 0 done, 4 failed and undone, 1 other errors; with -n: 0 in sync, 2 differs, 4 a key "
        "cannot be\n"
        "judged, 6 both.\n";

static int apply_arguments(struct local *l, int argc, char **argv, struct apply_args *ret)
{
	static const struct option options[] = { { "dry-run", no_argument, NULL, 'n' },
		{ "ignore-unknown", no_argument, NULL, 'e' },
		{ "detailed-exitcodes", no_argument, NULL, 'd' }, { "retry", no_argument, NULL, 't' },
		LOCAL_OPTIONS };
	int opt;

	while ((opt = getopt_long(argc, argv, ":neh", options, NULL)) >= 0) {
		if (opt == 'n') {
			ret->dry_run = true;
		} else if (opt == 'e') {
			ret->ignore_unknown = true;
		} else if (opt == 'd') {
			ret->detailed = true;
		} else if (opt == 't') {
			ret->retry = true;
		} else {
			int said = local_option(l, opt, argv);
			if (said != OPTION_TAKEN)
				return said;
		}
	}
	if (argc - optind != 1) {
		local_usage(l, "one FILE is wanted, %d given", argc - optind);
		return OPTION_WRONG;
	}
	ret->file = argv[optind];
	return OPTION_TAKEN;
}

/* The lock of the run directory. When it is a daemon that holds it, say so, and what to do. */
static int lock(struct engine *e, struct fault *f)
{
	struct buf ignored = BUF_INIT(DAEMON_MAX_ANSWER);
	int code, rc = engine_lock(e, f);

	if (rc != KE_BUSY)
		return rc;
	if (daemon_ask(e->run_dir, ASK_STATUS, &ignored, &code, NULL) != KE_NOENT)
		fault_set(f, rc, e->run_dir,
		        "publish a policy instead (kedge rollout start), or stop the service first",
		        "'kedge-agent run' is at work on this host and holds the lock; nothing was written");
	buf_free(&ignored);
	return rc;
}

/* What an earlier, killed apply left behind is undone first, and said. */
static int recover(struct local *l, struct engine *e, struct fault *f)
{
	struct recovery_report report;
	int rc = engine_recover(e, &report, f);
	struct buf text = BUF_INIT(4096);

	if (!rc && report.result == RECOVERY_RESTORED)
		buf_fmt(&text,
		        "kedge-agent %s: an earlier apply did not end; its %zu keys were restored first\n",
		        l->command, report.journal->n);
	if (!rc && report.result == RECOVERY_VOID && report.torn)
		buf_fmt(&text, "kedge-agent %s: %s/%s was damaged and put aside\n", l->command, e->run_dir,
		        JOURNAL_NAME);
	file_write_all(STDERR_FILENO, buf_text(&text), text.len);
	buf_free(&text);
	recovery_report_clear(&report);
	return rc;
}

/* Keys that neither the kernel nor the knowledge base knows; the first is named in the fault. */
static int refuse_unknown(const struct plan *pl, const char *file, struct fault *f)
{
	char where[512], todo[200], dotted[NAME_MAX_LEN + 1];
	const struct plan_key *first = NULL;
	size_t n = 0;

	for (size_t i = 0; i < pl->n; i++) {
		const struct plan_key *k = &pl->keys[i];
		if (k->reason != REASON_UNKNOWN || k->setting->optional)
			continue;
		first = first ? first : k;
		n++;
	}
	if (!n)
		return KE_OK;
	if (first->setting->line)
		snprintf(where, sizeof where, "%s:%u", file, first->setting->line);
	else
		snprintf(where, sizeof where, "%s", file);
	snprintf(todo, sizeof todo, "%s%s%scorrect it, or pass over unknown keys with -e",
	        first->detail[0] ? "did you mean " : "", first->detail, first->detail[0] ? "? " : "");
	return fault_set(f, KE_UNKNOWN, where, todo, "there is no key '%s'%s; nothing was written",
	        name_dotted(&first->name, dotted, sizeof dotted), n > 1 ? " (and others)" : "");
}

static const char *result_word(int rc, const struct plan *pl)
{
	switch (rc) {
	case KE_OK:
		for (size_t i = 0; i < pl->n; i++)
			if (pl->keys[i].outcome == OUTCOME_APPLIED)
				return "applied";
		return "already";
	case KE_CEILING:
	case KE_UNSUPPORTED:
	case KE_HELD:
		return "refused";
	case KE_DEGRADED:
		return "degraded";
	default:
		return "undone";
	}
}

static int apply_exit(const struct apply_args *a, int rc, const struct plan *pl)
{
	if (rc)
		return EXIT_FAILED;
	if (!a->detailed)
		return EXIT_DONE;
	return outcome_exit(pl);
}

/* The planned transaction, or, for -n, only the plan. */
static int apply_plan(struct local *l, const struct apply_args *a, struct engine *e, const struct input *in,
        struct plan *pl)
{
	struct apply_options ao = { .retry = a->retry };
	struct outcome_view v = { .plan = pl,
		.input = in,
		.policy = in->policy,
		.dry_run = a->dry_run,
		.rows = l->json ? OUTCOME_ALL : OUTCOME_CHANGES };
	struct fault f = { 0 };

	if (a->dry_run) {
		v.exit_code = outcome_exit(pl);
		if (pl->verdict) {
			plan_fault(pl, &f);
			v.fault = &f;
		}
		v.result = pl->verdict ? "refused" : v.exit_code & EXIT_DIFFERS ? "differs" : "in_sync";
	} else {
		int rc = apply_run(e, in->policy, pl, &ao, &f);
		v.fault = rc ? &f : NULL;
		v.result = result_word(rc, pl);
		v.exit_code = apply_exit(a, rc, pl);
	}
	outcome_tell(l, &v);
	if (v.fault && !l->json)
		local_complain(l, &f);
	return v.exit_code;
}

static int apply_input(struct local *l, const struct apply_args *a, struct engine *e, const struct input *in)
{
	struct observation *o = NULL;
	struct plan *pl = NULL;
	struct fault f = { 0 };
	int code, rc = KE_OK;

	if (!a->dry_run && ((rc = lock(e, &f)) || (rc = recover(l, e, &f))))
		return local_complain(l, &f);
	if ((rc = observe_policy(e->ps, in->policy, e->kernel, &o, &f)) ||
	        (rc = plan_build(in->policy, o, e->ceiling, &pl))) {
		f.code = rc;
		code = local_complain(l, &f);
	} else if (!a->ignore_unknown && refuse_unknown(pl, in->path, &f)) {
		code = local_complain(l, &f);
	} else {
		code = apply_plan(l, a, e, in, pl);
	}
	plan_free(pl);
	observation_free(o);
	return code;
}

int cmd_apply(struct local *l, int argc, char **argv)
{
	struct apply_args a = { 0 };
	struct engine *e = NULL;
	struct input in = { 0 };
	struct fault f = { 0 };
	int code, said = apply_arguments(l, argc, argv, &a);

	if (said != OPTION_TAKEN) {
		if (said == OPTION_HELP)
			buf_str(&l->out, apply_help);
		return said == OPTION_HELP ? EXIT_DONE : EXIT_ERROR;
	}
	if (input_read(a.file, &in, &f)) {
		code = local_complain(l, &f);
	} else if (in.errors) {
		input_tell(l, &in);
		fault_set(&f, KE_SYNTAX, a.file, "correct them; kedge-agent lint says more",
		        "%u line%s cannot be used; nothing was written", in.errors,
		        in.errors == 1 ? "" : "s");
		code = local_complain(l, &f);
	} else if (engine_open(&l->engine, &e, &f)) {
		code = local_complain(l, &f);
	} else {
		input_tell(l, &in);
		code = apply_input(l, &a, e, &in);
	}
	engine_close(e);
	input_clear(&in);
	return code;
}

static const char revert_help[] = "usage: kedge-agent revert\n"
                                  "Put every key that was applied since boot back to the value it had "
                                  "before, in reverse order, verified.\n"
                                  "Exit status: 0 done (also when nothing was applied), 4 a key could not be "
                                  "restored, 1 other errors.\n";

/* The canonical form of a kernel text, for people; newly allocated, NULL when memory is short. */
static char *canonical(const struct name *n, const char *raw)
{
	char *text;

	return value_observed(knowledge_shape(n), raw, strlen(raw), &text) ? NULL : text;
}

static void revert_row_text(struct local *l, const struct revert_row *row)
{
	char dotted[NAME_MAX_LEN + 1];
	char *value = row->unknown ? NULL : canonical(&row->name, row->value);
	const char *key = name_dotted(&row->name, dotted, sizeof dotted);

	if (row->unknown)
		buf_fmt(&l->out, "%s: left as it is: its value from before was never known\n", key);
	else if (row->result.state == RESTORE_FAILED)
		buf_fmt(&l->out, "%s: not restored to %s: %s\n", key, value ? value : row->value,
		        row->result.err ? strerror(row->result.err) : "the kernel holds another value");
	else
		buf_fmt(&l->out, "%s: %s%s\n", key,
		        value && !value[0] ? "(empty)"
		        : value            ? value
		                           : row->value,
		        row->result.state == RESTORE_SAME   ? " (was so already)"
		        : row->result.state == RESTORE_GONE ? " (the key is gone)"
		                                            : "");
	free(value);
}

static void revert_text(struct local *l, const struct revert_report *r)
{
	for (size_t i = 0; i < r->n; i++)
		revert_row_text(l, &r->rows[i]);
}

static const char *restore_name(const struct revert_row *row)
{
	static const char *const names[] = { [RESTORE_SAME] = "already",
		[RESTORE_WRITTEN] = "restored",
		[RESTORE_GONE] = "gone",
		[RESTORE_FAILED] = "failed" };

	return row->unknown ? "unknown" : names[row->result.state];
}

static void revert_json(struct local *l, const struct revert_report *r, const char *result, int code)
{
	struct jsonw w = JSONW_INIT(&l->out, 2);
	char dotted[NAME_MAX_LEN + 1];

	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_revert", 1);
	jsonw_string(&w, "result", result);
	jsonw_int(&w, "exit_code", code);
	jsonw_array(&w, "keys");
	for (size_t i = 0; i < r->n; i++) {
		jsonw_object(&w, NULL);
		jsonw_string(&w, "key", name_dotted(&r->rows[i].name, dotted, sizeof dotted));
		jsonw_string(&w, "outcome", restore_name(&r->rows[i]));
		jsonw_opt_string(&w, "value", r->rows[i].value);
		jsonw_opt_string(&w, "got", r->rows[i].result.got);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	buf_char(&l->out, '\n');
}

/* Options of a command that takes no arguments. */
static int no_arguments(struct local *l, int argc, char **argv, const char *help)
{
	static const struct option options[] = { LOCAL_OPTIONS };
	int opt;

	while ((opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
		int said = local_option(l, opt, argv);
		if (said == OPTION_HELP)
			buf_str(&l->out, help);
		if (said != OPTION_TAKEN)
			return said;
	}
	if (argc != optind) {
		local_usage(l, "takes no arguments, '%s' given", argv[optind]);
		return OPTION_WRONG;
	}
	return OPTION_TAKEN;
}

int cmd_revert(struct local *l, int argc, char **argv)
{
	struct engine *e = NULL;
	struct revert_report report = { 0 };
	struct fault f = { 0 };
	int code, rc, said = no_arguments(l, argc, argv, revert_help);

	if (said != OPTION_TAKEN)
		return said == OPTION_HELP ? EXIT_DONE : EXIT_ERROR;
	if ((rc = engine_open(&l->engine, &e, &f)) || (rc = lock(e, &f)) || (rc = recover(l, e, &f))) {
		code = local_complain(l, &f);
		goto out;
	}
	rc = apply_revert(e, &report, &f);
	code = rc == KE_OK || rc == KE_NOENT ? EXIT_DONE : rc == KE_DEGRADED ? EXIT_FAILED : EXIT_ERROR;
	if (code == EXIT_ERROR) {
		local_complain(l, &f);
		goto out;
	}
	if (l->json)
		revert_json(l, &report, rc == KE_NOENT ? "nothing" : rc ? "degraded" : "reverted", code);
	else if (rc == KE_NOENT)
		buf_str(&l->out, "nothing was applied since boot\n");
	else
		revert_text(l, &report);
	if (rc == KE_DEGRADED && !l->json)
		local_complain(l, &f);
out:
	revert_report_clear(&report);
	engine_close(e);
	return code;
}

static const char retry_help[] =
        "usage: kedge-agent retry\n"
        "Allow a plan that is held (its attempt failed, timed out, or the host went "
        "down with it) to be applied again.\n"
        "A daemon that runs is asked to; else what it holds is forgotten for its next "
        "start.\n";

/* No daemon runs: what it, and `apply`, hold. */
static int holds_clear(struct local *l, struct fault *f)
{
	struct engine *e = NULL;
	char held[PATH_MAX];
	int rc = engine_open(&l->engine, &e, f);

	if (!rc)
		rc = engine_lock(e, f);
	if (!rc)
		rc = attempt_clear(e->state_dir, f);
	if (!rc && snprintf(held, sizeof held, "%s/held.json", e->state_dir) >= (int)sizeof held)
		rc = fault_set(f, KE_TOOBIG, e->state_dir, NULL, "path too long");
	if (!rc)
		rc = file_remove(held, FILE_DURABLE, f);
	engine_close(e);
	return rc;
}

int cmd_retry(struct local *l, int argc, char **argv)
{
	struct fault f = { 0 };
	struct buf answer = BUF_INIT(DAEMON_MAX_ANSWER);
	int code = EXIT_DONE, said = no_arguments(l, argc, argv, retry_help);

	if (said != OPTION_TAKEN)
		return said == OPTION_HELP ? EXIT_DONE : EXIT_ERROR;
	/* What a daemon holds, it lets go of itself. */
	int rc = daemon_ask(l->engine.run_dir, ASK_RETRY, &answer, &code, &f);
	if (rc == KE_NOENT)
		rc = holds_clear(l, &f);
	else if (!rc && code)
		rc = fault_set(&f, KE_BUSY, "kedge-agent run", NULL, "%s", buf_text(&answer));
	buf_free(&answer);
	return rc ? local_complain(l, &f) : EXIT_DONE;
}
