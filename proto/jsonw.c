/* jsonw.c — the JSON writer of reports, CLI output and documents. */
#include "proto/jsonw.h"

#include <string.h>

#include "proto/clock.h"
#include "proto/codec.h"
#include "proto/err.h"
#include "proto/utf8.h"

static void newline(struct jsonw *w)
{
	if (!w->indent)
		return;
	buf_char(w->out, '\n');
	for (unsigned i = 0; i < w->depth * w->indent; i++)
		buf_char(w->out, ' ');
}

static void quoted(struct buf *out, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;

	buf_char(out, '"');
	for (size_t i = 0; i < len;) {
		size_t n = utf8_length(p + i, len - i);
		if (!n || !p[i]) { /* strict.c refuses \u0000, so NUL cannot be told either */
			buf_str(out, "\xef\xbf\xbd");
			i++;
		} else if (p[i] == '"' || p[i] == '\\') {
			buf_char(out, '\\');
			buf_char(out, (char)p[i++]);
		} else if (p[i] == '\n') {
			buf_str(out, "\\n");
			i++;
		} else if (p[i] == '\t') {
			buf_str(out, "\\t");
			i++;
		} else if (p[i] < 0x20 || p[i] == 0x7f) {
			buf_fmt(out, "\\u%04x", p[i++]);
		} else {
			buf_bytes(out, p + i, n);
			i += n;
		}
	}
	buf_char(out, '"');
}

/* Comma, line break and name before a value. */
static void lead(struct jsonw *w, const char *name)
{
	if (w->depth) {
		if (w->some[w->depth - 1])
			buf_char(w->out, ',');
		w->some[w->depth - 1] = true;
		newline(w);
	}
	if (name) {
		quoted(w->out, name, strlen(name));
		buf_str(w->out, w->indent ? ": " : ":");
	}
}

static void open_level(struct jsonw *w, const char *name, char c)
{
	lead(w, name);
	buf_char(w->out, c);
	if (w->depth == JSONW_MAX_DEPTH) {
		w->out->rc = w->out->rc ? w->out->rc : KE_TOOBIG;
		return;
	}
	w->some[w->depth++] = false;
}

static void close_level(struct jsonw *w, char c)
{
	if (!w->depth)
		return;
	bool some = w->some[--w->depth];
	if (some)
		newline(w);
	buf_char(w->out, c);
}

void jsonw_object(struct jsonw *w, const char *name)
{
	open_level(w, name, '{');
}

void jsonw_array(struct jsonw *w, const char *name)
{
	open_level(w, name, '[');
}

void jsonw_object_end(struct jsonw *w)
{
	close_level(w, '}');
}

void jsonw_array_end(struct jsonw *w)
{
	close_level(w, ']');
}

void jsonw_string_n(struct jsonw *w, const char *name, const char *value, size_t len)
{
	lead(w, name);
	quoted(w->out, value, len);
}

void jsonw_string(struct jsonw *w, const char *name, const char *value)
{
	jsonw_string_n(w, name, value, strlen(value));
}

void jsonw_opt_string(struct jsonw *w, const char *name, const char *value)
{
	if (value)
		jsonw_string(w, name, value);
}

void jsonw_int(struct jsonw *w, const char *name, int64_t value)
{
	lead(w, name);
	buf_fmt(w->out, "%lld", (long long)value);
}

void jsonw_bool(struct jsonw *w, const char *name, bool value)
{
	lead(w, name);
	buf_str(w->out, value ? "true" : "false");
}

void jsonw_null(struct jsonw *w, const char *name)
{
	lead(w, name);
	buf_str(w->out, "null");
}

void jsonw_hex(struct jsonw *w, const char *name, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *in = data;

	lead(w, name);
	buf_char(w->out, '"');
	for (size_t i = 0; i < len; i++) {
		buf_char(w->out, digits[in[i] >> 4]);
		buf_char(w->out, digits[in[i] & 15]);
	}
	buf_char(w->out, '"');
}

void jsonw_time(struct jsonw *w, const char *name, int64_t seconds)
{
	char text[TIME_TEXT_ROOM];

	jsonw_string(w, name, time_format(seconds, text));
}

void jsonw_raw(struct jsonw *w, const char *name, const char *json, size_t len)
{
	lead(w, name);
	buf_bytes(w->out, json, len);
}
