/* Connections over real sockets: requests one after the other, deadlines that dribbling does not extend, refusals that the
 * client gets to see. What must be cut is given small limits and has to be cut within CLIENT_PATIENCE seconds. */
#include "tests/support/http_fixture.h"

#define HOST "Host: a\r\n"

static int get(struct client *c, const char *path)
{
	char text[256];

	snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" HOST "\r\n", path);
	return client_status(c, text);
}

/* Send LEN bytes one by one, until the other side says something: the answer's status, -1 when it just ended, or 0 when
 * all bytes were taken (20 seconds for 400 bytes). What came before must have been read. */
static int dribble(struct client *c, const char *text, size_t len)
{
	size_t sent = 0;

	for (; sent < len && client_send_bytes(c, text + sent, 1); sent++) {
		struct pollfd fd = { .fd = c->fd, .events = POLLIN };
		if (poll(&fd, 1, 50) == 1)
			break;
	}
	if (sent == len)
		return 0;
	assert_true(sent > 1); /* it was not cut for another reason */
	struct client_answer a = client_recv(c, false);
	free(a.body);
	return a.status;
}

static void keep_alive_and_close(void **state)
{
	(void)state;
	for (int plain = 0; plain < 2; plain++) {
		struct fixture *fx = fixture_start(plain, 1, NULL);
		struct client *c = client_open(fx->port, fx->nobody_tls, NULL);
		assert_non_null(c);
		for (int i = 0; i < 5; i++)
			assert_int_equal(get(c, "/hello"), 200);
		client_send(c, "HEAD /hello HTTP/1.1\r\n" HOST "\r\n");
		struct client_answer a = client_recv(c, true);
		assert_int_equal(a.status, 200);
		assert_non_null(strstr(a.head, "Content-Length: 5\r\n"));
		free(a.body);
		client_send(c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nab\r\n");
		a = client_recv(c, false);
		assert_int_equal(a.len, 4);
		assert_memory_equal(a.body, "ab\r\n", 4);
		free(a.body);
		client_send(c, "GET /echo/a%20b HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
		a = client_recv(c, false);
		assert_non_null(strstr(a.head, "X-Name: a b\r\n"));
		assert_non_null(strstr(a.head, "Connection: close\r\n"));
		free(a.body);
		assert_true(client_ended(c));
		client_close(c);
		UNTIL(counters(fx).connections == 0);
		struct http_counters n = counters(fx);
		assert_int_equal(n.accepted, 1);
		assert_int_equal(n.requests, 8);
		assert_int_equal(n.status[2], 8);
		assert_true(n.bytes_in > 300 && n.bytes_out > 500);
		fixture_stop(fx);
	}
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(false, 1, NULL);
	struct client *c = client_open(fx->port, fx->nobody_tls, NULL);
	static char text[16000];
	size_t len = 0;

	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(text + len, sizeof text - len,
		        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n%03d", i);
	client_send(c, text);
	for (int i = 0; i < 100; i++) {
		struct client_answer a = client_recv(c, false);
		assert_int_equal(a.status, 200);
		assert_int_equal(atoi(a.body), i);
		free(a.body);
	}
	client_close(c);
	fixture_stop(fx);
}

static void statuses(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int status;
		bool closes;
		const char *field;
	} rows[] = {
		{ "GET /none HTTP/1.1\r\n" HOST "\r\n", 404, false, "application/problem+json" },
		{ "PUT /hello HTTP/1.1\r\n" HOST "\r\n", 405, false, "Allow: GET, HEAD\r\n" },
		{ "GET /hello\r\n\r\n", 400, true, "Connection: close\r\n" },
		{ "GET /hello HTTP/1.1\n", 400, true, "application/problem+json" },
		{ "GET /hello HTTP/3.0\r\n\r\n", 505, true, "" },
		{ "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501, true,
		        "" },
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 100001\r\n\r\nx", 413, true, "" },
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775807\r\n\r\nx", 413, true,
		        "" },
		{ "GET /hello HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx", 413, true, "" },
		{ "POST /none HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx", 404, true, "" },
		{ "POST /token HTTP/1.1\r\n" HOST "\r\n", 401, false, "WWW-Authenticate: Basic" },
		{ "POST /token HTTP/1.1\r\n" HOST "Authorization: Basic eA==\r\n\r\n", 200, false, "" },
		{ "GET /host HTTP/1.1\r\n" HOST "\r\n", 401, false, "" },
		{ "GET /nothing HTTP/1.1\r\n" HOST "\r\n", 500, false, "" },
		{ "GET /inject HTTP/1.1\r\n" HOST "\r\n", 500, true, "" },
		{ "GET /hello HTTP/1.0\r\n\r\n", 200, true, "Connection: close\r\n" },
	};
	struct fixture *fx = fixture_start(true, 1, NULL);

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct client *c = client_open(fx->port, NULL, NULL);
		client_send(c, rows[i].text);
		struct client_answer a = client_recv(c, false);
		if (a.status != rows[i].status || !strstr(a.head, rows[i].field))
			fail_msg("row %zu: %d %s", i, a.status, a.head);
		free(a.body);
		assert_true((strstr(a.head, "Connection: close") != NULL) == rows[i].closes);
		if (rows[i].closes)
			assert_true(client_ended(c));
		else
			assert_int_equal(get(c, "/hello"), 200);
		client_close(c);
	}
	assert_int_equal(atomic_load(&fx->app.refused), 2);
	assert_int_equal(counters(fx).unauthorised, 2);
	fixture_stop(fx);
}

static void expectation(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(false, 1, NULL);
	struct client *c = client_open(fx->port, fx->nobody_tls, NULL);

	/* Too large: the answer comes instead of 100, before a byte of the body. */
	assert_int_equal(client_status(c, "POST /echo HTTP/1.1\r\n" HOST
	                                  "Content-Length: 200000\r\nExpect: 100-continue\r\n\r\n"),
	        413);
	assert_true(client_ended(c));
	client_close(c);

	c = client_open(fx->port, fx->nobody_tls, NULL);
	assert_int_equal(client_status(c, "POST /echo HTTP/1.1\r\n" HOST
	                                  "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"),
	        100);
	assert_int_equal(client_status(c, "abc"), 200);
	/* The body came along: nobody waits for 100. */
	assert_int_equal(client_status(c, "POST /echo HTTP/1.1\r\n" HOST
	                                  "Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc"),
	        200);
	client_close(c);
	fixture_stop(fx);
}

static void a_client_that_sends_on_sees_413(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(true, 1, NULL);
	static char waste[150000];

	for (int i = 0; i < 20; i++) {
		struct client *c = client_open(fx->port, NULL, NULL);
		client_send(c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 150000\r\n\r\n");
		memset(waste, 'w', sizeof waste);
		/* The answer is there; the client, still sending, must neither be reset nor lose it. */
		struct pollfd fd = { .fd = c->fd, .events = POLLIN };
		assert_int_equal(poll(&fd, 1, CLIENT_PATIENCE * 1000), 1);
		assert_true(client_send_bytes(c, waste, sizeof waste / 2));
		usleep(5000);
		assert_true(client_send_bytes(c, waste, sizeof waste / 2));
		struct client_answer a = client_recv(c, false);
		assert_int_equal(a.status, 413);
		free(a.body);
		client_close(c);
	}
	/* One that never stops is cut. */
	struct client *c = client_open(fx->port, NULL, NULL);
	client_send(c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 100000000\r\n\r\n");
	unsigned sent = 0;
	while (client_send_bytes(c, waste, sizeof waste) && sent < 1000)
		sent++;
	assert_true(sent < 1000);
	client_close(c);
	UNTIL(counters(fx).connections == 0);
	fixture_stop(fx);
}

static struct http_limits small_limits(void)
{
	struct http_limits l = http_limits_default();

	l.handshake_ms = l.headers_ms = l.body_ms = l.idle_ms = 300;
	l.write_ms = l.run_ms = 500;
	l.drain_ms = 200;
	return l;
}

static void dribbling_does_not_help(void **state)
{
	(void)state;
	struct http_limits l = small_limits();
	l.idle_ms = 60000;
	struct fixture *fx = fixture_start(false, 1, &l);
	char text[400];
	struct client *c = client_open(fx->port, fx->nobody_tls, NULL);

	assert_int_equal(get(c, "/hello"), 200);
	memset(text, 'x', sizeof text);
	memcpy(text, "GET /hello HTTP/1.1\r\nX: ", 24);
	assert_int_equal(dribble(c, text, sizeof text), 408);
	assert_true(client_ended(c));
	client_close(c);

	memset(text, 'x', sizeof text);
	c = client_open(fx->port, fx->nobody_tls, NULL);
	assert_int_equal(get(c, "/hello"), 200);
	client_send(c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n");
	assert_int_equal(dribble(c, text, sizeof text), 408);
	assert_true(client_ended(c));
	client_close(c);

	/* The handshake: TCP only, and a ClientHello byte by byte. */
	c = client_tcp(fx->port);
	assert_true(client_ended(c));
	client_close(c);
	c = client_tcp(fx->port);
	memset(text, 1, sizeof text);
	memcpy(text, "\x16\x03\x01\x01\x7c\x01\x00\x01\x78\x03\x03", 11);
	assert_int_equal(dribble(c, text, sizeof text), -1);
	client_close(c);

	/* A request and the first byte of the next: that is not idle. */
	c = client_open(fx->port, fx->nobody_tls, NULL);
	assert_int_equal(client_status(c, "GET /hello HTTP/1.1\r\n" HOST "\r\nG"), 200);
	assert_int_equal(client_status(c, ""), 408);
	client_close(c);
	UNTIL(counters(fx).connections == 0);
	assert_int_equal(counters(fx).timeouts, 5);
	assert_int_equal(counters(fx).handshakes_failed, 2);
	fixture_stop(fx);
}

static void idle_and_unread_connections_end(void **state)
{
	(void)state;
	struct http_limits l = small_limits();
	struct fixture *fx = fixture_start(false, 1, &l);
	struct client *c = client_open(fx->port, fx->nobody_tls, NULL);

	assert_int_equal(get(c, "/hello"), 200);
	assert_true(client_ended(c)); /* idle */
	client_close(c);
	assert_int_equal(counters(fx).timeouts, 0);

	c = client_open(fx->port, fx->nobody_tls, NULL);
	client_send(c, "GET /big HTTP/1.1\r\n" HOST "\r\nGET /big HTTP/1.1\r\n" HOST
	               "\r\nGET /big HTTP/1.1\r\n" HOST "\r\n");
	UNTIL(counters(fx).timeouts == 1); /* nobody reads 12 MiB */
	client_close(c);
	UNTIL(counters(fx).connections == 0);
	fixture_stop(fx);
}

static void a_large_answer_arrives_whole(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(false, 2, NULL);
	struct client *c = client_open(fx->port, fx->nobody_tls, NULL);

	for (int i = 0; i < 2; i++) {
		client_send(c, "GET /big HTTP/1.1\r\n" HOST "\r\n");
		struct client_answer a = client_recv(c, false);
		assert_int_equal(a.status, 200);
		assert_int_equal(a.len, BIG_BYTES);
		assert_memory_equal(a.body, fx->app.big, BIG_BYTES);
		free(a.body);
	}
	client_close(c);
	fixture_stop(fx);
}

static void garbage_instead_of_tls(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(false, 1, NULL);
	struct client *c = client_tcp(fx->port);

	client_send(c, "GET / HTTP/1.1\r\n\r\n");
	assert_true(client_ended(c));
	client_close(c);
	UNTIL(counters(fx).handshakes_failed == 1);
	c = client_open(fx->port, fx->nobody_tls, NULL); /* no error is left behind for others */
	assert_int_equal(get(c, "/hello"), 200);
	client_close(c);
	fixture_stop(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keep_alive_and_close),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(statuses),
		cmocka_unit_test(expectation),
		cmocka_unit_test(a_client_that_sends_on_sees_413),
		cmocka_unit_test(dribbling_does_not_help),
		cmocka_unit_test(idle_and_unread_connections_end),
		cmocka_unit_test(a_large_answer_arrives_whole),
		cmocka_unit_test(garbage_instead_of_tls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
