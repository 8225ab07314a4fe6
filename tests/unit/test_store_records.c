/* What records leave behind: rows by kind, the latest of each, the quick columns of a host, counts of rollouts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/store_world.h"

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

#define EPOCH "aaaaaaaaaaaaaaaa"

static struct store_ack ack;

static const struct store_drift_in drift = { .key = "net.ipv4.tcp_rmem",
	.wanted = "1 2 3",
	.old_value = "1 2 3",
	.new_value = "4 5 6",
	.mode = "enforce",
	.action = "restored",
	.source = "poll",
	.policy = "web",
	.version = 3,
	.writer = "{\"pid\":7}" };
static const struct store_refusal_in refusal = {
	.what = "rollout", .name = "web", .code = "window", .reason = "too late", .serial = -1
};

static void one_row_for_each_kind(void **state)
{
	(void)state;
	struct teller t;
	const struct store_apply_in apply = {
		.policy = "web", .result = "applied", .version = 3, .serial = 7
	};
	assert_int_equal(world_enrol(&w, "web1"), KE_OK);
	teller_start(&t, "web1", EPOCH);
	teller_tell(&t, "epoch", "");
	teller_tell(&t, "drift", "")->drift = &drift;
	teller_tell(&t, "refusal", "")->refusal = &refusal;
	teller_tell(&t, "apply", "")->apply = &apply;
	teller_tell(&t, "sockets", "");
	teller_tell(&t, "gap", "");
	teller_tell(&t, "tomorrow", ""); /* a kind that this server does not know is kept all the same */
	assert_int_equal(store_append(w.s, &t.batch, &ack, &w.f), KE_OK);
	static const struct {
		const char *sql;
		long long n;
	} rows[] = {
		{ "SELECT count(*) FROM records", 7 },
		{ "SELECT count(*) FROM drifts WHERE key = 'net.ipv4.tcp_rmem' AND new_value = '4 5 6' AND "
		  "version = 3",
		        1 },
		{ "SELECT count(*) FROM refusals WHERE code = 'window' AND serial = -1", 1 },
		{ "SELECT count(*) FROM latest", 2 },
		{ "SELECT count(*) FROM host_policies WHERE result = 'applied' AND serial = 7", 1 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(world_sql(&w, rows[i].sql), rows[i].n);
}

static struct store_record *latest_want;
static int latest_seen;

static int latest_row(void *ctx, const struct store_record_row *r)
{
	(void)ctx;
	assert_int_equal(r->line_len, latest_want->line_len);
	assert_memory_equal(r->line, latest_want->line, r->line_len);
	assert_int_equal(r->seq, latest_want->seq);
	latest_seen++;
	return 0;
}

static void the_latest_of_a_kind_is_byte_exact(void **state)
{
	(void)state;
	struct teller t;
	const struct store_apply_in web = { .policy = "web", .result = "applied", .serial = 1 };
	const struct store_apply_in db = { .policy = "db", .result = "failed", .serial = 1 };
	assert_int_equal(world_enrol(&w, "web1"), KE_OK);
	teller_start(&t, "web1", EPOCH);
	teller_tell(&t, "epoch", "");
	teller_tell(&t, "sockets", "one");
	struct store_record *sockets = teller_tell(&t, "sockets", "two");
	teller_tell(&t, "sockets", "x\",\"mode\":\"totals"); /* does not hide the full one */
	struct store_record *applied = teller_tell(&t, "apply", "w");
	applied->apply = &web;
	struct store_record *failed = teller_tell(&t, "apply", "d");
	failed->apply = &db;
	assert_int_equal(store_append(w.s, &t.batch, &ack, &w.f), KE_OK);
	latest_want = sockets;
	assert_int_equal(store_record_latest(w.s, "web1", "sockets", NULL, latest_row, NULL, &w.f), KE_OK);
	latest_want = applied;
	assert_int_equal(store_record_latest(w.s, "web1", "apply", "web", latest_row, NULL, &w.f), KE_OK);
	latest_want = failed;
	assert_int_equal(store_record_latest(w.s, "web1", "apply", "db", latest_row, NULL, &w.f), KE_OK);
	assert_int_equal(latest_seen, 3);
	assert_int_equal(store_record_latest(w.s, "web1", "status", NULL, latest_row, NULL, &w.f), KE_NOENT);
	assert_int_equal(store_record_latest(w.s, "web2", "sockets", NULL, latest_row, NULL, &w.f), KE_NOENT);
}

/* Records about one policy, in order; what the host's row says then. status: state is set; else an apply record. */
static void results_follow_their_serial(void **state)
{
	(void)state;
	struct step {
		const char *state, *result; /* one of them */
		int64_t version, serial;
	};
	static const struct {
		struct step steps[3];
		struct store_policy_state want;
		const char *remark;
	} rows[] = {
		{ { { NULL, "applied", 1, 1 } }, { "web", 1, 1, "", "applied", "", WORLD_TIME }, "an apply" },
		{ { { NULL, "applied", 1, 1 }, { NULL, "failed", 2, 2 } },
		        { "web", 2, 2, "", "failed", "", WORLD_TIME }, "a later one" },
		{ { { NULL, "applied", 2, 2 }, { NULL, "failed", 1, 1 } },
		        { "web", 2, 2, "", "applied", "", WORLD_TIME },
		        "one about an older serial changes nothing" },
		{ { { NULL, "applied", 1, 5 }, { NULL, "confirmed", 1, 5 } },
		        { "web", 1, 5, "", "confirmed", "", WORLD_TIME }, "the same serial again" },
		{ { { NULL, "applied", 1, 1 }, { "held", NULL, 1, 1 } },
		        { "web", 1, 1, "held", "applied", "", WORLD_TIME }, "a status adds the state" },
		{ { { NULL, "applied", 1, 1 }, { "applied", NULL, 2, 2 } },
		        { "web", 2, 2, "applied", "", "", WORLD_TIME },
		        "a status knows a newer serial: no result yet" },
		{ { { "held", NULL, 1, 1 }, { "", NULL, 0, 0 } }, { "web", 1, 1, "", "", "", 0 },
		        "a status that does not name it" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char sql[400];
		struct teller t;
		struct store_apply_in apply[3];
		struct store_status_in status[3];
		struct store_policy_state states[3];
		world_close(&w);
		world_open(&w);
		assert_int_equal(world_enrol(&w, "web1"), KE_OK);
		teller_start(&t, "web1", EPOCH);
		teller_tell(&t, "epoch", "");
		for (int n = 0; n < 3; n++) {
			const struct step *st = &rows[i].steps[n];
			apply[n] = (struct store_apply_in){ .policy = "web",
				.result = st->result,
				.reason = "",
				.version = st->version,
				.serial = st->serial };
			states[n] = (struct store_policy_state){ .policy = "web",
				.version = st->version,
				.serial = st->serial,
				.state = st->state };
			status[n] = (struct store_status_in){ .policies = &states[n],
				.policy_count = st->serial > 0 };
			if (st->result)
				teller_tell(&t, "apply", "")->apply = &apply[n];
			else if (st->state)
				teller_tell(&t, "status", "")->status = &status[n];
		}
		print_message("%s\n", rows[i].remark);
		assert_int_equal(store_append(w.s, &t.batch, &ack, &w.f), KE_OK);
		snprintf(sql, sizeof sql,
		        "SELECT count(*) FROM host_policies WHERE policy = 'web' AND version = %d AND serial "
		        "= %d AND"
		        " state = '%s' AND result = '%s'",
		        (int)rows[i].want.version, (int)rows[i].want.serial, rows[i].want.state,
		        rows[i].want.result);
		assert_int_equal(world_sql(&w, sql), 1);
	}
}

static int hosts_seen;

static int host_row(void *ctx, const struct store_host *h)
{
	(void)ctx;
	assert_string_equal(h->kernel, "6.18");
	assert_string_equal(h->facts, "{\"cpus\":2}");
	assert_false(h->in_sync);
	assert_int_equal(h->drifted, 2);
	assert_int_equal(h->policy_count, 2);
	assert_string_equal(h->policies[0].policy, "db");
	assert_string_equal(h->policies[0].state, "held");
	assert_string_equal(h->policies[1].policy, "web");
	assert_int_equal(h->policies[1].serial, 9);
	assert_string_equal(h->record_key, WORLD_KEY);
	hosts_seen++;
	return 0;
}

/* web1's certificate ends a day after WORLD_TIME: seen from several days it is in another column each time. */
static void certificates_end(void)
{
	static const struct {
		const char *remark;
		int64_t before; /* seconds before its end */
		struct store_cert_ends want;
	} rows[] = {
		{ "ended a second ago", -1, { .past = 1 } },
		{ "ends now", 0, { .day = 1 } },
		{ "a day, less a second", 86399, { .day = 1 } },
		{ "a day", 86400, { .week = 1 } },
		{ "a week", 7 * 86400, { .month = 1 } },
		{ "thirty days, less a second", 30 * 86400 - 1, { .month = 1 } },
		{ "thirty days", 30 * 86400, { .later = 1 } },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct store_cert_ends got;
		int64_t now = WORLD_TIME + 86400 - rows[i].before;
		assert_int_equal(store_cert_ends(w.s, now, &got, &w.f), KE_OK);
		if (memcmp(&got, &rows[i].want, sizeof got) != 0)
			fail_msg("%s: %d %d %d %d %d", rows[i].remark, (int)got.past, (int)got.day,
			        (int)got.week, (int)got.month, (int)got.later);
	}
}

static void a_status_fills_the_hosts_row(void **state)
{
	(void)state;
	static const struct store_policy_state policies[] = {
		{ .policy = "web", .version = 1, .serial = 9, .state = "applied" },
		{ .policy = "db", .version = 1, .serial = 2, .state = "held" }
	};
	static const struct store_label labels[] = { { "rack", "7" } };
	static const struct store_label others[] = { { "rack", "8" } };
	struct store_status_in st = { .kernel = "6.18",
		.agent_version = "0.1.0",
		.facts = "{\"cpus\":2}",
		.drifted = 2,
		.policies = policies,
		.policy_count = 2,
		.labels = labels,
		.label_count = 1 };
	struct store_status_in next = st;
	struct store_host_filter by = { .label_name = "rack", .label_value = "7", .limit = 5 };
	struct store_summary sum;
	struct teller t;
	assert_int_equal(world_enrol(&w, "web1"), KE_OK);
	teller_start(&t, "web1", EPOCH);
	teller_tell(&t, "epoch", "");
	teller_tell(&t, "status", "")->status = &st;
	assert_int_equal(store_append(w.s, &t.batch, &ack, &w.f), KE_OK);
	assert_int_equal(store_host_list(w.s, &by, host_row, NULL, &w.f), KE_OK);
	assert_int_equal(hosts_seen, 1);
	assert_int_equal(store_summary(w.s, &sum, &w.f), KE_OK);
	assert_int_equal(sum.out_of_sync, 1);
	assert_int_equal(sum.records, 2);
	certificates_end();
	next.labels = others;
	teller_clear(&t);
	teller_tell(&t, "status", "")->status = &next;
	assert_int_equal(store_append(w.s, &t.batch, &ack, &w.f), KE_OK);
	assert_int_equal(store_host_list(w.s, &by, host_row, NULL, &w.f), KE_OK);
	assert_int_equal(hosts_seen, 1); /* the label changed: nobody any more */
}

static char counts[400];

static int count_row(void *ctx, const struct store_rollout_count *c)
{
	size_t at = strlen(counts);
	(void)ctx;
	snprintf(counts + at, sizeof counts - at, "%s/%d %s=%d;", c->policy, (int)c->serial, c->result,
	        (int)c->hosts);
	return 0;
}

static void rollouts_are_counted(void **state)
{
	(void)state;
	static const struct {
		const char *host, *policy, *result;
		int64_t serial;
	} rows[] = {
		{ "a", "web", "applied", 2 },
		{ "b", "web", "applied", 2 },
		{ "c", "web", "failed", 2 },
		{ "d", "web", "applied", 1 },
		{ "e", "db", "applied", 1 },
		{ "gone", "web", "applied", 2 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct store_apply_in apply = {
			.policy = rows[i].policy, .result = rows[i].result, .serial = rows[i].serial
		};
		struct teller t;
		assert_int_equal(world_enrol(&w, rows[i].host), KE_OK);
		teller_start(&t, rows[i].host, EPOCH);
		teller_tell(&t, "epoch", "");
		teller_tell(&t, "apply", "")->apply = &apply;
		assert_int_equal(store_append(w.s, &t.batch, &ack, &w.f), KE_OK);
	}
	assert_int_equal(store_host_revoke(w.s, &world_admin, "gone", &w.f), KE_OK);
	assert_int_equal(store_rollout_counts(w.s, NULL, count_row, NULL, &w.f), KE_OK);
	assert_string_equal(counts, "db/1 applied=1;web/1 applied=1;web/2 applied=2;web/2 failed=1;");
	counts[0] = '\0';
	assert_int_equal(store_rollout_counts(w.s, "db", count_row, NULL, &w.f), KE_OK);
	assert_string_equal(counts, "db/1 applied=1;");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_row_for_each_kind),
		TEST(the_latest_of_a_kind_is_byte_exact),
		TEST(results_follow_their_serial),
		TEST(a_status_fills_the_hosts_row),
		TEST(rollouts_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
