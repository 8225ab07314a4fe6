/* cmd_sockets.c — `sockets`: one measurement of this namespace's sockets, in place of the article's netstat | awk. */
#include <stdlib.h>
#include <sys/random.h>

#include "agent/local/local.h"
#include "agent/measure/sockets_report.h"

static const char sockets_help[] =
        "usage: kedge-agent sockets\n"
        "Count this network namespace's TCP sockets in one pass: states (as netstat -an | awk would), "
        "TIME_WAIT by\n"
        "destination, port headroom per destination, and advice. Needs no privileges.\n";

int cmd_sockets(struct local *l, int argc, char **argv)
{
	static const struct option options[] = { LOCAL_OPTIONS };
	struct fault f = { 0 };
	int opt, code = EXIT_DONE;

	while ((opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
		int said = local_option(l, opt, argv);
		if (said == OPTION_HELP)
			buf_str(&l->out, sockets_help);
		if (said != OPTION_TAKEN)
			return said == OPTION_HELP ? EXIT_DONE : EXIT_ERROR;
	}
	if (argc != optind)
		return local_usage(l, "takes no arguments, '%s' given", argv[optind]);
	struct sockets_options so = { .sysctl_root = l->engine.root };
	struct sockets_report *report = malloc(sizeof *report);
	if (!report || getrandom(so.hash_key, sizeof so.hash_key, 0) != sizeof so.hash_key) {
		fault_set(&f, KE_NOMEM, NULL, NULL, "%s", "");
		code = local_complain(l, &f);
	} else if (sockets_measure(&so, report, &f)) {
		code = local_complain(l, &f);
	} else if (l->json) {
		struct jsonw w = JSONW_INIT(&l->out, 2);
		sockets_report_json(report, &w, NULL);
		buf_char(&l->out, '\n');
	} else {
		sockets_report_text(report, &l->out);
	}
	free(report);
	return code;
}
