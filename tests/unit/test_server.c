/* The server as a whole: configurations that are refused, limits on connections, running out of descriptors, many
 * clients, dropping a certificate, other certificates while running, and the graceful end. */
#include "tests/support/http_fixture.h"

#include <fcntl.h>
#include <sys/resource.h>

#define HELLO "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

static void configurations(void **state)
{
	(void)state;
	SSL_CTX *empty = SSL_CTX_new(TLS_server_method());
	struct http_limits l = http_limits_default();
	struct http_config good = { .address = "127.0.0.1",
		.threads = 1,
		.plain = true,
		.limits = l,
		.routes = fixture_routes,
		.n_routes = sizeof fixture_routes / sizeof fixture_routes[0] };
	struct http_config rows[8];
	static const char *const remarks[8] = { "no threads", "too many threads", "plain beyond loopback",
		"no TLS", "TLS without a certificate", "plain and TLS", "no address", "bad route" };
	static const struct http_route bad = { HTTP_GET, "x", HTTP_AUTH_ANY, 0, h_hello };
	struct http_server *server = NULL;
	struct fault f;

	for (size_t i = 0; i < 8; i++)
		rows[i] = good;
	rows[0].threads = 0;
	rows[1].threads = 65;
	rows[2].address = "0.0.0.0";
	rows[3].plain = false;
	rows[4].plain = false;
	rows[4].tls = empty;
	rows[5].tls = empty;
	rows[6].address = "127.0.0.localhost";
	rows[7].routes = &bad;
	rows[7].n_routes = 1;
	for (size_t i = 0; i < 8; i++) {
		int rc = http_server_start(&rows[i], &server, &f);
		if (rc != (i == 4 ? KE_TLS : KE_USAGE) || server)
			fail_msg("%s: %d", remarks[i], rc);
		assert_true(f.what[0] != '\0');
	}
	assert_int_equal(http_server_start(&good, &server, &f), 0);
	/* The port is taken by a socket that does not share it. */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof in;
	struct http_server *second = NULL;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
	assert_int_equal(listen(fd, 1), 0);
	getsockname(fd, (struct sockaddr *)&in, &len);
	good.port = ntohs(in.sin_port);
	assert_int_equal(http_server_start(&good, &second, &f), KE_SYSTEM);
	assert_null(second);
	close(fd);
	http_server_stop(server, 1000);
	http_server_free(server);
	http_server_free(NULL);
	SSL_CTX_free(empty);
}

static void a_hundred_clients(void **state)
{
	(void)state;
	struct http_limits l = http_limits_default();
	l.handshakes = 8;                  /* fewer than clients: they wait their turn */
	l.headers_ms = l.idle_ms = 600000; /* nobody is cut, however busy the machine is */
	struct fixture *fx = fixture_start(false, 2, &l);
	static struct client *c[100];

	for (int i = 0; i < 100; i++) {
		c[i] = client_open(fx->port, i % 2 ? fx->host_tls : fx->nobody_tls, NULL);
		assert_non_null(c[i]);
	}
	assert_int_equal(counters(fx).connections, 100);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 100; i++)
			assert_true(client_send(c[i], HELLO));
		for (int i = 0; i < 100; i++) {
			struct client_answer a = client_recv(c[i], false);
			assert_int_equal(a.status, 200);
			free(a.body);
		}
	}
	for (int i = 0; i < 100; i++)
		client_close(c[i]);
	UNTIL(counters(fx).connections == 0);
	assert_int_equal(counters(fx).requests, 500);
	assert_int_equal(counters(fx).handshakes_failed, 0);
	fixture_stop(fx);
}

static void silent_handshakes_do_not_keep_others_out(void **state)
{
	(void)state;
	struct http_limits l = http_limits_default();
	l.handshake_ms = 300;
	l.handshakes = 4;
	struct fixture *fx = fixture_start(false, 1, &l);
	struct client *silent[20];

	for (int i = 0; i < 20; i++)
		silent[i] = client_tcp(fx->port);
	struct client *c = client_open(fx->port, fx->host_tls, NULL);
	assert_non_null(c);
	assert_int_equal(client_status(c, HELLO), 200);
	client_close(c);
	for (int i = 0; i < 20; i++)
		client_close(silent[i]);
	fixture_stop(fx);
}

static void limits_of_one_address(void **state)
{
	(void)state;
	struct http_limits l = http_limits_default();
	l.conns_per_address = 3;
	l.handshakes_per_address = 1; /* one at a time, and each is over when its answer is there */
	struct fixture *fx = fixture_start(true, 2, &l);
	struct client *c[4];

	for (int i = 0; i < 3; i++) {
		c[i] = client_open(fx->port, NULL, NULL);
		assert_int_equal(client_status(c[i], HELLO), 200);
	}
	c[3] = client_open(fx->port, NULL, NULL);
	assert_true(client_ended(c[3]));
	assert_int_equal(counters(fx).refused, 1);
	client_close(c[0]);
	UNTIL(counters(fx).connections == 2);
	client_close(c[3]);
	c[3] = client_open(fx->port, NULL, NULL);
	assert_int_equal(client_status(c[3], HELLO), 200);
	for (int i = 1; i < 4; i++)
		client_close(c[i]);
	fixture_stop(fx);
}

static void beyond_the_limit_clients_wait(void **state)
{
	(void)state;
	struct http_limits l = http_limits_default();
	l.conns = 2;
	struct fixture *fx = fixture_start(true, 1, &l);
	struct client *c[3];

	for (int i = 0; i < 3; i++)
		c[i] = client_open(fx->port, NULL, NULL);
	assert_int_equal(client_status(c[0], HELLO), 200);
	assert_int_equal(client_status(c[1], HELLO), 200);
	client_send(c[2], HELLO);
	struct pollfd fd = { .fd = c[2]->fd, .events = POLLIN };
	assert_int_equal(poll(&fd, 1, 100), 0);
	client_close(c[0]);
	struct client_answer a = client_recv(c[2], false);
	assert_int_equal(a.status, 200);
	free(a.body);
	client_close(c[1]);
	client_close(c[2]);
	fixture_stop(fx);
}

/* Fault K2: descriptors run out; nothing spins, those connected are served, and it recovers. */
static void out_of_descriptors(void **state)
{
	(void)state;
	enum { N = 12 };
	struct fixture *fx = fixture_start(true, 1, NULL);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(fx->port) };
	struct timeval patience = { .tv_sec = CLIENT_PATIENCE };
	struct client *c[N];
	struct rlimit before, tight;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(client_status(c[0] = client_open(fx->port, NULL, NULL), HELLO), 200);
	client_close(c[0]);
	UNTIL(counters(fx).connections == 0);
	for (int i = 0; i < N; i++) {
		c[i] = calloc(1, sizeof *c[i]);
		c[i]->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		setsockopt(c[i]->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	}
	int next = fcntl(0, F_DUPFD_CLOEXEC, 0);
	close(next);
	getrlimit(RLIMIT_NOFILE, &before);
	tight = before;
	tight.rlim_cur = (rlim_t)next + 3;
	setrlimit(RLIMIT_NOFILE, &tight);
	for (int i = 0; i < N; i++)
		assert_int_equal(connect(c[i]->fd, (struct sockaddr *)&to, sizeof to), 0);
	UNTIL(counters(fx).refused == N - 3);
	unsigned served = 0;
	for (int i = 0; i < N; i++)
		served += client_status(c[i], HELLO) == 200;
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(served, 3);
	for (int i = 0; i < N; i++)
		client_close(c[i]);
	c[0] = client_open(fx->port, NULL, NULL);
	assert_int_equal(client_status(c[0], HELLO), 200);
	client_close(c[0]);
	fixture_stop(fx);
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Not even the spare descriptor helps: a loop that kept trying would burn the whole second. */
static void accepting_rests_when_nothing_helps(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(true, 1, NULL);
	struct rlimit before, none;
	struct client *c = client_open(fx->port, NULL, NULL);

	assert_int_equal(client_status(c, HELLO), 200);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(fx->port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &none);
	double begin = cpu_seconds();
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	sleep(1);
	double used = cpu_seconds() - begin;
	setrlimit(RLIMIT_NOFILE, &before);
	assert_true(used < 0.3);
	assert_int_equal(client_status(c, HELLO), 200);
	UNTIL(counters(fx).accepted == 2);
	close(fd);
	client_close(c);
	fixture_stop(fx);
}

static void dropping_a_certificate(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(false, 2, NULL);
	struct client *host[3], *other = client_open(fx->port, fx->operator_tls, NULL);
	unsigned char digest[32];

	for (int i = 0; i < 3; i++) {
		host[i] = client_open(fx->port, fx->host_tls, NULL);
		assert_int_equal(client_status(host[i], HELLO), 200);
	}
	client_send(host[2], "GET /park/x HTTP/1.1\r\nHost: a\r\n\r\n");
	UNTIL(counters(fx).parked == 1);
	pki_digest(fx->host.cert, digest);
	assert_int_equal(http_server_drop(fx->server, digest), 0);
	for (int i = 0; i < 3; i++) {
		assert_true(client_ended(host[i]));
		client_close(host[i]);
	}
	assert_int_equal(atomic_load(&fx->app.gone), 1);
	assert_int_equal(client_status(other, HELLO), 200);
	client_close(other);
	fixture_stop(fx);
}

static void other_certificates_while_running(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(false, 1, NULL);
	struct client *before = client_open(fx->port, fx->host_tls, NULL);
	struct pki_pair renewed = pki_make("renewed", NULL, &fx->host_ca, 3600);
	SSL_CTX *tls = pki_ctx(TLS_server_method(), &renewed);

	pki_trust(tls, &fx->host_ca);
	assert_int_equal(client_status(before, HELLO), 200);
	assert_int_equal(http_server_tls(fx->server, tls, NULL), 0);
	assert_int_equal(client_status(before, HELLO), 200);
	struct client *c = client_open(fx->port, fx->host_tls, fx->session);
	assert_non_null(c);
	assert_false(SSL_session_reused(c->ssl));
	X509 *cert = SSL_get0_peer_certificate(c->ssl);
	assert_int_equal(X509_cmp(cert, renewed.cert), 0);
	assert_int_equal(client_status(c, "GET /host HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
	client_close(c);
	client_close(before);
	SSL_CTX *empty = SSL_CTX_new(TLS_server_method());
	assert_int_equal(http_server_tls(fx->server, empty, NULL), KE_TLS);
	SSL_CTX_free(empty);
	SSL_CTX_free(tls);
	pki_free(&renewed);
	fixture_stop(fx);
}

struct stopper {
	struct http_server *server;
	unsigned ms;
};

static void *stop_thread(void *arg)
{
	struct stopper *s = arg;

	http_server_stop(s->server, s->ms);
	return NULL;
}

static void graceful_end(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(false, 2, NULL);
	struct client *idle = client_open(fx->port, fx->host_tls, NULL);
	struct client *parked = client_open(fx->port, fx->host_tls, NULL);
	struct client *running = client_open(fx->port, fx->host_tls, NULL);
	struct client *sending = client_open(fx->port, fx->host_tls, NULL);
	struct stopper s = { fx->server, 10000 };
	pthread_t thread;

	assert_int_equal(client_status(idle, HELLO), 200);
	client_send(parked, "GET /park/x HTTP/1.1\r\nHost: a\r\n\r\n");
	client_send(running, "GET /defer HTTP/1.1\r\nHost: a\r\n\r\n");
	client_send(sending, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
	UNTIL(counters(fx).parked == 1 && counters(fx).deferred == 1 && counters(fx).bytes_in == 150);
	assert_int_equal(pthread_create(&thread, NULL, stop_thread, &s), 0);

	struct client_answer a = client_recv(parked, false);
	assert_int_equal(a.status, 204);
	assert_non_null(strstr(a.head, "Connection: close\r\n"));
	free(a.body);
	assert_true(client_ended(idle));
	http_reply_later(fx->server, fx->app.tickets[0], 200, NULL, "done", 4, NULL);
	a = client_recv(running, false);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.head, "Connection: close\r\n"));
	free(a.body);
	client_send(sending, "cd");
	a = client_recv(sending, false);
	assert_string_equal(a.body, "abcd");
	free(a.body);
	client_close(idle);
	client_close(parked);
	client_close(running);
	client_close(sending);
	pthread_join(thread, NULL);

	/* Afterwards everything is harmless. */
	assert_int_equal(http_wake(fx->server, "x"), 0);
	assert_int_equal(http_reply_later(fx->server, fx->app.tickets[0], 200, NULL, NULL, 0, NULL), 0);
	assert_int_equal(http_resume(fx->server, fx->app.tickets[0], on_looked, &fx->app), 0);
	assert_int_equal(atomic_load(&fx->app.gone), 1);
	fixture_stop(fx);
}

static void what_does_not_end_is_cut(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(true, 2, NULL);
	struct client *c = client_open(fx->port, NULL, NULL);

	client_send(c, "GET /defer HTTP/1.1\r\nHost: a\r\n\r\n");
	UNTIL(counters(fx).deferred == 1);
	http_server_stop(fx->server, 100);
	assert_true(client_ended(c));
	client_close(c);
	fixture_stop(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configurations),
		cmocka_unit_test(a_hundred_clients),
		cmocka_unit_test(silent_handshakes_do_not_keep_others_out),
		cmocka_unit_test(limits_of_one_address),
		cmocka_unit_test(beyond_the_limit_clients_wait),
		cmocka_unit_test(out_of_descriptors),
		cmocka_unit_test(accepting_rests_when_nothing_helps),
		cmocka_unit_test(dropping_a_certificate),
		cmocka_unit_test(other_certificates_while_running),
		cmocka_unit_test(graceful_end),
		cmocka_unit_test(what_does_not_end_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
