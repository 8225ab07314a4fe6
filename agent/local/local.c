/* local.c — common options and complaints of the local commands. */
#include "agent/local/local.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/fileio.h"
#include "proto/jsonw.h"

int local_option(struct local *l, int opt, char **argv)
{
	switch (opt) {
	case 'F':
		if (strcmp(optarg, "json") != 0 && strcmp(optarg, "text") != 0) {
			local_usage(l, "--format is text or json, not '%s'", optarg);
			return OPTION_WRONG;
		}
		l->json = strcmp(optarg, "json") == 0;
		return OPTION_TAKEN;
	case 'R':
		l->engine.root = optarg;
		l->engine.kind = strcmp(optarg, PROCSYS_ROOT) == 0 ? PROCSYS_KERNEL : PROCSYS_DIRECTORY;
		return OPTION_TAKEN;
	case 'r':
		l->engine.run_dir = optarg;
		return OPTION_TAKEN;
	case 's':
		l->engine.state_dir = optarg;
		return OPTION_TAKEN;
	case 'c':
		l->engine.ceiling = optarg;
		return OPTION_TAKEN;
	case 'h':
		return OPTION_HELP;
	case ':':
		local_usage(l, "option '%s' lacks its argument", argv[optind - 1]);
		return OPTION_WRONG;
	default:
		local_usage(l, "unknown option '%s'", argv[optind - 1]);
		return OPTION_WRONG;
	}
}

int local_complain(struct local *l, const struct fault *f)
{
	char line[1024];

	if (l->json) {
		struct jsonw w = JSONW_INIT(&l->out, 2);
		buf_clear(&l->out);
		jsonw_object(&w, NULL);
		jsonw_int(&w, "kedge_error", 1);
		jsonw_string(&w, "command", l->command);
		jsonw_string(&w, "code", err_name(f->code));
		jsonw_string(&w, "where", f->where);
		jsonw_string(&w, "what", f->what[0] ? f->what : err_text(f->code));
		jsonw_string(&w, "todo", f->todo);
		jsonw_object_end(&w);
		buf_char(&l->out, '\n');
	}
	struct buf text = BUF_INIT(2048);
	buf_fmt(&text, "kedge-agent%s%s: %s\n", l->command[0] ? " " : "", l->command,
	        fault_line(f, line, sizeof line));
	file_write_all(STDERR_FILENO, buf_text(&text), text.len);
	buf_free(&text);
	return EXIT_ERROR;
}

int local_usage(struct local *l, const char *fmt, ...)
{
	struct fault f;
	char what[256], todo[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	snprintf(todo, sizeof todo, "see kedge-agent %s%s--help", l->command, l->command[0] ? " " : "");
	fault_set(&f, KE_USAGE, NULL, todo, "%s", what);
	return local_complain(l, &f);
}
