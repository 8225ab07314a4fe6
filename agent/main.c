/* kedge-agent — the program on every host. This file is its index: a table of commands; what each does is behind the
 * function it names. Links neither libcurl nor libcrypto. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/local/local.h"
#include "proto/fileio.h"

static const struct command {
	const char *name;
	int (*run)(struct local *l, int argc, char **argv);
	const char *help;
} commands[] = {
	{ "run", cmd_run, "the daemon: start keeper and courier, watch them" },
	{ "enrol", cmd_enrol, "get this host's certificate and trust with a one-time token" },
	{ "apply", cmd_apply, "bring this host to FILE (a policy or a sysctl.conf), all of it or nothing" },
	{ "diff", cmd_diff, "what differs from FILE, or from the policy in force" },
	{ "verify", cmd_verify, "every key of FILE, or of the policy in force, compared with the kernel" },
	{ "revert", cmd_revert, "the values from before the first apply since boot" },
	{ "retry", cmd_retry, "allow a plan that is held to be applied again" },
	{ "status", cmd_status, "what is in force, and whether it still holds" },
	{ "lint", cmd_lint, "what each line of FILE does on this kernel, and what to write instead" },
	{ "explain", cmd_explain, "what a key means, holds, and may hold" },
	{ "sockets", cmd_sockets, "TCP states, TIME_WAIT by destination, port headroom" },
};

static void usage(struct buf *out)
{
	buf_str(out, "usage: kedge-agent COMMAND [OPTIONS] [ARGUMENTS]\n\n");
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		buf_fmt(out, "  %-9s %s\n", commands[i].name, commands[i].help);
	buf_str(out, "\nEvery command takes --help, --format text|json, --ceiling FILE, --run-dir DIR, "
	             "--state-dir DIR.\n"
	             "The manual page is kedge-agent(8).\n");
}

int main(int argc, char **argv)
{
	struct local l = { .engine = ENGINE_DEFAULTS, .command = "", .out = BUF_INIT(LOCAL_MAX_OUTPUT) };
	int first = 1, code = EXIT_ERROR;

	/* Common options may also stand before the command. */
	static const struct option options[] = { { "version", no_argument, NULL, 'V' }, LOCAL_OPTIONS };
	int opt, said = OPTION_TAKEN;
	while (said == OPTION_TAKEN && (opt = getopt_long(argc, argv, "+:hV", options, NULL)) >= 0) {
		if (opt == 'V') {
			buf_str(&l.out, "kedge-agent " KEDGE_VERSION "\n");
			code = EXIT_DONE;
			goto out;
		}
		said = local_option(&l, opt, argv);
	}
	first = optind;
	if (said == OPTION_HELP) {
		usage(&l.out);
		code = EXIT_DONE;
		goto out;
	}
	if (said == OPTION_WRONG)
		goto out;
	if (first == argc) {
		local_usage(&l, "a command is wanted");
		goto out;
	}
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		if (strcmp(argv[first], commands[i].name) == 0) {
			l.command = commands[i].name;
			optind = 1;
			code = commands[i].run(&l, argc - first, argv + first);
			goto out;
		}
	}
	local_usage(&l, "there is no command '%s'", argv[first]);
out:
	if (l.out.rc || file_write_all(STDOUT_FILENO, buf_text(&l.out), l.out.len))
		code = EXIT_ERROR;
	buf_free(&l.out);
	return code;
}
