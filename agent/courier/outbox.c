/* outbox.c — a ring of frames. It is larger than the number of answers that can be due at one time, so a full one means that
 * the keeper has stopped reading, and then there is nobody to work for. */
#include "agent/courier/outbox.h"

#include <unistd.h>

static void drop(struct outbox *o)
{
	int payload = o->rows[o->first].payload;

	if (payload >= 0)
		close(payload);
	o->first = (o->first + 1) % OUTBOX_ROOM;
	o->n--;
}

static void fail(struct outbox *o, int rc)
{
	void (*broken)(void *ctx, int rc) = o->broken;

	while (o->n)
		drop(o);
	ev_io_stop(o->loop, &o->io);
	o->broken = NULL;
	if (broken)
		broken(o->ctx, rc);
}

static void flush(struct outbox *o)
{
	while (o->n && o->broken) {
		int rc = frame_send(o->io.fd, &o->rows[o->first].frame, o->rows[o->first].payload);
		if (rc == KE_BUSY) {
			ev_io_start(o->loop, &o->io);
			return;
		}
		if (rc) {
			fail(o, KE_CLOSED);
			return;
		}
		drop(o);
	}
	ev_io_stop(o->loop, &o->io);
}

static void on_writable(struct ev_loop *loop, ev_io *io, int events)
{
	(void)loop;
	(void)events;
	flush(io->data);
}

void outbox_open(struct outbox *o, struct ev_loop *loop, int fd, void (*broken)(void *ctx, int rc), void *ctx)
{
	*o = (struct outbox){ .loop = loop, .broken = broken, .ctx = ctx };
	ev_io_init(&o->io, on_writable, fd, EV_WRITE);
	o->io.data = o;
}

void outbox_send(struct outbox *o, const struct frame *fr, int payload)
{
	if (!o->broken || o->n == OUTBOX_ROOM) {
		if (payload >= 0)
			close(payload);
		if (o->broken)
			fail(o, KE_TOOBIG);
		return;
	}
	unsigned at = (o->first + o->n++) % OUTBOX_ROOM;
	o->rows[at].frame = *fr;
	o->rows[at].payload = payload;
	flush(o);
}

void outbox_close(struct outbox *o)
{
	o->broken = NULL;
	while (o->n)
		drop(o);
	ev_io_stop(o->loop, &o->io);
}
