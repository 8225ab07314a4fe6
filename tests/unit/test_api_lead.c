/* Rollouts executed by a whole server: what each host is told and when, commands and who may give them, why a host has not got
 * it, and a server killed between any two decisions. Time moves only by the test. */
#include "proto/assignment.h"
#include "server-stub/api/api_in.h"
#include "tests/support/api_world.h"

static struct api_world *w;

static int set_up(void **state)
{
	(void)state;
	w = world_open();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	world_close(w);
	return 0;
}

#define GATES                                                                                                \
	"{\"soak\":60,\"answered\":1000,\"evidence\":10,\"failed\":{\"share\":50},\"reverted\":{\"share\":"  \
	"50}}"

/* rollouts/web/SERIAL.json: web1 first, then everybody; published. */
static void put_rollout(int serial, const char *gates)
{
	char path[64], text[1024], start[TIME_TEXT_ROOM];

	snprintf(path, sizeof path, "rollouts/web/%d.json", serial);
	snprintf(text, sizeof text,
	        "{\"kedge_rollout\":1,\"policy\":\"web\",\"serial\":%d,\"action\":\"remove\",\"salt\":"
	        "\"00112233445566778899aabbccddeeff\",\"start\":\"%s\",\"waves\":[{\"canaries\":[\"web1\"],"
	        "\"opens_after\":0,\"opens_before\":86400},{\"share\":1000,\"opens_after\":0,\"opens_"
	        "before\":"
	        "86400}],\"gates\":%s}",
	        serial, time_format(atomic_load(&w->now), start), gates);
	repo_sim_target(w->sim, "targets", path, text);
	repo_sim_publish(w->sim);
	assert_int_equal(publish(w), 204);
}

static void put_standing(int serial)
{
	char path[64], text[256];

	snprintf(path, sizeof path, "rollouts/web/%d.json", serial);
	snprintf(text, sizeof text,
	        "{\"kedge_rollout\":1,\"policy\":\"web\",\"serial\":%d,\"action\":\"remove\",\"standing\":"
	        "true}",
	        serial);
	repo_sim_target(w->sim, "targets", path, text);
	repo_sim_publish(w->sim);
	assert_int_equal(publish(w), 204);
}

/* Time passes, and the leader looks. */
static void later(int seconds)
{
	atomic_fetch_add(&w->now, seconds);
	NEED(lead_pass(w->api, f));
}

/* "rollouts/web/1.json", "-" for none; *RET_GENERATION may be NULL. */
static const char *told(enum caller who, int64_t *ret_generation)
{
	static char first[2][128];
	char *text = first[who == HOST];
	struct client_answer a = ask(w, who, "GET",
	        who == HOST ? "/v1/hosts/web1/assignment" : "/v1/hosts/web2/assignment", NULL, NULL, 0);
	struct assignment *got;

	assert_int_equal(a.status, 200);
	NEED(assignment_parse(a.body, a.len, &got, f));
	assert_true(got->n <= 1);
	snprintf(text, sizeof first[0], "%s", got->n ? got->rollouts[0] : "-");
	if (ret_generation)
		*ret_generation = got->generation;
	assignment_free(got);
	free(a.body);
	return text;
}

static void say(struct voice *v, enum caller who, int serial, const char *result, const char *reason)
{
	char body[256];

	snprintf(body, sizeof body,
	        "{\"policy\":\"web\",\"version\":0,\"serial\":%d,\"result\":\"%s\",\"reason\":\"%s\"}",
	        serial, result, reason);
	voice_tell(v, RECORD_APPLY, body);
	struct client_answer a = voice_send(w, who, v);
	if (a.status != 200)
		fail_msg("%d %s", a.status, a.body ? a.body : "");
	free(a.body);
	buf_clear(&v->out);
}

static int command(enum caller who, const char *what, const char *body)
{
	char path[128];

	snprintf(path, sizeof path, "/v1/rollouts/web/%s", what);
	return status_for(w, who, "POST", path, NULL, body);
}

static void state_is(const char *state, const char *reason)
{
	cJSON *tree = get_json(w, VIEWER, "/v1/rollouts/web");
	const cJSON *r = json_at(tree, "rollouts", "0", NULL);

	if (strcmp(json_text(json_at(r, "state", NULL)), state) != 0 ||
	        !strstr(json_text(json_at(r, "reason", NULL)), reason))
		fail_msg("%s: %s", json_text(json_at(r, "state", NULL)),
		        json_text(json_at(r, "reason", NULL)));
	cJSON_Delete(tree);
}

static void why_is(const char *host, const char *why)
{
	char path[128];

	snprintf(path, sizeof path, "/v1/hosts/%s/rollouts", host);
	cJSON *tree = get_json(w, VIEWER, path);
	if (!strstr(json_text(json_at(tree, "rollouts", "0", "why", NULL)), why))
		fail_msg("%s", json_text(json_at(tree, "rollouts", "0", "why", NULL)));
	cJSON_Delete(tree);
}

/* ---- */

static void wave_by_wave(void **state)
{
	(void)state;
	struct voice one, two;
	int64_t before, after, web2;

	voice_open(&one, "web1", 0x11, NULL);
	voice_open(&two, "web2", 0x12, NULL);
	put_rollout(1, GATES); /* the first wave opens with the publication */
	assert_string_equal(told(HOST, &before), "rollouts/web/1.json");
	assert_string_equal(told(OTHER_HOST, &web2), "-");
	why_is("web1", "has not answered");
	why_is("web2", "waits for wave 1");
	say(&one, HOST, 1, "applied", "");
	later(1);
	why_is("web1", "not confirmed yet");
	say(&one, HOST, 1, "confirmed", "");
	later(1);
	why_is("web2", "opens at");
	later(59);
	assert_string_equal(told(OTHER_HOST, NULL), "-");
	later(1);
	assert_string_equal(told(OTHER_HOST, &after), "rollouts/web/1.json");
	assert_true(after > web2);
	/* nothing changed for web1, so it is told nothing */
	char path[96];
	snprintf(path, sizeof path, "/v1/hosts/web1/assignment?generation=%lld", (long long)before);
	assert_int_equal(status_for(w, HOST, "GET", path, NULL, NULL), 204);
	say(&two, OTHER_HOST, 1, "already", "");
	later(1);
	state_is("running", "");
	later(60);
	state_is("done", "");
	assert_string_equal(told(HOST, NULL), "rollouts/web/1.json");
	voice_close(&one);
	voice_close(&two);
}

static void a_canary_that_fails(void **state)
{
	(void)state;
	struct voice one, two;
	int64_t open, halted, again;

	voice_open(&one, "web1", 0x21, NULL);
	voice_open(&two, "web2", 0x22, NULL);
	put_rollout(1, GATES);
	told(HOST, &open);
	say(&one, HOST, 1, "failed", "the kernel says no");
	later(1);
	state_is("halted", "wave 1: 1 of 1 hosts failed, more than 5.0 %");
	assert_string_equal(told(HOST, &halted), "-");
	assert_true(halted > open);
	assert_string_equal(told(OTHER_HOST, NULL), "-");
	why_is("web1", "it failed: the kernel says no");
	why_is("web2", "the rollout is halted: wave 1");
	later(1000);
	state_is("halted", "");
	assert_int_equal(command(OPERATOR, "resume", "{\"why\":\"x\"}"), 409);
	assert_int_equal(command(OPERATOR, "retry", "{\"why\":\"the canary is special\"}"), 200);
	assert_string_equal(told(HOST, &again), "rollouts/web/1.json");
	assert_true(again > halted);
	later(60);
	assert_string_equal(told(OTHER_HOST, NULL), "rollouts/web/1.json"); /* nobody is left to wait for */
	/* what fails after a retry counts */
	say(&two, OTHER_HOST, 1, "reverted", "no confirmation");
	later(1);
	state_is("halted", "wave 2: 1 of 1 hosts reverted");
	voice_close(&one);
	voice_close(&two);
}

static void commands(void **state)
{
	(void)state;
	static const struct {
		const char *remark;
		enum caller who;
		const char *what, *body;
		int status;
	} rows[] = {
		{ "who only looks", VIEWER, "pause", "{\"why\":\"x\"}", 403 },
		{ "a host", HOST, "pause", "{\"why\":\"x\"}", 403 },
		{ "no reason", OPERATOR, "pause", "{}", 400 },
		{ "an empty one", OPERATOR, "pause", "{\"why\":\"\"}", 400 },
		{ "something else", OPERATOR, "pause", "{\"why\":\"x\",\"when\":1}", 400 },
		{ "no JSON", OPERATOR, "pause", "why", 400 },
		{ "another serial", OPERATOR, "pause", "{\"why\":\"x\",\"serial\":2}", 409 },
		{ "not paused", OPERATOR, "resume", "{\"why\":\"x\"}", 409 },
		{ "this serial", OPERATOR, "pause", "{\"why\":\"x\",\"serial\":1}", 200 },
		{ "twice", OPERATOR, "pause", "{\"why\":\"x\"}", 409 },
		{ "not halted", ADMIN, "retry", "{\"why\":\"x\"}", 409 },
		{ "on", ADMIN, "resume", "{\"why\":\"x\"}", 200 },
		{ "for good", OPERATOR, "abort", "{\"why\":\"x\"}", 200 },
		{ "for good", OPERATOR, "resume", "{\"why\":\"x\"}", 409 },
		{ "for good", OPERATOR, "retry", "{\"why\":\"x\"}", 409 },
	};

	put_rollout(1, GATES);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int got = command(rows[i].who, rows[i].what, rows[i].body);
		if (got != rows[i].status)
			fail_msg("%s: %s: %d, not %d", rows[i].remark, rows[i].what, got, rows[i].status);
	}
	assert_int_equal(
	        status_for(w, OPERATOR, "POST", "/v1/rollouts/db/pause", NULL, "{\"why\":\"x\"}"), 404);
	assert_string_equal(told(HOST, NULL), "-");
	cJSON *tree = get_json(w, VIEWER, "/v1/rollouts/web/history");
	const char *const actions[] = { "abort", "resume", "pause", "open" };
	assert_int_equal(cJSON_GetArraySize(json_at(tree, "events", NULL)), 4);
	for (int i = 0; i < 4; i++) {
		char at[2] = { (char)('0' + i), '\0' };
		assert_string_equal(json_text(json_at(tree, "events", at, "action", NULL)), actions[i]);
	}
	assert_string_equal(json_text(json_at(tree, "events", "0", "actor", NULL)), "operator/otto");
	cJSON_Delete(tree);
}

static int64_t assignment_generation(enum caller who)
{
	int64_t generation;

	told(who, &generation);
	return generation;
}

/* While a newer rollout has not come to a host, the standing one below it stands; an order to go back is never given. */
static void the_standing_one_below(void **state)
{
	(void)state;
	put_standing(1);
	assert_string_equal(told(HOST, NULL), "rollouts/web/1.json");
	assert_string_equal(told(OTHER_HOST, NULL), "rollouts/web/1.json");
	int64_t before = assignment_generation(OTHER_HOST);
	put_rollout(2, GATES);
	assert_string_equal(told(HOST, NULL), "rollouts/web/2.json");
	assert_string_equal(told(OTHER_HOST, NULL), "rollouts/web/1.json");
	assert_true(assignment_generation(OTHER_HOST) > before); /* metadata is new */
	assert_int_equal(command(OPERATOR, "pause", "{\"why\":\"x\"}"), 200);
	assert_string_equal(told(HOST, NULL), "-");
	assert_string_equal(told(OTHER_HOST, NULL), "rollouts/web/1.json");
	put_rollout(3, GATES);
	assert_string_equal(told(HOST, NULL), "rollouts/web/3.json");
}

/* A canary that is misspelt, or enrols later, is waited for. */
static void a_canary_that_is_not_there(void **state)
{
	(void)state;
	char text[1024], start[TIME_TEXT_ROOM];
	struct voice one;

	snprintf(text, sizeof text,
	        "{\"kedge_rollout\":1,\"policy\":\"web\",\"serial\":1,\"action\":\"remove\",\"salt\":"
	        "\"00112233445566778899aabbccddeeff\",\"start\":\"%s\",\"waves\":[{\"canaries\":[\"web1\","
	        "\"wbe1\"],\"opens_after\":0,\"opens_before\":600},{\"share\":1000,\"opens_after\":0,"
	        "\"opens_before\":86400}],\"gates\":{\"evidence\":10}}",
	        time_format(WORLD_NOW, start));
	repo_sim_target(w->sim, "targets", "rollouts/web/1.json", text);
	repo_sim_publish(w->sim);
	assert_int_equal(publish(w), 204);
	voice_open(&one, "web1", 0x41, NULL);
	say(&one, HOST, 1, "confirmed", "");
	later(1);
	assert_string_equal(told(OTHER_HOST, NULL), "-");
	why_is("web2", "waits for wave 1");
	cJSON *tree = get_json(w, VIEWER, "/v1/rollouts/web");
	assert_string_equal(json_text(json_at(tree, "rollouts", "0", "waves", "0", "waits_for", NULL)),
	        "1 of 1 hosts have answered, 2 are needed");
	cJSON_Delete(tree);
	later(600);
	state_is("halted", "wave 1 closed when 1 of 1 hosts had answered");
	voice_close(&one);
}

/* A plan of a later kedge: nobody is told, and it is said why. */
static void what_cannot_be_read(void **state)
{
	(void)state;
	repo_sim_target(w->sim, "targets", "rollouts/web/1.json", "{\"kedge_rollout\":2}");
	repo_sim_publish(w->sim);
	assert_int_equal(publish(w), 204);
	later(1);
	assert_string_equal(told(HOST, NULL), "-");
	state_is("unreadable", "this server cannot read it");
	why_is("web1", "kept back from all hosts");
	assert_int_equal(command(OPERATOR, "resume", "{\"why\":\"x\"}"), 409);
}

static int parked(void)
{
	struct http_counters k = { 0 };

	http_server_counters(w->server, &k);
	return (int)k.parked;
}

static void parked_becomes(int n)
{
	for (int i = 0; i < 500 && parked() != n; i++)
		usleep(10000);
	assert_int_equal(parked(), n);
}

/* A wave that opens wakes the polls of its hosts; the others go on waiting. */
static void only_whom_it_concerns(void **state)
{
	(void)state;
	struct client *one, *two;
	char request[160];

	put_rollout(1, GATES);
	assert_int_equal(command(OPERATOR, "pause", "{\"why\":\"x\"}"), 200);
	int64_t g1 = assignment_generation(HOST), g2 = assignment_generation(OTHER_HOST);
	one = world_connect(w, HOST);
	two = world_connect(w, OTHER_HOST);
	snprintf(request, sizeof request,
	        "GET /v1/hosts/web1/assignment?wait=60&generation=%lld HTTP/1.1\r\nHost: a\r\n\r\n",
	        (long long)g1);
	client_send(one, request);
	snprintf(request, sizeof request,
	        "GET /v1/hosts/web2/assignment?wait=60&generation=%lld HTTP/1.1\r\nHost: a\r\n\r\n",
	        (long long)g2);
	client_send(two, request);
	parked_becomes(2);
	assert_int_equal(command(OPERATOR, "resume", "{\"why\":\"x\"}"), 200);
	struct client_answer a = client_recv(one, false);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.body, "rollouts/web/1.json"));
	free(a.body);
	parked_becomes(1);
	client_close(one);
	/* the other one hears of the next thing that is its own */
	assert_int_equal(command(OPERATOR, "abort", "{\"why\":\"x\"}"), 200);
	usleep(200000);
	assert_int_equal(parked(), 1);
	put_standing(2);
	a = client_recv(two, false);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.body, "rollouts/web/2.json"));
	free(a.body);
	client_close(two);
}

/* ---- killed between any two decisions ---- */

/* The actions of the history, oldest first: "open 1, settle 1, ...". */
static void history_text(char *text, size_t size)
{
	cJSON *tree = get_json(w, VIEWER, "/v1/rollouts/web/history");
	const cJSON *events = json_at(tree, "events", NULL);
	size_t n = 0;

	text[0] = '\0';
	for (int i = cJSON_GetArraySize(events) - 1; i >= 0; i--) {
		const cJSON *e = cJSON_GetArrayItem(events, i);
		const cJSON *wave = json_at(e, "wave", NULL);
		n += (size_t)snprintf(text + n, size - n, "%s%s %d at %s", n ? ", " : "",
		        json_text(json_at(e, "action", NULL)), wave ? wave->valueint : 0,
		        json_text(json_at(e, "time", NULL)));
	}
	cJSON_Delete(tree);
}

/* The process is gone as by kill -9: nothing is given back. A new one starts on the same store. */
static void kill_server(void)
{
	w->api->lead.until = 0; /* so that draining does not end the lease politely */
	world_halt(w);
	world_start(w);
}

static void a_life(bool killed, char *text, size_t size)
{
	struct voice one, two;

	w = world_open();
	voice_open(&one, "web1", 0x31, NULL);
	voice_open(&two, "web2", 0x32, NULL);
	put_rollout(1, GATES);
	for (int i = 0; i < 30; i++) {
		if (i == 3)
			say(&one, HOST, 1, "confirmed", "");
		if (i == 15)
			say(&two, OTHER_HOST, 1, "confirmed", "");
		if (killed)
			kill_server();
		/* the lease of the dead runs out: what is due comes with the next pass of the next process */
		later(LEASE_SECONDS + 1);
	}
	history_text(text, size);
	state_is("done", "");
	voice_close(&one);
	voice_close(&two);
	world_close(w);
	w = NULL;
}

static void killing_changes_no_decision(void **state)
{
	(void)state;
	char quiet[1024], killed[1024];

	a_life(false, quiet, sizeof quiet);
	a_life(true, killed, sizeof killed);
	assert_string_equal(quiet, killed);
	assert_non_null(strstr(quiet, "done"));
}

/* Two processes on one store: one decides, both tell. */
static void two_servers(void **state)
{
	(void)state;
	struct store_config store = { .where = world_at(w, "store.db"), .commit_ms = 1 };
	struct store *other_store;
	struct api *other;

	NEED(store_open(&store, &other_store, f));
	NEED(api_open(other_store, &w->clock, 1, &w->settings, &other, f));
	put_rollout(1, "{\"soak\":60}"); /* the first one took the lease with the publication */
	atomic_fetch_add(&w->now, 1);
	NEED(api_lead(other, f));
	assert_int_equal(other->lead.until, 0);
	atomic_fetch_add(&w->now, LEASE_SECONDS);
	NEED(api_lead(other, f)); /* the first one has stood still since */
	assert_true(other->lead.term > w->api->lead.term);
	atomic_fetch_add(&w->now, 60);
	w->api->lead.until = atomic_load(&w->now) + 1000; /* and believes that it leads still */
	NEED(lead_pass(w->api, f));
	state_is("running", "");
	assert_string_equal(told(OTHER_HOST, NULL), "-"); /* its decision was not written */
	NEED(api_lead(other, f));
	assert_string_equal(told(OTHER_HOST, NULL), "rollouts/web/1.json");
	api_drain(other);
	store_close(other_store);
	api_close(other);
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(wave_by_wave),
		TEST(a_canary_that_fails),
		TEST(commands),
		TEST(the_standing_one_below),
		TEST(a_canary_that_is_not_there),
		TEST(what_cannot_be_read),
		TEST(only_whom_it_concerns),
		TEST(two_servers),
		cmocka_unit_test(killing_changes_no_decision),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
