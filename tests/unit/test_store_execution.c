/* Executions in the store: revisions, terms of the lease, news, what hosts said, and the audit row of every change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server-stub/store/execution.h"
#include "tests/support/store_world.h"

#define EPOCH "aaaaaaaaaaaaaaaa"

static struct world w;
static const struct store_actor server = { "server", "", WORLD_TIME };

static int set_up(void **state)
{
	(void)state;
	world_open(&w);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

static int put(int64_t revision, const char *first, bool turned, int64_t term)
{
	struct store_execution e = { .policy = "web",
		.serial = 3,
		.revision = revision,
		.state = "running",
		.reason = "",
		.since = WORLD_TIME,
		.n_waves = 2,
		.waves = { { .state = first, .opened = 5, .turned = turned }, { .state = "waits" } } };
	const struct store_deed deed = { .action = "open", .wave = 1, .term = term };

	return store_execution_write(w.s, &server, &e, &deed, &w.f);
}

struct seen {
	unsigned n;
	int64_t revision, news[2], opened;
	char first[16];
};

static int execution_row(void *ctx, const struct store_execution *e)
{
	struct seen *seen = ctx;

	assert_string_equal(e->policy, "web");
	assert_int_equal(e->serial, 3);
	assert_int_equal(e->n_waves, 2);
	seen->n++;
	seen->revision = e->revision;
	seen->opened = e->waves[0].opened;
	for (int i = 0; i < 2; i++)
		seen->news[i] = e->waves[i].news;
	snprintf(seen->first, sizeof seen->first, "%s", e->waves[0].state);
	return 0;
}

static struct seen look(struct store_news *ret)
{
	struct seen seen = { 0 };

	assert_int_equal(store_execution_list(w.s, ret, execution_row, &seen, &w.f), 0);
	return seen;
}

static void revisions(void **state)
{
	(void)state;
	struct store_news news;

	assert_int_equal(look(&news).n, 0);
	assert_int_equal(news.change, 0);
	assert_int_equal(put(0, "open", true, 0), 0);
	assert_int_equal(put(0, "open", true, 0), KE_CONFLICT); /* two that saw nothing */
	struct seen seen = look(&news);
	assert_int_equal(seen.revision, 1);
	assert_int_equal(news.change, 1);
	assert_int_equal(seen.news[0], 1);
	assert_int_equal(seen.news[1], 0);
	assert_int_equal(put(1, "settled", false, 0), 0);
	assert_int_equal(put(1, "settled", false, 0), KE_CONFLICT);
	seen = look(&news);
	assert_int_equal(seen.revision, 2);
	assert_int_equal(news.change, 2);
	assert_int_equal(seen.news[0], 1); /* nothing turned: what was told stays */
	assert_int_equal(seen.opened, 5);
	assert_string_equal(seen.first, "settled");
	/* what was refused left nothing: two changes, two rows of history, two of the trail */
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM execution_events"), 2);
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM audit WHERE action = 'rollout.open' AND object ="
	                               " 'rollouts/web/3.json'"),
	        2);
	struct store_audit_state audit;
	assert_int_equal(store_audit_verify(w.s, NULL, &audit, &w.f), 0);
}

static void terms(void **state)
{
	(void)state;
	int64_t one = 0, two = 0, again = 0;

	assert_int_equal(store_lease_take(w.s, "a", 100, 10, &one, &w.f), 0);
	assert_int_equal(store_lease_take(w.s, "b", 105, 10, &two, &w.f), KE_BUSY);
	assert_int_equal(store_lease_take(w.s, "a", 105, 10, &again, &w.f), 0);
	assert_int_equal(one, again);
	assert_int_equal(put(0, "open", true, one), 0);
	/* "a" stands still; its lease runs out; "b" leads */
	assert_int_equal(store_lease_take(w.s, "b", 115, 10, &two, &w.f), 0);
	assert_true(two > one);
	assert_int_equal(put(1, "settled", false, one), KE_CONFLICT);
	assert_int_equal(put(1, "settled", false, two), 0);
	/* given back, it is free at once */
	assert_int_equal(store_lease_end(w.s, "a", &w.f), 0); /* not its own: nothing happens */
	assert_int_equal(store_lease_take(w.s, "a", 116, 10, &one, &w.f), KE_BUSY);
	assert_int_equal(store_lease_end(w.s, "b", &w.f), 0);
	assert_int_equal(store_lease_take(w.s, "a", 116, 10, &one, &w.f), 0);
	assert_true(one > two);
}

/* A publication raises the floor of what hosts are told to all that was told before. */
static void floors(void **state)
{
	(void)state;
	const struct store_file file = { .name = "metadata/x.json", .data = "x", .len = 1 };
	struct store_news news;
	int64_t generation;

	assert_int_equal(put(0, "open", true, 0), 0);
	assert_int_equal(store_news(w.s, &news, &w.f), 0);
	assert_int_equal(news.floor, 0);
	assert_int_equal(
	        store_repo_publish(w.s, &world_admin, STORE_MERGE, &file, 1, -1, &generation, &w.f), 0);
	assert_int_equal(store_news(w.s, &news, &w.f), 0);
	assert_int_equal(news.generation, 1);
	assert_int_equal(news.change, 1);
	assert_int_equal(news.floor, 1);
}

/* ---- what hosts said ---- */

struct said {
	unsigned n, contested, excused, refused, facts;
	int64_t serial;
	char result[16], refusal[16], last[16];
};

static int said_row(void *ctx, const struct store_said *s)
{
	struct said *said = ctx;

	assert_true(strcmp(said->last, s->host) < 0);
	snprintf(said->last, sizeof said->last, "%s", s->host);
	said->n++;
	said->contested += s->contested;
	said->excused += s->excused;
	said->refused += s->refusal[0] != '\0';
	said->facts += s->facts[0] != '\0';
	if (strcmp(s->host, "web1") == 0) {
		said->serial = s->serial;
		snprintf(said->result, sizeof said->result, "%s", s->result);
	}
	if (strcmp(s->host, "web2") == 0)
		snprintf(said->refusal, sizeof said->refusal, "%s", s->refusal);
	return 0;
}

static void tell_all(void)
{
	static const char *const hosts[] = { "web1", "web2", "web3", "old1" };
	const struct store_apply_in apply = {
		.policy = "web", .result = "confirmed", .serial = 3, .version = 2
	};
	const struct store_refusal_in refusal = { .what = "policy",
		.name = "policies/web/2.json",
		.code = "ceiling",
		.reason = "no",
		.serial = 3 };
	const struct store_drift_in drift = {
		.key = "a", .action = "contested", .policy = "web", .version = 2
	};
	struct store_ack ack;
	struct teller t;

	for (int i = 0; i < 4; i++)
		assert_int_equal(world_enrol(&w, hosts[i]), 0);
	teller_start(&t, "web1", EPOCH);
	teller_tell(&t, "epoch", "");
	teller_tell(&t, "apply", "")->apply = &apply;
	teller_tell(&t, "drift", "")->drift = &drift;
	assert_int_equal(store_append(w.s, &t.batch, &ack, &w.f), 0);
	teller_start(&t, "web2", EPOCH);
	teller_tell(&t, "epoch", "");
	teller_tell(&t, "refusal", "")->refusal = &refusal;
	assert_int_equal(store_append(w.s, &t.batch, &ack, &w.f), 0);
	assert_int_equal(store_host_revoke(w.s, &world_admin, "old1", &w.f), 0);
}

static struct said ask_all(int64_t version, int64_t serial, int64_t since, const char *host)
{
	struct store_said_filter filter = {
		.policy = "web", .version = version, .serial = serial, .since = since, .host = host
	};
	struct said said = { 0 }, bare = { 0 };

	assert_int_equal(store_said_list(w.s, &filter, said_row, &said, &w.f), 0);
	assert_int_equal(said.facts, said.n);
	if (!host) { /* the same without what hosts told of themselves */
		filter.bare = true;
		assert_int_equal(store_said_list(w.s, &filter, said_row, &bare, &w.f), 0);
		assert_int_equal(bare.facts, 0);
		bare.facts = said.facts;
		assert_memory_equal(&bare, &said, sizeof said);
	}
	return said;
}

static void said(void **state)
{
	(void)state;
	static const char *const excuse[] = { "web3", "web3" };
	const struct store_execution e = { .policy = "web",
		.serial = 3,
		.state = "running",
		.reason = "",
		.n_waves = 1,
		.waves = { { .state = "open" } } };
	const struct store_deed deed = { .action = "retry", .why = "w", .excuse = excuse, .n_excuse = 2 };

	tell_all();
	assert_int_equal(store_execution_write(w.s, &world_admin, &e, &deed, &w.f), 0);
	struct said s = ask_all(2, 3, 0, NULL);
	assert_int_equal(s.n, 3); /* without the revoked one */
	assert_int_equal(s.serial, 3);
	assert_string_equal(s.result, "confirmed");
	assert_int_equal(s.contested, 1);
	assert_string_equal(s.refusal, "ceiling");
	assert_int_equal(s.excused, 1);
	/* what was said before, of another version or another serial, is not of this one */
	s = ask_all(2, 3, WORLD_TIME + 1, NULL);
	assert_int_equal(s.contested + s.refused, 0);
	s = ask_all(3, 4, 0, NULL);
	assert_int_equal(s.contested + s.refused + s.excused, 0);
	assert_int_equal(s.serial, 3);
	assert_int_equal(ask_all(2, 3, 0, "web2").n, 1);
	assert_int_equal(ask_all(2, 3, 0, "old1").n, 0);
}

static int event_row(void *ctx, const struct store_event *e)
{
	int64_t *last = ctx;

	assert_true(e->id < *last);
	assert_string_equal(e->policy, "web");
	assert_string_equal(e->actor, "server");
	*last = e->id;
	return 0;
}

static void history(void **state)
{
	(void)state;
	const struct store_page page = { .newest = true, .limit = 10 };
	int64_t last = 1000;

	assert_int_equal(put(0, "open", true, 0), 0);
	assert_int_equal(put(1, "settled", false, 0), 0);
	assert_int_equal(store_event_list(w.s, "web", &page, event_row, &last, &w.f), 0);
	assert_int_equal(last, 1);
	last = 1000;
	assert_int_equal(store_event_list(w.s, "db", &page, event_row, &last, &w.f), 0);
	assert_int_equal(last, 1000);
}

/* The state survives the process, and a torn row is not read as something else. */
static void again(void **state)
{
	(void)state;
	struct store_news news;

	assert_int_equal(put(0, "open", true, 0), 0);
	store_close(w.s);
	assert_int_equal(world_reopen(&w, (struct store_config){ 0 }), 0);
	assert_int_equal(look(&news).news[0], 1);
	world_sql(&w, "DELETE FROM execution_waves WHERE wave = 0");
	struct seen seen = { 0 };
	assert_int_equal(store_execution_list(w.s, &news, execution_row, &seen, &w.f), KE_STORE);
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(revisions),
		TEST(terms),
		TEST(floors),
		TEST(said),
		TEST(history),
		TEST(again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
