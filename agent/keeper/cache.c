/* cache.c — the disk side of the trusted set. Everything is synced: a refresh that was reported must survive a power cut, or
 * the version floors would not. */
#include "agent/keeper/cache.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/fileio.h"
#include "proto/wire.h"

static int cache_path(char path[PATH_MAX], const char *dir, const char *file)
{
	int n = snprintf(path, PATH_MAX, "%s/%s", dir, file);

	return n > 0 && n < PATH_MAX ? KE_OK : KE_TOOBIG;
}

static int history_path(char path[PATH_MAX], const char *dir, int64_t version)
{
	int n = snprintf(path, PATH_MAX, "%s/root_history/%lld.root.json", dir, (long long)version);

	return n > 0 && n < PATH_MAX ? KE_OK : KE_TOOBIG;
}

/* Follow the history; returns 0, with *F telling of a file that ended it early. */
static int replay(const char *dir, struct trust *t, struct fault *f)
{
	char path[PATH_MAX], *data;
	size_t len;

	for (unsigned i = 0; i < TUF_ROOT_STEPS; i++) {
		int rc = history_path(path, dir, trust_version(t, TUF_ROOT) + 1);
		if (!rc)
			rc = file_read(path, TUF_ROOT_MAX, &data, &len, NULL);
		if (rc)
			return KE_OK;
		rc = trust_replay(t, data, len, f);
		file_free(data);
		if (rc) {
			fault_at(f, "%s", path);
			return KE_OK;
		}
	}
	return KE_OK;
}

int cache_open(const char *dir, const char *anchor, struct trust **ret, struct fault *f)
{
	char path[PATH_MAX], *data;
	struct trust *t = NULL;
	size_t len;
	int rc = file_read(anchor, TUF_ROOT_MAX, &data, &len, f);

	if (rc)
		return rc;
	rc = trust_new(data, len, &t, f);
	file_free(data);
	if (rc) {
		fault_at(f, "%s", anchor);
		return rc;
	}
	rc = cache_path(path, dir, "root_history");
	if (!rc)
		rc = dir_make(path, 0700, f);
	if (!rc)
		rc = replay(dir, t, f);
	if (rc) {
		trust_free(t);
		return rc;
	}
	*ret = t;
	return KE_OK;
}

static int serve_load(const char *path, struct trust *t, const struct trust_request *rq, struct fault *f)
{
	char *data;
	size_t len;

	/* What cannot be read is absent: it is fetched again. */
	if (file_read(path, rq->max, &data, &len, NULL))
		return trust_give(t, NULL, 0, f);
	int rc = trust_give(t, data, len, f);
	file_free(data);
	return rc;
}

static int serve_store(
        const char *dir, const char *path, struct trust *t, const struct trust_request *rq, struct fault *f)
{
	char history[PATH_MAX];
	int rc = KE_OK;

	if (strcmp(rq->role, "root") == 0) {
		rc = history_path(history, dir, trust_version(t, TUF_ROOT));
		if (!rc)
			rc = file_replace(history, rq->data, rq->len, 0600, FILE_DURABLE, f);
	}
	return rc ? rc : file_replace(path, rq->data, rq->len, 0600, FILE_DURABLE, f);
}

int cache_serve(const char *dir, struct trust *t, const struct trust_request *rq, struct fault *f)
{
	char path[PATH_MAX];
	int rc = cache_path(path, dir, rq->file);

	if (rc)
		return fault_set(f, rc, rq->file, NULL, "path too long");
	switch (rq->ask) {
	case TRUST_LOAD:
		return serve_load(path, t, rq, f);
	case TRUST_STORE:
		return serve_store(dir, path, t, rq, f);
	case TRUST_DROP:
		return file_remove(path, FILE_DURABLE, f);
	default:
		return KE_OK;
	}
}
