/* ceiling.c — rows of patterns, allowed minus excluded, and the never-list on top.
 *
 * A text with one bad line is refused whole: to skip it could open what its author meant to close. Checked when planning
 * and again right before each write and each restore.
 */
#include "agent/engine/ceiling.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policies/knowledge.h"
#include "proto/fileio.h"

struct row {
	struct name pattern;
	bool exclude;
};

struct ceiling {
	struct row *rows;
	size_t n;
};

static const char default_text[] = "net.**\n";

static int row_append(struct ceiling *c, const struct row *r)
{
	if (c->n == CEILING_MAX_ROWS)
		return KE_TOOBIG;
	struct row *more = realloc(c->rows, (c->n + 1) * sizeof *more);
	if (!more)
		return KE_NOMEM;
	c->rows = more;
	c->rows[c->n++] = *r;
	return KE_OK;
}

static bool blank(char ch)
{
	return ch == ' ' || ch == '\t' || ch == '\r';
}

static int line_parse(struct ceiling *c, const char *at, const char *end, struct fault *f)
{
	struct row r = { .exclude = false };

	const char *hash = memchr(at, '#', (size_t)(end - at));
	if (hash)
		end = hash;
	while (at < end && blank(*at))
		at++;
	while (end > at && blank(end[-1]))
		end--;
	if (at == end)
		return KE_OK;
	if (*at == '!') {
		r.exclude = true;
		for (at++; at < end && blank(*at); at++)
			;
	}
	int rc = name_parse(at, (size_t)(end - at), &r.pattern, f);
	if (rc)
		return rc;
	rc = row_append(c, &r);
	return rc ? fault_set(f, rc, NULL, NULL, "%s (%d patterns)", err_text(rc), CEILING_MAX_ROWS) : KE_OK;
}

int ceiling_parse(const char *text, size_t len, struct ceiling **ret, struct fault *f)
{
	const char *at = text, *end = text + len;
	unsigned line = 1;

	if (len > CEILING_MAX_LEN)
		return fault_set(f, KE_TOOBIG, NULL, NULL, "larger than %d bytes", CEILING_MAX_LEN);
	if (len && memchr(text, '\0', len))
		return fault_set(f, KE_SYNTAX, NULL, "write it as plain text", "holds a NUL byte");
	struct ceiling *c = calloc(1, sizeof *c);
	if (!c)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	for (; at < end; line++) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		int rc = line_parse(c, at, nl ? nl : end, f);
		if (rc) {
			fault_at(f, "line %u", line);
			ceiling_free(c);
			return rc;
		}
		at = nl ? nl + 1 : end;
	}
	*ret = c;
	return KE_OK;
}

void ceiling_free(struct ceiling *c)
{
	if (!c)
		return;
	free(c->rows);
	free(c);
}

/* Whoever can write the ceiling can do what it was made to prevent. */
static int owner_check(int fd, const char *path, struct fault *f)
{
	struct stat st;

	if (fstat(fd, &st))
		return fault_set(f, err_from_errno(errno), path, NULL, "cannot stat: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fault_set(f, KE_ACCES, path, "make it a regular file", "is not a regular file");
	if (st.st_uid != 0)
		return fault_set(f, KE_ACCES, path, "chown root it", "belongs to uid %u, not to root",
		        (unsigned)st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return fault_set(f, KE_ACCES, path, "chmod go-w it", "can be written by others than root");
	return KE_OK;
}

int ceiling_read(const char *path, struct ceiling **ret, struct fault *f)
{
	char *text = NULL;
	size_t len = 0;
	/* O_NONBLOCK: a fifo put in its place must not hang the agent. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT)
		return ceiling_parse(default_text, sizeof default_text - 1, ret, f);
	if (fd < 0)
		return fault_set(f, err_from_errno(errno), path, NULL, "cannot open: %s", strerror(errno));
	int rc = owner_check(fd, path, f);
	if (!rc && (rc = file_read_fd(fd, CEILING_MAX_LEN, &text, &len, f)))
		fault_at(f, "%s", path);
	close(fd);
	if (rc)
		return rc;
	rc = ceiling_parse(text, len, ret, f);
	if (rc)
		fault_at(f, "%s", path);
	file_free(text);
	return rc;
}

static bool default_allows(const struct name *n)
{
	return strncmp(n->path, "net/", 4) == 0;
}

enum ceiling_verdict ceiling_check(const struct ceiling *c, const struct name *n)
{
	bool allowed = !c && default_allows(n);

	if (knowledge_never(n))
		return CEILING_NEVER;
	for (size_t i = 0; c && i < c->n; i++) {
		if (!name_match(&c->rows[i].pattern, n))
			continue;
		if (c->rows[i].exclude)
			return CEILING_OUTSIDE;
		allowed = true;
	}
	return allowed ? CEILING_ALLOWED : CEILING_OUTSIDE;
}
