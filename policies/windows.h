/* windows.h — maintenance windows of a rollout: the hours of a week in which hosts may adopt it, in UTC.
 *
 *   "windows":[{"days":["mon","tue","wed","thu","fri"],"from":"22:00","to":"04:00"},{"from":"02:00","to":"02:30"}]
 *
 * Signed like the rest of the plan and judged by every host for itself. No windows: at any time. A window whose end is not after its
 * beginning ends on the next day; it belongs to the day on which it begins. Without "days" it is every day's.
 */
#ifndef KEDGE_POLICIES_WINDOWS_H
#define KEDGE_POLICIES_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buf.h"
#include "proto/err.h"
#include "proto/jsonw.h"
#include "proto/reader.h"

#define WINDOWS_MAX  8
#define WINDOWS_DAYS 0x7f /* bit 0 is Monday */

struct window {
	unsigned days;
	int from, to; /* minutes of the day */
};
struct windows {
	struct window rows[WINDOWS_MAX];
	size_t n;
};

/* Is NOW (seconds since 1970) in one of them? */
bool windows_open(const struct windows *w, int64_t now);
/* NOW if it is, else when the next one begins. */
int64_t windows_next(const struct windows *w, int64_t now);
/* Read the array AT. *RET is untouched on errors. */
int windows_parse(const struct place *at, struct windows *ret, struct fault *f);
/* Write W as the member "windows"; nothing when there are none. */
void windows_print(const struct windows *w, struct jsonw *out);
/* Append "22:00-04:00", "sat,sun 02:00-06:00" or "mon-fri 22:00-04:00" to W. KE_USAGE; KE_RANGE: too many. */
int windows_add(struct windows *w, const char *text, struct fault *f);
/* "mon-fri 22:00-04:00, sat,sun 02:00-06:00", no newline. */
void windows_text(const struct windows *w, struct buf *out);

#endif
