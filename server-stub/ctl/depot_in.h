/* depot_in.h — what the files of the depot share. Nobody else includes this. */
#ifndef KEDGE_SERVER_CTL_DEPOT_IN_H
#define KEDGE_SERVER_CTL_DEPOT_IN_H

#include "proto/forest.h"
#include "proto/release.h"
#include "proto/trust_doc.h"
#include "server-stub/ctl/depot.h"

/* A target file that is to be written. */
struct put {
	char *file; /* below the depot */
	char *data;
	size_t len;
	struct put *next;
};

/* A file in DIR/pending. */
struct waiting {
	char *role;
	char *name; /* "7.targets.json" */
	int64_t version;
};

struct depot {
	char *dir;
	int lock;
	struct depot_conf conf;
	struct release *release;
	struct trust_doc root, snapshot, targets;
	struct forest forest; /* of what was published when the depot was opened */
	bool touched[TUF_TOP_COUNT];
	struct put *puts;
	struct waiting *waiting;
	size_t n_waiting;
	bool unborn;  /* version 1 is pending */
	bool resumed; /* what is pending is in the release */
};

/* Open every delegated role into D->forest and the release (depot_role.c); the top-level ones are loaded. */
int depot_roles_load(struct depot *d, struct fault *f);
/* The metadata file of ROLE below DIR. KE_NOENT. */
int depot_metadata(const char *dir, const char *role, int64_t version, size_t max, char **ret,
        size_t *ret_len, struct fault *f);
/* "targets/dir/HASH.name" */
char *depot_hashed_file(const char *path, const unsigned char digest[SHA256_LEN]);

/* repo.conf (depot_conf.c). depot_conf_clear() *RET in any case. */
int depot_conf_read(const char *dir, struct depot_conf *ret, struct fault *f);
int depot_conf_write(const char *dir, const struct depot_conf *conf, struct fault *f);
void depot_conf_clear(struct depot_conf *c);

/* "DIR/REST" allocated, or NULL. */
char *depot_path(const char *dir, const char *rest);

/* Switch the metadata FILES in (depot_stage.c): written aside, synced, committed by one rename, then moved in order. With
 * SETTLE what is pending is dropped by the same commit. */
int stage_switch(const char *dir, const struct release_files *files, bool settle, struct fault *f);
/* Finish a committed switch and remove an uncommitted one. Nothing to do is 0. */
int stage_recover(const char *dir, struct fault *f);

/* DIR/pending (depot_pending.c). Finish or forget a change of it that a crash cut off. */
int pending_recover(const char *dir, struct fault *f);
/* Remove it from the depot DIRFD, committed by one rename. Nothing to remove is 0. */
int pending_drop(int dirfd, struct fault *f);
int pending_drop_in(const char *dir, struct fault *f);
/* Note in D which files there are. */
int pending_scan(struct depot *d, struct fault *f);
void pending_forget(struct depot *d);
/* Take them into the release; snapshot and timestamp that do not fit any more are passed over. */
int pending_load(struct depot *d, int64_t now, struct fault *f);
/* Put LIST in its place, committed by one rename; files of other roles stay unless what is there was resumed. */
int pending_write(struct depot *d, const struct release_pendings *list, struct fault *f);
/* KE_EXIST when ROLE waits for signatures: one change of a role at a time. */
int pending_refuse(const struct depot *d, const char *role, struct fault *f);

/* "targets/dir/HASH.name" of PATH with these bytes; free() it. NULL: out of memory. */
char *depot_target_file(const char *path, const void *data, size_t len);

/* Who speaks for ROLE, a top-level or a delegated one; refused while that or ROLE itself is pending. */
int depot_signers(struct depot *d, const char *role, const struct signers **ret, struct fault *f);
/* New versions of ROLE, whose keys have changed, and of the role that names them. */
int depot_rekeyed(struct depot *d, const char *role, struct fault *f);

#endif
