/* repo_sim.h — a TUF repository and its clients in memory, for tests that need good, stale and forged metadata.
 *
 * The repository is written by proto/release.c; its keys are named and derived from the name, so every run has the same
 * bytes. A test may replace any file, edit and sign any role with any set of keys, and see what a client makes of it.
 * Programming errors of a test abort with a message. Nothing here depends on cmocka.
 */
#ifndef KEDGE_TESTS_REPO_SIM_H
#define KEDGE_TESTS_REPO_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/release.h"
#include "proto/trust.h"

#define REPO_SIM_NOW 1796000000 /* 2026-11-30: the time of the first publication */
#define REPO_SIM_DAY 86400

struct repo_sim_file {
	char *name;
	char *data;
	size_t len;
	struct repo_sim_file *next;
};

struct repo_sim {
	struct release *release;        /* edit it as you like, then repo_sim_publish() */
	int64_t now;                    /* the publisher's clock */
	struct repo_sim_file *metadata; /* what the server has, by name in the metadata URL */
	struct repo_sim_file *targets;  /* by name in the targets URL */
	struct signkey *keys[64];
	char *key_names[64];
	size_t n_keys;
};

/* A repository with consistent snapshots: root signed by keys "root-1" and "root-2" (threshold 2), "timestamp",
 * "snapshot" and "targets" by one key of that name. Version 1 of everything is published and lists no target. Root
 * expires after 365 days, targets after 90, snapshot after 30, timestamp after 7. */
struct repo_sim *repo_sim_new(void);
/* The same without consistent snapshots. */
struct repo_sim *repo_sim_new_plain(void);
void repo_sim_free(struct repo_sim *sim);

/* The key NAME (ed25519), made when it is first asked for. Publishing signs with every key ever asked for. */
const struct signkey *repo_sim_key(struct repo_sim *sim, const char *name);
/* List PATH with the bytes TEXT in ROLE, and serve them. */
void repo_sim_target(struct repo_sim *sim, const char *role, const char *path, const char *text);
/* PARENT delegates PATTERN to NAME, signed by the key NAME; the role expires like targets. */
void repo_sim_delegate(
        struct repo_sim *sim, const char *parent, const char *name, const char *pattern, bool terminating);
/* Publish what changed. */
void repo_sim_publish(struct repo_sim *sim);
/* Write a new timestamp (and what else changed), expiring 7 days after sim->now. */
void repo_sim_renew(struct repo_sim *sim);

/* The file NAME of LIST (&sim->metadata, a client's cache, ...), or NULL. */
struct repo_sim_file *repo_sim_file(struct repo_sim_file *list, const char *name);
/* Add or replace; DATA NULL removes. */
void repo_sim_put(struct repo_sim_file **list, const char *name, const void *data, size_t len);
void repo_sim_files_free(struct repo_sim_file **list);
/* A deep copy. */
struct repo_sim_file *repo_sim_files_copy(const struct repo_sim_file *list);

/* Change the signed part of the published file NAME with EDIT (may be NULL), and sign it with exactly the N keys named
 * in KEYS. Versions are as EDIT leaves them. */
typedef void repo_sim_edit(struct cJSON *part, void *ctx);
void repo_sim_forge(struct repo_sim *sim, const char *name, const char *const *keys, size_t n,
        repo_sim_edit *edit, void *ctx);
/* After a forgery: make the newest snapshot and timestamp list the present bytes of the other files (hashes, lengths;
 * not versions), properly signed by "snapshot" and "timestamp". */
void repo_sim_relist(struct repo_sim *sim);
/* The name under which the newest ROLE is served ("3.targets.json"); valid until the next call. */
const char *repo_sim_name(const struct repo_sim *sim, const char *role, char text[TUF_FILE_ROOM]);

/* A client: its cache, and what it asked the server for. */
struct repo_sim_client {
	struct repo_sim_file *cache; /* by name: "root.json", ... */
	struct trust *trust;
	char asked[4096]; /* the FETCHed names, separated by spaces */
};
/* A client that trusts 1.root.json. */
struct repo_sim_client *repo_sim_client_new(const struct repo_sim *sim);
/* Refresh from the cache, as a new process would. 0, or the code that the fault explains. */
int repo_sim_refresh(
        struct repo_sim_client *client, const struct repo_sim *sim, int64_t now, struct fault *f);
/* Refresh again in the same process. */
int repo_sim_refresh_again(
        struct repo_sim_client *client, const struct repo_sim *sim, int64_t now, struct fault *f);
/* Search after a refresh. */
int repo_sim_find(struct repo_sim_client *client, const struct repo_sim *sim, const char *path,
        const struct tuf_target **ret, struct fault *f);
void repo_sim_client_free(struct repo_sim_client *client);

#endif
