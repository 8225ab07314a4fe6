/* depot_pending.c — the folder DIR/pending: next versions of roles that wait for signatures of other people.
 *
 * The files belong together (a root, and the targets that its new keys sign), so the folder is replaced as a whole: written
 * aside as .pending.new, synced, and put in its place; the old one is moved out of the way first, to .pending.old. What a
 * crash leaves says what it was: with .pending.old and no pending, .pending.new is complete; without .pending.old it may
 * be torn and goes. Nothing here is trusted: release_pending_load() checks every file. Called by depot.c under its lock. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/fileio.h"
#include "proto/utf8.h"
#include "server-stub/ctl/depot_in.h"

#define HERE  "pending"
#define FRESH ".pending.new"
#define OLD   ".pending.old"
#define FILES 256 /* more than anybody waits for */

static int no_memory(struct fault *f)
{
	return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
}

static int trouble(struct fault *f, const char *where, const char *what)
{
	return fault_set(f, err_from_errno(errno), where, NULL, "%s: %s", what, strerror(errno));
}

static int open_dir(const char *dir, int *ret, struct fault *f)
{
	*ret = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? trouble(f, dir, "cannot be opened") : KE_OK;
}

static bool there(int dirfd, const char *name)
{
	return faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int move(int dirfd, const char *from, const char *to, struct fault *f)
{
	if (renameat(dirfd, from, dirfd, to))
		return trouble(f, from, "cannot be moved");
	return fsync(dirfd) ? trouble(f, from, "cannot be synced") : KE_OK;
}

static int no_dots(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

/* Remove the folder NAME with its files; one that is not there is removed. */
static int clear(int dirfd, const char *name, struct fault *f)
{
	struct dirent **list = NULL;
	int n = scandirat(dirfd, name, &list, no_dots, NULL), rc = KE_OK;

	if (n < 0)
		return errno == ENOENT ? KE_OK : trouble(f, name, "cannot be read");
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		rc = trouble(f, name, "cannot be opened");
	for (int i = 0; i < n; i++) {
		if (!rc && unlinkat(fd, list[i]->d_name, 0))
			rc = trouble(f, name, "cannot be emptied");
		free(list[i]);
	}
	free(list);
	if (fd >= 0)
		close(fd);
	if (!rc && unlinkat(dirfd, name, AT_REMOVEDIR))
		rc = trouble(f, name, "cannot be removed");
	return rc;
}

int pending_recover(const char *dir, struct fault *f)
{
	int dirfd, rc = open_dir(dir, &dirfd, f);

	if (rc)
		return rc;
	if (!there(dirfd, HERE) && there(dirfd, OLD) && there(dirfd, FRESH))
		rc = move(dirfd, FRESH, HERE, f);
	if (!rc)
		rc = clear(dirfd, FRESH, f);
	if (!rc)
		rc = clear(dirfd, OLD, f);
	close(dirfd);
	if (rc)
		fault_at(f, "%s", dir);
	return rc;
}

int pending_drop(int dirfd, struct fault *f)
{
	int rc = clear(dirfd, FRESH, f);

	if (!rc)
		rc = clear(dirfd, OLD, f);
	if (!rc && there(dirfd, HERE))
		rc = move(dirfd, HERE, OLD, f);
	return rc ? rc : clear(dirfd, OLD, f);
}

int pending_drop_in(const char *dir, struct fault *f)
{
	int dirfd, rc = open_dir(dir, &dirfd, f);

	if (rc)
		return rc;
	rc = pending_drop(dirfd, f);
	close(dirfd);
	return rc;
}

/* ---- reading ---- */

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* LEN bytes of TEXT with %XX undone, into ROLE. False when that is no role name. */
static bool unquote(const char *text, size_t len, char role[TUF_ROLE_NAME_MAX + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (n == TUF_ROLE_NAME_MAX)
			return false;
		if (text[i] != '%') {
			role[n++] = text[i];
			continue;
		}
		int high = i + 2 < len ? hex_value(text[i + 1]) : -1;
		int low = high < 0 ? -1 : hex_value(text[i + 2]);
		if (low < 0 || high + low == 0)
			return false;
		role[n++] = (char)(high * 16 + low);
		i += 2;
	}
	role[n] = '\0';
	return n && utf8_valid(role, n);
}

/* "7.targets.json". Any other spelling of the same is no pending file. */
static bool read_name(const char *name, char role[TUF_ROLE_NAME_MAX + 1], int64_t *ret_version)
{
	char again[TUF_FILE_ROOM], *end;
	long long version = strtoll(name, &end, 10);
	size_t len = strlen(name);

	if (*end != '.' || version < 1 || len < 6 || strcmp(name + len - 5, ".json") != 0 ||
	        name + len - 5 <= end + 1 || !unquote(end + 1, (size_t)(name + len - 5 - (end + 1)), role))
		return false;
	*ret_version = version;
	return strcmp(tuf_file_name(role, version, again), name) == 0;
}

static int note(struct depot *d, const char *name, struct fault *f)
{
	char role[TUF_ROLE_NAME_MAX + 1];
	struct waiting w = { 0 };

	if (!read_name(name, role, &w.version))
		return fault_set(f, KE_NAME, name, "take it away", "is no pending file");
	struct waiting *more = realloc(d->waiting, (d->n_waiting + 1) * sizeof *more);
	if (more)
		d->waiting = more;
	w.role = strdup(role);
	w.name = strdup(name);
	if (!more || !w.role || !w.name) {
		free(w.role);
		free(w.name);
		return no_memory(f);
	}
	d->waiting[d->n_waiting++] = w;
	return KE_OK;
}

int pending_scan(struct depot *d, struct fault *f)
{
	char *path = depot_path(d->dir, HERE);
	struct dirent **list = NULL;
	int rc = path ? KE_OK : no_memory(f);
	int n = rc ? 0 : scandir(path, &list, no_dots, alphasort);

	if (n < 0 && errno != ENOENT)
		rc = trouble(f, path, "cannot be read");
	else if (n > FILES)
		rc = fault_set(f, KE_TOOBIG, path, NULL, "more than %d files", FILES);
	for (int i = 0; i < n; i++) {
		if (!rc && (rc = note(d, list[i]->d_name, f)))
			fault_at(f, "%s", path);
		free(list[i]);
	}
	free(list);
	free(path);
	return rc;
}

void pending_forget(struct depot *d)
{
	for (size_t i = 0; i < d->n_waiting; i++) {
		free(d->waiting[i].role);
		free(d->waiting[i].name);
	}
	free(d->waiting);
	d->waiting = NULL;
	d->n_waiting = 0;
}

static const struct waiting *find(const struct depot *d, const char *role)
{
	for (size_t i = 0; i < d->n_waiting; i++)
		if (strcmp(d->waiting[i].role, role) == 0)
			return &d->waiting[i];
	return NULL;
}

static bool follows(const char *role)
{
	return strcmp(role, "snapshot") == 0 || strcmp(role, "timestamp") == 0;
}

int pending_refuse(const struct depot *d, const char *role, struct fault *f)
{
	const struct waiting *w = find(d, role);

	/* Snapshot and timestamp go on: what of them is pending is made again. */
	if (!w || d->resumed || follows(role))
		return KE_OK;
	return fault_set(f, KE_EXIST, d->dir,
	        "finish it with kedge repo sign, or drop it with kedge repo sign --discard",
	        "%s version %lld waits for signatures", role, (long long)w->version);
}

static int read_one(
        const struct depot *d, const struct waiting *w, char **ret, size_t *ret_len, struct fault *f)
{
	struct buf name = BUF_INIT(4096);

	buf_fmt(&name, "%s/" HERE "/%s", d->dir, w->name);
	int rc = name.rc ? no_memory(f) : file_read(buf_text(&name), TUF_META_MAX, ret, ret_len, f);
	buf_free(&name);
	return rc;
}

static int load_one(struct depot *d, const struct waiting *w, struct fault *f)
{
	char *data;
	size_t len;
	int rc = read_one(d, w, &data, &len, f);

	if (rc)
		return rc;
	rc = release_pending_load(d->release, w->role, data, len, f);
	file_free(data);
	if (rc == KE_ROLLBACK)
		fault_set(f, rc, d->dir, "drop it with kedge repo sign --discard, and make the change again",
		        "what is pending as %s version %lld does not follow what is published", w->role,
		        (long long)w->version);
	else if (rc)
		fault_at(f, "%s/" HERE, d->dir);
	return rc;
}

/* Everything but root, targets, snapshot and timestamp. A role may be delegated by one that is pending, too: as long as
 * one more loads, the others are tried again. */
static int load_delegated(struct depot *d, struct fault *f)
{
	bool done[FILES] = { false };
	int rc = KE_OK;

	for (bool more = true; more;) {
		more = false;
		rc = KE_OK;
		for (size_t i = 0; i < d->n_waiting; i++) {
			const struct waiting *w = &d->waiting[i];
			bool top =
			        follows(w->role) || !strcmp(w->role, "root") || !strcmp(w->role, "targets");
			if (top || done[i])
				continue;
			int one = load_one(d, w, f);
			done[i] = !one;
			more |= !one;
			rc = one ? one : rc;
		}
	}
	return rc;
}

/* A pending snapshot or timestamp counts when it still follows and is still good for a while; otherwise a new one. */
static bool load_follower(struct depot *d, enum tuf_top role, int64_t now)
{
	const struct waiting *w = find(d, tuf_top_names[role]);
	struct release_pendings list = { 0 };

	if (!w || w->version != depot_version(d, w->role) + 1 || load_one(d, w, NULL))
		return false;
	/* Expired by now: the preview says so, and a new expiry cures it. */
	int rc = release_preview(d->release, now, &list, NULL);
	release_pendings_free(&list);
	return rc != KE_EXPIRED;
}

static bool any_changed(const struct release *r)
{
	const char *role;

	for (size_t i = 0; (role = release_role(r, i)); i++)
		if (release_changed(r, role) && strcmp(role, "root") != 0 && strcmp(role, "timestamp") != 0)
			return true;
	return false;
}

int pending_load(struct depot *d, int64_t now, struct fault *f)
{
	const struct waiting *root = find(d, "root"), *targets = find(d, "targets");
	int rc = root ? load_one(d, root, f) : KE_OK;

	if (!rc && targets)
		rc = load_one(d, targets, f);
	if (!rc)
		rc = load_delegated(d, f);
	if (rc)
		return rc;
	d->resumed = d->n_waiting > 0;
	bool changed = any_changed(d->release);
	if (release_changed(d->release, "targets") && !targets)
		d->touched[TUF_TARGETS] = true;
	if (changed || find(d, "snapshot"))
		d->touched[TUF_SNAPSHOT] = true;
	if (changed || find(d, "timestamp") || release_changed(d->release, "timestamp"))
		d->touched[TUF_TIMESTAMP] = true;
	for (int i = TUF_TIMESTAMP; i <= TUF_SNAPSHOT; i++)
		if (load_follower(d, (enum tuf_top)i, now))
			d->touched[i] = false;
	return KE_OK;
}

/* ---- writing ---- */

static int write_one(int dirfd, const char *name, const char *data, size_t len, struct fault *f)
{
	struct buf path = BUF_INIT(4096);

	buf_fmt(&path, FRESH "/%s", name);
	int rc = path.rc ? no_memory(f)
	                 : file_replace_at(dirfd, buf_text(&path), data, len, 0644, FILE_DURABLE, f);
	buf_free(&path);
	return rc;
}

static bool replaced(const struct release_pendings *list, const char *role)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->list[i].role, role) == 0)
			return true;
	return false;
}

static int write_all(const struct depot *d, int dirfd, const struct release_pendings *list, struct fault *f)
{
	int rc = KE_OK;

	for (size_t i = 0; i < list->n && !rc; i++)
		if (list->list[i].data)
			rc = write_one(dirfd, list->list[i].name, list->list[i].data, list->list[i].len, f);
	for (size_t i = 0; i < d->n_waiting && !rc && !d->resumed; i++) {
		char *data;
		size_t len;
		if (replaced(list, d->waiting[i].role))
			continue;
		rc = read_one(d, &d->waiting[i], &data, &len, f);
		if (rc)
			break;
		rc = write_one(dirfd, d->waiting[i].name, data, len, f);
		file_free(data);
	}
	return rc;
}

int pending_write(struct depot *d, const struct release_pendings *list, struct fault *f)
{
	int dirfd, rc = open_dir(d->dir, &dirfd, f);

	if (rc)
		return rc;
	rc = clear(dirfd, FRESH, f);
	if (!rc && mkdirat(dirfd, FRESH, 0755))
		rc = trouble(f, FRESH, "cannot be made");
	if (!rc)
		rc = write_all(d, dirfd, list, f);
	if (!rc && there(dirfd, HERE))
		rc = move(dirfd, HERE, OLD, f);
	if (!rc)
		rc = move(dirfd, FRESH, HERE, f);
	if (rc && !there(dirfd, HERE) && there(dirfd, OLD))
		move(dirfd, OLD, HERE, NULL);
	if (rc)
		clear(dirfd, FRESH, NULL);
	else
		rc = clear(dirfd, OLD, f);
	close(dirfd);
	if (rc)
		fault_at(f, "%s", d->dir);
	return rc;
}
