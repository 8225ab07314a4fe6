/* repo_set.h — a repository as it would be after a publication: the files that came over the files that are published. */
#ifndef KEDGE_SERVER_API_REPO_SET_H
#define KEDGE_SERVER_API_REPO_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server-stub/store/store.h"

struct repo_file {
	char *name; /* "metadata/2.targets.json", "targets/..."; owned */
	char *data; /* owned */
	size_t len;
	bool listed; /* by a role that was verified */
	struct repo_file *next;
};

struct repo_set {
	struct store *store;
	struct repo_file *fresh; /* sorted by name, no name twice */
	size_t n_fresh;
	struct repo_file *published; /* what was read of the store so far */
};

/* Read {"files":[{"name":..,"data":base64}...]} into SET->fresh. Refused besides bad forms: names outside metadata/ and
 * targets/, with "." or ".." as a segment, or given twice. KE_SYNTAX, KE_SCHEMA, KE_NAME, KE_DUPLICATE, KE_TOOBIG. */
int repo_set_parse(const char *json, size_t len, struct repo_set *set, struct fault *f);
/* The file NAME, fresh or published. It lives as long as SET. KE_NOENT. */
int repo_set_get(struct repo_set *set, const char *name, struct repo_file **ret, struct fault *f);
/* The same among the published ones only. */
int repo_set_published(struct repo_set *set, const char *name, struct repo_file **ret, struct fault *f);
/* The lowest N of metadata/N.root.json that is published, else of the fresh ones; 0: there is none. */
int repo_set_first_root(struct repo_set *set, int64_t *ret, struct fault *f);
/* Free what SET owns. */
void repo_set_free(struct repo_set *set);

#endif
