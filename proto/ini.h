/* ini.h — configuration files: [section] and name = value lines.
 *
 * Ours because an error must name its line, which Debian's libinih does not tell (it is built without line numbers),
 * and because it cuts long lines silently. A line is blank, a comment ('#' or ';' first), "[section]", or "name = value";
 * anything else refuses the file. There are no inline comments, no quotes, no continuation lines: what stands behind
 * '=' is the value, trimmed.
 */
#ifndef KEDGE_PROTO_INI_H
#define KEDGE_PROTO_INI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

#define INI_MAX_BYTES 65536
#define INI_MAX_NAME  64
#define INI_MAX_VALUE 4096

struct ini_line {
	unsigned line;
	const char *section; /* "" before the first [section] */
	const char *name;
	const char *value;
};

/* Called for every setting. Returns 0, or a negative code after filling F (fault.where is then completed with the
 * line), which ends the reading. */
typedef int ini_each(void *ctx, const struct ini_line *at, struct fault *f);

/* Read LEN bytes of TEXT. Errors: KE_SYNTAX, KE_TOOBIG, KE_DUPLICATE (a name twice in one section), or EACH's;
 * fault.where begins with "line N". */
int ini_parse(const char *text, size_t len, ini_each *each, void *ctx, struct fault *f);
/* The same from a file; fault.where begins with "PATH: line N". */
int ini_read(const char *path, ini_each *each, void *ctx, struct fault *f);

/* Values of the usual kinds. KE_SYNTAX or KE_RANGE with words; for use inside an ini_each. */
int ini_int(const struct ini_line *at, int64_t min, int64_t max, int64_t *ret, struct fault *f);
/* "yes" or "no". */
int ini_bool(const struct ini_line *at, bool *ret, struct fault *f);
/* The complaint about a name that the section does not have: KE_UNKNOWN. */
int ini_unknown(const struct ini_line *at, struct fault *f);

#endif
