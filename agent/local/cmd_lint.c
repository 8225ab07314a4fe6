/* cmd_lint.c — `lint FILE`: what each line does on this kernel. Reads the file as far as it can be read: a line that apply
 * would refuse is a finding here. */
#include <limits.h>

#include "agent/local/input.h"
#include "agent/local/local.h"
#include "agent/local/target.h"
#include "proto/jsonw.h"

static const char lint_help[] =
        "usage: kedge-agent lint FILE\n"
        "Say what is dead, dangerous or pointless in FILE (a policy or a sysctl.conf) on this host's kernel, "
        "memory and\n"
        "network namespace, and what to write instead. Every finding has a stable rule id.\n"
        "Exit status: 0 nothing worse than a note, 2 warnings, 4 errors, 6 both, 1 other errors.\n";

static int lint_exit(const struct input *in, const struct lint_report *r)
{
	int code = in->errors ? EXIT_FAILED : EXIT_DONE;

	for (size_t i = 0; i < r->n; i++) {
		if (r->findings[i].suppressed)
			continue;
		if (r->findings[i].severity == LINT_WARNING)
			code |= EXIT_DIFFERS;
		if (r->findings[i].severity == LINT_ERROR)
			code |= EXIT_FAILED;
	}
	return code;
}

static void finding_text(struct local *l, const struct input *in, const struct lint_finding *fi)
{
	char dotted[NAME_MAX_LEN + 1];

	buf_str(&l->out, in->path);
	if (fi->line)
		buf_fmt(&l->out, ":%u", fi->line);
	buf_fmt(&l->out, ": %s %s: ", fi->suppressed ? "suppressed" : lint_severity_text(fi->severity),
	        fi->id);
	if (fi->name.path[0])
		buf_fmt(&l->out, "%s: ", name_dotted(&fi->name, dotted, sizeof dotted));
	buf_fmt(&l->out, "%s\n", fi->message);
	if (fi->suppressed)
		buf_fmt(&l->out, "    why: %s\n", fi->suppressed);
	else if (fi->fix && fi->fix[0])
		buf_fmt(&l->out, "    fix: %s\n", fi->fix);
}

/* What the import says and what the rules say, by line. */
static void lint_text(struct local *l, const struct input *in, const struct lint_report *r)
{
	size_t counts[4] = { 0 }, next = 0, n_issues = in->conf ? in->conf->n_issues : 0;

	for (size_t i = 0; i <= r->n; i++) {
		unsigned line = i < r->n ? r->findings[i].line : UINT_MAX;
		for (; next < n_issues && in->conf->issues[next].line <= line; next++)
			if (in->conf->issues[next].code != KE_UNKNOWN) /* of those a rule says more */
				input_issue(in, next, &l->out);
		if (i == r->n)
			break;
		finding_text(l, in, &r->findings[i]);
		counts[r->findings[i].suppressed ? 3 : r->findings[i].severity]++;
	}
	buf_fmt(&l->out, "%zu errors, %zu warnings, %zu notes from the rules", counts[LINT_ERROR],
	        counts[LINT_WARNING], counts[LINT_INFO]);
	if (counts[3])
		buf_fmt(&l->out, ", %zu suppressed", counts[3]);
	buf_fmt(&l->out, "; %u lines cannot be used\n", in->errors);
}

static void lint_json(struct local *l, const struct input *in, const struct lint_report *r, int code)
{
	struct jsonw w = JSONW_INIT(&l->out, 2);
	char dotted[NAME_MAX_LEN + 1];

	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_lint", 1);
	jsonw_string(&w, "file", in->path);
	jsonw_int(&w, "exit_code", code);
	conf_issues_json(in->conf, &w);
	jsonw_array(&w, "findings");
	for (size_t i = 0; i < r->n; i++) {
		const struct lint_finding *fi = &r->findings[i];
		jsonw_object(&w, NULL);
		jsonw_string(&w, "id", fi->id);
		jsonw_string(&w, "severity", lint_severity_text(fi->severity));
		if (fi->line)
			jsonw_int(&w, "line", fi->line);
		if (fi->name.path[0])
			jsonw_string(&w, "key", name_dotted(&fi->name, dotted, sizeof dotted));
		jsonw_string(&w, "message", fi->message);
		jsonw_opt_string(&w, "fix", fi->fix);
		jsonw_opt_string(&w, "suppressed", fi->suppressed);
		jsonw_array(&w, "sources");
		for (size_t k = 0; fi->sources && fi->sources[k]; k++)
			jsonw_string(&w, NULL, fi->sources[k]);
		jsonw_array_end(&w);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	buf_char(&l->out, '\n');
}

static int lint_input(struct local *l, struct engine *e, const struct input *in)
{
	struct lint_report *r = NULL;
	struct target target;
	struct fault f = { 0 };
	int code;

	target_read(e, &target);
	int rc = in->conf ? lint_run(in->conf, &target.lint, &r) : lint_policy(in->policy, &target.lint, &r);
	if (rc) {
		fault_set(&f, rc, in->path, NULL, "%s", "");
		code = local_complain(l, &f);
	} else {
		code = lint_exit(in, r);
		if (l->json)
			lint_json(l, in, r, code);
		else
			lint_text(l, in, r);
	}
	lint_report_free(r);
	target_clear(&target);
	return code;
}

int cmd_lint(struct local *l, int argc, char **argv)
{
	static const struct option options[] = { LOCAL_OPTIONS };
	struct engine *e = NULL;
	struct input in = { 0 };
	struct fault f = { 0 };
	int opt, code;

	while ((opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
		int said = local_option(l, opt, argv);
		if (said == OPTION_HELP)
			buf_str(&l->out, lint_help);
		if (said != OPTION_TAKEN)
			return said == OPTION_HELP ? EXIT_DONE : EXIT_ERROR;
	}
	if (argc - optind != 1)
		return local_usage(l, "one FILE is wanted, %d given", argc - optind);
	if (input_read(argv[optind], &in, &f) || engine_open(&l->engine, &e, &f))
		code = local_complain(l, &f);
	else
		code = lint_input(l, e, &in);
	engine_close(e);
	input_clear(&in);
	return code;
}
