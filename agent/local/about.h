/* about.h — what the daemon on this host knows of a key (proto/schema/about.schema.json), where one runs and root asks. */
#ifndef KEDGE_AGENT_LOCAL_ABOUT_H
#define KEDGE_AGENT_LOCAL_ABOUT_H

#include <stdbool.h>

#include "agent/local/daemon.h"
#include "policies/name.h"

struct about {
	bool known;         /* a daemon answered */
	struct buf said;    /* the document */
	struct cJSON *tree; /* of it; owned */
};

#define ABOUT_INIT                                                                                           \
	{                                                                                                    \
		.said = BUF_INIT(DAEMON_MAX_ANSWER)                                                          \
	}

/* Ask the daemon behind RUN_DIR about KEY. No daemon, or none that answers: RET->known stays false. about_clear() it. */
void about_ask(const char *run_dir, const struct name *key, struct about *ret);
void about_clear(struct about *a);
/* The value that the daemon will write at the next boot, or NULL: it writes none. Points into A. */
const char *about_at_boot(const struct about *a);
/* In lines, as `explain` prints them. */
void about_text(const struct about *a, struct buf *out);

#endif
