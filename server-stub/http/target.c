/* target.c — paths and queries of requests.
 *
 * A path is decoded exactly once, before routing and before any question of who may read it, and whatever two
 * programs could read in two ways is refused rather than repaired. Called by http_codec.c for every request and, for
 * query parameters, by handlers.
 */
#include "server-stub/http/target.h"

#include <stdint.h>
#include <string.h>

#include "proto/err.h"
#include "proto/utf8.h"
#include "server-stub/http/http_codec.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that the escape at P ("%41") stands for; -1 when it is none. Stops at a NUL. */
static int escape_value(const char *p)
{
	int high = hex_digit(p[1]);
	int low = high < 0 ? -1 : hex_digit(p[2]);

	return low < 0 ? -1 : high * 16 + low;
}

/* pchar of RFC 3986 section 3.3, without '%'. */
static bool path_char(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c && strchr("-._~!$&'()*+,;=:@", c) != NULL;
}

/* Is the segment [FROM, TO) empty, "." or ".."? */
static bool segment_odd(const char *from, const char *to)
{
	size_t len = (size_t)(to - from);

	return len == 0 || (len == 1 && from[0] == '.') || (len == 2 && from[0] == '.' && from[1] == '.');
}

static bool path_decode(char *path)
{
	char *out = path + 1;
	char *segment = out;

	for (const char *in = path + 1; *in; in++) {
		int c = (unsigned char)*in;

		if (c == '/') {
			if (segment_odd(segment, out))
				return false;
			*out++ = '/';
			segment = out;
			continue;
		}
		if (c == '%') {
			c = escape_value(in);
			if (c < 0x20 || c == 0x7f || c == '/')
				return false;
			in += 2;
		} else if (!path_char((char)c)) {
			return false;
		}
		*out++ = (char)c;
	}
	*out = '\0';
	/* One empty segment at the end is allowed ("/", "/a/"): a different name, which no route has. */
	if (out != segment && segment_odd(segment, out))
		return false;
	return utf8_valid(path, (size_t)(out - path));
}

static bool query_ok(const char *query)
{
	for (const char *p = query; *p; p++) {
		if (*p == '%') {
			if (escape_value(p) < 0)
				return false;
			p += 2;
		} else if (!path_char(*p) && *p != '/' && *p != '?') {
			return false;
		}
	}
	return true;
}

bool target_decode(char *target, const char **ret_path, const char **ret_query)
{
	char *mark = strchr(target, '?');
	const char *query = "";

	if (target[0] != '/')
		return false;
	if (mark) {
		*mark = '\0';
		query = mark + 1;
	}
	if (!query_ok(query) || !path_decode(target))
		return false;
	*ret_path = target;
	*ret_query = query;
	return true;
}

/* Decode [FROM, TO) into TEXT; see http_query_get(). */
static int value_decode(const char *from, const char *to, char *text, size_t size)
{
	size_t len = 0;

	for (const char *p = from; p < to; p++) {
		int c = *p == '+' ? ' ' : (unsigned char)*p;

		if (c == '%') {
			c = to - p < 3 ? -1 : escape_value(p);
			if (c <= 0)
				return KE_SYNTAX;
			p += 2;
		}
		if (len + 1 >= size)
			return KE_TOOBIG;
		text[len++] = (char)c;
	}
	text[len] = '\0';
	return utf8_valid(text, len) ? (int)len : KE_SYNTAX;
}

int http_query_get(const char *query, const char *name, char *text, size_t size)
{
	const char *found = NULL;
	const char *found_end = NULL;
	size_t name_len = strlen(name);

	for (const char *p = query; *p;) {
		const char *end = strchrnul(p, '&');
		const char *equal = memchr(p, '=', (size_t)(end - p));
		const char *name_end = equal ? equal : end;

		if ((size_t)(name_end - p) == name_len && memcmp(p, name, name_len) == 0) {
			if (found)
				return KE_DUPLICATE;
			found = equal ? equal + 1 : end;
			found_end = end;
		}
		p = *end ? end + 1 : end;
	}
	return found ? value_decode(found, found_end, text, size) : KE_NOENT;
}
