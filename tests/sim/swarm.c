/* swarm.c — a host's day: report, adopt, poll; come back after a pause when the server does not answer; reboot and drift as the
 * weather says. One loop, no threads. */
#include "tests/sim/swarm_in.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/x509.h>

#include "certs/cert.h"
#include "certs/key.h"
#include "certs/tls.h"
#include "proto/fileio.h"

#define ROOT_MAX     (1u << 20)
#define BATCH_MAX    (512u << 10)
#define RETRY_FIRST  1000
#define RETRY_MAX    300000
#define WEATHER_TICK 0.1

uint64_t swarm_draw(struct swarm *s)
{
	uint64_t z = s->random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

int64_t swarm_now(void)
{
	return clock_wall(&clock_system);
}

static double precise_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void host_trouble(struct sim_host *h, const char *what, const struct fault *f)
{
	char line[1024];

	snprintf(h->swarm->trouble, sizeof h->swarm->trouble, "%s: %s: %.180s", h->id, what,
	        fault_line(f, line, sizeof line));
}

void host_stage(struct sim_host *h, int64_t serial, int stage)
{
	struct swarm *s = h->swarm;
	struct swarm_counts *c = &s->counts;
	double now = precise_now();

	if (serial > s->newest) { /* the first to hear of it */
		s->newest = serial;
		c->told = c->written = c->reported = c->ended = 0;
		c->confirmed = c->failed = c->reverted = 0;
		c->first_told = now;
	}
	if (h->counted != serial)
		h->stage = 0;
	h->counted = serial;
	if (serial != s->newest || stage <= h->stage)
		return;
	h->stage = (unsigned char)stage;
	c->told += stage == STAGE_TOLD;
	c->written += stage == STAGE_WRITTEN;
	c->reported += stage == STAGE_REPORTED;
	c->ended += stage == STAGE_ENDED;
	*(stage == STAGE_WRITTEN       ? &c->last_written
	        : stage == STAGE_ENDED ? &c->last_ended
	                               : &c->last_reported) = now;
	s->opt.moved(s->opt.ctx);
}

/* ---- one request after the other ---- */

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct sim_host *h = timer->data;

	(void)loop;
	(void)events;
	h->away = false;
	host_go(h);
}

void host_after(struct sim_host *h, double seconds)
{
	ev_timer_stop(h->swarm->opt.loop, &h->timer);
	ev_timer_set(&h->timer, seconds, 0.0);
	ev_timer_start(h->swarm->opt.loop, &h->timer);
}

static void unpark(struct sim_host *h)
{
	h->swarm->counts.parked -= h->parked;
	h->parked = false;
}

void host_retreat(struct sim_host *h)
{
	unpark(h);
	wire_close(h->wire);
	h->wire = NULL;
	h->sending = 0;
	h->swarm->counts.lost++;
	adopt_drop(h);
	host_after(h, (double)backoff_failed(&h->backoff, swarm_draw(h->swarm), 0) / 1000);
}

static void reported(void *ctx, const struct wire_answer *a)
{
	struct sim_host *h = ctx;
	struct fault f = { 0 };

	if (a->status != 200) {
		if (a->status) {
			fault_set(&f, KE_HTTP, "reports", NULL, "status %d %.100s", a->status, a->body);
			host_trouble(h, "its records", &f);
		}
		host_retreat(h);
		return;
	}
	backoff_succeeded(&h->backoff);
	buf_drop(&h->outbox, h->sending);
	h->sending = 0;
	if (h->stage == STAGE_WRITTEN)
		host_stage(h, h->counted, STAGE_REPORTED);
	if (!h->outbox.len) { /* a parked host keeps no memory for it */
		size_t max = h->outbox.max;
		buf_free(&h->outbox);
		h->outbox = (struct buf)BUF_INIT(max);
		if (h->stage == STAGE_REPORTED && !h->adoption)
			host_stage(h, h->counted, STAGE_ENDED);
	}
	host_go(h);
}

/* Whole lines, up to BATCH_MAX. */
static void report(struct sim_host *h)
{
	char path[128];
	size_t len = h->outbox.len;

	if (len > BATCH_MAX) {
		len = BATCH_MAX;
		while (len && h->outbox.data[len - 1] != '\n')
			len--;
	}
	snprintf(path, sizeof path, "/v1/hosts/%s/reports", h->id);
	h->sending = len;
	if (!wire_ask(h->wire, "POST", path, "Content-Type: application/x-ndjson\r\n", h->outbox.data, len,
	            reported, h))
		host_retreat(h);
}

static void polled(void *ctx, const struct wire_answer *a)
{
	struct sim_host *h = ctx;
	struct fault f = { 0 };

	unpark(h);
	if (a->status != 200 && a->status != 204) {
		if (a->status) {
			fault_set(&f, KE_HTTP, "assignment", NULL, "status %d %.100s", a->status, a->body);
			host_trouble(h, "its poll", &f);
		}
		host_retreat(h);
		return;
	}
	backoff_succeeded(&h->backoff);
	if (a->status == 200)
		adopt_begin(h, a->body, a->len);
	host_go(h);
}

static void poll(struct sim_host *h)
{
	char path[160];

	snprintf(path, sizeof path, "/v1/hosts/%s/assignment?wait=%lld&generation=%lld", h->id,
	        (long long)h->swarm->opt.poll_s, (long long)h->generation);
	if (!wire_ask(h->wire, "GET", path, "", NULL, 0, polled, h)) {
		host_retreat(h);
		return;
	}
	h->parked = true;
	h->swarm->counts.parked++;
	h->swarm->opt.moved(h->swarm->opt.ctx);
}

void host_go(struct sim_host *h)
{
	struct wire_to to = h->swarm->as_host;

	if (h->away || h->sending || h->parked)
		return;
	to.cert = h->cert;
	to.key = h->key;
	if (!h->wire && !(h->wire = wire_open(&to)))
		host_retreat(h);
	else if (h->outbox.len)
		report(h);
	else if (h->adoption)
		adopt_go(h);
	else
		poll(h);
}

/* ---- weather ---- */

static void reboot(struct sim_host *h)
{
	if (h->away || !h->parked)
		return;
	unpark(h);
	wire_close(h->wire);
	h->wire = NULL;
	h->away = true;
	h->boot_id[0] = h->boot_id[0] == 'a' ? 'b' : 'a';
	h->swarm->counts.reboots++;
	say_status(h);
	host_after(h, 5 + (double)(swarm_draw(h->swarm) % 1000) / 100);
}

/* A drift is urgent: the agent has a second connection for it; this one gives up its poll. */
static void drift(struct sim_host *h)
{
	if (h->away || !h->parked)
		return;
	unpark(h);
	wire_close(h->wire);
	h->wire = NULL;
	say_drift(h);
	host_go(h);
}

static void on_weather(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct swarm *s = timer->data;
	const uint64_t scale = 1u << 20, tick = (uint64_t)(WEATHER_TICK * (double)scale);

	(void)loop;
	(void)events;
	for (uint64_t n = s->opt.drifts * tick + swarm_draw(s) % scale; n >= scale; n -= scale)
		drift(&s->hosts[swarm_draw(s) % s->opt.hosts]);
	for (uint64_t n = s->opt.reboots * tick + swarm_draw(s) % scale; n >= scale; n -= scale)
		reboot(&s->hosts[swarm_draw(s) % s->opt.hosts]);
}

/* ---- opening and closing ---- */

static int hosts_make(struct swarm *s, struct fault *f)
{
	s->hosts = calloc(s->opt.hosts, sizeof *s->hosts);
	if (!s->hosts)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	for (uint32_t i = 0; i < s->opt.hosts; i++) {
		struct sim_host *h = &s->hosts[i];
		h->swarm = s;
		h->index = i;
		h->backoff = (struct backoff){ .first_ms = RETRY_FIRST, .max_ms = RETRY_MAX };
		ev_init(&h->timer, on_timer);
		h->timer.data = h;
	}
	return KE_OK;
}

static int contexts(struct swarm *s, struct fault *f)
{
	struct tls_client conf = {
		.server_name = "127.0.0.1", .ca_path = s->opt.ca_path, .clock = &clock_system
	};
	struct wire_to to = { .loop = s->opt.loop, .sums = &s->counts.wire };

	to.addr.sin_family = AF_INET;
	to.addr.sin_port = htons(s->opt.port);
	to.addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->as_host = s->as_operator = to;
	int rc = tls_client_open(&conf, &s->as_host.tls, f);
	conf.cert_path = s->opt.operator_cert;
	conf.key_path = s->opt.operator_key;
	return rc ? rc : tls_client_open(&conf, &s->as_operator.tls, f);
}

int swarm_open(const struct swarm_options *opt, struct swarm **ret, struct fault *f)
{
	struct swarm *s = calloc(1, sizeof *s);
	int rc = s ? KE_OK : fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");

	if (rc)
		return rc;
	s->opt = *opt;
	s->random = opt->seed;
	ev_timer_init(&s->weather, on_weather, WEATHER_TICK, WEATHER_TICK);
	s->weather.data = s;
	rc = file_read(opt->root_path, ROOT_MAX, &s->root, &s->root_len, f);
	if (!rc)
		rc = contexts(s, f);
	if (!rc)
		rc = hosts_make(s, f);
	if (rc) {
		swarm_close(s);
		return rc;
	}
	if (opt->drifts || opt->reboots)
		ev_timer_start(opt->loop, &s->weather);
	enrol_more(s);
	*ret = s;
	return KE_OK;
}

void swarm_counts(const struct swarm *s, struct swarm_counts *ret)
{
	*ret = s->counts;
}

const char *swarm_trouble(const struct swarm *s)
{
	return s->trouble;
}

void swarm_close(struct swarm *s)
{
	if (!s)
		return;
	ev_timer_stop(s->opt.loop, &s->weather);
	for (size_t i = 0; i < SWARM_MAKERS; i++)
		wire_close(s->makers[i].wire);
	for (uint32_t i = 0; s->hosts && i < s->opt.hosts; i++) {
		struct sim_host *h = &s->hosts[i];
		adopt_drop(h);
		wire_close(h->wire);
		ev_timer_stop(s->opt.loop, &h->timer);
		buf_free(&h->outbox);
		signkey_free(h->sign);
		key_free(h->key);
		X509_free(h->cert);
	}
	SSL_CTX_free(s->as_host.tls);
	SSL_CTX_free(s->as_operator.tls);
	free(s->hosts);
	file_free(s->root);
	free(s);
}
