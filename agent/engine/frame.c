/* frame.c — the one place that knows the bytes of a record. Refuses, as a whole, anything whose length or checksum does
 * not fit. Called by journal.c and original.c. */
#include "agent/engine/frame.h"

#include <stdlib.h>
#include <string.h>

#include "proto/codec.h"

#define TEXT_NULL 0xffffffffU

static void le_put(unsigned char *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

static uint64_t le_get(const unsigned char *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

void frame_u32(struct buf *b, uint32_t v)
{
	unsigned char p[4];

	le_put(p, v, 4);
	buf_bytes(b, p, 4);
}

void frame_u64(struct buf *b, uint64_t v)
{
	unsigned char p[8];

	le_put(p, v, 8);
	buf_bytes(b, p, 8);
}

void frame_text(struct buf *b, const char *s)
{
	size_t len = s ? strlen(s) : 0;

	frame_u32(b, s ? (uint32_t)len : TEXT_NULL);
	if (len)
		buf_bytes(b, s, len);
}

void frame_put(struct buf *out, struct buf *payload)
{
	unsigned char len[4];

	if (payload->rc) {
		out->rc = out->rc ? out->rc : payload->rc;
		return;
	}
	le_put(len, payload->len, 4);
	uint32_t crc = crc32c(crc32c(0, len, 4), buf_text(payload), payload->len);
	buf_bytes(out, len, 4);
	frame_u32(out, crc);
	buf_bytes(out, buf_text(payload), payload->len);
	buf_clear(payload);
}

struct frame_reader frame_open(const void *data, size_t len, const char magic[FRAME_MAGIC_LEN])
{
	struct frame_reader r = { .at = data, .left = len };

	r.ok = len >= FRAME_MAGIC_LEN && memcmp(data, magic, FRAME_MAGIC_LEN) == 0;
	if (r.ok) {
		r.at += FRAME_MAGIC_LEN;
		r.left -= FRAME_MAGIC_LEN;
	}
	return r;
}

/* N bytes, or NULL and a broken reader. */
static const unsigned char *take(struct frame_reader *r, size_t n)
{
	const unsigned char *p = r->at;

	if (!r->ok || r->left < n) {
		r->ok = false;
		return NULL;
	}
	r->at += n;
	r->left -= n;
	return p;
}

struct frame_reader frame_next(struct frame_reader *r)
{
	struct frame_reader inner = { .ok = false };
	const unsigned char *head = take(r, 8);

	if (!head)
		return inner;
	size_t len = (size_t)le_get(head, 4);
	const unsigned char *payload = take(r, len);
	if (payload && crc32c(crc32c(0, head, 4), payload, len) == (uint32_t)le_get(head + 4, 4))
		return (struct frame_reader){ .at = payload, .left = len, .ok = true };
	r->ok = false;
	return inner;
}

uint32_t frame_take_u32(struct frame_reader *r)
{
	const unsigned char *p = take(r, 4);

	return p ? (uint32_t)le_get(p, 4) : 0;
}

uint64_t frame_take_u64(struct frame_reader *r)
{
	const unsigned char *p = take(r, 8);

	return p ? le_get(p, 8) : 0;
}

void frame_take_bytes(struct frame_reader *r, void *data, size_t len)
{
	const unsigned char *p = take(r, len);

	if (p)
		memcpy(data, p, len);
	else
		memset(data, 0, len);
}

char *frame_take_text(struct frame_reader *r)
{
	uint32_t len = frame_take_u32(r);

	if (!r->ok || len == TEXT_NULL)
		return NULL;
	const unsigned char *p = take(r, len);
	bool fits = p && (len == 0 || !memchr(p, '\0', len));
	char *s = fits ? malloc((size_t)len + 1) : NULL;
	if (!s) {
		r->ok = false;
		r->nomem = fits;
		return NULL;
	}
	memcpy(s, p, len);
	s[len] = '\0';
	return s;
}

int frame_end(const struct frame_reader *r, bool fits)
{
	if (r->nomem)
		return KE_NOMEM;
	return fits && r->ok && r->left == 0 ? KE_OK : KE_SYNTAX;
}
