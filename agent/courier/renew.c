/* renew.c — a new key and certificate before the old one ends (certs/renew.h says when). The old pair is in use until the new
 * one is complete; connections that are open keep the old one, new ones read the files. */
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "agent/courier/courier_in.h"
#include "agent/courier/problem.h"
#include "certs/cert.h"
#include "certs/csr.h"
#include "certs/est.h"
#include "certs/key.h"
#include "certs/renew.h"
#include "proto/log.h"

#define LOOK_EVERY_S 3600

static void look_in(struct courier *c, int64_t seconds)
{
	if (seconds < 1)
		seconds = 1;
	if (seconds > LOOK_EVERY_S)
		seconds = LOOK_EVERY_S;
	ev_timer_stop(c->opt.loop, &c->renewal.timer);
	ev_now_update(c->opt.loop);
	ev_timer_set(&c->renewal.timer, (double)seconds, 0.0);
	ev_timer_start(c->opt.loop, &c->renewal.timer);
}

/* Validity of the certificate in use. */
static int current(const struct courier *c, int64_t *ret_from, int64_t *ret_to, struct fault *f)
{
	struct stack_st_X509 *list = NULL;
	int rc = cert_list_load(c->cert.cert_path, &list, f);

	if (!rc)
		rc = cert_validity(sk_X509_value(list, 0), ret_from, ret_to);
	cert_list_free(list);
	return rc;
}

static void failed(struct courier *c, const struct fault *f)
{
	const char *host = c->opt.config->host;
	int64_t from = 0, to = 0, now = clock_wall(c->opt.clock);
	char line[1024];

	current(c, &from, &to, NULL);
	int64_t wait = renew_backoff(now, to, c->renewal.attempts++, host, strlen(host));
	log_warning("certificate not renewed days_left=%lld retry_s=%lld reason=\"%s\"",
	        (long long)((to - now) / 86400), (long long)wait, fault_line(f, line, sizeof line));
	look_in(c, wait);
}

static int take(struct courier *c, const struct transfer_answer *a, struct fault *f)
{
	struct stack_st_X509 *list = NULL, *own = NULL;
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	int rc = hostcert_new_key(&c->cert, &key, f);

	if (!rc)
		rc = est_certs_decode(a->body, a->len, &list, f);
	if (!rc)
		rc = est_cert_for(list, key, &cert, f);
	if (!rc)
		rc = cert_list_of(cert, NULL, &own);
	if (!rc)
		rc = hostcert_accept(&c->cert, key, own, f);
	cert_list_free(own);
	cert_list_free(list);
	cert_free(cert);
	key_free(key);
	return rc;
}

static void renewed(void *ctx, const struct transfer_answer *a)
{
	struct courier *c = ctx;
	struct fault f = { 0 };
	char text[PROBLEM_TEXT_ROOM];
	int rc = KE_OK;

	c->renewal.transfer = 0;
	courier_heard(c, a, false);
	if (a->fault) {
		failed(c, a->fault);
		return;
	}
	if (a->status != 200)
		rc = fault_set(
		        &f, KE_HTTP, "renewal", NULL, "%s", problem_text(a->status, a->body, a->len, text));
	if (!rc)
		rc = take(c, a, &f);
	if (rc) {
		failed(c, &f);
		return;
	}
	c->renewal.attempts = 0;
	log_info("certificate renewed");
	look_in(c, LOOK_EVERY_S);
}

static int ask(struct courier *c, struct fault *f)
{
	char *url = courier_url(c, "/.well-known/est/simplereenroll"), *body = NULL;
	EVP_PKEY *key = NULL;
	size_t len = 0;
	int rc = url ? hostcert_new_key(&c->cert, &key, f) : fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");

	if (!rc)
		rc = csr_make_base64(key, c->opt.config->host, &body, &len, f);
	const struct transfer_request rq = { .url = url,
		.type = "application/pkcs10",
		.body = body,
		.len = len,
		.base64 = true,
		.max = EST_BODY_MAX,
		.timeout_ms = c->opt.times.fetch_ms };
	if (!rc)
		rc = transfer_start(c->transfers, &rq, renewed, c, &c->renewal.transfer, f);
	key_free(key);
	free(body);
	free(url);
	return rc;
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct courier *c = timer->data;
	const char *host = c->opt.config->host;
	int64_t from, to, now = clock_wall(c->opt.clock);
	struct fault f = { 0 };

	(void)loop;
	(void)events;
	if (current(c, &from, &to, &f)) { /* not enrolled yet */
		look_in(c, LOOK_EVERY_S);
		return;
	}
	int64_t due = renew_time(from, to, host, strlen(host));
	if (now < due)
		look_in(c, due - now);
	else if (ask(c, &f))
		failed(c, &f);
}

void renewal_open(struct courier *c)
{
	ev_init(&c->renewal.timer, on_timer);
	c->renewal.timer.data = c;
	ev_timer_set(&c->renewal.timer, 0.0, 0.0);
	ev_timer_start(c->opt.loop, &c->renewal.timer);
}

void renewal_close(struct courier *c)
{
	ev_timer_stop(c->opt.loop, &c->renewal.timer);
}
