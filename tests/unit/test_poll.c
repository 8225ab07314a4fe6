/* Polls: changes, values that differ only in spelling, keys that vanish and come back, few descriptors, new plans. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/watch/poll.h"
#include "proto/fileio.h"

static char root[] = "/tmp/kedge-poll-XXXXXX";
static struct procsys *ps;
static struct poller *p;

static const char *const keys[] = { "net/ipv4/tcp_fin_timeout", "net/ipv4/tcp_rmem",
	"net/ipv4/conf/eth0/rp_filter" };
static const char *const wanted[] = { "30", "4096 131072 6291456", "1" };

static void set_value(const char *key, const char *text)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", root, key);
	char *slash = strrchr(path, '/');
	*slash = '\0';
	assert_int_equal(dir_make(path, 0755, NULL), 0);
	*slash = '/';
	/* In place: the kernel's files keep their inode too. */
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static struct poll_want want(size_t i)
{
	struct poll_want w = { .wanted = wanted[i], .mode = SETTING_ENFORCE, .policy = "web", .version = 1 };
	snprintf(w.name.path, sizeof w.name.path, "%s", keys[i]);
	w.knob = knowledge_find(&w.name);
	return w;
}

static const struct name *name_of(size_t i)
{
	static struct name n;
	n = want(i).name;
	return &n;
}

static int set_up(void **state)
{
	(void)state;
	memcpy(root + sizeof root - 7, "XXXXXX", 6);
	if (!mkdtemp(root))
		return -1;
	set_value(keys[0], "30\n");
	set_value(keys[1], "4096\t131072\t6291456\n");
	set_value(keys[2], "1\n");
	return procsys_open(root, PROCSYS_DIRECTORY, &ps, NULL) || poller_new(ps, 0, &p);
}

static int tear_down(void **state)
{
	(void)state;
	char path[512];
	poller_free(p);
	procsys_close(ps);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s/%s", root, keys[i]);
		unlink(path);
		for (char *slash; (slash = strrchr(path, '/')) && slash > path + strlen(root) - 1;) {
			*slash = '\0';
			rmdir(path);
		}
	}
	return 0;
}

static const struct poll_row *run(size_t expect)
{
	const struct poll_row *rows;
	size_t n;
	assert_int_equal(poller_run(p, &rows, &n), 0);
	assert_int_equal(n, expect);
	return rows;
}

static void watch_all(void)
{
	struct poll_want w[] = { want(0), want(1), want(2) };
	assert_int_equal(poller_set(p, w, 3), 0);
}

static void changes(void **state)
{
	(void)state;
	watch_all();
	const struct poll_row *r = run(3);
	for (int i = 0; i < 3; i++) {
		assert_null(r[i].before);
		assert_false(r[i].differs || r[i].changed);
		assert_string_equal(r[i].observed, wanted[i]); /* tabs and all */
	}
	set_value(keys[0], "60\n");
	set_value(keys[1], "4096 131072  6291456\n");
	r = run(3);
	assert_true(r[0].changed && r[0].differs);
	assert_string_equal(r[0].before, "30");
	assert_string_equal(r[0].observed, "60");
	assert_false(r[1].changed || r[1].differs); /* another spelling is no change */
	r = run(3);
	assert_true(r[0].differs && !r[0].changed);
	set_value(keys[0], "30\n");
	r = run(3);
	assert_true(r[0].changed && !r[0].differs);
	assert_string_equal(r[0].before, "60");
}

static void gone_and_back(void **state)
{
	(void)state;
	char path[512];
	watch_all();
	run(3);
	snprintf(path, sizeof path, "%s/%s", root, keys[2]);
	assert_int_equal(unlink(path), 0);
	/* A plain file stays readable through its descriptor; a poller without one sees what procfs shows. */
	poller_free(p);
	assert_int_equal(poller_new(ps, 1, &p), 0);
	watch_all();
	const struct poll_row *r = run(3);
	assert_int_equal(r[2].err, ENOENT);
	assert_null(r[2].observed);
	assert_false(r[2].differs);
	set_value(keys[2], "0\n");
	r = run(3);
	assert_int_equal(r[2].err, 0);
	assert_true(r[2].differs && !r[2].before);
	assert_string_equal(r[2].observed, "0");
	assert_true(r[2].reborn && !r[0].reborn); /* the kernel's own value, and nobody's */
	r = run(3);
	assert_true(r[2].differs && !r[2].reborn);
}

static void one_key_and_our_own_write(void **state)
{
	(void)state;
	const struct poll_row *r;
	struct name other = { "net/ipv4/ip_forward" };
	watch_all();
	run(3);
	set_value(keys[0], "60\n");
	assert_int_equal(poller_run_key(p, name_of(0), &r), 0);
	assert_true(r->changed);
	set_value(keys[0], "30\n");
	assert_int_equal(poller_expect(p, name_of(0), "30"), 0);
	r = run(3);
	assert_false(r[0].changed); /* it was us */
	assert_string_equal(r[0].before, "30");
	assert_int_equal(poller_run_key(p, &other, &r), KE_NOENT);
	assert_int_equal(poller_expect(p, &other, "1"), 0);
	assert_int_equal(poller_find(p, &other), -1);
	assert_int_equal(poller_find(p, name_of(2)), 2);
}

/* A value on the allowed side of a bound is as wanted, whatever it is. */
static void bounds(void **state)
{
	static const struct {
		enum value_bound b;
		const char *now;
		bool differs;
	} rows[] = { { BOUND_AT_LEAST, "60", false }, { BOUND_AT_LEAST, "30", false },
		{ BOUND_AT_LEAST, "29", true }, { BOUND_AT_MOST, "15", false }, { BOUND_AT_MOST, "31", true },
		{ BOUND_NONE, "31", true } };
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct poll_want w[] = { want(0), want(1) };
		w[0].bound = rows[i].b;
		w[1].bound = BOUND_AT_LEAST;
		assert_int_equal(poller_set(p, w, 2), 0);
		set_value(keys[0], rows[i].now);
		set_value(keys[1], i % 2 ? "8192 131072 6291456" : "8192 131072 6291455");
		const struct poll_row *r = run(2);
		assert_int_equal(r[0].differs, rows[i].differs);
		assert_int_equal(r[1].differs, i % 2 == 0);
	}
}

static void another_plan(void **state)
{
	(void)state;
	watch_all();
	run(3);
	struct poll_want w[] = { want(2), want(0) };
	w[1].wanted = "45";
	assert_int_equal(poller_set(p, w, 2), 0);
	const struct poll_row *r = run(2);
	assert_string_equal(r[1].before, "30"); /* known from before */
	assert_true(r[1].differs && !r[1].changed);
	assert_int_equal(poller_set(p, NULL, 0), 0);
	run(0);
}

static void intervals(void **state)
{
	(void)state;
	static const struct {
		size_t keys;
		int64_t base, ms;
	} rows[] = { { 0, 1000, 1000 }, { 18, 1000, 1000 }, { 200, 1000, 1000 }, { 201, 1000, 1005 },
		{ 400, 1000, 2000 }, { 2000, 1000, 10000 }, { 2000, 500, 5000 }, { 20000, 1000, 60000 },
		{ SIZE_MAX, 1000, 60000 } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(poll_interval_ms(rows[i].keys, rows[i].base), rows[i].ms);
	assert_int_equal(poll_due_ms(5000, 1000, false), 6000);
	assert_int_equal(poll_due_ms(5000, 1000, true), 5000);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = { T(changes), T(gone_and_back), T(one_key_and_our_own_write),
		T(bounds), T(another_plan), cmocka_unit_test(intervals) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
