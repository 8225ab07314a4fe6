/* turn.c — see turn.h. Called by the commands that change something. */
#include "agent/local/turn.h"

#include <unistd.h>

#include "agent/local/daemon.h"
#include "proto/fileio.h"

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

int turn_take(struct local *l, struct engine *e, struct fault *f)
{
	int rc = lock(e, f);

	return rc ? rc : recover(l, e, f);
}

int turn_no_arguments(struct local *l, int argc, char **argv, const char *help)
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
