/* depot_check.c — verifies a directory with the code that hosts verify with, and notes each file that was read on the way,
 * which is exactly what a publication consists of. Reads only. Called by `repo verify` and `repo publish`. */
#include "server-stub/ctl/depot_check.h"

#include <dirent.h>
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/fileio.h"
#include "proto/forest.h"
#include "proto/trust.h"
#include "server-stub/ctl/depot_in.h"

#define DEPTH_MAX 16

struct checker {
	const char *dir;
	struct trust *trust;
	int64_t now;
	struct depot_check *ret;
	void *index; /* tree of the names in ret->files */
};

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int no_memory(struct fault *f)
{
	return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
}

static bool noted(const struct checker *c, const char *name)
{
	return tfind(name, &c->index, by_text) != NULL;
}

/* Note a file; takes DATA over. One that was read before is not noted twice. */
static int note(struct checker *c, const char *name, char *data, size_t len, struct fault *f)
{
	struct depot_check *r = c->ret;

	if (noted(c, name)) {
		file_free(data);
		return KE_OK;
	}
	struct depot_file *more = realloc(r->files, (r->n_files + 1) * sizeof *more);
	char *copy = strdup(name);
	if (more)
		r->files = more;
	if (!more || !copy || !tsearch(copy, &c->index, by_text)) {
		file_free(data);
		free(copy);
		return no_memory(f);
	}
	r->files[r->n_files++] = (struct depot_file){ .name = copy, .data = data, .len = len };
	return KE_OK;
}

/* Read DIR/NAME. KE_NOENT when it is not there. */
static int read_file(
        struct checker *c, const char *name, size_t max, char **ret, size_t *ret_len, struct fault *f)
{
	char *path = depot_path(c->dir, name);
	int rc = path ? file_read(path, max, ret, ret_len, f) : no_memory(f);

	free(path);
	return rc;
}

static int fetch(struct checker *c, const struct trust_request *req, struct fault *f)
{
	char name[TUF_FILE_ROOM + 16], *data = NULL;
	size_t len = 0;

	struct buf text = BUF_INIT(sizeof name);
	buf_fmt(&text, "metadata/%s", req->file);
	memcpy(name, buf_text(&text), text.len + 1);
	buf_free(&text);
	int rc = read_file(c, name, req->max, &data, &len, f);
	if (rc && rc != KE_NOENT)
		return rc;
	rc = trust_give(c->trust, rc ? NULL : data, len, f);
	if (rc) {
		fault_at(f, "%s/%s", c->dir, name);
		file_free(data);
		return rc;
	}
	return data ? note(c, name, data, len, f) : KE_OK;
}

static int drive(struct checker *c, struct fault *f)
{
	struct trust_request req;
	int rc;

	while (!(rc = trust_next(c->trust, &req, f)) && req.ask != TRUST_DONE) {
		if (req.ask == TRUST_FETCH)
			rc = fetch(c, &req, f);
		else if (req.ask == TRUST_LOAD)
			rc = trust_give(c->trust, NULL, 0, f);
		if (rc)
			return rc;
	}
	return rc;
}

/* Search PATH as a host would, then read and compare its file. KE_NOENT: no role lists it. */
static int target(struct checker *c, const char *path, struct fault *f)
{
	const struct tuf_target *t = NULL;
	struct buf name = BUF_INIT(4096);
	char *data = NULL;
	size_t len = 0;
	int rc = trust_find(c->trust, path, f);

	if (!rc)
		rc = drive(c, f);
	if (!rc)
		rc = trust_target(c->trust, &t);
	if (rc)
		return rc;
	buf_str(&name, "targets/");
	rc = trust_target_file(c->trust, t, &name);
	if (!rc && (rc = read_file(c, buf_text(&name), DEPOT_TARGET_MAX, &data, &len, f)) == KE_NOENT)
		rc = fault_set(f, KE_MISMATCH, buf_text(&name), "add it again", "is listed, but not there");
	if (!rc && (rc = trust_target_check(t, data, len, f))) {
		fault_at(f, "%s/%s", c->dir, buf_text(&name));
		file_free(data);
	}
	if (!rc) {
		c->ret->n_targets++;
		rc = note(c, buf_text(&name), data, len, f);
	}
	buf_free(&name);
	return rc;
}

static int stray(struct checker *c, const char *name, struct fault *f)
{
	char **more = realloc(c->ret->strays, (c->ret->n_strays + 1) * sizeof *more), *copy = strdup(name);

	if (more)
		c->ret->strays = more;
	if (!more || !copy) {
		free(copy);
		return no_memory(f);
	}
	more[c->ret->n_strays++] = copy;
	return KE_OK;
}

/* The file NAME below the directory ("targets/dir/HASH.base"): is "dir/base" listed with this hash by anybody? */
static int found(struct checker *c, const char *name, struct fault *f)
{
	const char *below = name + strlen("targets/"), *slash = strrchr(below, '/');
	const char *base = slash ? slash + 1 : below, *dot = strchr(base, '.');
	struct buf path = BUF_INIT(4096);

	if (noted(c, name))
		return KE_OK;
	if (!dot || dot - base < 64 || !dot[1])
		return stray(c, name, f);
	buf_bytes(&path, below, (size_t)(base - below));
	buf_str(&path, dot + 1);
	int rc = path.rc                          ? path.rc
	         : trust_path_ok(buf_text(&path)) ? target(c, buf_text(&path), f)
	                                          : KE_NOENT;
	buf_free(&path);
	if (rc && rc != KE_NOENT)
		return rc;
	/* An older version of a listed path is left behind on purpose: hosts that are behind still fetch it. */
	return noted(c, name) ? KE_OK : stray(c, name, f);
}

/* All files below NAME. */
static int walk(struct checker *c, const char *name, unsigned depth, struct fault *f)
{
	char *full = depot_path(c->dir, name);
	struct dirent **list = NULL;
	int rc = full ? KE_OK : no_memory(f);
	int n = rc ? 0 : scandir(full, &list, NULL, alphasort);

	if (n < 0)
		rc = errno == ENOENT ? KE_OK
		                     : fault_set(f, err_from_errno(errno), full, NULL, "%s", strerror(errno));
	free(full);
	for (int i = 0; i < n; i++) {
		const struct dirent *e = list[i];
		char *child = rc || e->d_name[0] == '.' ? NULL : depot_path(name, e->d_name);
		char *path = child ? depot_path(c->dir, child) : NULL;
		struct stat st;
		if (path && lstat(path, &st) == 0)
			rc = S_ISDIR(st.st_mode) && depth < DEPTH_MAX ? walk(c, child, depth + 1, f)
			                                              : found(c, child, f);
		free(path);
		free(child);
		free(list[i]);
	}
	free(list);
	return rc;
}

/* A delegated role for the forest; noted like every file that was read. */
static int read_role(void *ctx, const char *role, int64_t version, size_t max, char **ret, size_t *ret_len,
        struct fault *f)
{
	struct checker *c = ctx;
	char file[TUF_FILE_ROOM], *copy, *name = NULL;
	bool named = trust_root(c->trust)->consistent_snapshot;
	int rc = depot_metadata(c->dir, role, named ? version : 0, max, ret, ret_len, f);

	if (rc)
		return rc;
	copy = malloc(*ret_len + 1);
	if (!copy || asprintf(&name, "metadata/%s", tuf_file_name(role, named ? version : 0, file)) < 0) {
		free(copy);
		file_free(*ret);
		return no_memory(f);
	}
	memcpy(copy, *ret, *ret_len);
	rc = note(c, name, copy, *ret_len, f);
	free(name);
	if (rc)
		file_free(*ret);
	return rc;
}

/* Every target that a role lists and a client finds there. What no client finds, such as a path outside of a role's
 * patterns, harms nobody; its file is a stray. */
static int role_targets(
        struct checker *c, const struct forest *forest, const struct forest_role *role, struct fault *f)
{
	int rc = KE_OK;

	for (size_t i = 0; i < role->targets->n_targets && !rc; i++) {
		const char *path = role->targets->targets[i].path;
		const struct forest_role *where = NULL;
		const struct tuf_target *found;
		if (!forest_find(forest, path, &where, &found) && where == role)
			rc = target(c, path, f);
		/* The forest and the client follow the same rules: one that finds less is damaged. */
		if (rc == KE_NOENT)
			rc = fault_set(f, KE_UNTRUSTED, path, NULL, "no client finds it");
	}
	return rc;
}

static int targets(struct checker *c, struct fault *f)
{
	const struct forest_source source = { .ctx = c, .read = read_role, .now = c->now };
	struct forest forest = { 0 };
	int rc = forest_load(trust_targets(c->trust), trust_snapshot(c->trust), &source, &forest, f);

	for (size_t i = 0; i < forest.n && !rc; i++)
		rc = role_targets(c, &forest, forest.roles[i], f);
	c->ret->n_roles = forest.n ? forest.n - 1 : 0;
	forest_clear(&forest);
	return rc ? rc : walk(c, "targets", 0, f);
}

/* The index refers to the names of the files. */
static void keep_name(void *name)
{
	(void)name;
}

int depot_check(const char *dir, int64_t now, struct depot_check *ret, struct fault *f)
{
	struct checker c = { .dir = dir, .now = now, .ret = ret };
	char *data;
	size_t len;

	*ret = (struct depot_check){ 0 };
	int rc = read_file(&c, "metadata/1.root.json", TUF_ROOT_MAX, &data, &len, f);
	if (rc)
		return rc;
	rc = trust_new(data, len, &c.trust, f);
	if (rc) {
		fault_at(f, "%s/metadata/1.root.json", dir);
		file_free(data);
		return rc;
	}
	rc = note(&c, "metadata/1.root.json", data, len, f);
	trust_begin(c.trust, now);
	if (!rc)
		rc = drive(&c, f);
	for (int i = 0; i < TUF_TOP_COUNT && !rc; i++) {
		ret->version[i] = trust_version(c.trust, (enum tuf_top)i);
		ret->expires[i] = trust_expires(c.trust, (enum tuf_top)i);
	}
	if (!rc)
		rc = targets(&c, f);
	trust_free(c.trust);
	tdestroy(c.index, keep_name);
	return rc;
}

void depot_check_clear(struct depot_check *c)
{
	for (size_t i = 0; i < c->n_files; i++) {
		free(c->files[i].name);
		file_free(c->files[i].data);
	}
	for (size_t i = 0; i < c->n_strays; i++)
		free(c->strays[i]);
	free(c->files);
	free(c->strays);
	*c = (struct depot_check){ 0 };
}
