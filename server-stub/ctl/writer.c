/* writer.c — lays out tables. Widths are counted in code points; the last column is not padded. Called by every command
 * that lists. */
#include "server-stub/ctl/writer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/utf8.h"

#define CELL_MAX 4096

void text_safe(struct buf *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t left = strlen(text);

	while (left) {
		size_t n = utf8_length(p, left);
		/* C0, DEL, and the C1 controls, which are U+0080 to U+009F. */
		bool control = n == 1 ? *p < 0x20 || *p == 0x7f : n == 2 && p[0] == 0xc2 && p[1] < 0xa0;
		if (!n || control)
			buf_char(out, '?');
		else
			buf_bytes(out, p, n);
		p += n ? n : 1;
		left -= n ? n : 1;
	}
}

struct writer writer_begin(const char *const *titles)
{
	struct writer w = { 0 };

	while (w.columns < WRITER_COLUMNS_MAX && titles[w.columns]) {
		w.titles[w.columns] = titles[w.columns];
		w.columns++;
	}
	return w;
}

void writer_cell(struct writer *w, const char *text)
{
	struct buf safe = BUF_INIT(CELL_MAX);
	char *copy = NULL;

	if (w->rc)
		return;
	text_safe(&safe, text && text[0] ? text : "-");
	w->rc = buf_take(&safe, &copy, NULL);
	char **more = w->rc ? NULL : realloc(w->cells, (w->n + 1) * sizeof *more);
	if (!more) {
		free(copy);
		w->rc = w->rc ? w->rc : KE_NOMEM;
		return;
	}
	w->cells = more;
	w->cells[w->n++] = copy;
}

void writer_fmt(struct writer *w, const char *fmt, ...)
{
	struct buf text = BUF_INIT(CELL_MAX);
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(&text, fmt, ap);
	va_end(ap);
	writer_cell(w, buf_text(&text));
	buf_free(&text);
}

static size_t width(const char *text)
{
	size_t n = 0;

	for (const char *p = text; *p; p++)
		n += ((unsigned char)*p & 0xc0) != 0x80;
	return n;
}

static const char *title(const struct writer *w, size_t column)
{
	return w->titles[column] + (w->titles[column][0] == '>');
}

static void line(const struct writer *w, const char *indent, const char *const *cells, const size_t *widths,
        struct buf *out)
{
	buf_str(out, indent);
	for (size_t i = 0; i < w->columns; i++) {
		size_t pad = widths[i] - width(cells[i]);
		bool right = w->titles[i][0] == '>', last = i + 1 == w->columns;
		for (size_t k = 0; right && k < pad; k++)
			buf_char(out, ' ');
		buf_str(out, cells[i]);
		for (size_t k = 0; !right && !last && k < pad; k++)
			buf_char(out, ' ');
		buf_str(out, last ? "\n" : "  ");
	}
}

void writer_end(struct writer *w, const char *indent, struct buf *out)
{
	size_t widths[WRITER_COLUMNS_MAX];
	const char *row[WRITER_COLUMNS_MAX];

	for (size_t i = 0; i < w->columns; i++) {
		row[i] = title(w, i);
		widths[i] = width(row[i]);
	}
	for (size_t i = 0; i < w->n; i++)
		if (width(w->cells[i]) > widths[i % w->columns])
			widths[i % w->columns] = width(w->cells[i]);
	if (w->n && !w->rc)
		line(w, indent, row, widths, out);
	for (size_t i = 0; i + w->columns <= w->n && !w->rc; i += w->columns) {
		for (size_t k = 0; k < w->columns; k++)
			row[k] = w->cells[i + k];
		line(w, indent, row, widths, out);
	}
	if (w->rc && !out->rc)
		out->rc = w->rc;
	for (size_t i = 0; i < w->n; i++)
		free(w->cells[i]);
	free(w->cells);
	*w = (struct writer){ 0 };
}
