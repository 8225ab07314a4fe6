/* links.h — "interfaces came or went", for the supervisor and, passed on, for the keeper.
 *
 * The supervisor holds the rtnetlink socket; the keeper gets an eventfd and no socket with which it could change links. Announcements
 * are not read, only counted as one: who wants to know what changed looks below /proc/sys.
 */
#ifndef KEDGE_AGENT_SUPERVISOR_LINKS_H
#define KEDGE_AGENT_SUPERVISOR_LINKS_H

#include "proto/err.h"

struct links {
	int route_fd; /* readable when links changed; -1: none */
	int event_fd; /* for the keeper: readable once it was told; -1: none */
};

#define LINKS_NONE ((struct links){ .route_fd = -1, .event_fd = -1 })

/* Listen. KE_SYSTEM: *RET is LINKS_NONE, and who depends on it looks now and then. links_close() it. */
int links_open(struct links *ret, struct fault *f);
/* Throw away what route_fd says, and tell the keeper. */
void links_take(struct links *l);
void links_close(struct links *l);

#endif
