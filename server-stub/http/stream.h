/* stream.h — bytes over a non-blocking descriptor, with TLS or (in tests) without. */
#ifndef KEDGE_HTTP_STREAM_H
#define KEDGE_HTTP_STREAM_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stream {
	int fd;    /* owned */
	SSL *ssl;  /* owned; NULL: plain */
	bool dead; /* TLS failed: no alert may be sent any more */
	unsigned
	        budget; /* calls left in this turn of the loop: a fast peer must not keep the others waiting */
	bool want_write; /* the last call waits for room to write (else: for bytes to read) */
};

#define STREAM_WAIT 0    /* nothing now; see want_write */
#define STREAM_GONE (-1) /* the other side is gone, or broke the protocol */

/* 1: the handshake is complete; STREAM_WAIT; STREAM_GONE. */
int stream_handshake(struct stream *s);
/* Bytes read or written (> 0), STREAM_WAIT or STREAM_GONE. SIZE must not be 0. */
ssize_t stream_read(struct stream *s, void *data, size_t size);
ssize_t stream_write(struct stream *s, const void *data, size_t len);
/* Nothing more will be written: close_notify (sent once, its answer not awaited) and FIN. */
void stream_finish(struct stream *s);
/* Throw away up to SIZE bytes that came after stream_finish(), undecrypted. As stream_read(). */
ssize_t stream_discard(struct stream *s, size_t size);
void stream_close(struct stream *s);

#endif
