/* strict.c — validates JSON bytes before cJSON sees them.
 *
 * One recursive descent over the bytes with a position for the complaint. Member names are decoded into one arena as
 * they pass. An object whose names come in ascending order, as canonical JSON has them, cannot hold one twice; of a small
 * one each name is compared with the others as it comes. The names of all other objects are sorted once at the end by
 * (object, bytes), so that a hostile object of 100,000 names costs n log n and not n squared.
 */
#include "proto/strict.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/buf.h"
#include "proto/utf8.h"

const struct strict_limits strict_limits_default = {
	.max_bytes = 4 << 20, .max_nodes = 200000, .max_depth = 32
};

#define STRICT_DEPTH_CEILING 64

struct member {
	size_t object; /* which object, counted as they open */
	size_t start;  /* decoded name in the arena */
	size_t len;
	size_t pos;    /* where it stands in the text, for the complaint */
	size_t before; /* index + 1 of the member before it in its object; 0: it is the first */
};

/* The object that is being read: enough to know whether its names have to be sorted. */
struct names {
	size_t object, last, n; /* last: index + 1 of its newest member */
	bool ascending;
};

#define SMALL 8 /* names of an object that are compared one by one */

struct scan {
	const unsigned char *text;
	size_t len, pos;
	const struct strict_limits *limits;
	size_t nodes, objects;
	unsigned depth;
	struct buf names; /* arena of decoded member names */
	struct member *members;
	size_t n_members, room_members;
	struct fault *f;
};

static int scan_fault(struct scan *s, int code, size_t pos, const char *what)
{
	size_t line = 1, column = 1;
	char where[64];

	for (size_t i = 0; i < pos && i < s->len; i++) {
		column++;
		if (s->text[i] == '\n') {
			line++;
			column = 1;
		}
	}
	snprintf(where, sizeof where, "line %zu, column %zu", line, column);
	return fault_set(s->f, code, where, NULL, "%s", what);
}

static int syntax(struct scan *s, const char *what)
{
	return scan_fault(s, KE_SYNTAX, s->pos, what);
}

static void skip_blank(struct scan *s)
{
	while (s->pos < s->len && (s->text[s->pos] == ' ' || s->text[s->pos] == '\t' ||
	                                  s->text[s->pos] == '\n' || s->text[s->pos] == '\r'))
		s->pos++;
}

static int peek(const struct scan *s)
{
	return s->pos < s->len ? s->text[s->pos] : -1;
}

static int count_node(struct scan *s)
{
	if (++s->nodes > s->limits->max_nodes)
		return scan_fault(s, KE_TOOBIG, s->pos, "too many values");
	return KE_OK;
}

static int scan_hex4(struct scan *s, unsigned *ret)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++, s->pos++) {
		int c = peek(s);
		if (c >= '0' && c <= '9')
			value = value * 16 + (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value * 16 + (unsigned)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value = value * 16 + (unsigned)(c - 'A' + 10);
		else
			return syntax(s, "\\u needs four hexadecimal digits");
	}
	*ret = value;
	return KE_OK;
}

static void utf8_append(struct buf *out, unsigned c)
{
	if (c < 0x80) {
		buf_char(out, (char)c);
	} else if (c < 0x800) {
		buf_char(out, (char)(0xc0 | c >> 6));
		buf_char(out, (char)(0x80 | (c & 63)));
	} else if (c < 0x10000) {
		buf_char(out, (char)(0xe0 | c >> 12));
		buf_char(out, (char)(0x80 | (c >> 6 & 63)));
		buf_char(out, (char)(0x80 | (c & 63)));
	} else {
		buf_char(out, (char)(0xf0 | c >> 18));
		buf_char(out, (char)(0x80 | (c >> 12 & 63)));
		buf_char(out, (char)(0x80 | (c >> 6 & 63)));
		buf_char(out, (char)(0x80 | (c & 63)));
	}
}

/* Behind "\u": one code point, two escapes when it is a surrogate pair. */
static int scan_unicode_escape(struct scan *s, struct buf *out)
{
	unsigned high, low;
	int rc = scan_hex4(s, &high);

	if (rc)
		return rc;
	if (high == 0)
		return syntax(s, "\\u0000 is not allowed");
	if (high >= 0xdc00 && high <= 0xdfff)
		return syntax(s, "lone surrogate");
	if (high >= 0xd800 && high <= 0xdbff) {
		if (s->len - s->pos < 2 || s->text[s->pos] != '\\' || s->text[s->pos + 1] != 'u')
			return syntax(s, "lone surrogate");
		s->pos += 2;
		if ((rc = scan_hex4(s, &low)))
			return rc;
		if (low < 0xdc00 || low > 0xdfff)
			return syntax(s, "lone surrogate");
		high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	}
	if (out)
		utf8_append(out, high);
	return KE_OK;
}

static int scan_escape(struct scan *s, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	int c = peek(s);

	if (c == 'u') {
		s->pos++;
		return scan_unicode_escape(s, out);
	}
	const char *at = c > 0 ? strchr(from, c) : NULL;
	if (!at)
		return syntax(s, "unknown escape");
	s->pos++;
	if (out)
		buf_char(out, to[at - from]);
	return KE_OK;
}

/* How many bytes from here on stand for themselves: ASCII that is no control character, no quote and no backslash. */
static size_t plain_run(const struct scan *s)
{
	const unsigned char *at = s->text + s->pos, *end = s->text + s->len;

	while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\')
		at++;
	return (size_t)(at - s->text) - s->pos;
}

/* A string; its decoded bytes are appended to OUT unless that is NULL. */
static int scan_string(struct scan *s, struct buf *out)
{
	s->pos++; /* the quote */
	for (;;) {
		size_t plain = plain_run(s);
		if (plain && out)
			buf_bytes(out, s->text + s->pos, plain);
		s->pos += plain;
		int c = peek(s);
		int rc = KE_OK;
		if (c < 0)
			return syntax(s, "the string has no end");
		if (c == '"') {
			s->pos++;
			return KE_OK;
		}
		if (c < 0x20)
			return syntax(s, "control character in a string; write it as an escape");
		if (c == '\\') {
			s->pos++;
			rc = scan_escape(s, out);
		} else {
			size_t n = utf8_length(s->text + s->pos, s->len - s->pos);
			if (!n)
				return syntax(s, "not valid UTF-8");
			if (out)
				buf_bytes(out, s->text + s->pos, n);
			s->pos += n;
		}
		if (rc)
			return rc;
	}
}

static int scan_number(struct scan *s)
{
	size_t start = s->pos;
	uint64_t value = 0;

	if (peek(s) == '-')
		s->pos++;
	size_t first = s->pos;
	while (peek(s) >= '0' && peek(s) <= '9') {
		value = value * 10 + (uint64_t)(peek(s) - '0');
		if (value > STRICT_INT_MAX)
			return scan_fault(s, KE_RANGE, start, "integer beyond 2^53-1");
		s->pos++;
	}
	if (s->pos == first)
		return syntax(s, "not a value");
	if (s->text[first] == '0' && s->pos > first + 1)
		return scan_fault(s, KE_SYNTAX, start, "leading zero");
	if (value == 0 && first > start)
		return scan_fault(s, KE_SYNTAX, start, "-0 is not allowed; write 0");
	if (peek(s) == '.' || peek(s) == 'e' || peek(s) == 'E')
		return scan_fault(s, KE_SYNTAX, start, "only integers are allowed");
	return KE_OK;
}

static int scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if (s->len - s->pos < n || memcmp(s->text + s->pos, word, n) != 0)
		return syntax(s, "not a value");
	s->pos += n;
	return KE_OK;
}

static int name_order(const struct scan *s, const struct member *a, const struct member *b)
{
	size_t n = a->len < b->len ? a->len : b->len;
	int cmp = n ? memcmp(s->names.data + a->start, s->names.data + b->start, n) : 0;

	return cmp ? cmp : a->len < b->len ? -1 : a->len > b->len;
}

/* The newest member of O against those before it. */
static int compare_names(struct scan *s, struct names *o)
{
	const struct member *m = &s->members[o->last - 1];

	if (m->before && o->ascending)
		o->ascending = name_order(s, &s->members[m->before - 1], m) < 0;
	if (o->ascending || o->n > SMALL)
		return KE_OK;
	for (size_t at = m->before; at; at = s->members[at - 1].before)
		if (name_order(s, &s->members[at - 1], m) == 0)
			return scan_fault(
			        s, KE_DUPLICATE, m->pos, "this member name stands twice in one object");
	return KE_OK;
}

/* O is closed: what has been compared needs no sorting. Object 0 is none. */
static void names_done(struct scan *s, const struct names *o)
{
	if (!o->ascending && o->n > SMALL)
		return;
	for (size_t at = o->last; at; at = s->members[at - 1].before)
		s->members[at - 1].object = 0;
}

static int remember_name(struct scan *s, struct names *o, size_t start, size_t pos)
{
	if (s->names.rc)
		return scan_fault(s, s->names.rc, pos, "member name");
	if (s->n_members == s->room_members) {
		size_t room = s->room_members ? s->room_members * 2 : 64;
		struct member *more = realloc(s->members, room * sizeof *more);
		if (!more)
			return scan_fault(s, KE_NOMEM, pos, "out of memory");
		s->members = more;
		s->room_members = room;
	}
	s->members[s->n_members++] = (struct member){ o->object, start, s->names.len - start, pos, o->last };
	o->last = s->n_members;
	o->n++;
	return compare_names(s, o);
}

static int scan_value(struct scan *s);

static int scan_member(struct scan *s, struct names *o)
{
	size_t start = s->names.len, pos = s->pos;
	int rc;

	if (peek(s) != '"')
		return syntax(s, "expected a member name");
	if ((rc = count_node(s)) || (rc = scan_string(s, &s->names)) ||
	        (rc = remember_name(s, o, start, pos)))
		return rc;
	skip_blank(s);
	if (peek(s) != ':')
		return syntax(s, "expected ':'");
	s->pos++;
	return scan_value(s);
}

/* The inside of an array or object, up to and with CLOSE. */
static int scan_items(struct scan *s, char close)
{
	struct names names = { .object = ++s->objects, .ascending = true };
	int rc = KE_OK;

	s->pos++;
	skip_blank(s);
	if (peek(s) == close) {
		s->pos++;
		return KE_OK;
	}
	for (;;) {
		skip_blank(s);
		rc = close == '}' ? scan_member(s, &names) : scan_value(s);
		if (rc)
			return rc;
		skip_blank(s);
		if (peek(s) == close)
			break;
		if (peek(s) != ',')
			return syntax(s, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
		s->pos++;
	}
	s->pos++;
	names_done(s, &names);
	return KE_OK;
}

static int scan_value(struct scan *s)
{
	int rc = count_node(s);

	if (rc)
		return rc;
	skip_blank(s);
	switch (peek(s)) {
	case -1:
		return syntax(s, "the text ends where a value is expected");
	case '{':
	case '[':
		if (s->depth >= s->limits->max_depth || s->depth >= STRICT_DEPTH_CEILING)
			return scan_fault(s, KE_TOOBIG, s->pos, "nested too deeply");
		s->depth++;
		rc = scan_items(s, peek(s) == '{' ? '}' : ']');
		s->depth--;
		return rc;
	case '"':
		return scan_string(s, NULL);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		return scan_number(s);
	}
}

static int member_cmp(const void *pa, const void *pb, void *scan)
{
	const struct member *a = pa, *b = pb;

	if (a->object != b->object)
		return a->object < b->object ? -1 : 1;
	int cmp = name_order(scan, a, b);
	return cmp ? cmp : a->pos < b->pos ? -1 : a->pos > b->pos;
}

static int refuse_duplicates(struct scan *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_members; i++)
		if (s->members[i].object)
			s->members[n++] = s->members[i];
	if (n < 2)
		return KE_OK;
	qsort_r(s->members, n, sizeof *s->members, member_cmp, s);
	for (size_t i = 1; i < n; i++) {
		const struct member *a = &s->members[i - 1], *b = &s->members[i];
		if (a->object == b->object && name_order(s, a, b) == 0)
			return scan_fault(
			        s, KE_DUPLICATE, b->pos, "this member name stands twice in one object");
	}
	return KE_OK;
}

int strict_check(const char *text, size_t len, const struct strict_limits *limits, struct fault *f)
{
	struct scan s = { .text = (const unsigned char *)text, .len = len, .limits = limits, .f = f };

	if (len > limits->max_bytes)
		return fault_set(f, KE_TOOBIG, NULL, NULL, "%zu bytes are more than the limit of %zu", len,
		        limits->max_bytes);
	s.names = BUF_INIT(len + 1);
	int rc = scan_value(&s);
	if (!rc) {
		skip_blank(&s);
		if (s.pos < s.len)
			rc = syntax(&s, "text after the end of the value");
	}
	if (!rc)
		rc = refuse_duplicates(&s);
	buf_free(&s.names);
	free(s.members);
	return rc;
}

int strict_parse(
        const char *text, size_t len, const struct strict_limits *limits, struct cJSON **ret, struct fault *f)
{
	int rc = strict_check(text, len, limits, f);

	if (rc)
		return rc;
	cJSON *tree = cJSON_ParseWithLength(text, len);
	if (!tree)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	*ret = tree;
	return KE_OK;
}
