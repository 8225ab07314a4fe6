/* ini.c — reads configuration files line by line; refuses what a person could have meant differently. Used by the agent's,
 * the server's and the CLI's configuration. */
#include "proto/ini.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/fileio.h"
#include "proto/utf8.h"

struct ini_seen {
	char *names; /* "section\nname" strings, NUL-separated */
	size_t len, room;
};

struct ini_scan {
	char section[INI_MAX_NAME + 1];
	struct ini_seen seen;
	ini_each *each;
	void *ctx;
	struct fault *f;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool name_valid(const char *s, size_t len)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";

	if (!len || len > INI_MAX_NAME)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!s[i] || !strchr(allowed, s[i]))
			return false;
	return true;
}

/* Remember SECTION and NAME; KE_DUPLICATE when they were seen before. */
static int see(struct ini_scan *s, const char *name)
{
	char key[2 * INI_MAX_NAME + 4];
	size_t n = (size_t)snprintf(key, sizeof key, "%s\n%s", s->section, name) + 1;

	for (size_t at = 0; at < s->seen.len; at += strlen(s->seen.names + at) + 1)
		if (strcmp(s->seen.names + at, key) == 0)
			return fault_set(
			        s->f, KE_DUPLICATE, NULL, "keep one of the two", "'%s' is set twice", name);
	if (s->seen.len + n > s->seen.room) {
		size_t room = s->seen.room * 2 + 1024;
		char *more = realloc(s->seen.names, room);
		if (!more)
			return KE_NOMEM;
		s->seen.names = more;
		s->seen.room = room;
	}
	memcpy(s->seen.names + s->seen.len, key, n);
	s->seen.len += n;
	return KE_OK;
}

static int section_line(struct ini_scan *s, const char *text, size_t len)
{
	if (text[len - 1] != ']' || !name_valid(text + 1, len - 2))
		return fault_set(s->f, KE_SYNTAX, NULL, NULL, "a section is written [name]");
	memcpy(s->section, text + 1, len - 2);
	s->section[len - 2] = '\0';
	return KE_OK;
}

static int setting_line(struct ini_scan *s, unsigned line, const char *text, size_t len)
{
	char name[INI_MAX_NAME + 1], value[INI_MAX_VALUE + 1];
	const char *equals = memchr(text, '=', len);

	if (!equals)
		return fault_set(s->f, KE_SYNTAX, NULL, "write NAME = VALUE, or '#' in front of a comment",
		        "is neither a setting nor a section");
	size_t name_len = (size_t)(equals - text), value_at = name_len + 1;
	while (name_len && is_blank(text[name_len - 1]))
		name_len--;
	while (value_at < len && is_blank(text[value_at]))
		value_at++;
	if (!name_valid(text, name_len))
		return fault_set(s->f, KE_SYNTAX, NULL, NULL, "a name has 1 to %d of a-z A-Z 0-9 . _ - /",
		        INI_MAX_NAME);
	if (len - value_at > INI_MAX_VALUE)
		return fault_set(
		        s->f, KE_TOOBIG, NULL, NULL, "the value is longer than %d bytes", INI_MAX_VALUE);
	memcpy(name, text, name_len);
	name[name_len] = '\0';
	memcpy(value, text + value_at, len - value_at);
	value[len - value_at] = '\0';
	int rc = see(s, name);
	struct ini_line at = { .line = line, .section = s->section, .name = name, .value = value };
	return rc ? rc : s->each(s->ctx, &at, s->f);
}

static int one_line(struct ini_scan *s, unsigned line, const char *text, size_t len)
{
	while (len && is_blank(text[0])) {
		text++;
		len--;
	}
	while (len && (is_blank(text[len - 1]) || text[len - 1] == '\r'))
		len--;
	if (!len || text[0] == '#' || text[0] == ';')
		return KE_OK;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 && text[i] != '\t')
			return fault_set(s->f, KE_SYNTAX, NULL, NULL, "control character");
	return text[0] == '[' ? section_line(s, text, len) : setting_line(s, line, text, len);
}

int ini_parse(const char *text, size_t len, ini_each *each, void *ctx, struct fault *f)
{
	struct ini_scan s = { .each = each, .ctx = ctx, .f = f };
	unsigned line = 1;
	int rc = KE_OK;

	if (len > INI_MAX_BYTES)
		return fault_set(
		        f, KE_TOOBIG, NULL, NULL, "larger than the limit of %d bytes", INI_MAX_BYTES);
	if (!utf8_valid(text, len))
		return fault_set(f, KE_SYNTAX, NULL, NULL, "not valid UTF-8");
	for (size_t at = 0; !rc && at < len; line++) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end ? (size_t)(end - text) - at : len - at;
		rc = one_line(&s, line, text + at, n);
		if (rc)
			fault_at(f, "line %u", line);
		at += n + 1;
	}
	free(s.seen.names);
	return rc;
}

int ini_read(const char *path, ini_each *each, void *ctx, struct fault *f)
{
	char *text;
	size_t len;
	int rc = file_read(path, INI_MAX_BYTES, &text, &len, f);

	if (rc)
		return rc;
	rc = ini_parse(text, len, each, ctx, f);
	if (rc)
		fault_at(f, "%s", path);
	file_free(text);
	return rc;
}

int ini_int(const struct ini_line *at, int64_t min, int64_t max, int64_t *ret, struct fault *f)
{
	size_t n = strspn(at->value, "0123456789");
	int64_t value = 0;

	if (!n || n > 18 || at->value[n])
		return fault_set(f, KE_SYNTAX, at->name, NULL, "'%s' is no number", at->value);
	for (size_t i = 0; i < n; i++)
		value = value * 10 + (at->value[i] - '0');
	if (value < min || value > max)
		return fault_set(f, KE_RANGE, at->name, NULL, "%lld is outside %lld..%lld", (long long)value,
		        (long long)min, (long long)max);
	*ret = value;
	return KE_OK;
}

int ini_bool(const struct ini_line *at, bool *ret, struct fault *f)
{
	bool yes = strcmp(at->value, "yes") == 0;

	if (!yes && strcmp(at->value, "no") != 0)
		return fault_set(f, KE_SYNTAX, at->name, NULL, "is yes or no, not '%s'", at->value);
	*ret = yes;
	return KE_OK;
}

int ini_unknown(const struct ini_line *at, struct fault *f)
{
	return fault_set(f, KE_UNKNOWN, at->name, "remove it or correct its spelling",
	        "is not known in section [%s]", at->section);
}
