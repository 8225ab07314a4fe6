/* dirs.c — makes directories as root for users who are not. The keeper owns two of them and is not trusted with root's
 * rights, so nothing in them is touched by path: each step opens the next name without following links, and only plain
 * files with a single name change hands (a second name could be a hard link to a file from elsewhere). Called by the
 * supervisor at start and after SIGHUP, and by enrol. */
#include "agent/supervisor/dirs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/fileio.h"

#define HAND_OVER_DEPTH 4

/* Who may have left files, and who gets them. */
struct owners {
	uid_t other, uid;
	gid_t gid;
};

static int failed(struct fault *f, const char *where, const char *verb)
{
	int err = errno;

	return fault_set(f, err_from_errno(err), where, NULL, "cannot %s: %s", verb, strerror(err));
}

static int hand_over(int dirfd, const struct owners *o, unsigned depth, struct fault *f);

static int hand_over_one(int dirfd, const char *name, const struct owners *o, unsigned depth, struct fault *f)
{
	struct stat st;
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	int rc = KE_OK;

	if (fd < 0) /* a link, a socket, or gone */
		return KE_OK;
	bool known = fstat(fd, &st) == 0 && (st.st_uid == 0 || st.st_uid == o->other);
	bool plain = S_ISREG(st.st_mode) && st.st_nlink == 1;
	if (known && (plain || S_ISDIR(st.st_mode)) && (st.st_uid != o->uid || st.st_gid != o->gid) &&
	        fchown(fd, o->uid, o->gid))
		rc = failed(f, name, "change the owner");
	if (!rc && S_ISDIR(st.st_mode) && depth < HAND_OVER_DEPTH)
		rc = hand_over(fd, o, depth + 1, f);
	close(fd);
	return rc;
}

/* Everything in DIRFD, which stays open. The supervisor's own lock is handed over too: a lock is held, not owned. */
static int hand_over(int dirfd, const struct owners *o, unsigned depth, struct fault *f)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	int rc = KE_OK;

	if (!d) {
		rc = failed(f, NULL, "list");
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (!rc && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = hand_over_one(dirfd, e->d_name, o, depth, f);
	closedir(d);
	return rc;
}

/* PATH exists afterwards, belongs to O->uid, has MODE. A directory of a third user is not taken from him. */
static int dir_own(const char *path, mode_t mode, const struct owners *o, int *ret_fd, struct fault *f)
{
	struct stat st;
	int rc = dir_make(path, 0755, f);

	if (rc)
		return rc;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		rc = failed(f, path, "open");
	} else if (st.st_uid != 0 && st.st_uid != o->uid && st.st_uid != o->other) {
		rc = fault_set(f, KE_ACCES, path,
		        "chown -R it to the user that agent.conf names, or remove it",
		        "belongs to uid %u, not to uid %u", (unsigned)st.st_uid, (unsigned)o->uid);
	} else if ((st.st_uid != o->uid || st.st_gid != o->gid) && fchown(fd, o->uid, o->gid)) {
		rc = failed(f, path, "change the owner");
	} else if ((st.st_mode & 07777) != mode && fchmod(fd, mode)) {
		rc = failed(f, path, "change the mode");
	}
	if (rc || !ret_fd) {
		if (fd >= 0)
			close(fd);
		return rc;
	}
	*ret_fd = fd;
	return KE_OK;
}

/* The same, and what lies in it. */
static int dir_own_all(const char *path, mode_t mode, const struct owners *o, struct fault *f)
{
	int fd = -1, rc = dir_own(path, mode, o, &fd, f);

	if (rc)
		return rc;
	rc = hand_over(fd, o, 0, f);
	if (rc)
		fault_at(f, "%s", path);
	close(fd);
	return rc;
}

static int below(const char *dir, const char *name, char path[PATH_MAX], struct fault *f)
{
	if (snprintf(path, PATH_MAX, "%s/%s", dir, name) < PATH_MAX)
		return KE_OK;
	return fault_set(f, KE_TOOBIG, dir, NULL, "is too long a path");
}

int dirs_make(const struct agent_config *c, struct fault *f)
{
	const struct owners root = { 0, 0, 0 };
	const struct owners courier = { c->courier_uid, c->courier_uid, c->courier_gid };
	struct owners keeper = { c->keeper_uid, c->full_profile ? 0 : c->keeper_uid,
		c->full_profile ? 0 : c->keeper_gid };
	char path[PATH_MAX];
	int rc = dir_own(c->state_dir, 0755, &root, NULL, f);

	if (!rc)
		rc = dir_own_all(c->run_dir, 0755, &keeper, f);
	if (!rc)
		rc = below(c->state_dir, "keeper", path, f);
	if (!rc)
		rc = dir_own_all(path, 0700, &keeper, f);
	if (!rc)
		rc = below(c->state_dir, "courier", path, f);
	if (!rc)
		rc = dir_own_all(path, 0700, &courier, f);
	return rc;
}
