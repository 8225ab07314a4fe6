/* program.c — from the command line to a row of a table, and out again. Prints what the command answered, once. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/local/local.h"
#include "proto/fileio.h"

static void usage(const struct local_command *commands, struct buf *out)
{
	buf_str(out, "usage: kedge-agent COMMAND [OPTIONS] [ARGUMENTS]\n\n");
	for (const struct local_command *c = commands; c->name; c++)
		buf_fmt(out, "  %-9s %s\n", c->name, c->help);
	buf_str(out, "\nEvery command takes --help, --format text|json, --ceiling FILE, --run-dir DIR, "
	             "--state-dir DIR.\n"
	             "The manual page is kedge-agent(8).\n");
}

/* Become kedge-inspect, which lies beside this program, with the same arguments. Returns only to complain. */
static int inspect(struct local *l, char **argv)
{
	char path[PATH_MAX];
	struct fault f;
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - sizeof "kedge-inspect");

	if (n > 0) {
		path[n] = '\0';
		char *slash = strrchr(path, '/');
		memcpy(slash + 1, "kedge-inspect", sizeof "kedge-inspect");
		execv(path, argv);
	}
	fault_set(&f, err_from_errno(errno), n > 0 ? path : "/proc/self/exe", "install it beside kedge-agent",
	        "cannot be run: %s", strerror(errno));
	return local_complain(l, &f);
}

/* The options in front of the command. OPTION_TAKEN: go on with the command at *RET_FIRST. */
static int front_options(struct local *l, int argc, char **argv, int *ret_first)
{
	static const struct option options[] = { { "version", no_argument, NULL, 'V' }, LOCAL_OPTIONS };
	int opt, said = OPTION_TAKEN;

	while (said == OPTION_TAKEN && (opt = getopt_long(argc, argv, "+:hV", options, NULL)) >= 0) {
		if (opt == 'V') {
			buf_str(&l->out, "kedge-agent " KEDGE_VERSION "\n");
			return OPTION_VERSION;
		}
		said = local_option(l, opt, argv);
	}
	*ret_first = optind;
	return said;
}

static int run(struct local *l, const struct local_command *commands, int argc, char **argv)
{
	int first = 1;

	switch (front_options(l, argc, argv, &first)) {
	case OPTION_HELP:
		usage(commands, &l->out);
		return EXIT_DONE;
	case OPTION_VERSION:
		return EXIT_DONE;
	case OPTION_WRONG:
		return EXIT_ERROR;
	default:
		break;
	}
	if (first == argc)
		return local_usage(l, "a command is wanted");
	for (const struct local_command *c = commands; c->name; c++) {
		if (strcmp(argv[first], c->name) != 0)
			continue;
		l->command = c->name;
		optind = 0; /* start over, and from now on options may stand behind arguments */
		return c->run ? c->run(l, argc - first, argv + first) : inspect(l, argv);
	}
	return local_usage(l, "there is no command '%s'", argv[first]);
}

int local_main(const struct local_command *commands, int argc, char **argv)
{
	struct local l = { .engine = ENGINE_DEFAULTS, .command = "", .out = BUF_INIT(LOCAL_MAX_OUTPUT) };
	int code = run(&l, commands, argc, argv);

	if (l.out.rc || file_write_all(STDOUT_FILENO, buf_text(&l.out), l.out.len))
		code = EXIT_ERROR;
	buf_free(&l.out);
	return code;
}
