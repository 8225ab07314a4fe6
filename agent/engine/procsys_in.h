/* procsys_in.h — shared by procsys.c and procsys_walk.c, nobody else. */
#ifndef KEDGE_AGENT_ENGINE_PROCSYS_IN_H
#define KEDGE_AGENT_ENGINE_PROCSYS_IN_H

#include <sys/types.h>

#include "agent/engine/procsys.h"

struct procsys {
	int fd; /* O_PATH */
	dev_t dev;
	enum procsys_kind kind;
	bool no_openat2; /* found out at the first open */
	char *scratch;   /* one value; grows when a value needs it */
	size_t scratch_room;
};

/* Open PATH (clean, relative) below the root with FLAGS. A descriptor, or -1 and errno. */
int procsys_openat(struct procsys *ps, const char *path, int flags);

#endif
