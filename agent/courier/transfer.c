/* transfer.c — libcurl's multi interface on libev. Each transfer has a slot that lives as long as all of them, because a
 * connection, and the judgement of its certificate, can outlive the transfer that opened it. Refuses what libcurl would do
 * by itself: follow, fall back, read the environment. Called by everything in this folder that asks the server. */
#include "agent/courier/transfer.h"

#include <curl/curl.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/courier/backoff.h"
#include "certs/tls.h"
#include "proto/buf.h"
#include "proto/memory.h"

#define URL_HOST_ROOM  256
#define ETAG_ROOM      64
#define SLOW_BYTES     512L /* a second, over SLOW_SECONDS: slower is a stalled server */
#define SLOW_SECONDS   20L
#define CONNECTION_AGE 3600L /* then a new one, with the certificate of that day */

struct slot {
	struct transfers *all;
	uint64_t handle; /* 0: free */
	CURL *easy;
	struct curl_slist *fields;
	transfer_done *done;
	void *ctx;
	struct buf body;
	bool too_big, fresh;
	size_t max;
	char etag[ETAG_ROOM];
	int64_t date;
	char host[URL_HOST_ROOM];
	char said[CURL_ERROR_SIZE];
	struct verdict verdict;
	struct fault tls; /* from our side of the TLS configuration */
};

struct transfers {
	struct ev_loop *loop;
	const struct clock *clock;
	CURLM *multi;
	ev_timer timer;
	char *ca_path, *cert_path, *key_path, *proxy;
	unsigned char pin[SHA256_LEN];
	bool pinned;
	int64_t connect_ms;
	uint64_t last_handle;
	struct slot slots[TRANSFERS_MAX];
};

/* One descriptor that libcurl waits for. */
struct watch {
	ev_io io;
	struct transfers *all;
};

/* ---- what an answer was ---- */

static int curl_fault(struct slot *s, CURLcode code, struct fault *f)
{
	const char *words = s->said[0] ? s->said : curl_easy_strerror(code);

	if (s->tls.code) {
		*f = s->tls;
		return f->code;
	}
	if (s->verdict.reason != VERIFY_OK) {
		verdict_fault(&s->verdict, f);
		return f->code;
	}
	if (s->too_big)
		return fault_set(f, KE_TOOBIG, s->host, NULL, "the answer is larger than %zu bytes", s->max);
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return fault_set(f, KE_TIMEOUT, s->host, NULL, "%s", words);
	case CURLE_OUT_OF_MEMORY:
		return fault_set(f, KE_NOMEM, s->host, NULL, "%s", "");
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ENGINE_INITFAILED:
		return fault_set(f, KE_TLS, s->host, NULL, "%s", words);
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return fault_set(
		        f, KE_CLOSED, s->host, "check the name in agent.conf and the resolver", "%s", words);
	case CURLE_COULDNT_CONNECT:
		return fault_set(
		        f, KE_CLOSED, s->host, "check the network and whether the server runs", "%s", words);
	default: /* with TLS 1.3 a refused client certificate shows here, as a read error */
		return fault_set(f, KE_CLOSED, s->host, NULL, "%s", words);
	}
}

static int64_t retry_after(CURL *easy)
{
	curl_off_t seconds = 0;

	if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) || seconds < 0)
		return 0;
	return seconds > BACKOFF_RETRY_AFTER_MAX_S ? BACKOFF_RETRY_AFTER_MAX_S : (int64_t)seconds;
}

static int answer_fill(struct slot *s, CURLcode code, struct transfer_answer *a, struct fault *f)
{
	long status = 0, connects = 0;

	if (code != CURLE_OK)
		return curl_fault(s, code, f);
	if (s->body.rc)
		return fault_set(f, s->body.rc, s->host, NULL, "%s", "");
	curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(s->easy, CURLINFO_NUM_CONNECTS, &connects);
	if (s->fresh && connects < 1)
		return fault_set(f, KE_PROTO, s->host, NULL, "no new connection was made");
	*a = (struct transfer_answer){ .status = (int)status,
		.body = buf_text(&s->body),
		.len = s->body.len,
		.etag = s->etag,
		.date = s->date,
		.retry_after = retry_after(s->easy) };
	return KE_OK;
}

static void slot_clear(struct slot *s)
{
	if (s->easy) {
		curl_multi_remove_handle(s->all->multi, s->easy);
		curl_easy_cleanup(s->easy);
	}
	curl_slist_free_all(s->fields);
	buf_free(&s->body);
	s->easy = NULL;
	s->fields = NULL;
	s->handle = 0;
}

/* The slot is free before the callback runs, which may want it. What the answer points to is kept until after. */
static void slot_finish(struct slot *s, CURLcode code)
{
	struct transfer_answer a = { 0 };
	struct fault f = { 0 };
	char etag[ETAG_ROOM];
	transfer_done *done = s->done;
	void *ctx = s->ctx;

	if (answer_fill(s, code, &a, &f))
		a = (struct transfer_answer){ .fault = &f };
	struct buf body = s->body;
	s->body = BUF_INIT(0);
	memcpy(etag, s->etag, sizeof etag);
	slot_clear(s);
	a.body = buf_text(&body);
	a.etag = a.fault ? "" : etag;
	done(ctx, &a);
	buf_free(&body);
}

static void finish_all(struct transfers *t)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(t->multi, &left))) {
		char *at = NULL;
		if (msg->msg != CURLMSG_DONE)
			continue;
		CURLcode code = msg->data.result; /* MSG dies with the handle */
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &at);
		slot_finish((struct slot *)(void *)at, code);
		memory_give_back(); /* until the next request it is a long time */
	}
}

/* ---- libcurl on libev ---- */

static void on_ready(struct ev_loop *loop, ev_io *io, int events)
{
	const struct watch *w = io->data;
	struct transfers *t = w->all;
	int running,
	        what = (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0);

	(void)loop;
	curl_multi_socket_action(t->multi, io->fd, what, &running); /* may free W */
	finish_all(t);
}

static void on_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct transfers *t = timer->data;
	int running;

	(void)loop;
	(void)events;
	curl_multi_socket_action(t->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finish_all(t);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *mine)
{
	struct transfers *t = user;
	struct watch *w = mine;

	(void)easy;
	if (w)
		ev_io_stop(t->loop, &w->io);
	if (what == CURL_POLL_REMOVE) {
		curl_multi_assign(t->multi, fd, NULL);
		free(w);
		return 0;
	}
	if (!w) {
		w = calloc(1, sizeof *w);
		if (!w)
			return -1;
		w->all = t;
		w->io.data = w;
		ev_init(&w->io, on_ready);
		curl_multi_assign(t->multi, fd, w);
	}
	ev_io_set(&w->io, fd, (what != CURL_POLL_OUT ? EV_READ : 0) | (what != CURL_POLL_IN ? EV_WRITE : 0));
	ev_io_start(t->loop, &w->io);
	return 0;
}

static int want_timer(CURLM *multi, long ms, void *user)
{
	struct transfers *t = user;

	(void)multi;
	ev_timer_stop(t->loop, &t->timer);
	if (ms >= 0) {
		ev_now_update(t->loop);
		ev_timer_set(&t->timer, (double)ms / 1000.0, 0.0);
		ev_timer_start(t->loop, &t->timer);
	}
	return 0;
}

/* ---- one request ---- */

static size_t on_body(char *data, size_t one, size_t n, void *user)
{
	struct slot *s = user;
	long status = 0;

	(void)one;
	curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	size_t max = status == 200 ? s->max : TRANSFER_PROBLEM_MAX;
	if (n > max - s->body.len) {
		s->too_big = true;
		return 0;
	}
	buf_bytes(&s->body, data, n);
	return s->body.rc ? 0 : n;
}

/* The value of field NAME when LINE (N bytes, not terminated) is it: trimmed, into TEXT. */
static bool field_is(const char *line, size_t n, const char *name, char *text, size_t size)
{
	size_t len = strlen(name);

	if (n <= len || strncasecmp(line, name, len) != 0 || line[len] != ':')
		return false;
	const char *at = line + len + 1, *end = line + n;
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (end > at && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if ((size_t)(end - at) >= size)
		return false;
	memcpy(text, at, (size_t)(end - at));
	text[end - at] = '\0';
	return true;
}

static size_t on_field(char *line, size_t one, size_t n, void *user)
{
	struct slot *s = user;
	char date[64];

	(void)one;
	if (n > 5 && memcmp(line, "HTTP/", 5) == 0) { /* another head: of a 100 Continue, say */
		s->etag[0] = '\0';
		s->date = 0;
	}
	field_is(line, n, "etag", s->etag, sizeof s->etag);
	if (field_is(line, n, "date", date, sizeof date)) {
		time_t when = curl_getdate(date, NULL);
		s->date = when > 0 ? (int64_t)when : 0;
	}
	return n;
}

static CURLcode on_tls(CURL *easy, void *ssl_ctx, void *user)
{
	struct slot *s = user;
	const struct transfers *t = s->all;
	const struct tls_client conf = { .server_name = s->host,
		.ca_path = t->pinned ? NULL : t->ca_path,
		.pin = t->pinned ? t->pin : NULL,
		.cert_path = t->cert_path,
		.key_path = t->key_path,
		.clock = t->clock,
		.verdict = &s->verdict };

	(void)easy;
	return tls_client_configure(ssl_ctx, &conf, &s->tls) ? CURLE_SSL_CERTPROBLEM : CURLE_OK;
}

/* The host of URL, as certificates name it. */
static int url_host(const char *url, char host[URL_HOST_ROOM], struct fault *f)
{
	CURLU *u = curl_url();
	char *text = NULL;
	int rc = KE_OK;

	if (!u)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	if (strncmp(url, "https://", 8) != 0 || curl_url_set(u, CURLUPART_URL, url, CURLU_PATH_AS_IS) ||
	        curl_url_get(u, CURLUPART_HOST, &text, 0))
		rc = fault_set(f, KE_NAME, url, NULL, "is no https URL");
	size_t len = text ? strlen(text) : 0;
	bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
	if (!rc && snprintf(host, URL_HOST_ROOM, "%.*s", (int)(brackets ? len - 2 : len),
	                   brackets ? text + 1 : text) >= URL_HOST_ROOM)
		rc = fault_set(f, KE_NAME, url, NULL, "has too long a host name");
	curl_free(text);
	curl_url_cleanup(u);
	return rc;
}

#define SET(option, value) (rc = rc ? rc : curl_easy_setopt(s->easy, option, value))

/* What holds for every request. */
static CURLcode set_always(struct slot *s)
{
	const struct transfers *t = s->all;
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_PROXY, t->proxy ? t->proxy : ""); /* "": none, whatever the environment says */
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_USERAGENT, "kedge-courier/" KEDGE_VERSION);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)t->connect_ms);
	SET(CURLOPT_MAXLIFETIME_CONN, CONNECTION_AGE);
	SET(CURLOPT_CAINFO, NULL); /* certs/tls.h brings the CAs; a default bundle costs 30 ms */
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
	SET(CURLOPT_SSL_CTX_FUNCTION, on_tls);
	SET(CURLOPT_SSL_CTX_DATA, s);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, s);
	SET(CURLOPT_HEADERFUNCTION, on_field);
	SET(CURLOPT_HEADERDATA, s);
	SET(CURLOPT_ERRORBUFFER, s->said);
	SET(CURLOPT_PRIVATE, s);
	return rc;
}

/* An empty VALUE takes away a field that libcurl would send. */
static int add_field(struct slot *s, const char *name, const char *value)
{
	char line[128];

	snprintf(line, sizeof line, "%s:%s%s", name, *value ? " " : "", value);
	struct curl_slist *longer = curl_slist_append(s->fields, line);
	if (!longer)
		return KE_NOMEM;
	s->fields = longer;
	return KE_OK;
}

static CURLcode set_body(struct slot *s, const struct transfer_request *rq)
{
	CURLcode rc = CURLE_OK;

	if (!rq->type)
		return rc;
	if (add_field(s, "Content-Type", rq->type) || add_field(s, "Expect", "") ||
	        (rq->gzip && add_field(s, "Content-Encoding", "gzip")) ||
	        (rq->base64 && add_field(s, "Content-Transfer-Encoding", "base64")))
		return CURLE_OUT_OF_MEMORY;
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->len);
	SET(CURLOPT_COPYPOSTFIELDS, rq->body ? rq->body : "");
	SET(CURLOPT_HTTPHEADER, s->fields);
	return rc;
}

static CURLcode set_this(struct slot *s, const struct transfer_request *rq)
{
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_URL, rq->url);
	SET(CURLOPT_TIMEOUT_MS, (long)rq->timeout_ms);
	if (!rq->patient) {
		SET(CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
		SET(CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS);
	}
	if (rq->fresh) {
		SET(CURLOPT_FRESH_CONNECT, 1L);
		SET(CURLOPT_FORBID_REUSE, 1L);
	}
	if (rq->user) {
		SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		SET(CURLOPT_USERNAME, rq->user);
		SET(CURLOPT_PASSWORD, rq->secret);
	}
	return rc ? rc : set_body(s, rq);
}

static struct slot *slot_free(struct transfers *t)
{
	for (size_t i = 0; i < TRANSFERS_MAX; i++)
		if (t->slots[i].handle == 0)
			return &t->slots[i];
	return NULL;
}

int transfer_start(struct transfers *t, const struct transfer_request *rq, transfer_done *done, void *ctx,
        uint64_t *ret_handle, struct fault *f)
{
	struct slot *s = slot_free(t);

	if (!s)
		return fault_set(f, KE_BUSY, rq->url, NULL, "%d requests are out already", TRANSFERS_MAX);
	size_t room = rq->max > TRANSFER_PROBLEM_MAX ? rq->max : TRANSFER_PROBLEM_MAX;
	*s = (struct slot){ .all = t,
		.handle = ++t->last_handle,
		.done = done,
		.ctx = ctx,
		.fresh = rq->fresh,
		.max = rq->max,
		.body = BUF_INIT(room) };
	int rc = url_host(rq->url, s->host, f);
	if (rc) {
		slot_clear(s);
		return rc;
	}
	s->easy = curl_easy_init();
	CURLcode code = s->easy ? set_always(s) : CURLE_OUT_OF_MEMORY;
	if (!code)
		code = set_this(s, rq);
	if (code || curl_multi_add_handle(t->multi, s->easy)) {
		rc = fault_set(f, KE_SYSTEM, rq->url, NULL, "libcurl: %s", curl_easy_strerror(code));
		slot_clear(s);
		return rc;
	}
	if (ret_handle)
		*ret_handle = s->handle;
	return KE_OK;
}

void transfer_cancel(struct transfers *t, uint64_t handle)
{
	for (size_t i = 0; handle && i < TRANSFERS_MAX; i++)
		if (t->slots[i].handle == handle)
			slot_clear(&t->slots[i]);
}

/* ---- all of them ---- */

static int copy(const char *text, char **ret)
{
	if (!text)
		return KE_OK;
	*ret = strdup(text);
	return *ret ? KE_OK : KE_NOMEM;
}

static int multi_open(struct transfers *t)
{
	t->multi = curl_multi_init();
	if (!t->multi)
		return KE_NOMEM;
	if (curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, want_socket) ||
	        curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t) ||
	        curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, want_timer) ||
	        curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t) ||
	        curl_multi_setopt(t->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) ||
	        curl_multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, 4L))
		return KE_SYSTEM;
	return KE_OK;
}

int transfers_open(const struct transfer_options *opt, struct transfers **ret, struct fault *f)
{
	struct transfers *t = calloc(1, sizeof *t);

	if (!t)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	t->loop = opt->loop;
	t->clock = opt->clock;
	t->connect_ms = opt->connect_ms;
	t->pinned = opt->pin != NULL;
	if (opt->pin)
		memcpy(t->pin, opt->pin, sizeof t->pin);
	ev_init(&t->timer, on_timeout);
	t->timer.data = t;
	int rc = curl_global_init(CURL_GLOBAL_DEFAULT) ? KE_SYSTEM : KE_OK;
	if (!rc && (copy(opt->ca_path, &t->ca_path) || copy(opt->cert_path, &t->cert_path) ||
	                   copy(opt->key_path, &t->key_path) || copy(opt->proxy, &t->proxy)))
		rc = KE_NOMEM;
	if (!rc)
		rc = multi_open(t);
	if (rc) {
		transfers_close(t);
		return fault_set(f, rc, "libcurl", NULL, "cannot start");
	}
	*ret = t;
	return KE_OK;
}

void transfers_close(struct transfers *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < TRANSFERS_MAX; i++)
		if (t->slots[i].handle)
			slot_clear(&t->slots[i]);
	if (t->multi)
		curl_multi_cleanup(t->multi);
	ev_timer_stop(t->loop, &t->timer);
	free(t->ca_path);
	free(t->cert_path);
	free(t->key_path);
	free(t->proxy);
	free(t);
	curl_global_cleanup();
}
