/* sysctl_conf.c — imports sysctl.conf(5) and sysctl.d(5) text, accounting for every line.
 *
 * sysctl(8) takes "1200 # note" as the value, skips lines it does not understand, and lets the last of two lines win
 * without a word. Here each of these is an issue with its line number and what to do; nothing is guessed silently.
 * Refused as a whole are only texts beyond the limits. Called by `import`, `lint`, and `apply` of a .conf file.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policies/sysctl_conf_in.h"
#include "proto/buf.h"
#include "proto/utf8.h"

#define REMARK_MAX 4000
#define BOM        "\xef\xbb\xbf"

struct span {
	const char *at;
	size_t len;
};

/* What conf_parse() carries from line to line. */
struct reading {
	struct conf *conf;
	unsigned line;
	struct buf above; /* comment lines directly above */
	bool cr_told;
	int rc;
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

static struct span skip(struct span s, size_t n)
{
	return trim((struct span){ s.at + n, s.len - n });
}

#define FIRST_ROOM 32

/* Make room for one more after N items of SIZE bytes; doubles at powers of two. */
static int grow(void **items, size_t n, size_t size)
{
	if (n && (n < FIRST_ROOM || (n & (n - 1))))
		return 0;
	void *more = realloc(*items, (n ? 2 * n : FIRST_ROOM) * size);
	if (!more)
		return KE_NOMEM;
	*items = more;
	return 0;
}

int conf_issue_add(struct conf *c, unsigned line, enum conf_severity severity, int code, const char *key,
        const char *todo, const char *fmt, ...)
{
	struct conf_issue issue = { .line = line, .severity = severity, .code = code };
	struct buf text = BUF_INIT(1024);
	va_list ap;
	va_start(ap, fmt);
	buf_vfmt(&text, fmt, ap);
	va_end(ap);
	int rc = buf_take(&text, &issue.text, NULL);
	if (rc == 0 && ((key && !(issue.key = strdup(key))) || (todo && !(issue.todo = strdup(todo))) ||
	                       grow((void **)&c->issues, c->n_issues, sizeof issue)))
		rc = KE_NOMEM;
	if (rc) {
		free(issue.text);
		free(issue.key);
		free(issue.todo);
		return rc;
	}
	c->issues[c->n_issues++] = issue;
	return 0;
}

/* The text with invalid bytes and NULs as U+FFFD, so that everything behind can print and search it. */
static int text_clean(const char *text, size_t len, char **ret, size_t *ret_len, bool *ret_dirty)
{
	struct buf out = BUF_INIT(3 * (size_t)CONF_MAX_BYTES + 1);
	bool dirty = false;
	for (size_t i = 0; i < len;) {
		size_t n = text[i] ? utf8_length((const unsigned char *)text + i, len - i) : 0;
		if (n)
			buf_bytes(&out, text + i, n);
		else
			buf_str(&out, "\xef\xbf\xbd");
		dirty = dirty || n == 0;
		i += n ? n : 1;
	}
	*ret_dirty = dirty;
	return buf_take(&out, ret, ret_len);
}

/* At most MAX bytes of S, cut between characters. */
static size_t cut(struct span s, size_t max)
{
	if (s.len <= max)
		return s.len;
	while (max && ((unsigned char)s.at[max] & 0xc0) == 0x80)
		max--;
	return max;
}

static struct span comment_text(struct span s)
{
	while (s.len && (s.at[0] == '#' || s.at[0] == ';'))
		s = skip(s, 1);
	return s;
}

static void comment_keep(struct reading *r, struct span line)
{
	struct span text = comment_text(line);
	if (r->above.len + text.len + 1 > REMARK_MAX || !text.len)
		return;
	if (r->above.len)
		buf_char(&r->above, '\n');
	buf_bytes(&r->above, text.at, text.len);
}

/* Where a comment begins behind a value: at a '#' after a blank, or at any '#' when the key does not hold text.
 * A ';' counts only after a blank. */
static size_t comment_find(struct span value, bool text)
{
	for (size_t i = 0; i < value.len; i++) {
		bool after_blank = i == 0 || is_blank(value.at[i - 1]);
		if ((value.at[i] == '#' && (after_blank || !text)) ||
		        (value.at[i] == ';' && i && after_blank))
			return i;
	}
	return value.len;
}

static int remark_take(struct reading *r, struct span behind, char **ret)
{
	struct span text = comment_text(behind);
	size_t n = cut(text, REMARK_MAX - (r->above.len < REMARK_MAX ? r->above.len : REMARK_MAX));
	*ret = NULL;
	if (n && r->above.len)
		buf_char(&r->above, '\n');
	buf_bytes(&r->above, text.at, n);
	return r->above.len || r->above.rc ? buf_take(&r->above, ret, NULL) : 0;
}

static int duplicate_note(struct conf *c, const struct conf_line *now, const char *key)
{
	char todo[64];
	for (size_t i = 0; i < c->n_lines; i++) {
		const struct conf_line *first = &c->lines[i];
		if (name_cmp(&first->name, &now->name) != 0)
			continue;
		bool same = strcmp(first->value, now->value) == 0;
		snprintf(todo, sizeof todo, "delete line %u", first->line);
		return conf_issue_add(c, now->line, same ? CONF_NOTE : CONF_WARNING, KE_DUPLICATE, key, todo,
		        same ? "set to the same value in line %u already"
		             : "set in line %u already; the later line wins",
		        first->line);
	}
	return 0;
}

static int line_add(struct reading *r, struct conf_line *l)
{
	struct conf *c = r->conf;
	char key[NAME_MAX_LEN + 1];
	if (c->n_lines == CONF_MAX_LINES)
		return KE_TOOBIG;
	int rc = duplicate_note(c, l, name_dotted(&l->name, key, sizeof key));
	if (rc == 0)
		rc = grow((void **)&c->lines, c->n_lines, sizeof *l);
	if (rc == 0)
		c->lines[c->n_lines++] = *l;
	return rc;
}

/* "KEY = VALUE # remark" with KEY parsed already. */
static int assignment_read(struct reading *r, const struct name *name, struct span value, bool optional)
{
	char key[NAME_MAX_LEN + 1];
	struct conf_line l = { .line = r->line, .name = *name, .optional = optional };
	int rc = 0;
	size_t at = comment_find(value, knowledge_shape(name)->type == VALUE_TEXT);
	struct span behind = { value.at + at, value.len - at };
	value = trim((struct span){ value.at, at });
	if (behind.len)
		rc = conf_issue_add(r->conf, r->line, CONF_WARNING, KE_SYNTAX,
		        name_dotted(name, key, sizeof key), "put the comment on a line of its own",
		        "a comment behind the value: sysctl -p writes it to the kernel as part of the value");
	if (rc == 0)
		rc = remark_take(r, behind, &l.remark);
	if (rc == 0 && !(l.value = strndup(value.at, value.len)))
		rc = KE_NOMEM;
	if (rc == 0)
		rc = line_add(r, &l);
	if (rc) {
		free(l.value);
		free(l.remark);
	}
	return rc;
}

/* A name that name_parse() refuses: say what it most likely is. */
static int name_issue(struct reading *r, struct span key, const struct fault *f)
{
	char shown[81];
	snprintf(shown, sizeof shown, "%.*s", (int)cut(key, 80), key.at);
	if (memchr(key.at, '*', key.len) || memchr(key.at, '?', key.len) || memchr(key.at, '[', key.len))
		return conf_issue_add(r->conf, r->line, CONF_ERROR, KE_NAME, shown,
		        "write '*' for a whole segment, or name the interfaces",
		        "a glob that kedge does not take");
	return conf_issue_add(r->conf, r->line, CONF_ERROR, KE_NAME, shown,
	        "correct the name, or put '#' in front if the line is a comment", "%s", f->what);
}

static int exclusion_add(struct reading *r, const struct name *name)
{
	struct conf *c = r->conf;
	if (c->n_exclusions == CONF_MAX_LINES)
		return KE_TOOBIG;
	int rc = grow((void **)&c->exclusions, c->n_exclusions, sizeof *c->exclusions);
	if (rc == 0)
		c->exclusions[c->n_exclusions++] = (struct conf_exclusion){ r->line, *name };
	return rc;
}

/* A line without '=': sysctl.d's exclusion "-KEY", or prose that lost its '#'. */
static int no_assignment(struct reading *r, struct span line, bool dash)
{
	struct name name;
	char shown[81];
	snprintf(shown, sizeof shown, "%.*s", (int)cut(line, 80), line.at);
	if (dash && memchr(line.at, '*', line.len))
		return conf_issue_add(r->conf, r->line, CONF_WARNING, KE_SYNTAX, shown,
		        "name the keys that are meant",
		        "an exclusion with a '*' excludes nothing: sysctl.d takes whole keys there");
	if (dash && name_parse(line.at, line.len, &name, NULL) == 0)
		return exclusion_add(r, &name);
	bool wide = strstr(shown, "\xef\xbc\x9d") != NULL;
	return conf_issue_add(r->conf, r->line, CONF_ERROR, KE_SYNTAX, NULL,
	        wide ? "write the ASCII '='" : "put '#' in front if the line is a comment",
	        wide ? "a full-width equals sign: '%s'" : "neither a setting nor a comment: '%s'", shown);
}

static int line_read(struct reading *r, struct span line)
{
	struct fault f = { 0 };
	struct name name;
	if (line.len && line.at[line.len - 1] == '\r' && !r->cr_told) {
		r->cr_told = true;
		int rc = conf_issue_add(r->conf, r->line, CONF_WARNING, KE_SYNTAX, NULL,
		        "convert the file to Unix line ends",
		        "lines end with CR LF; the kernel refuses a value with CR");
		if (rc)
			return rc;
	}
	line = trim(line);
	if (line.len && (line.at[0] == '#' || line.at[0] == ';')) {
		comment_keep(r, line);
		return 0;
	}
	int rc = 0;
	bool dash = line.len && line.at[0] == '-';
	struct span rest = dash ? skip(line, 1) : line;
	const char *equals = rest.len ? memchr(rest.at, '=', rest.len) : NULL;
	struct span key = trim((struct span){ rest.at, equals ? (size_t)(equals - rest.at) : rest.len });
	if (rest.len && !equals)
		rc = no_assignment(r, rest, dash);
	else if (equals && name_parse(key.at, key.len, &name, &f))
		rc = name_issue(r, key, &f);
	else if (equals)
		rc = assignment_read(r, &name, skip(rest, (size_t)(equals - rest.at) + 1), dash);
	buf_clear(&r->above);
	return rc;
}

static int lines_read(struct reading *r, const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		const char *nl = memchr(text + at, '\n', len - at);
		size_t end = nl ? (size_t)(nl - text) : len;
		r->line++;
		int rc = line_read(r, (struct span){ text + at, end - at });
		if (rc)
			return rc;
		if (r->conf->n_issues > CONF_MAX_ISSUES)
			return KE_TOOBIG;
		at = end + 1;
	}
	return 0;
}

int conf_parse(const char *text, size_t len, struct conf **ret, struct fault *f)
{
	struct reading r = { .above = BUF_INIT(2 * REMARK_MAX) };
	bool dirty = false, bom = len >= 3 && memcmp(text, BOM, 3) == 0;
	size_t clean_len = 0;
	int rc = KE_TOOBIG;
	if (len > CONF_MAX_BYTES)
		return fault_set(
		        f, KE_TOOBIG, NULL, NULL, "the file is larger than %d KiB", CONF_MAX_BYTES / 1024);
	r.conf = calloc(1, sizeof *r.conf);
	rc = r.conf ? text_clean(text + 3 * bom, len - 3 * bom, &r.conf->text, &clean_len, &dirty) : KE_NOMEM;
	if (rc == 0 && bom)
		rc = conf_issue_add(r.conf, 1, CONF_WARNING, KE_SYNTAX, NULL, "save the file without a BOM",
		        "the file begins with a byte order mark: sysctl -p takes it as part of the first "
		        "key");
	if (rc == 0 && dirty)
		rc = conf_issue_add(r.conf, 1, CONF_WARNING, KE_SYNTAX, NULL, "save the file as UTF-8",
		        "the file is not valid UTF-8, or contains NUL bytes");
	if (rc == 0)
		rc = lines_read(&r, r.conf->text, clean_len);
	buf_free(&r.above);
	if (rc) {
		conf_free(r.conf);
		return fault_set(f, rc, NULL, NULL, "%s",
		        rc == KE_TOOBIG ? "more lines or problems than a sysctl.conf can have"
		                        : err_text(rc));
	}
	*ret = r.conf;
	return 0;
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_lines; i++) {
		free(c->lines[i].value);
		free(c->lines[i].remark);
	}
	for (size_t i = 0; i < c->n_issues; i++) {
		free(c->issues[i].key);
		free(c->issues[i].text);
		free(c->issues[i].todo);
	}
	free(c->lines);
	free(c->exclusions);
	free(c->issues);
	free(c->text);
	free(c);
}
