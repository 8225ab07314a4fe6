/* cmd_revert.c — `revert`, `confirm`, `retry`: what becomes of an apply afterwards. */
#include "agent/local/local.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/apply.h"
#include "agent/engine/attempt.h"
#include "agent/local/daemon.h"
#include "agent/local/turn.h"
#include "policies/knowledge.h"
#include "policies/value.h"
#include "proto/fileio.h"
#include "proto/jsonw.h"

static const char revert_help[] = "usage: kedge-agent revert\n"
                                  "Put every key that was applied since boot back to the value it had "
                                  "before, in reverse order, verified.\n"
                                  "Exit status: 0 done (also when nothing was applied), 4 a key could not be "
                                  "restored, 1 other errors.\n";

/* The canonical form of a kernel text, for people; newly allocated, NULL when memory is short. */
static char *canonical(const struct name *n, const char *raw)
{
	char *text;

	return value_observed(knowledge_shape(n), raw, strlen(raw), &text) ? NULL : text;
}

static void revert_row_text(struct local *l, const struct revert_row *row)
{
	char dotted[NAME_MAX_LEN + 1];
	char *value = row->unknown ? NULL : canonical(&row->name, row->value);
	const char *key = name_dotted(&row->name, dotted, sizeof dotted);

	if (row->unknown)
		buf_fmt(&l->out, "%s: left as it is: its value from before was never known\n", key);
	else if (row->result.state == RESTORE_FAILED)
		buf_fmt(&l->out, "%s: not restored to %s: %s\n", key, value ? value : row->value,
		        row->result.err ? strerror(row->result.err) : "the kernel holds another value");
	else
		buf_fmt(&l->out, "%s: %s%s\n", key,
		        value && !value[0] ? "(empty)"
		        : value            ? value
		                           : row->value,
		        row->result.state == RESTORE_SAME   ? " (was so already)"
		        : row->result.state == RESTORE_GONE ? " (the key is gone)"
		                                            : "");
	free(value);
}

static void revert_text(struct local *l, const struct revert_report *r)
{
	for (size_t i = 0; i < r->n; i++)
		revert_row_text(l, &r->rows[i]);
}

static const char *restore_name(const struct revert_row *row)
{
	static const char *const names[] = { [RESTORE_SAME] = "already",
		[RESTORE_WRITTEN] = "restored",
		[RESTORE_GONE] = "gone",
		[RESTORE_FAILED] = "failed" };

	return row->unknown ? "unknown" : names[row->result.state];
}

static void revert_json(struct local *l, const struct revert_report *r, const char *result, int code)
{
	struct jsonw w = JSONW_INIT(&l->out, 2);
	char dotted[NAME_MAX_LEN + 1];

	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_revert", 1);
	jsonw_string(&w, "result", result);
	jsonw_int(&w, "exit_code", code);
	jsonw_array(&w, "keys");
	for (size_t i = 0; i < r->n; i++) {
		jsonw_object(&w, NULL);
		jsonw_string(&w, "key", name_dotted(&r->rows[i].name, dotted, sizeof dotted));
		jsonw_string(&w, "outcome", restore_name(&r->rows[i]));
		jsonw_opt_string(&w, "value", r->rows[i].value);
		jsonw_opt_string(&w, "got", r->rows[i].result.got);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	buf_char(&l->out, '\n');
}

int cmd_revert(struct local *l, int argc, char **argv)
{
	struct engine *e = NULL;
	struct revert_report report = { 0 };
	struct fault f = { 0 };
	int code, rc, said = turn_no_arguments(l, argc, argv, revert_help);

	if (said != OPTION_TAKEN)
		return said == OPTION_HELP ? EXIT_DONE : EXIT_ERROR;
	if ((rc = engine_open(&l->engine, &e, &f)) || (rc = turn_take(l, e, &f))) {
		code = local_complain(l, &f);
		goto out;
	}
	rc = apply_revert(e, &report, &f);
	code = rc == KE_OK || rc == KE_NOENT ? EXIT_DONE : rc == KE_DEGRADED ? EXIT_FAILED : EXIT_ERROR;
	if (code == EXIT_ERROR) {
		local_complain(l, &f);
		goto out;
	}
	if (l->json)
		revert_json(l, &report, rc == KE_NOENT ? "nothing" : rc ? "degraded" : "reverted", code);
	else if (rc == KE_NOENT)
		buf_str(&l->out, "nothing was applied since boot\n");
	else
		revert_text(l, &report);
	if (rc == KE_DEGRADED && !l->json)
		local_complain(l, &f);
out:
	revert_report_clear(&report);
	engine_close(e);
	return code;
}

static const char confirm_help[] =
        "usage: kedge-agent confirm\n"
        "Keep what an `apply --confirm-timeout` in another session has written and waits for.\n"
        "Exit status: 0 kept, 1 nothing waits, or it is too late.\n";

int cmd_confirm(struct local *l, int argc, char **argv)
{
	struct engine *e = NULL;
	struct fault f = { 0 };
	int said = turn_no_arguments(l, argc, argv, confirm_help);

	if (said != OPTION_TAKEN)
		return said == OPTION_HELP ? EXIT_DONE : EXIT_ERROR;
	int rc = engine_open(&l->engine, &e, &f);
	if (!rc)
		rc = engine_lock(e, &f);
	if (rc == KE_BUSY)
		fault_set(&f, rc, l->engine.run_dir, NULL,
		        "another kedge is at work; what a daemon applies is confirmed by its server");
	if (!rc)
		rc = apply_confirm(e, &f);
	if (rc == KE_NOENT)
		fault_set(&f, rc, NULL, NULL, "nothing waits for a confirmation");
	engine_close(e);
	return rc ? local_complain(l, &f) : EXIT_DONE;
}

static const char retry_help[] =
        "usage: kedge-agent retry\n"
        "Allow a plan that is held (its attempt failed, timed out, or the host went "
        "down with it) to be applied again.\n"
        "A daemon that runs is asked to; else what it holds is forgotten for its next "
        "start.\n";

/* No daemon runs: what it, and `apply`, hold. */
static int holds_clear(struct local *l, struct fault *f)
{
	struct engine *e = NULL;
	char held[PATH_MAX];
	int rc = engine_open(&l->engine, &e, f);

	if (!rc)
		rc = engine_lock(e, f);
	if (!rc)
		rc = attempt_clear(e->state_dir, f);
	if (!rc && snprintf(held, sizeof held, "%s/held.json", e->state_dir) >= (int)sizeof held)
		rc = fault_set(f, KE_TOOBIG, e->state_dir, NULL, "path too long");
	if (!rc)
		rc = file_remove(held, FILE_DURABLE, f);
	engine_close(e);
	return rc;
}

int cmd_retry(struct local *l, int argc, char **argv)
{
	struct fault f = { 0 };
	struct buf answer = BUF_INIT(DAEMON_MAX_ANSWER);
	int code = EXIT_DONE, said = turn_no_arguments(l, argc, argv, retry_help);

	if (said != OPTION_TAKEN)
		return said == OPTION_HELP ? EXIT_DONE : EXIT_ERROR;
	/* What a daemon holds, it lets go of itself. */
	int rc = daemon_ask(l->engine.run_dir, ASK_RETRY, &answer, &code, &f);
	if (rc == KE_NOENT)
		rc = holds_clear(l, &f);
	else if (!rc && code)
		rc = fault_set(&f, KE_BUSY, "kedge-agent run", NULL, "%s", buf_text(&answer));
	buf_free(&answer);
	return rc ? local_complain(l, &f) : EXIT_DONE;
}
