/* contest.h — when to stop fighting over a key.
 *
 * Restoring against another tool that restores too would never end. A key is contested after 5 restores within 10
 * minutes or 12 within 24 hours; then there is a truce in which we leave the key alone, and one probe after it. A truce
 * lasts 1 minute, and twice as long each time the probe did not stand, up to 4 hours. A probe that stands for as long
 * as its truce lasted ends the contest. Pure: time (seconds since 1970) comes in; the table is kept across restarts as text.
 */
#ifndef KEDGE_WATCH_CONTEST_H
#define KEDGE_WATCH_CONTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/name.h"
#include "proto/buf.h"
#include "proto/err.h"

#define CONTEST_SHORT_N   5
#define CONTEST_SHORT_S   600
#define CONTEST_LONG_N    12
#define CONTEST_LONG_S    86400
#define CONTEST_TRUCE_MIN 60
#define CONTEST_TRUCE_MAX (4 * 3600)
#define CONTEST_MAX_KEYS  4096
#define CONTEST_TEXT_MAX  (4U << 20)

struct contest;

int contest_new(struct contest **ret);
void contest_free(struct contest *c);

enum contest_verdict {
	CONTEST_RESTORE, /* restore it, then contest_restored() */
	CONTEST_PROBE,   /* the truce is over: restore it once, then contest_restored() */
	CONTEST_BEGINS,  /* just became contested, or a probe failed: report it as contested, leave it */
	CONTEST_TRUCE,   /* leave it; it was reported already */
};

/* Key N differs from its wanted value at NOW: what to do? Changes the table: may begin a truce. */
enum contest_verdict contest_ask(struct contest *c, const struct name *n, int64_t now);
/* Key N was restored at NOW. KE_NOMEM, KE_TOOBIG (over CONTEST_MAX_KEYS; keys that were quiet for a day are forgotten
 * first). */
int contest_restored(struct contest *c, const struct name *n, int64_t now);
/* Is N in a truce at NOW, and until when (*RET_UNTIL, may be NULL)? */
bool contest_truce(const struct contest *c, const struct name *n, int64_t now, int64_t *ret_until);
/* When the first truce ends, so that a timer can probe; INT64_MAX: there is none. */
int64_t contest_next(const struct contest *c, int64_t now);
/* Forget N: a person or a new policy settled it. */
void contest_forget(struct contest *c, const struct name *n);

/* The table as JSON. */
void contest_write(const struct contest *c, struct buf *out);
/* Strict. *RET is new. KE_SYNTAX, KE_SCHEMA, KE_RANGE, KE_NAME, KE_TOOBIG, KE_NOMEM. */
int contest_read(const char *text, size_t len, struct contest **ret, struct fault *f);

#endif
