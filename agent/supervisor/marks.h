/* marks.h — the supervisor's part in watching: fanotify marks, renewed when interfaces come and go. */
#ifndef KEDGE_AGENT_SUPERVISOR_MARKS_H
#define KEDGE_AGENT_SUPERVISOR_MARKS_H

#include <stdbool.h>

#include "agent/watch/fanotify.h"

struct marks {
	struct fanotify_marks *group; /* NULL: unavailable */
	bool full;                    /* also the directories outside net */
};

/* Mark every directory of sysctls below ROOT ("/proc/sys") that the profile reaches. Never fails: without fanotify there is no
 * group, and *F (may be NULL) says why; the keeper then polls only. marks_close() it. */
void marks_open(const char *root, bool full, struct marks *ret, struct fault *f);
/* Interfaces came or went: mark what is new. */
void marks_renew(struct marks *m);
void marks_close(struct marks *m);

#endif
