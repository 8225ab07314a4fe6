/* outbox.h — frames on their way to the keeper. Sending never blocks; what the socket has no room for waits here. */
#ifndef KEDGE_AGENT_COURIER_OUTBOX_H
#define KEDGE_AGENT_COURIER_OUTBOX_H

#include <ev.h>

#include "agent/ipc/frame.h"

#define OUTBOX_ROOM 64

struct outbox {
	struct ev_loop *loop;
	ev_io io;
	void (*broken)(void *ctx,
	        int rc); /* the socket's end (KE_CLOSED) or a keeper that does not read (KE_TOOBIG) */
	void *ctx;
	unsigned first, n;
	struct {
		struct frame frame;
		int payload;
	} rows[OUTBOX_ROOM];
};

/* FD stays the caller's. BROKEN is called from outbox_send() or the loop, at most once. */
void outbox_open(
        struct outbox *o, struct ev_loop *loop, int fd, void (*broken)(void *ctx, int rc), void *ctx);
/* Send FR in order; PAYLOAD (-1: none) is taken over. */
void outbox_send(struct outbox *o, const struct frame *fr, int payload);
void outbox_close(struct outbox *o);

#endif
