/* cmd_repo.h — what repo, policy and rollout commands share: opening a depot with its keys, writing, telling. */
#ifndef KEDGE_SERVER_CTL_CMD_REPO_H
#define KEDGE_SERVER_CTL_CMD_REPO_H

#include "server-stub/ctl/ctl.h"
#include "server-stub/ctl/depot.h"

#define IMPORTS_MAX 16 /* public keys that one command takes */

struct work {
	struct ctl *ctl;
	struct depot *depot;
	struct keyring keys;
	bool named[KEYRING_MAX]; /* by the root or the targets, when the depot was opened */
	bool strict; /* keep nothing pending of which nobody here can sign anything: for jobs without a person */
	bool pending; /* by work_write(): what was signed waits for other people; kept by work_end() */
};

/* Open the depot DIR, and the signing keys by --keys, cli.conf or repo.conf. work_end() W in any case. */
int work_begin(struct ctl *c, const char *dir, struct work *w, struct fault *f);
/* The keys alone, for a W whose depot is open. */
int work_keys(struct work *w, const char *dir, struct fault *f);
/* Say what is going to be signed; sign and write (not with --dry-run); say which metadata files are new, and what waits
 * for other people: as text, or as the arrays "signing", "written" and "pending" of the JSON document JSON (NULL: as
 * text). Keys that no role names any more are retired. */
int work_write(struct work *w, struct jsonw *json, struct fault *f);
void work_end(struct work *w);
/* A whole command: open args.words[0], CHANGE it, write, answer as JSON document NAME. Returns the exit code. */
int work_author(struct ctl *c, const char *name, int (*change)(struct work *w, struct fault *f));
/* Verify DIR as a client and send all of it to the server. COUNT (may be NULL) is how many files were sent. */
int repo_send(struct ctl *c, const char *dir, size_t *ret_count, struct fault *f);

#endif
