/* cmd_apply.c — `apply FILE`.
 *
 * apply reads the whole file before it looks at the host, looks at the host before it writes, and writes all of it or
 * nothing. Keys that nobody knows refuse the file unless -e, because a misspelt key that is passed over is how the
 * article's tcp_timestsmps survived for years.
 */
#include "agent/local/local.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/engine/apply.h"
#include "agent/local/confirm.h"
#include "agent/local/outcome.h"
#include "agent/local/turn.h"
#include "proto/fileio.h"

struct apply_args {
	bool dry_run, ignore_unknown, detailed, retry;
	int64_t confirm_s; /* 0: it stands at once */
	const char *file;
};

static const char apply_help[] =
        "usage: kedge-agent apply [-n] [-e] [--retry] [--detailed-exitcodes] [--confirm-timeout SECONDS] "
        "FILE\n"
        "Bring this host to FILE, a policy (JSON) or a sysctl.conf; \"-\" is standard input. All of it or "
        "nothing:\n"
        "old values are journaled, every key is written once and read back, and a failure undoes all of it.\n"
        "  -n, --dry-run           only print old -> new\n"
        "  -e, --ignore-unknown    pass over keys that do not exist and are not known\n"
        "      --retry             try again a plan that is held after a failed attempt\n"
        "      --confirm-timeout SECONDS\n"
        "                          put everything back unless Enter is pressed here, or kedge-agent confirm "
        "is "
        "run\n"
        "                          in another session, within that time (1 to 86400)\n"
        "      --detailed-exitcodes  2: something was changed; 4: failed, or a key is not there\n"
        "Exit status: 0 done, 4 failed and undone, 1 other errors; with -n: 0 in sync, 2 differs, 4 a key "
        "cannot be\n"
        "judged, 6 both.\n";

static bool seconds_read(const char *text, int64_t *ret)
{
	char *end;

	errno = 0;
	long n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < 1 || n > CONFIRM_MAX_S)
		return false;
	*ret = n;
	return true;
}

static int apply_arguments(struct local *l, int argc, char **argv, struct apply_args *ret)
{
	static const struct option options[] = { { "dry-run", no_argument, NULL, 'n' },
		{ "ignore-unknown", no_argument, NULL, 'e' },
		{ "detailed-exitcodes", no_argument, NULL, 'd' }, { "retry", no_argument, NULL, 't' },
		{ "confirm-timeout", required_argument, NULL, 'C' }, LOCAL_OPTIONS };
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
		} else if (opt == 'C') {
			if (!seconds_read(optarg, &ret->confirm_s)) {
				local_usage(l, "--confirm-timeout wants 1 to %d seconds, not '%s'",
				        CONFIRM_MAX_S, optarg);
				return OPTION_WRONG;
			}
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
	case KE_EXIST:
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

/* All is written: say so, and wait for the word that it may stay. */
static int wait_confirmed(struct local *l, const struct apply_args *a, struct confirm *c, struct engine *e,
        const struct outcome_view *v, struct plan *pl, struct fault *f)
{
	struct buf text = BUF_INIT(1024);

	if (!l->json) {
		outcome_tell(l, v);
		file_write_all(STDOUT_FILENO, buf_text(&l->out), l->out.len);
		buf_clear(&l->out);
	}
	buf_fmt(&text,
	        "kedge-agent apply: %skedge-agent confirm in another session keeps it; back in %lld s\n",
	        isatty(STDIN_FILENO) ? "Enter here, or " : "", (long long)a->confirm_s);
	file_write_all(STDERR_FILENO, buf_text(&text), text.len);
	buf_free(&text);
	int rc = confirm_wait(c, e, pl->hash, a->confirm_s, f);
	for (size_t i = 0; rc && rc != KE_DEGRADED && i < pl->n; i++)
		if (pl->keys[i].outcome == OUTCOME_APPLIED)
			pl->keys[i].outcome = OUTCOME_RESTORED;
	if (!rc && !l->json)
		buf_str(&l->out, "confirmed\n");
	return rc;
}

/* The transaction, and with --confirm-timeout what follows. *RET_TOLD: the outcome is printed already. */
static int run(struct local *l, const struct apply_args *a, struct engine *e, struct outcome_view *v,
        struct plan *pl, bool *ret_told, struct fault *f)
{
	struct apply_options ao = { .retry = a->retry, .confirm_ms = a->confirm_s * 1000 };
	struct confirm c;
	int rc = a->confirm_s ? confirm_begin(&c, f) : KE_OK;

	if (rc)
		return rc;
	rc = apply_run(e, v->policy, pl, &ao, f);
	v->result = result_word(rc, pl);
	if (!rc && a->confirm_s && !plan_empty(pl)) {
		rc = wait_confirmed(l, a, &c, e, v, pl, f);
		*ret_told = !l->json;
	}
	if (a->confirm_s)
		confirm_end(&c);
	return rc;
}

/* The planned transaction, or, for -n, only the plan. */
static int apply_plan(struct local *l, const struct apply_args *a, struct engine *e, const struct input *in,
        struct plan *pl)
{
	struct outcome_view v = { .plan = pl,
		.input = in,
		.policy = in->policy,
		.dry_run = a->dry_run,
		.rows = l->json ? OUTCOME_ALL : OUTCOME_CHANGES };
	struct fault f = { 0 };
	bool told = false;

	if (a->dry_run) {
		v.exit_code = outcome_exit(pl);
		if (pl->verdict) {
			plan_fault(pl, &f);
			v.fault = &f;
		}
		v.result = pl->verdict ? "refused" : v.exit_code & EXIT_DIFFERS ? "differs" : "in_sync";
	} else {
		int rc = run(l, a, e, &v, pl, &told, &f);
		v.result = result_word(rc, pl);
		v.fault = rc ? &f : NULL;
		v.exit_code = apply_exit(a, rc, pl);
	}
	if (!told)
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

	if (!a->dry_run && ((rc = turn_take(l, e, &f))))
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
