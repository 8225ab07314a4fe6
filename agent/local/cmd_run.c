/* cmd_run.c — `run`, the daemon: this process becomes the supervisor (agent/supervisor). It logs; it prints nothing. */
#include <signal.h>

#include "agent/config/config.h"
#include "agent/local/local.h"
#include "agent/supervisor/supervisor.h"
#include "proto/log.h"

static const char run_help[] =
        "usage: kedge-agent run [--config FILE] [--require-sandbox]\n"
        "Run the agent in the foreground: start kedge-keeper and kedge-courier, watch and restart them.\n"
        "FILE is " CONFIG_PATH " unless given. SIGHUP reads it again, SIGTERM ends everything.\n"
        "  --require-sandbox  do not run with less than full confinement (as require_sandbox = yes)\n"
        "Exit status: 0 ended by a signal, 1 could not start, 8 less than full confinement would be in "
        "force.\n";

int cmd_run(struct local *l, int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'C' },
		{ "require-sandbox", no_argument, NULL, 'S' }, LOCAL_OPTIONS };
	struct supervisor_options so = SUPERVISOR_DEFAULTS;
	struct fault f = { 0 };
	int opt;

	so.config = CONFIG_PATH;
	while ((opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
		int said = OPTION_TAKEN;
		if (opt == 'C')
			so.config = optarg;
		else if (opt == 'S')
			so.require_sandbox = true;
		else
			said = local_option(l, opt, argv);
		if (said == OPTION_HELP) {
			buf_str(&l->out, run_help);
			return EXIT_DONE;
		}
		if (said == OPTION_WRONG)
			return EXIT_ERROR;
	}
	if (optind != argc)
		return local_usage(l, "run takes no arguments");
	signal(SIGPIPE, SIG_IGN);
	log_open("kedge-agent", LOG_LEVEL_INFO);
	int rc = supervisor_run(&so, &f);
	if (!rc)
		return EXIT_DONE;
	local_complain(l, &f);
	return rc == KE_UNSUPPORTED ? EXIT_UNCONFINED : EXIT_ERROR;
}
