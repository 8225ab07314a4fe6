/* fanotify_marks.c — the supervisor's half: makes the group and marks directories.
 *
 * A directory is known by its inode. Its O_PATH descriptor keeps that inode, and with it the mark, from being reclaimed;
 * a descriptor on its path cannot become another directory either, so a re-created conf/eth0 shows as a new inode and
 * is marked again. Refuses to follow links. Called by the supervisor, which holds CAP_SYS_ADMIN.
 */
#include "agent/watch/fanotify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

struct pin {
	int fd;
	dev_t dev;
	ino_t ino;
	char *path; /* below the root */
};

struct fanotify_marks {
	int fd, root_fd;
	struct pin *pins;
	size_t n, room;
};

static int mark_fault(struct fault *f, const char *where, const char *verb)
{
	int err = errno;
	int rc = err == EPERM || err == ENOSYS || err == EINVAL || err == EOPNOTSUPP ? KE_UNSUPPORTED
	                                                                             : err_from_errno(err);

	return fault_set(f, rc, where, NULL, "cannot %s: %s", verb, strerror(err));
}

int fanotify_marks_open(const char *root, struct fanotify_marks **ret, struct fault *f)
{
	struct fanotify_marks *m = calloc(1, sizeof *m);
	int rc = KE_OK;

	if (!m)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	m->fd = -1;
	m->root_fd = open(root, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (m->root_fd < 0)
		rc = mark_fault(f, root, "open");
	else if ((m->fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK,
	                  O_RDONLY | O_LARGEFILE | O_CLOEXEC)) < 0)
		rc = mark_fault(f, "fanotify", "watch who writes sysctls");
	if (rc)
		fanotify_marks_close(m);
	else
		*ret = m;
	return rc;
}

static void pin_drop(struct fanotify_marks *m, size_t i)
{
	close(m->pins[i].fd);
	free(m->pins[i].path);
	m->pins[i] = m->pins[--m->n];
}

void fanotify_marks_close(struct fanotify_marks *m)
{
	if (!m)
		return;
	while (m->n)
		pin_drop(m, m->n - 1);
	free(m->pins);
	if (m->fd >= 0)
		close(m->fd);
	if (m->root_fd >= 0)
		close(m->root_fd);
	free(m);
}

int fanotify_marks_fd(const struct fanotify_marks *m)
{
	return m->fd;
}

size_t fanotify_marks_count(const struct fanotify_marks *m)
{
	return m->n;
}

static bool is_pinned(const struct fanotify_marks *m, const struct stat *st)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->pins[i].ino == st->st_ino && m->pins[i].dev == st->st_dev)
			return true;
	return false;
}

static int room_for_one(struct fanotify_marks *m, struct fault *f)
{
	if (m->n >= FANOTIFY_MAX_DIRS)
		return fault_set(f, KE_TOOBIG, "fanotify", NULL, "over %d directories", FANOTIFY_MAX_DIRS);
	if (m->n < m->room)
		return KE_OK;
	size_t room = m->room ? 2 * m->room : 64;
	struct pin *pins = realloc(m->pins, room * sizeof *pins);
	if (!pins)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	m->pins = pins;
	m->room = room;
	return KE_OK;
}

/* Pin and mark PATH unless it is already. A directory that vanished meanwhile is no error. */
static int mark_one(struct fanotify_marks *m, const char *path, struct fault *f)
{
	struct pin p = { .fd = openat(m->root_fd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) };
	struct stat st;
	int rc = KE_OK;

	if (p.fd < 0)
		return errno == ENOENT ? KE_OK : mark_fault(f, path, "open");
	if (fstat(p.fd, &st))
		rc = mark_fault(f, path, "look at");
	else if (is_pinned(m, &st))
		goto out;
	if (!rc && !(rc = room_for_one(m, f)) &&
	        fanotify_mark(
	                m->fd, FAN_MARK_ADD | FAN_MARK_ONLYDIR, FAN_MODIFY | FAN_EVENT_ON_CHILD, p.fd, "."))
		rc = mark_fault(f, path, "mark");
	if (!rc && !(p.path = strdup(path)))
		rc = fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	if (rc)
		goto out;
	p.dev = st.st_dev;
	p.ino = st.st_ino;
	m->pins[m->n++] = p;
	return KE_OK;
out:
	close(p.fd);
	return rc;
}

static int mark_tree(struct fanotify_marks *m, const char *path, unsigned depth, struct fault *f)
{
	int rc = mark_one(m, path, f);
	int fd = rc ? -1 : openat(m->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d && fd >= 0)
		close(fd);
	if (rc || !d)
		return rc;
	while (!rc && (e = readdir(d))) {
		char below[NAME_MAX_LEN + 1];
		if (e->d_type != DT_DIR || e->d_name[0] == '.' || depth == NAME_MAX_SEGMENTS)
			continue;
		if (snprintf(below, sizeof below, "%s/%s", path, e->d_name) < (int)sizeof below)
			rc = mark_tree(m, below, depth + 1, f);
	}
	closedir(d);
	return rc;
}

/* Close the pins of directories at or below DIR that are not there any more. */
static void prune(struct fanotify_marks *m, const char *dir)
{
	size_t len = strlen(dir);

	for (size_t i = m->n; i-- > 0;) {
		const struct pin *p = &m->pins[i];
		struct stat st;
		if (strncmp(p->path, dir, len) != 0 || (p->path[len] && p->path[len] != '/'))
			continue;
		if (fstatat(m->root_fd, p->path, &st, AT_SYMLINK_NOFOLLOW) || st.st_ino != p->ino ||
		        st.st_dev != p->dev)
			pin_drop(m, i);
	}
}

int fanotify_marks_add(struct fanotify_marks *m, const char *dir, bool deep, struct fault *f)
{
	struct name n;
	struct stat st;
	bool top = !strchr(dir, '/'); /* "net": a name has two segments */
	int rc = top ? KE_OK : name_parse(dir, strlen(dir), &n, f);

	if (rc)
		return rc;
	if (!*dir || *dir == '.' || (!top && strcmp(n.path, dir) != 0))
		return fault_set(f, KE_NAME, dir, NULL, "is not the path of a sysctl directory");
	prune(m, dir);
	if (fstatat(m->root_fd, dir, &st, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(st.st_mode))
		return fault_set(f, KE_NOENT, dir, NULL, "is no directory of sysctls");
	return deep ? mark_tree(m, dir, 1, f) : mark_one(m, dir, f);
}
