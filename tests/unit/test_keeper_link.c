/* A hostile courier: whatever it sends, how often and in which order, the keeper does bounded work, believes no number, and
 * confirms nothing that was not asked for just now. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/keeper_sim.h"

#define FIN  "net.ipv4.tcp_fin_timeout"
#define NEWS "{\"kedge_assignment\":1,\"host\":\"web1\",\"generation\":1,\"rollouts\":[]}"

static struct frame answer_to(const struct frame *ask, enum frame_type type, enum frame_status status)
{
	struct frame fr = frame_make(type, ask->id);

	fr.status = (int32_t)status;
	return fr;
}

static void more_bytes_than_asked_for_are_refused(void **state)
{
	struct sim *s = *state;
	struct frame ask, fr;

	link_start(&s->k);
	sim_spin(s, 0.3);
	assert_true(sim_frame(s, FRAME_FETCH, &ask));
	assert_in_range(ask.b, 1, 1 << 20);
	size_t len = (size_t)ask.b + 1;
	char *data = malloc(len);
	assert_non_null(data);
	memset(data, ' ', len);
	fr = answer_to(&ask, FRAME_FETCHED, FRAME_OK);
	fr.id++; /* not asked: ignored, whatever it is */
	sim_say(s, &fr, data, len);
	sim_spin(s, 0.05);
	assert_true(verify_busy(s->k.verify));
	fr.id = ask.id;
	sim_say(s, &fr, data, len);
	sim_say(s, &fr, data, len); /* twice */
	sim_spin(s, 0.05);
	assert_false(verify_busy(s->k.verify));
	assert_int_equal(s->k.refresh_failures, 1);
	assert_int_equal(s->k.exit_code, 0);
	free(data);
}

static void news_ask_for_a_round_at_most_once_a_second(void **state)
{
	struct sim *s = *state;
	struct frame fr, news = frame_make(FRAME_NEWS, 0), ask;
	unsigned rounds = 0;

	s->k.clock = &clock_system;
	link_open(&s->k, s->k.ipc);
	link_start(&s->k);
	for (int i = 0; i < 42; i++) {
		assert_int_equal(sim_say(s, &news, NEWS, sizeof NEWS - 1), 0);
		sim_spin(s, 0.06);
		while (sim_frame(s, FRAME_FETCH, &ask)) {
			rounds++;
			fr = answer_to(&ask, FRAME_FETCHED, FRAME_FAILED);
			assert_int_equal(sim_say(s, &fr, NULL, 0), 0);
		}
	}
	print_message("%u rounds\n", rounds);
	assert_in_range(rounds, 2, 4);
}

static void a_flood_of_news_waits_in_the_socket(void **state)
{
	struct sim *s = *state;
	struct frame fr, news = frame_make(FRAME_NEWS, 0), ask;
	unsigned sent = 0, rounds = 0;
	struct timespec from, now;
	double seconds;

	s->k.clock = &clock_system;
	link_open(&s->k, s->k.ipc);
	link_start(&s->k);
	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		while (!sim_say(s, &news, NEWS, sizeof NEWS - 1))
			sent++;
		sim_spin(s, 0.01);
		while (sim_frame(s, FRAME_FETCH, &ask)) {
			rounds++;
			fr = answer_to(&ask, FRAME_FETCHED, FRAME_FAILED);
			s->k.refresh_failures = 0;
			while (sim_say(s, &fr, NULL, 0))
				sim_spin(s, 0.01);
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		seconds = (double)(now.tv_sec - from.tv_sec) + (double)(now.tv_nsec - from.tv_nsec) / 1e9;
	} while (seconds < 2.5);
	print_message("%u news in %.1f s, %u rounds\n", sent, seconds, rounds);
	assert_int_equal(s->k.exit_code, 0);
	assert_in_range(rounds, 1, 4);
	/* What fits into the socket, and twenty for each second begun. */
	assert_in_range(sent, 21, 300 + 4 * 20);
}

static void an_acknowledgement_of_what_was_not_sent(void **state)
{
	struct sim *s = *state;
	struct spool_stats stats;
	struct frame ask, fr;

	link_start(&s->k);
	sim_spin(s, 0.3);
	assert_true(sim_frame(s, FRAME_PUSH, &ask));
	spool_stats(s->k.spool, &stats);
	fr = answer_to(&ask, FRAME_PUSHED, FRAME_OK);
	fr.a = ask.b + 1;
	fr.b = (int64_t)stats.epoch;
	/* One more is there by now, but it was not in the batch. */
	struct buf body = BUF_INIT(64);
	buf_str(&body, "{}");
	journalist_record(&s->k, RECORD_STATUS, &body, false);
	buf_free(&body);
	sim_say(s, &fr, NULL, 0);
	sim_spin(s, 0.02);
	spool_stats(s->k.spool, &stats);
	assert_int_equal(stats.acked_seq, 0);
	assert_int_equal(s->k.push_failures, 1);
}

static void an_answer_that_moves_nothing_is_not_followed_at_once(void **state)
{
	struct sim *s = *state;
	static const enum frame_status how[] = { FRAME_OK, FRAME_FORKED };
	unsigned pushes = 0;
	struct frame ask, fr;

	link_start(&s->k);
	for (int i = 0; i < 60; i++) {
		sim_spin(s, 0.02);
		while (sim_frame(s, FRAME_PUSH, &ask)) {
			fr = answer_to(&ask, FRAME_PUSHED, how[pushes++ % 2]);
			frame_say(&fr, "0123456789abcdef 5 %064d", 0);
			sim_say(s, &fr, NULL, 0);
		}
	}
	assert_in_range(pushes, 1, 12);
}

/* A record of every so often, whose timer fires in the same turn of the loop as the push it asked for the last time. */
static void ask_again(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct sim *s = w->data;
	(void)revents;

	link_push(&s->k, 0.1);
	ev_timer_set(w, 0.1, 0.);
	ev_timer_start(loop, w);
}

static void a_push_that_is_due_is_not_put_off(void **state)
{
	struct sim *s = *state;
	ev_timer beats[2]; /* one on each side of the push, whichever the loop takes first */
	struct frame ask;
	unsigned pushes = 0;

	for (size_t i = 0; i < 2; i++) {
		ev_timer_init(&beats[i], ask_again, 0.1, 0.);
		beats[i].data = s;
		ev_timer_start(s->k.loop, &beats[i]);
		if (i == 0)
			link_push(&s->k, 0.1);
	}
	sim_spin(s, 1.0);
	while (sim_frame(s, FRAME_PUSH, &ask))
		pushes++;
	for (size_t i = 0; i < 2; i++)
		ev_timer_stop(s->k.loop, &beats[i]);
	assert_int_equal(pushes, 1);
}

static void only_the_question_of_this_moment_is_confirmed(void **state)
{
	struct sim *s = *state;
	struct frame fr = frame_make(FRAME_CONFIRMED, 0);
	struct fault f = { 0 };

	link_start(&s->k);
	/* Nothing waits: every id is wrong, and 0 is one of them. */
	for (fr.id = 0; fr.id < 20; fr.id++)
		sim_say(s, &fr, NULL, 0);
	sim_spin(s, 0.05);
	assert_int_equal(sim_offer(s, "web", 7, FIN, "30", &f), 0);
	uint32_t first = s->k.confirm_id;
	assert_true(first > 0);
	fr = frame_make(FRAME_CONFIRMED, first);
	fr.status = FRAME_FAILED;
	sim_say(s, &fr, NULL, 0);
	sim_spin(s, 0.05);
	fr.status = FRAME_OK; /* the old question, answered once more */
	sim_say(s, &fr, NULL, 0);
	sim_spin(s, 0.05);
	assert_true(s->k.pending.active);
	/* A question of an earlier candidate is no question of this one. */
	enforce_stop(&s->k);
	assert_int_equal(sim_offer(s, "web", 8, FIN, "31", &f), 0);
	assert_int_not_equal(s->k.confirm_id, first);
	sim_say(s, &fr, NULL, 0);
	sim_spin(s, 0.05);
	assert_true(s->k.pending.active);
	fr.id = s->k.confirm_id;
	sim_say(s, &fr, NULL, 0);
	sim_spin(s, 0.05);
	assert_false(s->k.pending.active);
	assert_string_equal(tree_get(&s->t, "net/ipv4/tcp_fin_timeout"), "31");
}

static void numbers_from_the_edge(void **state)
{
	struct sim *s = *state;
	static const int64_t times[] = { INT64_MIN, INT64_MAX, -1, 0 };
	struct frame fr = frame_make(FRAME_SERVER_TIME, 0);

	link_start(&s->k);
	int64_t before = era_now(&s->k);
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		fr.a = times[i];
		sim_say(s, &fr, NULL, 0);
	}
	fr = frame_make(FRAME_HELLO, 0);
	fr.b = INT64_MAX;
	sim_say(s, &fr, NULL, 0);
	fr.b = 4242;
	sim_say(s, &fr, NULL, 0);
	fr.b = 4243; /* another one */
	sim_say(s, &fr, NULL, 0);
	sim_spin(s, 0.05);
	assert_int_equal(era_now(&s->k), before);
	assert_int_equal(s->k.courier, 4242);
	assert_int_equal(s->k.exit_code, 0);
}

static void what_the_courier_says_of_its_confinement(void **state)
{
	struct sim *s = *state;
	struct frame fr = frame_make(FRAME_CONFINED, 6), hello = frame_make(FRAME_HELLO, 0);

	link_start(&s->k);
	fr.status = 2;
	fr.a = 4711;
	frame_say(&fr, "%s", "\nall is well");
	sim_say(s, &fr, NULL, 0); /* before HELLO: nobody says it */
	sim_spin(s, 0.05);
	assert_int_equal(s->k.courier_confined.pid, 0);
	hello.b = 4242;
	sim_say(s, &hello, NULL, 0);
	memset(fr.text, 'x', sizeof fr.text - 1); /* no line end, longer than there is room */
	fr.text[1] = '\x1b';
	sim_say(s, &fr, NULL, 0);
	frame_say(&fr, "%s", "\nsecond thoughts");
	sim_say(s, &fr, NULL, 0);
	sim_spin(s, 0.05);
	const struct sandbox_report *r = &s->k.courier_confined;
	assert_int_equal(r->pid, 4242);
	assert_int_equal(r->uid, 4711);
	assert_int_equal(r->landlock, 6);
	assert_int_equal(strlen(r->missing), sizeof r->missing - 1);
	assert_int_equal(r->missing[1], '?');
	assert_string_equal(r->selftest, "");
	assert_string_equal(s->k.confinement, "partial");
	assert_int_equal(s->k.exit_code, 0);
}

static void nonsense_ends_the_conversation(void **state)
{
	struct sim *s = *state;
	const struct {
		const char *remark;
		struct frame fr;
		bool bytes;
	} rows[] = {
		{ "what only the keeper says", frame_make(FRAME_FETCH, 1), false },
		{ "what only local commands say", frame_make(FRAME_ASK, 1), false },
		{ "news without bytes", frame_make(FRAME_NEWS, 0), false },
		{ "bytes with a confirmation", frame_make(FRAME_CONFIRMED, 1), true },
		{ "fetched without bytes", frame_make(FRAME_FETCHED, 1), false },
	};

	link_start(&s->k);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		s->k.exit_code = 0;
		sim_say(s, &rows[i].fr, rows[i].bytes ? "x" : NULL, 1);
		sim_spin(s, 0.2);
		if (s->k.exit_code != 1)
			fail_msg("%s: went on", rows[i].remark);
	}
}

static void a_courier_that_does_not_read_causes_no_refusal(void **state)
{
	struct sim *s = *state;
	struct frame filler = frame_make(FRAME_NEWS_FROM, 0);

	while (!frame_send(s->k.ipc, &filler, -1))
		;
	link_start(&s->k);
	sim_spin(s, 0.3);
	assert_false(verify_busy(s->k.verify));
	assert_in_range(s->k.refresh_failures, 1, 10);
	assert_int_equal(s->k.exit_code, 0);
	assert_int_equal(sim_records(s, "\"kind\":\"refusal\""), 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, sim_open, sim_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(more_bytes_than_asked_for_are_refused),
		T(news_ask_for_a_round_at_most_once_a_second),
		T(a_flood_of_news_waits_in_the_socket),
		T(an_acknowledgement_of_what_was_not_sent),
		T(an_answer_that_moves_nothing_is_not_followed_at_once),
		T(a_push_that_is_due_is_not_put_off),
		T(only_the_question_of_this_moment_is_confirmed),
		T(numbers_from_the_edge),
		T(what_the_courier_says_of_its_confinement),
		T(nonsense_ends_the_conversation),
		T(a_courier_that_does_not_read_causes_no_refusal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
