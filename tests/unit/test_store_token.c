/* Tokens and enrolment: who may become which host, once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "tests/support/store_world.h"

#define SECRET "5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2"
#define WRONG  "5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec3"

static struct world w;

static int setup(void **state)
{
	(void)state;
	world_open(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

static const struct store_label labels[] = { { "role", "web" }, { "site", "a\"b" } };

static int token(const char *id, const char *host)
{
	struct store_token t = { .id = id,
		.secret_sha256 = SECRET,
		.host = host,
		.labels = labels,
		.label_count = 2,
		.expires = WORLD_TIME + 100 };

	return store_token_create(w.s, &world_admin, &t, &w.f);
}

static int enrol(const char *id, const char *secret, const char *host, int64_t now)
{
	struct store_actor actor = { "token/x", "host", now };
	struct store_enrolment e = { .host = host,
		.cert_sha256 = WORLD_CERT,
		.not_after = now + 1000,
		.token_id = id,
		.token_sha256 = secret };

	return store_host_enrol(w.s, &actor, &e, &w.f);
}

static void rules(void **state)
{
	(void)state;
	static const struct {
		const char *id, *secret, *host;
		int64_t later;
		int check, enrol;
		const char *remark;
	} rows[] = {
		{ "free", WRONG, "new1", 0, KE_FORBIDDEN, KE_FORBIDDEN, "wrong secret" },
		{ "free", "", "new1", 0, KE_FORBIDDEN, KE_FORBIDDEN, "no secret" },
		{ "none", SECRET, "new1", 0, KE_FORBIDDEN, KE_FORBIDDEN, "unknown id" },
		{ "free", SECRET, "new1", 100, KE_EXPIRED, KE_EXPIRED, "at its end" },
		{ "free", SECRET, "taken", 0, KE_OK, KE_EXIST, "somebody else's name" },
		{ "bound", SECRET, "new1", 0, KE_FORBIDDEN, KE_FORBIDDEN, "bound to another" },
		{ "bound", SECRET, "taken", 99, KE_OK, KE_OK, "bound to a taken name: takes it over" },
		{ "bound", SECRET, "taken", 99, KE_FORBIDDEN, KE_FORBIDDEN, "a second time" },
		{ "free", SECRET, "new1", 99, KE_OK, KE_OK, "after all refusals it is still unused" },
		{ "free", SECRET, "new2", 99, KE_FORBIDDEN, KE_FORBIDDEN, "now it is used" },
	};
	assert_int_equal(world_enrol(&w, "taken"), KE_OK);
	assert_int_equal(token("free", NULL), KE_OK);
	assert_int_equal(token("bound", "taken"), KE_OK);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t now = WORLD_TIME + rows[i].later;
		print_message("%s\n", rows[i].remark);
		assert_int_equal(store_token_check(w.s, rows[i].id, rows[i].secret, rows[i].host, now, &w.f),
		        rows[i].check);
		assert_int_equal(enrol(rows[i].id, rows[i].secret, rows[i].host, now), rows[i].enrol);
	}
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM hosts"), 2);
	/* 1 host by hand, 2 tokens, 2 enrolments; refusals leave no audit row */
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM audit"), 5);
}

static int seen;

static int host_row(void *ctx, const struct store_host *h)
{
	(void)ctx;
	assert_string_equal(h->labels, "{\"role\":\"web\",\"site\":\"a\\\"b\"}");
	assert_string_equal(h->cert_sha256, WORLD_CERT);
	assert_string_equal(h->epoch, "");
	assert_string_equal(h->head, WORLD_ZEROS);
	assert_int_equal(h->created, WORLD_TIME);
	assert_int_equal(h->policy_count, 0);
	seen++;
	return 0;
}

static int token_row(void *ctx, const struct store_token *t)
{
	(void)ctx;
	assert_string_equal(t->secret_sha256, "");
	assert_int_equal(t->label_count, 2);
	assert_string_equal(t->labels[1].value, "a\"b");
	assert_string_equal(t->created_by, "operator/anna");
	assert_string_equal(t->used_by, !strcmp(t->id, "t1") ? "web1" : "");
	assert_int_equal(t->used, !strcmp(t->id, "t1") ? WORLD_TIME : 0);
	seen++;
	return 0;
}

static void labels_travel_from_the_token_to_the_host(void **state)
{
	(void)state;
	struct store_host_filter by = { .label_name = "site", .label_value = "a\"b", .limit = 10 };
	assert_int_equal(token("t1", "web1"), KE_OK);
	assert_int_equal(token("t2", NULL), KE_OK);
	assert_int_equal(token("t2", NULL), KE_EXIST);
	assert_int_equal(enrol("t1", SECRET, "web1", WORLD_TIME), KE_OK);
	seen = 0;
	assert_int_equal(store_host_list(w.s, &by, host_row, NULL, &w.f), KE_OK);
	assert_int_equal(seen, 1);
	assert_int_equal(store_token_list(w.s, NULL, 10, token_row, NULL, &w.f), KE_OK);
	assert_int_equal(seen, 3);
	assert_int_equal(store_token_list(w.s, "t1", 10, token_row, NULL, &w.f), KE_OK);
	assert_int_equal(seen, 4);
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM tokens WHERE id = secret_sha256"), 0);
	assert_int_equal(store_token_remove(w.s, &world_admin, "t2", &w.f), KE_OK);
	assert_int_equal(store_token_remove(w.s, &world_admin, "t2", &w.f), KE_NOENT);
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM token_labels"), 2); /* t1's */
}

static void bad_tokens_are_not_made(void **state)
{
	(void)state;
	static const struct store_label twice[] = { { "a", "1" }, { "a", "2" } };
	struct store_token t = { .id = "t", .secret_sha256 = SECRET, .expires = WORLD_TIME };
	assert_int_equal(store_token_create(w.s, &world_admin, &t, &w.f), KE_RANGE);
	t.expires++;
	t.labels = twice;
	t.label_count = 2;
	assert_int_equal(store_token_create(w.s, &world_admin, &t, &w.f), KE_DUPLICATE);
	t.label_count = 1000;
	assert_int_equal(store_token_create(w.s, &world_admin, &t, &w.f), KE_TOOBIG);
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM tokens"), 0);
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM audit"), 0);
}

struct racer {
	pthread_t thread;
	struct world *w; /* its own handle: another server process would look the same */
	char host[32];
	int rc;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	struct store_actor actor = { "token/t", "host", WORLD_TIME };
	struct store_enrolment e = {
		.host = r->host, .cert_sha256 = WORLD_CERT, .token_id = "t", .token_sha256 = SECRET
	};

	do {
		r->rc = store_host_enrol(r->w->s, &actor, &e, NULL);
	} while (r->rc == KE_BUSY);
	return NULL;
}

static void of_two_that_race_one_wins(void **state)
{
	(void)state;
	struct world second = w;
	assert_int_equal(world_reopen(&second, (struct store_config){ .busy_ms = 5000 }), KE_OK);
	for (int round = 0; round < 10; round++) {
		struct racer r[4];
		int won = 0;
		if (round)
			assert_int_equal(store_token_remove(w.s, &world_admin, "t", &w.f), KE_OK);
		assert_int_equal(token("t", NULL), KE_OK);
		for (int i = 0; i < 4; i++) {
			r[i] = (struct racer){ .w = i % 2 ? &second : &w };
			snprintf(r[i].host, sizeof r[i].host, "h%d-%d", round, i);
			assert_int_equal(pthread_create(&r[i].thread, NULL, race, &r[i]), 0);
		}
		for (int i = 0; i < 4; i++) {
			pthread_join(r[i].thread, NULL);
			assert_true(r[i].rc == KE_OK || r[i].rc == KE_FORBIDDEN);
			won += r[i].rc == KE_OK;
		}
		assert_int_equal(won, 1);
	}
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM hosts"), 10);
	store_close(second.s);
}

static void renewing_and_revoking(void **state)
{
	(void)state;
	assert_int_equal(store_host_renew(w.s, &world_admin, "web1", WORLD_CERT, 5, &w.f), KE_NOENT);
	assert_int_equal(store_host_revoke(w.s, &world_admin, "web1", &w.f), KE_NOENT);
	assert_int_equal(world_enrol(&w, "web1"), KE_OK);
	assert_int_equal(store_host_renew(w.s, &world_admin, "web1", SECRET, 5, &w.f), KE_OK);
	assert_int_equal(world_sql(&w, "SELECT not_after FROM hosts WHERE cert_sha256 = '" SECRET "'"), 5);
	assert_int_equal(store_host_revoke(w.s, &world_admin, "web1", &w.f), KE_OK);
	assert_int_equal(store_host_revoke(w.s, &world_admin, "web1", &w.f), KE_OK);
	assert_int_equal(store_host_renew(w.s, &world_admin, "web1", WORLD_CERT, 6, &w.f), KE_FORBIDDEN);
	assert_int_equal(world_sql(&w, "SELECT not_after FROM hosts WHERE state = 'revoked'"), 5);
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM audit"), 3); /* revoked once */
	assert_int_equal(token("t", "web1"), KE_OK);
	assert_int_equal(enrol("t", SECRET, "web1", WORLD_TIME), KE_OK);
	assert_int_equal(world_sql(&w, "SELECT count(*) FROM hosts WHERE state = 'enrolled'"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(rules),
		TEST(labels_travel_from_the_token_to_the_host),
		TEST(bad_tokens_are_not_made),
		TEST(of_two_that_race_one_wins),
		TEST(renewing_and_revoking),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
