/* Drift: which rows are drifts, who is said to have done it, what is to be done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/watch/drift.h"

#define T0 1790000000

static const struct name forward = { "net/ipv4/ip_forward" };
static const struct name all_forwarding = { "net/ipv4/conf/all/forwarding" };
static const struct name fin = { "net/ipv4/tcp_fin_timeout" };

static struct poll_row row(const struct name *n, enum setting_mode mode, const char *before, const char *now)
{
	struct poll_row r = { .before = before, .observed = now };
	r.want = (struct poll_want){ .name = *n,
		.knob = knowledge_find(n),
		.wanted = "30",
		.mode = mode,
		.policy = "web",
		.version = 3 };
	r.changed = before && now && strcmp(before, now) != 0;
	r.differs = now && strcmp(now, "30") != 0;
	return r;
}

static struct drift_event event(const struct name *n, pid_t pid, enum writer_state state)
{
	struct drift_event e = { .name = *n, .knob = knowledge_find(n), .source = DRIFT_FANOTIFY };
	e.writer.pid = pid;
	e.writer.state = state;
	return e;
}

static void which_rows(void **state)
{
	(void)state;
	static const struct {
		const char *remark;
		enum setting_mode mode;
		const char *before, *now;
		bool drift;
		enum drift_action action;
	} rows[] = {
		{ "as wanted", SETTING_ENFORCE, "30", "30", false, 0 },
		{ "came back", SETTING_ENFORCE, "60", "30", false, 0 },
		{ "enforced, changed", SETTING_ENFORCE, "30", "60", true, DRIFT_RESTORE },
		{ "enforced, still wrong", SETTING_ENFORCE, "60", "60", true, DRIFT_RESTORE },
		{ "enforced, first look", SETTING_ENFORCE, NULL, "60", true, DRIFT_RESTORE },
		{ "locked, changed by who is exempt", SETTING_LOCK, "30", "60", true, DRIFT_RESTORE },
		{ "locked, as wanted", SETTING_LOCK, "30", "30", false, 0 },
		{ "monitored, changed", SETTING_MONITOR, "30", "60", true, DRIFT_REPORTED },
		{ "monitored, still wrong: said already", SETTING_MONITOR, "60", "60", false, 0 },
		{ "monitored, wrong in another way", SETTING_MONITOR, "60", "61", true, DRIFT_REPORTED },
		{ "audited, first look", SETTING_AUDIT, NULL, "60", true, DRIFT_REPORTED },
		{ "not readable", SETTING_ENFORCE, "30", NULL, false, 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct poll_row r = row(&fin, rows[i].mode, rows[i].before, rows[i].now);
		struct drift_list l;
		struct contest *c;
		assert_int_equal(contest_new(&c), 0);
		assert_int_equal(drift_judge(&r, 1, NULL, 0, c, T0, &l), 0);
		if (l.n != rows[i].drift || (l.n && l.rows[0].action != rows[i].action))
			fail_msg("%s", rows[i].remark);
		if (l.n) {
			const struct drift *d = &l.rows[0];
			assert_string_equal(d->new_value, rows[i].now);
			assert_string_equal(d->wanted, "30");
			assert_string_equal(d->policy, "web");
			assert_true(rows[i].before ? !strcmp(d->old, rows[i].before) : !d->old);
			assert_int_equal(d->source, DRIFT_POLL);
			assert_int_equal(d->writer.state, WRITER_UNKNOWN);
		}
		drift_list_clear(&l);
		contest_free(c);
	}
}

static void who_did_it(void **state)
{
	(void)state;
	struct drift_event a = event(&all_forwarding, 10, WRITER_KNOWN);
	struct drift_event up = event(&forward, 20, WRITER_KNOWN), up2 = event(&forward, 21, WRITER_GONE);
	struct drift_event own = event(&all_forwarding, 1, WRITER_OURSELVES),
	                   other = event(&fin, 30, WRITER_KNOWN);
	/* Written values, as BPF tells them; the key holds 0 now. */
	struct drift_event zero = event(&all_forwarding, 40, WRITER_KNOWN),
	                   nonsense = event(&all_forwarding, 41, WRITER_KNOWN);
	snprintf(zero.value, sizeof zero.value, "0\n");
	snprintf(nonsense.value, sizeof nonsense.value, "none\n");
	const struct {
		const char *remark;
		struct drift_event events[3];
		size_t n;
		pid_t pid; /* 0: nobody */
		bool coupled;
	} rows[] = {
		{ "the key itself", { a }, 1, 10, false },
		{ "the key itself before a coupled one, even when older", { a, up }, 2, 10, false },
		{ "ip_forward changes conf/all/forwarding", { other, up }, 2, 20, true },
		{ "the newest of two", { up, up2 }, 2, 21, true },
		{ "we ourselves explain nothing", { own }, 1, 0, false },
		{ "a foreign write under ours", { up, own }, 2, 20, true },
		{ "a write to something else", { other }, 1, 0, false },
		{ "who wrote what is there, not a later attempt that the kernel refused", { zero, nonsense },
		        2, 40, false },
		{ "nor one whose value is not known", { zero, a }, 2, 40, false },
		{ "nobody wrote just that: the newest", { a, nonsense }, 2, 41, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct poll_row r = row(&all_forwarding, SETTING_MONITOR, "30", "0");
		struct drift_list l;
		assert_int_equal(drift_judge(&r, 1, rows[i].events, rows[i].n, NULL, T0, &l), 0);
		assert_int_equal(l.n, 1);
		const struct drift *d = &l.rows[0];
		if (d->writer.pid != rows[i].pid || d->coupled != rows[i].coupled ||
		        (d->source == DRIFT_FANOTIFY) != (rows[i].pid != 0))
			fail_msg("%s: pid %d coupled %d", rows[i].remark, (int)d->writer.pid, d->coupled);
		if (d->coupled)
			assert_string_equal(d->coupled_with.path, forward.path);
		drift_list_clear(&l);
	}
}

/* What an interface brought with it when it came again is nobody's drift. */
static void reborn(void **state)
{
	struct poll_row r = row(&fin, SETTING_ENFORCE, NULL, "60");
	struct drift_list l;
	struct contest *c;
	(void)state;

	r.reborn = true;
	assert_int_equal(contest_new(&c), 0);
	assert_int_equal(drift_judge(&r, 1, NULL, 0, c, T0, &l), 0);
	assert_int_equal(l.n, 0);
	drift_list_clear(&l);
	r.reborn = false;
	assert_int_equal(drift_judge(&r, 1, NULL, 0, c, T0, &l), 0);
	assert_int_equal(l.n, 1);
	drift_list_clear(&l);
	contest_free(c);
}

/* Told is the bound; written is what meets it from what is there. */
static void bounds(void **state)
{
	static const struct name rmem = { "net/ipv4/tcp_rmem" };
	struct poll_row r = { .observed = "1 87380 33554432", .changed = true, .differs = true };
	struct drift_list l;
	struct contest *c;
	(void)state;

	r.want = (struct poll_want){ .name = rmem,
		.knob = knowledge_find(&rmem),
		.bound = BOUND_AT_LEAST,
		.wanted = "4096 131072 6291456",
		.policy = "web" };
	assert_int_equal(contest_new(&c), 0);
	assert_int_equal(drift_judge(&r, 1, NULL, 0, c, T0, &l), 0);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.rows[0].wanted, ">=4096 131072 6291456");
	assert_string_equal(l.rows[0].put_right, "4096 131072 33554432");
	assert_int_equal(l.rows[0].bound, BOUND_AT_LEAST);
	drift_list_clear(&l);
	r = row(&fin, SETTING_ENFORCE, "30", "60");
	assert_int_equal(drift_judge(&r, 1, NULL, 0, c, T0, &l), 0);
	assert_string_equal(l.rows[0].put_right, "30");
	drift_list_clear(&l);
	contest_free(c);
}

/* Two sources tell of one write: BPF knows more, whichever comes first. */
static void told_twice(void **state)
{
	(void)state;
	struct drift_event list[3], fan = event(&fin, 10, WRITER_GONE), bpf = event(&fin, 10, WRITER_KNOWN),
	                            other = event(&fin, 11, WRITER_KNOWN);
	size_t n = 0;

	bpf.source = DRIFT_BPF;
	n = drift_event_add(list, n, 3, &bpf);
	n = drift_event_add(list, n, 3, &fan);
	assert_int_equal(n, 1);
	assert_int_equal(list[0].source, DRIFT_BPF);
	n = drift_event_add(list, 0, 3, &fan);
	n = drift_event_add(list, n, 3, &bpf);
	assert_int_equal(n, 1);
	assert_int_equal(list[0].source, DRIFT_BPF);
	assert_true(drift_event_told(list, n, &fin, 10));
	assert_false(drift_event_told(list, n, &fin, 11));
	assert_false(drift_event_told(list, n, &forward, 10));
	/* Another process, another write of the same one, another key: kept. */
	n = drift_event_add(list, n, 3, &other);
	n = drift_event_add(list, n, 3, &bpf);
	assert_int_equal(n, 3);
	/* Full: the oldest goes. */
	fan.name = forward;
	n = drift_event_add(list, n, 3, &fan);
	assert_int_equal(n, 3);
	assert_int_equal(list[0].writer.pid, 11);
	assert_string_equal(list[2].name.path, forward.path);
}

static void contested(void **state)
{
	(void)state;
	struct poll_row r = row(&fin, SETTING_ENFORCE, "30", "60");
	struct drift_list l;
	struct contest *c;
	assert_int_equal(contest_new(&c), 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(drift_judge(&r, 1, NULL, 0, c, T0 + i, &l), 0);
		assert_int_equal(l.rows[0].action, DRIFT_RESTORE);
		assert_int_equal(contest_restored(c, &fin, T0 + i), 0);
		drift_list_clear(&l);
	}
	assert_int_equal(drift_judge(&r, 1, NULL, 0, c, T0 + 5, &l), 0);
	assert_int_equal(l.n, 1);
	assert_string_equal(drift_action_name(l.rows[0].action), "contested");
	drift_list_clear(&l);
	assert_int_equal(drift_judge(&r, 1, NULL, 0, c, T0 + 6, &l), 0);
	assert_int_equal(l.n, 0); /* said once */
	drift_list_clear(&l);
	assert_int_equal(drift_judge(&r, 1, NULL, 0, c, T0 + 65, &l), 0);
	assert_int_equal(l.rows[0].action, DRIFT_RESTORE); /* the probe */
	drift_list_clear(&l);
	contest_free(c);
}

static void looks(void **state)
{
	(void)state;
	assert_int_equal(drift_recheck_ms(0), 0);
	assert_int_equal(drift_recheck_ms(1), 1);
	assert_int_equal(drift_recheck_ms(2), 10);
	assert_int_equal(drift_recheck_ms(3), -1);
	assert_true(drift_event_fresh(1000, 2400, 1000));
	assert_false(drift_event_fresh(1000, 2600, 1000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_rows),
		cmocka_unit_test(bounds),
		cmocka_unit_test(reborn),
		cmocka_unit_test(who_did_it),
		cmocka_unit_test(told_twice),
		cmocka_unit_test(contested),
		cmocka_unit_test(looks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
