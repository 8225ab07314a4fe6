/* precedence.h — which line of many sysctl.d files decides about a key.
 *
 * Two programs read these files, and they do not agree. Both take assignments ("KEY = VALUE", with "-" in front: failure is
 * no matter), globs, and exclusions ("-KEY" alone). For systemd-sysctl a later line replaces an earlier one of the same text, be
 * it an exclusion; a key that is named in full, also by an exclusion, is left alone by globs. procps (4.0.2,
 * Debian 12) writes every assignment that names a key in full, in order, whatever excludes it; globs leave alone what is named in
 * full anywhere. An exclusion by a glob excludes nothing but that very glob, and that only for systemd-sysctl; later releases of
 * procps let it exclude keys. Pure: the files' texts come in, in the order in which the program reads them.
 */
#ifndef KEDGE_POLICIES_PRECEDENCE_H
#define KEDGE_POLICIES_PRECEDENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "policies/name.h"

enum precedence_program { PRECEDENCE_SYSTEMD, PRECEDENCE_PROCPS, PRECEDENCE_PROGRAMS };

struct precedence_file {
	const char *text;
	size_t len;
};

enum precedence_effect {
	PRECEDENCE_WINS, /* what the key holds afterwards */
	PRECEDENCE_OVERRIDDEN, /* a later line, or one that names the key in full, decides instead; or it excludes nothing */
	PRECEDENCE_EXCLUDES, /* keeps globs, and for systemd-sysctl everything, off the key */
	PRECEDENCE_EXCLUDED, /* kept off by such a line */
};

/* A line that speaks of the key. */
struct precedence_row {
	size_t file;
	unsigned line; /* 1-based */
	char *written; /* the key or glob as it stands there; owned */
	char *value;   /* owned; NULL: an exclusion */
	bool exact;    /* names the key in full, else by a glob */
	enum precedence_effect effect;
};

struct precedence {
	struct precedence_row *rows; /* in reading order */
	size_t n;
};

/* What PROGRAM makes of N FILES for KEY. KE_NOMEM. precedence_clear() *RET in any case. */
int precedence_judge(enum precedence_program program, const struct precedence_file *files, size_t n,
        const struct name *key, struct precedence *ret);
void precedence_clear(struct precedence *p);
/* The row that wins, or NULL: the programs leave the key as it is. */
const struct precedence_row *precedence_winner(const struct precedence *p);
/* "wins", "overridden", "excludes", "excluded". */
const char *precedence_effect_name(enum precedence_effect e);

#endif
