/* courier.c — frames in, errands out. The keeper is trusted to ask, so a frame that makes no sense means that something is
 * broken, and the conversation ends; the supervisor then starts both again. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/courier/courier_in.h"
#include "agent/sandbox/sandbox.h"
#include "proto/buf.h"

int64_t courier_now(const struct courier *c)
{
	return clock_boot_ms(c->opt.clock);
}

char *courier_url(const struct courier *c, const char *fmt, ...)
{
	struct buf url = BUF_INIT(4096);
	char *text = NULL;
	va_list ap;

	buf_str(&url, c->opt.config->server);
	va_start(ap, fmt);
	buf_vfmt(&url, fmt, ap);
	va_end(ap);
	return buf_take(&url, &text, NULL) ? NULL : text;
}

void courier_heard(struct courier *c, const struct transfer_answer *a, bool tell_time)
{
	int64_t now = courier_now(c);

	if (a->fault)
		return;
	if (a->retry_after > 0 && (a->status == 429 || a->status == 503))
		c->hold_until = now + a->retry_after * 1000;
	if (a->date <= 0)
		return;
	if (!tell_time && c->time_told >= 0 && now - c->time_told < COURIER_TIME_EVERY_MS)
		return;
	struct frame fr = frame_make(FRAME_SERVER_TIME, 0);
	fr.a = a->date;
	c->time_told = now;
	outbox_send(&c->outbox, &fr, -1);
}

int64_t courier_hold_s(const struct courier *c)
{
	int64_t left = c->hold_until - courier_now(c);

	return left > 0 ? (left + 999) / 1000 : 0;
}

struct errand *errand_new(struct courier *c, uint32_t id)
{
	struct errand *e = calloc(1, sizeof *e);

	if (!e)
		return NULL;
	e->courier = c;
	e->id = id;
	e->next = c->errands;
	if (e->next)
		e->next->prev = e;
	c->errands = e;
	return e;
}

void errand_end(struct errand *e)
{
	if (e->prev)
		e->prev->next = e->next;
	else
		e->courier->errands = e->next;
	if (e->next)
		e->next->prev = e->prev;
	free(e->batch);
	free(e);
}

void errand_failed(struct courier *c, enum frame_type type, uint32_t id, enum frame_status status, int64_t a,
        const struct fault *f, const char *text)
{
	struct frame fr = frame_make(type, id);
	char line[sizeof fr.text];

	fr.status = (int32_t)status;
	fr.a = a;
	frame_say(&fr, "%s", f ? fault_line(f, line, sizeof line) : text);
	outbox_send(&c->outbox, &fr, -1);
}

static void give_up(void *ctx, int rc)
{
	struct courier *c = ctx;

	ev_io_stop(c->opt.loop, &c->ipc);
	c->opt.ended(c->opt.ended_ctx, rc);
}

/* PAYLOAD is taken over. */
static int dispatch(struct courier *c, const struct frame *fr, int payload)
{
	if (payload >= 0 && fr->type != FRAME_PUSH) {
		close(payload);
		return KE_PROTO;
	}
	switch (fr->type) {
	case FRAME_HELLO:
		return fr->a == ROLE_KEEPER ? KE_OK : KE_PROTO;
	case FRAME_FETCH:
		if (fr->b < 1 || (fr->a != FETCH_METADATA && fr->a != FETCH_TARGET))
			return KE_PROTO;
		fetch_begin(c, fr);
		return KE_OK;
	case FRAME_PUSH:
		if (payload < 0)
			return KE_PROTO;
		push_begin(c, fr, payload);
		return KE_OK;
	case FRAME_CONFIRM:
		confirm_begin(c, fr);
		return KE_OK;
	case FRAME_NEWS_FROM:
		if (fr->a < 0)
			return KE_PROTO;
		news_from(c, fr->a);
		return KE_OK;
	default:
		return KE_PROTO;
	}
}

static void on_frame(struct ev_loop *loop, ev_io *io, int events)
{
	struct courier *c = io->data;
	struct frame fr;
	int payload, rc;

	(void)loop;
	(void)events;
	do {
		rc = frame_receive(io->fd, &fr, &payload);
		if (!rc)
			rc = dispatch(c, &fr, payload);
	} while (!rc && ev_is_active(&c->ipc)); /* an answer may have met the end of the socket */
	if (rc && rc != KE_BUSY && ev_is_active(&c->ipc))
		give_up(c, rc);
}

static int transfers_begin(struct courier *c, struct fault *f)
{
	const struct transfer_options to = { .loop = c->opt.loop,
		.clock = c->opt.clock,
		.ca_path = c->opt.config->ca,
		.cert_path = c->cert.cert_path,
		.key_path = c->cert.key_path,
		.proxy = c->opt.config->proxy,
		.connect_ms = c->opt.times.connect_ms };

	return transfers_open(&to, &c->transfers, f);
}

static void tell_confinement(struct courier *c, const struct sandbox_report *r)
{
	struct frame fr = frame_make(FRAME_CONFINED, (uint32_t)r->landlock);

	fr.status = r->seccomp;
	fr.a = (int64_t)r->uid;
	fr.b = (int64_t)r->caps;
	frame_say(&fr, "%s\n%s", r->missing, r->selftest);
	outbox_send(&c->outbox, &fr, -1);
}

int courier_open(const struct courier_options *opt, struct courier **ret, struct fault *f)
{
	struct courier *c = calloc(1, sizeof *c);
	int flags = fcntl(opt->ipc, F_GETFL), rc = KE_OK;

	if (!c)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	if ((flags < 0 || fcntl(opt->ipc, F_SETFL, flags | O_NONBLOCK) ||
	            fcntl(opt->ipc, F_SETFD, FD_CLOEXEC)))
		rc = fault_set(f, KE_USAGE, "--ipc", NULL, "descriptor %d is not open", opt->ipc);
	if (!rc) {
		c->opt = *opt;
		c->time_told = -1;
		rc = hostcert_open(opt->config->state_dir, &c->cert, f);
	}
	if (!rc)
		rc = transfers_begin(c, f);
	if (rc) {
		free(c);
		return rc;
	}
	outbox_open(&c->outbox, opt->loop, opt->ipc, give_up, c);
	ev_io_init(&c->ipc, on_frame, opt->ipc, EV_READ);
	c->ipc.data = c;
	ev_io_start(opt->loop, &c->ipc);
	news_open(c);
	renewal_open(c);
	struct frame hello = frame_make(FRAME_HELLO, 0);
	hello.a = ROLE_COURIER;
	hello.b = getpid();
	frame_say(&hello, "%s", KEDGE_VERSION);
	outbox_send(&c->outbox, &hello, -1);
	if (opt->confined)
		tell_confinement(c, opt->confined);
	*ret = c;
	return KE_OK;
}

void courier_close(struct courier *c)
{
	if (!c)
		return;
	news_close(c);
	renewal_close(c);
	ev_io_stop(c->opt.loop, &c->ipc);
	transfers_close(c->transfers);
	outbox_close(&c->outbox);
	for (struct errand *e = c->errands, *next; e; e = next) {
		next = e->next;
		errand_end(e);
	}
	free(c);
}
