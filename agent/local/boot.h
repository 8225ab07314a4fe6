/* boot.h — what the files on this host will make of a key at the next boot.
 *
 * Every line that speaks of the key, under the rules of both programs that read sysctl.d; which of the two this host runs at
 * boot; and whether kedge's own unit comes after it. Reads only; below another root for tests.
 */
#ifndef KEDGE_AGENT_LOCAL_BOOT_H
#define KEDGE_AGENT_LOCAL_BOOT_H

#include "agent/local/conf_files.h"
#include "proto/jsonw.h"

enum boot_unit { BOOT_UNIT_ABSENT, BOOT_UNIT_DISABLED, BOOT_UNIT_ENABLED };

/* A line; the texts are borrowed from the view. */
struct boot_row {
	const char *path, *written, *value; /* value NULL: an exclusion */
	unsigned line;
	const char *effects[PRECEDENCE_PROGRAMS]; /* "wins", ..., "masked", "not read" */
	const char *masked_by;                    /* NULL: not masked */
};

struct boot_view {
	struct conf_files files[PRECEDENCE_PROGRAMS];
	struct precedence judged[PRECEDENCE_PROGRAMS];
	struct precedence *masked; /* one for each masked file of procps' list */
	struct boot_row *rows;
	size_t n;
	enum precedence_program loader; /* PRECEDENCE_PROGRAMS: none of them runs at boot */
	enum boot_unit unit;            /* kedge-agent.service */
};

/* Read what is below ROOT ("" for the host's own) about KEY. KE_NOMEM. boot_clear() *RET in any case. */
int boot_read(const char *root, const struct name *key, struct boot_view *ret);
void boot_clear(struct boot_view *b);
/* The row that wins under PROGRAM, or NULL. */
const struct boot_row *boot_winner(const struct boot_view *b, enum precedence_program program);
/* "systemd-sysctl", "sysctl --system", "nothing". */
const char *boot_loader_name(enum precedence_program program);
/* "absent", "disabled", "enabled". */
const char *boot_unit_name(enum boot_unit unit);
/* The rows as the JSON array "files". */
void boot_files_json(const struct boot_view *b, struct jsonw *w);

#endif
