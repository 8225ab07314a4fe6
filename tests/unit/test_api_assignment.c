/* Assignments: the newest rollout of each policy, at once or when there is one, and nobody else's business. */
#include <time.h>

#include "proto/assignment.h"
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

#define PATH "/v1/hosts/web1/assignment"

/* rollouts/POLICY/SERIAL.json in its standing form: everybody is told of it at once. */
static void put_rollout(struct repo_sim *sim, const char *role, const char *policy, int serial)
{
	char path[96], text[160];

	snprintf(path, sizeof path, "rollouts/%s/%d.json", policy, serial);
	snprintf(text, sizeof text,
	        "{\"kedge_rollout\":1,\"policy\":\"%s\",\"serial\":%d,\"action\":\"remove\",\"standing\":"
	        "true}",
	        policy, serial);
	repo_sim_target(sim, role, path, text);
}

static struct assignment *get(const char *path)
{
	struct client_answer a = ask(w, HOST, "GET", path, NULL, NULL, 0);
	struct assignment *got;

	if (a.status != 200)
		fail_msg("%s: %d %s", path, a.status, a.body ? a.body : "");
	NEED(assignment_parse(a.body, a.len, &got, f));
	char etag[64];
	snprintf(etag, sizeof etag, "ETag: \"%lld\"", (long long)got->generation);
	assert_non_null(strstr(a.head, etag));
	free(a.body);
	return got;
}

static int64_t ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void nothing_is_published(void **state)
{
	(void)state;
	int64_t before = ms();

	assert_int_equal(status_for(w, HOST, "GET", PATH, NULL, NULL), 204);
	assert_true(ms() - before < 900);
	before = ms();
	assert_int_equal(status_for(w, HOST, "GET", PATH "?wait=1", NULL, NULL), 204);
	assert_true(ms() - before >= 900);
}

static void a_parked_poll_is_woken(void **state)
{
	(void)state;
	struct client *c = world_connect(w, HOST);

	client_send(c, "GET " PATH "?wait=60&generation=0 HTTP/1.1\r\nHost: a\r\n\r\n");
	struct http_counters k = { 0 };
	for (int i = 0; i < 500 && !k.parked; i++) {
		usleep(10000);
		http_server_counters(w->server, &k);
	}
	assert_int_equal(k.parked, 1);
	put_rollout(w->sim, "targets", "web", 3);
	put_rollout(w->sim, "targets", "web", 20);
	repo_sim_target(w->sim, "targets", "policies/web/1.json", "{}");
	repo_sim_delegate(w->sim, "targets", "db", "rollouts/db/*", false);
	put_rollout(w->sim, "db", "db", 1);
	repo_sim_publish(w->sim);
	int64_t before = ms();
	assert_int_equal(publish(w), 204);
	struct client_answer a = client_recv(c, false);
	assert_true(ms() - before < 10000);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.body, "\"rollouts\":[\"rollouts/db/1.json\",\"rollouts/web/20.json\"]"));
	free(a.body);
	client_close(c);
}

static void the_newest_of_each_policy(void **state)
{
	(void)state;
	struct assignment *a = get(PATH);

	assert_string_equal(a->host, "web1");
	assert_int_equal(a->generation, 1);
	assert_int_equal(a->n, 2);
	assert_string_equal(a->rollouts[0], "rollouts/db/1.json");
	assert_string_equal(a->rollouts[1], "rollouts/web/20.json");
	assignment_free(a);
}

static void generations(void **state)
{
	(void)state;
	assert_int_equal(status_for(w, HOST, "GET", PATH "?generation=1", NULL, NULL), 204);
	/* a server that was restored from a backup is behind the host: the host hears of it */
	assignment_free(get(PATH "?generation=7"));
	put_rollout(w->sim, "targets", "web", 21);
	repo_sim_publish(w->sim);
	assert_int_equal(publish(w), 204);
	struct assignment *a = get(PATH "?wait=30&generation=1");
	assert_int_equal(a->generation, 2);
	assert_string_equal(a->rollouts[1], "rollouts/web/21.json");
	assignment_free(a);
}

/* Take the files of targets that begin with PREFIX away: the server refuses what nobody lists. */
static void unserve(const char *prefix)
{
	for (struct repo_sim_file *file = w->sim->targets, *next; file; file = next) {
		next = file->next;
		if (strncmp(file->name, prefix, strlen(prefix)) == 0) {
			char *name = strdup(file->name);
			repo_sim_put(&w->sim->targets, name, NULL, 0);
			free(name);
		}
	}
}

/* The snapshot lists an ended role for ever, and former shards: what they list is not told to anybody. What a split role lists
 * is; what a role lists outside of its patterns is not. */
static void only_what_hosts_find(void **state)
{
	(void)state;
	struct api_world *outer = w;
	char name[16];

	w = world_open();
	put_rollout(w->sim, "targets", "web", 21);
	repo_sim_delegate(w->sim, "targets", "db", "rollouts/db/*", false);
	put_rollout(w->sim, "db", "db", 1);
	repo_sim_delegate(w->sim, "targets", "shared", "rollouts/s-*/*", false);
	for (int i = 10; i < 52; i++) {
		snprintf(name, sizeof name, "s-%d", i);
		put_rollout(w->sim, "shared", name, 1);
		if (i != 30 && i != 51)
			continue;
		NEED(release_shard(w->sim->release, 10, f));
		NEED(release_expires_delegated(w->sim->release, w->sim->now + 90 * REPO_SIM_DAY, f));
		repo_sim_publish(w->sim);
		assert_int_equal(publish(w), 204);
	}
	repo_sim_target(w->sim, "shared-00", "rollouts/outside/1.json", "outside");
	NEED(release_undelegate(w->sim->release, "targets", "db", f));
	repo_sim_publish(w->sim);
	unserve("rollouts/db/");
	unserve("rollouts/outside/");
	assert_int_equal(publish(w), 204);
	struct assignment *a = get(PATH);
	assert_int_equal(a->n, 43);
	for (size_t i = 0; i < a->n; i++)
		if (strstr(a->rollouts[i], "/db/") || strstr(a->rollouts[i], "/outside/"))
			fail_msg("%s is told", a->rollouts[i]);
	assert_string_equal(a->rollouts[42], "rollouts/web/21.json");
	assignment_free(a);
	world_close(w);
	w = outer;
}

static void parameters(void **state)
{
	(void)state;
	static const char *const bad[] = { "?wait=61", "?wait=-1", "?wait=x", "?wait=1&wait=2",
		"?generation=1.5", "?generation=99999999999999999999" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char path[128];
		snprintf(path, sizeof path, PATH "%s", bad[i]);
		int got = status_for(w, HOST, "GET", path, NULL, NULL);
		if (got != 400)
			fail_msg("%s: %d", bad[i], got);
	}
	assert_int_equal(status_for(w, OTHER_HOST, "GET", PATH, NULL, NULL), 403);
}

static void a_poll_is_a_sign_of_life(void **state)
{
	(void)state;
	const char *seen = "(none)";

	atomic_store(&w->now, WORLD_NOW + 1000);
	assert_int_equal(status_for(w, HOST, "GET", PATH "?generation=2", NULL, NULL), 204);
	for (int i = 0; i < 100; i++) {
		cJSON *tree = get_json(w, VIEWER, "/v1/hosts/web1");
		char want[TIME_TEXT_ROOM];
		bool same = strcmp(json_text(json_at(tree, "last_seen", NULL)),
		                    time_format(WORLD_NOW + 1000, want)) == 0;
		cJSON_Delete(tree);
		if (same) {
			seen = "yes";
			break;
		}
		usleep(20000);
	}
	assert_string_equal(seen, "yes");
}

static void a_stop_ends_the_wait(void **state)
{
	(void)state;
	struct client *c = world_connect(w, HOST);
	struct http_counters k = { 0 };

	client_send(c, "GET " PATH "?wait=60&generation=2 HTTP/1.1\r\nHost: a\r\n\r\n");
	for (int i = 0; i < 500 && !k.parked; i++) {
		usleep(10000);
		http_server_counters(w->server, &k);
	}
	world_halt(w);
	assert_int_equal(client_status(c, ""), 204);
	client_close(c);
	world_start(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_published), cmocka_unit_test(a_parked_poll_is_woken),
		cmocka_unit_test(the_newest_of_each_policy), cmocka_unit_test(generations),
		cmocka_unit_test(parameters), cmocka_unit_test(a_poll_is_a_sign_of_life),
		cmocka_unit_test(a_stop_ends_the_wait),
		cmocka_unit_test(
		        only_what_hosts_find), /* a world of its own, which spoils the paths of the other */
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
