/* frame.h — framed, checked records: the byte form of the journal and of the originals.
 *
 *	file  := magic (8 bytes) frame*
 *	frame := length (u32) crc32c of length and payload (u32) payload
 *
 * Integers are little-endian. Strings are a u32 length and bytes without NUL; length 0xffffffff is NULL. Reading never goes
 * behind the bytes given, and any changed or missing byte is an error of the whole.
 */
#ifndef KEDGE_AGENT_ENGINE_FRAME_H
#define KEDGE_AGENT_ENGINE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/buf.h"
#include "proto/err.h"

#define FRAME_MAGIC_LEN 8

void frame_u32(struct buf *b, uint32_t v);
void frame_u64(struct buf *b, uint64_t v);
void frame_text(struct buf *b, const char *s);
/* Append PAYLOAD to OUT as one frame and empty it; an error of PAYLOAD sticks in OUT. */
void frame_put(struct buf *out, struct buf *payload);

/* A cursor over bytes. After the first thing that does not fit, ok is false and everything read is 0 or NULL. */
struct frame_reader {
	const unsigned char *at;
	size_t left;
	bool ok;
	bool nomem; /* not ok because memory ended: says nothing about the bytes */
};

/* Begin reading a file of LEN bytes; ok is false when MAGIC is not there. */
struct frame_reader frame_open(const void *data, size_t len, const char magic[FRAME_MAGIC_LEN]);
/* The next frame's payload as a reader of its own. */
struct frame_reader frame_next(struct frame_reader *r);
uint32_t frame_take_u32(struct frame_reader *r);
uint64_t frame_take_u64(struct frame_reader *r);
void frame_take_bytes(struct frame_reader *r, void *data, size_t len);
/* A newly allocated string, or NULL: with ok when it was NULL, without when it does not fit or memory ended. */
char *frame_take_text(struct frame_reader *r);
/* Everything read, nothing left, and what was read FITS: 0. KE_NOMEM when memory ended on the way: then nobody knows. Else KE_SYNTAX. */
int frame_end(const struct frame_reader *r, bool fits);

#endif
