/* buf.h — bytes that grow up to a ceiling given at birth.
 *
 * Errors stick: after one (out of memory, over the ceiling) every append does nothing, so that encoders are
 * straight-line code with one check at the end. The bytes are always followed by a NUL that is not counted.
 */
#ifndef KEDGE_PROTO_BUF_H
#define KEDGE_PROTO_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data;  /* owned; NULL until the first append */
	size_t len;  /* bytes in use */
	size_t room; /* bytes allocated */
	size_t max;  /* ceiling */
	int rc;      /* 0, or the first error: KE_NOMEM, KE_TOOBIG */
};

/* An empty buffer that never holds more than MAX bytes. Allocates nothing. */
#define BUF_INIT(MAX) ((struct buf){ .max = (MAX) })

void buf_bytes(struct buf *b, const void *data, size_t len);
void buf_str(struct buf *b, const char *s);
/* Inline: canonical texts are written letter by letter. */
static inline void buf_char(struct buf *b, char c)
{
	if (b->rc || b->len + 1 >= b->room || b->len >= b->max) {
		buf_bytes(b, &c, 1);
		return;
	}
	b->data[b->len++] = c;
	b->data[b->len] = '\0';
}
/* V in decimal: what is written most often, without a format to read. */
void buf_int(struct buf *b, int64_t v);
void buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vfmt(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Make the length 0 and clear the error; memory is kept. */
void buf_clear(struct buf *b);
/* Drop the first N bytes (N <= len). */
void buf_drop(struct buf *b, size_t n);
void buf_free(struct buf *b);
/* The text; "" when nothing was appended. */
const char *buf_text(const struct buf *b);
/* Hand the bytes over as an allocated, NUL-terminated string (free()), and leave B empty. Returns b->rc; *RET is
 * untouched on error (B is then freed). RET_LEN may be NULL. */
int buf_take(struct buf *b, char **ret, size_t *ret_len);

#endif
