/* depot_check.h — a repository directory through the eyes of a client that knows nothing but 1.root.json. */
#ifndef KEDGE_SERVER_CTL_DEPOT_CHECK_H
#define KEDGE_SERVER_CTL_DEPOT_CHECK_H

#include <stdint.h>

#include "proto/err.h"
#include "proto/tuf.h"

/* A file that the client read. */
struct depot_file {
	char *name; /* "metadata/2.targets.json", "targets/policies/web/HASH.3.json" */
	char *data;
	size_t len;
};

struct depot_check {
	int64_t version[TUF_TOP_COUNT], expires[TUF_TOP_COUNT];
	size_t n_roles;   /* delegated ones */
	size_t n_targets; /* that were found and match */
	struct depot_file
	        *files; /* every file that was read, in order of reading: what has to be published */
	size_t n_files;
	char **strays; /* files below targets/ that no role lists */
	size_t n_strays;
};

/* Verify DIR at NOW by proto/trust.h: the chain of roots, all roles, delegated ones too, and each target that a client
 * finds with its length and hashes. The fault names the file. depot_check_clear() *RET in any case. */
int depot_check(const char *dir, int64_t now, struct depot_check *ret, struct fault *f);
void depot_check_clear(struct depot_check *c);

#endif
