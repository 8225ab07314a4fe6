/* depot_prune.c — takes off the repository what no host will ask for again, and deletes what nobody lists. Rollouts are read
 * before anything is decided: a repository that does not hold together is not pruned. Called by `repo prune`. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policies/rollout.h"
#include "proto/assignment.h"
#include "proto/fileio.h"
#include "server-stub/ctl/depot_in.h"

#define DEPTH_MAX 16

struct names {
	char **list;
	size_t n, room;
};

/* A policy version or a rollout. */
struct numbered {
	bool rollout, keep;
	char policy[65];
	int64_t number;
	const char *path; /* in the forest */
};

struct prune {
	struct depot *d;
	struct depot_pruned *ret;
	struct numbered *all; /* policies, then rollouts; of one policy the newest first */
	size_t n, room;
	struct names needed; /* files */
};

static int no_memory(struct fault *f)
{
	return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
}

/* Takes TEXT over; NULL is out of memory. */
static int names_add(struct names *names, char *text)
{
	if (text && names->n == names->room) {
		size_t room = names->room ? 2 * names->room : 64;
		char **more = realloc(names->list, room * sizeof *more);
		if (more) {
			names->list = more;
			names->room = room;
		}
	}
	if (!text || names->n == names->room) {
		free(text);
		return KE_NOMEM;
	}
	names->list[names->n++] = text;
	return KE_OK;
}

static void names_clear(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->list[i]);
	free(names->list);
	*names = (struct names){ 0 };
}

static int by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static bool names_has(const struct names *sorted, const char *name)
{
	return sorted->n && bsearch(&name, sorted->list, sorted->n, sizeof *sorted->list, by_text);
}

/* ---- what stays ---- */

static int collect(void *ctx, const char *role, const struct tuf_target *target)
{
	struct prune *p = ctx;
	struct numbered one = { .path = target->path };

	(void)role;
	one.rollout = target_path_split("rollouts", target->path, one.policy, &one.number) == KE_OK;
	if (!one.rollout && target_path_split("policies", target->path, one.policy, &one.number))
		return KE_OK;
	if (p->n == p->room) {
		size_t room = p->room ? 2 * p->room : 64;
		struct numbered *more = realloc(p->all, room * sizeof *more);
		if (!more)
			return KE_NOMEM;
		p->all = more;
		p->room = room;
	}
	p->all[p->n++] = one;
	return KE_OK;
}

static int by_policy(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;
	int order = x->rollout != y->rollout ? x->rollout - y->rollout : strcmp(x->policy, y->policy);

	return order ? order : (y->number > x->number) - (y->number < x->number);
}

/* The policy version that a rollout names stays. */
static void keep_named(struct prune *p, const struct rollout *r)
{
	struct numbered key = { .number = r->version };

	if (r->action != ROLLOUT_APPLY || strlen(r->policy) >= sizeof key.policy)
		return;
	snprintf(key.policy, sizeof key.policy, "%s", r->policy);
	struct numbered *found = bsearch(&key, p->all, p->n, sizeof *p->all, by_policy);
	if (found)
		found->keep = true;
}

/* The rollouts of one policy from *AT on: the newest stays, and the newest standing form. */
static int keep_rollouts(struct prune *p, size_t *at, struct fault *f)
{
	const char *policy = p->all[*at].policy;
	bool first = true, standing = false;
	int rc = KE_OK;

	for (; *at < p->n && strcmp(p->all[*at].policy, policy) == 0 && !rc; (*at)++, first = false) {
		struct numbered *one = &p->all[*at];
		struct rollout *r = NULL;
		char *text;
		size_t len;
		if (standing)
			continue;
		if ((rc = depot_read(p->d, one->path, &text, &len, f)))
			break;
		rc = rollout_parse(text, len, &r, f);
		file_free(text);
		if (rc) {
			fault_at(f, "%s", one->path);
			break;
		}
		standing = r->standing;
		one->keep = first || standing;
		if (one->keep)
			keep_named(p, r);
		rollout_free(r);
	}
	return rc;
}

static int decide(struct prune *p, struct fault *f)
{
	int rc = depot_each(p->d, true, collect, p);

	if (rc)
		return no_memory(f);
	if (p->n)
		qsort(p->all, p->n, sizeof *p->all, by_policy);
	for (size_t i = 0; i < p->n && !rc;) {
		struct numbered *one = &p->all[i];
		if (one->rollout) {
			rc = keep_rollouts(p, &i, f);
		} else {
			one->keep |= i == 0 || strcmp(p->all[i - 1].policy, one->policy) != 0;
			i++;
		}
	}
	return rc;
}

static int drop(struct prune *p, struct fault *f)
{
	struct names dropped = { 0 };
	int rc = KE_OK;

	for (size_t i = 0; i < p->n && !rc; i++) {
		if (p->all[i].keep)
			continue;
		rc = depot_drop(p->d, p->all[i].path, f);
		if (!rc && names_add(&dropped, strdup(p->all[i].path)))
			rc = no_memory(f);
	}
	p->ret->dropped = dropped.list;
	p->ret->n_dropped = dropped.n;
	if (dropped.n)
		qsort(dropped.list, dropped.n, sizeof *dropped.list, by_text);
	return rc;
}

/* ---- which files are needed ---- */

static int need_target(void *ctx, const char *role, const struct tuf_target *target)
{
	struct prune *p = ctx;
	const struct names dropped = { .list = p->ret->dropped, .n = p->ret->n_dropped };

	(void)role;
	return names_has(&dropped, target->path) || !target->hashes.has_sha256
	               ? KE_OK
	               : names_add(&p->needed, depot_hashed_file(target->path, target->hashes.sha256));
}

static int need_metadata(struct prune *p, const char *file)
{
	char *name = NULL;

	return names_add(&p->needed, asprintf(&name, "metadata/%s", file) < 0 ? NULL : name);
}

/* What the published snapshot lists, and what was written now. */
static int need(struct prune *p, struct fault *f)
{
	const struct tuf_snapshot *snapshot = p->d->snapshot.snapshot;
	char file[TUF_FILE_ROOM];
	int rc = depot_each(p->d, false, need_target, p);

	if (!rc)
		rc = need_metadata(p, tuf_file_name("snapshot", snapshot->header.version, file));
	for (size_t i = 0; i < snapshot->n && !rc; i++) {
		char *role = strdup(snapshot->files[i].name);
		size_t n = role ? strlen(role) : 0;
		if (n > 5 && strcmp(role + n - 5, ".json") == 0)
			role[n - 5] = '\0';
		rc = role ? need_metadata(p, tuf_file_name(role, snapshot->files[i].version, file))
		          : KE_NOMEM;
		free(role);
	}
	for (size_t i = 0; i < p->ret->written.n && !rc; i++)
		rc = need_metadata(p, p->ret->written.list[i].name);
	if (p->needed.n)
		qsort(p->needed.list, p->needed.n, sizeof *p->needed.list, by_text);
	return rc ? no_memory(f) : KE_OK;
}

/* ---- deleting ---- */

/* Roots are the chain that old clients follow; the timestamp has no version. */
static bool is_eternal(const char *name)
{
	const char *base = strrchr(name, '/') + 1;

	return strncmp(name, "metadata/", 9) == 0 &&
	       (strcmp(base, "timestamp.json") == 0 || strcmp(base, "root.json") == 0 ||
	               strcmp(base + strspn(base, "0123456789"), ".root.json") == 0);
}

static int unneeded(struct prune *p, const char *name, struct names *ret)
{
	return is_eternal(name) || names_has(&p->needed, name) ? KE_OK : names_add(ret, strdup(name));
}

/* Files below NAME that are not needed. */
static int search(struct prune *p, const char *name, unsigned depth, struct names *ret, struct fault *f)
{
	char *full = depot_path(p->d->dir, name);
	struct dirent **list = NULL;
	int rc = full ? KE_OK : no_memory(f);
	int n = rc ? 0 : scandir(full, &list, NULL, alphasort);

	if (n < 0)
		rc = errno == ENOENT ? KE_OK
		                     : fault_set(f, err_from_errno(errno), full, NULL, "%s", strerror(errno));
	free(full);
	for (int i = 0; i < n; i++) {
		char *child = rc || list[i]->d_name[0] == '.' ? NULL : depot_path(name, list[i]->d_name);
		char *path = child ? depot_path(p->d->dir, child) : NULL;
		struct stat st;
		if (path && lstat(path, &st) == 0) {
			if (S_ISDIR(st.st_mode))
				rc = depth < DEPTH_MAX ? search(p, child, depth + 1, ret, f) : KE_OK;
			else if (unneeded(p, child, ret))
				rc = no_memory(f);
		}
		free(path);
		free(child);
		free(list[i]);
	}
	free(list);
	return rc;
}

static int delete (const struct prune *p, const char *name, struct fault *f)
{
	char *path = depot_path(p->d->dir, name);

	if (!path)
		return no_memory(f);
	int rc = unlink(path) ? fault_set(f, err_from_errno(errno), path, NULL, "cannot be deleted: %s",
	                                strerror(errno))
	                      : KE_OK;
	/* Folders that are empty now go too. */
	for (char *slash; !rc && (slash = strrchr(path, '/')) > path + strlen(p->d->dir) + 8;) {
		*slash = '\0';
		if (rmdir(path))
			break;
	}
	free(path);
	return rc;
}

int depot_prune(struct depot *d, const struct keyring *k, int64_t now, bool dry_run, struct depot_pruned *ret,
        struct fault *f)
{
	struct prune p = { .d = d, .ret = ret };
	struct names useless = { 0 };

	*ret = (struct depot_pruned){ 0 };
	if (depot_waits(d)) /* whose target files nobody lists yet */
		return fault_set(f, KE_EXIST, d->dir,
		        "finish it with kedge repo sign, or drop it with kedge repo sign --discard",
		        "a change waits for signatures");
	int rc = decide(&p, f);
	if (!rc)
		rc = drop(&p, f);
	if (!rc && ret->n_dropped)
		rc = depot_write(d, k, now, dry_run, &ret->written, f);
	if (!rc)
		rc = need(&p, f);
	if (!rc)
		rc = search(&p, "metadata", 0, &useless, f);
	if (!rc)
		rc = search(&p, "targets", 0, &useless, f);
	for (size_t i = 0; i < useless.n && !rc && !dry_run; i++)
		rc = delete (&p, useless.list[i], f);
	ret->deleted = useless.list;
	ret->n_deleted = useless.n;
	names_clear(&p.needed);
	free(p.all);
	return rc;
}

void depot_pruned_clear(struct depot_pruned *p)
{
	for (size_t i = 0; i < p->n_dropped; i++)
		free(p->dropped[i]);
	for (size_t i = 0; i < p->n_deleted; i++)
		free(p->deleted[i]);
	free(p->dropped);
	free(p->deleted);
	release_files_free(&p->written);
	*p = (struct depot_pruned){ 0 };
}
