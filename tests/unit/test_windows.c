/* Maintenance windows: when they are open, when the next one begins, what is read, refused and written again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policies/rollout.h"
#include "proto/clock.h"

static int64_t at(const char *text)
{
	int64_t t = 0;

	assert_true(time_parse(text, strlen(text), &t));
	return t;
}

static void times(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *windows[2], *now, *next; /* next NULL: open */
	} rows[] = {
		{ "none: always", { NULL }, "2026-11-25T07:00:00Z", NULL },
		{ "in it", { "06:00-08:00" }, "2026-11-25T07:00:00Z", NULL },
		{ "its first second", { "07:00-08:00" }, "2026-11-25T07:00:00Z", NULL },
		{ "its end is not in it", { "06:00-07:00" }, "2026-11-25T07:00:00Z", "2026-11-26T06:00:00Z" },
		{ "later today", { "08:00-09:00" }, "2026-11-25T07:00:00Z", "2026-11-25T08:00:00Z" },
		{ "over midnight, before it", { "22:00-04:00" }, "2026-11-25T23:59:59Z", NULL },
		{ "over midnight, behind it", { "22:00-04:00" }, "2026-11-26T03:59:59Z", NULL },
		{ "over midnight, over", { "22:00-04:00" }, "2026-11-26T04:00:00Z", "2026-11-26T22:00:00Z" },
		{ "a whole day", { "05:00-05:00" }, "2026-11-26T04:59:59Z", NULL },
		/* 2026-11-25 is a Wednesday */
		{ "its day", { "wed 06:00-08:00" }, "2026-11-25T07:00:00Z", NULL },
		{ "another day", { "tue 06:00-08:00" }, "2026-11-25T07:00:00Z", "2026-12-01T06:00:00Z" },
		{ "the night belongs to its first day", { "tue 22:00-04:00" }, "2026-11-25T03:00:00Z", NULL },
		{ "and not to the day before", { "wed 22:00-04:00" }, "2026-11-25T03:00:00Z",
		        "2026-11-25T22:00:00Z" },
		{ "days in a row", { "mon-fri 06:00-08:00" }, "2026-11-28T07:00:00Z",
		        "2026-11-30T06:00:00Z" },
		{ "over Sunday", { "sat-mon 06:00-08:00" }, "2026-11-29T07:00:00Z", NULL },
		{ "the nearer of two", { "08:00-09:00", "sat,thu 01:00-02:00" }, "2026-11-25T09:00:00Z",
		        "2026-11-26T01:00:00Z" },
		{ "a week away", { "wed 06:00-07:00" }, "2026-11-25T07:00:00Z", "2026-12-02T06:00:00Z" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct windows w = { .n = 0 };
		for (size_t k = 0; k < 2 && rows[i].windows[k]; k++)
			assert_int_equal(windows_add(&w, rows[i].windows[k], NULL), 0);
		int64_t now = at(rows[i].now), next = rows[i].next ? at(rows[i].next) : now;
		if (windows_open(&w, now) != !rows[i].next || windows_next(&w, now) != next)
			fail_msg("%s", rows[i].remark);
	}
}

static void words(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "22:00", "22:00-24:00", "22:60-23:00", "2:00-4:00",
		"22:00-04:00 ", "mon 22:00", "mond 22:00-04:00", "mon, 22:00-04:00", "mon,,tue 22:00-04:00",
		"mon-xyz 22:00-04:00", " 22:00-04:00", "22.00-04:00" };
	struct windows w = { .n = 0 };
	struct buf out = BUF_INIT(4096);

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (windows_add(&w, bad[i], NULL) != KE_USAGE || w.n)
			fail_msg("'%s'", bad[i]);
	for (int i = 0; i < WINDOWS_MAX; i++)
		assert_int_equal(windows_add(&w, i ? "sun,sat 02:00-06:00" : "mon-fri 22:00-04:00", NULL), 0);
	assert_int_equal(windows_add(&w, "00:00-01:00", NULL), KE_RANGE);
	w.n = 2;
	assert_int_equal(windows_add(&w, "00:05-01:00", NULL), 0);
	windows_text(&w, &out);
	assert_string_equal(buf_text(&out), "mon-fri 22:00-04:00, sat,sun 02:00-06:00, 00:05-01:00");
	buf_free(&out);
}

static int parse(const char *windows, struct rollout **ret, struct fault *f)
{
	char text[1024];

	snprintf(text, sizeof text,
	        "{\"kedge_rollout\":1,\"policy\":\"web\",\"serial\":7,\"action\":\"remove\",\"standing\":"
	        "true,"
	        "\"windows\":%s}",
	        windows);
	return rollout_parse(text, strlen(text), ret, f);
}

static void documents(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *json;
		int code;
		const char *where;
	} rows[] = {
		{ "no list", "5", KE_SCHEMA, "windows" },
		{ "empty", "[]", KE_RANGE, "windows" },
		{ "no end", "[{\"from\":\"22:00\"}]", KE_SCHEMA, "windows[0]" },
		{ "no hour", "[{\"from\":\"24:00\",\"to\":\"01:00\"}]", KE_VALUE, "windows[0]" },
		{ "no day", "[{\"days\":[],\"from\":\"22:00\",\"to\":\"01:00\"}]", KE_RANGE,
		        "windows[0].days" },
		{ "a day twice", "[{\"days\":[\"mon\",\"mon\"],\"from\":\"22:00\",\"to\":\"01:00\"}]",
		        KE_VALUE, "windows[0].days[1]" },
		{ "unknown member", "[{\"from\":\"22:00\",\"to\":\"01:00\",\"zone\":\"UTC\"}]", KE_SCHEMA,
		        "windows[0]" },
	};
	struct rollout *r = NULL, *again = NULL;
	char *text;
	size_t len;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fault f = { 0 };
		int rc = parse(rows[i].json, &r, &f);
		if (rc != rows[i].code || strcmp(f.where, rows[i].where) != 0)
			fail_msg("%s: %d at '%s'", rows[i].remark, rc, f.where);
	}
	assert_int_equal(parse("[{\"days\":[\"sat\",\"mon\"],\"from\":\"22:00\",\"to\":\"04:30\"},{\"from\":"
	                       "\"00:00\",\"to\":\"00:00\"}]",
	                         &r, NULL),
	        0);
	assert_int_equal(r->windows.n, 2);
	assert_int_equal(r->windows.rows[0].days, 1 | 1 << 5);
	assert_int_equal(r->windows.rows[0].to, 270);
	assert_int_equal(rollout_print(r, &text, &len), 0);
	assert_int_equal(rollout_parse(text, len, &again, NULL), 0);
	assert_memory_equal(&r->windows, &again->windows, sizeof r->windows);
	free(text);
	rollout_free(again);
	rollout_free(r);
}

/* The host's own judgement. */
static void hosts(void **state)
{
	(void)state;
	const struct host_facts facts = { 0 };
	struct rollout *r = NULL;
	struct fault f = { 0 };

	assert_int_equal(parse("[{\"from\":\"22:00\",\"to\":\"04:00\"}]", &r, NULL), 0);
	assert_int_equal(rollout_check(r, "web1", &facts, at("2026-11-25T23:00:00Z"), &f), 0);
	assert_int_equal(rollout_check(r, "web1", &facts, at("2026-11-25T12:00:00Z"), &f), KE_WINDOW);
	/* These words are what the keeper knows a pause by. */
	assert_string_equal(f.what, "wave 1 opens at 2026-11-25T22:00:00Z");
	rollout_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times),
		cmocka_unit_test(words),
		cmocka_unit_test(documents),
		cmocka_unit_test(hosts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
