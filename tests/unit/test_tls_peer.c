/* Who the peer is: with and without a certificate, from either CA, resumed, expired, revoked, and bad certificates. */
#include "tests/support/http_fixture.h"

static int get(struct client *c, const char *path, char *body, size_t size)
{
	char text[256];

	snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
	client_send(c, text);
	struct client_answer a = client_recv(c, false);
	if (body)
		snprintf(body, size, "%s", a.body ? a.body : "");
	free(a.body);
	return a.status;
}

static int get_once(struct fixture *fx, SSL_CTX *ctx, const char *path)
{
	struct client *c = client_open(fx->port, ctx, NULL);

	assert_non_null(c);
	int status = get(c, path, NULL, 0);
	client_close(c);
	return status;
}

static void routes_by_certificate(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(false, 1, NULL);
	static const struct {
		const char *path;
		int nobody, host, oper;
	} rows[] = {
		{ "/hello", 200, 200, 200 },
		{ "/host", 401, 200, 403 },
		{ "/self/h1", 401, 200, 403 },
		{ "/self/h2", 401, 403, 403 },
		{ "/self/anna", 401, 403, 403 },
		{ "/operator", 401, 403, 200 },
		{ "/admin", 401, 403, 403 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(get_once(fx, fx->nobody_tls, rows[i].path), rows[i].nobody);
		assert_int_equal(get_once(fx, fx->host_tls, rows[i].path), rows[i].host);
		assert_int_equal(get_once(fx, fx->operator_tls, rows[i].path), rows[i].oper);
	}
	fixture_stop(fx);
}

static void resumed_sessions_keep_their_identity(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(false, 1, NULL);
	char name[64];
	struct client *c = client_open(fx->port, fx->host_tls, NULL);

	assert_int_equal(get(c, "/host", name, sizeof name), 200);
	client_close(c);
	/* Again and again: each resumption brings a new ticket, which still knows the root. */
	for (int i = 0; i < 4; i++) {
		assert_non_null(fx->session);
		SSL_SESSION *session = fx->session;
		fx->session = NULL;
		c = client_open(fx->port, fx->host_tls, session);
		SSL_SESSION_free(session);
		assert_non_null(c);
		assert_true(SSL_session_reused(c->ssl));
		assert_int_equal(get(c, "/self/h1", name, sizeof name), 200);
		assert_string_equal(name, "h1");
		client_close(c);
	}
	assert_int_equal(counters(fx).handshakes_resumed, 4);
	assert_int_equal(counters(fx).handshakes_done, 5);

	/* A revoked host is refused on a resumed connection, too, and on one that was open before. */
	SSL_SESSION *session = fx->session;
	fx->session = NULL;
	struct client *open = client_open(fx->port, fx->host_tls, NULL);
	assert_int_equal(get(open, "/host", NULL, 0), 200);
	atomic_store(&fx->app.revoked, true);
	assert_int_equal(get(open, "/host", NULL, 0), 403);
	c = client_open(fx->port, fx->host_tls, session);
	assert_true(SSL_session_reused(c->ssl));
	assert_int_equal(get(c, "/host", NULL, 0), 403);
	SSL_SESSION_free(session);
	client_close(c);
	client_close(open);
	fixture_stop(fx);
}

static void anonymous_sessions_resume_as_nobody(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(false, 1, NULL);
	struct client *c = client_open(fx->port, fx->nobody_tls, NULL);

	assert_int_equal(get(c, "/hello", NULL, 0), 200);
	client_close(c);
	SSL_SESSION *session = fx->session;
	fx->session = NULL;
	assert_non_null(session);
	c = client_open(fx->port, fx->host_tls, session);
	assert_non_null(c);
	/* Resumed without a certificate, or a full handshake with one: never anything between. */
	assert_int_equal(get(c, "/host", NULL, 0), SSL_session_reused(c->ssl) ? 401 : 200);
	SSL_SESSION_free(session);
	client_close(c);
	fixture_stop(fx);
}

static void dates_are_looked_at_for_each_request(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(false, 1, NULL);
	struct client *c = client_open(fx->port, fx->host_tls, NULL);

	assert_int_equal(get(c, "/host", NULL, 0), 200);
	atomic_store(&fx->app.now, clock_wall(&clock_system) + 3500);
	assert_int_equal(get(c, "/host", NULL, 0), 200);
	atomic_store(&fx->app.now, clock_wall(&clock_system) + 3700);
	assert_int_equal(get(c, "/host", NULL, 0), 401);
	assert_int_equal(get(c, "/hello", NULL, 0), 200);
	client_close(c);
	fixture_stop(fx);
}

static void bad_certificates(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(false, 1, NULL);
	struct pki_pair other_ca = pki_make("other ca", NULL, NULL, 3600);
	struct {
		struct pki_pair pair;
		const char *remark;
		int alert;
	} rows[] = {
		{ pki_make("h", "URI:spiffe://fleet/host/h1", &other_ca, 3600), "from another CA",
		        SSL_R_TLSV1_ALERT_UNKNOWN_CA },
		{ pki_make("h", "URI:spiffe://fleet/host/h1", &fx->host_ca, -60), "expired",
		        SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED },
		{ pki_make("h", "URI:spiffe://fleet/host/h1", NULL, 3600), "self-signed",
		        SSL_R_TLSV1_ALERT_UNKNOWN_CA },
		{ pki_make("h", "URI:a:1,URI:a:2,URI:a:3,URI:a:4,URI:a:5", &fx->host_ca, 3600), "five names",
		        0 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		SSL_CTX *ctx = client_ctx(fx, &rows[i].pair);
		/* In TLS 1.3 the client only learns of it when it reads. */
		struct client *c = client_open(fx->port, ctx, NULL);
		if (c && get(c, "/hello", NULL, 0) != -1)
			fail_msg("%s: answered", rows[i].remark);
		/* An alert that names the reason, not a reset. */
		if (rows[i].alert && ERR_GET_REASON(ERR_peek_error()) != rows[i].alert)
			fail_msg("%s: %s", rows[i].remark, ERR_error_string(ERR_peek_error(), NULL));
		client_close(c);
		SSL_CTX_free(ctx);
		pki_free(&rows[i].pair);
	}
	UNTIL(counters(fx).handshakes_failed == sizeof rows / sizeof rows[0]);
	/* A certificate without any name is a peer without identity. */
	struct pki_pair plain = pki_make("h", NULL, &fx->host_ca, 3600);
	SSL_CTX *ctx = client_ctx(fx, &plain);
	assert_int_equal(get_once(fx, ctx, "/host"), 403);
	SSL_CTX_free(ctx);
	pki_free(&plain);
	pki_free(&other_ca);
	fixture_stop(fx);
}

static void old_tls_is_refused(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(false, 1, NULL);

	SSL_CTX_set_max_proto_version(fx->host_tls, TLS1_2_VERSION);
	assert_null(client_open(fx->port, fx->host_tls, NULL));
	fixture_stop(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes_by_certificate),
		cmocka_unit_test(resumed_sessions_keep_their_identity),
		cmocka_unit_test(anonymous_sessions_resume_as_nobody),
		cmocka_unit_test(dates_are_looked_at_for_each_request),
		cmocka_unit_test(bad_certificates),
		cmocka_unit_test(old_tls_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
