/* engine.c — opening the machine, and putting in order what an earlier process left behind.
 *
 * Recovery decides by three facts: is the journal whole and of this boot; was its transaction committed (the originals file
 * has its serial); has its deadline passed. It changes values only in the one case where writes may have happened and
 * nobody confirmed them. Every step can be cut by kill -9 and done again. Called at the start of every changing command.
 */
#include "agent/engine/engine.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/engine/engine_in.h"
#include "agent/engine/facts.h"
#include "agent/engine/original.h"
#include "proto/fileio.h"

static int identity_fill(struct engine *e, const struct engine_options *opt, struct fault *f)
{
	int rc = KE_OK;

	e->kernel = opt->kernel;
	if (!e->kernel)
		rc = facts_kernel(&e->kernel);
	if (rc)
		return fault_set(f, rc, "uname", NULL, "the kernel release is not two numbers");
	if (opt->boot_id && strlen(opt->boot_id) >= sizeof e->boot_id)
		return fault_set(f, KE_VALUE, "boot id", NULL, "longer than %d characters", BOOT_ID_ROOM - 1);
	if (opt->boot_id)
		snprintf(e->boot_id, sizeof e->boot_id, "%s", opt->boot_id);
	else
		rc = boot_id_read(e->boot_id);
	return rc ? fault_set(f, rc, "boot id", NULL, "cannot be read: %s", err_text(rc)) : KE_OK;
}

int engine_open(const struct engine_options *opt, struct engine **ret, struct fault *f)
{
	struct engine *e = calloc(1, sizeof *e);

	if (!e)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	e->lock_fd = -1;
	e->clock = opt->clock ? opt->clock : &clock_system;
	e->run_dir = strdup(opt->run_dir);
	e->state_dir = strdup(opt->state_dir);
	int rc = e->run_dir && e->state_dir ? KE_OK
	                                    : fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	if (!rc)
		rc = identity_fill(e, opt, f);
	if (!rc)
		rc = procsys_open(opt->root, opt->kind, &e->ps, f);
	if (!rc)
		rc = ceiling_read(opt->ceiling, &e->ceiling, f);
	if (rc) {
		engine_close(e);
		return rc;
	}
	*ret = e;
	return KE_OK;
}

void engine_close(struct engine *e)
{
	if (!e)
		return;
	engine_unlock(e);
	ceiling_free(e->ceiling);
	procsys_close(e->ps);
	free(e->run_dir);
	free(e->state_dir);
	free(e);
}

int engine_lock(struct engine *e, struct fault *f)
{
	char path[PATH_MAX];

	if (e->lock_fd >= 0)
		return KE_OK;
	if (snprintf(path, sizeof path, "%s/lock", e->run_dir) >= (int)sizeof path)
		return fault_set(f, KE_TOOBIG, e->run_dir, NULL, "path too long");
	int rc = lock_take(path, &e->lock_fd, f);
	if (rc != KE_NOENT)
		return rc;
	rc = dir_make(e->run_dir, 0755, f);
	return rc ? rc : lock_take(path, &e->lock_fd, f);
}

void engine_unlock(struct engine *e)
{
	if (e->lock_fd >= 0)
		close(e->lock_fd);
	e->lock_fd = -1;
}

int engine_state_ready(struct engine *e, struct fault *f)
{
	return access(e->state_dir, F_OK) == 0 ? KE_OK : dir_make(e->state_dir, 0700, f);
}

int engine_serial(const struct engine *e, uint64_t *ret, struct fault *f)
{
	struct originals *o = NULL;
	int rc = originals_read(e->run_dir, e->boot_id, &o, f);

	if (rc && rc != KE_NOENT && rc != KE_SYNTAX)
		return rc;
	*ret = o ? o->serial : 0;
	originals_free(o);
	return KE_OK;
}

int engine_attempt_end(
        struct engine *e, const unsigned char hash[SHA256_LEN], enum attempt_state end, struct fault *f)
{
	struct attempt a;
	int rc = attempt_read(e->state_dir, &a, f);

	/* A damaged mark holds whatever it names; it is root's retry that clears it. */
	if (rc == KE_SYNTAX || (!rc && (a.state != ATTEMPT_STARTED || memcmp(a.hash, hash, SHA256_LEN) != 0)))
		return KE_OK;
	if (rc)
		return rc;
	if (end == ATTEMPT_NONE)
		return attempt_clear(e->state_dir, f);
	a.state = end;
	a.time = clock_wall(e->clock);
	return attempt_write(e->state_dir, &a, f);
}

/* Keep the damaged bytes for whoever wants to know, out of the way. */
static int torn_aside(struct engine *e, struct fault *f)
{
	char from[PATH_MAX], to[PATH_MAX];

	if (snprintf(from, sizeof from, "%s/%s", e->run_dir, JOURNAL_NAME) >= (int)sizeof from ||
	        snprintf(to, sizeof to, "%s/%s.torn", e->run_dir, JOURNAL_NAME) >= (int)sizeof to)
		return fault_set(f, KE_TOOBIG, e->run_dir, NULL, "path too long");
	if (rename(from, to) && errno != ENOENT)
		return fault_set(f, err_from_errno(errno), from, NULL, "cannot rename: %s", strerror(errno));
	return KE_OK;
}

/* The apply was done, its process just did not get to say so. */
static int finish(struct engine *e, const struct journal *j, struct fault *f)
{
	int rc = engine_attempt_end(e, j->hash, ATTEMPT_CONFIRMED, f);

	return rc ? rc : journal_remove(e->run_dir, f);
}

static int undo(struct engine *e, struct recovery_report *ret, struct fault *f)
{
	const struct journal *j = ret->journal;

	ret->rows = calloc(j->n ? j->n : 1, sizeof *ret->rows);
	if (!ret->rows)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	int restored = restore_run(e->ps, e->ceiling, j, j->n, ret->rows);
	int rc = engine_attempt_end(e, j->hash, ATTEMPT_REVERTED, f);
	if (!rc)
		rc = originals_remove(e->run_dir, ORIGINAL_NEXT_NAME, f);
	if (restored) {
		ret->result = RECOVERY_DEGRADED;
		return fault_set(f, restored, NULL, "look at the keys named, then run it again",
		        "not every old value could be put back");
	}
	ret->result = RECOVERY_RESTORED;
	return rc ? rc : journal_remove(e->run_dir, f);
}

int engine_recover_now(struct engine *e, bool force, struct recovery_report *ret, struct fault *f)
{
	struct journal *j = NULL;

	*ret = (struct recovery_report){ .result = RECOVERY_NOTHING };
	if (e->lock_fd < 0)
		return fault_set(f, KE_USAGE, "engine_recover", NULL, "called without the lock");
	int rc = journal_read(e->run_dir, &j, f);
	if (rc == KE_NOENT)
		return originals_remove(e->run_dir, ORIGINAL_NEXT_NAME, f);
	if (rc == KE_SYNTAX) {
		ret->result = RECOVERY_VOID;
		ret->torn = true;
		return torn_aside(e, f);
	}
	if (rc)
		return rc;
	ret->journal = j;
	if (strcmp(j->boot_id, e->boot_id) != 0) {
		ret->result = RECOVERY_VOID;
		return journal_remove(e->run_dir, f);
	}
	uint64_t committed;
	rc = engine_serial(e, &committed, f);
	if (rc)
		return rc;
	if (j->serial == committed) {
		ret->result = RECOVERY_FINISHED;
		return finish(e, j, f);
	}
	if (!force && j->state == JOURNAL_APPLIED && clock_boot_ms(e->clock) < j->deadline_ms) {
		ret->result = RECOVERY_WAITING;
		return KE_OK;
	}
	return undo(e, ret, f);
}

int engine_recover(struct engine *e, struct recovery_report *ret, struct fault *f)
{
	return engine_recover_now(e, false, ret, f);
}

void recovery_report_clear(struct recovery_report *r)
{
	restore_rows_free(r->rows, r->journal ? r->journal->n : 0);
	journal_free(r->journal);
	*r = (struct recovery_report){ .result = RECOVERY_NOTHING };
}

const char *recovery_name(enum recovery r)
{
	static const char *const names[] = {
		[RECOVERY_NOTHING] = "nothing",
		[RECOVERY_VOID] = "void",
		[RECOVERY_FINISHED] = "finished",
		[RECOVERY_WAITING] = "waiting",
		[RECOVERY_RESTORED] = "restored",
		[RECOVERY_DEGRADED] = "degraded",
	};

	return r < sizeof names / sizeof names[0] ? names[r] : "nothing";
}
