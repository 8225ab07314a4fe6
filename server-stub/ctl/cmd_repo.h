/* cmd_repo.h — what repo, policy and rollout commands share: opening a depot with its keys, writing, telling. */
#ifndef KEDGE_SERVER_CTL_CMD_REPO_H
#define KEDGE_SERVER_CTL_CMD_REPO_H

#include "server-stub/ctl/ctl.h"
#include "server-stub/ctl/depot.h"

struct work {
	struct ctl *ctl;
	struct depot *depot;
	struct keyring keys;
};

/* Open the depot DIR, and the signing keys by --keys, cli.conf or repo.conf. work_end() W in any case. */
int work_begin(struct ctl *c, const char *dir, struct work *w, struct fault *f);
/* Sign and write (not with --dry-run), and say which metadata files are new: as text, or as the array "written" in the
 * JSON document JSON (NULL: as text). */
int work_write(struct work *w, struct jsonw *json, struct fault *f);
void work_end(struct work *w);
/* A whole command: open args.words[0], CHANGE it, write, answer as JSON document NAME. Returns the exit code. */
int work_author(struct ctl *c, const char *name, int (*change)(struct work *w, struct fault *f));
/* Verify DIR as a client and send all of it to the server. COUNT (may be NULL) is how many files were sent. */
int repo_send(struct ctl *c, const char *dir, size_t *ret_count, struct fault *f);

#endif
