/* spool_segment.c — the files of the spool.
 *
 * A line is written with one pwrite behind the last good byte and synced. When either fails, the file is cut back and its
 * descriptor is closed for good: after a failed sync the kernel may believe pages to be clean that are not, so that a
 * second try on the same file proves nothing. The next line begins a new file, whose name says its number; a reader
 * therefore knows that whatever the old file holds from that number on does not count. Called by spool.c and spool_epoch.c.
 */
#include "agent/report/spool_in.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/fileio.h"

static int io_fault(struct fault *f, const char *name, const char *verb)
{
	int err = errno;

	return fault_set(
	        f, KE_IO, name, "free space or repair the file system", "cannot %s: %s", verb, strerror(err));
}

const char *segment_name(uint64_t epoch, int64_t first, char name[SEGMENT_NAME_ROOM])
{
	snprintf(name, SEGMENT_NAME_ROOM, "%016" PRIx64 "-%016" PRId64, epoch, first);
	return name;
}

bool segment_name_parse(const char *name, uint64_t *ret_epoch, int64_t *ret_first)
{
	char again[SEGMENT_NAME_ROOM];

	if (strlen(name) != 33 || strspn(name, "0123456789abcdef") != 16 || name[16] != '-' ||
	        strspn(name + 17, "0123456789") != 16)
		return false;
	uint64_t epoch = strtoull(name, NULL, 16);
	int64_t first = strtoll(name + 17, NULL, 10);
	if (strcmp(name, segment_name(epoch, first, again)) != 0 || first < 1)
		return false;
	*ret_epoch = epoch;
	*ret_first = first;
	return true;
}

int segments_push(struct segments *l, const struct segment *seg)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct segment *row = realloc(l->row, room * sizeof *row);
		if (!row)
			return KE_NOMEM;
		l->row = row;
		l->room = room;
	}
	l->row[l->n++] = *seg;
	return KE_OK;
}

/* Call EACH for every segment in the directory. */
typedef int segment_visit(void *ctx, const char *name, uint64_t epoch, int64_t first, uint64_t bytes);

static int each_file(int dir_fd, segment_visit *each, void *ctx, struct fault *f)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int rc = KE_OK;

	if (!d) {
		rc = io_fault(f, "spool", "list");
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (!rc && (errno = 0, e = readdir(d))) {
		uint64_t epoch;
		int64_t first;
		struct stat st;
		if (!segment_name_parse(e->d_name, &epoch, &first))
			continue;
		if (fstatat(dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			rc = io_fault(f, e->d_name, "look at");
		else if (S_ISREG(st.st_mode))
			rc = each(ctx, e->d_name, epoch, first, (uint64_t)st.st_size);
	}
	if (!rc && errno)
		rc = io_fault(f, "spool", "list");
	closedir(d);
	return rc;
}

struct pick {
	uint64_t epoch;
	struct segments *list;
};

static int pick_one(void *ctx, const char *name, uint64_t epoch, int64_t first, uint64_t bytes)
{
	struct pick *p = ctx;
	struct segment seg = { .first = first, .last = first - 1, .bytes = bytes };

	(void)name;
	return epoch == p->epoch ? segments_push(p->list, &seg) : KE_OK;
}

static int by_first(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

int segments_list(int dir_fd, uint64_t epoch, struct segments *ret, struct fault *f)
{
	struct pick p = { .epoch = epoch, .list = ret };
	int rc = each_file(dir_fd, pick_one, &p, f);

	if (!rc && ret->n)
		qsort(ret->row, ret->n, sizeof *ret->row, by_first);
	return rc;
}

struct epochs {
	struct epoch_size *row;
	size_t n, room;
};

static int count_one(void *ctx, const char *name, uint64_t epoch, int64_t first, uint64_t bytes)
{
	struct epochs *l = ctx;
	size_t i = 0;

	(void)name;
	(void)first;
	while (i < l->n && l->row[i].epoch != epoch)
		i++;
	if (i == l->n && l->n < l->room)
		l->row[l->n++] = (struct epoch_size){ .epoch = epoch };
	if (i < l->n)
		l->row[i].bytes += bytes;
	return KE_OK;
}

int epochs_list(int dir_fd, struct epoch_size *ret, size_t room, size_t *ret_n, struct fault *f)
{
	struct epochs l = { .row = ret, .room = room };
	int rc = each_file(dir_fd, count_one, &l, f);

	*ret_n = l.n;
	return rc;
}

struct sweep {
	int dir_fd;
	uint64_t keep;
};

static int sweep_one(void *ctx, const char *name, uint64_t epoch, int64_t first, uint64_t bytes)
{
	struct sweep *s = ctx;

	(void)first;
	(void)bytes;
	if (epoch != s->keep && unlinkat(s->dir_fd, name, 0) && errno != ENOENT)
		return KE_IO;
	return KE_OK;
}

int segments_sweep(int dir_fd, uint64_t keep, struct fault *f)
{
	struct sweep s = { .dir_fd = dir_fd, .keep = keep };
	int rc = each_file(dir_fd, sweep_one, &s, f);

	return rc == KE_IO ? io_fault(f, "spool", "remove an old segment") : rc;
}

int segment_load(int dir_fd, uint64_t epoch, int64_t first, char **ret, size_t *ret_len, struct fault *f)
{
	char name[SEGMENT_NAME_ROOM];

	return file_read_at(dir_fd, segment_name(epoch, first, name), SEGMENT_FILE_MAX, ret, ret_len, f);
}

int segments_each(int dir_fd, uint64_t epoch, const struct segments *l, bool whole, line_visit *visit,
        void *ctx, struct fault *f)
{
	int rc = KE_OK;

	for (size_t i = 0; i < l->n && !rc; i++) {
		char *text;
		size_t len, at = 0;
		if ((rc = segment_load(dir_fd, epoch, l->row[i].first, &text, &len, f)))
			break;
		if (!whole && len > l->row[i].bytes)
			len = (size_t)l->row[i].bytes;
		while (!rc && at < len) {
			const char *end = memchr(text + at, '\n', len - at);
			if (!end)
				break;
			size_t n = (size_t)(end - (text + at));
			rc = visit(ctx, text + at, n, f);
			at += n + 1;
		}
		file_free(text);
	}
	return rc;
}

/* A new file for the records from FIRST on. */
static int segment_begin(struct spool *s, int64_t first, struct fault *f)
{
	struct segment seg = { .first = first, .last = first - 1 };
	char name[SEGMENT_NAME_ROOM];
	int rc;

	if (s->fd >= 0)
		close(s->fd); /* every line in it was synced */
	s->fd = -1;
	if ((rc = segments_push(&s->segs, &seg)))
		return fault_set(f, rc, NULL, NULL, "%s", err_text(rc));
	segment_name(s->chain.epoch, first, name);
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	s->fd = openat(s->dir_fd, name, flags, 0600);
	/* A file of this name is one that could not be removed when its first line failed. */
	if (s->fd < 0 && errno == EEXIST && !unlinkat(s->dir_fd, name, 0))
		s->fd = openat(s->dir_fd, name, flags, 0600);
	if (s->fd < 0) {
		rc = io_fault(f, name, "create");
		s->segs.n--;
	}
	return rc;
}

/* Nothing was added: cut the file, or remove it when it holds nothing, and never use the descriptor again. */
static void segment_give_up(struct spool *s)
{
	struct segment *seg = &s->segs.row[s->segs.n - 1];
	char name[SEGMENT_NAME_ROOM];

	s->failures++;
	if (seg->last < seg->first) {
		unlinkat(s->dir_fd, segment_name(s->chain.epoch, seg->first, name), 0);
		s->segs.n--;
	} else if (ftruncate(s->fd, (off_t)seg->bytes)) {
		/* the next segment's name says that the rest does not count */
	}
	close(s->fd);
	s->fd = -1;
}

static int pwrite_all(int fd, const char *data, size_t len, uint64_t at)
{
	while (len) {
		ssize_t n = pwrite(fd, data, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n ? errno : ENOSPC;
			return -1;
		}
		data += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

int segment_write(
        struct spool *s, const char *line, size_t len, const struct line *l, bool sync, struct fault *f)
{
	struct segment *seg = s->segs.n ? &s->segs.row[s->segs.n - 1] : NULL;
	bool fresh = s->fd < 0 || !seg || (seg->bytes && seg->bytes + len > s->segment_bytes);
	char name[SEGMENT_NAME_ROOM];
	int rc = KE_OK;

	if (fresh && s->fd >= 0 && !sync && fdatasync(s->fd)) {
		rc = io_fault(f, "segment", "sync");
		segment_give_up(s);
		return rc;
	}
	if (fresh && (rc = segment_begin(s, l->seq, f))) {
		s->failures++;
		return rc;
	}
	seg = &s->segs.row[s->segs.n - 1];
	segment_name(s->chain.epoch, seg->first, name);
	if (pwrite_all(s->fd, line, len, seg->bytes))
		rc = io_fault(f, name, "write");
	else if (sync && fdatasync(s->fd))
		rc = io_fault(f, name, "sync");
	else if (sync && (fresh || s->dir_dirty) && fsync(s->dir_fd))
		rc = io_fault(f, "spool", "sync the directory");
	if (rc) {
		segment_give_up(s);
		return rc;
	}
	s->dir_dirty &= !sync;
	seg->last = l->seq;
	seg->bytes += len;
	seg->newest = l->time > seg->newest ? l->time : seg->newest;
	seg->keep |= l->kind == RECORD_DRIFT || l->kind == RECORD_APPLY || l->kind == RECORD_REFUSAL ||
	             l->kind == RECORD_OVERRIDE;
	s->bytes += len;
	return KE_OK;
}

int segment_drop_first(struct spool *s, struct fault *f)
{
	char name[SEGMENT_NAME_ROOM];

	segment_name(s->chain.epoch, s->segs.row[0].first, name);
	if (unlinkat(s->dir_fd, name, 0) && errno != ENOENT)
		return io_fault(f, name, "remove");
	if (s->segs.n == 1 && s->fd >= 0) {
		close(s->fd);
		s->fd = -1;
	}
	s->bytes -= s->segs.row[0].bytes;
	memmove(s->segs.row, s->segs.row + 1, (s->segs.n - 1) * sizeof *s->segs.row);
	s->segs.n--;
	return KE_OK;
}
