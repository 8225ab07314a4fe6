/* known.h — what the daemon on this host knows of a key (proto/schema/about.schema.json), where one runs and root asks. */
#ifndef KEDGE_AGENT_LOCAL_KNOWN_H
#define KEDGE_AGENT_LOCAL_KNOWN_H

#include <stdbool.h>

#include "agent/local/daemon.h"
#include "policies/name.h"

struct known {
	bool answered;      /* a daemon answered */
	struct buf said;    /* the document */
	struct cJSON *tree; /* of it; owned */
};

#define KNOWN_INIT                                                                                           \
	{                                                                                                    \
		.said = BUF_INIT(DAEMON_MAX_ANSWER)                                                          \
	}

/* Ask the daemon behind RUN_DIR about KEY. No daemon, or none that answers: RET->answered stays false. known_clear() it. */
void known_ask(const char *run_dir, const struct name *key, struct known *ret);
void known_clear(struct known *a);
/* The value that the daemon will write at the next boot, or NULL: it writes none. Points into A. */
const char *known_at_boot(const struct known *a);
/* In lines, as `explain` prints them. */
void known_text(const struct known *a, struct buf *out);

#endif
