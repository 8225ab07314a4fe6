/* strict.c — reads JSON, once, and lets only one reading of it through.
 *
 * One recursive descent over the bytes with a position for the complaint. It checks, and where a tree is wanted it makes the
 * nodes of it as it goes: there is no second reader that could see another document. cJSON has the tree and its memory; its
 * own parser is not used. Names that stand twice are strict_names.c's.
 */
#include "proto/strict.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/buf.h"
#include "proto/strict_names.h"
#include "proto/utf8.h"

const struct strict_limits strict_limits_default = {
	.max_bytes = 4 << 20, .max_nodes = 200000, .max_depth = 32
};

#define STRICT_DEPTH_CEILING 64

struct scan {
	const unsigned char *text;
	size_t len, pos;
	const struct strict_limits *limits;
	size_t nodes;
	unsigned depth;
	bool build;       /* a tree is wanted; else all nodes are NULL */
	struct buf value; /* the string that was read last, decoded */
	struct names names;
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

#define EACH(BYTE) (0x0101010101010101ULL * (BYTE))

/* Is there a zero among the eight bytes of WORD? Their lowest such one is marked for certain, which is all that is asked. */
static bool has_zero(uint64_t word)
{
	return ((word - EACH(1)) & ~word & EACH(0x80)) != 0;
}

/* Do eight bytes stand for themselves: ASCII that is no control character, no quote and no backslash? */
static bool plain_eight(const unsigned char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof word);
	/* The top bit is also set by a subtraction that borrows, below 0x20. */
	return !((word | (word - EACH(0x20))) & EACH(0x80)) && !has_zero(word ^ EACH('"')) &&
	       !has_zero(word ^ EACH('\\'));
}

/* How many bytes from here on stand for themselves. */
static size_t plain_run(const struct scan *s)
{
	const unsigned char *at = s->text + s->pos, *end = s->text + s->len;

	while (end - at >= 8 && plain_eight(at))
		at += 8;
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

/* NODE, just made, is *RET. */
static int made(struct scan *s, cJSON *node, cJSON **ret)
{
	if (!node)
		return scan_fault(s, KE_NOMEM, s->pos, "out of memory");
	*ret = node;
	return KE_OK;
}

static int scan_number(struct scan *s, cJSON **ret)
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
	/* Up to 2^53-1 a double is exact. */
	double number = first > start ? -(double)value : (double)value;
	return s->build ? made(s, cJSON_CreateNumber(number), ret) : KE_OK;
}

static int scan_text(struct scan *s, cJSON **ret)
{
	if (!s->build)
		return scan_string(s, NULL);
	buf_clear(&s->value);
	int rc = scan_string(s, &s->value);
	if (rc)
		return rc;
	if (s->value.rc)
		return scan_fault(s, s->value.rc, s->pos, "out of memory");
	return made(s, cJSON_CreateString(buf_text(&s->value)), ret);
}

static int scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if (s->len - s->pos < n || memcmp(s->text + s->pos, word, n) != 0)
		return syntax(s, "not a value");
	s->pos += n;
	return KE_OK;
}

static int scan_bool(struct scan *s, bool value, cJSON **ret)
{
	int rc = scan_word(s, value ? "true" : "false");

	return rc || !s->build ? rc : made(s, cJSON_CreateBool(value), ret);
}

static int scan_null(struct scan *s, cJSON **ret)
{
	int rc = scan_word(s, "null");

	return rc || !s->build ? rc : made(s, cJSON_CreateNull(), ret);
}

static int names_fault(struct scan *s, int code, size_t pos)
{
	return scan_fault(s, code, pos,
	        code == KE_DUPLICATE ? "this member name stands twice in one object" : "out of memory");
}

static int scan_value(struct scan *s, cJSON **ret);

static int scan_member(struct scan *s, struct names_object *o, cJSON *object)
{
	size_t start = s->names.text.len, pos = s->pos;
	cJSON *value = NULL;
	int rc;

	if (peek(s) != '"')
		return syntax(s, "expected a member name");
	if ((rc = count_node(s)) || (rc = scan_string(s, &s->names.text)))
		return rc;
	if ((rc = names_add(&s->names, o, start, pos)))
		return names_fault(s, rc, pos);
	skip_blank(s);
	if (peek(s) != ':')
		return syntax(s, "expected ':'");
	s->pos++;
	if ((rc = scan_value(s, &value)))
		return rc;
	if (s->build && !cJSON_AddItemToObject(object, s->names.text.data + start, value)) {
		cJSON_Delete(value);
		return names_fault(s, KE_NOMEM, pos);
	}
	return KE_OK;
}

static int scan_element(struct scan *s, cJSON *array)
{
	cJSON *value = NULL;
	int rc = scan_value(s, &value);

	if (!rc && s->build)
		cJSON_AddItemToArray(array, value);
	return rc;
}

/* The inside of an array or object, up to and with CLOSE, into PARENT. */
static int scan_items(struct scan *s, char close, cJSON *parent)
{
	struct names_object names = names_begin(&s->names);
	int rc = KE_OK;

	s->pos++;
	skip_blank(s);
	if (peek(s) == close) {
		s->pos++;
		return KE_OK;
	}
	for (;;) {
		skip_blank(s);
		rc = close == '}' ? scan_member(s, &names, parent) : scan_element(s, parent);
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
	names_end(&s->names, &names);
	return KE_OK;
}

static int scan_nested(struct scan *s, cJSON **ret)
{
	bool object = peek(s) == '{';
	cJSON *node = NULL;
	int rc = KE_OK;

	if (s->depth >= s->limits->max_depth || s->depth >= STRICT_DEPTH_CEILING)
		return scan_fault(s, KE_TOOBIG, s->pos, "nested too deeply");
	if (s->build)
		rc = made(s, object ? cJSON_CreateObject() : cJSON_CreateArray(), &node);
	if (rc)
		return rc;
	s->depth++;
	rc = scan_items(s, object ? '}' : ']', node);
	s->depth--;
	if (rc)
		cJSON_Delete(node);
	else
		*ret = node;
	return rc;
}

/* One value; *RET is its node, untouched on failure. */
static int scan_value(struct scan *s, cJSON **ret)
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
		return scan_nested(s, ret);
	case '"':
		return scan_text(s, ret);
	case 't':
	case 'f':
		return scan_bool(s, peek(s) == 't', ret);
	case 'n':
		return scan_null(s, ret);
	default:
		return scan_number(s, ret);
	}
}

/* The value, nothing behind it, and no name twice. */
static int scan_document(struct scan *s, cJSON **ret)
{
	size_t pos = 0;
	int rc = scan_value(s, ret);

	if (rc)
		return rc;
	skip_blank(s);
	if (s->pos < s->len)
		return syntax(s, "text after the end of the value");
	rc = names_differ(&s->names, &pos);
	return rc ? names_fault(s, rc, pos) : KE_OK;
}

static int read_text(const char *text, size_t len, const struct strict_limits *limits, bool build,
        cJSON **ret, struct fault *f)
{
	struct scan s = { .text = (const unsigned char *)text,
		.len = len,
		.limits = limits,
		.build = build,
		.value = BUF_INIT(len + 1),
		.names = NAMES_INIT(len),
		.f = f };
	cJSON *tree = NULL;

	if (len > limits->max_bytes)
		return fault_set(f, KE_TOOBIG, NULL, NULL, "%zu bytes are more than the limit of %zu", len,
		        limits->max_bytes);
	int rc = scan_document(&s, &tree);
	buf_free(&s.value);
	names_free(&s.names);
	if (rc)
		cJSON_Delete(tree);
	else
		*ret = tree;
	return rc;
}

int strict_check(const char *text, size_t len, const struct strict_limits *limits, struct fault *f)
{
	cJSON *none;

	return read_text(text, len, limits, false, &none, f);
}

int strict_parse(
        const char *text, size_t len, const struct strict_limits *limits, struct cJSON **ret, struct fault *f)
{
	return read_text(text, len, limits, true, ret, f);
}
