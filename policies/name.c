/* name.c — sysctl names: read once at the edge, compared as path text behind it.
 *
 * The text forms disagree about '.' and '/', so the parser swaps them at most once and from there on there is one
 * form. It refuses what would let a name mean another file than it says ("..", empty segments, a leading '/') and
 * what cannot be told apart on a terminal (control characters, blanks, bytes above 0x7e). Called by every reader of
 * policies, configuration and command lines.
 */
#include "policies/name.h"

#include <stdio.h>
#include <string.h>

#define QUOTE_MAX 60

/* TEXT for a message: at most QUOTE_MAX bytes, '?' for what is not printable. */
static const char *quote(const char *text, size_t len, char buf[QUOTE_MAX + 4])
{
	size_t n = len < QUOTE_MAX ? len : QUOTE_MAX;
	for (size_t i = 0; i < n; i++)
		buf[i] = text[i] >= 0x20 && text[i] <= 0x7e ? text[i] : '?';
	memcpy(buf + n, n < len ? "..." : "", n < len ? 4 : 1);
	return buf;
}

static int refuse(const char *text, size_t len, struct fault *f, const char *todo, const char *what)
{
	char buf[QUOTE_MAX + 4];
	return fault_set(
	        f, KE_NAME, NULL, todo, "'%s' is not a sysctl name: %s", quote(text, len, buf), what);
}

/* What is wrong with one segment, or NULL. */
static const char *segment_check(const char *seg, size_t len, bool last)
{
	if (len == 0)
		return "it has an empty segment";
	if (len == 1 && seg[0] == '.')
		return "a segment is '.'";
	if (len == 2 && seg[0] == '.' && seg[1] == '.')
		return "a segment is '..'";
	const char *star = memchr(seg, '*', len);
	if (!star || len == 1)
		return NULL;
	if (len == 2 && seg[0] == '*' && seg[1] == '*')
		return last ? NULL : "'**' may only be the last segment";
	return "'*' stands for a whole segment only";
}

static const char *segments_check(const char *path, size_t len)
{
	unsigned n = 0;
	for (size_t at = 0; at <= len; n++) {
		const char *slash = memchr(path + at, '/', len - at);
		size_t end = slash ? (size_t)(slash - path) : len;
		const char *wrong = segment_check(path + at, end - at, !slash);
		if (wrong)
			return wrong;
		at = end + 1;
	}
	if (n < 2)
		return "it has one segment only";
	return n > NAME_MAX_SEGMENTS ? "it has more than 12 segments" : NULL;
}

int name_parse(const char *text, size_t len, struct name *ret, struct fault *f)
{
	static const char todo[] =
	        "write it like net.ipv4.tcp_fin_timeout or net/ipv4/conf/eth0.100/rp_filter";
	struct name n;
	char first = 0;
	if (len > NAME_MAX_LEN)
		return refuse(text, len, f, todo, "it is longer than 255 bytes");
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (c <= 0x20 || c > 0x7e)
			return refuse(text, len, f, todo,
			        "it contains a blank, a control character or a byte that is not ASCII");
		if (!first && (c == '.' || c == '/'))
			first = c;
		if (first == '.' && c == '.')
			c = '/';
		else if (first == '.' && c == '/')
			c = '.';
		n.path[i] = c;
	}
	n.path[len] = '\0';
	const char *wrong = segments_check(n.path, len);
	if (wrong)
		return refuse(text, len, f, todo, wrong);
	memset(n.path + len, 0, sizeof n.path - len);
	*ret = n;
	return 0;
}

const char *name_dotted(const struct name *n, char *buf, size_t size)
{
	size_t i = 0;
	for (; n->path[i] && i + 1 < size; i++) {
		char c = n->path[i];
		buf[i] = c == '/' ? '.' : c == '.' ? '/' : c;
	}
	if (size)
		buf[i] = '\0';
	return buf;
}

int name_cmp(const struct name *a, const struct name *b)
{
	return strcmp(a->path, b->path);
}

bool name_segment(const struct name *n, unsigned i, const char **ret_seg, size_t *ret_len)
{
	const char *at = n->path;
	for (; i; i--) {
		at = strchr(at, '/');
		if (!at)
			return false;
		at++;
	}
	*ret_seg = at;
	*ret_len = strcspn(at, "/");
	return true;
}

unsigned name_segments(const struct name *n)
{
	unsigned count = 1;
	for (const char *at = n->path; (at = strchr(at, '/')); at++)
		count++;
	return count;
}

bool name_match(const struct name *pattern, const struct name *n)
{
	return name_match_path(pattern->path, n->path);
}

bool name_match_path(const char *pattern, const char *path)
{
	const char *p = pattern, *t = path;
	for (;;) {
		size_t p_len = (size_t)(strchrnul(p, '/') - p), t_len = (size_t)(strchrnul(t, '/') - t);
		if (p_len == 2 && memcmp(p, "**", 2) == 0)
			return true;
		bool any = p_len == 1 && *p == '*';
		if (!any && (p_len != t_len || memcmp(p, t, p_len) != 0))
			return false;
		if (!p[p_len] || !t[t_len])
			return !p[p_len] && !t[t_len];
		p += p_len + 1;
		t += t_len + 1;
	}
}

/* Is segment I of N one of the two entries that stand for every interface, or for future ones? */
static bool is_broad(const struct name *n, unsigned i)
{
	const char *up, *seg;
	size_t up_len, len;
	if (i == 0 || !name_segment(n, i - 1, &up, &up_len) || !name_segment(n, i, &seg, &len))
		return false;
	return ((up_len == 4 && memcmp(up, "conf", 4) == 0) ||
	               (up_len == 5 && memcmp(up, "neigh", 5) == 0)) &&
	       ((len == 3 && memcmp(seg, "all", 3) == 0) || (len == 7 && memcmp(seg, "default", 7) == 0));
}

bool name_covers(const struct name *pattern, const struct name *n)
{
	const char *seg;
	size_t len;
	if (!name_match(pattern, n))
		return false;
	for (unsigned i = 0; name_segment(pattern, i, &seg, &len); i++)
		if (len == 1 && *seg == '*' && is_broad(n, i))
			return false;
	return true;
}

bool name_is_pattern(const struct name *n)
{
	/* name_parse() lets '*' through only as "*" or "**". */
	return strchr(n->path, '*') != NULL;
}
