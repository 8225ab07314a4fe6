/* ceiling.h — the root-owned list of keys that any policy may ever touch on this host.
 *
 * One pattern a line (name_parse() forms: net.ipv4.*, net.**, net.ipv4.conf.*.rp_filter), "!pattern" takes keys out
 * again wherever it stands, '#' starts a comment. A key is allowed when a pattern matches and no "!" pattern does. Without a
 * file the ceiling is "net.**". The built-in never-list is enforced on top of any file and cannot be switched off.
 */
#ifndef KEDGE_AGENT_ENGINE_CEILING_H
#define KEDGE_AGENT_ENGINE_CEILING_H

#include <stdbool.h>
#include <stddef.h>

#include "policies/name.h"
#include "proto/err.h"

#define CEILING_PATH     "/etc/kedge/ceiling.conf"
#define CEILING_MAX_LEN  65536
#define CEILING_MAX_ROWS 1024

struct ceiling;

enum ceiling_verdict {
	CEILING_ALLOWED,
	CEILING_OUTSIDE, /* no pattern matches, or a "!" pattern does */
	CEILING_NEVER,   /* on the built-in never-list */
};

/* Parse LEN bytes. A line that is no pattern refuses the whole text (KE_SYNTAX, KE_NAME, "line N" in the fault): a
 * ceiling that is half understood is none. ceiling_free() it. */
int ceiling_parse(const char *text, size_t len, struct ceiling **ret, struct fault *f);
/* Read PATH, which must be a regular file owned by uid 0 and not writable by group or others (KE_ACCES otherwise). No file:
 * the default ceiling. */
int ceiling_read(const char *path, struct ceiling **ret, struct fault *f);
void ceiling_free(struct ceiling *c);
/* Does C let a policy write N? The last word before every write. C may be NULL: the default ceiling. */
enum ceiling_verdict ceiling_check(const struct ceiling *c, const struct name *n);

#endif
