/* engine.h — one host's transaction machine: where it works, and how it is opened.
 *
 * Open, observe, plan, apply, close. The local commands and the keeper use the same calls; tests give every directory.
 *
 *	struct engine_options eo = ENGINE_DEFAULTS;
 *	engine_open(&eo, &e, &f);                       no lock: observing needs none
 *	observe_policy(e->ps, policy, e->kernel, &o, &f);
 *	plan_build(policy, o, e->ceiling, &plan);       print it: that is a dry run
 *	engine_lock(e, &f);                             before anything that changes
 *	engine_recover(e, &report, &f);                 what a killed apply left behind
 *	apply_run(e, policy, plan, &ao, &f);
 *	engine_close(e);
 */
#ifndef KEDGE_AGENT_ENGINE_ENGINE_H
#define KEDGE_AGENT_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/engine/ceiling.h"
#include "agent/engine/journal.h"
#include "agent/engine/procsys.h"
#include "agent/engine/restore.h"
#include "proto/clock.h"

#define ENGINE_RUN_DIR   "/run/kedge"
#define ENGINE_STATE_DIR "/var/lib/kedge/keeper"

struct engine_options {
	const char *root; /* PROCSYS_ROOT */
	enum procsys_kind kind;
	const char *run_dir;       /* journal, originals, lock */
	const char *state_dir;     /* attempt mark */
	const char *ceiling;       /* path of the ceiling file */
	const char *boot_id;       /* NULL: the kernel's */
	uint32_t kernel;           /* 0: the running one */
	const struct clock *clock; /* NULL: the system's */
};

#define ENGINE_DEFAULTS                                                                                      \
	((struct engine_options){ .root = PROCSYS_ROOT,                                                      \
	        .kind = PROCSYS_KERNEL,                                                                      \
	        .run_dir = ENGINE_RUN_DIR,                                                                   \
	        .state_dir = ENGINE_STATE_DIR,                                                               \
	        .ceiling = CEILING_PATH })

struct engine {
	struct procsys *ps;
	struct ceiling *ceiling;
	const struct clock *clock;
	uint32_t kernel;
	char boot_id[BOOT_ID_ROOM];
	char *run_dir;
	char *state_dir;
	int lock_fd; /* -1: not locked */
};

/* Open what OPT names; reads, makes nothing. The strings are copied. engine_close() it. */
int engine_open(const struct engine_options *opt, struct engine **ret, struct fault *f);
void engine_close(struct engine *e);
/* Take RUN_DIR/lock, making the directory (0755) when it is not there; KE_BUSY when another kedge is at work. Idempotent. */
int engine_lock(struct engine *e, struct fault *f);

/* Let others have it; e stays open. */
void engine_unlock(struct engine *e);

enum recovery {
	RECOVERY_NOTHING,  /* no journal */
	RECOVERY_VOID,     /* a torn journal or one of another boot was put aside: no value was touched */
	RECOVERY_FINISHED, /* the apply was done, only its journal was left: removed */
	RECOVERY_WAITING,  /* an unconfirmed plan whose deadline has not passed: left alone */
	RECOVERY_RESTORED, /* all old values are back; the plan is held */
	RECOVERY_DEGRADED, /* some are not; the journal is kept, and the next recovery tries again */
};

struct recovery_report {
	enum recovery result;
	bool torn;                /* of a VOID one: torn, not of another boot */
	struct journal *journal;  /* what it said; NULL for NOTHING and torn ones */
	struct restore_row *rows; /* journal->n rows when values were restored, else NULL */
};

/* What an earlier process left: an unfinished apply, or an unconfirmed one past its deadline, is undone. Needs the
 * lock. *RET must be cleared with recovery_report_clear(). KE_DEGRADED, KE_IO, KE_NOMEM, KE_ACCES. */
int engine_recover(struct engine *e, struct recovery_report *ret, struct fault *f);
/* engine_recover(), and when FORCE also what waits for its confirmation is undone. */
int engine_recover_now(struct engine *e, bool force, struct recovery_report *ret, struct fault *f);
void recovery_report_clear(struct recovery_report *r);
const char *recovery_name(enum recovery r);

#endif
