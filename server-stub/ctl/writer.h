/* writer.h — text for people: tables with aligned columns, and words from elsewhere made harmless.
 *
 * Whatever a host or server wrote may hold escape sequences that a terminal obeys; text_safe() and every cell replace
 * control characters and bytes that are not UTF-8 by '?'.
 */
#ifndef KEDGE_SERVER_CTL_WRITER_H
#define KEDGE_SERVER_CTL_WRITER_H

#include "proto/buf.h"

#define WRITER_COLUMNS_MAX 16

struct writer {
	const char *titles[WRITER_COLUMNS_MAX];
	size_t columns;
	char **cells; /* owned, row by row */
	size_t n;
	int rc; /* sticks */
};

/* Append TEXT to OUT, made harmless. */
void text_safe(struct buf *out, const char *text);

/* TITLES is NULL-terminated; a title that begins with '>' is a column of numbers, aligned right. No allocation. */
struct writer writer_begin(const char *const *titles);
/* The next cell, row by row; an empty one is shown as "-". */
void writer_cell(struct writer *w, const char *text);
void writer_fmt(struct writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Append the table to OUT, each line after INDENT, nothing when there are no rows; free it. */
void writer_end(struct writer *w, const char *indent, struct buf *out);

#endif
