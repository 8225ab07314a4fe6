/* buf.c — growing bytes with a ceiling. Doubles its room, so appending is linear; refuses to pass the ceiling. */
#include "proto/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

static char *buf_reserve(struct buf *b, size_t extra)
{
	size_t need;

	if (b->rc)
		return NULL;
	/* Half the address space is no size: the doubling below must not wrap around. */
	if (__builtin_add_overflow(b->len, extra, &need) || need > b->max || need >= PTRDIFF_MAX) {
		b->rc = KE_TOOBIG;
		return NULL;
	}
	if (need + 1 > b->room) {
		size_t room = b->room ? b->room : 256;
		while (room < need + 1)
			room *= 2;
		char *data = realloc(b->data, room);
		if (!data) {
			b->rc = KE_NOMEM;
			return NULL;
		}
		b->data = data;
		b->room = room;
	}
	return b->data + b->len;
}

void buf_bytes(struct buf *b, const void *data, size_t len)
{
	char *at = buf_reserve(b, len);

	if (!at)
		return;
	if (len)
		memcpy(at, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_str(struct buf *b, const char *s)
{
	buf_bytes(b, s, strlen(s));
}

void buf_vfmt(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	char *at = buf_reserve(b, 0);
	size_t room = at ? b->room - b->len : 0;

	if (!at)
		return;
	va_copy(again, ap);
	int n = vsnprintf(at, room, fmt, ap);
	at = n < 0 ? NULL : buf_reserve(b, (size_t)n);
	if (n < 0)
		b->rc = KE_TOOBIG;        /* more than INT_MAX bytes, or %ls of no character */
	else if (at && (size_t)n >= room) /* it did not fit at once */
		vsnprintf(at, (size_t)n + 1, fmt, again);
	va_end(again);
	if (at)
		b->len += (size_t)n;
	b->data[b->len] = '\0';
}

void buf_int(struct buf *b, int64_t v)
{
	char text[21], *at = text + sizeof text;
	uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		*--at = (char)('0' + rest % 10);
	while (rest /= 10);
	if (v < 0)
		*--at = '-';
	buf_bytes(b, at, (size_t)(text + sizeof text - at));
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(b, fmt, ap);
	va_end(ap);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->rc = 0;
	if (b->data)
		b->data[0] = '\0';
}

void buf_drop(struct buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
	} else {
		memmove(b->data, b->data + n, b->len - n);
		b->len -= n;
	}
	if (b->data)
		b->data[b->len] = '\0';
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = BUF_INIT(b->max);
}

const char *buf_text(const struct buf *b)
{
	return b->data ? b->data : "";
}

int buf_take(struct buf *b, char **ret, size_t *ret_len)
{
	buf_bytes(b, "", 0); /* at least a NUL */
	int rc = b->rc;
	if (rc) {
		buf_free(b);
		return rc;
	}
	*ret = b->data;
	if (ret_len)
		*ret_len = b->len;
	*b = BUF_INIT(b->max);
	return KE_OK;
}
