/* waves.h — from words on a command line to a rollout document, and to what a person wants to read of it. */
#ifndef KEDGE_SERVER_CTL_WAVES_H
#define KEDGE_SERVER_CTL_WAVES_H

#include "policies/rollout.h"
#include "proto/buf.h"

#define WAVES_OPEN_FOR (30 * 86400) /* seconds after start at which a wave closes unless its end is given */

/* Append the wave TEXT to R: "canary=web1,web2", "20%", "0.5%", each with "@AFTER" or "@AFTER..BEFORE" (durations after
 * start). Without AFTER a wave opens when the one before does. KE_USAGE; KE_RANGE for shares that do not rise, a wave that
 * opens before the one in front of it, or too many. */
int waves_add(struct rollout *r, const char *text, struct fault *f);
/* One wave of everybody, when R has none yet. KE_NOMEM. */
int waves_default(struct rollout *r, struct fault *f);
/* A line per wave: whom it holds, when it opens and closes. */
void waves_text(const struct rollout *r, struct buf *out);

#endif
