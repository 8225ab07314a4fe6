/* ctl.c — from the command line to a row of the table, and out again: help, complaints, the one print. Refuses options
 * that the command does not take. Called by main(). */
#include "server-stub/ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/fileio.h"

static const char common[] = "help version config server ca cert key key-passphrase-file format";

/* Is NAME one of the blank-separated LIST? */
static bool listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = list; *p;) {
		size_t n = strcspn(p, " ");
		if (n == len && memcmp(p, name, n) == 0)
			return true;
		p += n;
		p += strspn(p, " ");
	}
	return false;
}

static void program_help(struct ctl *c)
{
	buf_str(&c->out, "usage: kedge COMMAND [ARGUMENTS] [OPTIONS]\n\n");
	for (const struct command *k = c->commands; k->name; k++)
		buf_fmt(&c->out, "  %-16s %s\n", k->name, k->help);
	buf_str(&c->out,
	        "\nkedge COMMAND --help tells the arguments and options of a command; the manual page "
	        "is kedge(1).\n");
}

static void options_help(struct ctl *c, const char *list)
{
	for (const struct args_option *o = args_options; o->name; o++) {
		char left[48];
		if (!listed(list, o->name))
			continue;
		int n = snprintf(left, sizeof left, "%s%c%s--%s%s%s", o->letter ? "-" : "",
		        o->letter ? o->letter : ' ', o->letter ? ", " : "   ", o->name, o->value ? " " : "",
		        o->value ? o->value : "");
		buf_fmt(&c->out, "  %-32s %s\n", n > 0 ? left : o->name, o->help);
	}
}

static void command_help(struct ctl *c, const struct command *k)
{
	buf_fmt(&c->out, "usage: kedge %s%s%s [OPTIONS]\n%s\n\n", k->name, k->words[0] ? " " : "", k->words,
	        k->help);
	if (k->options[0])
		options_help(c, k->options);
	buf_str(&c->out, "\ncommon options\n");
	options_help(c, common);
}

/* ---- complaints ---- */

static int exit_of(int code)
{
	return (code <= KE_SIGNATURE && code >= KE_HELD && code != KE_KEY) || code == KE_HTTP ||
	                       code == KE_FORBIDDEN || code == KE_FORK
	               ? CTL_FAILED
	               : CTL_ERROR;
}

int ctl_complain(struct ctl *c, const struct fault *f)
{
	char line[1024];
	struct buf text = BUF_INIT(2048);

	if (c->json) {
		buf_clear(&c->out);
		struct jsonw w = ctl_json(c, "kedge_error");
		jsonw_string(&w, "command", c->command);
		jsonw_string(&w, "code", err_name(f->code));
		jsonw_string(&w, "where", f->where);
		jsonw_string(&w, "what", f->what[0] ? f->what : err_text(f->code));
		jsonw_string(&w, "todo", f->todo);
		ctl_json_end(c, &w);
	}
	buf_fmt(&text, "kedge%s%s: %s\n", c->command[0] ? " " : "", c->command,
	        fault_line(f, line, sizeof line));
	file_write_all(STDERR_FILENO, buf_text(&text), text.len);
	buf_free(&text);
	return c->judged ? CTL_FAILED : exit_of(f->code);
}

void ctl_warn(const struct ctl *c, const char *fmt, ...)
{
	struct buf text = BUF_INIT(4096);
	va_list ap;

	buf_fmt(&text, "kedge %s: ", c->command);
	va_start(ap, fmt);
	buf_vfmt(&text, fmt, ap);
	va_end(ap);
	buf_char(&text, '\n');
	file_write_all(STDERR_FILENO, buf_text(&text), text.len);
	buf_free(&text);
}

struct jsonw ctl_json(struct ctl *c, const char *name)
{
	struct jsonw w = JSONW_INIT(&c->out, 2);

	jsonw_object(&w, NULL);
	jsonw_int(&w, name, 1);
	return w;
}

void ctl_json_end(struct ctl *c, struct jsonw *w)
{
	jsonw_object_end(w);
	buf_char(&c->out, '\n');
}

int ctl_limit(const struct ctl *c, int64_t preset, int64_t *ret, struct fault *f)
{
	const char *text = args_value(&c->args, "limit");

	*ret = preset;
	int rc = text ? args_int(text, 1, 1000000, ret, f) : KE_OK;
	if (rc)
		fault_at(f, "--limit");
	return rc;
}

/* ---- running ---- */

/* The row that the words begin with: two words before one. *RET_TAKEN words name it. */
static const struct command *find(const struct command *commands, const struct args *a, size_t *ret_taken)
{
	for (size_t taken = 2; taken >= 1; taken--)
		for (const struct command *k = commands; k->name && a->n_words >= taken; k++) {
			size_t first = strlen(a->words[0]);
			const char *space = strchr(k->name, ' ');
			if (taken == 1 ? !space && strcmp(k->name, a->words[0]) == 0
			               : space && (size_t)(space - k->name) == first &&
			                         !memcmp(k->name, a->words[0], first) &&
			                         strcmp(space + 1, a->words[1]) == 0) {
				*ret_taken = taken;
				return k;
			}
		}
	return NULL;
}

static int no_command(struct ctl *c, struct fault *f)
{
	struct buf list = BUF_INIT(256);

	if (!c->args.n_words)
		return fault_set(f, KE_USAGE, NULL, "see kedge --help", "a command is wanted");
	size_t len = strlen(c->args.words[0]);
	for (const struct command *k = c->commands; k->name; k++)
		if (strncmp(k->name, c->args.words[0], len) == 0 && k->name[len] == ' ')
			buf_fmt(&list, "%s%s", list.len ? ", " : "", k->name + len + 1);
	if (list.len)
		fault_set(f, KE_USAGE, NULL, "see kedge --help", "'kedge %.40s' wants one of %.200s",
		        c->args.words[0], buf_text(&list));
	else
		fault_set(f, KE_USAGE, NULL, "see kedge --help", "there is no command '%.80s'",
		        c->args.words[0]);
	buf_free(&list);
	return f->code;
}

static int check(const struct ctl *c, const struct command *k, struct fault *f)
{
	const struct args *a = &c->args;
	char todo[80];

	snprintf(todo, sizeof todo, "see kedge %s --help", k->name);
	for (size_t i = 0; i < a->n_given; i++)
		if (!listed(common, a->given[i].option->name) &&
		        !listed(k->options, a->given[i].option->name))
			return fault_set(
			        f, KE_USAGE, NULL, todo, "takes no option --%s", a->given[i].option->name);
	if (a->n_words < k->min || a->n_words > k->max)
		return fault_set(f, KE_USAGE, NULL, todo, "%s arguments: %s",
		        a->n_words < k->min ? "too few" : "too many",
		        k->words[0] ? k->words : "none is wanted");
	return KE_OK;
}

static int format(struct ctl *c, struct fault *f)
{
	const char *text = args_value(&c->args, "format");

	if (!text || strcmp(text, "text") == 0)
		return KE_OK;
	c->json = strcmp(text, "json") == 0;
	c->sarif = strcmp(text, "sarif") == 0;
	if (!c->json && !c->sarif)
		return fault_set(f, KE_USAGE, NULL, NULL, "--format is text or json, not '%.40s'", text);
	return KE_OK;
}

static int run(struct ctl *c, int argc, char **argv)
{
	struct fault f = { 0 };
	size_t taken = 0;

	if (args_read(argc, argv, &c->args, &f) || format(c, &f))
		return ctl_complain(c, &f);
	const struct command *k = find(c->commands, &c->args, &taken);
	if (args_has(&c->args, "version")) {
		buf_str(&c->out, "kedge " KEDGE_VERSION "\n");
		return CTL_DONE;
	}
	if (args_has(&c->args, "help") && (k || !c->args.n_words)) {
		if (k)
			command_help(c, k);
		else
			program_help(c);
		return CTL_DONE;
	}
	if (!k) {
		no_command(c, &f);
		return ctl_complain(c, &f);
	}
	c->command = k->name;
	if (c->sarif && k->run != ctl_policy_lint) {
		fault_set(&f, KE_USAGE, NULL, NULL, "--format is text or json; only policy lint has sarif");
		return ctl_complain(c, &f);
	}
	c->args.n_words -= taken;
	memmove(c->args.words, c->args.words + taken, c->args.n_words * sizeof c->args.words[0]);
	if (check(c, k, &f) || ctl_config_read(&c->args, getenv("HOME"), &c->config, &f))
		return ctl_complain(c, &f);
	return k->run(c);
}

int ctl_main(const struct command *commands, const struct clock *clock, int argc, char **argv)
{
	struct ctl *c = calloc(1, sizeof *c);

	if (!c)
		return CTL_ERROR;
	*c = (struct ctl){
		.clock = clock, .commands = commands, .command = "", .out = BUF_INIT(CTL_OUTPUT_MAX)
	};
	int code = run(c, argc, argv);
	if (c->out.rc || file_write_all(STDOUT_FILENO, buf_text(&c->out), c->out.len))
		code = CTL_ERROR;
	ctl_config_clear(&c->config);
	buf_free(&c->out);
	free(c);
	return code;
}
