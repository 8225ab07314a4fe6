/* The courier against a real HTTPS server in the same process; the test is its keeper. */
#include "tests/support/courier_world.h"

#include <signal.h>

#include "agent/courier/courier.h"

static struct ev_loop *loop;
static struct courier *courier;
static int keeper; /* our end */
static int end_code;

/* The last frame that was waited for. */
static struct frame got;
static char *payload;
static size_t payload_len;

static uint64_t chance(void *ctx)
{
	(void)ctx;
	return 100; /* ms: pauses are short and lifted to a quarter of first_ms */
}

static void on_end(void *ctx, int rc)
{
	(void)ctx;
	end_code = rc;
}

static void start(void)
{
	struct fault f = { 0 };
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	keeper = ends[0];
	end_code = 0;
	loop = ev_loop_new(EVFLAG_NOENV);
	struct courier_options co = { .config = w.config,
		.ipc = ends[1],
		.loop = loop,
		.clock = &clock_system,
		.chance = chance,
		.times = COURIER_TIMES,
		.ended = on_end };
	co.times.poll_s = 2;
	co.times.first_ms = 200;
	co.times.gap_ms = 50;
	co.times.connect_ms = 3000;
	if (courier_open(&co, &courier, &f))
		fail_msg("%s: %s", f.where, f.what);
}

static int open_one(void **state)
{
	(void)state;
	atomic_store(&w.push_mode, 200);
	atomic_store(&w.news, 0);
	atomic_store(&w.poll_mode, 0);
	atomic_store(&w.no_cert, 0);
	atomic_store(&w.gzipped, 0);
	start();
	return 0;
}

static int close_one(void **state)
{
	(void)state;
	courier_close(courier);
	courier = NULL;
	close(keeper);
	ev_loop_destroy(loop);
	file_free(payload);
	payload = NULL;
	agent_config_free(w.config);
	w.config = NULL;
	world_configure(w.port);
	return 0;
}

static void turn(double seconds)
{
	ev_run(loop, EVRUN_NOWAIT);
	usleep((useconds_t)(seconds * 1e6));
}

/* Run until a frame of TYPE comes (SERVER_TIME and HELLO are passed over unless wanted). false: none in SECONDS. */
static bool receive(enum frame_type type, double seconds)
{
	for (double t = 0; t < seconds; t += 0.002) {
		int fd = -1;
		struct frame fr;
		turn(0.002);
		while (frame_receive(keeper, &fr, &fd) == 0) {
			file_free(payload);
			payload = NULL;
			payload_len = 0;
			if (fd >= 0) {
				assert_int_equal(seal_copy(fd, 1 << 20, &payload, &payload_len, NULL), 0);
				close(fd);
			}
			got = fr;
			if (fr.type == type)
				return true;
		}
	}
	return false;
}

static void fetch(uint32_t id, enum fetch_where where, const char *name, int64_t max)
{
	struct frame fr = frame_make(FRAME_FETCH, id);

	fr.a = where;
	fr.b = max;
	frame_say(&fr, "%s", name);
	assert_int_equal(frame_send(keeper, &fr, -1), 0);
	assert_true(receive(FRAME_FETCHED, WORLD_PATIENCE));
	assert_int_equal(got.id, id);
}

static void push(uint32_t id, const char *lines, size_t len)
{
	struct frame fr = frame_make(FRAME_PUSH, id);
	int fd = -1;

	assert_int_equal(seal_make("batch", lines, len, &fd, NULL), 0);
	assert_int_equal(frame_send(keeper, &fr, fd), 0);
	close(fd);
	assert_true(receive(FRAME_PUSHED, WORLD_PATIENCE));
	assert_int_equal(got.id, id);
}

static void text_has(const char *words)
{
	if (!strstr(got.text, words))
		fail_msg("'%s' lacks '%s'", got.text, words);
}

/* ---- */

static void it_says_hello(void **state)
{
	(void)state;
	assert_true(receive(FRAME_HELLO, WORLD_PATIENCE));
	assert_int_equal(got.a, ROLE_COURIER);
	assert_string_equal(got.text, KEDGE_VERSION);
}

static void files_are_fetched(void **state)
{
	(void)state;
	static const struct {
		enum fetch_where where;
		const char *name;
		int64_t max;
		enum frame_status status;
		const char *bytes, *text, *remark;
	} rows[] = {
		{ FETCH_METADATA, "timestamp.json", 5, FRAME_OK, "bytes", "", "exactly as large as allowed" },
		{ FETCH_METADATA, "timestamp.json", 4, FRAME_FAILED, NULL, "larger than 4 bytes",
		        "one more" },
		{ FETCH_METADATA, "big.json", 4999, FRAME_FAILED, NULL, "larger than 4999", "" },
		{ FETCH_METADATA, "a b?c.json", 100, FRAME_OK, "bytes", "", "escaped" },
		{ FETCH_METADATA, "9.root.json", 100, FRAME_ABSENT, NULL, "404: no such file", "" },
		{ FETCH_METADATA, "hidden.json", 100, FRAME_ABSENT, NULL, "403",
		        "a CDN's way to say absent" },
		{ FETCH_METADATA, "moved.json", 100, FRAME_FAILED, NULL, "302", "never followed" },
		{ FETCH_TARGET, "policies/web/ab.1.json", 100, FRAME_OK, "policies/web/ab.1.json", "",
		        "slashes stay" },
		{ FETCH_TARGET, "../metadata/timestamp.json", 100, FRAME_FAILED, NULL, "cannot be asked for",
		        "" },
		{ FETCH_TARGET, "/etc/passwd", 100, FRAME_FAILED, NULL, "cannot be asked for", "" },
		{ FETCH_TARGET, "", 100, FRAME_FAILED, NULL, "cannot be asked for", "" },
	};

	for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		fetch(i + 1, rows[i].where, rows[i].name, rows[i].max);
		if (got.status != (int)rows[i].status)
			fail_msg("row %u: status %d, %s", i, got.status, got.text);
		text_has(rows[i].text);
		if (rows[i].bytes)
			assert_string_equal(payload, rows[i].bytes);
		else
			assert_null(payload);
	}
	assert_int_equal(atomic_load(&w.no_cert), 0); /* the host shows its certificate */
}

static void a_wish_for_silence_is_kept(void **state)
{
	(void)state;
	fetch(1, FETCH_METADATA, "busy.json", 100);
	assert_int_equal(got.status, FRAME_FAILED);
	assert_int_equal(got.a, 7);
	text_has("come back later");
	struct http_counters before, after;
	http_server_counters(w.server, &before);
	fetch(2, FETCH_METADATA, "timestamp.json", 100);
	http_server_counters(w.server, &after);
	assert_int_equal(got.status, FRAME_FAILED);
	assert_in_range(got.a, 6, 7);
	text_has("left alone");
	assert_int_equal(after.requests, before.requests);
}

static void batches_are_pushed(void **state)
{
	(void)state;
	static const struct {
		int mode;
		enum frame_status status;
		int64_t a;
		const char *text, *remark;
	} rows[] = {
		{ 200, FRAME_OK, 42, "", "" },
		{ 409, FRAME_FORKED, 0,
		        "00000000000000aa 7 1111111111111111111111111111111111111111111111111111111111111111",
		        "" },
		{ 422, FRAME_REFUSED, 0, "422: line 3 has no seq", "" },
		{ 1, FRAME_FAILED, 0, "answer to the batch", "a captive portal is no acknowledgement" },
		{ 503, FRAME_FAILED, 3, "full", "last: it asks for silence" },
	};

	for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		atomic_store(&w.push_mode, rows[i].mode);
		push(i + 1, "{\"seq\":1}\n", 10);
		if (got.status != (int)rows[i].status)
			fail_msg("row %u: status %d, %s", i, got.status, got.text);
		assert_int_equal(got.a, rows[i].a);
		text_has(rows[i].text);
		if (rows[i].status == FRAME_OK)
			assert_true((uint64_t)got.b == UINT64_C(0xf123456789abcdef));
	}
	assert_int_equal(atomic_load(&w.gzipped), 0); /* too small to be worth it */
}

static void large_batches_are_compressed(void **state)
{
	(void)state;
	char lines[4096];

	memset(lines, 'x', sizeof lines);
	lines[0] = '{';
	lines[sizeof lines - 1] = '\n';
	push(1, lines, sizeof lines);
	assert_int_equal(got.status, FRAME_OK);
	assert_int_equal(atomic_load(&w.gzipped), 1);
	atomic_store(&w.push_mode, 415); /* a server without gzip: asked again without */
	push(2, lines, sizeof lines);
	assert_int_equal(got.status, FRAME_OK);
	assert_int_equal(atomic_load(&w.gzipped), 2);
	push(3, lines, sizeof lines);
	assert_int_equal(got.status, FRAME_OK);
	assert_int_equal(atomic_load(&w.gzipped), 2);
}

static void a_confirmation_is_a_new_connection(void **state)
{
	(void)state;
	struct http_counters before, after;

	fetch(1, FETCH_METADATA, "timestamp.json", 100);
	http_server_counters(w.server, &before);
	fetch(2, FETCH_METADATA, "timestamp.json", 100);
	http_server_counters(w.server, &after);
	assert_int_equal(after.accepted, before.accepted); /* kept alive */
	for (uint32_t id = 3; id < 6; id++) {
		struct frame fr = frame_make(FRAME_CONFIRM, id);
		before = after;
		assert_int_equal(frame_send(keeper, &fr, -1), 0);
		assert_true(receive(FRAME_CONFIRMED, WORLD_PATIENCE));
		assert_true(got.id == id && got.status == FRAME_OK);
		http_server_counters(w.server, &after);
		assert_int_equal(after.accepted, before.accepted + 1);
		assert_int_equal(after.handshakes_resumed, before.handshakes_resumed);
	}
	atomic_store(&w.poll_mode, 403);
	struct frame fr = frame_make(FRAME_CONFIRM, 9);
	assert_int_equal(frame_send(keeper, &fr, -1), 0);
	assert_true(receive(FRAME_CONFIRMED, WORLD_PATIENCE));
	assert_int_equal(got.status, FRAME_FAILED);
	text_has("403");
}

static void the_servers_clock_is_told(void **state)
{
	(void)state;
	struct frame fr = frame_make(FRAME_CONFIRM, 1);

	assert_int_equal(frame_send(keeper, &fr, -1), 0);
	assert_true(receive(FRAME_SERVER_TIME, WORLD_PATIENCE));
	int64_t now = clock_wall(&clock_system);
	assert_in_range(got.a, now - 30, now + 5);
	assert_true(receive(FRAME_CONFIRMED, WORLD_PATIENCE));
}

static void news_come_by_long_poll(void **state)
{
	(void)state;
	struct frame fr = frame_make(FRAME_NEWS_FROM, 0);

	atomic_store(&w.polls, 0);
	fr.a = 5;
	assert_int_equal(frame_send(keeper, &fr, -1), 0);
	assert_false(receive(FRAME_NEWS, 0.5));
	assert_int_equal(atomic_load(&w.polls), 1); /* parked, not asked again and again */
	atomic_store(&w.news, 6);
	http_wake(w.server, "web1");
	assert_true(receive(FRAME_NEWS, WORLD_PATIENCE));
	assert_int_equal(got.a, 6);
	assert_non_null(payload);
	assert_non_null(strstr(payload, "\"generation\":6"));
	/* and it goes on from there, over empty polls (204) too */
	assert_false(receive(FRAME_NEWS, 1.2));
	atomic_store(&w.news, 7);
	http_wake(w.server, "web1");
	assert_true(receive(FRAME_NEWS, WORLD_PATIENCE));
	assert_int_equal(got.a, 7);
}

static void polls_that_fail_are_repeated_after_a_pause(void **state)
{
	(void)state;
	struct frame fr = frame_make(FRAME_NEWS_FROM, 0);

	atomic_store(&w.polls, 0);
	atomic_store(&w.poll_mode, 500);
	assert_int_equal(frame_send(keeper, &fr, -1), 0);
	assert_false(receive(FRAME_NEWS, 1.0));
	/* Repeated, with pauses: without them there would be thousands. How many there are is the machine's business. */
	assert_in_range(atomic_load(&w.polls), 2, 200);
	atomic_store(&w.poll_mode, 0);
	atomic_store(&w.news, 1);
	assert_true(receive(FRAME_NEWS, WORLD_PATIENCE));
}

static void the_environments_proxies_are_ignored(void **state)
{
	(void)state;
	static const char *const names[] = { "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy" };

	for (size_t i = 0; i < 4; i++)
		setenv(names[i], "http://127.0.0.1:1", 1);
	setenv("SSL_CERT_FILE", "/dev/null", 1);
	fetch(1, FETCH_METADATA, "timestamp.json", 100);
	assert_int_equal(got.status, FRAME_OK);
	for (size_t i = 0; i < 4; i++)
		unsetenv(names[i]);
	unsetenv("SSL_CERT_FILE");
}

static void an_unreachable_server_is_said(void **state)
{
	close_one(state);
	world_configure(1);
	start();
	fetch(1, FETCH_METADATA, "timestamp.json", 100);
	assert_int_equal(got.status, FRAME_FAILED);
	text_has("127.0.0.1");
	text_has("check the network");
}

/* Every bad server certificate of the forest is refused, and for its own reason. */
static void wrong_servers_are_refused(void **state)
{
	char *list = NULL, *at_line, *line;
	size_t len = 0;
	unsigned n = 0;

	close_one(state);
	const char *forest[] = { KEDGE_BIN_DIR "/kedge-devca", "forest", at("forest"), NULL };
	assert_int_equal(world_run(forest), 0);
	assert_int_equal(file_read(at("forest/forest.tsv"), 65536, &list, &len, NULL), 0);
	for (at_line = list; (line = strsep(&at_line, "\n")) && *line;) {
		const char *side = strsep(&line, "\t"), *name = strsep(&line, "\t"), *reason = line;
		if (strcmp(side, "server") != 0)
			continue;
		struct http_server *bad =
		        world_server(at("forest/forest/%s.crt", name), at("forest/forest/%s.key", name));
		world_configure(http_server_port(bad));
		free(w.config->ca);
		w.config->ca = strdup(at("forest/server-ca.crt"));
		start();
		fetch(1, FETCH_METADATA, "timestamp.json", 100);
		enum verify_reason r = 0;
		while (r < VERIFY_REASON_COUNT && strcmp(verify_name(r), reason) != 0)
			r++;
		if (r == VERIFY_OK ? got.status != FRAME_OK
		                   : got.status != FRAME_FAILED || !strstr(got.text, verify_text(r)))
			fail_msg("%s (%s): status %d, %s", name, reason, got.status, got.text);
		close_one(state);
		http_server_stop(bad, 2000);
		http_server_free(bad);
		n++;
	}
	file_free(list);
	assert_true(n >= 10);
	start();
}

static void a_host_without_certificate_is_told_so(void **state)
{
	close_one(state);
	assert_int_equal(rename(at("state/courier/host.crt"), at("kept.crt")), 0);
	start();
	fetch(1, FETCH_METADATA, "timestamp.json", 100);
	assert_int_equal(got.status, FRAME_FAILED);
	text_has("host.crt");
	assert_int_equal(rename(at("kept.crt"), at("state/courier/host.crt")), 0);
	fetch(2, FETCH_METADATA, "timestamp.json", 100); /* enrolled meanwhile: no restart needed */
	assert_int_equal(got.status, FRAME_OK);
}

static void nonsense_ends_the_conversation(void **state)
{
	(void)state;
	struct frame rows[] = { frame_make(FRAME_FETCH, 1), frame_make(FRAME_PUSH, 1),
		frame_make(FRAME_NEWS_FROM, 1), frame_make(FRAME_FETCHED, 1), frame_make(FRAME_ASK, 1),
		frame_make(FRAME_HELLO, 1) };

	rows[0].a = 9; /* no such place */
	rows[0].b = 100;
	rows[2].a = -1;
	rows[5].a = ROLE_LOCAL;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(frame_send(keeper, &rows[i], -1), 0);
		turn(0.01);
		turn(0.01);
		assert_int_equal(end_code, KE_PROTO);
		close_one(state);
		start();
	}
}

static void the_keepers_end_is_noticed(void **state)
{
	(void)state;
	close(keeper);
	keeper = -1;
	turn(0.01);
	turn(0.01);
	assert_int_equal(end_code, KE_CLOSED);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, open_one, close_one)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(it_says_hello),
		EACH(files_are_fetched),
		EACH(a_wish_for_silence_is_kept),
		EACH(batches_are_pushed),
		EACH(large_batches_are_compressed),
		EACH(a_confirmation_is_a_new_connection),
		EACH(the_servers_clock_is_told),
		EACH(news_come_by_long_poll),
		EACH(polls_that_fail_are_repeated_after_a_pause),
		EACH(the_environments_proxies_are_ignored),
		EACH(an_unreachable_server_is_said),
		EACH(wrong_servers_are_refused),
		EACH(a_host_without_certificate_is_told_so),
		EACH(nonsense_ends_the_conversation),
		EACH(the_keepers_end_is_noticed),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, world_open, world_close);
}
