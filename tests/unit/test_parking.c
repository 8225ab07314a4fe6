/* Answers from another thread (here: the test), and requests that wait for news. */
#include "tests/support/http_fixture.h"

static void ask(struct client *c, const char *path)
{
	char text[256];

	snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
	assert_true(client_send(c, text));
}

static int answer(struct client *c)
{
	struct client_answer a = client_recv(c, false);

	free(a.body);
	return a.status;
}

static void answers_from_another_thread(void **state)
{
	(void)state;
	static const struct http_field fields[] = { { "X-A", "1" }, { "X-Long", "two words" },
		{ NULL, NULL } };
	struct fixture *fx = fixture_start(false, 2, NULL);
	struct client *c = client_open(fx->port, fx->nobody_tls, NULL);

	for (unsigned i = 1; i <= 3; i++) {
		ask(c, "/defer");
		UNTIL(app_tickets(&fx->app) == i);
		assert_int_equal(counters(fx).deferred, 1);
		assert_int_equal(http_reply_later(fx->server, fx->app.tickets[i - 1], 200, "text/plain",
		                         "later", 5, fields),
		        0);
		struct client_answer a = client_recv(c, false);
		assert_int_equal(a.status, 200);
		assert_string_equal(a.body, "later");
		assert_non_null(strstr(a.head, "X-A: 1\r\nX-Long: two words\r\n"));
		free(a.body);
		/* An old ticket answers nothing, neither now nor for the next request. */
		http_reply_later(fx->server, fx->app.tickets[0], 500, NULL, NULL, 0, NULL);
	}
	ask(c, "/defer");
	UNTIL(app_tickets(&fx->app) == 4);
	http_reply_later(fx->server, fx->app.tickets[0], 500, NULL, NULL, 0, NULL);
	http_problem_busy_later(fx->server, fx->app.tickets[3], 429, 7, "slowly");
	struct client_answer a = client_recv(c, false);
	assert_int_equal(a.status, 429);
	assert_non_null(strstr(a.head, "Retry-After: 7\r\n"));
	assert_non_null(strstr(a.body, "\"detail\":\"slowly\""));
	free(a.body);
	struct http_ticket nonsense = { .loop = 99, .slot = 1u << 30, .serial = 1 };
	assert_int_equal(http_reply_later(fx->server, nonsense, 200, NULL, NULL, 0, NULL), 0);
	nonsense.loop = 0;
	assert_int_equal(http_reply_later(fx->server, nonsense, 200, NULL, NULL, 0, NULL), 0);
	client_close(c);
	fixture_stop(fx);
}

static void answers_come_back_to_their_own_connection(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(true, 2, NULL);
	struct client *c[40];

	for (unsigned i = 0; i < 40; i++) {
		c[i] = client_open(fx->port, NULL, NULL);
		ask(c[i], "/defer");
		UNTIL(app_tickets(&fx->app) == i + 1);
	}
	for (unsigned i = 40; i-- > 0;) {
		char text[8];
		int n = snprintf(text, sizeof text, "%u", i);
		http_reply_later(fx->server, fx->app.tickets[i], 200, NULL, text, (size_t)n, NULL);
	}
	for (unsigned i = 0; i < 40; i++) {
		struct client_answer a = client_recv(c[i], false);
		assert_int_equal(atoi(a.body), i);
		free(a.body);
		client_close(c[i]);
	}
	fixture_stop(fx);
}

static void a_deferred_request_that_nobody_answers(void **state)
{
	(void)state;
	struct http_limits l = http_limits_default();
	l.run_ms = 200;
	l.deferred = 1;
	struct fixture *fx = fixture_start(true, 1, &l);
	struct client *c = client_open(fx->port, NULL, NULL), *d = client_open(fx->port, NULL, NULL);

	ask(c, "/defer");
	UNTIL(app_tickets(&fx->app) == 1);
	ask(d, "/defer"); /* one too many at a time */
	struct client_answer a = client_recv(d, false);
	assert_int_equal(a.status, 503);
	assert_non_null(strstr(a.head, "Retry-After: "));
	free(a.body);
	assert_int_equal(answer(c), 503);
	/* Too late: harmless, and the connection goes on. */
	http_reply_later(fx->server, fx->app.tickets[0], 200, NULL, NULL, 0, NULL);
	ask(c, "/hello");
	assert_int_equal(answer(c), 200);
	client_close(c);
	client_close(d);
	fixture_stop(fx);
}

/* How many requests of the route are in its histogram. */
static uint64_t timed(struct fixture *fx, const char *pattern)
{
	uint64_t n = 0;

	for (size_t i = 0; i < sizeof fixture_routes / sizeof fixture_routes[0]; i++) {
		struct http_latency l;
		if (strcmp(fixture_routes[i].pattern, pattern) != 0)
			continue;
		http_server_latency(fx->server, i, &l);
		for (size_t j = 0; j <= HTTP_LATENCY_BOUNDS; j++)
			n += l.n[j];
	}
	return n;
}

static void news_wake_those_who_wait_for_it(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(false, 2, NULL);
	struct client *c[6];

	for (unsigned i = 0; i < 6; i++) {
		c[i] = client_open(fx->port, fx->nobody_tls, NULL);
		ask(c[i], i % 2 ? "/park/odd" : "/park/even");
	}
	UNTIL(counters(fx).parked == 6);
	http_wake(fx->server, "nobody");
	http_wake(fx->server, "odd");
	for (unsigned i = 1; i < 6; i += 2) {
		struct client_answer a = client_recv(c[i], false);
		assert_int_equal(a.status, 200);
		assert_string_equal(a.body, "odd");
		free(a.body);
	}
	assert_int_equal(counters(fx).parked, 3);
	assert_int_equal(atomic_load(&fx->app.calls), 3);
	ask(c[1], "/park/odd"); /* the same connection waits again */
	UNTIL(counters(fx).parked == 4);
	http_wake(fx->server, "even");
	http_wake(fx->server, "odd");
	for (unsigned i = 0; i < 6; i += 2)
		assert_int_equal(answer(c[i]), 200);
	assert_int_equal(answer(c[1]), 200);
	ask(c[0], "/hello");
	assert_int_equal(answer(c[0]), 200);
	/* A wait is no answering time. */
	assert_int_equal(timed(fx, "/park/{key}"), 0);
	assert_int_equal(timed(fx, "/hello"), 1);
	for (unsigned i = 0; i < 6; i++)
		client_close(c[i]);
	fixture_stop(fx);
}

static void waiting_ends(void **state)
{
	(void)state;
	struct http_limits l = http_limits_default();
	l.park_ms = 300;
	l.idle_ms = 100; /* must not end a wait */
	struct fixture *fx = fixture_start(true, 1, &l);
	struct client *c = client_open(fx->port, NULL, NULL);

	ask(c, "/park/x?wait=10");
	assert_int_equal(answer(c), 204);
	ask(c, "/park/x?wait=60000"); /* the server's limit */
	assert_int_equal(answer(c), 204);
	client_close(c);
	fixture_stop(fx);
}

static void no_news_is_lost_between_looking_and_waiting(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(true, 1, NULL);
	struct client *c = client_open(fx->port, NULL, NULL);

	ask(c, "/watch/k");
	UNTIL(app_tickets(&fx->app) == 1);
	http_wake(fx->server, "k"); /* while "looking" */
	http_resume(fx->server, fx->app.tickets[0], on_looked, &fx->app);
	assert_int_equal(answer(c), 200);

	ask(c, "/watch/k");
	UNTIL(app_tickets(&fx->app) == 2);
	http_resume(fx->server, fx->app.tickets[1], on_looked, &fx->app);
	UNTIL(counters(fx).parked == 1); /* the old news does not count for a new request */
	http_wake(fx->server, "k");
	assert_int_equal(answer(c), 200);
	assert_int_equal(atomic_load(&fx->app.gone), 0);

	/* Nor does news that came for a request which was then answered directly. */
	ask(c, "/watch/k");
	UNTIL(app_tickets(&fx->app) == 3);
	http_wake(fx->server, "k");
	http_reply_later(fx->server, fx->app.tickets[2], 200, NULL, NULL, 0, NULL);
	assert_int_equal(answer(c), 200);
	ask(c, "/park/k?wait=1");
	assert_int_equal(answer(c), 204);
	client_close(c);
	fixture_stop(fx);
}

enum farewell { FIN, RESET, CLOSE_NOTIFY, FLOOD };

static void leave(struct client *c, enum farewell how)
{
	struct linger hard = { .l_onoff = 1 };
	static char waste[8192];

	if (how == RESET)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	if (how == CLOSE_NOTIFY) {
		SSL_shutdown(c->ssl);
		assert_true(client_ended(c));
	}
	if (how == FLOOD) {
		client_send_bytes(c, waste, sizeof waste);
		assert_true(client_ended(c));
	}
	client_close(c);
}

static void vanished_clients_are_noticed_at_once(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(false, 1, NULL);
	unsigned gone = 0;

	for (enum farewell how = FIN; how <= FLOOD; how++) {
		struct client *c = client_open(fx->port, fx->nobody_tls, NULL);
		ask(c, "/park/x");
		UNTIL(counters(fx).parked == 1);
		leave(c, how);
		gone++;
		UNTIL(atomic_load(&fx->app.gone) == gone); /* the wait would last a minute */
		UNTIL(counters(fx).connections == 0);
		assert_int_equal(counters(fx).parked, 0);
	}
	http_wake(fx->server, "x");

	/* Deferred: whoever comes back with the ticket is told. */
	for (enum farewell how = FIN; how <= FLOOD; how++) {
		struct client *c = client_open(fx->port, fx->nobody_tls, NULL);
		unsigned n = app_tickets(&fx->app);
		ask(c, "/defer");
		UNTIL(app_tickets(&fx->app) == n + 1);
		leave(c, how);
		UNTIL(counters(fx).connections == 0);
		assert_int_equal(counters(fx).deferred, 0);
		http_reply_later(fx->server, fx->app.tickets[n], 200, NULL, "x", 1, NULL);
		http_resume(fx->server, fx->app.tickets[n], on_looked, &fx->app);
		gone++;
		UNTIL(atomic_load(&fx->app.gone) == gone);
	}
	assert_int_equal(counters(fx).vanished, 8);
	fixture_stop(fx);
}

static void a_little_may_be_pipelined_behind_a_parked_request(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(false, 1, NULL);
	struct client *c = client_open(fx->port, fx->nobody_tls, NULL);

	ask(c, "/park/x");
	ask(c, "/hello");
	UNTIL(counters(fx).parked == 1);
	usleep(50000);
	assert_int_equal(atomic_load(&fx->app.calls), 0); /* in order */
	http_wake(fx->server, "x");
	assert_int_equal(answer(c), 200);
	assert_int_equal(answer(c), 200);
	assert_int_equal(atomic_load(&fx->app.calls), 2);
	client_close(c);
	fixture_stop(fx);
}

static void storm_of_news(void **state)
{
	(void)state;
	struct fixture *fx = fixture_start(true, 2, NULL);
	enum { N = 50 };
	struct client *c[N];

	for (unsigned i = 0; i < N; i++)
		c[i] = client_open(fx->port, NULL, NULL);
	for (unsigned round = 0; round < 20; round++) {
		/* A key a round: late news of one round must not end the next. */
		char path[32];
		snprintf(path, sizeof path, "/park/%u", round);
		for (unsigned i = 0; i < N; i++)
			ask(c[i], path);
		UNTIL(counters(fx).parked == N);
		for (unsigned i = 0; i < 5; i++)
			http_wake(fx->server, path + strlen("/park/"));
		for (unsigned i = 0; i < N; i++)
			assert_int_equal(answer(c[i]), 200);
	}
	for (unsigned i = 0; i < N; i++)
		client_close(c[i]);
	fixture_stop(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_from_another_thread),
		cmocka_unit_test(answers_come_back_to_their_own_connection),
		cmocka_unit_test(a_deferred_request_that_nobody_answers),
		cmocka_unit_test(news_wake_those_who_wait_for_it),
		cmocka_unit_test(waiting_ends),
		cmocka_unit_test(no_news_is_lost_between_looking_and_waiting),
		cmocka_unit_test(vanished_clients_are_noticed_at_once),
		cmocka_unit_test(a_little_may_be_pipelined_behind_a_parked_request),
		cmocka_unit_test(storm_of_news),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
