/* delegation.c — patterns and the order of the search.
 *
 * The matcher is its own because fnmatch() depends on the locale, and gives '[' and '\' a meaning that other clients do
 * not. The stack holds edges, not roles, since the same role may be delegated by several others with different keys. */
#include "proto/delegation.h"

#include <stdlib.h>
#include <string.h>

#include "proto/codec.h"
#include "proto/utf8.h"

#define PATH_HEX (2 * SHA256_LEN + 1)

static size_t char_len(const char *p)
{
	size_t n = utf8_length((const unsigned char *)p, strlen(p) > 4 ? 4 : strlen(p));

	return n ? n : 1;
}

/* Wildcards never match '/', which is why going back to the last star is enough. */
bool delegation_pattern_matches(const char *pattern, const char *path)
{
	const char *star = NULL, *retry = NULL;

	while (*path) {
		if (*pattern == '*') {
			star = ++pattern;
			retry = path;
		} else if (*pattern == '?' && *path != '/') {
			pattern++;
			path += char_len(path);
		} else if (*pattern && *pattern != '?' && *pattern == *path) {
			/* A segment's end: what a star swallowed before it is settled. */
			if (*path == '/')
				star = NULL;
			pattern++;
			path++;
		} else if (star && *retry != '/') {
			retry += char_len(retry);
			pattern = star;
			path = retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static void path_hex(const char *path, char hex[PATH_HEX])
{
	unsigned char digest[SHA256_LEN];

	sha256(path, strlen(path), digest);
	hex_encode(digest, sizeof digest, hex);
}

/* HEX is the path's hash; it is not looked at when D has patterns. */
static bool edge_matches(const struct tuf_delegation *d, const char *path, const char *hex)
{
	for (size_t i = 0; i < d->n; i++) {
		if (d->by_hash ? strncmp(hex, d->patterns[i], strlen(d->patterns[i])) == 0
		               : delegation_pattern_matches(d->patterns[i], path))
			return true;
	}
	return false;
}

bool delegation_matches(const struct tuf_delegation *d, const char *path)
{
	char hex[PATH_HEX];

	if (d->by_hash)
		path_hex(path, hex);
	return edge_matches(d, path, hex);
}

struct walk {
	char *path;
	char hex[PATH_HEX]; /* of the path's hash: a role may have hundreds of delegations by hash */
	const char *visited[TUF_DELEGATIONS];
	size_t n_visited;
	struct walk_step *stack; /* the next one is on top */
	size_t n, room;
};

int walk_new(const char *path, const struct tuf_targets *top, struct walk **ret)
{
	struct walk *w = calloc(1, sizeof *w);
	int rc = KE_NOMEM;

	if (!w)
		return KE_NOMEM;
	w->path = strdup(path);
	if (w->path) {
		path_hex(path, w->hex);
		rc = walk_expand(w, top);
	}
	if (rc) {
		walk_free(w);
		return rc;
	}
	*ret = w;
	return KE_OK;
}

static bool seen(const struct walk *w, const char *name)
{
	for (size_t i = 0; i < w->n_visited; i++)
		if (strcmp(w->visited[i], name) == 0)
			return true;
	return false;
}

int walk_next(struct walk *w, struct walk_step *ret)
{
	while (w->n) {
		struct walk_step step = w->stack[w->n - 1];
		if (!seen(w, step.edge->name)) {
			if (w->n_visited == TUF_DELEGATIONS)
				return KE_TOOBIG;
			w->visited[w->n_visited++] = step.edge->name;
			w->n--;
			*ret = step;
			return KE_OK;
		}
		w->n--;
	}
	return KE_NOENT;
}

static int walk_push(struct walk *w, struct walk_step step)
{
	if (w->n == w->room) {
		size_t room = w->room ? w->room * 2 : 16;
		struct walk_step *more = realloc(w->stack, room * sizeof *more);
		if (!more)
			return KE_NOMEM;
		w->stack = more;
		w->room = room;
	}
	w->stack[w->n++] = step;
	return KE_OK;
}

int walk_expand(struct walk *w, const struct tuf_targets *targets)
{
	size_t last = targets->n_delegations, i;

	for (i = 0; i < targets->n_delegations; i++) {
		const struct tuf_delegation *d = &targets->delegations[i];
		if (d->terminating && edge_matches(d, w->path, w->hex)) {
			w->n = 0;
			last = i + 1;
			break;
		}
	}
	/* Backwards, so that the first one comes off the stack first. */
	for (i = last; i > 0; i--) {
		const struct tuf_delegation *d = &targets->delegations[i - 1];
		if (edge_matches(d, w->path, w->hex)) {
			int rc = walk_push(w, (struct walk_step){ targets, d });
			if (rc)
				return rc;
		}
	}
	return KE_OK;
}

void walk_free(struct walk *w)
{
	if (!w)
		return;
	free(w->path);
	free(w->stack);
	free(w);
}
