/* http_fixture.h — a running server with test routes, and an application whose "other thread" is the test itself. */
#ifndef KEDGE_TEST_HTTP_FIXTURE_H
#define KEDGE_TEST_HTTP_FIXTURE_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "proto/clock.h"
#include "server-stub/http/problem.h"
#include "server-stub/http/server.h"
#include "tests/support/http_client.h"
#include "tests/support/http_pki.h"

#define BIG_BYTES (4u << 20)

struct app {
	pthread_mutex_t lock;
	struct http_ticket tickets[256]; /* of deferred requests, in order */
	unsigned n_tickets;
	atomic_uint calls;   /* handlers and continuations called */
	atomic_uint gone;    /* continuations told HTTP_GONE, or resumed without request */
	atomic_uint refused; /* audit calls */
	atomic_bool revoked; /* identify() knows nobody any more */
	unsigned char host_root[32];
	atomic_llong now; /* 0: the system's */
	char big[BIG_BYTES];
};

struct fixture {
	struct app app;
	struct clock clock;
	struct http_server *server;
	uint16_t port;
	struct pki_pair host_ca, operator_ca, server_pair, host, oper;
	SSL_CTX *server_tls, *host_tls, *operator_tls, *nobody_tls;
	SSL_SESSION *session; /* the last one a client got */
};

/* Wait until CONDITION holds: at most CLIENT_PATIENCE seconds. */
#define UNTIL(condition)                                                                                     \
	do {                                                                                                 \
		int waited = 0;                                                                              \
		while (!(condition) && waited++ < CLIENT_PATIENCE * 1000)                                    \
			usleep(1000);                                                                        \
		if (!(condition))                                                                            \
			fail_msg("%s did not come true", #condition);                                        \
	} while (0)

static inline struct http_counters counters(struct fixture *fx)
{
	struct http_counters c;

	http_server_counters(fx->server, &c);
	return c;
}

/* ---- handlers ---- */

static inline void h_hello(struct http_request *req)
{
	struct app *app = req->app;

	atomic_fetch_add(&app->calls, 1);
	http_reply(req, 200, "text/plain", "hello", 5, NULL);
}

static inline void h_echo(struct http_request *req)
{
	struct http_field fields[] = { { "X-Name", http_param(req, "name") }, { NULL, NULL } };

	http_reply(req, 200, "text/plain", req->body, req->body_len, fields[0].value ? fields : NULL);
}

static inline void h_who(struct http_request *req)
{
	http_reply(req, 200, "text/plain", req->who.name, strlen(req->who.name), NULL);
}

static inline void h_nothing(struct http_request *req)
{
	(void)req;
}

static inline void h_inject(struct http_request *req)
{
	struct http_field fields[] = { { "X", "a\r\n\r\nHTTP/1.1 200 OK" }, { NULL, NULL } };

	http_reply(req, 200, NULL, NULL, 0, fields);
}

static inline void h_big(struct http_request *req)
{
	struct app *app = req->app;

	http_reply(req, 200, "application/octet-stream", app->big, sizeof app->big, NULL);
}

static inline void app_ticket(struct app *app, struct http_ticket ticket)
{
	pthread_mutex_lock(&app->lock);
	if (app->n_tickets < 256)
		app->tickets[app->n_tickets++] = ticket;
	pthread_mutex_unlock(&app->lock);
}

static inline unsigned app_tickets(struct app *app)
{
	pthread_mutex_lock(&app->lock);
	unsigned n = app->n_tickets;
	pthread_mutex_unlock(&app->lock);
	return n;
}

static inline void h_defer(struct http_request *req)
{
	struct http_ticket ticket;
	size_t len;

	free(http_body_take(req, &len));
	if (http_defer(req, &ticket))
		app_ticket(req->app, ticket);
}

static inline void on_wake(struct http_request *req, enum http_wake why, void *arg)
{
	struct app *app = arg;

	atomic_fetch_add(&app->calls, 1);
	switch (why) {
	case HTTP_WOKEN:
		http_reply(
		        req, 200, "text/plain", http_param(req, "key"), strlen(http_param(req, "key")), NULL);
		break;
	case HTTP_WAIT_OVER:
		http_reply(req, 204, NULL, NULL, 0, NULL);
		break;
	case HTTP_GONE:
		atomic_fetch_add(&app->gone, 1);
		http_reply(req, 200, NULL, NULL, 0, NULL); /* must be harmless */
		break;
	}
}

static inline void h_park(struct http_request *req)
{
	char wait[16] = "60000";

	http_query(req, "wait", wait, sizeof wait);
	if (http_park(req, http_param(req, "key"), (unsigned)strtoul(wait, NULL, 10), on_wake, req->app))
		http_problem(req, 500, NULL, NULL, "park");
}

/* Watch first, then let the test look at the state (defer), then park: see on_looked(). */
static inline void h_watch(struct http_request *req)
{
	struct http_ticket ticket;

	if (http_watch(req, http_param(req, "key")) == 0 && http_defer(req, &ticket))
		app_ticket(req->app, ticket);
}

static inline void on_looked(struct http_request *req, void *arg)
{
	struct app *app = arg;

	if (!req)
		atomic_fetch_add(&app->gone, 1);
	else if (http_park(req, NULL, 60000, on_wake, app))
		http_problem(req, 500, NULL, NULL, "park");
}

static const struct http_route fixture_routes[] = {
	{ HTTP_GET, "/hello", HTTP_AUTH_ANY, 0, h_hello },
	{ HTTP_POST, "/echo", HTTP_AUTH_ANY, 100000, h_echo },
	{ HTTP_GET, "/echo/{name}", HTTP_AUTH_ANY, 0, h_echo },
	{ HTTP_POST, "/token", HTTP_AUTH_TOKEN, 1000, h_echo },
	{ HTTP_GET, "/host", HTTP_AUTH_HOST, 0, h_who },
	{ HTTP_GET, "/self/{id}", HTTP_AUTH_SELF, 0, h_who },
	{ HTTP_POST, "/self/{id}", HTTP_AUTH_SELF, 1000, h_echo },
	{ HTTP_GET, "/operator", HTTP_AUTH_OPERATOR, 0, h_who },
	{ HTTP_GET, "/admin", HTTP_AUTH_ADMIN, 0, h_who },
	{ HTTP_GET, "/nothing", HTTP_AUTH_ANY, 0, h_nothing },
	{ HTTP_GET, "/inject", HTTP_AUTH_ANY, 0, h_inject },
	{ HTTP_GET, "/big", HTTP_AUTH_ANY, 0, h_big },
	{ HTTP_GET, "/defer", HTTP_AUTH_ANY, 0, h_defer },
	{ HTTP_POST, "/defer", HTTP_AUTH_ANY, 100000, h_defer },
	{ HTTP_GET, "/park/{key}", HTTP_AUTH_ANY, 0, h_park },
	{ HTTP_GET, "/watch/{key}", HTTP_AUTH_ANY, 0, h_watch },
};

/* ---- the application's other callbacks ---- */

static inline int app_identify(void *ctx, const struct http_peer *peer, struct http_identity *ret)
{
	struct app *app = ctx;
	const char *name = peer->n_uris ? strrchr(peer->uris[0], '/') : NULL;

	if (atomic_load(&app->revoked) || !name)
		return KE_FORBIDDEN;
	bool host = memcmp(peer->root_sha256, app->host_root, 32) == 0;
	ret->kind = host ? HTTP_KIND_HOST : HTTP_KIND_OPERATOR;
	ret->role = host ? HTTP_ROLE_NONE : HTTP_ROLE_OPERATOR;
	snprintf(ret->name, sizeof ret->name, "%s", name + 1);
	return 0;
}

static inline void app_refused(void *ctx, const struct http_peer *peer, const struct http_identity *who,
        const struct http_route *route, int status)
{
	struct app *app = ctx;

	/* Not cmocka's assertions: this is another thread. */
	if (peer && who && route && (status == 401 || status == 403))
		atomic_fetch_add(&app->refused, 1);
}

static inline int64_t app_wall(void *ctx)
{
	struct app *app = ctx;
	int64_t now = atomic_load(&app->now);

	return now ? now : clock_wall(&clock_system);
}

static inline int64_t app_boot_ms(void *ctx)
{
	(void)ctx;
	return clock_boot_ms(&clock_system);
}

/* ---- start and stop ---- */

static inline int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct fixture *fx = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	SSL_SESSION_free(fx->session);
	fx->session = session;
	return 1;
}

static inline SSL_CTX *client_ctx(struct fixture *fx, const struct pki_pair *own)
{
	SSL_CTX *ctx = pki_ctx(TLS_client_method(), own);

	pki_trust(ctx, &fx->host_ca);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_set_app_data(ctx, fx);
	SSL_CTX_sess_set_new_cb(ctx, keep_session);
	return ctx;
}

static inline void fixture_pki(struct fixture *fx)
{
	fx->host_ca = pki_make("host ca", NULL, NULL, 86400);
	fx->operator_ca = pki_make("operator ca", NULL, NULL, 86400);
	fx->server_pair = pki_make("server", "DNS:server.example", &fx->host_ca, 86400);
	fx->host = pki_make("h", "URI:spiffe://fleet/host/h1", &fx->host_ca, 3600);
	fx->oper = pki_make("o", "URI:spiffe://fleet/operator/anna", &fx->operator_ca, 3600);
	pki_digest(fx->host_ca.cert, fx->app.host_root);
	fx->server_tls = pki_ctx(TLS_server_method(), &fx->server_pair);
	pki_trust(fx->server_tls, &fx->host_ca);
	pki_trust(fx->server_tls, &fx->operator_ca);
	fx->host_tls = client_ctx(fx, &fx->host);
	fx->operator_tls = client_ctx(fx, &fx->oper);
	fx->nobody_tls = client_ctx(fx, NULL);
}

/* Plain or TLS; LIMITS NULL: the defaults. */
static inline struct fixture *fixture_start(bool plain, unsigned threads, const struct http_limits *limits)
{
	struct fixture *fx = calloc(1, sizeof *fx);
	struct fault f;

	assert_non_null(fx);
	signal(SIGPIPE, SIG_IGN); /* OpenSSL's writes in the client */
	pthread_mutex_init(&fx->app.lock, NULL);
	memset(fx->app.big, 'b', sizeof fx->app.big);
	if (!plain)
		fixture_pki(fx);
	fx->clock = (struct clock){ app_wall, app_boot_ms, &fx->app };
	struct http_config config = {
		.address = "127.0.0.1",
		.threads = threads,
		.tls = fx->server_tls,
		.plain = plain,
		.routes = fixture_routes,
		.n_routes = sizeof fixture_routes / sizeof fixture_routes[0],
		.app = &fx->app,
		.clock = &fx->clock,
		.limits = limits ? *limits : http_limits_default(),
		.identify = app_identify,
		.refused = app_refused,
	};
	if (http_server_start(&config, &fx->server, &f))
		fail_msg("%s: %s", f.where, f.what);
	fx->port = http_server_port(fx->server);
	assert_true(fx->port > 0);
	return fx;
}

static inline void fixture_stop(struct fixture *fx)
{
	http_server_stop(fx->server, 5000);
	struct http_counters c = counters(fx);
	assert_int_equal(c.connections, 0);
	assert_int_equal(c.parked, 0);
	assert_int_equal(c.deferred, 0);
	http_server_free(fx->server);
	SSL_SESSION_free(fx->session);
	SSL_CTX_free(fx->server_tls);
	SSL_CTX_free(fx->host_tls);
	SSL_CTX_free(fx->operator_tls);
	SSL_CTX_free(fx->nobody_tls);
	pki_free(&fx->host_ca);
	pki_free(&fx->operator_ca);
	pki_free(&fx->server_pair);
	pki_free(&fx->host);
	pki_free(&fx->oper);
	pthread_mutex_destroy(&fx->app.lock);
	free(fx);
}

#endif
