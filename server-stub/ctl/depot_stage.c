/* depot_stage.c — several metadata files become visible together, whatever happens in between. They are written to
 * .staged.new and synced; renaming that to .staged is the commit; then each file is moved to metadata/, roots first and the
 * timestamp last, as clients want it. After a crash an uncommitted folder is thrown away, a committed one is finished.
 * Called by depot.c under its lock. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/fileio.h"
#include "server-stub/ctl/depot_in.h"

#define FRESH  ".staged.new"
#define STAGED ".staged"
#define SETTLE ".settles-pending" /* in the folder: what is pending goes with it */

static int trouble(struct fault *f, const char *dir, const char *what)
{
	return fault_set(f, err_from_errno(errno), dir, NULL, "%s: %s", what, strerror(errno));
}

static int sync_dir(int dirfd, const char *name, struct fault *f)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) ? trouble(f, name, "cannot be synced") : KE_OK;

	if (fd >= 0)
		close(fd);
	return rc;
}

/* Roots first, the timestamp last. */
static int rank(const char *name)
{
	if (strcmp(name, "timestamp.json") == 0)
		return 3;
	if (strstr(name, ".snapshot.json"))
		return 2;
	return strstr(name, ".root.json") ? 0 : 1;
}

static int in_order(const struct dirent **a, const struct dirent **b)
{
	int ra = rank((*a)->d_name), rb = rank((*b)->d_name);

	return ra != rb ? ra - rb : strcmp((*a)->d_name, (*b)->d_name);
}

static int is_file(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* What a kill may have left in a folder that was not committed: also the mark, and the mark half made. */
static int is_any(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* The mark in the folder NAME, if there is one: drop what is pending. The mark goes last. */
static int settle(int dirfd, const char *name, struct fault *f)
{
	char mark[64];

	snprintf(mark, sizeof mark, "%s/" SETTLE, name);
	if (faccessat(dirfd, mark, F_OK, 0))
		return KE_OK;
	int rc = pending_drop(dirfd, f);
	if (!rc && unlinkat(dirfd, mark, 0))
		rc = trouble(f, mark, "cannot be removed");
	return rc;
}

/* Empty and remove the folder NAME; moving its files to metadata/ when MOVE. */
static int drain(int dirfd, const char *name, bool move, struct fault *f)
{
	struct dirent **list = NULL;
	int n = scandirat(dirfd, name, &list, move ? is_file : is_any, in_order), rc = KE_OK;

	if (n < 0)
		return errno == ENOENT ? KE_OK : trouble(f, name, "cannot be read");
	for (int i = 0; i < n; i++) {
		struct buf from = BUF_INIT(1024), to = BUF_INIT(1024);
		buf_fmt(&from, "%s/%s", name, list[i]->d_name);
		buf_fmt(&to, "metadata/%s", list[i]->d_name);
		if (!rc && (from.rc || to.rc))
			rc = fault_set(f, KE_TOOBIG, name, NULL, "a name is too long");
		if (!rc && (move ? renameat(dirfd, buf_text(&from), dirfd, buf_text(&to))
		                 : unlinkat(dirfd, buf_text(&from), 0)))
			rc = trouble(f, buf_text(&from), "cannot be moved");
		buf_free(&from);
		buf_free(&to);
		free(list[i]);
	}
	free(list);
	if (!rc && move)
		rc = sync_dir(dirfd, "metadata", f);
	if (!rc && move)
		rc = settle(dirfd, name, f);
	if (!rc && unlinkat(dirfd, name, AT_REMOVEDIR))
		rc = trouble(f, name, "cannot be removed");
	return rc;
}

static int open_dir(const char *dir, int *ret, struct fault *f)
{
	*ret = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? trouble(f, dir, "cannot be opened") : KE_OK;
}

int stage_recover(const char *dir, struct fault *f)
{
	int dirfd, rc = open_dir(dir, &dirfd, f);

	if (rc)
		return rc;
	rc = drain(dirfd, STAGED, true, f);
	if (!rc)
		rc = drain(dirfd, FRESH, false, f);
	close(dirfd);
	if (rc)
		fault_at(f, "%s", dir);
	return rc;
}

int stage_switch(const char *dir, const struct release_files *files, bool settles, struct fault *f)
{
	int dirfd, rc = open_dir(dir, &dirfd, f);

	if (rc)
		return rc;
	if (mkdirat(dirfd, FRESH, 0755))
		rc = trouble(f, FRESH, "cannot be made");
	for (size_t i = 0; i < files->n && !rc; i++) {
		struct buf name = BUF_INIT(1024);
		buf_fmt(&name, FRESH "/%s", files->list[i].name);
		rc = name.rc ? name.rc
		             : file_replace_at(dirfd, buf_text(&name), files->list[i].data,
		                       files->list[i].len, 0644, FILE_DURABLE, f);
		buf_free(&name);
	}
	if (!rc && settles)
		rc = file_replace_at(dirfd, FRESH "/" SETTLE, "", 0, 0644, FILE_DURABLE, f);
	if (!rc && renameat(dirfd, FRESH, dirfd, STAGED))
		rc = trouble(f, FRESH, "cannot be committed");
	if (!rc)
		rc = sync_dir(dirfd, ".", f);
	if (rc)
		drain(dirfd, FRESH, false, NULL);
	else
		rc = drain(dirfd, STAGED, true, f);
	close(dirfd);
	if (rc)
		fault_at(f, "%s", dir);
	return rc;
}
