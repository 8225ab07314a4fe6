/* procsys.c — opening, reading and writing keys below one pinned directory.
 *
 * The descriptor of /proc/sys is taken once and checked to be what it claims; every key is opened from it with
 * RESOLVE_BENEATH, NO_SYMLINKS, NO_MAGICLINKS and NO_XDEV, so neither a link nor a mount placed over a key later can
 * divert a write. Names are lexically clean already (struct name); RESOLVE_BENEATH alone would still follow
 * net/../kernel. Never O_TRUNC: procfs does not need it and Landlock refuses it. Called by observe, apply, restore.
 */
#include "agent/engine/procsys_in.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The kernel clears a buffer of the size that is asked for at every read, so the small size is tried first. */
#define READ_SMALL 1024
#define READ_MAX   (128U << 10)
/* proc_do_large_bitmap() looks at one page less one byte. */
#define WRITE_PIECE 4095

static int root_fault(struct fault *f, const char *root, const char *what)
{
	return fault_set(f, KE_UNSUPPORTED, root, "run where the kernel's own /proc/sys is mounted",
	        "is not the kernel's sysctl directory: %s", what);
}

/* /proc/sys must be a procfs, on the same one as the directory above it, and the sysctl top, not another directory of a
 * procfs that somebody bound over it. */
static int root_check(struct procsys *ps, const char *root, struct fault *f)
{
	struct statfs fs;
	struct stat st, up;

	if (fstatfs(ps->fd, &fs) || fs.f_type != PROC_SUPER_MAGIC)
		return root_fault(f, root, "not on procfs");
	if (fstat(ps->fd, &st) || fstatat(ps->fd, "..", &up, 0) || st.st_dev != up.st_dev)
		return root_fault(f, root, "another procfs is mounted over it");
	if (fstatat(ps->fd, "kernel/ostype", &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
		return root_fault(f, root, "it has no kernel/ostype");
	return KE_OK;
}

int procsys_open(const char *root, enum procsys_kind kind, struct procsys **ret, struct fault *f)
{
	struct procsys *ps = calloc(1, sizeof *ps);
	struct stat st;

	if (!ps)
		return fault_set(f, KE_NOMEM, root, NULL, "%s", "");
	ps->kind = kind;
	ps->fd = open(root, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (ps->fd < 0 || fstat(ps->fd, &st)) {
		int err = errno;
		procsys_close(ps);
		return fault_set(f, err_from_errno(err), root, NULL, "cannot open: %s", strerror(err));
	}
	ps->dev = st.st_dev;
	int rc = kind == PROCSYS_KERNEL ? root_check(ps, root, f) : KE_OK;
	if (rc) {
		procsys_close(ps);
		return rc;
	}
	*ret = ps;
	return KE_OK;
}

void procsys_close(struct procsys *ps)
{
	if (!ps)
		return;
	if (ps->fd >= 0)
		close(ps->fd);
	free(ps->scratch);
	free(ps);
}

/* Kernels before 5.6 and filters without openat2: one openat a segment, no link followed, no other device entered. */
static int open_by_segment(struct procsys *ps, const char *path, int flags)
{
	char seg[NAME_MAX_LEN + 1];
	int dir = ps->fd;

	for (;;) {
		size_t len = strcspn(path, "/");
		bool last = path[len] == '\0';
		struct stat st;
		memcpy(seg, path, len);
		seg[len] = '\0';
		int fd = openat(dir, seg, (last ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC);
		int err = errno;
		if (dir != ps->fd)
			close(dir);
		if (fd < 0) {
			errno = err;
			return -1;
		}
		if (fstat(fd, &st) || st.st_dev != ps->dev) {
			close(fd);
			errno = EXDEV;
			return -1;
		}
		if (last)
			return fd;
		dir = fd;
		path += len + 1;
	}
}

int procsys_openat(struct procsys *ps, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV };

	if (!ps->no_openat2) {
		long fd = syscall(SYS_openat2, ps->fd, path, &how, sizeof how);
		if (fd >= 0 || errno != ENOSYS)
			return (int)fd;
		ps->no_openat2 = true;
	}
	return open_by_segment(ps, path, flags);
}

int procsys_key_open(
        struct procsys *ps, const struct name *n, enum procsys_access access, struct procsys_key *ret)
{
	int fd = procsys_openat(ps, n->path, access == PROCSYS_WRITE ? O_RDWR : O_RDONLY);

	if (fd < 0)
		return errno > 0 ? errno : EIO; /* never 0: RET is untouched */
	if (ps->kind == PROCSYS_DIRECTORY) {
		/* In procfs root is bound by the mode bits; a plain directory has to be read that way. */
		struct stat st;
		mode_t need = access == PROCSYS_WRITE ? S_IWUSR : S_IRUSR;
		int err = fstat(fd, &st)         ? errno
		          : S_ISDIR(st.st_mode)  ? EISDIR
		          : !S_ISREG(st.st_mode) ? ENXIO
		          : !(st.st_mode & need) ? EACCES
		                                 : 0;
		if (err) {
			close(fd);
			return err;
		}
	}
	*ret = (struct procsys_key){ .ps = ps, .fd = fd };
	return 0;
}

void procsys_key_close(struct procsys_key *k)
{
	close(k->fd);
	k->fd = -1;
}

int procsys_key_read(struct procsys_key *k, const char **ret, size_t *ret_len)
{
	struct procsys *ps = k->ps;
	ssize_t n;

	/* At offset 0 each time: procfs prints the value anew, and a second read from behind it would give nothing. */
	for (size_t want = READ_SMALL;; want = READ_MAX) {
		if (ps->scratch_room < want + 1) {
			char *more = realloc(ps->scratch, want + 1);
			if (!more)
				return ENOMEM;
			ps->scratch = more;
			ps->scratch_room = want + 1;
		}
		n = pread(k->fd, ps->scratch, want, 0);
		if (n < 0)
			return errno;
		if ((size_t)n < want)
			break;
		if (want == READ_MAX)
			return EFBIG;
	}
	if (n > 0 && ps->scratch[n - 1] == '\n')
		n--;
	ps->scratch[n] = '\0';
	*ret = ps->scratch;
	*ret_len = (size_t)n;
	return 0;
}

static int piece_write(struct procsys_key *k, const char *text, size_t len, off_t at)
{
	ssize_t n = pwrite(k->fd, text, len, at);

	if (n < 0)
		return errno;
	return (size_t)n == len ? 0 : EMSGSIZE;
}

int procsys_key_write(struct procsys_key *k, const char *text, size_t len)
{
	char piece[WRITE_PIECE];
	size_t at = 0;

	/* Pieces keep their comma: an offset that is not 0 makes the kernel add to the list instead of replacing it. */
	while (len - at >= WRITE_PIECE) {
		size_t n = WRITE_PIECE;
		while (n && text[at + n - 1] != ',')
			n--;
		if (!n)
			return E2BIG;
		int err = piece_write(k, text + at, n, (off_t)at);
		if (err)
			return err;
		at += n;
	}
	memcpy(piece, text + at, len - at);
	piece[len - at] = '\n';
	int err = piece_write(k, piece, len - at + 1, (off_t)at);
	if (!err && k->ps->kind == PROCSYS_DIRECTORY && ftruncate(k->fd, (off_t)len + 1))
		err = errno; /* a plain file keeps the tail of a longer old value; procfs has none */
	return err;
}

int procsys_read(struct procsys *ps, const struct name *n, const char **ret, size_t *ret_len)
{
	struct procsys_key k;
	int err = procsys_key_open(ps, n, PROCSYS_READ, &k);

	if (err)
		return err;
	err = procsys_key_read(&k, ret, ret_len);
	procsys_key_close(&k);
	return err;
}

int procsys_writable(struct procsys *ps, const struct name *n)
{
	struct procsys_key k;
	int err = procsys_key_open(ps, n, PROCSYS_WRITE, &k);

	if (!err)
		procsys_key_close(&k);
	return err;
}

bool procsys_has_dir(struct procsys *ps, const struct name *n, unsigned segments)
{
	char path[NAME_MAX_LEN + 1];
	const char *seg;
	size_t len;

	if (!segments || !name_segment(n, segments - 1, &seg, &len))
		return false;
	size_t total = (size_t)(seg - n->path) + len;
	memcpy(path, n->path, total);
	path[total] = '\0';
	int fd = procsys_openat(ps, path, O_PATH | O_DIRECTORY);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}
