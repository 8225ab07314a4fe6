/* link.c — the keeper's end of the socket to the courier. It says what bytes are wanted and what is to be sent; what comes
 * back is believed in one respect only, that it is what some server said. A courier that talks nonsense or ends is
 * replaced by the supervisor, together with this process. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/ipc/seal.h"
#include "agent/keeper/keeper.h"
#include "proto/log.h"

#define PUSH_BYTES    (256 * 1024)
#define NEWS_MAX      ASSIGNMENT_MAX_BYTES
#define RETRY_FIRST_S 1.0

/* What a courier may ask of this process, whatever it sends: the rest waits in the socket. */
#define FRAMES_A_SECOND 500
#define NEWS_COSTS      25   /* frames: each is parsed */
#define ROUND_EVERY_MS  1000 /* a round reads, verifies and syncs files */
#define ROUND_MOST_MS                                                                                        \
	(15 * 60 * 1000) /* a round is judged by the time of its beginning: it may not last for ever */

/* Full jitter: somewhere between nothing and the doubled pause, so that a fleet does not come back in step. */
static double retry_pause(const struct keeper *k, unsigned failures)
{
	double most = RETRY_FIRST_S;
	uint32_t random = 0;

	for (unsigned i = 1; i < failures && most < (double)k->config->retry_max_s; i++)
		most *= 2;
	if (most > (double)k->config->retry_max_s)
		most = (double)k->config->retry_max_s;
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		random = UINT32_MAX / 2;
	return most * ((double)random / UINT32_MAX) + 0.05;
}

static void end(struct keeper *k, const char *why)
{
	log_error("courier: %s; ending, the supervisor starts both again", why);
	k->exit_code = 1;
	ev_break(k->loop, EVBREAK_ALL);
}

static int link_send(struct keeper *k, const struct frame *fr, int payload)
{
	int rc = frame_send(k->ipc, fr, payload);

	if (rc && rc != KE_BUSY)
		end(k, err_text(rc));
	return rc;
}

static uint32_t new_id(struct keeper *k)
{
	if (!++k->next_id)
		k->next_id = 1;
	return k->next_id;
}

int link_fetch(void *ctx, uint32_t id, enum fetch_where where, const char *name, size_t max)
{
	struct keeper *k = ctx;
	struct frame fr = frame_make(FRAME_FETCH, id);

	if (strlen(name) >= sizeof fr.text)
		return KE_TOOBIG;
	fr.a = where;
	fr.b = (int64_t)max;
	frame_say(&fr, "%s", name);
	/* A courier that does not read is one that has no answer: nothing is refused for it. */
	return link_send(k, &fr, -1) ? KE_HTTP : KE_OK;
}

int link_confirm(struct keeper *k)
{
	struct frame fr = frame_make(FRAME_CONFIRM, new_id(k));
	int rc = link_send(k, &fr, -1);

	k->confirm_id = rc ? 0 : fr.id;
	return rc;
}

static void push_now(struct keeper *k)
{
	struct buf lines = BUF_INIT(PUSH_BYTES + RECORD_MAX_BYTES + 1);
	struct fault f = { 0 };
	int64_t first, last;
	int fd = -1;

	if (k->push_id)
		return; /* one at a time: the chain has an order */
	int rc = spool_read(k->spool, 0, PUSH_BYTES, &lines, &first, &last, &f);
	if (!rc)
		rc = seal_make("records", lines.data, lines.len, &fd, &f);
	if (!rc) {
		struct frame fr = frame_make(FRAME_PUSH, new_id(k));
		fr.a = first;
		fr.b = last;
		if (!link_send(k, &fr, fd)) {
			k->push_id = fr.id;
			k->push_last = last;
			log_debug("records %lld to %lld are on their way", (long long)first, (long long)last);
		}
	} else if (rc != KE_NOENT) {
		log_error("spool: %s", f.what);
	}
	if (fd >= 0)
		close(fd);
	buf_free(&lines);
	if (!k->push_id && rc != KE_NOENT)
		link_push(k, retry_pause(k, ++k->push_failures));
}

static void push_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	push_now(w->data);
}

void link_push(struct keeper *k, double seconds)
{
	if (k->push_id)
		return; /* the answer asks again */
	if (ev_is_pending(&k->push))
		return; /* due in this very turn of the loop; to stop it would take that back */
	if (ev_is_active(&k->push) && ev_timer_remaining(k->loop, &k->push) <= seconds)
		return;
	ev_timer_stop(k->loop, &k->push);
	ev_timer_set(&k->push, seconds, 0.);
	ev_timer_start(k->loop, &k->push);
}

/* "EPOCH SEQ HEAD" of the server: where it says that our chain stands. */
static void forked(struct keeper *k, const char *text)
{
	unsigned char head[SHA256_LEN];
	char epoch_text[17], head_text[65];
	unsigned long long epoch;
	long long seq;
	uint64_t next = 0;
	enum spool_forked how;
	struct fault f = { 0 };

	if (sscanf(text, "%16s %lld %64s", epoch_text, &seq, head_text) != 3 || strlen(epoch_text) != 16 ||
	        sscanf(epoch_text, "%llx", &epoch) != 1 ||
	        !hex_decode(head_text, strlen(head_text), head, sizeof head) ||
	        getrandom(&next, sizeof next, 0) != sizeof next) {
		log_error("the server names no place where our records stand: '%s'", text);
		return;
	}
	int rc = spool_fork(k->spool, epoch, seq, head, next | 1, era_now(k), &how, &f);
	if (rc)
		log_error("spool: %s", f.what);
	else if (how == SPOOL_NEW_EPOCH)
		log_warning("the server has another history of this host; a new epoch was opened");
}

/* Did the send pointer move? What was not sent cannot have come; an answer that moves nothing is a failure, or the same
 * batch would go back and forth for ever. */
static bool acked(struct keeper *k, const struct frame *fr)
{
	struct spool_stats before, after;
	struct fault f = { 0 };

	if (fr->a > k->push_last) {
		log_warning("the server acknowledges %lld, but was sent no more than %lld", (long long)fr->a,
		        (long long)k->push_last);
		return false;
	}
	spool_stats(k->spool, &before);
	if (spool_ack(k->spool, (uint64_t)fr->b, fr->a, era_now(k), &f))
		log_error("spool: %s", f.what);
	spool_stats(k->spool, &after);
	return after.epoch == before.epoch && after.acked_seq > before.acked_seq;
}

static void pushed(struct keeper *k, const struct frame *fr)
{
	if (!fr->id || fr->id != k->push_id)
		return;
	k->push_id = 0;
	log_debug("records to %lld: status %d, acknowledged %lld %s", (long long)k->push_last,
	        (int)fr->status, (long long)fr->a, fr->text);
	if (fr->status == FRAME_OK && acked(k, fr)) {
		k->push_failures = 0;
		link_push(k, 0.);
		return;
	}
	/* A fork is settled at once; one fork after the other is a server that plays with us. */
	bool first = k->push_failures++ == 0;
	if (fr->status == FRAME_FORKED)
		forked(k, fr->text);
	else if (first)
		log_warning("reports wait: %s", fr->status == FRAME_OK ? "nothing was taken" : fr->text);
	link_push(k, first && fr->status == FRAME_FORKED ? 0.2 : retry_pause(k, k->push_failures));
}

/* ---- rounds of looking what is published ---- */

static void refresh_in(struct keeper *k, double seconds)
{
	ev_timer_stop(k->loop, &k->refresh);
	ev_timer_set(&k->refresh, seconds, 0.);
	ev_timer_start(k->loop, &k->refresh);
}

/* The date to judge by, or why there is none. */
static int clock_judge(void *ctx, int64_t *ret, struct fault *f)
{
	const struct keeper *k = ctx;

	if (strcmp(era_state(k), "ahead") == 0)
		return fault_set(f, KE_CLOCK, "clock", "set it, or let the server's clock agree with it",
		        "it is more than 30 days ahead of what is known; nothing new is adopted");
	*ret = era_now(k);
	return KE_OK;
}

static void round_start(struct keeper *k)
{
	int64_t now = clock_boot_ms(k->clock), since = now - k->round_ms;

	if (verify_busy(k->verify) && since >= ROUND_MOST_MS) {
		verify_give_up(k->verify, "an answer was not given in a quarter of an hour");
		return;
	}
	if (verify_busy(k->verify) || k->pending.active) {
		k->again = true;
		if (verify_busy(k->verify))
			refresh_in(k, (double)(ROUND_MOST_MS - since) / 1000. + 1.);
		return;
	}
	if (since < ROUND_EVERY_MS) {
		refresh_in(k, (double)(ROUND_EVERY_MS - since) / 1000.);
		return;
	}
	k->again = false;
	k->round_ms = now;
	int64_t date = 0;
	struct fault f = { 0 };
	if (clock_judge(k, &date, &f)) {
		/* By that clock everything is expired, or nothing is: wait for a word of the server's clock. */
		journalist_refusal(k, REFUSAL_METADATA, "clock", -1, &f);
		journalist_status_soon(k);
		refresh_in(k, (double)k->config->refresh_s);
		return;
	}
	refresh_in(k, ROUND_MOST_MS / 1000. + 1.);
	verify_start(k->verify, date, k->assignment);
}

static void refresh_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	round_start(w->data);
}

void link_refresh(struct keeper *k)
{
	refresh_in(k, 0.);
}

static void round_done(void *ctx, int rc, const struct fault *f)
{
	struct keeper *k = ctx;
	char line[1024];

	if (rc == KE_HTTP) {
		if (k->refresh_failures++ == 0)
			log_warning("the repository cannot be reached; what is applied stays: %s", f->what);
		refresh_in(k, retry_pause(k, k->refresh_failures));
		return;
	}
	k->refresh_failures = 0;
	if (rc) {
		log_warning("metadata refused, what is trusted stays: %s", fault_line(f, line, sizeof line));
		journalist_refusal(k, REFUSAL_METADATA, f->where[0] ? f->where : "metadata", -1, f);
	} else {
		era_save(k);
	}
	refresh_in(k, k->again && !k->pending.active ? 0. : (double)k->config->refresh_s);
	journalist_status_soon(k);
}

static void news(struct keeper *k, const struct frame *fr, int payload)
{
	struct assignment *a = NULL;
	struct fault f = { 0 };
	char *data = NULL, line[1024];
	size_t len;
	int rc = seal_copy(payload, NEWS_MAX, &data, &len, &f);

	if (!rc)
		rc = assignment_parse(data, len, &a, &f);
	if (!rc && strcmp(a->host, k->config->host) != 0)
		rc = fault_set(&f, KE_MISMATCH, "host", NULL, "is for host '%s'", a->host);
	free(data);
	if (rc) {
		log_warning("assignment ignored: %s", fault_line(&f, line, sizeof line));
		assignment_free(a);
		return;
	}
	assignment_free(k->assignment);
	k->assignment = a;
	log_debug("assignment generation=%lld rollouts=%zu", (long long)fr->a, a->n);
	round_start(k);
}

static void fetched(struct keeper *k, const struct frame *fr, int payload)
{
	struct fault f = { 0 };
	char *data = NULL;
	size_t len = 0;

	size_t most = verify_awaits(k->verify, fr->id);

	if (!most)
		return; /* nobody asked */
	if (fr->status == FRAME_OK && seal_copy(payload, most, &data, &len, &f)) {
		verify_fetched(k->verify, fr->id, FRAME_FAILED, NULL, 0, f.what);
		return;
	}
	verify_fetched(k->verify, fr->id, (enum frame_status)fr->status, data, len, fr->text);
	free(data);
}

/* TEXT, of which only what can be printed is taken. */
static void printable(char *to, size_t size, const char *text, size_t len)
{
	size_t n = len < size ? len : size - 1;

	for (size_t i = 0; i < n; i++)
		to[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	to[n] = '\0';
}

/* What the courier says of its confinement. It may lie; nothing depends on it but what is shown. */
static void courier_confined(struct keeper *k, const struct frame *fr)
{
	struct sandbox_report *r = &k->courier_confined;
	size_t missing = strcspn(fr->text, "\n");
	const char *selftest = fr->text + missing + (fr->text[missing] == '\n');

	r->pid = k->courier;
	r->uid = (uid_t)fr->a;
	r->caps = (uint64_t)fr->b;
	r->seccomp = fr->status;
	r->landlock = fr->id <= INT_MAX ? (int)fr->id : 0;
	printable(r->missing, sizeof r->missing, fr->text, missing);
	printable(r->selftest, sizeof r->selftest, selftest, strlen(selftest));
	if (r->missing[0])
		k->confinement = "partial";
	journalist_status_soon(k);
}

static void receive(struct keeper *k, const struct frame *fr, int payload)
{
	bool wants_payload = fr->type == FRAME_NEWS || (fr->type == FRAME_FETCHED && fr->status == FRAME_OK);

	if (wants_payload != (payload >= 0)) {
		end(k, "a frame without its bytes, or with bytes it must not have");
		return;
	}
	switch ((enum frame_type)fr->type) {
	case FRAME_HELLO:
		if (k->courier || fr->b <= 1 || fr->b > INT_MAX)
			break; /* one courier a life */
		k->courier = (pid_t)fr->b;
		journalist_status_soon(k);
		break;
	case FRAME_FETCHED:
		fetched(k, fr, payload);
		break;
	case FRAME_PUSHED:
		pushed(k, fr);
		break;
	case FRAME_CONFIRMED:
		if (fr->id && fr->id == k->confirm_id)
			enforce_confirmed(k, fr->status == FRAME_OK ? KE_OK : KE_HTTP, fr->text);
		break;
	case FRAME_NEWS:
		news(k, fr, payload);
		break;
	case FRAME_CONFINED:
		if (k->courier_confined.pid || !k->courier)
			break; /* once a life, after HELLO */
		courier_confined(k, fr);
		break;
	case FRAME_SERVER_TIME:
		if (era_server_time(k, fr->a))
			link_refresh(k);
		break;
	default:
		end(k, "a frame that couriers do not send");
	}
}

/* Go on reading in the next second? Whoever floods fills only his own end of the socket. */
static bool budget_left(struct keeper *k)
{
	int64_t now = clock_boot_ms(k->clock);

	if (now - k->ipc_second_ms >= 1000) {
		k->ipc_second_ms = now;
		k->ipc_used = 0;
	}
	if (k->ipc_used < FRAMES_A_SECOND)
		return true;
	ev_io_stop(k->loop, &k->ipc_io);
	ev_timer_stop(k->loop, &k->ipc_resume);
	ev_timer_set(&k->ipc_resume, (double)(k->ipc_second_ms + 1000 - now) / 1000., 0.);
	ev_timer_start(k->loop, &k->ipc_resume);
	return false;
}

static void resume_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct keeper *k = w->data;
	(void)revents;

	ev_io_start(loop, &k->ipc_io);
}

static void ipc_ready(struct ev_loop *loop, ev_io *w, int revents)
{
	struct keeper *k = w->data;
	(void)loop;
	(void)revents;

	for (int i = 0; i < 16 && budget_left(k); i++) {
		struct frame fr;
		int payload, rc = frame_receive(k->ipc, &fr, &payload);
		if (rc == KE_BUSY)
			return;
		if (rc) {
			end(k, err_text(rc));
			return;
		}
		k->ipc_used += fr.type == FRAME_NEWS ? NEWS_COSTS : 1;
		receive(k, &fr, payload);
		if (payload >= 0)
			close(payload);
	}
}

void link_open(struct keeper *k, int ipc)
{
	k->ipc = ipc;
	k->round_ms = k->ipc_second_ms = clock_boot_ms(k->clock) - ROUND_EVERY_MS;
	ev_io_init(&k->ipc_io, ipc_ready, ipc, EV_READ);
	ev_init(&k->push, push_timer);
	ev_init(&k->refresh, refresh_timer);
	ev_init(&k->ipc_resume, resume_timer);
	k->ipc_io.data = k->push.data = k->refresh.data = k->ipc_resume.data = k;
}

void link_start(struct keeper *k)
{
	struct frame hello = frame_make(FRAME_HELLO, 0), from = frame_make(FRAME_NEWS_FROM, 0);

	ev_io_start(k->loop, &k->ipc_io);
	hello.a = ROLE_KEEPER;
	hello.b = getpid();
	frame_say(&hello, "%s", KEDGE_VERSION);
	link_send(k, &hello, -1);
	link_send(k, &from, -1);
	refresh_in(k, 0.1);
	link_push(k, 0.1);
}

/* The machine behind rounds is made here, where its owner's functions meet. */
int link_verify_open(struct keeper *k, struct trust *t)
{
	const struct verify_owner owner = { .ctx = k,
		.cache_dir = k->trust_dir,
		.host = k->config->host,
		.facts = &k->facts,
		.fetch = link_fetch,
		.now = clock_judge,
		.floor = enforce_floor,
		.adopt = enforce_adopt,
		.refuse = journalist_refusal,
		.pass = journalist_pass,
		.done = round_done };

	return verify_new(t, &owner, &k->verify);
}
