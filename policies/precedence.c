/* precedence.c — collects the lines that speak of one key, then lets each program's rules judge them. Lines that are no setting are
 * passed over, as both programs do. What is measured against the programs themselves: tests/system/181-precedence. Called by
 * `kedge-agent explain`. */
#include "policies/precedence.h"

#include <fnmatch.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GLOB_CHARACTERS "*?["

static const char *const effect_names[] = {
	[PRECEDENCE_WINS] = "wins",
	[PRECEDENCE_OVERRIDDEN] = "overridden",
	[PRECEDENCE_EXCLUDES] = "excludes",
	[PRECEDENCE_EXCLUDED] = "excluded",
};

const char *precedence_effect_name(enum precedence_effect e)
{
	return effect_names[e];
}

struct span {
	const char *at;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static struct span trim(struct span s)
{
	while (s.len && is_blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len && is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

/* The path form of what is WRITTEN, in place: where the first separator is a dot, dots and slashes change places. */
static void path_form(char *written)
{
	char *at = strpbrk(written, "/.");

	for (bool swap = at && *at == '.'; swap && at; at = strpbrk(at + 1, "/."))
		*at = *at == '.' ? '/' : '.';
	if (written[0] == '/')
		memmove(written, written + 1, strlen(written));
}

/* Does PATTERN (path form) mean KEY? */
static bool means(const char *pattern, const struct name *key)
{
	return fnmatch(pattern, key->path, FNM_PATHNAME | FNM_PERIOD) == 0;
}

static int row_add(
        struct precedence *p, struct precedence_row row, struct span written, const struct span *value)
{
	struct precedence_row *more = realloc(p->rows, (p->n + 1) * sizeof *more);

	if (!more)
		return KE_NOMEM;
	p->rows = more;
	row.written = strndup(written.at, written.len);
	row.value = value ? strndup(value->at, value->len) : NULL;
	p->rows[p->n++] = row;
	return row.written && (row.value || !value) ? KE_OK : KE_NOMEM;
}

/* One line, if it speaks of KEY. */
static int line_take(struct precedence *p, enum precedence_program program, const struct name *key,
        size_t file, unsigned number, struct span line)
{
	struct precedence_row row = { .file = file, .line = number };
	struct span written, value;
	char path[4096];

	line = trim(line);
	if (!line.len || line.at[0] == '#' || line.at[0] == ';')
		return KE_OK;
	const char *equals = memchr(line.at, '=', line.len);
	bool dash = line.at[0] == '-';
	if ((!equals && !dash) ||
	        (dash && program == PRECEDENCE_PROCPS && line.len > 1 && is_blank(line.at[1])))
		return KE_OK;
	size_t end = equals ? (size_t)(equals - line.at) : line.len;
	if (end < (size_t)dash)
		return KE_OK;
	written = (struct span){ line.at + dash, end - dash };
	written = trim(written);
	if (!written.len || written.len >= sizeof path || memchr(written.at, '\0', written.len))
		return KE_OK;
	memcpy(path, written.at, written.len);
	path[written.len] = '\0';
	path_form(path);
	row.exact = strcmp(path, key->path) == 0;
	if (!row.exact && (!strpbrk(path, GLOB_CHARACTERS) || !means(path, key)))
		return KE_OK;
	if (equals)
		value = trim((struct span){ equals + 1, line.len - (size_t)(equals + 1 - line.at) });
	return row_add(p, row, written, equals ? &value : NULL);
}

static int file_take(struct precedence *p, enum precedence_program program, const struct name *key, size_t at,
        const struct precedence_file *file)
{
	unsigned number = 0;
	int rc = KE_OK;

	for (size_t from = 0; !rc && from < file->len;) {
		const char *nl = memchr(file->text + from, '\n', file->len - from);
		size_t end = nl ? (size_t)(nl - file->text) : file->len;
		rc = line_take(p, program, key, at, ++number, (struct span){ file->text + from, end - from });
		from = end + 1;
	}
	return rc;
}

/* Do the two stand for the same pattern? */
static bool same_text(const struct precedence_row *a, const struct precedence_row *b)
{
	char x[4096], y[4096];

	if (strlen(a->written) >= sizeof x || strlen(b->written) >= sizeof y)
		return false;
	memcpy(x, a->written, strlen(a->written) + 1);
	memcpy(y, b->written, strlen(b->written) + 1);
	path_form(x);
	path_form(y);
	return strcmp(x, y) == 0;
}

static bool same_value(const struct precedence_row *a, const struct precedence_row *b)
{
	return a->value && b->value ? strcmp(a->value, b->value) == 0 : a->value == b->value;
}

/* systemd-sysctl: a table by text. A later line with another value goes to the table's end; one with the same changes
 * nothing. PLACE[i] is row i's place in the table, 0: not in it. */
static void systemd_places(const struct precedence *p, size_t *place)
{
	for (size_t i = 0; i < p->n; i++) {
		place[i] = i + 1;
		for (size_t k = 0; k < i; k++) {
			if (!place[k] || !same_text(&p->rows[k], &p->rows[i]))
				continue;
			if (same_value(&p->rows[k], &p->rows[i]))
				place[i] = place[k];
			place[k] = 0;
		}
	}
}

static void systemd_judge(struct precedence *p, size_t *place)
{
	size_t winner = SIZE_MAX, excludes = SIZE_MAX, best = 0;
	bool named = false;

	systemd_places(p, place);
	for (size_t i = 0; i < p->n; i++)
		if (place[i] && p->rows[i].exact) {
			named = true;
			*(p->rows[i].value ? &winner : &excludes) = i;
		}
	for (size_t i = 0; !named && i < p->n; i++)
		if (p->rows[i].value && place[i] > best) {
			winner = i;
			best = place[i];
		}
	for (size_t i = 0; i < p->n; i++)
		p->rows[i].effect = i == winner                                ? PRECEDENCE_WINS
		                    : i == excludes                            ? PRECEDENCE_EXCLUDES
		                    : excludes != SIZE_MAX && p->rows[i].value ? PRECEDENCE_EXCLUDED
		                                                               : PRECEDENCE_OVERRIDDEN;
}

/* procps: a list, written from its first to its last. */
static void procps_judge(struct precedence *p)
{
	size_t winner = SIZE_MAX;
	bool named = false, excluded = false;

	for (size_t i = 0; i < p->n; i++) {
		named = named || (p->rows[i].exact && p->rows[i].value);
		excluded = excluded || (p->rows[i].exact && !p->rows[i].value);
	}
	for (size_t i = 0; i < p->n; i++)
		if (p->rows[i].value && (p->rows[i].exact || (!named && !excluded)))
			winner = i;
	for (size_t i = 0; i < p->n; i++) {
		struct precedence_row *r = &p->rows[i];
		r->effect = i == winner                       ? PRECEDENCE_WINS
		            : r->exact && !r->value           ? PRECEDENCE_EXCLUDES
		            : excluded && !r->exact && !named ? PRECEDENCE_EXCLUDED
		                                              : PRECEDENCE_OVERRIDDEN;
	}
}

int precedence_judge(enum precedence_program program, const struct precedence_file *files, size_t n,
        const struct name *key, struct precedence *ret)
{
	int rc = KE_OK;

	*ret = (struct precedence){ 0 };
	for (size_t i = 0; !rc && i < n; i++)
		rc = file_take(ret, program, key, i, &files[i]);
	if (rc)
		return rc;
	if (program == PRECEDENCE_PROCPS) {
		procps_judge(ret);
		return KE_OK;
	}
	size_t *place = calloc(ret->n ? ret->n : 1, sizeof *place);
	if (!place)
		return KE_NOMEM;
	systemd_judge(ret, place);
	free(place);
	return KE_OK;
}

void precedence_clear(struct precedence *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->rows[i].written);
		free(p->rows[i].value);
	}
	free(p->rows);
	*p = (struct precedence){ 0 };
}

const struct precedence_row *precedence_winner(const struct precedence *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->rows[i].effect == PRECEDENCE_WINS)
			return &p->rows[i];
	return NULL;
}
