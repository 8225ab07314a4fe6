/* Contests: the two limits, truces that double, probes that stand, the table kept as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/watch/contest.h"

#define T0 1790000000

static struct name key = { "net/ipv4/tcp_fin_timeout" };

/* Drift and restore every STEP seconds from AT on, until it is contested; the restores made. */
static int fight(struct contest *c, int64_t *at, int64_t step, int max)
{
	int n = 0;
	for (; n < max; n++, *at += step) {
		enum contest_verdict v = contest_ask(c, &key, *at);
		if (v != CONTEST_RESTORE) {
			assert_int_equal(v, CONTEST_BEGINS);
			break;
		}
		assert_int_equal(contest_restored(c, &key, *at), 0);
	}
	return n;
}

static void limits(void **state)
{
	(void)state;
	static const struct {
		const char *remark;
		int64_t step;
		int restores;
	} rows[] = {
		{ "at once: five", 0, 5 },
		{ "every minute: five within ten minutes", 60, 5 },
		{ "every 119 s: five lie within 600 s", 119, 5 },
		{ "every 150 s: four in ten minutes, so twelve within a day", 150, 12 },
		{ "every hour: twelve within a day", 3600, 12 },
		{ "every 7199 s: the twelfth is 22 hours old", 7199, 12 },
		{ "every two hours: eleven fit into a day at most", 7855, 40 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct contest *c;
		int64_t at = T0;
		assert_int_equal(contest_new(&c), 0);
		int n = fight(c, &at, rows[i].step, 40);
		if (n != rows[i].restores)
			fail_msg("%s: %d restores", rows[i].remark, n);
		contest_free(c);
	}
}

static void truces_double(void **state)
{
	(void)state;
	struct contest *c;
	int64_t at = T0, until;
	assert_int_equal(contest_new(&c), 0);
	assert_int_equal(contest_next(c, at), INT64_MAX);
	assert_int_equal(fight(c, &at, 1, 40), 5);
	for (int64_t truce = 60, k = 0; k < 12; k++) {
		assert_true(contest_truce(c, &key, at, &until));
		assert_int_equal(until, at + truce);
		assert_int_equal(contest_next(c, at), until);
		assert_int_equal(contest_ask(c, &key, until - 1), CONTEST_TRUCE);
		at = until;
		assert_false(contest_truce(c, &key, at, &until));
		assert_int_equal(contest_ask(c, &key, at), CONTEST_PROBE);
		assert_int_equal(contest_restored(c, &key, at), 0);
		assert_int_equal(contest_next(c, at), INT64_MAX);
		at += truce - 1; /* it drifts just before the probe has stood */
		assert_int_equal(contest_ask(c, &key, at), CONTEST_BEGINS);
		truce = 2 * truce > 4 * 3600 ? 4 * 3600 : 2 * truce;
	}
	contest_free(c);
}

static void a_probe_that_stands_ends_it(void **state)
{
	(void)state;
	struct contest *c;
	int64_t at = T0;
	assert_int_equal(contest_new(&c), 0);
	assert_int_equal(fight(c, &at, 1, 40), 5);
	at += 60;
	assert_int_equal(contest_ask(c, &key, at), CONTEST_PROBE);
	assert_int_equal(contest_restored(c, &key, at), 0);
	at += 60;
	assert_int_equal(fight(c, &at, 1, 40), 5);                      /* the full count again */
	assert_int_equal(contest_ask(c, &key, at + 59), CONTEST_TRUCE); /* and the short truce */
	contest_forget(c, &key);
	assert_int_equal(contest_ask(c, &key, at), CONTEST_RESTORE);
	contest_free(c);
}

static void clock_set_back(void **state)
{
	(void)state;
	struct contest *c;
	int64_t at = T0, until;
	assert_int_equal(contest_new(&c), 0);
	fight(c, &at, 1, 40);
	assert_int_equal(contest_ask(c, &key, T0 - 86400 * 365), CONTEST_TRUCE);
	assert_true(contest_truce(c, &key, T0 - 86400 * 365, &until));
	assert_int_equal(until, T0 - 86400 * 365 + 60); /* not a year and a minute */
	contest_free(c);
}

static void kept_as_text(void **state)
{
	(void)state;
	struct contest *c, *again;
	struct buf text = BUF_INIT(CONTEST_TEXT_MAX), second = BUF_INIT(CONTEST_TEXT_MAX);
	struct name odd = { "net/ipv4/conf/eth0.100/rp_filter" };
	struct fault f;
	int64_t at = T0, until;
	assert_int_equal(contest_new(&c), 0);
	fight(c, &at, 1, 40);
	assert_int_equal(contest_restored(c, &odd, T0), 0);
	contest_write(c, &text);
	assert_int_equal(text.rc, 0);
	assert_int_equal(contest_read(text.data, text.len, &again, &f), 0);
	contest_write(again, &second);
	assert_string_equal(buf_text(&text), buf_text(&second));
	assert_true(contest_truce(again, &key, at, &until));
	assert_int_equal(until, at + 60);
	buf_free(&text);
	buf_free(&second);
	contest_free(c);
	contest_free(again);
}

static void bad_texts(void **state)
{
	(void)state;
#define ROW(members) "{\"kedge_contest\":1,\"keys\":[{" members "}]}"
	static const struct {
		const char *remark, *text;
		int rc;
	} rows[] = {
		{ "good", ROW("\"path\":\"net/a\",\"truce\":0,\"until\":0,\"probing\":false,\"restores\":[]"),
		        0 },
		{ "no JSON", "{", KE_SYNTAX },
		{ "other form", "{\"kedge_contest\":2,\"keys\":[]}", KE_RANGE },
		{ "dots", ROW("\"path\":\"net.a\",\"truce\":0,\"until\":0,\"probing\":false,\"restores\":[]"),
		        KE_NAME },
		{ "pattern",
		        ROW("\"path\":\"net/*\",\"truce\":0,\"until\":0,\"probing\":false,\"restores\":[]"),
		        KE_NAME },
		{ "climbs",
		        ROW("\"path\":\"net/../"
		            "a\",\"truce\":0,\"until\":0,\"probing\":false,\"restores\":[]"),
		        KE_NAME },
		{ "truce of a day",
		        ROW("\"path\":\"net/a\",\"truce\":86400,\"until\":0,\"probing\":false,"
		            "\"restores\":[]"),
		        KE_RANGE },
		{ "thirteen restores",
		        ROW("\"path\":\"net/a\",\"truce\":0,\"until\":0,\"probing\":false,"
		            "\"restores\":[1,2,3,4,5,6,7,8,9,10,11,12,13]"),
		        KE_SCHEMA },
		{ "unknown member",
		        ROW("\"x\":1,\"path\":\"net/a\",\"truce\":0,\"until\":0,\"probing\":false,"
		            "\"restores\":[]"),
		        KE_SCHEMA },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct contest *c = NULL;
		struct fault f;
		int rc = contest_read(rows[i].text, strlen(rows[i].text), &c, &f);
		if (rc != rows[i].rc)
			fail_msg("%s: %d", rows[i].remark, rc);
		contest_free(c);
	}
}

static void table_is_bounded(void **state)
{
	(void)state;
	struct contest *c;
	struct name n;
	assert_int_equal(contest_new(&c), 0);
	for (int i = 0; i < CONTEST_MAX_KEYS; i++) {
		snprintf(n.path, sizeof n.path, "net/k%d", i);
		assert_int_equal(contest_restored(c, &n, T0), 0);
	}
	assert_int_equal(contest_restored(c, &key, T0), KE_TOOBIG);
	assert_int_equal(contest_restored(c, &key, T0 + CONTEST_LONG_S), 0); /* quiet ones are forgotten */
	contest_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits),
		cmocka_unit_test(truces_double),
		cmocka_unit_test(a_probe_that_stands_ends_it),
		cmocka_unit_test(clock_set_back),
		cmocka_unit_test(kept_as_text),
		cmocka_unit_test(bad_texts),
		cmocka_unit_test(table_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
