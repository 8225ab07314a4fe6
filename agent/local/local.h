/* local.h — what every local command of kedge-agent is given, and how it answers.
 *
 * A command gets the context and its arguments, appends its answer to `out`, and returns the exit code; the program
 * prints `out` once at the end. Complaints go to standard error as sentences, or, with --format json, into the one
 * JSON document on standard output.
 */
#ifndef KEDGE_AGENT_LOCAL_LOCAL_H
#define KEDGE_AGENT_LOCAL_LOCAL_H

#include <getopt.h>
#include <stdbool.h>

#include "agent/engine/engine.h"
#include "proto/buf.h"
#include "proto/err.h"

/* Exit codes (docs/man/kedge-agent.8). For diff, verify, apply -n and --detailed-exitcodes they are bits. */
enum {
	EXIT_DONE = 0,       /* done; in sync */
	EXIT_ERROR = 1,      /* usage, unreadable file, no permission */
	EXIT_DIFFERS = 2,    /* something differs; with --detailed-exitcodes: something was changed */
	EXIT_FAILED = 4,     /* apply, revert: failed and undone; diff, verify: a key could not be judged */
	EXIT_UNCONFINED = 8, /* run: less confinement than is required */
};

#define LOCAL_MAX_OUTPUT (64U << 20)

struct local {
	struct engine_options engine;
	const char *command; /* its name, for messages and JSON */
	bool json;
	struct buf out;
};

/* Options that every command takes (--format, --root, --run-dir, --state-dir, --ceiling), for getopt_long(). */
#define LOCAL_OPTIONS                                                                                        \
	{ "format", required_argument, NULL, 'F' }, { "root", required_argument, NULL, 'R' },                \
	        { "run-dir", required_argument, NULL, 'r' }, { "state-dir", required_argument, NULL, 's' },  \
	        { "ceiling", required_argument, NULL, 'c' }, { "help", no_argument, NULL, 'h' },             \
	{                                                                                                    \
		NULL, 0, NULL, 0                                                                             \
	}

/* What local_option() says of an option. */
enum { OPTION_TAKEN, OPTION_HELP, OPTION_VERSION, OPTION_WRONG };

/* Handle getopt_long()'s result OPT on ARGV if it is a common option; a wrong one is complained about. */
int local_option(struct local *l, int opt, char **argv);
/* Complain: "kedge-agent COMMAND: WHERE: WHAT; TODO" on standard error, or a JSON document {"kedge_error":1,...}. Returns
 * EXIT_ERROR. */
int local_complain(struct local *l, const struct fault *f);
/* Complain about the command line in FMT's words and point to --help. Returns EXIT_ERROR. */
int local_usage(struct local *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A program's table of commands; ends with a row without name. A row without function is a command of kedge-inspect. */
struct local_command {
	const char *name;
	int (*run)(struct local *l, int argc, char **argv);
	const char *help;
};

/* The program: options in front of the command, the command, its exit code. */
int local_main(const struct local_command *commands, int argc, char **argv);

/* The commands. */
int cmd_run(struct local *l, int argc, char **argv);
int cmd_enrol(struct local *l, int argc, char **argv);
int cmd_apply(struct local *l, int argc, char **argv);
int cmd_diff(struct local *l, int argc, char **argv);
int cmd_verify(struct local *l, int argc, char **argv);
int cmd_confirm(struct local *l, int argc, char **argv);
int cmd_revert(struct local *l, int argc, char **argv);
int cmd_retry(struct local *l, int argc, char **argv);
int cmd_override(struct local *l, int argc, char **argv);
int cmd_hold(struct local *l, int argc, char **argv);
int cmd_status(struct local *l, int argc, char **argv);
int cmd_lint(struct local *l, int argc, char **argv);
int cmd_explain(struct local *l, int argc, char **argv);
int cmd_sockets(struct local *l, int argc, char **argv);

#endif
