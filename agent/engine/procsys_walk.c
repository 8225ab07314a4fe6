/* procsys_walk.c — which keys match a pattern.
 *
 * Walks only the directories that the pattern names, one sorted listing each. Entries that cannot be a segment of a name
 * (an interface may be called "*", or hold bytes above 0x7e) are passed over: no setting could name them.
 */
#include "agent/engine/procsys_in.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WALK_MAX_MATCHES 65536
#define LIST_MAX_BYTES   (8U << 20)

struct entry {
	const char *name;
	bool dir;
};

struct listing {
	struct entry *entries;
	size_t n;
	char *text; /* the names */
};

struct walk {
	struct procsys *ps;
	const struct name *pattern;
	bool coupled;
	int (*each)(void *ctx, const struct name *n);
	void *ctx;
	size_t matches;
	struct name at; /* the way so far */
};

static bool segment_ok(const char *s)
{
	if (s[0] == '.' && (s[1] == '\0' || (s[1] == '.' && s[2] == '\0')))
		return false;
	if (s[0] == '*' && (s[1] == '\0' || (s[1] == '*' && s[2] == '\0')))
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s > 0x7e)
			return false;
	return true;
}

static int entry_cmp(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static void listing_free(struct listing *l)
{
	free(l->entries);
	free(l->text);
}

/* All dirents of FD, one behind the other. */
static int dents_read(int fd, char **ret, size_t *ret_len)
{
	size_t len = 0, room = 32768;
	char *data = malloc(room);

	while (data) {
		ssize_t n = getdents64(fd, data + len, room - len);
		if (n < 0 && errno != EINVAL) {
			free(data);
			return KE_SYSTEM;
		}
		if (n == 0)
			break;
		if (n > 0)
			len += (size_t)n;
		if (room - len < 512 || n < 0) {
			char *more = room > LIST_MAX_BYTES ? NULL : realloc(data, room * 2);
			if (!more)
				free(data);
			data = more;
			room *= 2;
		}
	}
	if (!data)
		return KE_NOMEM;
	*ret = data;
	*ret_len = len;
	return KE_OK;
}

static int listing_make(char *text, size_t len, struct listing *ret)
{
	struct listing l = { .text = text };
	size_t room = 0;

	for (size_t at = 0; at < len;) {
		const struct dirent64 *d = (const void *)(text + at);
		at += d->d_reclen;
		if (!segment_ok(d->d_name))
			continue;
		if (l.n == room) {
			room = room ? room * 2 : 64;
			struct entry *more = realloc(l.entries, room * sizeof *more);
			if (!more) {
				listing_free(&l);
				return KE_NOMEM;
			}
			l.entries = more;
		}
		l.entries[l.n++] = (struct entry){ .name = d->d_name, .dir = d->d_type == DT_DIR };
	}
	if (l.n)
		qsort(l.entries, l.n, sizeof *l.entries, entry_cmp);
	*ret = l;
	return KE_OK;
}

/* The sorted entries of PATH; none when it is not there. */
static int dir_list(struct procsys *ps, const char *path, struct listing *ret)
{
	char *text = NULL;
	size_t len = 0;
	int fd = procsys_openat(ps, *path ? path : ".", O_RDONLY | O_DIRECTORY);

	*ret = (struct listing){ 0 };
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? KE_OK : KE_SYSTEM;
	int rc = dents_read(fd, &text, &len);
	close(fd);
	return rc ? rc : listing_make(text, len, ret);
}

static bool seg_is(const char *seg, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(seg, word, len) == 0;
}

/* conf/all and conf/default are no interfaces: a "*" that meant them too would set every future one as well. */
static bool skipped(const struct walk *w, unsigned i, const char *entry)
{
	const char *up;
	size_t len;

	if (w->coupled || i == 0 || !name_segment(w->pattern, i - 1, &up, &len))
		return false;
	if (!seg_is(up, len, "conf") && !seg_is(up, len, "neigh"))
		return false;
	return strcmp(entry, "all") == 0 || strcmp(entry, "default") == 0;
}

/* Append SEG to the way; false when it gets too long. The old length is the way back. */
static bool way_push(struct walk *w, const char *seg, size_t len)
{
	size_t n = strlen(w->at.path);

	if (n + 1 + len > NAME_MAX_LEN)
		return false;
	if (n)
		w->at.path[n++] = '/';
	memcpy(w->at.path + n, seg, len);
	w->at.path[n + len] = '\0';
	return true;
}

static int found(struct walk *w)
{
	if (++w->matches > WALK_MAX_MATCHES)
		return KE_TOOBIG;
	return w->each(w->ctx, &w->at);
}

static int walk_from(struct walk *w, unsigned i, unsigned depth);

/* Every entry of the directory at the way, for "*" and for "**". */
static int walk_list(struct walk *w, unsigned i, unsigned depth, bool deep)
{
	struct listing l;
	size_t back = strlen(w->at.path);
	bool last = i + 1 == name_segments(w->pattern);
	int rc = dir_list(w->ps, w->at.path, &l);

	for (size_t e = 0; !rc && e < l.n; e++) {
		const struct entry *en = &l.entries[e];
		if (skipped(w, i, en->name) || !way_push(w, en->name, strlen(en->name)))
			continue;
		if (deep && en->dir)
			rc = depth < NAME_MAX_SEGMENTS ? walk_list(w, i, depth + 1, true) : KE_OK;
		else if (en->dir)
			rc = last ? KE_OK : walk_from(w, i + 1, depth + 1);
		else if (last)
			rc = found(w);
		w->at.path[back] = '\0';
	}
	listing_free(&l);
	return rc;
}

static int walk_from(struct walk *w, unsigned i, unsigned depth)
{
	const char *seg;
	size_t len, back = strlen(w->at.path);
	int rc = KE_OK;

	if (!name_segment(w->pattern, i, &seg, &len))
		return KE_OK;
	if (seg_is(seg, len, "*"))
		return walk_list(w, i, depth, false);
	if (seg_is(seg, len, "**"))
		return walk_list(w, i, depth, true);
	if (!way_push(w, seg, len))
		return KE_OK;
	if (i + 1 < name_segments(w->pattern)) {
		rc = walk_from(w, i + 1, depth + 1);
	} else if (!procsys_has_dir(w->ps, &w->at, name_segments(&w->at))) {
		struct procsys_key k;
		int err = procsys_key_open(w->ps, &w->at, PROCSYS_READ, &k);
		if (!err)
			procsys_key_close(&k);
		/* What may not be opened is a key all the same. */
		if (!err || err == EACCES || err == EPERM)
			rc = found(w);
	}
	w->at.path[back] = '\0';
	return rc;
}

static int walk_run(struct procsys *ps, const struct name *pattern, bool coupled,
        int (*each)(void *ctx, const struct name *n), void *ctx)
{
	struct walk w = { .ps = ps, .pattern = pattern, .coupled = coupled, .each = each, .ctx = ctx };

	return walk_from(&w, 0, 1);
}

int procsys_each(struct procsys *ps, const struct name *pattern, int (*each)(void *ctx, const struct name *n),
        void *ctx)
{
	return walk_run(ps, pattern, false, each, ctx);
}

int procsys_each_coupled(struct procsys *ps, const struct name *pattern,
        int (*each)(void *ctx, const struct name *n), void *ctx)
{
	return walk_run(ps, pattern, true, each, ctx);
}
