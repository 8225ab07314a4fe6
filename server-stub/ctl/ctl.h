/* ctl.h — what every command of `kedge` is given, and how it answers.
 *
 * A command gets the context, appends its answer to `out` and returns the exit code; the program prints `out` once at the
 * end. Complaints go to standard error as one sentence, or, with --format json, into the one JSON document on standard
 * output besides. The table of commands is the index of the program (main.c).
 */
#ifndef KEDGE_SERVER_CTL_CTL_H
#define KEDGE_SERVER_CTL_CTL_H

#include <stdbool.h>

#include "proto/buf.h"
#include "proto/clock.h"
#include "proto/err.h"
#include "proto/jsonw.h"
#include "server-stub/ctl/args.h"
#include "server-stub/ctl/config.h"

/* Exit codes (docs/man/kedge.1); for lint they are bits. */
enum {
	CTL_DONE = 0,    /* done; the same */
	CTL_ERROR = 1,   /* usage, unreadable file, no connection */
	CTL_DIFFERS = 2, /* diff: differs; lint: warnings; repo status: something is due */
	CTL_FAILED = 4,  /* not verified, refused; lint: errors */
};

#define CTL_OUTPUT_MAX (256U << 20)

struct command;

struct ctl {
	const struct clock *clock;
	const struct command *commands;
	const char *command; /* "repo init": for messages and JSON */
	struct args args;    /* words without those that name the command */
	struct ctl_config config;
	bool json;
	bool sarif; /* policy lint only */
	bool judged; /* what failed is a repository that does not verify: CTL_FAILED, whatever is wrong with it */
	struct buf out;
};

/* A row of the table, which ends with a row without name. */
struct command {
	const char *name; /* one or two words */
	int (*run)(struct ctl *c);
	const char *words; /* its arguments, for the usage line */
	size_t min, max;   /* how many */
	const char *
	        options; /* names of the options that it takes, blank-separated; --help, --format and the like are common */
	const char *help;
};

/* The program: the command line to a row, its run(), its answer, the exit code. */
int ctl_main(const struct command *commands, const struct clock *clock, int argc, char **argv);
/* Complain: "kedge COMMAND: WHERE: WHAT; TODO". Returns the exit code that fits F: CTL_FAILED where something was
 * judged and refused, CTL_ERROR otherwise. */
int ctl_complain(struct ctl *c, const struct fault *f);
/* One line on standard error that is no failure. */
void ctl_warn(const struct ctl *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Begin and end the one JSON document of an answer: {"NAME":1, ...}. */
struct jsonw ctl_json(struct ctl *c, const char *name);
void ctl_json_end(struct ctl *c, struct jsonw *w);
/* --limit, or PRESET. */
int ctl_limit(const struct ctl *c, int64_t preset, int64_t *ret, struct fault *f);

/* The commands, by file. */
int ctl_repo_init(struct ctl *c); /* cmd_repo.c */
int ctl_repo_add(struct ctl *c);
int ctl_repo_remove(struct ctl *c);
int ctl_repo_refresh(struct ctl *c);
int ctl_repo_verify(struct ctl *c);
int ctl_repo_rotate(struct ctl *c); /* cmd_rotate.c */
int ctl_repo_key(struct ctl *c);
int ctl_repo_sign(struct ctl *c);     /* cmd_sign.c */
int ctl_repo_status(struct ctl *c);   /* cmd_repo_status.c */
int ctl_repo_delegate(struct ctl *c); /* cmd_delegate.c */
int ctl_repo_prune(struct ctl *c);    /* cmd_prune.c */
int ctl_repo_publish(struct ctl *c);  /* cmd_publish.c */
int ctl_policy_import(struct ctl *c); /* cmd_policy.c */
int ctl_policy_export(struct ctl *c);
int ctl_policy_publish(struct ctl *c);
int ctl_policy_diff(struct ctl *c);    /* cmd_diff.c */
int ctl_policy_lint(struct ctl *c);    /* cmd_lint.c */
int ctl_policy_explain(struct ctl *c); /* cmd_explain.c */
int ctl_rollout_plan(struct ctl *c);   /* cmd_rollout.c */
int ctl_rollout_start(struct ctl *c);
int ctl_rollout_finish(struct ctl *c);
int ctl_rollout_status(struct ctl *c); /* cmd_progress.c */
int ctl_rollout_explain(struct ctl *c);
int ctl_rollout_history(struct ctl *c);
int ctl_rollout_pause(struct ctl *c); /* cmd_rollout_run.c */
int ctl_rollout_resume(struct ctl *c);
int ctl_rollout_abort(struct ctl *c);
int ctl_rollout_retry(struct ctl *c);
int ctl_summary(struct ctl *c); /* cmd_status.c */
int ctl_hosts(struct ctl *c);   /* cmd_hosts.c */
int ctl_host(struct ctl *c);
int ctl_host_revoke(struct ctl *c);
int ctl_sockets(struct ctl *c); /* cmd_sockets.c */
int ctl_drift(struct ctl *c);   /* cmd_records.c */
int ctl_refusals(struct ctl *c);
int ctl_reports(struct ctl *c);
int ctl_audit_list(struct ctl *c); /* cmd_audit.c */
int ctl_audit_verify(struct ctl *c);
int ctl_token_create(struct ctl *c); /* cmd_token.c */
int ctl_token_list(struct ctl *c);
int ctl_token_revoke(struct ctl *c);
int ctl_operator_request(struct ctl *c); /* cmd_operator.c */
int ctl_operator_sign(struct ctl *c);

#endif
